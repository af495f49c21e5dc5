# SPDX-License-Identifier: BSD-2-Clause
"""
Guests that try each rule of virtio and PCI that a driver can see, those it must keep included:
the toys vrules, vnet and vpci by the book, vbad by none, each beside a victim that must not
notice. A toy prints one line a case.
"""
import re

from harness import toy
from test_hostile import finish

SECTORS = 2048
FILES = {"virtq.img": bytes(512 * SECTORS), "virtq-ro.img": b"\xa5" * (512 * SECTORS)}
DISKS = [dict(file="virtq.img"), dict(file="virtq-ro.img", readonly=True)]


def check_cases(m, name, image):
    """All lines are ok, and none is missing."""
    lines = m.output(name)
    failed = [l for l in lines if l.startswith("FAIL")]
    assert not failed, f"{name}: {failed}"
    done = [re.fullmatch(rf"{image} done, (\d+) cases", l) for l in lines]
    count = [int(d[1]) for d in done if d]
    assert count == [len([l for l in lines if l.startswith("ok ")])] and count[0], f"{name}: {lines}"
    assert m.stops(name) == ["poweroff"]


def run(anywhere, *images):
    """Each with two disks and two network cards of its own; the cards are on one switch."""
    m = anywhere([toy(i, i, cmdline=f"sectors={SECTORS}", on_reboot="stop", disk=DISKS,
                      net=[dict(switch=f"lan-{i}")] * 2) for i in images] + [toy("victim", "victim")],
                 switches=[dict(name=f"lan-{i}") for i in images], files=FILES)
    m.expect_all(*(rf"^socle: guest {i}: stopped \(.*\)$" for i in images), timeout=240)
    for i in images:
        check_cases(m, i, i)
    finish(m)


def test_rules_kept(anywhere):
    run(anywhere, "vrules", "vpci")


def test_rules_broken(anywhere):
    run(anywhere, "vbad", "vnet")
