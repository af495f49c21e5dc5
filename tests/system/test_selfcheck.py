# SPDX-License-Identifier: BSD-2-Clause
"""Toys that know themselves what a CPU must do, and say GOOD or BAD (tests/guests/toy)."""
import re

import pytest

from harness import GUESTS, toy


def run(m):
    m.expect(r"^TOY \w+$")
    m.expect(r"^socle: guest one: stopped \(poweroff\)$")
    m.wait_exit()
    return [line for line in m.output() if re.match(r"[A-Z]+ ", line)]


def test_nmis(platform):
    """In the handler of one the next waits, one of them; none is lost or comes too early."""
    lines = run(platform([toy("one", "nmi")]))
    assert "NMI GOOD" in lines, lines


@pytest.mark.parametrize("platform", ["bochs-vmx"], indirect=True)
def test_single_steps_and_breakpoints(platform):
    """
    Not on QEMU, whose STI holds a step off and which has no DR7.GD, nor on Bochs' AMD-V, which
    does not tell the cause of an intercepted #DB.
    """
    lines = run(platform([toy("one", "step", cmdline="int1=1")]))
    assert "STEP GOOD" in lines, lines


def test_single_steps_as_on_the_bare_emulator(machine):
    """What QEMU makes of the same instructions, by itself and in a guest."""
    bare = machine.bare(kernel="toy/step.img", initrd="toy/step.img", memory="64M")
    bare.expect(r"^STEP (GOOD|BAD)$")
    wanted = [line for line in bare.output() if line.startswith("STEP ")]
    lines = run(machine([toy("one", "step")]))
    assert [line for line in lines if line.startswith("STEP ")] == wanted
    assert len(wanted) > 3 and (GUESTS / "toy/step.img").exists()
