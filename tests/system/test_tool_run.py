# SPDX-License-Identifier: BSD-2-Clause
"""
`socle run` against fake emulators that play a part of a boot.
"""
import os
import pty
import select
import shutil
import signal
import subprocess
import time

import pytest

from toolwork import alive, bzimage, extract, fake_grub, GOOD, initrd, MKRESCUE, needs_mkrescue, TOOL, wait_for, work


# ---- run, with fake emulators ------------------------------------------------------------

BOOT = r"""
printf '\033[H\033[J  Booting `Socle'"'"'\r\n\r\n\033[2Jsocle: Socle 0.1\r\n'
printf 'socle: guest web: started\r\n'
"""
BYE = r"""
printf '[web] bye\r\nsocle: guest web: stopped (poweroff)\r\nsocle: all guests stopped\r\n'
"""


def fake_qemu(work, body):
    """QEMU's part is played by shell text; its arguments go to args, its number to pid."""
    work.program("qemu-system-x86_64",
                 f'#!/bin/sh\nprintf "%s\\n" "$@" > {work.dir}/args\necho $$ > {work.dir}/pid\n'
                 + body)
    if not (work.bin / "grub-mkrescue").exists():
        # The image itself is not needed; keep it quick.
        work.program("grub-mkrescue", "#!/bin/sh\n" + MKRESCUE)
        for platform in ("i386-pc", "x86_64-efi"):
            folder = work.bin.parent / "lib" / "grub" / platform
            folder.mkdir(parents=True)
            (folder / "moddep.lst").touch()


def args_of(work):
    return (work.dir / "args").read_text().split("\n")[:-1]


def after(args, option):
    return args[args.index(option) + 1]


def test_run_to_a_good_end(work):
    fake_qemu(work, BOOT + BYE)
    r = work.run("run", "socle.toml")
    assert r.returncode == 0
    assert r.stdout.endswith("socle: all guests stopped\n")     # text mode folds CR LF
    assert "[web] bye" in r.stdout
    assert "QEMU with " in r.stderr and "Ctrl-A x" in r.stderr
    assert work.left_over() == []


@pytest.mark.parametrize("body, code, words", [
    ("printf 'socle: guest web: stopped (crash: triple fault)\\r\\nsocle: all guests stopped\\r\\n'",
     1, "triple fault"),
    ("printf 'socle: guest db: not started: no memory\\r\\n'" + BYE, 1, "no memory"),
    ("printf 'socle: panic: oh no\\r\\n'", 3, ""),
    ("printf 'socle: panic: oh no\\r\\n'; sleep 60", 3, ""),
    ("printf 'socle: panic: no line end'", 3, ""),
    ("printf '[web] socle: panic: forged\\r\\n'" + BYE, 0, ""),
    ("printf 'x socle: panic: forged\\r\\n'" + BYE, 0, ""),
    ("printf 'socle> half\\r\\033[Ksocle: guest web: stopped (crash: redrawn)\\r\\n'" + BYE, 1, "redrawn"),
    ("printf 'socle: guest web: stopped (killed)\\r\\nsocle: all guests stopped\\r\\n'", 0, ""),
    ("printf 'socle: guest web: stopped (killed)\\r\\n'", 0, ""),
    ("", 1, "before all guests had stopped"),
    ("kill -SEGV $$", 1, "signal 11"),
], ids=["crash", "not-started", "panic", "panic-halts", "panic-unfinished", "forged", "not-at-start",
        "redrawn-line", "killed", "killed-only", "off-too-early", "emulator-died"])
def test_run_judges_by_the_hypervisor_s_lines(work, body, code, words):
    fake_qemu(work, BOOT + body)
    begin = time.monotonic()
    r = work.run("run", "socle.toml")
    assert r.returncode == code, r.stderr
    assert words in r.stderr
    assert time.monotonic() - begin < 8
    assert work.left_over() == []


