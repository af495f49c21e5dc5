# SPDX-License-Identifier: BSD-2-Clause
"""
The host-side command `socle`, without a real emulator: check, iso, grub, the usage of
all, and `run` against fake emulators that play a part of a boot.

SOCLE_TOOL names another command than build/socle. Kernels are made here: the smallest
file that the loaders take for a Linux kernel.
"""
import os
import pathlib
import pty
import select
import shutil
import signal
import stat
import struct
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = os.environ.get("SOCLE_TOOL", str(ROOT / "build" / "socle"))


# ---- helpers ---------------------------------------------------------------------

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


# ---- the command itself -------------------------------------------------------------

def test_version_is_the_tree_s(work):
    r = work.run("--version")
    assert (r.returncode, r.stdout) == (0, f"socle {(ROOT / 'VERSION').read_text().strip()}\n")


@pytest.mark.parametrize("args", [["--help"], ["-h"], ["help"]])
def test_help_names_every_command(work, args):
    r = work.run(*args)
    assert r.returncode == 0 and r.stderr == ""
    for command in ("check", "iso", "grub", "run"):
        assert f"\n  {command} " in r.stdout


@pytest.mark.parametrize("command", ["check", "iso", "grub", "run"])
def test_help_of_each_command(work, command):
    for args in ([command, "--help"], [command, "-h"], ["help", command], [command, "x", "--help"]):
        r = work.run(*args)
        assert r.returncode == 0 and r.stderr == ""
        assert r.stdout.startswith(f"Usage: socle {command} ")
        assert "Exit code: 0" in r.stdout
        assert max(map(len, r.stdout.splitlines())) <= 90


@pytest.mark.parametrize("args, words", [
    ([], "which command?"),
    (["chekc", "x"], 'did you mean "check"?'),
    (["frobnicate"], 'there is no command "frobnicate"'),
    (["--verzion"], "there is no option"),
    (["check"], "which configuration file?"),
    (["check", "a", "b"], "one configuration file at a time"),
    (["check", "--strickt", "a"], "did you mean --strict?"),
    (["check", "--strict=yes", "a"], "--strict takes no value"),
    (["check", "-x", "a"], "there is no option -x"),
    (["iso", "a"], "say -o out.iso"),
    (["iso", "a", "-o"], "--output wants a value"),
    (["iso", "a", "-o", "b", "--output=c"], "given twice"),
    (["run", "a", "--platform", "bochs-vmz"], "did you mean bochs-vmx?"),
    (["run", "a", "--platform"], "--platform wants a value"),
    (["run", "a", "--cpus", "0"], "--cpus 0: say a whole number"),
    (["run", "a", "--cpus", "x"], "--cpus x: say a whole number"),
    (["run", "a", "--memory", "512"], "--memory 512: say a whole number and a unit"),
    (["run", "a", "--memory", "1M"], "--memory 1m: from 16m"),
    (["run", "a", "--memory", "99999999999999999999G"], "--memory"),
    (["run", "a", "--timeout", "0"], "--timeout 0: say a number of seconds"),
    (["run", "a", "--timeout", "-1"], "--timeout -1: say a number of seconds"),
    (["run", "a", "--timeout", "nan"], "--timeout nan: say a number of seconds"),
    (["run", "a", "--uefi", "--platform", "bochs-svm"], "--uefi works with --platform qemu"),
    (["run", "--", "a"], "which configuration file?"),
])
def test_wrong_usage(work, args, words):
    r = work.run(*args)
    assert r.returncode == 2 and r.stdout == ""
    lines = r.stderr.splitlines()
    assert len(lines) == 2, "one line and a hint"
    assert lines[0].startswith("socle: ") and words in lines[0].lower().replace("OUT", "out")
    assert lines[1].startswith("Try `socle")


# ---- check ---------------------------------------------------------------------------

def test_check_is_silent_when_good(work):
    r = work.run("check", "socle.toml")
    assert (r.returncode, r.stdout, r.stderr) == (0, "", "")
    r = work.run("check", "--strict", "socle.toml")
    assert (r.returncode, r.stdout, r.stderr) == (0, "", "")


def test_check_finds_names_beside_the_file_not_beside_us(work):
    r = work.run("check", str(work.dir / "socle.toml"), cwd="/")
    assert (r.returncode, r.stderr) == (0, "")


