# SPDX-License-Identifier: BSD-2-Clause
"""From a configuration file to userland and power-off: the product's main job."""
import re

import pytest

from harness import check_run, guest


def test_one_guest(anywhere):
    m = anywhere([guest("alpha")])
    m.expect(r"^socle: guest alpha: started$")
    m.expect_up()
    m.expect(r"^socle: guest alpha: stopped \(poweroff\)$")
    m.expect(r"^socle: all guests stopped$")
    m.wait_exit()
    check_run(m, "alpha")


def test_three_guests_at_once(anywhere):
    names = ["one", "two", "three"]
    m = anywhere([guest("one"), guest("two", memory="128M"), guest("three", memory="320M")])
    m.expect_all(*(rf"^socle: guest {n}: started$" for n in names))
    m.expect(r"^socle: all guests stopped$", timeout=240)
    m.wait_exit()
    for n in names:
        check_run(m, n, n)
    # They ran together: the last one was up before the first had gone.
    assert m.text.index("[three] ") < m.text.index("socle: guest one: stopped")


@pytest.mark.parametrize("boot", ["bios", "uefi"])
@pytest.mark.parametrize("chipset", ["q35", "pc"])
def test_image_by_grub(machine, boot, chipset):
    m = machine([guest("alpha")], boot=boot, machine=chipset)
    m.expect(r"^socle: guest alpha: started$", timeout=180)
    m.expect(r"^socle: all guests stopped$", timeout=240)
    m.wait_exit()
    check_run(m, "alpha")


def test_reboot_and_triple_fault_words(anywhere):
    """The test guest's other endings are what they say."""
    m = anywhere([guest("halts", then="halt"), guest("idles", then="idle"),
                  guest("restarts", then="reboot", on_reboot="stop")])
    m.expect_all(r"^socle: guest halts: stopped \(halted\)$",
                 r"^socle: guest restarts: stopped \(reboot\)$", r"^\[idles\] GUEST-UP$", timeout=240)
    m.prompt()
    assert re.search(r"^idles +running", m.command("list"), re.MULTILINE)
    m.command("kill idles")
    m.wait_exit()
    assert m.stops("idles") == ["killed"]
