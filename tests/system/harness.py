# SPDX-License-Identifier: BSD-2-Clause
"""
One emulated machine with Socle on it, for the system tests: here in QEMU; bochs.py has the
same on Bochs, and the fixture `platform` runs a test on each.

    m = machine([guest("one"), guest("two", memory="128M")])     # the fixture in conftest.py
    m.expect(r"\\[one\\] GUEST-UP")
    m.command("list")
    m.wait_exit()

Everything waits for text and nothing sleeps; each wait is bounded, and the bounds grow with
the environment variable SOCLE_TIMEOUT_FACTOR. Whatever a test does, `socle: panic` on the
console fails it. A machine's whole console goes to build/test-logs/, kept when the test fails.
SOCLE_BUILD names another build folder.
"""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SOCLE_BUILD", ROOT / "build")).resolve()
GUESTS = BUILD / "guests"
ELF = BUILD / "socle.elf"
TOOL = BUILD / "socle"
LOGS = BUILD / "test-logs"
FACTOR = float(os.environ.get("SOCLE_TIMEOUT_FACTOR", "1"))
OVMF = "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"
ESCAPE = "\x1d"                         # ^]
PROMPT = "socle> "
PANIC = "\nsocle: panic"            # a guest may print the words, but not begin a line with them


# ---- configurations ------------------------------------------------------------------

def guest(name, *, memory="256M", kernel="vmlinuz-cloud", initrd="test.img", cmdline="", then=None,
          console="console=ttyS0", **keys):
    """A guest's table. `then` is what tests/guests/linux/test.init does after GUEST-UP."""
    words = [console, f"test.then={then}" if then else "", cmdline]
    return dict(name=name, memory=memory, kernel=kernel, initrd=initrd,
                cmdline=" ".join(w for w in words if w), **keys)


def io_guest(name, run="", *, memory="128M", words="", disks=(), nets=(), **keys):
    """
    A test guest for disks and networks. `run`: scripts of tests/guests/linux/io, "disk-write,rng";
    words: their variables, "addr=10.0.0.1/24 port=80". disks, nets: tables of keys, dict(file=…).
    """
    words = " ".join(f"test.{w}" for w in [f"run={run}" if run else "", *words.split()] if w)
    return guest(name, memory=memory, initrd=["test.img", "io.img"], cmdline=words,
                 disk=list(disks) or None, net=list(nets) or None, **keys)


def toy(name, image, *, memory="32M", cmdline="", **keys):
    """One of our own small guests (tests/guests/toy)."""
    return dict(name=name, memory=memory, kernel=f"toy/{image}.img", cmdline=cmdline, **keys)


def toml(guests, host=None, switches=()):
    """
    The configuration's text. A value of None leaves its key out; a list of dicts (disk, net) is
    tables within the guest's.
    """
    def inner(v):
        return isinstance(v, list) and v and isinstance(v[0], dict)

    def table(head, keys):
        rows = [f"{k} = {json.dumps(v)}" for k, v in keys.items() if v is not None and not inner(v)]
        tables = [table(f"[[guest.{k}]]", t) for k, v in keys.items() if inner(v) for t in v]
        return "\n".join([head, *rows, "", *tables])
    return "\n".join([table("[host]", host or {}), *(table("[[switch]]", s) for s in switches),
                      *(table("[[guest]]", g) for g in guests)])


def files_of(text):
    """Names of the files that a configuration wants, each once; none where it is not TOML."""
    names = []
    try:
        tables = tomllib.loads(text).get("guest", [])
    except tomllib.TOMLDecodeError:
        tables = []
    for g in tables:
        initrd = g.get("initrd", [])
        names += [g.get("kernel"), *([initrd] if isinstance(initrd, str) else initrd)]
        names += [d.get("file") for d in g.get("disk", [])]
    return list(dict.fromkeys(n for n in names if n))


def host_sum():
    """The checksum that the test guest must print, as computed on this machine."""
    return (GUESTS / "test.sum").read_text().strip()


# ---- a machine's serial console --------------------------------------------------------

class Failed(AssertionError):
    """Something awaited did not come; the message ends with the console's last lines."""


