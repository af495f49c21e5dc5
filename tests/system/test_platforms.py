# SPDX-License-Identifier: BSD-2-Clause
"""
The same on every platform: AMD-V in QEMU, VT-x and AMD-V in Bochs. What an emulator cannot
show is listed in docs/testing.md. A Debian guest takes minutes on Bochs, a toy seconds; a
CPU of Bochs that sleeps skips the time, so that seconds there say nothing about ours.
"""
import re

import pytest

from bochs import INTERRUPTS_MASKED, NO_SHUTDOWN_EXIT
from harness import GUESTS, ROOT, check_run, guest, toy
from prompt import counts, states


def small(name, **keys):
    """A Debian guest that boots as quickly as it can."""
    return guest(name, memory="96M", cmdline="quiet", **keys)


def shell(m, line, answer):
    m.send(line + "\n")
    return m.expect(answer)


def counts_on(m, name):
    """The bystander still counts, and has not missed a second."""
    last = (counts(m, name) or [0])[-1]
    m.expect(rf"^\[{name}\] COUNT {last + 2}$")
    seen = counts(m, name)
    assert seen == list(range(1, len(seen) + 1))


def kill_all(m, *names):
    m.prompt()
    for n in names:                     # one that waits for its next start says nothing to it
        m.send(f"kill {n}\r")
    m.expect(r"^socle: all guests stopped$")
    m.wait_exit()


# ---- Debian ------------------------------------------------------------------------------

def test_two_debian_guests(platform):
    """Both get to userland with the right sum; one goes off, one is told to by its shell."""
    m = platform([small("one"), small("two", then="shell")])
    m.expect_all(r"^socle: guest one: started$", r"^socle: guest two: started$")
    m.expect_all(r"^socle: guest one: stopped \(poweroff\)$", r"^\[two\] GUEST-UP$", timeout=240)
    m.prompt()
    assert states(m) == {"one": "off", "two": "running"}
    m.attach("two")
    shell(m, "echo $((6 * 7))''=$(cat /sys/class/dmi/id/sys_vendor)", r"^42=Socle$")
    m.send("poweroff -f\n")
    m.expect(r"^socle: guest two: stopped \(poweroff\)$")
    m.expect(r"^socle: all guests stopped$")
    m.wait_exit()
    check_run(m, "one", "one")
    check_run(m, "two", "two")
    # They ran together: the second was there before the first had gone.
    assert m.text.index("[two] ") < m.text.index("socle: guest one: stopped")


# ---- the life of guests ------------------------------------------------------------------

def test_the_same_lines(platform):
    """From the first line to the last; only what the machine is differs."""
    m = platform([toy("one", "count", cmdline="seconds=2"), toy("two", "hang")])
    m.wait_exit()
    said = re.findall(r"^socle: (.*)$", m.text, re.MULTILINE)
    kind = "VT-x" if platform.name == "bochs-vmx" else "AMD-V"
    wanted = [r"Socle \d+\.\d+\.\d+", r"memory: \d+M, \d+ KiB of it in use by Socle, \d+ KiB by files",
              r"clock: TSC at \d+\.\d{3} MHz by the \w+", f"guests run on {kind}",
              r"2 guests; \^\] opens the prompt, `console NAME` there attaches to one, .*",
              "guest one: started", "guest two: started", r"guest two: stopped \(halted\)",
              r"guest one: stopped \(poweroff\)", "all guests stopped"]
    said = [line for line in said if not line.startswith("mitigations: ")]
    said[5:7] = sorted(said[5:7])       # they load at the same time
    assert len(said) == len(wanted), said
    for want, line in zip(wanted, said):
        assert re.fullmatch(want, line), said
    assert m.output("one") == ["TOY count", "COUNT 1", "COUNT 2", "TOY done"]
    assert m.output("two") == ["TOY hang"]