@pytest.mark.parametrize("name", ["nothing.toml", "."])
def test_check_of_an_unreadable_file(work, name):
    r = work.run("check", name)
    assert r.returncode == 2 and r.stdout == ""
    assert r.stderr.startswith(f"socle: {name}: ") and r.stderr.count("\n") == 1


def test_check_does_not_hang_on_a_fifo(work):
    os.mkfifo(work.dir / "fifo.toml")
    r = work.run("check", "fifo.toml")
    assert r.returncode == 2 and "not a regular file" in r.stderr


def test_check_reports_the_parser_s_errors_in_order(work):
    work.write("bad.toml", GOOD + 'on_crash = "explode"\nvcpus = 2\n')
    r = work.run("check", "bad.toml")
    lines = r.stderr.splitlines()
    assert r.returncode == 1 and r.stdout == ""
    assert lines[0].startswith("bad.toml:7:12: error: ")
    assert lines[1].startswith("bad.toml:8:") and "cpus" in lines[1]


def test_check_sorts_files_between_parser_errors(work):
    work.write("bad.toml", """\
[[guest]]
name = "web"
memory = "64M"
kernel = "nothing-like-it"
on_crash = "explode"

[[guest]]
name = "db"
memory = "64M"
kernel = "neither-this"
""")
    r = work.run("check", "bad.toml")
    positions = [line.split(": ")[0] for line in r.stderr.splitlines()]
    assert positions == ["bad.toml:4:10", "bad.toml:5:12", "bad.toml:10:10"]


def kernel_error(work, data, expected_rc=1):
    work.write("vmlinuz", data)
    r = work.run("check", "socle.toml")
    assert r.returncode == expected_rc, r.stderr
    assert r.stdout == "" and r.stderr.count("\n") == 1, r.stderr
    assert r.stderr.startswith("socle.toml:4:10: error: ")
    return r.stderr


ELF_ARM = b"\x7fELF\x02\x01\x01" + b"\0" * 9 + struct.pack("<HHI", 2, 183, 1) + b"\0" * 200
ELF_PLAIN = b"\x7fELF\x02\x01\x01" + b"\0" * 9 + struct.pack("<HHI", 2, 62, 1) + b"\0" * 200


@pytest.mark.parametrize("data, words", [
    (b"QFI\xfb" + b"\0" * 600, ["qcow2", "qemu-img convert"]),
    (b"KDMV" + b"\0" * 600, ["vmdk", "qemu-img convert"]),
    (b"vhdxfile" + b"\0" * 600, ["vhdx", "qemu-img convert"]),
    (b"\x1f\x8b\x08" + b"\0" * 600, ["gzip", "unpack"]),
    (b"\xfd7zXZ\0" + b"\0" * 600, ["xz", "unpack"]),
    (b"\0" * 32769 + b"CD001" + b"\0" * 600, ["cd image", "cdrom = true"]),
    (initrd(), ["cpio", "initrd"]),
    (b"hello\n", ["text"]),
    (b"\0" * 700, ["not a kernel"]),
    (b"", ["empty"]),
    (ELF_ARM, ["another processor"]),
    (ELF_PLAIN, ["elf", "bzimage"]),
    (bzimage()[:2000], ["truncated"]),
    (bzimage()[:0x220], ["truncated"]),
], ids=["qcow2", "vmdk", "vhdx", "gzip", "xz", "iso", "cpio", "text", "zeros", "empty", "arm", "plain-elf",
        "cut", "cut-in-header"])
def test_check_tells_what_a_wrong_kernel_is(work, data, words):
    message = kernel_error(work, data).lower()
    for word in words:
        assert word in message


def test_check_of_missing_files_names_a_near_one(work):
    os.rename(work.dir / "vmlinuz", work.dir / "vmlinuz1")
    r = work.run("check", "socle.toml")
    assert r.returncode == 1
    assert r.stderr == ('socle.toml:4:10: error: kernel "vmlinuz": no such file; '
                        'did you mean "vmlinuz1"?\n')
    os.rename(work.dir / "vmlinuz1", work.dir / "VMLINUZ")
    assert 'capitals matter' in work.run("check", "socle.toml").stderr


