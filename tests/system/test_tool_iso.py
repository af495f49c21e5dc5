# SPDX-License-Identifier: BSD-2-Clause
"""
`socle iso`, with the real grub-mkrescue and with fakes.
"""
import os
import shutil
import signal
import stat
import subprocess

import pytest

from toolwork import alive, bzimage, extract, fake_grub, GOOD, MKRESCUE, needs_mkrescue, TOOL, wait_for, work


# ---- iso -----------------------------------------------------------------------------

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
