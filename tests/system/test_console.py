# SPDX-License-Identifier: BSD-2-Clause
"""The console: attaching, the log view that no guest can fool, the prompt, typed input."""
import hashlib
import random
import re
import string

from harness import ESCAPE, guest, toy
from prompt import counts, states

CONTROL = re.compile(r"[^\t\n\x20-\x7e\u00a0-\u2027\u2030-\u205f\u2070-\ud7ff]")


def test_one_guest_starts_attached(anywhere):
    """The console is the only guest's; replay, ^] and back; two ^] reach the guest."""
    m = anywhere([toy("only", "count")])
    m.expect(r"^socle: attached to guest only; \^\] opens the prompt$")
    m.expect(r"^COUNT 2$")
    m.prompt()
    m.expect(r"^\[only\] COUNT 3$")     # while the prompt is open: the log view
    m.attach("only")
    m.expect(r"^COUNT 1$")              # replayed
    m.expect(r"^COUNT 2$")
    m.expect(r"^COUNT 4$")
    m.prompt()
    m.send("\x04")                      # Ctrl-D: back to where we came from
    m.expect(r"^socle: attached to guest only; ")
    m.prompt()
    m.send("kill only\r")
    m.expect(r"^socle: guest only: stopped \(killed\)$")
    m.expect(r"^socle: all guests stopped$")
    m.wait_exit()


def test_several_guests_start_in_the_log_view(anywhere):
    m = anywhere([toy("one", "count", cmdline="seconds=2"), toy("two", "count")])
    m.expect_all(r"^socle: 2 guests; \^\] opens the prompt, `console NAME` there attaches to one",
                 r"^\[one\] COUNT 1$", r"^\[two\] COUNT 1$")
    m.expect(r"^socle: guest one: stopped \(poweroff\)$")
    m.prompt()
    assert "`start one` starts it" in m.command("console one")
    m.attach("two")
    m.expect(r"^COUNT \d+$")
    m.prompt()
    m.send("kill two\r")
    m.wait_exit()


def test_break_opens_the_prompt(machine):
    """On QEMU alone: Bochs has no way to send one."""
    m = machine([toy("one", "count")])
    m.expect(r"^COUNT 1$")
    m.send_break()
    m.expect(r"^socle> ")
    m.send("kill one\r")
    m.wait_exit()


def test_the_prompt(anywhere):
    """Completion, the nearest word, recall, and no power-off by mistake."""
    m = anywhere([toy("alpha", "count"), toy("beta", "hang", autostart=False)],
                 host={"when_all_stopped": "wait"})
    m.expect(r"^\[alpha\] COUNT 1$")
    m.prompt()
    assert "unknown command `lsit`; did you mean `list`?" in m.command("lsit")
    assert "no guest is named `alhpa`; did you mean `alpha`?" in m.command("info alhpa")
    assert "usage: kill NAME" in m.command("kill")
    m.send("vers\t\r")
    m.expect(r"^Socle \d")
    m.send("inf\tal\t\r")
    m.expect(r"^name +alpha$")
    m.expect(r"^socle> ")
    m.send("\x1b[A\r")                  # the line before, again
    m.expect(r"^name +alpha$")
    m.expect(r"^socle> ")
    names = {"help", "list", "info", "console", "start", "stop", "kill", "reset", "pause", "resume",
             "exits", "log", "mem", "cpus", "config", "poweroff", "reboot", "version", "top"}
    assert names <= set(re.findall(r"^ *(\w+)", m.command("help"), re.MULTILINE))
    for name in sorted(names - {"poweroff", "reboot", "console", "top"}):
        answer = m.command(f"{name} alpha" if name in ("info", "exits") else f"help {name}")
        assert answer.strip() and "unknown" not in answer
    assert re.search(r"^port access +\d+ ", m.command("exits alpha"), re.MULTILINE)
    assert 'name = "alpha"' in m.command("config")
    answer = m.command("poweroff")
    assert "1 guest is running: alpha" in answer and "`poweroff now`" in answer
    answer = m.command("reboot")
    assert "1 guest is running: alpha" in answer and "`reboot now`" in answer
    assert states(m) == {"alpha": "running", "beta": "off"}
    m.send("poweroff now\r")
    m.expect(r"^socle: guest alpha: stopped \(killed\)$")
    m.expect(r"^socle: turning the machine off$")
    m.wait_exit()