class Console:
    """
    The first serial port of a machine that some program emulates: reads it, waits for text.
    A subclass starts the program (self.process, then reading()), moves bytes (receive, send)
    and knows the program's own words (errors).
    """
    program = "the emulator"
    factor = FACTOR                     # all bounds grow with it

    def __init__(self, work, name):
        self.work = pathlib.Path(work)
        self.work.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.text = ""                  # the console so far, without CR
        self.at = 0                     # expect() has consumed this much
        self.panic_expected = False
        self.ended = False              # the serial line has closed
        self.changed = threading.Condition()
        self.reader = None
        self.process = None
        LOGS.mkdir(parents=True, exist_ok=True)
        self.log_path = LOGS / f"{name}.log"
        self.log_file = open(self.log_path, "wb")

    def receive(self):
        """Waits for bytes; none at the end."""
        raise NotImplementedError

    def send(self, text):
        raise NotImplementedError

    def errors(self):
        """What the program itself had to say."""
        return ""

    def good_status(self):
        """The exit status that the program should have."""
        return 0

    def reading(self):
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        """Its own thread: a console that nobody reads would hold the machine up."""
        while True:
            try:
                data = self.receive()
            except OSError:
                data = b""
            with self.changed:
                if data:
                    self.log_file.write(data)
                    self.log_file.flush()
                    self.text += data.decode("utf-8", "replace").replace("\r", "")
                self.ended = self.ended or not data
                self.changed.notify_all()
            if not data:
                return

    def _fail(self, what):
        tail = "\n".join(self.text[-6000:].splitlines()[-40:])
        raise Failed(f"{self.name}: {what}\n{self.program}: {self.errors()}\n"
                     f"--- end of {self.log_path}\n{tail}")

    def _check_panic(self):
        if PANIC in self.text and not self.panic_expected:
            self.panic_expected = True      # said once
            self._fail("the hypervisor panicked")

    def wait_for(self, found, what, timeout):
        """Until found() is not None or false; it is asked again whenever text arrives."""
        deadline = time.monotonic() + timeout * self.factor
        with self.changed:
            while True:
                self._check_panic()
                result = found()
                if result:
                    return result
                if self.ended:
                    self._fail(f"the machine ended while waiting for {what}")
                left = deadline - time.monotonic()
                if left <= 0:
                    self._fail(f"no {what} within {timeout * self.factor:g} s")
                self.changed.wait(left)

    def expect(self, pattern, timeout=120):
        """
        Waits for a regular expression (MULTILINE) after what the last expect() matched;
        returns the match object.
        """
        regex = re.compile(pattern, re.MULTILINE)

        def found():
            match = regex.search(self.text, self.at)
            if match:
                self.at = match.end()
            return match
        return self.wait_for(found, repr(pattern), timeout)

    def expect_all(self, *patterns, timeout=120):
        """Waits for all of them, in any order, after what the last expect() matched."""
        start = self.at

        def found():
            matches = [re.compile(p, re.MULTILINE).search(self.text, start) for p in patterns]
            return all(matches) and matches
        missing = " and ".join(repr(p) for p in patterns)
        matches = self.wait_for(found, missing, timeout)
        self.at = max(m.end() for m in matches)
        return matches

    def wait_exit(self, timeout=120):
        """Waits until the machine has switched itself off and the program has ended as it should."""
        deadline = time.monotonic() + timeout * self.factor
        with self.changed:
            while not self.ended:
                self._check_panic()
                left = deadline - time.monotonic()
                if left <= 0:
                    self._fail(f"the machine did not go off within {timeout * self.factor:g} s")
                self.changed.wait(left)
            self._check_panic()
        code = self.process.wait(timeout=20 * self.factor)
        if code != self.good_status():
            self._fail(f"{self.program} ended with status {code}, not {self.good_status()}")

    def end(self):
        """Ends the program."""
        self.process.kill()

    def close(self):
        """Ends the program if it still runs. Called by the fixture."""
        if self.process and self.process.poll() is None:
            self.end()
            self.process.wait()
        if self.reader:
            with self.changed:
                self.changed.wait_for(lambda: self.ended, 5)
        self.log_file.close()
        shutil.rmtree(self.work, ignore_errors=True)


# ---- QEMU ------------------------------------------------------------------------------

