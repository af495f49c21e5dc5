# SPDX-License-Identifier: BSD-2-Clause
"""Debian guests on one switch: with each other, kept apart, and out through an uplink."""
import re
import subprocess

import pytest

from harness import TOOL, io_guest, toml, toy, values
from iowork import LAN, MIB, NIC, Server, clocks, crc, expect_run, free_port, nic, noise, run_lines, send_in

MACS = {"one": "52:54:00:00:00:01", "two": "52:54:00:00:00:02", "three": "52:54:00:00:00:03",
        "liar": "52:54:00:00:00:0a", "free": "52:54:00:00:00:0b"}
STRANGER = "02:00:00:00:00:99"


def on_lan(name, number, run, words="", **keys):
    """A guest with the address 10.0.0.NUMBER; what is no key of its card is one of the guest."""
    card = {k: keys.pop(k) for k in ("vlan", "trunk", "any_mac", "mirror", "rate") if k in keys}
    return io_guest(name, run, words=f"addr=10.0.0.{number}/24 {words}",
                    nets=[dict(switch="lan", mac=MACS[name], **card)], **keys)


def start(m, name):
    """From the log view."""
    m.prompt()
    m.command(f"start {name}")


def test_three_guests(anywhere):
    """Everyone reaches everyone; 256 MiB arrive as they were sent."""
    m = anywhere([on_lan("one", 1, "net-recv", then="idle"),
                  on_lan("two", 2, "net-ping,net-send", "peer=10.0.0.1 size=256M", then="idle"),
                  on_lan("three", 3, "net-ping", "peer=10.0.0.2", then="idle")], switches=LAN)
    expect_run(m, "one", "two", "three", timeout=400)
    sent = values(m.output("two"), "SENT")
    assert sent == values(m.output("one"), "RECEIVED") and sent[0].split()[0] == str(256 * MIB)
    assert values(m.output("two"), "NET-PING") == ["10.0.0.1 56"]
    assert values(m.output("three"), "NET-PING") == ["10.0.0.2 56"]
    for name in ("one", "two", "three"):
        assert values(m.output(name), "NET-UP") == [f"eth0 {MACS[name]} 1500"]


def test_jumbo_frames(anywhere):
    m = anywhere([on_lan("one", 1, "net-recv", "mtu=9000", then="idle"),
                  on_lan("two", 2, "net-ping,net-send", "mtu=9000 bytes=8972 peer=10.0.0.1 size=16M",
                         then="idle")],
                 switches=[dict(name="lan", mtu=9000)])
    expect_run(m, "one", "two", timeout=240)
    assert values(m.output("one"), "NET-UP") == [f"eth0 {MACS['one']} 9000"]
    assert values(m.output("two"), "NET-PING") == ["10.0.0.1 8972"]
    assert values(m.output("two"), "SENT") == values(m.output("one"), "RECEIVED")


def test_vlans(anywhere):
    """A trunk port and an access port of VLAN 10 reach each other; one of VLAN 20 reaches neither."""
    m = anywhere([on_lan("one", 1, "net-up", vlan=10, then="idle"),
                  on_lan("two", 2, "net-ping", "vlan=10 peer=10.0.0.1", trunk=[10, 30], then="idle"),
                  on_lan("three", 3, "net-silent", "peer=10.0.0.1", vlan=20, then="idle", autostart=False)],
                 switches=LAN)
    expect_run(m, "one", "two", timeout=240)
    assert values(m.output("two"), "NET-UP")[0].startswith("eth0.10 ")
    start(m, "three")
    m.expect(r"^\[three\] NET-SILENT 10\.0\.0\.1\n", timeout=180)
    expect_run(m, "three")


@pytest.mark.soak
def test_tags_that_a_port_does_not_carry(anywhere):
    """Of a trunk only those in its list pass, and no frame without tag; of an access port only the latter."""
    frames = "own,ff:ff:ff:ff:ff:ff,60,2/own,ff:ff:ff:ff:ff:ff,64,3,10/own,ff:ff:ff:ff:ff:ff,68,4,20"
    m = anywhere([on_lan("one", 1, "net-watch,net-watch", trunk=[10, 20], then="idle"),
                  on_lan("two", 2, "net-frames", f"vlan=10 frames={frames}", trunk=[10], autostart=False),
                  on_lan("three", 3, "net-frames", f"frames={frames}", vlan=10, autostart=False)],
                 switches=LAN)
    m.expect(r"^\[one\] WATCHING\n", timeout=180)
    start(m, "two")
    m.expect(r"^\[one\] WATCHED\n", timeout=180)
    # The watcher's kernel has taken the tags off, four bytes.
    assert values(m.output("one"), "SAW") == [f"{MACS['two']} 60 10 3"]
    m.expect(r"^\[one\] WATCHING\n")
    m.command("start three")
    m.expect(r"^\[one\] WATCHED\n", timeout=180)
    assert values(m.output("one"), "SAW")[1:] == [f"{MACS['three']} 60 10 2"]


