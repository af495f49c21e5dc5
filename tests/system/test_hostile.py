# SPDX-License-Identifier: BSD-2-Clause
"""
Guests that do what no system does, beside a victim that counts the seconds and checks its
memory and registers. Whatever becomes of the guest, it happens to nobody else: the victim's
seconds come, its values stay, and the hypervisor never panics (the harness sees to that).
"""
import re
import subprocess

import pytest

from bochs import CR0_PANIC, NO_SHUTDOWN_EXIT
from harness import ELF, toy, values
from prompt import counts, cpu_times, states, wait_seconds

# An end that is the guest's own doing.
ENDS = r"(poweroff|reboot|halted|crash: .+)"


def check_victim(m):
    seen = counts(m, "victim")
    assert seen and seen == list(range(1, len(seen) + 1))
    assert "VICTIM WRONG" not in m.text


def finish(m):
    """Once the others are done or killed: the victim is still well."""
    last = (counts(m, "victim") or [0])[-1]
    m.expect(rf"^\[victim\] COUNT {last + 2}$", 60)
    check_victim(m)
    m.prompt()
    assert states(m)["victim"] == "running"
    m.send("kill victim\r")
    m.expect(r"^socle: all guests stopped$")
    m.wait_exit()


def run_to_an_end(machine, image, words, must_survive=False):
    m = machine([toy("bad", image, cmdline=words, on_reboot="stop"), toy("victim", "victim")])
    m.expect(rf"^socle: guest bad: stopped \({ENDS}\)$", 120)
    if must_survive:
        assert values(m.output("bad"), "SURVIVED"), m.output("bad")
        assert m.stops("bad") == ["poweroff"]
    finish(m)
    return m


CPU = {"msrs": 1, "control-registers": 2, "instructions": 3, "crossing-operands": 14}


@pytest.mark.parametrize("case", list(CPU))
def test_cpu(anywhere, case):
    """Faults or does nothing, instruction after instruction, and comes back."""
    if case == "control-registers":
        anywhere.cannot("bochs-svm", CR0_PANIC)
    run_to_an_end(anywhere, "badcpu", f"case={CPU[case]}", must_survive=True)


@pytest.mark.parametrize("where", ["apic", "nowhere"])
def test_device_operands(anywhere, where):
    """
    26 guests at once, each with one instruction whose operand is in a device or in nothing:
    it goes on, or ends with the instruction's bytes in the reason.
    """
    bad = [f"op{n}" for n in range(26)]
    case = {"apic": 4, "nowhere": 5}[where]
    m = anywhere([toy(name, "badcpu", cmdline=f"case={case} op={n}", memory="16M", on_reboot="stop")
                  for n, name in enumerate(bad)] + [toy("victim", "victim")], memory="768M")
    m.expect_all(*(rf"^socle: guest {name}: stopped " for name in bad), timeout=120)
    for name in bad:
        assert re.fullmatch(r"poweroff|crash: (instruction|triple fault).*", m.stops(name)[0]), m.stops(name)
        if m.stops(name) == ["poweroff"]:
            assert "SURVIVED" in "".join(m.output(name))    # a line may be cut in two
    finish(m)


@pytest.mark.parametrize("case", [6, 8, 9, 10])
def test_cpu_beyond_return(anywhere, case):
    """Stacks and tables where no memory is, a breakpoint on the handler of breakpoints."""
    if case in (9, 10):
        anywhere.cannot("bochs-svm", NO_SHUTDOWN_EXIT)
    m = anywhere([toy("bad", "badcpu", cmdline=f"case={case}", on_reboot="stop"), toy("victim", "victim")])
    m.expect(r"^\[bad\] TOY badcpu ")
    m.expect(r"^\[victim\] COUNT 4$")
    if not m.stops("bad"):              # one that loops for ever uses its own time only
        m.prompt()
        m.send("kill bad\r")
        m.expect(r"^socle: guest bad: stopped \(killed\)$")
        m.send("\x04")
    finish(m)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_code(anywhere, seed):
    """Three guests with random instructions at once; most will not live long."""
    bad = [f"bad{i}" for i in range(3)]
    m = anywhere([toy("victim", "victim")] +
                 [toy(n, "badcpu", cmdline=f"case=7 seed={10 * seed + i} seconds=2", on_reboot="stop")
                  for i, n in enumerate(bad)])
    m.expect(r"^\[victim\] COUNT 6$", 120)
    m.prompt()
    for n in bad:
        m.command(f"kill {n}")
    m.send("\x04")
    finish(m)


