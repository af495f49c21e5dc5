#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Benchmarks: prints a table (what, in Socle, on the bare emulator, ratio, limit) and writes
it as JSON. Exit: 0 all within limits, 1 a limit exceeded, 2 not measured. See docs/performance.md.

    tests/bench/run.py [--kernel VMLINUZ] [--only GROUP,...] [--json FILE]

SOCLE_BUILD in the environment: the build folder, if it is not build.
"""
import argparse
import json
import os
import re
import sys

from disknet import measure_disk, measure_network
from intel import measure_accesses, measure_intel
from machine import (BUILD, INIT_ADDRESS, KERNEL_32BIT_ENTRY, BenchError, Machine, Programs,
                     built, symbols, tool)
from operations import HOST_MEMORY, config, measure_operations
from table import Row, print_table

GROUPS = ["boot", "operations", "vt-x", "memory", "disk", "network"]
BULK = ["memset", "memcpy", "memmove"]  # the functions that clear and copy guest memory
GUEST_MEMORY = 256              # MiB, of the Linux boots
LINUX_CMDLINE = "console=ttyS0 pci=off hpet=disable"


def linux_guest(programs, kernel):
    guest = {"name": "linux", "memory": f"{GUEST_MEMORY}M", "kernel": "vmlinuz",
             "initrd": "initrd", "cmdline": LINUX_CMDLINE}
    return config([guest]), {"vmlinuz": kernel, "initrd": programs.initrd}


def hypervisor_marks(elf):
    """Points and ranges of the hypervisor by which a boot is divided."""
    s = symbols(elf + ".full")
    points = {"calibration": "time_init", "calibrated": "host_cpu_init",
              "guest-memory": "vm_start", "guest": "svm_enter"}
    needed = list(points.values()) + list(BULK) + ["text_start", "text_end"]
    if missing := [name for name in needed if name not in s]:
        raise BenchError(f"{elf}: these functions have another name now: {' '.join(missing)}")
    start = tool("readelf", "-h", elf).split("Entry point address:")[1].split()[0]
    return ([f"once={int(start, 16):x}:entry"] +
            [f"once={s[symbol][0]:x}:{mark}" for mark, symbol in points.items()] +
            [f"range={s[f][0]:x}:{sum(s[f]):x}:{f}" for f in BULK] +
            [f"range={s['text_start'][0]:x}:{s['text_end'][0]:x}:hypervisor"])


def measure_boot(programs, elf, kernel):
    """To the first guest instruction, and from there to /init."""
    init = f"once={INIT_ADDRESS:x}:init"
    m = Machine(programs, elf, HOST_MEMORY)
    _, ours = m.count(m.hypervisor(*linux_guest(programs, kernel)), "linux",
                      hypervisor_marks(elf) + [init])
    m = Machine(programs, elf, GUEST_MEMORY)
    _, bare = m.count(["-kernel", kernel, "-initrd", programs.initrd, "-append", LINUX_CMDLINE],
                      "linux-bare", [f"once={KERNEL_32BIT_ENTRY:x}:kernel", init])
    calibration = ours.between("calibration", "calibrated")
    memory = ours.between("guest-memory", "guest", BULK)
    total = ours.between("guest", "init")
    return [
        Row("boot-own", "entry to first guest instruction, but for:",
            ours.between("entry", "guest") - calibration - memory, limit=20_000_000),
        Row("boot-calibration", "  calibrating the clock", calibration),
        Row("boot-memory", f"  clearing and filling {GUEST_MEMORY} MiB", memory),
        Row("linux-to-init", "Linux from its entry to init", total,
            bare.between("kernel", "init"), max_ratio=1.07),
        Row("linux-overhead", "  against the guest's own instructions", total,
            total - ours.between("guest", "init", ["hypervisor"]), max_ratio=1.07),
    ]


def kib(text):
    """A size as the console shows it."""
    scale = {"K": 1, "M": 1024, "G": 1 << 20}
    return int(text[:-1]) * scale[text[-1]] if text[-1] in scale else int(text) // 1024


def hypervisor_memory(programs, elf, guests):
    """KiB of the hypervisor's own without files, with so many guests that only halt."""
    m = Machine(programs, elf, HOST_MEMORY, icount=False)
    names = [f"g{i}" for i in range(guests)]
    boot = m.hypervisor(config([{"name": n, "memory": "32M", "kernel": "guest", "cmdline": "idle"}
                                for n in names], "wait"), {"guest": programs.guest})
    text = m.talk(boot, [(r"(?s)(: started\n.*){%d}" % guests, "\x1d"), ("socle> ", "mem\r"),
                         (r"\nguest " + names[-1] + " .*\n", "")], f"memory-{guests}.log")
    row = re.search(r"^hypervisor +(\w+)", text, re.M)
    if not row:
        raise BenchError(f"`mem` has no line \"hypervisor\":\n{text}")
    return kib(row[1])