def test_check_of_directories_and_unreadable_files(work):
    os.remove(work.dir / "vmlinuz")
    os.mkdir(work.dir / "vmlinuz")
    assert "is a directory, not a file" in work.run("check", "socle.toml").stderr
    os.rmdir(work.dir / "vmlinuz")
    os.mkfifo(work.dir / "vmlinuz")
    assert "not a file" in work.run("check", "socle.toml").stderr
    os.remove(work.dir / "vmlinuz")
    work.write("vmlinuz", bzimage()).chmod(0)
    r = work.run("check", "socle.toml")
    if os.geteuid():
        assert "cannot be read: Permission denied" in r.stderr


def test_check_refuses_names_that_lead_outside(work):
    shutil.copy(work.dir / "vmlinuz", work.dir.parent / "vmlinuz")
    for name in ("../vmlinuz", "/boot/vmlinuz", "a/../../vmlinuz"):
        work.write("socle.toml", GOOD.replace('"vmlinuz"', f'"{name}"'))
        r = work.run("check", "socle.toml")
        assert r.returncode == 1 and r.stderr.startswith("socle.toml:4:10: error: "), r.stderr


def test_check_refuses_a_file_with_the_configuration_s_boot_name(work):
    work.write("my.toml", GOOD.replace('"initrd.img"', '"socle.toml"'))
    r = work.run("check", "my.toml")
    assert r.returncode == 1 and "my.toml:5:10: error: " in r.stderr
    assert "rename it" in r.stderr


def test_check_says_when_the_guest_has_too_little_memory(work):
    work.write("vmlinuz", bzimage(code=40 << 20))
    work.write("socle.toml", GOOD.replace('"64M"', '"32M"'))
    r = work.run("check", "socle.toml")
    assert r.returncode == 1
    assert r.stderr.startswith('socle.toml:3:10: error: kernel "vmlinuz": ')
    assert "memory" in r.stderr


def test_check_counts_the_initrd_into_the_guest_s_memory(work):
    with open(work.dir / "initrd.img", "ab") as f:
        f.truncate(200 << 20)
    r = work.run("check", "socle.toml")
    assert r.returncode == 1 and r.stderr.startswith("socle.toml:3:10: error: "), r.stderr


def test_check_of_an_initrd_that_is_none(work):
    work.write("initrd.img", bzimage())
    r = work.run("check", "socle.toml")
    assert r.returncode == 1
    assert r.stderr.startswith('socle.toml:5:10: error: initrd "initrd.img": a Linux kernel')
    work.write("initrd.img", b"\0" * 4096)
    r = work.run("check", "socle.toml")
    assert r.returncode == 0 and "warning" in r.stderr
    assert work.run("check", "--strict", "socle.toml").returncode == 1


DISK = '\n[[guest.disk]]\nfile = "root.img"\n'


@pytest.mark.parametrize("magic, words", [
    (b"QFI\xfb", ["qcow2", "qemu-img convert -O raw root.img root.img.raw"]),
    (b"vhdxfile", ["VHDX", "qemu-img convert"]),
    (b"\x1f\x8b\x08", ["gzip", "gzip -d < root.img"]),
], ids=["qcow2", "vhdx", "gzip"])
def test_check_names_the_conversion_of_disk_images(work, magic, words):
    work.write("root.img", magic + b"\0" * 2000)
    work.write("socle.toml", GOOD + DISK)
    r = work.run("check", "socle.toml")
    line = [l for l in r.stderr.splitlines() if "socle.toml:9:8: error: disk" in l]
    assert r.returncode == 1 and len(line) == 1, r.stderr
    for word in words:
        assert word in line[0]


def test_check_warns_of_odd_disks(work):
    work.write("root.img", b"\0" * 1000)
    work.write("socle.toml", GOOD + DISK)
    r = work.run("check", "socle.toml")
    assert r.returncode == 0 and "not a multiple of 512" in r.stderr
    work.write("root.img", b"\0" * 32769 + b"CD001" + b"\0" * 2042)
    assert "cdrom = true" in work.run("check", "socle.toml").stderr
    work.write("socle.toml", GOOD + DISK + "cdrom = true\n")
    assert "cdrom = true" not in work.run("check", "socle.toml").stderr
    work.write("root.img", b"\0" * 2048)
    assert "not an ISO 9660 image" in work.run("check", "socle.toml").stderr