def test_spoofed_source(anywhere):
    """The switch drops what a guest sends from another's address, unless it may."""
    frames = "/".join(f"{source},ff:ff:ff:ff:ff:ff,60,5" for source in (STRANGER, MACS["one"], "own"))
    m = anywhere([on_lan("one", 1, "net-watch,net-watch", then="idle"),
                  on_lan("liar", 2, "net-frames", f"frames={frames}", then="idle", autostart=False),
                  on_lan("free", 3, "net-frames", f"frames={frames}", then="idle", autostart=False,
                         any_mac=True)], switches=LAN)
    m.expect(r"^\[one\] WATCHING\n", timeout=180)
    start(m, "liar")
    m.expect(r"^\[one\] WATCHED\n", timeout=180)
    assert values(m.output("one"), "SAW") == [f"{MACS['liar']} 60 0 5"]
    m.expect(r"^\[one\] WATCHING\n")
    m.command("start free")
    m.expect(r"^\[one\] WATCHED\n", timeout=180)
    assert f"{STRANGER} 60 0 5" in values(m.output("one"), "SAW")
    assert f"{MACS['free']} 60 0 5" in values(m.output("one"), "SAW")


def test_same_address_twice(machine):
    """The checker names both; at boot the later guest is not started."""
    guests = [toy(name, "count", cmdline="seconds=1", net=[dict(switch="lan", mac="52:54:00:aa:aa:aa")])
              for name in ("one", "two")]
    m = machine(guests, switches=LAN)
    m.expect(r"^socle: guest two: not started: ")
    m.expect(r"^socle: guest one: stopped \(poweroff\)$")
    m.wait_exit()
    check = subprocess.run([TOOL, "check", "socle.toml"], cwd=m.work, capture_output=True, text=True,
                           check=False)
    assert check.returncode == 1
    said = check.stdout + check.stderr
    assert re.search(r'^socle\.toml:\d+:\d+: error: .*"one".*\bmac\b', said, re.MULTILINE), said


def test_uplink(machine):
    """Two guests reach the host through one card; one fetches from a server there, and takes what is sent to it."""
    inward, outward, forward = noise(MIB, 2), noise(4 * MIB, 3), free_port()
    with Server(outward) as server:
        m = machine([io_guest("alpha", "net-get,net-recv", nets=[dict(switch="lan")],
                              words=f"addr=10.0.2.15/24 peer=10.0.2.2 port={server.port}"),
                     io_guest("beta", "net-ping", words="addr=10.0.2.16/24 peer=10.0.2.2",
                              nets=[dict(switch="lan")])],
                    switches=[dict(name="lan", uplink=NIC)], extra=nic(forward, server.port))
        m.expect(r"^\[alpha\] LISTENING\n", timeout=240)
        send_in(forward, inward)
        m.wait_exit()
    assert values(m.output("alpha"), "GOT") == [f"{len(outward)} {crc(outward)}"]
    assert values(m.output("alpha"), "RECEIVED") == [f"{len(inward)} {crc(inward)}"]
    assert values(m.output("beta"), "NET-PING") == ["10.0.2.2 56"]


@pytest.mark.soak
def test_mirror_port(anywhere):
    """It gets a copy of what one guest sends another, which a third one does not see."""
    m = anywhere([on_lan("two", 2, "net-up", then="idle"),
                  on_lan("three", 3, "net-watch", mirror=True, then="idle"),
                  on_lan("liar", 4, "net-watch", then="idle"),
                  on_lan("one", 1, "net-ping,net-frames", f"peer=10.0.0.2 frames=own,{MACS['two']},100,5",
                         then="idle", autostart=False)], switches=LAN)
    m.expect_all(r"^\[two\] NET-UP .*\n", r"^\[three\] WATCHING\n", r"^\[liar\] WATCHING\n", timeout=240)
    start(m, "one")
    m.expect_all(r"^\[three\] WATCHED\n", r"^\[liar\] WATCHED\n", timeout=180)
    assert values(m.output("three"), "SAW") == [f"{MACS['one']} 100 0 5"]
    assert values(m.output("liar"), "SAW") == []


@pytest.mark.soak
def test_rate_limit(machine):
    """16 MiB at 20 Mbit/s take more than six seconds; a bucket may hold one second's worth."""
    m = machine([on_lan("one", 1, "net-recv", then="idle"),
                 on_lan("two", 2, "net-up,clock,net-send,clock", "peer=10.0.0.1 size=16M", then="idle",
                        rate="20Mbit")], switches=LAN)
    expect_run(m, "one", "two", timeout=240)
    took, = clocks(run_lines(m, "two"))
    assert took > 4
