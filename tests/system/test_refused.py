# SPDX-License-Identifier: BSD-2-Clause
"""
A guest's state that the CPU refuses to enter is reported by name, and ends that guest only.
The hypervisor is one of a build of its own whose 200th entry meets a corrupted VMCS
(arch/x86/vmx/fault.h); only VT-x has one, so this runs on Bochs.
"""
import re

import pytest

from harness import BUILD, toy
from prompt import counts, states

FAULTY = BUILD / "fault/socle.elf"


@pytest.mark.parametrize("platform", ["bochs-vmx"], indirect=True)
def test_refused_entry_is_named(platform):
    assert FAULTY.exists(), "make BUILD=build/fault DEFINES=-DSOCLE_FAULT hypervisor"
    m = platform([toy("one", "count"), toy("two", "count")], elf=FAULTY)
    m.expect(r"^socle: VM entry refused: guest TR access rights 0x89: type must be 11 \(busy 64-bit TSS\)$")
    # Either may be the one whose turn it is.
    bad = m.expect(r"^socle: guest (one|two): stopped \(crash: the CPU refused the guest's state \(\w+\)\)$")[1]
    assert re.search(rf"^socle: guest {bad}: vcpu 0, .*registers", m.text, re.MULTILINE)
    other = {"one": "two", "two": "one"}[bad]
    last = (counts(m, other) or [0])[-1]
    m.expect(rf"^\[{other}\] COUNT {last + 2}$")
    m.prompt()
    assert states(m) == {bad: "off", other: "running"}
    m.send(f"kill {other}\r")
    m.expect(r"^socle: all guests stopped$")
    m.wait_exit()
    assert m.text.count("VM entry refused") == 1
