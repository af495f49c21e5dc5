# SPDX-License-Identifier: BSD-2-Clause
"""The same operations on VT-x: the benchmark guest on Bochs, started by `socle run`. Used by run.py.

With Bochs' `clock: sync=none` each instruction takes one tick of the TSC, and nothing depends
on the host's time, so that instructions are counted as on QEMU. The counting build of the
hypervisor (arch/x86/vmx/count.h) tells the accesses to the VMCS.
"""
import os
import re
import subprocess

from machine import TIMEOUT, BenchError, built
from operations import GUEST, OPERATIONS, ROUNDS, config, guest_results
from table import Row

# A tick is a nanosecond, as on QEMU: the hypervisor's own timer is rare among instructions. It
# makes firmware and GRUB, which wait for real time, take longer.
NANOSECOND_TICKS = ["cpu: ips=1000000000"]
SHUTDOWN = 60                   # seconds for `socle run` to end after its own timeout

# Which of the operations have their accesses counted, and the limit of reads and writes in sum.
ACCESSES = {
    "port-pic": None, "port-uart": None, "cpuid-0": 6, "cpuid-1": 6, "cpuid-d": 6,
    "rdmsr-tsc-adjust": None, "wrmsr-tsc-adjust": None, "mmio-ioapic": None, "eoi-x2apic": None,
    "icr-self-x2apic": None, "self-ipi-nop": None, "self-ipi-hlt": None, "deadline-past": None,
}


def run_bochs(programs, elf, guest, log, options=()):
    """Runs one guest on an emulated Intel CPU until it powers off; returns the serial output.
    options: lines of Bochs' configuration."""
    path, log = programs.path("intel.toml"), programs.path(log)
    with open(path, "w", encoding="ascii") as f:
        f.write(config([{**guest, "kernel": os.path.basename(programs.guest)}]))
    command = [built("socle", "make"), "run", "--platform", "bochs-vmx", "--timeout", str(TIMEOUT),
               path, "--", *options]
    try:
        done = subprocess.run(command, env={**os.environ, "SOCLE_ELF": elf}, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=TIMEOUT + SHUTDOWN)
    except subprocess.TimeoutExpired as e:
        raise BenchError(f"`socle run` does not end after {TIMEOUT + SHUTDOWN} s") from e
    text = done.stdout.decode("latin-1").replace("\r", "")
    with open(log, "w", encoding="latin-1") as f:
        f.write(text)
    if done.returncode:
        raise BenchError(f"`socle run` on Bochs ended with {done.returncode}; its output:\n{text}")
    return text


def measure_intel(programs, elf):
    ours = guest_results(run_bochs(programs, elf, GUEST, "intel.log", NANOSECOND_TICKS))
    return [Row("vtx-" + name, what, ours[name], limit=limit)
            for name, what, limit, _ in OPERATIONS]


def access_counts(text):
    """{operation: (VMREADs, VMWRITEs, exits) a round} from the lines of the counting build: the
    totals before and behind each operation. To tenths: in a thousand rounds the hypervisor's
    own timer adds a few."""
    lines = re.findall(r"^socle: count: (\d+) VMREADs (\d+) VMWRITEs (\d+) exits$", text, re.M)
    totals = [tuple(map(int, line)) for line in lines]
    names = list(guest_results(text))
    if len(totals) != 2 * len(names):
        raise BenchError(f"{len(names)} operations but {len(totals)} lines with totals:\n{text}")
    used = {name: [b - a for a, b in zip(*totals[2 * i:2 * i + 2])] for i, name in enumerate(names)}
    return {name: tuple(round((n - n0) / ROUNDS, 1) for n, n0 in zip(use, used["empty"]))
            for name, use in used.items()}


def access_row(name, what, count):
    reads, writes, exits = count
    return Row("vmcs-" + name, what, reads + writes, limit=ACCESSES[name], unit="accesses",
               parts={"vmreads": reads, "vmwrites": writes, "exits": exits},
               note=f"{reads:g} + {writes:g} in {exits:g} exit{'s' if exits != 1 else ''}")


def measure_accesses(programs, counting_elf):
    guest = {**GUEST, "cmdline": "marks"}
    count = access_counts(run_bochs(programs, counting_elf, guest, "accesses.log"))
    return [access_row(name, what, count[name]) for name, what, _, _ in OPERATIONS
            if name in ACCESSES]