def test_no_guest_forges_a_line(anywhere):
    """
    A guest prints the hypervisor's own lines by every trick, and 1 MiB without a line end.
    All of it appears behind the guest's name, as text; what `socle: ` begins is true.
    """
    m = anywhere([toy("liar", "forge"), toy("victim", "count")])
    m.expect(r"^socle: guest liar: stopped \(poweroff\)$", timeout=240)
    m.expect(r"^\[victim\] COUNT \d+$")
    m.prompt()
    assert states(m) == {"liar": "off", "victim": "running"}
    log = m.command("log liar", timeout=120)
    m.send("kill victim\r")
    m.expect(r"^socle: all guests stopped$")
    m.wait_exit()
    assert m.stops("victim") == ["killed"] and m.stops("liar") == ["poweroff"]
    assert m.text.count("\nsocle: all guests stopped\n") == 1
    # A console too slow for both drops lines of both, and says so; it invents none.
    assert counts(m, "victim") == sorted(set(counts(m, "victim")) - {999999})
    view = m.text[m.text.index("[liar] TOY forge"):m.text.index("socle> ")]
    assert not CONTROL.search(view), "control bytes reached the terminal"
    assert not CONTROL.search(log.replace("\x1b[K", ""))
    for line in view.splitlines():
        assert line.startswith(("[liar] ", "[victim] ", "socle: ")) or not line, repr(line)
        assert len(line) <= 4096 + len("[victim] ")
    for told in re.findall(r"^socle: (.*)$", view, re.MULTILINE):
        assert re.match(r"guest (liar: stopped|victim: started|liar: started)|console slow: \d+ lines? dropped"
                        r"|\d+ guests; ", told), told
    # Nothing of it was lost on the way to those who ask for it: the end is in the log.
    assert re.search(r"z{100}.*FORGED", log.replace("\n", ""))


def shell(m, line, answer):
    m.send(line + "\n")
    return m.expect(answer)


def test_input_reaches_the_guest_intact(anywhere):
    """2000 characters typed at full speed; the escape key itself; more, while it is paused."""
    m = anywhere([guest("linux", memory="128M", then="shell", cmdline="quiet")])
    m.expect_up()
    m.expect(r"^test# ")
    rng = random.Random(1)
    text = "".join(rng.choice(string.ascii_letters + string.digits + " .,;$`'\"\\") for _ in range(2000))
    shell(m, "stty raw -echo; echo REA''DY; head -c 2000 | sha256sum; stty sane", r"^READY$")
    m.send(text)
    m.expect(rf"^ *{hashlib.sha256(text.encode()).hexdigest()} ")
    m.expect(r"test# ")
    shell(m, "stty raw -echo; echo REA''DY; head -c 1 | od -An -to1; stty sane", r"^READY$")
    m.send(ESCAPE)
    m.expect(r"^socle> ")
    m.send(ESCAPE)
    m.expect(r"^ *035$")
    m.expect(r"test# ")
    shell(m, "stty raw -echo; echo REA''DY; head -c 500 | sha256sum; stty sane", r"^READY$")
    m.prompt()
    m.command("pause linux")
    m.attach("linux")
    m.send(text[:500])
    m.prompt()
    m.command("resume linux")
    m.attach("linux")
    m.expect(rf"^ *{hashlib.sha256(text[:500].encode()).hexdigest()} ")
    m.expect(r"test# ")
    m.send("poweroff -f\n")
    m.expect(r"^socle: guest linux: stopped \(poweroff\)$")
    m.wait_exit()


def test_slow_reader_and_flood(anywhere):
    """A guest that prints without end: others' lines come through and the prompt answers."""
    m = anywhere([toy("flood", "flood"), toy("other", "count")])
    m.expect(r"^\[flood\] FLOOD 1 ")
    m.prompt(timeout=120)
    assert states(m) == {"flood": "running", "other": "running"}
    m.send("kill flood\r")
    m.expect(r"^socle: guest flood: stopped \(killed\)$")
    m.expect(r"^\[other\] COUNT \d+$")
    m.send("kill other\r")
    m.expect(r"^socle: all guests stopped$")
    m.wait_exit()