def test_check_adds_up_what_grub_must_load(work):
    work.write("socle.toml", GOOD.replace('"64M"', '"8G"') + DISK)
    (work.dir / "root.img").touch()
    os.truncate(work.dir / "root.img", 3 << 30)
    r = work.run("check", "socle.toml")
    assert r.returncode == 0 and "many machines have only 2G" in r.stderr
    os.truncate(work.dir / "root.img", 5 << 30)
    r = work.run("check", "socle.toml")
    assert r.returncode == 1 and "socle.toml:9:8: error: all files together" in r.stderr


# ---- grub ----------------------------------------------------------------------------

def test_grub_prints_the_menu_entry(work):
    work.write("sub/vm", bzimage())
    work.write("demo.toml", GOOD + '\n[[guest]]\nname = "b"\nmemory = "64M"\n'
               'kernel = "./sub//vm"\ninitrd = "initrd.img"\n')
    r = work.run("grub", "demo.toml")
    assert (r.returncode, r.stderr) == (0, "")
    lines = [l.strip() for l in r.stdout.splitlines() if not l.startswith("#")]
    assert lines == [
        "menuentry 'Socle' {",
        "insmod all_video",
        "multiboot2 /boot/socle.elf",
        "module2 --nounzip /boot/guests/socle.toml socle.toml",
        "module2 --nounzip '/boot/guests/vmlinuz' 'vmlinuz'",
        "module2 --nounzip '/boot/guests/initrd.img' 'initrd.img'",
        "module2 --nounzip '/boot/guests/sub/vm' './sub//vm'",
        "}",
    ]
    assert "#   demo.toml" in r.stdout


def test_grub_warns_of_missing_files_but_prints(work):
    os.remove(work.dir / "vmlinuz")
    r = work.run("grub", "socle.toml")
    assert r.returncode == 0 and "menuentry" in r.stdout
    assert 'socle.toml:4:10: warning: kernel "vmlinuz": no such file' in r.stderr


def test_grub_of_a_bad_file_prints_nothing(work):
    work.write("bad.toml", "[[guest]]\nname = 3\n")
    r = work.run("grub", "bad.toml")
    assert r.returncode == 1 and r.stdout == "" and "bad.toml:2:8: error: " in r.stderr


@pytest.mark.skipif(not shutil.which("grub-script-check"), reason="needs grub-common")
def test_grub_s_own_parser_takes_the_entry(work):
    r = work.run("grub", "socle.toml")
    subprocess.run(["grub-script-check"], input=r.stdout, text=True, check=True)


# ---- iso -----------------------------------------------------------------------------

needs_mkrescue = pytest.mark.skipif(
    not (shutil.which("grub-mkrescue") and shutil.which("xorriso")),
    reason="needs grub-mkrescue and xorriso")


def extract(iso, inside, to):
    subprocess.run(["xorriso", "-osirrox", "on", "-indev", str(iso), "-extract", inside, str(to)],
                   check=True, capture_output=True)
    return to.read_bytes()


@needs_mkrescue
def test_iso_holds_everything_once(work, tmp_path):
    work.write("a=b\\c/real", bzimage(8192))
    os.remove(work.dir / "vmlinuz")
    os.symlink("a=b\\c/real", work.dir / "vmlinuz")
    work.write("sub/dir/vm", bzimage(code=16384))
    demo = GOOD + '\n[[guest]]\nname = "b"\nmemory = "64M"\nkernel = "sub/dir/vm"\n'
    work.write("demo.toml", demo)
    r = work.run("iso", "demo.toml", "-o", "out.iso")
    assert (r.returncode, r.stdout, r.stderr) == (0, "", "")
    iso = work.dir / "out.iso"
    assert extract(iso, "/boot/guests/socle.toml", tmp_path / "c") == demo.encode()
    assert extract(iso, "/boot/guests/vmlinuz", tmp_path / "k") == bzimage(8192)
    assert extract(iso, "/boot/guests/sub/dir/vm", tmp_path / "v") == bzimage(code=16384)
    assert extract(iso, "/boot/socle.elf", tmp_path / "e") == work.elf.read_bytes()
    cfg = extract(iso, "/boot/grub/grub.cfg", tmp_path / "g").decode()
    assert "set timeout=0\n" in cfg and "serial --unit=0 --speed=115200" in cfg
    assert cfg.count("module2 --nounzip ") == 4
    assert "multiboot2 /boot/socle.elf\n" in cfg
    assert work.left_over() == []
    assert sorted(p.name for p in work.dir.glob(".*")) == []
    assert stat.S_IMODE(iso.stat().st_mode) & 0o044 == 0o044
    # Both boot records: BIOS and UEFI.
    report = subprocess.run(["xorriso", "-indev", str(iso), "-report_el_torito", "plain"],
                            capture_output=True, text=True).stdout
    assert "BIOS" in report and "UEFI" in report


