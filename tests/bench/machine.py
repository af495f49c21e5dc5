# SPDX-License-Identifier: BSD-2-Clause
"""What the benchmarks run and run on: builds the guest programs and the counting plugin,
starts QEMU reproducibly, counts instructions. Used by run.py, its groups and hotspots.py.

Reproducible means: one instruction is one virtual nanosecond (-icount shift=0), idle time
passes in no host time (sleep=off), and clock and random numbers start the same each time.
Hypervisor and files go in by Multiboot 1, without firmware menus or disks.
"""
import os
import re
import select
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, os.environ.get("SOCLE_BUILD", "build"))

INIT_ADDRESS = 0x5eed0000       # of /init's first instruction; no kernel or firmware runs there
KERNEL_32BIT_ENTRY = 0x100000   # where QEMU puts a bzImage's protected-mode part
TIMEOUT = 900

ICOUNT = ["-icount", "shift=0,sleep=off", "-seed", "1",
          "-rtc", "base=2024-01-01T00:00:00,clock=vm"]
WARN = ["-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Wmissing-prototypes",
        "-Wconversion"]
BARE_METAL = ["-std=gnu11", "-O2", "-g", "-ffreestanding", "-fno-pic", "-fno-pie",
              "-mno-red-zone", "-mgeneral-regs-only", "-fcf-protection=none",
              "-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-nostdlib",
              "-static", "-Wl,--build-id=none", "-Wl,-z,noexecstack"]


class BenchError(Exception):
    """Something that keeps us from measuring; the text is for the user."""


