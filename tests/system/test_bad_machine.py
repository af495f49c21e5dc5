# SPDX-License-Identifier: BSD-2-Clause
"""
Machines and files that are not as they should be: one plain line says what and what to do,
and nothing hangs in silence. Toys keep it quick; what fails, fails before a guest runs.
"""
import re
import struct
import subprocess

import pytest

from harness import ELF, FACTOR, GUESTS, PROMPT, guest, toml, toy

QUICK = 60


def told(m, name):
    """The one line why a guest was not started."""
    lines = re.findall(rf"^socle: guest {name}: not started: (.*)$", m.text, re.MULTILINE)
    assert len(lines) == 1, lines
    return lines[0]


def ends(m):
    m.expect(r"^socle: all guests stopped$", QUICK)
    m.wait_exit(QUICK)


# ---- the CPU ---------------------------------------------------------------------------------

@pytest.mark.parametrize("cpu", ["qemu64,-svm", "max,-svm", "qemu64,vendor=GenuineIntel,-svm"])
def test_without_amd_v(machine, cpu):
    m = machine([toy("one", "count"), toy("two", "count")], cpu=cpu)
    ends(m)
    assert told(m, "one") == told(m, "two")
    assert "AMD-V" in told(m, "one") or "VT-x" in told(m, "one")


def test_without_nested_paging(machine):
    """AMD-V of the first generation: what is missing is named."""
    m = machine([toy("one", "count")], cpu="max,-npt")
    ends(m)
    assert "nested paging" in told(m, "one").lower()


def test_without_amd_v_the_prompt_still_answers(machine):
    m = machine([toy("one", "count")], cpu="max,-svm", host={"when_all_stopped": "wait"})
    m.expect(r"^socle: all guests stopped$", QUICK)
    m.prompt()
    assert re.search(r"^one +failed ", m.command("list"), re.MULTILINE)
    assert "cannot start guest one" in m.command("start one") or "unknown" not in m.text
    m.send("poweroff\r")
    m.wait_exit(QUICK)


# ---- memory ------------------------------------------------------------------------------------

def test_64_mib_machine(machine):
    """A guest that fits runs; one that does not is told what it wants and what is left."""
    m = machine([toy("fits", "count", memory="16M", cmdline="seconds=1"), guest("large")], memory="64M")
    m.expect(r"^socle: guest fits: stopped \(poweroff\)$", QUICK)
    ends(m)
    assert re.fullmatch(r"not enough memory: it wants 256M, the machine has \d+M left", told(m, "large"))


def test_memory_is_given_out_once(machine):
    """The machine holds two of three; the third gets its turn when one has gone."""
    m = machine([toy(n, "count", memory="96M") for n in ("one", "two", "three")], memory="256M")
    m.expect_all(r"^\[one\] COUNT 1$", r"^\[two\] COUNT 1$", timeout=QUICK)
    assert "not enough memory" in told(m, "three")
    m.prompt()
    m.send("kill one\r")
    m.expect(r"^socle: guest one: stopped \(killed\)$")
    m.expect(r"^socle> ")
    m.send("start three\r")
    m.expect(r"^socle: guest three: started$")
    m.expect(r"^\[three\] COUNT 1$")
    m.send("kill two\rkill three\r")
    ends(m)


@pytest.mark.parametrize("memory", ["8M", "16M"])
def test_tiny_machine_says_so(machine, memory):
    """Too small for Socle itself, or for any guest: a line, and no hang."""
    m = machine([toy("one", "count", memory="16M")], memory=memory)
    m.expect(r"^socle: .*(memory|Memory)", QUICK)
    m.panic_expected = True


# ---- files --------------------------------------------------------------------------------------

@pytest.mark.parametrize("missing", ["vmlinuz-cloud", "test.img"])
def test_missing_module(machine, missing):
    m = machine([guest("one"), toy("two", "count", cmdline="seconds=1")], without=[missing])
    m.expect(r"^socle: guest two: stopped \(poweroff\)$", QUICK)
    ends(m)
    assert told(m, "one") == f'"{missing}" is not among the boot loader\'s modules'