@needs_mkrescue
def test_iso_uses_the_configured_serial_port(work, tmp_path):
    work.write("socle.toml", '[host]\nconsole = ["vga", "com2"]\nbaud = 9600\n' + GOOD)
    assert work.run("iso", "socle.toml", "-oout.iso").returncode == 0
    cfg = extract(work.dir / "out.iso", "/boot/grub/grub.cfg", tmp_path / "g").decode()
    assert "serial --unit=1 --speed=9600" in cfg


def test_iso_checks_first(work):
    os.remove(work.dir / "vmlinuz")
    r = work.run("iso", "socle.toml", "-o", "out.iso")
    assert r.returncode == 1 and "socle.toml:4:10: error: " in r.stderr
    assert not (work.dir / "out.iso").exists()


@needs_mkrescue
@pytest.mark.parametrize("out, words", [
    ("missing/out.iso", "No such file or directory"),
    ("sub", "is not a regular file"),
    ("vmlinuz", "is one of the files that go into the image"),
    ("socle.toml", "is one of the files that go into the image"),
])
def test_iso_to_a_wrong_place(work, out, words):
    os.mkdir(work.dir / "sub")
    before = (work.dir / "vmlinuz").read_bytes()
    r = work.run("iso", "socle.toml", "-o", out)
    assert r.returncode == 2 and words in r.stderr and r.stderr.count("\n") == 1
    assert (work.dir / "vmlinuz").read_bytes() == before
    assert work.left_over() == []


@needs_mkrescue
def test_iso_without_the_hypervisor(work):
    work.env["SOCLE_ELF"] = "/nowhere/socle.elf"
    r = work.run("iso", "socle.toml", "-o", "out.iso")
    assert r.returncode == 2 and "SOCLE_ELF=/nowhere/socle.elf: no such file" in r.stderr
    work.env["SOCLE_ELF"] = str(work.dir / "initrd.img")
    r = work.run("iso", "socle.toml", "-o", "out.iso")
    assert r.returncode == 2 and "not an ELF file" in r.stderr


def test_iso_finds_the_hypervisor_where_it_is_installed(work, tmp_path):
    fake_grub(work, MKRESCUE)
    del work.env["SOCLE_ELF"]
    prefix = tmp_path / "usr"
    (prefix / "bin").mkdir(parents=True)
    tool = prefix / "bin" / "socle"
    shutil.copy(TOOL, tool)

    def iso():
        return subprocess.run([str(tool), "iso", "socle.toml", "-o", "out.iso"], cwd=work.dir,
                              env=work.env, text=True, capture_output=True, timeout=60)

    r = iso()
    assert r.returncode == 2 and f"neither at {prefix}/bin/socle.elf nor at {prefix}/lib/socle/" in r.stderr
    (prefix / "lib" / "socle").mkdir(parents=True)
    for place in ("lib/socle/socle.elf", "bin/socle.elf"):          # the second comes first
        (prefix / place).write_bytes(b"\x7fELF")
        assert iso().returncode == 0
        assert f"/boot/socle.elf={prefix}/{place}" in (work.dir / "out.iso").read_text()


@needs_mkrescue
def test_iso_keeps_the_old_output_when_it_fails(work):
    work.write("out.iso", "precious")
    work.env["SOCLE_ELF"] = "/nowhere/socle.elf"
    assert work.run("iso", "socle.toml", "-o", "out.iso").returncode == 2
    assert (work.dir / "out.iso").read_text() == "precious"


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


MKRESCUE = 'for a in "$@"; do case "$a" in --output=*) echo "$@" > "${a#--output=}";; esac; done\n'


def test_iso_says_what_is_not_installed(work):
    fake_grub(work, MKRESCUE, xorriso=False)
    r = work.run("iso", "socle.toml", "-o", "out.iso")
    assert r.returncode == 2 and "xorriso is not installed" in r.stderr
    os.remove(work.bin / "grub-mkrescue")
    r = work.run("iso", "socle.toml", "-o", "out.iso")
    assert r.returncode == 2 and "grub-mkrescue is not installed" in r.stderr
    assert "apt-get install grub-common grub-pc-bin grub-efi-amd64-bin xorriso mtools" in r.stderr
    assert not (work.dir / "out.iso").exists()