def test_reboot_comes_back(platform):
    m = platform([toy("turns", "reboot"), toy("other", "count")])
    for _ in range(2):
        m.expect(r"^\[turns\] TOY reboot$")
        m.expect(r"^socle: guest turns: stopped \(reboot\)$")
        m.expect(r"^socle: guest turns: started$")
    m.expect(r"^\[turns\] TOY reboot$")
    counts_on(m, "other")
    kill_all(m, "turns", "other")


CRASHES = {
    # FXSAVE to where no memory is, which Socle's emulator does not do.
    "instruction": (toy("bad", "badcpu", cmdline="case=5 op=10"),
                    r"crash: instruction 0f ae 07 at rip \w+ cannot be emulated .*"),
    "triple-fault": (toy("bad", "triple"), "crash: triple fault"),
}


@pytest.mark.parametrize("how", list(CRASHES))
def test_crash_beside_another(platform, how):
    if how == "triple-fault":
        platform.cannot("bochs-svm", NO_SHUTDOWN_EXIT)
    bad, why = CRASHES[how]
    m = platform([bad, toy("other", "count")])
    m.expect(rf"^socle: guest bad: stopped \({why}\)$")
    assert re.search(r"^socle: guest bad: vcpu 0, .*registers", m.text, re.MULTILINE)
    counts_on(m, "other")
    m.prompt()
    assert states(m) == {"bad": "off", "other": "running"}
    m.send("\x04")
    kill_all(m, "other")
    assert len(m.stops("bad")) == 1


def test_interrupts_off(platform):
    """A guest that spins with interrupts off is preempted all the same."""
    platform.cannot("bochs-svm", INTERRUPTS_MASKED)
    m = platform([toy("rogue", "spin"), toy("other", "count")])
    m.expect(r"^\[other\] COUNT 1$")
    counts_on(m, "other")
    kill_all(m, "rogue", "other")


def check_victim(m, bad):
    """It counts on, and its memory and registers hold what it put there."""
    counts_on(m, "victim")
    kill_all(m, bad, "victim")
    assert "VICTIM WRONG" not in m.text


def test_registers_stay_apart(platform):
    """One guest fills every register that it can reach, another looks at its own."""
    m = platform([toy("bad", "badcpu", cmdline="case=15"), toy("victim", "victim")])
    m.expect(r"^\[victim\] COUNT 1$")
    assert m.stops("bad") == []
    check_victim(m, "bad")


def test_task_switches(platform):
    """A 32-bit kernel's hardware task switches, which VT-x leaves to software and AMD-V does not."""
    m = platform([toy("task", "task")])
    m.wait_exit()
    assert [line for line in m.output() if line.startswith("TASK ")][-1:] == ["TASK GOOD"], m.output()
    assert m.stops("task") == ["poweroff"]


def test_interrupts_wait_for_sti(platform):
    """None arrives with interrupts off, whatever the physical CPU is told meanwhile; all do after."""
    m = platform([toy("masked", "masked"), toy("other", "count", cmdline="hz=1000")])
    assert m.expect(r"^\[masked\] MASKED (\d+) early, (\d+) lost$").groups() == ("0", "0")
    m.expect(r"^socle: guest masked: stopped \(poweroff\)$")
    kill_all(m, "other")


# ---- the console -------------------------------------------------------------------------

