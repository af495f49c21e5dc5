# SPDX-License-Identifier: BSD-2-Clause
"""A whole Debian 12 with systemd on a virtual disk and network: `make guests-debian` builds it."""
import hashlib

import pytest

from harness import GUESTS, guest
from iowork import MIB, NIC, Server, drive, nic, noise

SWITCH = [dict(name="lan", uplink=NIC)]


def debian(disk, words=""):
    return guest("debian", memory="512M", kernel="debian.vmlinuz", initrd="debian.initrd",
                 cmdline=f"root=/dev/vda rw quiet {words}".strip(), disk=[disk],
                 net=[dict(switch="lan", mac="52:54:00:00:00:d0")])


def image():
    path = GUESTS / "debian.img"
    assert path.exists(), f"{path} is missing: make guests-debian"
    return path


def session(m, data, port):
    """The attached guest: log in, all units well, fetch the server's bytes, power off."""
    m.expect(r"debian login: $", timeout=400)
    m.send("root\r")
    m.expect(r"root@debian:~# $")
    m.send("systemctl is-system-running --wait\r")
    # Bash puts sequences for the terminal before what a command prints.
    m.expect(r"--wait\n\S*running\n", timeout=200)
    m.expect(r"root@debian:~# $")
    m.send("until ip -4 addr show scope global | grep -q inet; do sleep 0.2; done; "
           f"sha256sum </dev/tcp/10.0.2.2/{port}\r")
    m.expect(rf"{hashlib.sha256(data).hexdigest()}  -\n")
    m.send("poweroff\r")
    m.expect(r"^socle: guest debian: stopped \(poweroff\)$", timeout=200)
    m.wait_exit()


@pytest.mark.soak
def test_debian_on_the_machine_s_disk(machine):
    with Server(noise(MIB)) as server:
        m = machine([debian(dict(device="serial:outer"))], switches=SWITCH,
                    extra=drive(image(), options=",snapshot=on") + nic())
        session(m, server.data, server.port)


@pytest.mark.soak
def test_debian_in_ram(machine):
    with Server(noise(MIB)) as server:
        m = machine([debian(dict(file="debian.img", overlay=True, overlay_max="256M"))], memory="3072M",
                    switches=SWITCH, extra=nic())
        session(m, server.data, server.port)
