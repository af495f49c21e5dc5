# SPDX-License-Identifier: BSD-2-Clause
"""
Shared by the tests of disks and networks: disk images, the outer machine's own disk and network
card, a server outside, and what the test guest's scripts (tests/guests/linux/io) have printed.
"""
import random
import re
import socket
import struct
import threading
import uuid
import zlib

from harness import FACTOR

MIB = 1 << 20
SECTOR = 512
PARTUUID = "5ec1e000-0000-4000-8000-0000000000aa"
LAN = [dict(name="lan")]
NIC = "0000:00:08.0"                    # of the outer machine, see nic()


def crc(data):
    """As iotest and nettest print it."""
    return f"{zlib.crc32(data):08x}"


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def blank(path, mib=64):
    """A disk image of zeros."""
    with open(path, "wb") as f:
        f.truncate(mib * MIB)
    return path


# ---- what the guests said -------------------------------------------------------------------

def run_lines(m, name=None):
    """The guest's lines since its last GUEST-UP: what its scripts printed."""
    lines = m.output(name)
    last = max(i for i, line in enumerate(lines) if line == "GUEST-UP")
    return lines[last + 1:]


def expect_run(m, *names, timeout=180):
    """Waits until the guests' scripts have ended, all well. None: the only, attached guest's."""
    if names:
        m.expect_all(*(rf"^\[{n}\] RUN-DONE\n" for n in names), timeout=timeout)
    else:
        m.expect(r"^RUN-DONE\n", timeout)
    for name in names or [None]:
        bad = [line for line in run_lines(m, name) if line.startswith(("FAILED", "BAD "))]
        assert not bad, f"{name}: {bad}"


# ---- disks of the outer machine ---------------------------------------------------------------

def gpt(first, last, total):
    """
    The head and tail of a disk of `total` sectors with one partition; UEFI 2.10, 5.3: its
    second header and entries are at the end. Returns (bytes from 0, bytes up to the end).
    """
    linux = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4").bytes_le
    entry = struct.pack("<16s16sQQQ72s", linux, uuid.UUID(PARTUUID).bytes_le, first, last, 0,
                        "socle".encode("utf-16-le"))
    entries = entry.ljust(128 * 128, b"\0")

    def header(at, other, table):
        def pack(checksum):
            return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, checksum, 0, at, other,
                               34, total - 34, uuid.UUID(int=0x5ec1e).bytes_le, table, 128, 128,
                               zlib.crc32(entries))
        return pack(zlib.crc32(pack(0))).ljust(SECTOR, b"\0")
    protective = mbr_sector([(0xee, 1, total - 1)])
    return (protective + header(1, total - 1, 2) + entries,
            entries + header(total - 1, 1, total - 33))


def mbr_sector(partitions):
    """partitions: (type, first sector, sectors)."""
    table = b"".join(struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", kind, b"\xfe\xff\xff", start, count)
                     for kind, start, count in partitions)
    return struct.pack("<440sIH", b"", 0x5ec1e, 0) + table.ljust(64, b"\0") + b"\x55\xaa"


class Partitioned:
    """
    A disk with noise all over and one partition of 64 MiB in its middle, which begins with
    zeros, no file system. device: the name by which the configuration finds it.
    """
    START, LENGTH, TOTAL = 4 * MIB + 7 * SECTOR, 64 * MIB, 72 * MIB

    def __init__(self, path, table):
        self.path = path
        first, sectors, total = self.START // SECTOR, self.LENGTH // SECTOR, self.TOTAL // SECTOR
        if table == "gpt":
            head, tail = gpt(first, first + sectors - 1, total)
            self.device = f"PARTUUID={PARTUUID}"
        else:
            head, tail = mbr_sector([(0x83, first, sectors)]), b""
            self.device = "PARTUUID=0005ec1e-01"    # as Linux names them
        with open(path, "wb") as f:
            f.write(noise(self.START))
            f.truncate(self.START + self.LENGTH)
            f.seek(self.START + self.LENGTH)
            f.write(noise(self.TOTAL - self.START - self.LENGTH, 2))
            f.seek(self.TOTAL - len(tail))
            f.write(tail)
            f.seek(0)
            f.write(head)

    def outside(self):
        """Checksums of what is before and behind the partition."""
        data = self.path.read_bytes()
        return crc(data[:self.START]), crc(data[self.START + self.LENGTH:])

    def inside(self):
        return self.path.read_bytes()[self.START:self.START + self.LENGTH]


def drive(path, serial="outer", options="", driver="format=raw,file="):
    """Arguments that give QEMU's machine a virtio-blk with that image."""
    return ["-drive", f"if=none,id={serial},{driver}{path}{options}",
            "-device", f"virtio-blk-pci,drive={serial},serial={serial}"]


# ---- the network outside ----------------------------------------------------------------------

def nic(forward=None, port=5001):
    """
    Arguments that give QEMU's machine a virtio-net at NIC, on a network of QEMU's own: 10.0.2.2
    is the host, 10.0.2.15 the guest whose `port` the port `forward` of the host leads to.
    """
    hostfwd = f",hostfwd=tcp:127.0.0.1:{forward}-10.0.2.15:{port}" if forward else ""
    return ["-netdev", f"user,id=outside{hostfwd}",
            "-device", "virtio-net-pci,netdev=outside,addr=0x8,mac=52:54:00:00:ff:01"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """A TCP server on this host that gives everyone the same bytes: `with Server(data) as s:`."""

    def __init__(self, data):
        self.data = data
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def _serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer:
                try:
                    peer.sendall(self.data)
                except OSError:
                    pass                # it shows in the guest's checksum

    def __exit__(self, *_):
        # close() alone would leave accept() waiting.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def send_in(port, data):
    """Sends bytes to the guest behind nic(port) and waits until it has taken them."""
    with socket.create_connection(("127.0.0.1", port), timeout=60 * FACTOR) as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        assert s.recv(1) == b"\0"


def clocks(lines):
    """Seconds between each CLOCK line and the next."""
    at = [float(match[1]) for match in (re.match(r"CLOCK (\S+)$", line) for line in lines) if match]
    return [b - a for a, b in zip(at, at[1:])]
