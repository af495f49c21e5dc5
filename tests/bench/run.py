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

from machine import (BUILD, INIT_ADDRESS, KERNEL_32BIT_ENTRY, BenchError, Machine, Programs,
                     symbols, tool)

GROUPS = ["boot", "operations", "memory"]
BULK = ["memset", "memcpy", "memmove"]  # the functions that clear and copy guest memory
ROUNDS = 1000                   # as in guest_ops.S
GUEST_MEMORY = 256              # MiB, of the Linux boots
HOST_MEMORY = 512
LINUX_CMDLINE = "console=ttyS0 pci=off hpet=disable"

# The guest's operations: name, what, limit, goal (of the later issue on speed; not enforced).
OPERATIONS = [
    ("port-pic", "read of a port: PIC's IMR", 600, 150),
    ("port-elcr", "read of a port: ELCR", None, 150),
    ("port-pit", "read of a port: PIT's counter", None, 150),
    ("pit-latch", "PIT: latch, read both bytes", None, 450),
    ("port-unclaimed", "read of an unclaimed port", None, 150),
    ("port-uart", "read of a UART's LSR", 600, 200),
    ("port-cmos", "read of the CMOS's data port", None, 200),
    ("port-pci", "read of PCI's address port", None, 200),
    ("port-pmtimer", "read of the ACPI timer", None, 200),
    ("cpuid-0", "CPUID, leaf 0", 600, 300),
    ("cpuid-1", "CPUID, leaf 1", 600, 300),
    ("cpuid-d", "CPUID, leaf 0xd", 600, 300),
    ("hypercall", "hypercall (VMMCALL)", None, 300),
    ("rdmsr-tsc-adjust", "RDMSR TSC_ADJUST", None, 300),
    ("wrmsr-tsc-adjust", "WRMSR TSC_ADJUST", None, 300),
    ("wbinvd", "WBINVD", None, 200),
    ("cr0-wp-twice", "CR0.WP changed twice", None, 40),
    ("cr4-pge-twice", "CR4.PGE changed twice", None, 600),
    ("mmio-ioapic", "read of an I/O APIC register", None, 900),
    ("mmio-lapic", "read of a local APIC register", None, 900),
    ("eoi-mmio", "EOI, memory-mapped", None, 700),
    ("icr-self-mmio", "ICR to self, memory-mapped", None, 900),
    ("self-ipi-nop-mmio", "self-IPI to handler, memory-mapped, sti; nop", None, None),
    ("self-ipi-hlt-mmio", "self-IPI to handler, memory-mapped, sti; hlt", None, None),
    ("eoi-x2apic", "EOI, x2APIC", None, 250),
    ("icr-self-x2apic", "ICR to self, x2APIC", None, 450),
    ("self-ipi-nop", "self-IPI to handler, x2APIC, sti; nop", None, 1300),
    ("self-ipi-hlt", "self-IPI to handler, x2APIC, sti; hlt", None, 1900),
    ("deadline-past", "TSC deadline in the past to handler", None, 1500),
]


class Row:
    """A value of Socle, beside it that of the bare machine; the limit is on their ratio or on
    the value. unit: "instructions" or "KiB"."""

    def __init__(self, name, what, value, bare=None, limit=None, goal=None, unit="instructions",
                 max_ratio=None):
        self.name, self.what, self.unit = name, what, unit
        self.value, self.bare = value, bare
        self.limit, self.max_ratio, self.goal = limit, max_ratio, goal

    def ratio(self):
        return self.value / self.bare if self.bare else None

    def limited(self):
        return self.limit is not None or self.max_ratio is not None

    def ok(self):
        if self.max_ratio is not None:
            return self.ratio() <= self.max_ratio
        return self.limit is None or self.value <= self.limit

    def json(self):
        return {"name": self.name, "what": self.what.strip(), "unit": self.unit,
                "socle": self.value, "bare": self.bare, "ratio": self.ratio(),
                "limit": self.limit, "max_ratio": self.max_ratio, "goal": self.goal,
                "ok": self.ok()}