class Qmp:
    """QEMU's control socket (QMP), as far as it is needed."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20 * FACTOR)
        self.sock.connect(str(path))
        self.file = self.sock.makefile("rw")
        json.loads(self.file.readline())
        self.do("qmp_capabilities")

    def do(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        for line in self.file:
            answer = json.loads(line)
            if "error" in answer:
                raise RuntimeError(f"{command}: {answer['error']}")
            if "return" in answer:
                return answer["return"]
        raise EOFError(f"{command}: QEMU has gone")


class Emulator(Console):
    """QEMU with its first serial port in our hands. Machine and Bare say what it boots."""
    program = "QEMU"

    def __init__(self, work, name, *, machine="q35", cpu="max", memory="1024M", smp=1, extra=(),
                 icount=False, reboot=False):
        super().__init__(work, name)
        self.serial = None
        self.args = ["qemu-system-x86_64", "-machine", machine, "-accel", "tcg", "-cpu", cpu,
                     "-m", memory, "-smp", str(smp), "-nodefaults", "-display", "none",
                     "-chardev", "socket,id=serial,path=serial,server=on,wait=on",
                     "-serial", "chardev:serial", "-qmp", "unix:qmp,server=on,wait=off"]
        if not reboot:
            self.args += ["-no-reboot"]
        if icount:
            self.args += ["-icount", "shift=0,sleep=off", "-seed", "1",
                          "-rtc", "base=2024-01-01T00:00:00,clock=vm"]
        self.args += list(extra)

    def start(self, *args):
        self.args += args
        self.log_file.write((" ".join(self.args) + "\n").encode())
        with open(self.work / "qemu.err", "wb") as err:
            self.process = subprocess.Popen(self.args, cwd=self.work, stdin=subprocess.DEVNULL,
                                            stdout=err, stderr=err)
        self.serial = self._connect("serial")
        self.reading()
        return self

    def _connect(self, name):
        """QEMU makes its sockets some time after it starts."""
        deadline = time.monotonic() + 20 * FACTOR
        # A socket's address holds 107 bytes, and temporary folders have long names.
        folder = os.open(self.work, os.O_PATH)
        try:
            while True:
                sock = socket.socket(socket.AF_UNIX)
                try:
                    sock.connect(f"/proc/self/fd/{folder}/{name}")
                    return sock
                except (FileNotFoundError, ConnectionRefusedError):
                    sock.close()
                    if self.process.poll() is not None or time.monotonic() > deadline:
                        raise Failed(f"QEMU did not start: {self.errors()}") from None
                    time.sleep(0.02)    # there is nothing to wait on yet
        finally:
            os.close(folder)

    def receive(self):
        return self.serial.recv(65536)

    def send(self, text):
        self.serial.sendall(text.encode() if isinstance(text, str) else text)

    def errors(self):
        path = self.work / "qemu.err"
        return path.read_text(errors="replace").strip() if path.exists() else ""

    def qmp(self, command, **arguments):
        return Qmp(f"/proc/self/fd/{self._work_fd()}/qmp").do(command, **arguments)

    def _work_fd(self):
        if not hasattr(self, "_fd"):
            self._fd = os.open(self.work, os.O_PATH)
        return self._fd

    def send_break(self):
        """A BREAK on the serial line."""
        self.qmp("chardev-send-break", id="serial")

    def close(self):
        super().close()
        if self.serial:
            self.serial.close()
        if hasattr(self, "_fd"):
            os.close(self._fd)
            del self._fd


class Bare(Emulator):
    """The emulator without Socle: what the same kernel does there."""

    def __init__(self, work, name, *, kernel="vmlinuz-cloud", initrd="test.img",
                 cmdline="console=ttyS0", memory="256M", files=None, **options):
        super().__init__(work, name, memory=memory, **options)
        find = (files or {}).get
        if isinstance(initrd, list):
            parts = [pathlib.Path(find(i) or GUESTS / i).read_bytes() for i in initrd]
            (self.work / "initrd").write_bytes(b"".join(parts))
            initrd = self.work / "initrd"
        self.start("-vga", "none", "-kernel", str(find(kernel) or GUESTS / kernel),
                   "-initrd", str(find(initrd) or GUESTS / initrd), "-append", cmdline)

    def output(self, name=None):
        """The guest's lines so far."""
        return self.text.splitlines()


# ---- Socle -----------------------------------------------------------------------------

