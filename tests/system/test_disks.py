# SPDX-License-Identifier: BSD-2-Clause
"""Disks of Debian guests with their stock drivers: in RAM, under overlays, and the machine's own."""
import re

import pytest

from harness import io_guest, values
from iowork import MIB, Partitioned, blank, clocks, crc, drive, expect_run, noise, run_lines


def whole_cycle(m):
    """The attached guest writes a file system, reboots, checks it and goes off."""
    written = m.expect(r"^DISK-WROTE (\S+)\n", timeout=180)[1]
    m.expect(r"^socle: guest alpha: stopped \(reboot\)$")
    verified = m.expect(r"^DISK-VERIFIED (\S+)\n", timeout=180)[1]
    assert verified == written
    expect_run(m)
    m.wait_exit()
    assert m.stops("alpha") == ["reboot", "poweroff"]


@pytest.mark.parametrize("keys", [dict(overlay=False), dict(overlay=True, overlay_max="80M")],
                         ids=["ram", "overlay"])
def test_file_system(anywhere, tmp_path, keys):
    m = anywhere([io_guest("alpha", "disk-cycle", disks=[dict(file="disk.img", **keys)])],
                 files={"disk.img": blank(tmp_path / "disk.img")})
    whole_cycle(m)


def test_file_system_on_a_partition(machine, tmp_path):
    disk = Partitioned(tmp_path / "outer.img", "gpt")
    before = disk.outside()
    m = machine([io_guest("alpha", "disk-cycle", disks=[dict(device=disk.device)])],
                extra=drive(disk.path))
    whole_cycle(m)
    assert disk.outside() == before
    assert disk.inside()[1080:1082] == b"\x53\xef"      # ext4's superblock


@pytest.mark.soak
def test_partition_of_an_old_table(machine, tmp_path):
    disk = Partitioned(tmp_path / "outer.img", "mbr")
    before = disk.outside()
    m = machine([io_guest("alpha", "disk-info,disk-raw", words="size=4M passes=1 at=60M",
                          disks=[dict(device=disk.device)])], extra=drive(disk.path))
    expect_run(m)
    m.wait_exit()
    lines = run_lines(m)
    assert values(lines, "DISK-INFO")[0].split()[1] == str(disk.LENGTH)
    assert disk.outside() == before
    inside = disk.inside()
    assert values(lines, "DISK-RAW") == [crc(inside[60 * MIB:])]
    assert not any(inside[:60 * MIB])


def test_whole_disk_by_its_serial_number(machine, tmp_path):
    path = blank(tmp_path / "outer.img", 8)
    other = tmp_path / "other.img"
    other.write_bytes(noise(2 * MIB))
    m = machine([io_guest("alpha", "disk-raw", words="size=4M passes=2",
                          disks=[dict(device="serial:outer"),
                                 dict(device="serial:other", readonly=True)]),
                 io_guest("beta", "disk-readonly", disks=[dict(device="serial:other", readonly=True)])],
                extra=drive(path) + drive(other, "other"))
    # A real disk that a guest may write is announced before its first use.
    m.expect(r"^socle: .*disk \S+: .*serial outer\b")
    expect_run(m, "alpha", "beta")
    m.wait_exit()
    assert values(m.output("alpha"), "DISK-RAW") == [crc(path.read_bytes()[MIB:5 * MIB])]
    assert values(m.output("beta"), "DISK-READONLY") == [crc(noise(2 * MIB))]
    assert other.read_bytes() == noise(2 * MIB)


def test_errors_of_the_machine_s_disk_reach_the_guest(machine, tmp_path):
    """QEMU fails every write to the sector at 21 MiB; what was written before is there."""
    path = blank(tmp_path / "outer.img", 32)
    rules = tmp_path / "rules"
    rules.write_text(f'[inject-error]\nevent = "write_aio"\niotype = "write"\nerrno = "5"\n'
                     f'sector = "{21 * MIB // 512}"\n')
    m = machine([io_guest("alpha", "disk-full", words="size=30M", disks=[dict(device="serial:outer")])],
                extra=drive(path, driver=f"format=raw,file=blkdebug:{rules}:"))
    m.expect(rf"^DISK-FULL {21 * MIB}\n", timeout=180)
    m.expect(r"^RUN-DONE\n")
    m.wait_exit()
    assert re.search(r"^socle: .*disk \S+: a write at sector \d+ failed", m.text, re.MULTILINE)