@pytest.mark.parametrize("host, warning, only", [
    (dict(), None, False),
    (dict(mtools=False), "mtools is not installed: the image will boot on BIOS", True),
    (dict(platforms=["i386-pc"]), "(grub-efi-amd64-bin) are not installed", False),
    (dict(platforms=["x86_64-efi"]), "(grub-pc-bin) are not installed", False),
])
def test_iso_falls_back_to_one_firmware(work, host, warning, only):
    fake_grub(work, MKRESCUE, **host)
    r = work.run("iso", "socle.toml", "-o", "out.iso")
    assert r.returncode == 0
    assert (warning in r.stderr) if warning else (r.stderr == "")
    assert ("--directory=" in (work.dir / "out.iso").read_text()) == only


def test_iso_without_any_platform(work):
    fake_grub(work, MKRESCUE, platforms=[])
    r = work.run("iso", "socle.toml", "-o", "out.iso")
    assert r.returncode == 2 and "(grub-pc-bin) are not installed" in r.stderr


def test_iso_explains_a_full_disk_and_other_failures(work):
    fake_grub(work, "echo 'xorriso : FAILURE : No space left on device'; exit 1\n")
    r = work.run("iso", "socle.toml", "-o", "out.iso")
    assert r.returncode == 2 and "not enough space on the disk" in r.stderr
    work.program("grub-mkrescue", "#!/bin/sh\necho one; echo the reason >&2; exit 7\n")
    r = work.run("iso", "socle.toml", "-o", "out.iso")
    assert r.returncode == 2 and "exit code 7" in r.stderr and "the reason\n" in r.stderr
    assert not (work.dir / "out.iso").exists()
    assert work.left_over() == [] and list(work.dir.glob(".out*")) == []


def test_iso_leaves_nothing_when_interrupted(work):
    fake_grub(work, 'touch "$TMPDIR/its-own"; echo $$ > "$HOME/pid"; sleep 60\n')
    work.env["HOME"] = str(work.dir)
    p = subprocess.Popen([TOOL, "iso", "socle.toml", "-o", "out.iso"], cwd=work.dir, env=work.env)
    assert wait_for(lambda: (work.dir / "pid").exists() and (work.dir / "pid").read_text())
    p.send_signal(signal.SIGTERM)
    assert p.wait(10) == -signal.SIGTERM
    assert work.left_over() == [] and list(work.dir.glob(".out*")) == []
    assert wait_for(lambda: not alive(int((work.dir / "pid").read_text())))


# ---- run, with fake emulators ------------------------------------------------------------

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

FAKE_BOCHS = r"""#!/usr/bin/env python3
import os, re, shutil, socket, sys
rc = open("bochsrc").read()
shutil.copy("bochsrc", os.environ["KEEP"])
port = int(re.search(r"dev=127.0.0.1:(\d+)", rc).group(1))
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", port))
s.listen(1)
c = s.accept()[0]
assert os.path.exists("hv.iso") and open("go").read().startswith("c\n")
c.sendall(os.environ["SAYS"].encode())
c.close()
sys.exit(1)
"""


def fake_bochs(work, says):
    fake_qemu(work, "exit 99\n")
    work.program("bochs-bin", FAKE_BOCHS)
    work.env["KEEP"] = str(work.dir / "kept.bochsrc")
    work.env["SAYS"] = says


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
    assert "socle: all guests stopped" in r.stdout
    assert work.left_over() == []


@needs_bochs_bios
def test_run_on_bochs_judges_by_lines_not_by_exit_code(work):
    fake_bochs(work, "socle: guest web: started\r\n")
    assert work.run("run", "socle.toml", "--platform", "bochs-svm").returncode == 1
    fake_bochs(work, "socle: panic: x\r\n")
    assert work.run("run", "socle.toml", "--platform", "bochs-svm").returncode == 3


@needs_bochs_bios
def test_run_on_bochs_that_does_not_begin(work):
    fake_bochs(work, "")
    work.program("bochs-bin", "#!/bin/sh\necho '>>PANIC<< bad rc line'\nexit 1\n")
    r = work.run("run", "socle.toml", "--platform", "bochs-vmx")
    assert r.returncode == 2 and "bad rc line" in r.stderr
    os.remove(work.bin / "bochs-bin")