def tool(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as e:
        raise BenchError(f"{command[0]} is not installed") from e
    if done.returncode:
        raise BenchError(f"{command[0]} failed:\n{done.stderr.strip()}")
    return done.stdout


def built(name, how):
    """The path of something in the build folder."""
    path = os.path.join(BUILD, name)
    if not os.path.exists(path):
        raise BenchError(f"{path} is missing: `{how}` makes it")
    return path


def symbols(elf):
    """{name: (address, size)} of an ELF file's functions and objects."""
    table = {}
    for line in tool("nm", "-S", elf).splitlines():
        f = line.split()
        if len(f) == 4:
            table[f[3]] = (int(f[0], 16), int(f[1], 16))
        elif len(f) == 3:
            table.setdefault(f[2], (int(f[0], 16), 0))
    return table


def cpio(entries):
    """A "newc" archive (Linux Documentation/driver-api/early-userspace/buffer-format.rst)."""
    out = b""
    for ino, (name, mode, dev, data) in enumerate(entries + [("TRAILER!!!", 0, None, b"")]):
        major, minor = dev or (0, 0)
        fields = (ino, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    return out


class Programs:
    """The benchmark's own programs, built into the folder `out`."""

    def __init__(self, out):
        os.makedirs(out, exist_ok=True)
        self.out = out
        self.cc = os.environ.get("CC", "gcc")
        self.plugin = self.path("count.so")
        self.guest_full = self.path("guest64.elf")
        self.guest = self.path("guest.elf")
        self.initrd = self.path("initrd.cpio")
        self.build()

    def path(self, name):
        return os.path.join(self.out, name)

    def build(self):
        source = lambda name: os.path.join(HERE, name)
        tool(self.cc, "-std=gnu11", "-O2", *WARN, "-shared", "-fPIC", "-fvisibility=hidden",
             "-o", self.plugin, source("count.c"))
        tool(self.cc, *BARE_METAL, *WARN, "-Wl,-T," + source("guest.ld"), "-o", self.guest_full,
             source("guest.S"), source("guest_ops.S"), source("guest.c"))
        # QEMU's own Multiboot loader wants 32-bit ELF.
        tool("objcopy", "-O", "elf32-i386", self.guest_full, self.guest)
        tool(self.cc, *BARE_METAL, "-s", f"-Wl,-Ttext={INIT_ADDRESS:#x}",
             "-o", self.path("init"), source("init.S"))
        with open(self.path("init"), "rb") as f, open(self.initrd, "wb") as o:
            o.write(cpio([("dev", 0o40755, None, b""), ("dev/console", 0o20600, (5, 1), b""),
                          ("init", 0o100755, None, f.read())]))


class Mark:
    def __init__(self, name, total, ranges):
        self.name, self.total, self.ranges = name, total, ranges
        self.profile = {}       # address: times executed since the mark before


class Count:
    """What the counting plugin wrote."""

    def __init__(self, path):
        self.marks = []
        self.complete = False
        names = []
        with open(path, encoding="ascii") as f:
            for line in f:
                word = line.split()
                if word[0] == "ranges":
                    names = word[1:]
                elif word[0] == "mark":
                    ranges = dict(zip(names, map(int, word[3:])))
                    self.marks.append(Mark(word[1], int(word[2]), ranges))
                elif word[0] == "pc":
                    self.marks[-1].profile[int(word[1], 16)] = int(word[2])
                elif word[0] == "end":
                    self.complete = True

    def mark(self, name):
        for m in self.marks:
            if m.name == name:
                return m
        raise BenchError(f"the run never came to the point \"{name}\"")

    def between(self, first, last, ranges=None):
        """Instructions from one mark to another, all or those in some ranges."""
        a, b = self.mark(first), self.mark(last)
        if ranges is None:
            return b.total - a.total
        return sum(b.ranges[r] - a.ranges[r] for r in ranges)


class Machine:
    """QEMU with one CPU of every feature that TCG has; the serial port is its standard output."""

    def __init__(self, programs, elf, memory, icount=True):
        self.programs = programs
        self.elf = elf
        self.memory = memory
        self.icount = icount

    def command(self, boot, plugin=None):
        c = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-cpu", "max",
             "-m", str(self.memory), "-nodefaults", "-display", "none", "-no-reboot",
             "-serial", "stdio"]
        if self.icount:
            c += ICOUNT
        if plugin:
            c += ["-plugin", ",".join([self.programs.plugin, *plugin])]
        return c + boot

    def hypervisor(self, config, files):
        """Arguments that start Socle with this configuration and {name: path}."""
        path = self.programs.path("socle.toml")
        with open(path, "w", encoding="ascii") as f:
            f.write(config)
        modules = [f"{path} socle.toml"] + [f"{p} {name}" for name, p in files.items()]
        return ["-kernel", self.elf, "-initrd", ",".join(modules)]

    def run(self, boot, log, plugin=None):
        """Runs to power-off, returns the serial output; also left in the file `log`."""
        log = self.programs.path(log)
        try:
            done = subprocess.run(self.command(boot, plugin), stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=TIMEOUT, check=False)
        except subprocess.TimeoutExpired as e:
            text = (e.stdout or b"").decode("latin-1")
            raise BenchError(f"no end after {TIMEOUT} s; its output:\n{text}") from e
        text = done.stdout.decode("latin-1").replace("\r", "")
        with open(log, "w", encoding="latin-1") as f:
            f.write(text)
        if done.returncode:
            raise BenchError(f"QEMU ended with {done.returncode}: {done.stderr.decode()}\n"
                             f"its output: {log}")
        return text

    def count(self, boot, name, marks):
        """run(), counted; marks: arguments of the plugin besides out=. (output, Count)"""
        out = self.programs.path(name + ".count")
        text = self.run(boot, name + ".log", [f"out={out}", *marks])
        count = Count(out)
        if not count.complete:
            raise BenchError(f"the counting plugin was cut short: {out}")
        return text, count

    def talk(self, boot, dialogue, log):
        """Runs with the console; dialogue: (regular expression to wait for, text then sent)."""
        text, seen, end = "", 0, time.monotonic() + TIMEOUT
        with subprocess.Popen(self.command(boot), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as p:
            try:
                for expect, send in dialogue:
                    while not (m := re.search(expect, text[seen:])):
                        text += self.receive(p, end, expect, text)
                    seen += m.end()
                    p.stdin.write(send.encode("latin-1"))
                    p.stdin.flush()
            finally:
                p.kill()
        with open(self.programs.path(log), "w", encoding="latin-1") as f:
            f.write(text)
        return text

    @staticmethod
    def receive(process, end, expect, text):
        left = end - time.monotonic()
        data = b""
        if left > 0 and select.select([process.stdout], [], [], left)[0]:
            data = os.read(process.stdout.fileno(), 4096)
        if not data:
            raise BenchError(f"no answer that matches {expect!r} in:\n{text}")
        return data.decode("latin-1").replace("\r", "")