def test_run_when_the_emulator_refuses(work):
    fake_qemu(work, "echo 'invalid option' >&2; exit 1\n")
    r = work.run("run", "socle.toml", "--", "-wrong")
    assert r.returncode == 2
    assert "socle run: qemu: invalid option\n" in r.stderr and "exit code 1" in r.stderr
    assert args_of(work)[-1] == "-wrong"


def test_run_when_grub_fails(work):
    fake_qemu(work, "printf 'error: out of memory.\\r\\nPress any key to continue...'; sleep 60\n")
    r = work.run("run", "socle.toml")
    assert r.returncode == 2 and "GRUB could not start Socle: out of memory." in r.stderr
    assert not alive(int((work.dir / "pid").read_text()))


def test_run_of_a_bad_file(work):
    os.remove(work.dir / "vmlinuz")
    fake_qemu(work, BOOT + BYE)
    r = work.run("run", "socle.toml")
    assert r.returncode == 2 and "socle.toml:4:10: error: " in r.stderr
    assert not (work.dir / "args").exists()


def test_run_without_an_emulator(work):
    fake_grub(work, MKRESCUE)
    r = work.run("run", "socle.toml")
    assert r.returncode == 2 and "apt-get install qemu-system-x86" in r.stderr
    assert work.left_over() == []


def test_run_s_qemu_arguments(work):
    fake_qemu(work, BOOT + BYE)
    assert work.run("run", "socle.toml").returncode == 0
    args = args_of(work)
    assert after(args, "-machine") == "q35" and after(args, "-smp") == "1"
    assert after(args, "-m") == "256M" and "-no-reboot" in args
    assert "-icount" not in args and not any("pflash" in a for a in args)
    work.write("socle.toml", GOOD.replace('"64M"', '"1G"'))
    assert work.run("run", "--icount", "--cpus=2", "socle.toml", "--", "-s", "--", "-x").returncode == 0
    args = args_of(work)
    assert after(args, "-m") == "1152M" and after(args, "-smp") == "2"
    assert after(args, "-icount") == "shift=0,sleep=off" and after(args, "-accel") == "tcg"
    assert args[-3:] == ["-s", "--", "-x"]
    assert work.run("run", "socle.toml", "--memory", "3G").returncode == 0
    assert after(args_of(work), "-m") == "3072M"


def test_run_with_icount_starts_without_grub(work):
    os.rename(work.dir / "vmlinuz", work.dir / "kernel-6.1")
    os.symlink("kernel-6.1", work.dir / "vmlinuz")
    fake_qemu(work, f'for a in "$@"; do case "$a" in *,*" vmlinuz"*) IFS=,; for m in $a; do '
              f'cp "${{m%% *}}" "{work.dir}/got-${{m##* }}"; done;; esac; done\n' + BOOT + BYE)
    os.remove(work.bin / "grub-mkrescue")
    assert work.run("run", "--icount", "socle.toml").returncode == 0
    args = args_of(work)
    words = [module.split(" ")[1] for module in after(args, "-initrd").split(",")]
    assert words == ["socle.toml", "vmlinuz", "initrd.img"]
    assert after(args, "-append") == "when_all_stopped=poweroff"
    assert not any("media=cdrom" in a for a in args)
    assert (work.dir / "got-socle.toml").read_text() == GOOD
    assert (work.dir / "got-vmlinuz").read_bytes() == bzimage()
    assert (work.dir / "got-initrd.img").read_bytes() == initrd()
    assert work.left_over() == []


@pytest.mark.parametrize("options, folder", [(["--icount"], "with blank"), (["--icount", "--uefi"], "x")])
def test_run_with_icount_falls_back_to_the_image(work, options, folder):
    if "--uefi" in options and not os.path.exists("/usr/share/OVMF/OVMF_CODE_4M.fd"):
        pytest.skip("needs ovmf")
    work.tmp = work.tmp / folder
    work.tmp.mkdir()
    work.env["TMPDIR"] = str(work.tmp)
    fake_qemu(work, BOOT + BYE)
    assert work.run("run", *options, "socle.toml").returncode == 0
    args = args_of(work)
    assert "-kernel" not in args and any("media=cdrom" in a for a in args)
    assert after(args, "-icount") == "shift=0,sleep=off" and work.left_over() == []