def cut(image, n):
    return (GUESTS / image).read_bytes()[:n]


def declared_size(image):
    """What a bzImage's header promises (boot.rst: setup_sects, syssize); padding may follow."""
    head = cut(image, 0x200)
    return (head[0x1f1] + 1) * 512 + struct.unpack_from("<I", head, 0x1f4)[0] * 16


KERNELS = {
    "empty": lambda: b"",
    "one-byte": lambda: b"M",
    "header-cut": lambda: cut("vmlinuz-cloud", 0x1f8),
    "setup-cut": lambda: cut("vmlinuz-cloud", 0x300),
    "half": lambda: cut("vmlinuz-cloud", 6 << 20),
    "a-paragraph-short": lambda: cut("vmlinuz-cloud", declared_size("vmlinuz-cloud") - 16),
    "text": lambda: b"This is no kernel, it is a letter.\n" * 4000,
    "zeros": lambda: bytes(1 << 20),
    "gzip": lambda: b"\x1f\x8b\x08" + bytes(5000),
    "elf-cut": lambda: ELF.read_bytes()[:100],
    "wild-setup": lambda: cut("vmlinuz-cloud", 0x1f1) + b"\xff" + cut("vmlinuz-cloud", 4096)[0x1f2:],
}


@pytest.mark.parametrize("kind", list(KERNELS))
def test_kernels_that_are_none(machine, kind):
    """Truncated in any place, or something else altogether; the guest beside it runs."""
    files = {"bad": bytes(KERNELS[kind]())}
    m = machine([toy("good", "count", cmdline="seconds=1"), dict(name="bad", memory="256M", kernel="bad")],
                files=files)
    m.expect(r"^socle: guest good: stopped \(poweroff\)$", QUICK)
    ends(m)
    why = told(m, "bad")
    assert len(why) > 15 and "status" not in why, why


def test_without_a_configuration(machine):
    m = machine([toy("one", "count")], without=["socle.toml"])
    m.expect(r"^socle: no configuration: the boot loader passed no module named socle\.toml "
             r"\(GRUB: module2 --nounzip FILE socle\.toml\)$", QUICK)
    m.expect(rf"^{PROMPT}", QUICK)
    assert "there are no guests" in m.command("list")
    m.send("poweroff\r")
    m.wait_exit(QUICK)


def test_another_configuration_is_named(machine):
    m = machine([toy("one", "count")], options="config=other.toml")
    m.expect(r"^socle: no configuration: .*other\.toml", QUICK)
    m.expect(rf"^{PROMPT}", QUICK)
    m.send("poweroff\r")
    m.wait_exit(QUICK)


BAD_TEXT = {
    "syntax": ("[[guest]\nname = \"x\"\n", r"socle\.toml:1:\d+: error: "),
    "unclosed": ("[[guest]]\nname = \"x\n", r"socle\.toml:2:\d+: error: "),
    "binary": ("\x00\x01\x02\x7fELF", r"socle\.toml:1:1: error: "),
    "empty": ("", None),
    "comment": ("# nothing\n", None),
}


@pytest.mark.parametrize("kind", list(BAD_TEXT))
def test_configuration_that_does_not_parse(machine, kind):
    """No guest starts, the error is shown, and the operator is at the prompt."""
    text, error = BAD_TEXT[kind]
    m = machine(text)
    if error:
        m.expect(rf"^socle: {error}", QUICK)
    m.expect(rf"^{PROMPT}", QUICK)
    assert "there are no guests" in m.command("list")
    m.send("poweroff\r")
    m.wait_exit(QUICK)


