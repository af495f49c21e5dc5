# SPDX-License-Identifier: BSD-2-Clause
"""The benchmark guest's operations: names and limits, the configuration that runs them, and what
the guest says. Used by run.py, intel.py and hotspots.py.
"""
import json

from machine import BenchError, Machine
from table import Row

ROUNDS = 1000                   # as in guest_ops.S
HOST_MEMORY = 512               # MiB
GUEST = {"name": "bench", "memory": "32M", "kernel": "guest"}

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
    ("hypercall", "hypercall", None, 300),
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


def toml(value):
    return json.dumps(value)        # strings, truth values and lists of strings look alike in both


def table(name, keys):
    """A table of TOML; a list of dictionaries among its values is tables within it."""
    inner = {k: v for k, v in keys.items() if isinstance(v, list) and isinstance(v[0], dict)}
    rows = "".join(f"{k} = {toml(v)}\n" for k, v in keys.items() if k not in inner)
    return f"\n[[{name}]]\n{rows}" + "".join(table(f"{name}.{k}", t) for k, v in inner.items() for t in v)


def config(guests, end="poweroff", switches=()):
    host = f'[host]\nconsole = ["com1"]\nwhen_all_stopped = "{end}"\n'
    return (host + "".join(table("switch", s) for s in switches) +
            "".join(table("guest", g) for g in guests))


def operations_guest(programs):
    return config([GUEST]), {"guest": programs.guest}


def guest_results(text):
    """{operation: instructions a round} from the benchmark guest's lines."""
    if "bench done" not in text:
        raise BenchError(f"the benchmark guest did not come to its end:\n{text}")
    words = [line.split() for line in text.splitlines()]
    ticks = {w[1]: int(w[2]) for w in words if len(w) == 3 and w[0] == "bench" and w[1] != "irqs"}
    return {name: (t - ticks["empty"]) / ROUNDS for name, t in ticks.items()}


def measure_operations(programs, elf):
    m = Machine(programs, elf, HOST_MEMORY)
    ours = guest_results(m.run(m.hypervisor(*operations_guest(programs)), "operations.log"))
    bare = guest_results(m.run(["-kernel", programs.guest], "operations-bare.log"))
    return [Row(name, what, ours[name], bare.get(name), limit, goal)
            for name, what, limit, goal in OPERATIONS]
