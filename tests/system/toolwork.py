# SPDX-License-Identifier: BSD-2-Clause
"""
Shared by the tests of the host-side command: a folder to work in, and the smallest file
that the loaders take for a Linux kernel. SOCLE_TOOL names another command than build/socle.
"""
import os
import pathlib
import shutil
import struct
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = os.environ.get("SOCLE_TOOL", str(ROOT / "build" / "socle"))
# A grub-mkrescue that writes down how it was called.
MKRESCUE = 'for a in "$@"; do case "$a" in --output=*) echo "$@" > "${a#--output=}";; esac; done\n'


needs_mkrescue = pytest.mark.skipif(
    not (shutil.which("grub-mkrescue") and shutil.which("xorriso")),
    reason="needs grub-mkrescue and xorriso")


def bzimage(code=4096, setup_sects=1):
    """A bzImage header (boot protocol 2.15) with 64-bit entry before `code` bytes."""
    image = bytearray((setup_sects + 1) * 512 + code)
    image[0x1f1] = setup_sects
    struct.pack_into("<I", image, 0x1f4, code // 16)
    struct.pack_into("<H", image, 0x1fe, 0xaa55)
    image[0x200:0x202] = b"\xeb\x66"
    image[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", image, 0x206, 0x20f)
    image[0x211] = 1
    struct.pack_into("<I", image, 0x22c, 0x7fffffff)
    struct.pack_into("<IBBH", image, 0x230, 0x200000, 1, 21, 1)
    struct.pack_into("<I", image, 0x238, 2047)
    struct.pack_into("<QI", image, 0x258, 0x1000000, 0x400000)
    return bytes(image)


def initrd():
    return b"070701" + b"0" * 104 + b"TRAILER!!!\0\0\0\0"


GOOD = """\
[[guest]]
name = "web"
memory = "64M"
kernel = "vmlinuz"
initrd = "initrd.img"
cmdline = "console=ttyS0"
"""


class Work:
    """A folder with a configuration and its files, and a PATH for fake programs."""

    def __init__(self, path):
        self.dir = path / "work"
        self.bin = path / "bin"
        self.tmp = path / "tmp"
        for folder in (self.dir, self.bin, self.tmp):
            folder.mkdir()
        self.env = dict(os.environ, PATH=f"{self.bin}:{os.environ['PATH']}",
                        TMPDIR=str(self.tmp), LC_ALL="C")
        self.write("vmlinuz", bzimage())
        self.write("initrd.img", initrd())
        self.write("socle.toml", GOOD)
        self.elf = path / "socle.elf"
        self.elf.write_bytes(b"\x7fELF and more")
        self.env["SOCLE_ELF"] = str(self.elf)

    def write(self, name, data):
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    def program(self, name, text):
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def run(self, *args, **kw):
        kw.setdefault("cwd", self.dir)
        kw.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run([TOOL, *args], env=self.env, text=True, capture_output=True,
                              timeout=60, errors="replace", **kw)

    def left_over(self):
        return sorted(p.name for p in self.tmp.iterdir())


@pytest.fixture
def work(tmp_path):
    return Work(tmp_path)


def extract(iso, inside, to):
    subprocess.run(["xorriso", "-osirrox", "on", "-indev", str(iso), "-extract", inside, str(to)],
                   check=True, capture_output=True)
    return to.read_bytes()


def fake_grub(work, body, platforms=("i386-pc", "x86_64-efi"), mtools=True, xorriso=True):
    """A host on which only these parts of GRUB are installed."""
    work.program("grub-mkrescue", "#!/bin/sh\n" + body)
    if mtools:
        work.program("mformat", "#!/bin/sh\n")
    if xorriso:
        work.program("xorriso", "#!/bin/sh\n")
    for platform in platforms:
        folder = work.bin.parent / "lib" / "grub" / platform
        folder.mkdir(parents=True)
        (folder / "moddep.lst").touch()
    for name in ("sh", "sleep", "touch", "rm", "cat", "env"):
        if shutil.which(name):
            os.symlink(shutil.which(name), work.bin / name)
    work.env["PATH"] = str(work.bin)


def wait_for(condition, seconds=10):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
