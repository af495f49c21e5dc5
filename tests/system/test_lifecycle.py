# SPDX-License-Identifier: BSD-2-Clause
"""How guests end, come back, stand still, and what the operator can do to them."""
import re

from harness import guest, host_sum, toy, values
from prompt import counts, free_memory, states, wait_seconds


def crasher(anywhere, name, **keys):
    """
    A guest that crashes at once, and how: the reason, and RAX as it left it. By a triple fault
    where the emulator survives one, else by an FXSAVE to where no memory is.
    """
    if anywhere.name == "bochs-svm":
        return (toy(name, "badcpu", cmdline="case=5 op=10", **keys),
                r"crash: instruction 0f ae 07 at rip \w+ cannot be emulated .*", r"\w+")
    return toy(name, "triple", **keys), "crash: triple fault", "5a5a0123456789ab"


def test_reboot_comes_back(anywhere):
    """A restarted kernel finds a PC as fresh as the first time and gets to userland again."""
    m = anywhere([guest("again", then="reboot")])
    m.expect_up()
    m.expect(r"^socle: guest again: stopped \(reboot\)$")
    m.expect(r"^socle: guest again: started$")
    m.expect_up()
    m.expect(r"^socle: guest again: stopped \(reboot\)$")
    m.expect(r"^socle: guest again: started$")
    m.prompt()
    m.send("kill again\r")
    m.expect(r"^socle: guest again: stopped \(killed\)$")
    m.wait_exit()
    assert values(m.output(), "SUM") == [host_sum()] * 2
    assert m.stops("again") == ["reboot", "reboot", "killed"]


def test_every_ending_at_once(anywhere):
    """Each toy ends in its way; a bystander that counts the seconds does not notice."""
    faults, why, rax = crasher(anywhere, "faults")
    m = anywhere([toy("bystander", "count"), toy("off", "count", cmdline="seconds=1"),
                  toy("restarts", "reboot", on_reboot="stop"), faults, toy("halts", "hang")])
    m.expect_all(r"^socle: guest off: stopped \(poweroff\)$",
                 r"^socle: guest restarts: stopped \(reboot\)$",
                 rf"^socle: guest faults: stopped \({why}\)$",
                 r"^socle: guest halts: stopped \(halted\)$")
    # The cause is one line, the registers others: RAX holds what the toy `triple` put there.
    assert re.search(r"^socle: guest faults: vcpu 0, .*registers", m.text, re.MULTILINE)
    assert re.search(rf"^socle: +rax {rax} ", m.text, re.MULTILINE)
    last = counts(m, "bystander")[-1:] or [0]
    m.expect(rf"^\[bystander\] COUNT {last[0] + 2}$")
    seen = counts(m, "bystander")
    assert seen == list(range(1, len(seen) + 1))
    assert "all guests stopped" not in m.text
    m.prompt()
    assert states(m) == {"bystander": "running", "off": "off", "restarts": "off", "faults": "off",
                         "halts": "off"}
    m.send("kill bystander\r")
    m.expect(r"^socle: all guests stopped$")
    m.wait_exit()


def test_reboots_for_ever_beside_others(anywhere):
    """A guest that resets itself at once, again and again, takes nothing from the others; its
    restarts back off, so that the log stays readable."""
    m = anywhere([toy("mad", "reboot"), toy("bystander", "count", cmdline="seconds=6")])
    m.expect(r"^socle: guest mad: starts again in 1 s$")
    assert len(m.stops("mad")) >= 3
    m.expect(r"^socle: guest mad: starts again in 2 s$")
    m.expect(r"^socle: guest bystander: stopped \(poweroff\)$")
    assert counts(m, "bystander") == list(range(1, 7))
    m.prompt()
    m.send("kill mad\r")               # it runs, or waits for its next start
    m.expect(r"^socle: all guests stopped$")
    m.wait_exit()


