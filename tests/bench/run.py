#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Benchmarks: prints a table (what, in Socle, on the bare emulator, ratio, limit) and writes
it as JSON. Exit: 0 all within limits, 1 a limit exceeded, 2 not measured. See docs/performance.md.

    tests/bench/run.py [--build DIR] [--kernel VMLINUZ] [--only GROUP,...] [--json FILE]
"""
import argparse
import json
import os
import sys

from machine import INIT_ADDRESS, KERNEL_32BIT_ENTRY, BenchError, Machine, Programs, symbols, tool

MIB = 1 << 20
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
    def __init__(self, name, what, unit, value, bare=None, limit=None, goal=None):
        self.name, self.what, self.unit = name, what, unit
        self.value, self.bare, self.limit, self.goal = value, bare, limit, goal

    def ratio(self):
        return self.value / self.bare if self.bare else None

    def limited(self):
        """What the limit is on."""
        return self.ratio() if self.unit == "ratio" else self.value

    def ok(self):
        return self.limit is None or self.limited() <= self.limit

    def json(self):
        return {"name": self.name, "what": self.what, "unit": "instructions" if self.unit == "ratio" else self.unit,
                "socle": self.value, "bare": self.bare, "ratio": self.ratio(), "limit": self.limit,
                "limit_on": "ratio" if self.unit == "ratio" else "socle", "goal": self.goal, "ok": self.ok()}


def config(guests, end="poweroff"):
    host = f'[host]\nconsole = ["com1"]\nwhen_all_stopped = "{end}"\n'
    return host + "".join("\n[[guest]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in g.items())
                          for g in guests)


def guest_results(text):
    """{operation: instructions a round} from the benchmark guest's lines."""
    ticks = {}
    for line in text.splitlines():
        word = line.split()
        if len(word) == 3 and word[0] == "bench":
            ticks[word[1]] = int(word[2])
    if "bench done" not in text:
        raise BenchError(f"the benchmark guest did not come to its end:\n{text}")
    return {name: (t - ticks["empty"]) / ROUNDS for name, t in ticks.items() if name not in ("empty", "irqs")}


def measure_operations(programs, elf):
    m = Machine(programs, elf, HOST_MEMORY)
    ours = guest_results(m.run(m.hypervisor(
        config([{"name": "bench", "memory": "32M", "kernel": "guest"}]), {"guest": programs.guest}), "ops.log"))
    bare = guest_results(m.run(["-kernel", programs.guest], "ops-bare.log"))
    return [Row(name, what, "instructions", ours[name], bare.get(name), limit, goal)
            for name, what, limit, goal in OPERATIONS]


def hypervisor_marks(elf):
    """Points and ranges of the hypervisor that the boot is divided by."""
    s = symbols(elf + ".full")
    start = tool("readelf", "-h", elf).split("Entry point address:")[1].split()[0]
    points = {"calibration": "time_init", "calibrated": "host_cpu_init", "guest-memory": "vm_start",
              "guest": "svm_enter"}
    marks = [f"once={int(start, 16):x}:entry"]
    for mark, symbol in points.items():
        if symbol not in s:
            raise BenchError(f"{elf} has no function {symbol}, at which \"{mark}\" was recognized")
        marks.append(f"once={s[symbol][0]:x}:{mark}")
    for f in ("memset", "memcpy", "memmove"):
        marks.append(f"range={s[f][0]:x}:{sum(s[f]):x}:{f}")
    return marks


def measure_boot(programs, elf, kernel):
    """To the first guest instruction, and from there to /init."""
    init = f"once={INIT_ADDRESS:x}:init"
    m = Machine(programs, elf, HOST_MEMORY)
    files = {"vmlinuz": kernel, "initrd": programs.initrd}
    guest = {"name": "linux", "memory": f"{GUEST_MEMORY}M", "kernel": "vmlinuz", "initrd": "initrd",
             "cmdline": LINUX_CMDLINE}
    _, ours = m.count(m.hypervisor(config([guest]), files), "linux", hypervisor_marks(elf) + [init])
    m = Machine(programs, elf, GUEST_MEMORY)
    _, bare = m.count(["-kernel", kernel, "-initrd", programs.initrd, "-append", LINUX_CMDLINE], "linux-bare",
                      [f"once={KERNEL_32BIT_ENTRY:x}:kernel", init])
    calibration = ours.between("calibration", "calibrated")
    memory = ours.range_between("guest-memory", "guest")
    own = ours.between("entry", "guest") - calibration - memory
    return [
        Row("boot-own", "entry to first guest instruction, without the next two", "instructions", own,
            limit=20_000_000),
        Row("boot-calibration", "  of the entry: calibrating the clock", "instructions", calibration),
        Row("boot-memory", f"  of the entry: clearing and filling {GUEST_MEMORY} MiB", "instructions", memory),
        Row("linux-to-init", "Linux kernel's entry to init", "ratio", ours.between("guest", "init"),
            bare.between("kernel", "init"), 1.07, None),
    ]