def measure_memory(programs, elf):
    loads = [line.split() for line in tool("readelf", "-lW", elf).splitlines()]
    loads = [w for w in loads if w and w[0] == "LOAD"]
    one, two = hypervisor_memory(programs, elf, 1), hypervisor_memory(programs, elf, 2)
    return [
        Row("image-loaded", "socle.elf, loaded from the file",
            sum(int(w[4], 16) for w in loads) / 1024, limit=512, unit="KiB"),
        Row("image-memory", "socle.elf, with zeroed data",
            sum(int(w[5], 16) for w in loads) / 1024, unit="KiB"),
        Row("memory-own", f"own memory with one guest, machine of {HOST_MEMORY} MiB", one,
            limit=4096 + HOST_MEMORY, unit="KiB"),
        Row("memory-guest", "own memory for a further guest of 1 vCPU", two - one, limit=256,
            unit="KiB"),
    ]


def measure(groups, kernel):
    """[(title, rows)]"""
    elf = built("socle.elf", "make")
    programs = Programs(os.path.join(BUILD, "bench"))
    sections = []
    if "boot" in groups:
        kernel = kernel or built("guests/vmlinuz-cloud", "make guests")
        sections.append(("Boot", measure_boot(programs, elf, kernel)))
    if "operations" in groups:
        sections.append(("Operations on AMD-V", measure_operations(programs, elf)))
    if "vt-x" in groups:
        counting = built("count/socle.elf", "make bench")
        sections.append(("Operations on VT-x", measure_intel(programs, elf)))
        sections.append(("VMREADs and VMWRITEs on VT-x", measure_accesses(programs, counting)))
    if "memory" in groups:
        sections.append(("Memory", measure_memory(programs, elf)))
    if "disk" in groups:
        sections.append(("Disk of a Debian guest, a request", measure_disk(programs, elf)))
    if "network" in groups:
        sections.append(("TCP between two Debian guests", measure_network(programs, elf)))
    return sections


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--kernel", help="Linux kernel (default: build/guests/vmlinuz-cloud)")
    p.add_argument("--only", default=",".join(GROUPS), help="groups of rows (default: %(default)s)")
    p.add_argument("--json", default=os.path.join(BUILD, "bench.json"), help="where to write it")
    a = p.parse_args()
    groups = a.only.split(",")
    if unknown := set(groups) - set(GROUPS):
        p.error(f"no group {' '.join(unknown)}; there are: {' '.join(GROUPS)}")
    try:
        sections = measure(groups, a.kernel)
    except BenchError as e:
        print(f"bench: {e}", file=sys.stderr)
        return 2
    print_table(sections)
    rows = [r for _, part in sections for r in part]
    with open(a.json, "w", encoding="ascii") as f:
        json.dump({"rows": [r.json() for r in rows]}, f, indent=1)
        f.write("\n")
    return 0 if all(r.ok() for r in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