def test_crash_pause_keeps_the_state(anywhere):
    faults, why, _ = crasher(anywhere, "faults", on_crash="pause")
    m = anywhere([faults, toy("other", "count")])
    m.expect(rf"^socle: guest faults: stopped \({why}\)$")
    m.expect(r"^\[other\] COUNT 1$")
    m.prompt()
    assert states(m) == {"faults": "crashed", "other": "running"}
    info = m.command("info faults")
    assert re.search(r"^state +crashed$", info, re.MULTILINE)
    assert re.search(rf"^last stop +{why}$", info, re.MULTILINE)
    assert re.search(r"^vcpu 0 .*rip 10[0-9a-f]{4},", info, re.MULTILINE)
    # A crashed guest is kept, not stopped: the machine stays on until it is cleared away.
    m.send("kill other\r")
    m.expect(r"^socle: guest other: stopped \(killed\)$")
    assert "all guests stopped" not in m.text
    m.send("kill faults\r")
    m.expect(r"^socle: all guests stopped$")
    m.wait_exit()


def test_crash_restart_backs_off(anywhere):
    """One second, two, four: a guest that crashes at once does not fill the machine."""
    faults, why, _ = crasher(anywhere, "faults", on_crash="restart")
    m = anywhere([faults, toy("other", "count")])
    for wait in (1, 2, 4):
        before = counts(m, "other")
        m.expect(rf"^socle: guest faults: stopped \({why}\)$")
        m.expect(rf"^socle: guest faults: starts again in {wait} s$")
        m.expect(r"^socle: guest faults: started$")
        # The bystander's clock says how long it took, give or take its own second.
        assert len(counts(m, "other")) - len(before) >= wait - 1
    m.expect(r"^socle: guest faults: starts again in 8 s$")
    m.prompt()
    assert states(m)["faults"] == "waiting"
    m.command("kill faults")
    assert states(m)["faults"] == "off"
    m.send("kill other\r")
    m.expect(r"^socle: all guests stopped$")
    m.wait_exit()


def test_kernel_panic(anywhere):
    """A Linux that panics: waits for somebody to look, or restarts, as its command line says."""
    m = anywhere([guest("looks", memory="128M", then="crash", cmdline="quiet"),
                  guest("restarts", memory="128M", then="crash", cmdline="quiet panic=-1", on_reboot="stop")])
    m.expect_all(r"^socle: guest restarts: stopped \(reboot\)$",
                 r"^\[looks\] .*Kernel panic - not syncing: sysrq triggered crash", timeout=240)
    m.prompt()
    assert states(m) == {"looks": "running", "restarts": "off"}
    m.send("kill looks\r")
    m.expect(r"^socle: all guests stopped$")
    m.wait_exit()
    assert "Kernel panic - not syncing: sysrq triggered crash" in "\n".join(m.output("restarts"))


def test_power_button(anywhere):
    """`stop` ends a Linux by its power button; who does not listen or react is named."""
    m = anywhere([guest("linux", memory="128M", then="idle", cmdline="quiet"),
                  guest("deaf", memory="128M", then="shell", cmdline="quiet", stop_timeout=2),
                  toy("toy", "count")])
    m.expect_up("linux", "deaf", timeout=240)
    m.prompt()
    answer = m.command("stop toy")
    assert re.search(r"^cannot stop guest toy: .*`kill toy`", answer, re.MULTILINE)
    m.attach("deaf")
    m.send("killall acpid && echo QUI''ET\n")
    m.expect(r"^QUIET$")
    m.prompt()
    assert "guest deaf: power button pressed" in m.command("stop deaf")
    m.expect(r"^socle: .*guest deaf: .*`kill deaf`")
    assert states(m)["deaf"] == "stopping"
    m.send("stop linux\r")
    m.expect(r"^guest linux: power button pressed$")
    m.expect(r"^socle: guest linux: stopped \(poweroff\)$")
    assert m.stops("toy") == m.stops("deaf") == []
    m.send("poweroff now\r")            # and the toy has no button that works
    m.expect_all(r"^socle: .*guest toy: has no power button that works; killing it$",
                 r"^socle: .*guest deaf: did not stop in time; killing it$",
                 r"^socle: turning the machine off$")
    m.wait_exit()
    assert m.stops("toy") == m.stops("deaf") == ["killed"]