def test_two_guests_on_one_image(anywhere, tmp_path):
    """Neither sees the other's writes, nor does a third one, which reads the image meanwhile."""
    image = noise(32 * MIB)
    over = [dict(file="disk.img", overlay=True, overlay_max="32M")]
    words = "size=24M passes=3"
    m = anywhere([io_guest("one", "disk-raw", words=f"{words} seed=1", disks=over),
                  io_guest("two", "disk-raw", words=f"{words} seed=2", disks=over),
                  io_guest("three", ",".join(["disk-readonly"] * 5),
                           disks=[dict(file="disk.img", readonly=True)])],
                 files={"disk.img": image})
    expect_run(m, "one", "two", "three", timeout=240)
    m.wait_exit()
    one, two = values(m.output("one"), "DISK-RAW"), values(m.output("two"), "DISK-RAW")
    assert len(one) == len(two) == 1 and one != two
    assert values(m.output("three"), "DISK-READONLY") == [crc(image)] * 5


def test_overlay_ends_with_the_guest(anywhere, tmp_path):
    """It survives a reboot, see above, and is gone after a power-off."""
    m = anywhere([io_guest("alpha", "disk-cycle", words="size=4M", then="idle",
                           disks=[dict(file="disk.img", overlay=True)]),
                  io_guest("beta", "disk-cycle", words="size=4M",
                           disks=[dict(file="disk.img", overlay=True)])],
                 files={"disk.img": blank(tmp_path / "disk.img", 16)})
    m.expect_all(r"^\[alpha\] DISK-VERIFIED", r"^socle: guest beta: stopped \(poweroff\)$", timeout=240)
    m.prompt()
    m.send("start beta\r")
    m.expect(r"^\[beta\] DISK-WROTE", timeout=180)
    m.expect(r"^socle: guest beta: stopped \(reboot\)$")


def test_read_only_disk_with_a_serial_number(anywhere):
    image = noise(16 * MIB)
    m = anywhere([io_guest("alpha", "disk-info,disk-readonly,rng",
                           disks=[dict(file="disk.img", readonly=True, serial="Wd-40")])],
                 files={"disk.img": image})
    expect_run(m)
    m.wait_exit()
    name, size, block, queues, serial = values(run_lines(m), "DISK-INFO")[0].split()
    assert (name, size, block, serial) == ("vda", str(len(image)), "512", "Wd-40") and int(queues) >= 1
    assert values(run_lines(m), "DISK-READONLY") == [crc(image)]
    assert values(run_lines(m), "RNG-GOOD")


def test_full_overlay(anywhere, tmp_path):
    m = anywhere([io_guest("alpha", "disk-full", words="size=30M",
                           disks=[dict(file="disk.img", overlay=True, overlay_max="8M")])],
                 files={"disk.img": blank(tmp_path / "disk.img", 32)})
    failed_at = int(m.expect(r"^DISK-FULL (\d+)\n", timeout=180)[1])
    m.expect(r"^RUN-DONE\n")
    m.wait_exit()
    assert 8 * MIB <= failed_at <= 9 * MIB              # writes begin at 1 MiB, one MiB each
    assert len(re.findall(r"^socle: .*overlay_max", m.text, re.MULTILINE)) == 1


def test_discard_and_write_zeroes(anywhere, tmp_path):
    def disk(name, **keys):
        return [dict(file=name, **keys)]
    m = anywhere([io_guest("ram", "disk-discard", disks=disk("ram.img", overlay=False)),
                  io_guest("over", "disk-discard", disks=disk("over.img", overlay=True))],
                 files={"ram.img": noise(8 * MIB), "over.img": noise(8 * MIB)})
    expect_run(m, "ram", "over")
    m.wait_exit()
    # An image that is written in place has nothing to give back.
    assert "DISK-ZEROED" in m.output("ram") and "DISK-DISCARDED" in m.output("over")


@pytest.mark.soak
@pytest.mark.parametrize("keys, seconds", [(dict(), None), (dict(iops=20), 2), (dict(rate="10M"), 3)],
                         ids=["free", "iops", "rate"])
def test_rate_limit(machine, tmp_path, keys, seconds):
    """24 MiB written and read in 48 requests; a bucket may hold a second's worth."""
    m = machine([io_guest("alpha", "clock,disk-raw,clock", words="size=24M passes=1",
                          disks=[dict(file="disk.img", overlay=False, **keys)])],
                files={"disk.img": blank(tmp_path / "disk.img", 32)})
    expect_run(m)
    m.wait_exit()
    took, = clocks(run_lines(m))
    assert took < 1.4 if seconds is None else took >= seconds * 0.7