class Socle:
    """What a machine with Socle on it can do, whatever emulates it; mixed into a Console."""

    def place(self, config, host=None, files=None, without=(), switches=()):
        """
        Puts the configuration (its text, or a list of guest()s) and its files into the work
        folder. `files` gives names other files than those in build/guests (a path, or bytes);
        `without` leaves some out. switches: tables of keys, dict(name="lan").
        """
        if not isinstance(config, str):
            config = toml(config, {"when_all_stopped": "poweroff", **(host or {})}, switches)
        self.config = config
        (self.work / "socle.toml").write_text(config)
        self.modules = [m for m in ("socle.toml", *files_of(config)) if m not in without]
        for file in self.modules:
            if file != "socle.toml":
                self._link(file, (files or {}).get(file, GUESTS / file))

    def _link(self, name, source):
        target = self.work / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(source, bytes):
            target.write_bytes(source)
        else:
            assert pathlib.Path(source).exists(), f"{source} is missing: make guests"
            target.symlink_to(pathlib.Path(source).resolve())

    def expect_up(self, *names, timeout=180):
        """Waits until the test guests have printed GUEST-UP. None: the attached one."""
        if not names:
            return self.expect(r"^GUEST-UP$", timeout)
        return self.expect_all(*(rf"^\[{n}\] GUEST-UP$" for n in names), timeout=timeout)

    def prompt(self, timeout=60):
        """Opens the hypervisor's prompt from wherever the console is."""
        self.send(ESCAPE)
        self.expect(rf"{PROMPT}", timeout)

    def command(self, line, timeout=60):
        """
        Types a command at the open prompt and returns what appears up to the next prompt,
        without its echo. Other guests' lines may be among it.
        """
        start = self.at
        self.send(line + "\r")
        self.expect(rf"{re.escape(line)}.*\n", timeout)
        answer = self.at
        self.expect(rf"^{PROMPT}\Z|^{PROMPT}$|^{PROMPT}(?=\n)", timeout)
        assert self.at > start
        return self.text[answer:self.at - len(PROMPT)]

    def attach(self, name, timeout=60):
        """From the open prompt to a guest's console."""
        self.send(f"console {name}\r")
        self.expect(rf"attached to guest {re.escape(name)}", timeout)

    def output(self, name=None):
        """Lines of a guest in the log view so far; without a name: all lines as they are."""
        lines = self.text.splitlines()
        head = f"[{name}] "
        return lines if name is None else [l[len(head):] for l in lines if l.startswith(head)]

    def stops(self, name):
        """Why the guest has stopped, each time: "poweroff", "crash: …"."""
        return re.findall(rf"^socle: guest {re.escape(name)}: stopped \((.*)\)$", self.text, re.MULTILINE)


class Machine(Socle, Emulator):
    """
    Socle with its guests in QEMU. `config`, `host`, `files`, `without`, `switches`: see place().
    boot: "direct" (QEMU loads the hypervisor by Multiboot 1: fast), or an image made by
    `socle iso`, booted by "bios" or "uefi". `options`: the hypervisor's command line
    (direct only).
    """

    def __init__(self, work, name, config, *, boot="direct", host=None, options="", files=None,
                 without=(), switches=(), elf=ELF, **machine):
        super().__init__(work, name, **machine)
        self.place(config, host, files, without, switches)
        if boot == "direct":
            self.start("-vga", "none", "-kernel", str(elf), "-append", options, "-initrd",
                       ",".join(self.modules))
        else:
            self._start_iso(boot, elf)

    def _start_iso(self, boot, elf):
        iso = self.work / "hv.iso"
        subprocess.run([TOOL, "iso", "socle.toml", "-o", iso], cwd=self.work, check=True,
                       stdin=subprocess.DEVNULL, env=dict(os.environ, SOCLE_ELF=str(elf)))
        args = ["-drive", f"if=none,id=cd,media=cdrom,format=raw,readonly=on,file={iso}",
                "-device", "ide-cd,drive=cd,bootindex=0"]
        if boot == "uefi":
            shutil.copy(OVMF[1], self.work / "vars.fd")
            args += ["-vga", "std", "-drive", f"if=pflash,format=raw,readonly=on,file={OVMF[0]}",
                     "-drive", "if=pflash,format=raw,file=vars.fd"]
        self.start(*args)


def values(lines, word):
    """What follows `WORD ` in the test guest's lines: values(lines, "SUM") == ["…"]."""
    return [l[len(word) + 1:] for l in lines if l.startswith(word + " ")]


def check_run(m, name, prefix=None):
    """The guest computed the right checksum on a whole PC and switched itself off."""
    lines = m.output(prefix)
    assert values(lines, "SUM") == [host_sum()]
    assert values(lines, "CPUS") == ["1"]
    assert values(lines, "CLOCKSOURCE") and "GUEST-UP" in lines
    assert m.stops(name) == ["poweroff"]