@pytest.mark.skipif(not os.path.exists("/usr/share/OVMF/OVMF_CODE_4M.fd"), reason="needs ovmf")
def test_run_with_uefi(work):
    fake_qemu(work, BOOT + BYE)
    assert work.run("run", "socle.toml", "--uefi").returncode == 0
    flash = [a for a in args_of(work) if a.startswith("if=pflash")]
    assert len(flash) == 2 and "readonly=on" in flash[0] and str(work.tmp) in flash[1]
    assert work.left_over() == []


@needs_mkrescue
def test_run_switches_the_machine_off_unless_the_file_decides(work, tmp_path):
    keep = 'for a in "$@"; do case "$a" in *file=*) cp "${a##*file=}" %s/kept.iso;; esac; done\n' % tmp_path
    work.program("grub-mkrescue", f'#!/bin/sh\nexec {shutil.which("grub-mkrescue")} "$@"\n')
    for platform in ("i386-pc", "x86_64-efi"):
        folder = work.bin.parent / "lib" / "grub" / platform
        folder.mkdir(parents=True)
        (folder / "moddep.lst").touch()
    fake_qemu(work, keep + BOOT + BYE)
    assert work.run("run", "socle.toml").returncode == 0
    cfg = extract(tmp_path / "kept.iso", "/boot/grub/grub.cfg", tmp_path / "g1").decode()
    assert "multiboot2 /boot/socle.elf when_all_stopped=poweroff\n" in cfg
    work.write("socle.toml", '[host]\nwhen_all_stopped = "reboot"\nconsole = ["vga"]\n' + GOOD)
    r = work.run("run", "socle.toml")
    assert r.returncode == 0 and "taking com1" in r.stderr
    cfg = extract(tmp_path / "kept.iso", "/boot/grub/grub.cfg", tmp_path / "g2").decode()
    assert "multiboot2 /boot/socle.elf console=com1\n" in cfg
    assert "-no-reboot" not in args_of(work)


def test_run_timeout(work):
    fake_qemu(work, BOOT + "trap '' TERM; sleep 60 & wait\nsleep 60\n")
    begin = time.monotonic()
    r = work.run("run", "socle.toml", "--timeout", "1.5")
    assert r.returncode == 124 and "timeout of 1.5 s" in r.stderr
    assert "socle: guest web: started" in r.stdout
    assert time.monotonic() - begin < 12
    assert not alive(int((work.dir / "pid").read_text()))
    assert work.left_over() == []


