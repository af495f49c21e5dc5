# SPDX-License-Identifier: BSD-2-Clause
"""
The host-side command `socle`: its usage, check and grub. Kernels are made here.
"""
import os
import shutil
import struct
import subprocess

import pytest

from toolwork import bzimage, GOOD, initrd, ROOT, work


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


def test_check_finds_odd_disks(work):
    work.write("root.img", b"\0" * 1000)
    work.write("socle.toml", GOOD + DISK)
    r = work.run("check", "socle.toml")
    assert r.returncode == 1 and r.stderr.startswith('socle.toml:9:8: error: disk "root.img": its size, 1000 bytes,')
    assert "`truncate -s %512 root.img`" in r.stderr
    work.write("root.img", b"\0" * 1024)
    r = work.run("check", "socle.toml")
    assert (r.returncode, r.stderr) == (0, "")
    work.write("root.img", b"")
    r = work.run("check", "socle.toml")
    assert r.returncode == 1 and 'error: disk "root.img": is empty' in r.stderr
    work.write("root.img", b"\0" * 32769 + b"CD001" + b"\0" * 2042)
    r = work.run("check", "socle.toml")
    assert r.returncode == 0 and "add `readonly = true`" in r.stderr
    work.write("socle.toml", GOOD + DISK + "readonly = true\n")
    r = work.run("check", "--strict", "socle.toml")
    assert (r.returncode, r.stderr) == (0, "")
    work.write("socle.toml", GOOD + DISK + "cdrom = true\n")
    r = work.run("check", "socle.toml")
    assert r.returncode == 1 and "10:9: error: cdrom is not supported by this version yet" in r.stderr
    work.write("root.img", b"\0" * 2048)
    assert "not an ISO 9660 image" in work.run("check", "socle.toml").stderr


def test_disk_images_go_along_as_modules(work):
    work.write("root.img", b"\0" * 1024)
    work.write("socle.toml", GOOD + DISK + '\n[[guest.disk]]\ndevice = "serial:data1"\n')
    r = work.run("grub", "socle.toml")
    assert r.returncode == 0 and "module2 --nounzip '/boot/guests/root.img' 'root.img'" in r.stdout
    assert "data1" not in r.stdout


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