def test_error_in_one_of_two_guests(machine):
    """The faulty guest is named with line and column; the other starts."""
    config = toml([toy("good", "count", cmdline="seconds=1"), toy("bad", "count", memory="64Q")],
                  {"when_all_stopped": "poweroff"})
    m = machine(config)
    line = config.splitlines().index('memory = "64Q"') + 1
    m.expect(rf"^socle: socle\.toml:{line}:\d+: error: ", QUICK)
    m.expect(r"^socle: guest good: stopped \(poweroff\)$", QUICK)
    ends(m)
    assert told(m, "bad") == "its configuration has an error, see above"


# ---- the rest of the machine ---------------------------------------------------------------------

def test_without_serial_port(tmp_path):
    """Nobody sees anything, but the guest runs and the machine goes off."""
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy/count.img").symlink_to(GUESTS / "toy/count.img")
    (tmp_path / "socle.toml").write_text(toml([toy("one", "count", cmdline="seconds=1")],
                                              {"when_all_stopped": "poweroff"}))
    done = subprocess.run(["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-cpu", "max",
                           "-m", "256M", "-nodefaults", "-display", "none", "-vga", "none",
                           "-serial", "none", "-no-reboot", "-kernel", ELF,
                           "-initrd", "socle.toml,toy/count.img"],
                          cwd=tmp_path, stdin=subprocess.DEVNULL, timeout=QUICK * FACTOR, check=False)
    assert done.returncode == 0


def test_second_serial_port_is_the_console(machine):
    """`console` names the port; the first one stays silent after the early lines."""
    m = machine([toy("one", "count", cmdline="seconds=1")], host={"console": ["com2"]},
                extra=["-chardev", "file,id=second,path=second", "-serial", "chardev:second"])
    m.wait_exit(QUICK)
    second = (m.work / "second").read_text()
    assert "COUNT 1" in second and "socle: all guests stopped" in second
    assert "COUNT 1" not in m.text


def test_without_acpi(machine):
    """Time and the console work without a single table; power-off cannot, and says so."""
    m = machine([toy("one", "count", cmdline="seconds=2")], machine="pc,acpi=off")
    m.expect(r"^socle: no usable ACPI tables: ", QUICK)
    m.expect(r"^socle: guest one: stopped \(poweroff\)$", QUICK)
    m.expect(r"^socle: all guests stopped$", QUICK)
    m.expect(r"^socle: this machine does not power off", QUICK)


def acpi_table(signature, body, checksum=True):
    """A table as `-acpitable file=` takes it, with its header."""
    head = struct.pack("<4sIBB6s8sI4sI", signature, 36 + len(body), 1, 0, b"SOCLET", b"BADTABLE", 1, b"TEST", 1)
    table = bytearray(head + body)
    table[9] = (-sum(table)) & 0xff if checksum else 0
    return bytes(table)


TABLES = {
    "madt-entry-of-length-0": acpi_table(b"APIC", struct.pack("<II", 0xfee00000, 1) + bytes(64)),
    "madt-entry-too-long": acpi_table(b"APIC", struct.pack("<II", 0xfee00000, 1) + b"\x01\xff" + bytes(10)),
    "hpet-short": acpi_table(b"HPET", b"\x01\x02"),
    "hpet-nowhere": acpi_table(b"HPET", struct.pack("<IBBBBQBHB", 0x8086a201, 0, 64, 0, 0,
                                                    0xffff_ffff_ffff_f000, 0, 0, 0)),
    "spcr-nonsense": acpi_table(b"SPCR", b"\xff" * 44),
    "mcfg-nonsense": acpi_table(b"MCFG", b"\xff" * 40),
    "dsdt-like": acpi_table(b"SSDT", b"\x10\xff\xff\xff_S5_\x12\xff\xff" + b"\xff" * 50),
}


@pytest.mark.parametrize("kind", list(TABLES))
def test_broken_acpi_table(machine, tmp_path, kind):
    """A table that lies about itself beside the good ones: the machine works."""
    (tmp_path / "table").write_bytes(TABLES[kind])
    m = machine([toy("one", "count", cmdline="seconds=1")], extra=["-acpitable", f"file={tmp_path}/table"])
    m.expect(r"^socle: guest one: stopped \(poweroff\)$", QUICK)
    ends(m)
