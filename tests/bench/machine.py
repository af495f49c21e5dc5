# SPDX-License-Identifier: BSD-2-Clause
"""What the benchmarks run and run on: builds the guest programs and the counting plugin,
starts QEMU reproducibly, counts instructions. Used by run.py and hotspots.py.

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
INIT_ADDRESS = 0x5eed0000       # of /init's first instruction; no kernel or firmware runs there
KERNEL_32BIT_ENTRY = 0x100000   # where QEMU puts a bzImage's protected-mode part
TIMEOUT = 900

ICOUNT = ["-icount", "shift=0,sleep=off", "-seed", "1",
          "-rtc", "base=2024-01-01T00:00:00,clock=vm"]
WARN = ["-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Wmissing-prototypes", "-Wconversion"]
BARE_METAL = ["-std=gnu11", "-O2", "-g", "-ffreestanding", "-fno-pic", "-fno-pie", "-mno-red-zone",
              "-mgeneral-regs-only", "-fcf-protection=none", "-fno-stack-protector",
              "-fno-asynchronous-unwind-tables", "-nostdlib", "-static", "-Wl,--build-id=none",
              "-Wl,-z,noexecstack"]


class BenchError(Exception):
    """Something that keeps us from measuring; the text is for the user."""


def tool(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"{command[0]} failed:\n{done.stderr.strip()}")
    return done.stdout


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


class Programs:
    """The benchmark's own programs, built into OUT."""

    def __init__(self, out):
        os.makedirs(out, exist_ok=True)
        cc = os.environ.get("CC", "gcc")
        at = lambda name: os.path.join(HERE, name)
        self.out = out
        self.plugin = os.path.join(out, "count.so")
        self.guest_full = os.path.join(out, "guest64.elf")
        self.guest = os.path.join(out, "guest.elf")
        self.initrd = os.path.join(out, "initrd.cpio")
        tool(cc, "-std=gnu11", "-O2", *WARN, "-shared", "-fPIC", "-fvisibility=hidden",
             "-o", self.plugin, at("count.c"))
        tool(cc, *BARE_METAL, *WARN, "-Wl,-T," + at("guest.ld"), "-o", self.guest_full,
             at("guest.S"), at("guest_ops.S"), at("guest.c"))
        # QEMU's own Multiboot loader wants 32-bit ELF.
        tool("objcopy", "-O", "elf32-i386", self.guest_full, self.guest)
        init = os.path.join(out, "init")
        tool(cc, *BARE_METAL, "-s", f"-Wl,-Ttext={INIT_ADDRESS:#x}", "-o", init, at("init.S"))
        with open(init, "rb") as f, open(self.initrd, "wb") as o:
            o.write(cpio([("dev", 0o40755, 0, b""), ("dev/console", 0o20600, (5, 1), b""),
                          ("init", 0o100755, 0, f.read())]))


def cpio(entries):
    """A "newc" archive (Linux Documentation/driver-api/early-userspace/buffer-format.rst)."""
    out = b""
    for ino, (name, mode, dev, data) in enumerate(entries + [("TRAILER!!!", 0, 0, b"")]):
        major, minor = dev or (0, 0)
        fields = (ino, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    return out


class Count:
    """What the counting plugin wrote: marks in order, each (name, total, ranges, profile)."""

    def __init__(self, path):
        self.marks = []
        self.complete = False
        with open(path, encoding="ascii") as f:
            for line in f:
                word = line.split()
                if word[0] == "mark":
                    self.marks.append((word[1], int(word[2]), [int(x) for x in word[3:]], {}))
                elif word[0] == "pc":
                    self.marks[-1][3][int(word[1], 16)] = int(word[2])
                elif word[0] == "end":
                    self.complete = True

    def mark(self, name):
        for m in self.marks:
            if m[0] == name:
                return m
        raise BenchError(f"the run never came to the point \"{name}\"")

    def between(self, first, last):
        return self.mark(last)[1] - self.mark(first)[1]

    def range_between(self, first, last):
        """All ranges together."""
        return sum(self.mark(last)[2]) - sum(self.mark(first)[2])


class Machine:
    """QEMU with one CPU of every feature that TCG has, and a serial port on its standard output."""

    def __init__(self, programs, elf, memory, icount=True):
        self.programs = programs
        self.elf = elf
        self.memory = memory
        self.icount = icount

    def command(self, boot, plugin=None):
        c = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", str(self.memory),
             "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"]
        if self.icount:
            c += ICOUNT
        if plugin:
            c += ["-plugin", ",".join([self.programs.plugin, *plugin])]
        return c + boot

    def hypervisor(self, config, files):
        """Arguments that start Socle with this configuration and {name: path}."""
        path = os.path.join(self.programs.out, "socle.toml")
        with open(path, "w", encoding="ascii") as f:
            f.write(config)
        modules = [f"{path} socle.toml"] + [f"{p} {name}" for name, p in files.items()]
        return ["-kernel", self.elf, "-initrd", ",".join(modules)]

    def run(self, boot, log, plugin=None):
        """Runs to power-off, returns the serial output; also left in the file `log`."""
        log = os.path.join(self.programs.out, log)
        try:
            done = subprocess.run(self.command(boot, plugin), stdin=subprocess.DEVNULL, capture_output=True,
                                  timeout=TIMEOUT, check=False)
        except subprocess.TimeoutExpired as e:
            raise BenchError(f"no end after {TIMEOUT} s: see what there is in {log}") from e
        text = done.stdout.decode("latin-1").replace("\r", "")
        with open(log, "w", encoding="latin-1") as f:
            f.write(text)
        if done.returncode:
            raise BenchError(f"QEMU ended with {done.returncode}: {done.stderr.decode()}\nits output: {log}")
        return text

    def count(self, boot, log, marks):
        """run(), counted: plugin arguments without out=."""
        out = os.path.join(self.programs.out, log + ".count")
        text = self.run(boot, log + ".log", [f"out={out}", *marks])
        count = Count(out)
        if not count.complete:
            raise BenchError(f"the counting plugin was cut short: {out}")
        return text, count

    def talk(self, boot, dialogue, log):
        """Runs with the console; dialogue: (regular expression to wait for, text then sent)."""
        with subprocess.Popen(self.command(boot), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
            text, seen, end = "", 0, time.monotonic() + 120
            try:
                for expect, send in dialogue:
                    while not (m := re.search(expect, text[seen:])):
                        left = end - time.monotonic()
                        if left <= 0 or not select.select([p.stdout], [], [], left)[0]:
                            raise BenchError(f"no answer that matches {expect!r} in:\n{text}")
                        data = os.read(p.stdout.fileno(), 4096)
                        if not data:
                            raise BenchError(f"QEMU ended before {expect!r}:\n{text}")
                        text += data.decode("latin-1").replace("\r", "")
                    seen += m.end()
                    p.stdin.write(send.encode("latin-1"))
                    p.stdin.flush()
            finally:
                p.kill()
        with open(os.path.join(self.programs.out, log), "w", encoding="latin-1") as f:
            f.write(text)
        return text