def toml(value):
    return json.dumps(value)        # strings and lists of strings look alike in both


def config(guests, end="poweroff"):
    host = f'[host]\nconsole = ["com1"]\nwhen_all_stopped = "{end}"\n'
    table = lambda g: "\n[[guest]]\n" + "".join(f"{k} = {toml(v)}\n" for k, v in g.items())
    return host + "".join(map(table, guests))


def operations_guest(programs):
    return (config([{"name": "bench", "memory": "32M", "kernel": "guest"}]),
            {"guest": programs.guest})


def linux_guest(programs, kernel):
    guest = {"name": "linux", "memory": f"{GUEST_MEMORY}M", "kernel": "vmlinuz",
             "initrd": "initrd", "cmdline": LINUX_CMDLINE}
    return config([guest]), {"vmlinuz": kernel, "initrd": programs.initrd}


def guest_results(text):
    """{operation: instructions a round} from the benchmark guest's lines."""
    if "bench done" not in text:
        raise BenchError(f"the benchmark guest did not come to its end:\n{text}")
    words = [line.split() for line in text.splitlines()]
    ticks = {w[1]: int(w[2]) for w in words if len(w) == 3 and w[0] == "bench"}
    return {name: (t - ticks["empty"]) / ROUNDS for name, t in ticks.items()
            if name not in ("empty", "irqs")}


def measure_operations(programs, elf):
    m = Machine(programs, elf, HOST_MEMORY)
    ours = guest_results(m.run(m.hypervisor(*operations_guest(programs)), "operations.log"))
    bare = guest_results(m.run(["-kernel", programs.guest], "operations-bare.log"))
    return [Row(name, what, ours[name], bare.get(name), limit, goal)
            for name, what, limit, goal in OPERATIONS]


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


def number(v):
    return "-" if v is None else f"{v:,.0f}" if v >= 10 or v == int(v) else f"{v:,.1f}"


def ratio_text(r):
    return "-" if r is None else f"{r:.3f}" if r < 10 else f"{r:,.0f}"


def print_table(rows):
    line = "{:<46} {:>14} {:>14} {:>7} {:>12} {:>6}  {}"
    print(line.format("WHAT (in instructions, or KiB)", "SOCLE", "BARE", "RATIO", "LIMIT", "GOAL",
                      "").rstrip())
    for r in rows:
        unit = " KiB" if r.unit == "KiB" else ""
        limit = number(r.limit) if r.max_ratio is None else f"ratio {r.max_ratio}"
        verdict = "" if not r.limited() else "ok" if r.ok() else "TOO MUCH"
        print(line.format(r.what, number(r.value) + unit, number(r.bare), ratio_text(r.ratio()),
                          limit, number(r.goal), verdict).rstrip())


def find_kernel():
    path = os.path.join(BUILD, "guests", "vmlinuz-cloud")
    if not os.path.exists(path):
        raise BenchError(f"{path} is missing: `make guests` fetches it")
    return path


def measure(groups, kernel):
    elf = os.path.join(BUILD, "socle.elf")
    if not os.path.exists(elf):
        raise BenchError(f"{elf} is missing: `make` builds it")
    programs = Programs(os.path.join(BUILD, "bench"))
    rows = []
    if "boot" in groups:
        rows += measure_boot(programs, elf, kernel or find_kernel())
    if "operations" in groups:
        rows += measure_operations(programs, elf)
    if "memory" in groups:
        rows += measure_memory(programs, elf)
    return rows


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
        rows = measure(groups, a.kernel)
    except BenchError as e:
        print(f"bench: {e}", file=sys.stderr)
        return 2
    print_table(rows)
    with open(a.json, "w", encoding="ascii") as f:
        json.dump({"rows": [r.json() for r in rows]}, f, indent=1)
        f.write("\n")
    return 0 if all(r.ok() for r in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
