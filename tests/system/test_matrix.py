# SPDX-License-Identifier: BSD-2-Clause
"""
Debian's kernels on every kind of machine we can emulate: CPU model, chipset, firmware,
guest memory, kernel. The rows here hold every pair of values at least once; `make soak`
runs the full product.
"""
import itertools

import pytest

from baseline import baseline, check_guest
from harness import guest

CPUS = {"max": "max", "epyc": "EPYC,+svm,+npt"}
MEMORY = {"128M": 128, "512M": 512, "5G": 5120}
BOOTS = ["direct", "bios", "uefi"]
CHIPSETS = ["q35", "pc"]
KERNELS = ["cloud", "full"]

# memory, how Socle is booted, CPU model, chipset, kernel
PAIRWISE = [
    ("128M", "direct", "max",  "q35", "cloud"),
    ("128M", "bios",   "epyc", "pc",  "full"),
    ("128M", "uefi",   "epyc", "q35", "cloud"),
    ("512M", "direct", "epyc", "pc",  "cloud"),
    ("512M", "bios",   "max",  "q35", "cloud"),
    ("512M", "uefi",   "max",  "pc",  "full"),
    ("5G",   "direct", "epyc", "q35", "full"),
    ("5G",   "bios",   "max",  "pc",  "cloud"),
    ("5G",   "uefi",   "epyc", "pc",  "cloud"),
]


def test_the_rows_hold_every_pair():
    axes = [list(MEMORY), BOOTS, list(CPUS), CHIPSETS, KERNELS]
    for (i, a), (j, b) in itertools.combinations(enumerate(axes), 2):
        missing = set(itertools.product(a, b)) - {(row[i], row[j]) for row in PAIRWISE}
        assert not missing


def run_row(machine, memory, boot, cpu, chipset, kernel):
    kernel = f"vmlinuz-{kernel}"
    bare = baseline(machine, kernel=kernel, cpu=CPUS[cpu])
    m = machine([guest("alpha", memory=memory, kernel=kernel)], boot=boot, cpu=CPUS[cpu],
                machine=chipset, memory=f"{MEMORY[memory] + 640}M")
    m.expect(r"^socle: guest alpha: started$", timeout=240)
    m.expect_up(timeout=300)
    m.expect(r"^socle: guest alpha: stopped \(poweroff\)$", timeout=120)
    m.expect(r"^socle: all guests stopped$")
    m.wait_exit()
    check_guest(m, "alpha", bare, memory_mib=MEMORY[memory])


@pytest.mark.parametrize("memory, boot, cpu, chipset, kernel", PAIRWISE)
def test_debian(machine, memory, boot, cpu, chipset, kernel):
    run_row(machine, memory, boot, cpu, chipset, kernel)


@pytest.mark.soak
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("chipset", CHIPSETS)
@pytest.mark.parametrize("cpu", list(CPUS))
@pytest.mark.parametrize("boot", BOOTS)
@pytest.mark.parametrize("memory", list(MEMORY))
def test_debian_everywhere(machine, memory, boot, cpu, chipset, kernel):
    if (memory, boot, cpu, chipset, kernel) in PAIRWISE:
        pytest.skip("one of the pairwise rows")
    run_row(machine, memory, boot, cpu, chipset, kernel)


def test_without_acpi_and_apic(machine):
    """The PC of 1990: 8259s, PIT and RTC only. It cannot switch itself off: it halts."""
    words = "acpi=off noapic nolapic"
    bare = baseline(machine, cmdline=words)
    m = machine([guest("old", cmdline=words)])
    m.expect_up()
    m.expect(r"^socle: guest old: stopped \(halted\)$")
    m.wait_exit()
    check_guest(m, "old", bare, memory_mib=256, end="halted", clocks=("tsc", "kvm-clock", "pit"))
    assert "ACPI: Interpreter enabled" not in m.text