def test_run_does_not_wait_for_a_machine_that_never_goes_off(work):
    fake_qemu(work, BOOT + BYE + "sleep 60\n")
    r = work.run("run", "socle.toml")
    assert r.returncode == 0 and "did not switch itself off" in r.stderr
    work.write("socle.toml", '[host]\nwhen_all_stopped = "wait"\n' + GOOD)
    r = work.run("run", "socle.toml", "--timeout", "20")
    assert r.returncode == 124


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_run_ends_the_emulator_when_signalled(work, sig):
    fake_qemu(work, BOOT + "sleep 60\n")
    p = subprocess.Popen([TOOL, "run", "socle.toml"], cwd=work.dir, env=work.env,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert wait_for(lambda: (work.dir / "pid").exists() and (work.dir / "pid").read_text())
    time.sleep(0.2)
    p.send_signal(sig)
    p.communicate(timeout=10)
    assert p.returncode == -sig
    assert not alive(int((work.dir / "pid").read_text()))
    assert work.left_over() == []


def test_run_killed_hard_takes_the_emulator_along(work):
    fake_qemu(work, BOOT + "sleep 60\n")
    p = subprocess.Popen([TOOL, "run", "socle.toml"], cwd=work.dir, env=work.env,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert wait_for(lambda: (work.dir / "pid").exists() and (work.dir / "pid").read_text())
    p.kill()
    p.communicate(timeout=10)
    assert wait_for(lambda: not alive(int((work.dir / "pid").read_text())))


@pytest.mark.parametrize("ready", ["socle: ^] opens the prompt", "socle: guest db: started", "sleep"])
def test_run_passes_piped_input_once_the_console_is_ready(work, ready):
    # Until then firmware, GRUB and the set-up of the UART swallow what comes.
    ready = "" if ready == "sleep" else f"printf '{ready}\\r\\n'\n"
    fake_qemu(work, "timeout 0.7 cat > /dev/null\nprintf 'socle: Socle\\r\\n'\n"
              "timeout 0.7 cat > /dev/null\n" + ready +
              "read line; echo \"got <$line>\"\n" + BOOT + BYE)
    r = work.run("run", "socle.toml", "--timeout", "9", stdin=None, input="li\x01st\n")
    assert r.returncode == 0 and "got <li\x01st>" in r.stdout


def test_run_survives_the_end_of_its_output(work):
    fake_qemu(work, BOOT + "while :; do echo more || exit; done\n")
    p = subprocess.Popen([TOOL, "run", "socle.toml"], cwd=work.dir, env=work.env,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdout.readline()
    p.stdout.close()
    p.stderr.read()
    assert p.wait(10) == 130
    assert not alive(int((work.dir / "pid").read_text()))


def test_run_loses_no_output(work):
    fake_qemu(work, BOOT + "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done" + BYE)
    r = work.run("run", "socle.toml")
    assert r.returncode == 0
    assert [l for l in r.stdout.splitlines() if l.startswith("line")] == \
        [f"line {i}" for i in range(20000)]


class Terminal:
    """`socle run` on a terminal of its own."""

    def __init__(self, work, *args):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(work.dir)
            os.execve(TOOL, [TOOL, "run", *args], work.env)
        self.seen = b""

    def expect(self, what, seconds=10):
        until = time.monotonic() + seconds
        while what not in self.seen and time.monotonic() < until:
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    data = os.read(self.fd, 4096)
                except OSError:
                    break
                self.seen += data
        assert what in self.seen, self.seen

    def type(self, data):
        os.write(self.fd, data)

    def code(self):
        until = time.monotonic() + 15
        while time.monotonic() < until:
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    self.seen += os.read(self.fd, 4096)
                except OSError:
                    pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
        raise AssertionError("still running")


ECHO = BOOT + "exec cat -v\n"


def test_terminal_keys_reach_the_hypervisor(work):
    fake_qemu(work, ECHO)
    t = Terminal(work, "socle.toml")
    t.expect(b"socle: guest web: started\r\n")
    t.type(b"\x03\x1d\x1a\x1c\x04abc\x01\x01\r\n")
    t.expect(b"^C^]^Z^\\^Dabc^A^M\n")
    t.type(b"\x01h")
    t.expect(b"all else reaches Socle")
    assert b"where Ctrl-] opens the prompt\r\n" in t.seen
    t.type(b"\x01x")
    assert t.code() == 130
    assert not alive(int((work.dir / "pid").read_text()))
    assert work.left_over() == []


def test_terminal_leaving_after_a_crash_says_so(work):
    fake_qemu(work, BOOT + "printf 'socle: guest web: stopped (crash: x)\\r\\n'\nexec cat -v\n")
    t = Terminal(work, "socle.toml")
    t.expect(b"crash: x")
    t.type(b"\x01x")
    assert t.code() == 1


def test_terminal_mode_is_restored(work):
    import termios
    fake_qemu(work, BOOT + "sleep 60\n")
    t = Terminal(work, "socle.toml")
    before = termios.tcgetattr(t.fd)
    t.expect(b"started\r\n")
    assert wait_for(lambda: not termios.tcgetattr(t.fd)[3] & termios.ICANON)
    os.kill(t.pid, signal.SIGTERM)
    assert wait_for(lambda: termios.tcgetattr(t.fd)[3] & termios.ICANON)
    assert termios.tcgetattr(t.fd) == before
    assert t.code() == -signal.SIGTERM


def test_terminal_is_raw_again_after_stop_and_continue(work):
    import termios
    fake_qemu(work, BOOT + "sleep 60\n")
    t = Terminal(work, "socle.toml")
    before = termios.tcgetattr(t.fd)
    t.expect(b"started\r\n")
    assert wait_for(lambda: not termios.tcgetattr(t.fd)[3] & termios.ICANON)
    os.kill(t.pid, signal.SIGSTOP)
    os.waitpid(t.pid, os.WUNTRACED)
    termios.tcsetattr(t.fd, termios.TCSANOW, before)        # as a shell does
    os.kill(t.pid, signal.SIGCONT)
    assert wait_for(lambda: not termios.tcgetattr(t.fd)[3] & termios.ICANON)
    t.type(b"\x01x")
    assert t.code() == 130
    assert t.seen.endswith(b"\n")


# ---- run with a fake Bochs -----------------------------------------------------------------

# What it does after its words is Python text: `c` is the serial line.
FAKE_BOCHS = r"""#!/usr/bin/env python3
import os, re, shutil, socket, sys, time
rc = open("bochsrc").read()
shutil.copy("bochsrc", os.environ["KEEP"])
port = int(re.search(r"dev=127.0.0.1:(\d+)", rc).group(1))
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", port))
s.listen(1)
c = s.accept()[0]
assert os.path.exists("hv.iso") and open("go").read().startswith("c\n")
open(os.environ["KEEP"] + ".args", "w").write("\n".join(sys.argv[1:]))
c.sendall(os.environ["SAYS"].encode())
exec(os.environ["THEN"])
c.close()
sys.exit(1)
"""


def fake_bochs(work, says, then=""):
    fake_qemu(work, "exit 99\n")
    work.program("bochs-bin", FAKE_BOCHS)
    work.env["KEEP"] = str(work.dir / "kept.bochsrc")
    work.env["SAYS"] = says
    work.env["THEN"] = then


needs_bochs_bios = pytest.mark.skipif(
    not os.path.exists("/usr/share/bochs/BIOS-bochs-latest"), reason="needs bochsbios")
SAID = "socle: Socle\r\nsocle: guest web: started\r\nsocle: guest web: stopped (poweroff)\r\n"


@needs_bochs_bios
@pytest.mark.parametrize("platform, model", [("bochs-vmx", "corei7_skylake_x"), ("bochs-svm", "ryzen")])
def test_run_on_bochs(work, platform, model):
    fake_bochs(work, SAID + "socle: all guests stopped\r\n")
    r = work.run("run", "socle.toml", "--platform", platform, "--cpus", "2", "--memory", "320M")
    assert r.returncode == 0, r.stderr
    rc = (work.dir / "kept.bochsrc").read_text()
    assert f"cpu: model={model}, count=2" in rc and "megs: 320\n" in rc
    assert f"Bochs with the CPU model {model} (" in r.stderr and "Ctrl-A x" in r.stderr
    assert "socle: all guests stopped" in r.stdout
    assert work.left_over() == []


@needs_bochs_bios
def test_run_on_bochs_judges_by_lines_not_by_exit_code(work):
    fake_bochs(work, "socle: guest web: started\r\n")
    assert work.run("run", "socle.toml", "--platform", "bochs-svm").returncode == 1
    fake_bochs(work, "socle: panic: x\r\n")
    assert work.run("run", "socle.toml", "--platform", "bochs-svm").returncode == 3


@needs_bochs_bios
@pytest.mark.parametrize("extra, model", [
    (["cpu: model=corei7_haswell_4770"], "corei7_haswell_4770"),
    (["megs: 64", "cpu: ips=1000000,model=tigerlake", "cpu: count=2"], "tigerlake"),
    (["cpu: model=tigerlake", "cpu:model=corei7_icelake_u"], "corei7_icelake_u"),
])
def test_run_on_another_cpu_model_of_bochs(work, extra, model):
    fake_bochs(work, SAID + "socle: all guests stopped\r\n")
    r = work.run("run", "socle.toml", "--platform", "bochs-vmx", "--", *extra)
    assert r.returncode == 0, r.stderr
    assert f"Bochs with the CPU model {model} (as asked for)" in r.stderr
    assert (work.dir / "kept.bochsrc.args").read_text().split("\n")[-len(extra):] == extra


TWICE = "socle: Socle 0.1\r\n" + SAID.partition("\n")[2] + "socle: all guests stopped\r\nsocle: Socle 0.1\r\n"


@needs_bochs_bios
def test_run_on_bochs_ends_when_the_machine_restarts(work):
    fake_bochs(work, TWICE + "socle: guest web: started\r\n", "time.sleep(60)")
    begin = time.monotonic()
    r = work.run("run", "socle.toml", "--platform", "bochs-svm")
    assert r.returncode == 0 and "the machine has restarted; ended bochs" in r.stderr
    fake_bochs(work, TWICE.replace("poweroff", "crash: x"), "time.sleep(60)")
    r = work.run("run", "socle.toml", "--platform", "bochs-svm")
    assert r.returncode == 1 and "the machine has restarted; ended bochs" in r.stderr
    fake_bochs(work, TWICE.replace("socle: all guests stopped\r\n", "").replace("stopped", "paused"),
               "time.sleep(60)")
    r = work.run("run", "socle.toml", "--platform", "bochs-svm")
    assert r.returncode == 1 and "before all guests had stopped" in r.stderr
    assert time.monotonic() - begin < 20
    assert work.left_over() == []


@needs_bochs_bios
def test_run_on_bochs_goes_on_when_the_file_wants_restarts(work):
    work.write("socle.toml", '[host]\nwhen_all_stopped = "reboot"\n' + GOOD)
    fake_bochs(work, TWICE, 'c.sendall(b"socle: guest web: started\\r\\n")\ntime.sleep(60)')
    r = work.run("run", "socle.toml", "--platform", "bochs-svm", "--timeout", "3")
    assert r.returncode == 124 and "restarted" not in r.stderr
    assert r.stdout.endswith("socle: Socle 0.1\nsocle: guest web: started\n")


@needs_bochs_bios
def test_run_on_bochs_says_why_the_machine_ended(work):
    """A triple fault of the hypervisor itself, for example."""
    fake_bochs(work, "socle: Socle 0.1\r\nsocle: guest web: started\r\n",
               'open("bochs.log", "w").write("1p[CPU0  ] >>PANIC<< exception(): 3rd (13) exception\\n")')
    r = work.run("run", "socle.toml", "--platform", "bochs-svm")
    assert r.returncode == 1 and "before all guests had stopped" in r.stderr
    assert "bochs: 1p[CPU0  ] >>PANIC<< exception(): 3rd (13) exception\n" in r.stderr


ANSWER = """
line = b""
while not line.endswith(b"\\r"):
    line += c.recv(1)
c.sendall(b"got " + repr(line).encode() + b"\\r\\n")
"""


@needs_bochs_bios
def test_run_on_bochs_passes_keys(work):
    fake_bochs(work, SAID, ANSWER)
    r = work.run("run", "socle.toml", "--platform", "bochs-svm", stdin=None, input="\x1dlist\r")
    assert r.returncode == 0 and "got b'\\x1dlist\\r'" in r.stdout
    t = Terminal(work, "--platform", "bochs-svm", "socle.toml")
    t.expect(b"(poweroff)\r\n")
    t.type(b"\x1d\x03poweroff now\r")
    t.expect(b"got b'\\x1d\\x03poweroff now\\r'")
    assert t.code() == 0


@needs_bochs_bios
def test_run_on_bochs_that_does_not_begin(work):
    fake_bochs(work, "")
    work.program("bochs-bin", "#!/bin/sh\necho '>>PANIC<< bad rc line'\nexit 1\n")
    r = work.run("run", "socle.toml", "--platform", "bochs-vmx")
    assert r.returncode == 2 and "bad rc line" in r.stderr and "lists the CPU models" not in r.stderr
    r = work.run("run", "socle.toml", "--platform", "bochs-vmx", "--", "cpu: model=haswell")
    assert r.returncode == 2 and 'lists the CPU models; is "haswell" among them?' in r.stderr
    os.remove(work.bin / "bochs-bin")