def complaints(m, tag):
    """What the kernel of the attached test guest has complained of so far. The tag: not what is replayed."""
    m.send(f"echo FROM''-{tag}; dmesg -r | grep '^<[0-4]>' | sed 's/^/BAD /'; echo TO''-{tag}\n")
    said = m.expect(rf"^FROM-{tag}\n((?s:.*))^TO-{tag}$")[1]
    return values(said.splitlines(), "BAD")


def uptimes(m):
    """Seconds since its start that the guest has printed in the log view."""
    return [float(t) for t in re.findall(r"^\[linux\] UP (\d+\.\d\d)$", m.text, re.MULTILINE)]


def test_pause_stops_time(anywhere):
    """While a guest is paused its clock stands still, and it never learns of it."""
    m = anywhere([guest("linux", memory="128M", then="shell", cmdline="quiet"), toy("toy", "count")])
    m.expect_up("linux", timeout=240)
    m.prompt()
    m.attach("linux")
    before = complaints(m, "before")
    # In the guest, not by what we type: how long that takes, nobody knows.
    m.send("while read u _ </proc/uptime; do echo UP $u; sleep 0.1; done &\n")
    m.expect(r"^UP \d+\.\d\d$")
    m.prompt()
    m.expect(r"^\[linux\] UP \d+\.\d\d$")
    m.send("pause linux\rpause toy\r")
    m.expect(r"guest linux: paused(?s:.*)guest toy: paused")
    seen, shown = counts(m, "toy"), uptimes(m)
    wait_seconds(m, 10)
    assert states(m) == {"linux": "paused", "toy": "paused"}
    assert counts(m, "toy") == seen and uptimes(m) == shown
    m.send("resume toy\r")
    m.expect(rf"^\[toy\] COUNT {seen[-1] + 3}$")
    # The pause may have come in the middle of a line, which the log view then shows in two parts.
    assert counts(m, "toy")[-2:] == [seen[-1] + 2, seen[-1] + 3]
    m.command("resume linux")
    m.wait_for(lambda: len(uptimes(m)) > len(shown), "uptime after the pause", 60)
    passed = uptimes(m)[len(shown)] - shown[-1]
    assert 0 <= passed < 5, f"{passed} s passed in a guest that was paused for 10 s"
    m.attach("linux")
    m.send("kill $!\n")
    new = complaints(m, "after")[len(before):]
    assert not new, f"the kernel noticed the pause: {new}"
    m.prompt()
    m.send("kill linux\rkill toy\r")
    m.wait_exit()


def test_reset_and_start_again(anywhere):
    """`reset` restarts whatever on_reboot says; `start` begins anew after a stop."""
    m = anywhere([toy("toy", "count", on_reboot="stop"), toy("later", "count", autostart=False)])
    m.expect(r"^\[toy\] COUNT 2$")
    m.prompt()
    m.send("reset toy\r")
    m.expect(r"^socle: guest toy: stopped \(reboot\)$")
    m.expect(r"^socle: guest toy: started$")
    m.expect(r"^\[toy\] COUNT 1$")
    assert states(m)["later"] == "off"
    m.send("start later\r")
    m.expect(r"^socle: guest later: started$")
    m.expect(r"^\[later\] COUNT 1$")
    assert "is running already" in m.command("start later")
    m.send("kill toy\rkill later\r")
    m.expect(r"^socle: all guests stopped$")
    m.wait_exit()


def test_nothing_is_lost_over_rounds(anywhere):
    """Ten starts and kills, also of a guest still loading: `mem` shows the same as before."""
    m = anywhere([toy("toy", "count", autostart=False),
                  guest("linux", memory="128M", cmdline="quiet", autostart=False)],
                 host={"when_all_stopped": "wait"})
    m.expect(r"^socle: all guests stopped$")
    m.prompt()
    before = free_memory(m)
    for _ in range(10):
        m.send("start linux\rstart toy\r")
        m.expect(r"^\[toy\] COUNT 1$")
        m.send("kill toy\rkill linux\r")
        m.expect(r"^socle: all guests stopped$")
    assert free_memory(m) == before
    m.send("start linux\rkill linux\r")
    m.expect(r"^socle: all guests stopped$")
    assert free_memory(m) == before
    m.send("poweroff\r")
    m.wait_exit()
