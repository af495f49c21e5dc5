# SPDX-License-Identifier: BSD-2-Clause
"""Path lengths of disks and networks in Debian guests with their stock drivers: what a request
takes that reads past the page cache, one at a time, and what TCP takes from one guest to
another, both stacks included. Used by run.py.

Guests print ticks of the TSC (tests/guests/linux/io: disk-read, net-speed), which are instructions;
of two guests on one CPU, both and the hypervisor are in them.
"""
import re

from machine import BenchError, Machine, built
from operations import config
from table import Row

MEMORY = 768                    # MiB, of the whole machine
DISK_SIZE = 64 << 20
REQUESTS = [("4k", 4 << 10, "4 KiB", 15_000), ("64k", 64 << 10, "64 KiB", 42_000),
            ("1m", 1 << 20, "1 MiB", 480_000)]
MIB_LIMIT, TRIP_LIMIT = 3_500_000, 35_000


def guest_files():
    return {"vmlinuz": built("guests/vmlinuz-cloud", "make guests"),
            "test.img": built("guests/test.img", "make guests"),
            "io.img": built("guests/io.img", "make guests")}


def linux(name, words, **keys):
    words = " ".join(f"test.{w}" for w in words.split())
    return {"name": name, "memory": "128M", "kernel": "vmlinuz", "initrd": ["test.img", "io.img"],
            "cmdline": f"console=ttyS0 quiet {words}", **keys}


def run(programs, elf, guests, log, files=None, switches=()):
    m = Machine(programs, elf, MEMORY)
    text = m.run(m.hypervisor(config(guests, switches=switches), {**guest_files(), **(files or {})}), log)
    if failed := re.search(r"FAILED .*|not started: .*", text):
        raise BenchError(f"{failed[0]}\nthe whole output: {programs.path(log)}")
    return text


def numbers(text, word, count):
    """The numbers in each line `WORD NUMBER...`, of which there must be so many."""
    found = re.findall(rf"^(?:\[\w+\] )?{word}((?: \d+)+)$", text, re.M)
    if len(found) != count:
        raise BenchError(f"{len(found)} lines {word}, not {count}, in:\n{text}")
    return [[int(n) for n in line.split()] for line in found]


def disk_rows(lines, backend, words, limits):
    """lines: [bytes, requests, ticks] for each size."""
    ticks = {size: total / requests for size, requests, total in lines}
    return [Row(f"{backend}-read-{name}", f"{what}, {words}", ticks[size], limit=limit if limits else None)
            for name, size, what, limit in REQUESTS]


def measure_disk(programs, elf):
    """Image in RAM, as it is and under an overlay in which nothing has been written."""
    image = programs.path("disk.img")
    with open(image, "wb") as f:
        f.truncate(DISK_SIZE)
    disks = [{"file": "disk.img", "readonly": True}, {"file": "base.img", "overlay": True}]
    text = run(programs, elf, [linux("disk", "run=disk-read disks=vda,vdb", disk=disks)], "disk.log",
               {"disk.img": image, "base.img": image})
    lines = numbers(text, "READ", 2 * len(REQUESTS))
    return (disk_rows(lines[:len(REQUESTS)], "disk", "O_DIRECT", True) +
            disk_rows(lines[len(REQUESTS):], "overlay", "under an overlay", False))


def measure_network(programs, elf):
    card = [{"switch": "lan"}]
    guests = [linux("server", "run=net-sink addr=10.0.0.1/24", net=card),
              linux("client", "run=net-speed addr=10.0.0.2/24 peer=10.0.0.1", net=card)]
    text = run(programs, elf, guests, "network.log", switches=[{"name": "lan"}])
    (size, pumped), = numbers(text, "PUMPED", 1)
    (trips, tripped), = numbers(text, "TRIPS", 1)
    return [Row("tcp-mib", "a MiB in one direction", pumped / (size >> 20), limit=MIB_LIMIT),
            Row("tcp-trip", "one byte there and back", tripped / trips, limit=TRIP_LIMIT)]