def hypervisor_memory(programs, elf, guests):
    """(own memory without files, files), KiB, with that many halted guests."""
    m = Machine(programs, elf, HOST_MEMORY, icount=False)
    names = [f"g{i}" for i in range(guests)]
    boot = m.hypervisor(config([{"name": n, "memory": "32M", "kernel": "guest", "cmdline": "idle"} for n in names],
                               "wait"), {"guest": programs.guest})
    dialogue = [(r"(?s)(: started\n.*){%d}" % guests, "\x1d"), ("socle> ", "mem\r"),
                (r"\nguest " + names[-1] + " .*\n", "")]
    text = m.talk(boot, dialogue, f"memory-{guests}.log")
    words = text.split()
    files = int(words[words.index("files") - 3]) if "by files" in text else 0
    row = next(line.split() for line in text.splitlines() if line.startswith("hypervisor "))
    return size_kib(row[1]) - files


def size_kib(text):
    scale = {"K": 1, "M": 1024, "G": 1 << 20}
    return int(text[:-1]) * scale[text[-1]] if text[-1] in scale else int(text) // 1024


def measure_memory(programs, elf):
    loaded = total = 0
    for line in tool("readelf", "-lW", elf).splitlines():
        word = line.split()
        if word and word[0] == "LOAD":
            loaded += int(word[4], 16)
            total += int(word[5], 16)
    one, two = hypervisor_memory(programs, elf, 1), hypervisor_memory(programs, elf, 2)
    return [
        Row("image-loaded", "socle.elf: loaded from the file", "KiB", loaded / 1024, limit=512),
        Row("image-memory", "socle.elf: with zeroed data", "KiB", total / 1024),
        Row("memory-own", f"own memory, one guest, machine of {HOST_MEMORY} MiB", "KiB", one,
            limit=4096 + HOST_MEMORY),
        Row("memory-guest", "own memory per further guest of 1 vCPU", "KiB", two - one, limit=256),
    ]


def number(v):
    return "-" if v is None else f"{v:,.0f}" if v == int(v) or v >= 1000 else f"{v:,.1f}"


def limit_text(row):
    if row.limit is None:
        return "-"
    return f"{row.limit:.2f}x" if row.unit == "ratio" else number(row.limit)


def print_table(rows):
    line = "{:<52} {:>15} {:>15} {:>8} {:>11} {:>6}  {}"
    print(line.format("WHAT (instructions unless said)", "SOCLE", "BARE", "RATIO", "LIMIT", "GOAL", ""))
    for r in rows:
        unit = " KiB" if r.unit == "KiB" else ""
        ratio = f"{r.ratio():.3f}" if r.ratio() and r.ratio() < 10 else number(r.ratio() and round(r.ratio()))
        print(line.format(r.what, number(r.value) + unit, number(r.bare), ratio, limit_text(r), number(r.goal),
                          "" if r.limit is None else "ok" if r.ok() else "TOO MUCH"))


def find_kernel(build):
    path = os.path.join(build, "guests", "vmlinuz-cloud")
    if not os.path.exists(path):
        raise BenchError(f"{path} is missing: make guests fetches it")
    return path


def main():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--build", default=os.path.join(root, "build"), help="folder with socle.elf")
    p.add_argument("--kernel", help="Linux kernel (default: BUILD/guests/vmlinuz-cloud)")
    p.add_argument("--only", default="operations,boot,memory", help="groups, with commas (default: %(default)s)")
    p.add_argument("--json", help="where to write (default: BUILD/bench.json)")
    a = p.parse_args()
    elf = os.path.join(a.build, "socle.elf")
    try:
        groups = a.only.split(",")
        programs = Programs(os.path.join(a.build, "bench"))
        rows = []
        if "boot" in groups:
            rows += measure_boot(programs, elf, a.kernel or find_kernel(a.build))
        if "operations" in groups:
            rows += measure_operations(programs, elf)
        if "memory" in groups:
            rows += measure_memory(programs, elf)
    except BenchError as e:
        print(f"bench: {e}", file=sys.stderr)
        return 2
    print_table(rows)
    with open(a.json or os.path.join(a.build, "bench.json"), "w", encoding="ascii") as f:
        json.dump({"rows": [r.json() for r in rows]}, f, indent=1)
        f.write("\n")
    return 0 if all(r.ok() for r in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
