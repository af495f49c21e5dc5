# SPDX-License-Identifier: BSD-2-Clause
"""
`socle check`, `iso`, `grub` and `run` with the real hypervisor in the real emulator: what
test_tool.py shows against fake emulators, here from a file to an exit code.
"""
import os
import re
import subprocess

import pytest

from harness import BUILD, ELF, FACTOR, GUESTS, ROOT, TOOL, guest, host_sum, toml, toy, values

LIMIT = 300 * FACTOR


def folder(path, guests, host=None):
    """A configuration and its files, as a user would have them."""
    (path / "toy").mkdir(exist_ok=True)
    for g in guests:
        for file in (g["kernel"], g.get("initrd")):
            if file and not (path / file).exists():
                (path / file).symlink_to(GUESTS / file)
    (path / "socle.toml").write_text(toml(guests, host))
    return path


def socle(path, *args, **options):
    """Its exit code, the console, and its own words."""
    done = subprocess.run([TOOL, *args], cwd=path, capture_output=True, timeout=LIMIT, check=False,
                          stdin=options.pop("stdin", subprocess.DEVNULL),
                          env=dict(os.environ, SOCLE_ELF=str(ELF)), **options)
    text = done.stdout.decode(errors="replace").replace("\r", "")
    assert "\nsocle: panic" not in text
    return done.returncode, text, done.stderr.decode(errors="replace")


def test_a_debian_guest_from_file_to_exit_code(tmp_path):
    code, text, said = socle(folder(tmp_path, [guest("alpha", cmdline="quiet")]), "run", "socle.toml")
    assert code == 0, said
    assert values(text.splitlines(), "SUM") == [host_sum()]
    assert re.search(r"^socle: guest alpha: stopped \(poweroff\)$", text, re.MULTILINE)
    assert "TCG" in said or "KVM" in said


def test_two_guests_with_uefi(tmp_path):
    guests = [toy("one", "count", cmdline="seconds=2"), toy("two", "hang")]
    code, text, said = socle(folder(tmp_path, guests), "run", "--uefi", "socle.toml")
    assert code == 0, said
    assert "\n[one] COUNT 2\n" in text and "\nsocle: guest two: stopped (halted)\n" in text


def test_icount(tmp_path):
    """The same machine twice, instruction for instruction."""
    path = folder(tmp_path, [toy("one", "count", cmdline="seconds=2")])
    runs = [socle(path, "run", "--icount", "socle.toml") for _ in range(2)]
    assert [code for code, _, _ in runs] == [0, 0], runs
    assert "COUNT 2" in runs[0][1]
    assert runs[0][1] == runs[1][1]


@pytest.mark.parametrize("guests, code, words", [
    ([toy("bad", "triple"), toy("good", "count", cmdline="seconds=1")], 1,
     "guest bad: stopped (crash: triple fault)"),
    ([toy("large", "count", memory="4G"), toy("good", "count", cmdline="seconds=1")], 1,
     "guest large: not started: not enough memory"),
    ([toy("turns", "reboot", on_reboot="stop")], 0, "guest turns: stopped (reboot)"),
])
def test_exit_code(tmp_path, guests, code, words):
    status, text, said = socle(folder(tmp_path, guests), "run", "--memory", "1G", "socle.toml")
    assert status == code, said
    assert words in text


def test_timeout(tmp_path):
    path = folder(tmp_path, [toy("spins", "spin")])
    code, text, said = socle(path, "run", "--timeout", str(8 * FACTOR), "socle.toml")
    assert code == 124 and "timeout" in said
    assert "guest spins: started" in text


def test_piped_commands(tmp_path):
    """The prompt reads a pipe as well; every answer arrives before the machine goes off."""
    path = folder(tmp_path, [toy("one", "count"), toy("two", "count")], {"when_all_stopped": "wait"})
    run = subprocess.Popen([TOOL, "run", "--timeout", str(60 * FACTOR), "socle.toml"], cwd=path,
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                           env=dict(os.environ, SOCLE_ELF=str(ELF)))
    seen = b""
    while b"[one] COUNT 1" not in seen or b"[two] COUNT 1" not in seen:
        line = run.stdout.readline()
        assert line, seen
        seen += line
    rest, _ = run.communicate(b"\x1dlist\rpoweroff now\r", timeout=LIMIT)
    text = rest.decode().replace("\r", "")
    assert re.search(r"^one +running ", text, re.MULTILINE), text
    for name in ("one", "two"):
        assert f"\nsocle: guest {name}: stopped (killed)\n" in text
    assert "\nsocle: turning the machine off\n" in text
    assert run.returncode == 0


def test_no_amd_v_explains_and_fails(tmp_path):
    path = folder(tmp_path, [toy("one", "count")])
    code, text, _ = socle(path, "run", "socle.toml", "--", "-cpu", "qemu64,-svm")
    assert code == 1
    assert "guest one: not started: this CPU offers neither AMD-V nor VT-x" in text


BAD = sorted((ROOT / "tests/configs/bad").glob("*.toml"))


@pytest.mark.parametrize("start", range(0, len(BAD), 40))
def test_check_of_bad_files(start):
    """Each of them: where, what is wrong, in one line; never a crash or silence."""
    for file in BAD[start:start + 40]:
        code, text, said = socle(ROOT, "check", "--strict", str(file))
        assert code == 1, f"{file.name}: {code}"
        assert not text
        assert re.match(rf"{re.escape(str(file))}:\d+:\d+: (error|warning): \S+ ", said), f"{file.name}: {said}"


def test_there_are_enough_bad_files():
    assert len(BAD) >= 60


def test_the_build_is_where_we_think():
    assert (BUILD / "socle").samefile(TOOL)