@pytest.mark.parametrize("case", ["ports", "pci", "memory", "apic"])
def test_devices(anywhere, case):
    run_to_an_end(anywhere, "baddev", f"case={['ports', 'pci', 'memory', 'apic'].index(case) + 1}")


STORMS = {"cpuid": ("badcpu", 11), "pause": ("badcpu", 12), "wbinvd": ("badcpu", 13),
          "registers": ("badcpu", 15), "ipi": ("baddev", 5),
          "timers": ("baddev", 6), "endless-string": ("baddev", 7)}


@pytest.mark.parametrize("storm", list(STORMS))
def test_storm_takes_its_share_only(anywhere, storm):
    """Beside a guest that only computes, the storm gets half of the CPU and not more."""
    image, case = STORMS[storm]
    # One with interrupts off, except where that cannot be preempted (INTERRUPTS_MASKED).
    work = ("count", "busy=1") if anywhere.name == "bochs-svm" else ("spin", "")
    # An expiry each 20 us, as fast as they go, leaves nothing of Bochs' usual 50 million
    # instructions a second: a faster CPU.
    faster = {"extra": ["cpu: ips=400000000"]} if anywhere.is_bochs and storm == "timers" else {}
    m = anywhere([toy("bad", image, cmdline=f"case={case}", on_reboot="stop"),
                  toy("worker", work[0], cmdline=work[1]), toy("victim", "victim")], **faster)
    m.expect(r"^\[victim\] COUNT 1$", 60)
    m.prompt()
    before = cpu_times(m)
    wait_seconds(m, 5)
    after = cpu_times(m)
    assert m.stops("bad") == [] and m.stops("worker") == []
    bad, worker = (after[n] - before[n] for n in ("bad", "worker"))
    assert worker > 0.47 * (bad + worker), f"the storm used {bad:.3f} s, the worker {worker:.3f} s"
    m.command("kill bad")
    m.command("kill worker")
    m.send("\x04")
    finish(m)


def symbols():
    """Names and addresses in the hypervisor, of the last 4 GiB."""
    lines = subprocess.run(["nm", ELF], capture_output=True, text=True, check=True).stdout.splitlines()
    return {name: int(at, 16) & 0xffffffff for at, kind, name in map(str.split, lines) if len(kind) == 1}


@pytest.mark.parametrize("dr7", [0x4aa, 0xdddd04aa], ids=["execute", "write"])
def test_breakpoints_on_the_hypervisor(anywhere, dr7):
    """They meet nobody there; nor do they follow the CPU into another guest."""
    at = symbols()
    kind = "vmx" if anywhere.name == "bochs-vmx" else "svm"
    places = [[at[f"{kind}_run"], at[f"{kind}_read_exit"], at["sched_interrupted"], at["exit_handle"]],
              [at["vm_list"], at["vm_count"], at["sched_must_arm"], at[f"{kind}_enter"]]]
    words = [" ".join(f"{k}={v}" for k, v in zip("abcd", p)) for p in places]
    m = anywhere([toy(f"bad{i}", "badcpu", cmdline=f"case=16 dr7={dr7} {w}", on_reboot="stop")
                  for i, w in enumerate(words)] + [toy("victim", "victim")])
    m.expect(r"^\[victim\] COUNT 3$")
    assert m.stops("bad0") == m.stops("bad1") == []
    m.prompt()
    m.send("kill bad0\rkill bad1\r\x04")
    m.expect(r"^socle: guest bad1: stopped \(killed\)$")
    finish(m)


def test_own_breakpoints_work(anywhere):
    m = run_to_an_end(anywhere, "badcpu", "case=17", must_survive=True)
    assert values(m.output("bad"), "BREAKPOINTS") == ["10"]


def test_memory_is_cleared_between_guests(anywhere):
    """What one guest leaves, the next does not find, whoever gets its memory."""
    m = anywhere([toy("first", "baddev", cmdline="case=8 fill=6840692"),
                  toy("second", "baddev", cmdline="case=8", autostart=False)],
                 memory="128M", host={"when_all_stopped": "wait"})
    m.expect(r"^socle: guest first: stopped \(poweroff\)$", 60)
    m.prompt()
    for _ in range(2):
        m.send("start second\r")
        m.expect(r"^socle: guest second: stopped \(poweroff\)$", 60)
        m.send("start first\r")
        m.expect(r"^socle: guest first: stopped \(poweroff\)$", 60)
    m.send("poweroff\r")
    m.wait_exit()
    assert set(values(m.output("first") + m.output("second"), "LEAKS")) == {"0"}
    assert len(re.findall(r"^\[\w+\] LEAKS 0$", m.text, re.MULTILINE)) == 5