def test_prompt(platform):
    """Every key arrives, every answer comes back; a guest's console, and out of it again."""
    m = platform([toy("alpha", "count"), toy("beta", "hang", autostart=False), toy("gamma", "count")])
    m.expect_all(r"^\[alpha\] COUNT 2$", r"^\[gamma\] COUNT 2$")
    m.prompt()
    assert states(m) == {"alpha": "running", "beta": "off", "gamma": "running"}
    m.send("info\talp\x7fp\t\r")
    m.expect(r"^name +alpha$")
    m.expect(r"^socle> ")
    m.attach("alpha")
    m.expect(r"^COUNT 1$")              # replayed
    number = int(m.expect(r"^COUNT (\d+)\nCOUNT \d+$")[1])
    m.expect(rf"^COUNT {number + 4}$")
    m.prompt()
    m.send("start beta\r")
    m.expect(r"^socle: guest beta: started$")
    m.expect(r"^socle: guest beta: stopped \(halted\)$")
    m.send("kill gamma\r")
    m.expect(r"^socle: guest gamma: stopped \(killed\)$")
    assert states(m) == {"alpha": "running", "beta": "off", "gamma": "off"}
    m.send("poweroff now\r")
    m.expect(r"^socle: guest alpha: stopped \(killed\)$")
    m.expect(r"^socle: turning the machine off$")
    m.wait_exit()
    assert m.stops("alpha") == m.stops("gamma") == ["killed"]


# ---- the end of the machine --------------------------------------------------------------

def restarting(platform):
    """QEMU has to be allowed to."""
    return {} if platform.is_bochs else {"reboot": True}


def test_reboot_at_the_prompt(platform):
    """The machine restarts, also one that else would switch itself off; `socle run` ends then."""
    m = platform([toy("one", "count")], **restarting(platform))
    m.expect(r"^COUNT 1$")
    m.prompt()
    m.send("reboot now\r")
    m.expect_all(r"^socle: guest one: stopped \(killed\)$", r"^socle: restarting the machine$")
    m.expect(r"^socle: Socle \d")
    if platform.is_bochs:
        m.wait_exit()
        assert "the machine has restarted; ended bochs" in m.errors()


def test_restart_when_all_have_stopped(platform):
    m = platform([toy("one", "count", cmdline="seconds=1")], host={"when_all_stopped": "reboot"},
                 **restarting(platform))
    # After a restart a CPU of Bochs with a TSC deadline timer has none that works: one round only.
    for _ in range(1 if platform.name == "bochs-vmx" else 2):
        m.expect(r"^socle: Socle \d")
        m.expect(r"^socle: guest one: stopped \(poweroff\)$")
        m.expect(r"^socle: all guests stopped$")
    m.expect(r"^socle: Socle \d(?s:.*)^socle: guest one: started$")


# ---- longer ones -------------------------------------------------------------------------

DEMO = (ROOT / "tests/guests/demo/socle.toml").read_text()
MODELS = ["bochs-vmx:corei7_haswell_4770", "bochs-vmx:corei7_skylake_x", "bochs-vmx:corei7_icelake_u",
          "bochs-vmx:tigerlake", "bochs-svm:ryzen"]


@pytest.mark.soak
@pytest.mark.parametrize("platform", ["qemu", *MODELS], indirect=True)
def test_demonstration(platform):
    """Its own file, unchanged: both shells answer, and `poweroff` in each ends the machine."""
    names = ["alpha", "beta"]
    # `socle run` adds the option itself.
    options = {} if platform.is_bochs else {"options": "when_all_stopped=poweroff"}
    m = platform(DEMO, files={"vmlinuz": GUESTS / "vmlinuz-cloud", "initrd.img": GUESTS / "demo.img"}, **options)
    m.expect_all(*(rf"^socle: guest {n}: started$" for n in names))
    m.expect_all(*(rf'^\[{n}\] +This is the guest "{n}"' for n in names), timeout=300)
    for n in names:
        m.prompt()
        m.attach(n)
        shell(m, "", rf"{n}# ")
        shell(m, "echo $((6 * 7))''=$(hostname) && sha256sum /bin/busybox", rf"^42={n}\n[0-9a-f]{{64}}  /bin/busybox$")
        m.send("poweroff\n")
        m.expect(rf"^socle: guest {n}: stopped \(poweroff\)$", timeout=180)
    m.expect(r"^socle: all guests stopped$")
    m.wait_exit()
    assert m.stops("alpha") == m.stops("beta") == ["poweroff"]
