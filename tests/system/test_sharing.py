# SPDX-License-Identifier: BSD-2-Clause
"""Several guests on one physical CPU: all get on, by weight, whatever one of them does."""
import re

from bochs import INTERRUPTS_MASKED
from harness import guest, host_sum, toy, values
from prompt import cpu_times, wait_seconds


def test_four_guests_compute_the_same(anywhere):
    """One is killed in the middle; the three others finish with the right sums."""
    names = ["one", "two", "three", "four"]
    m = anywhere([guest(n, memory="128M", cmdline="quiet test.rounds=3") for n in names])
    m.expect_all(*(rf"^\[{n}\] ROUND 1 " for n in names), timeout=400)
    m.prompt()
    m.send("kill two\r")
    m.expect(r"^socle: guest two: stopped \(killed\)$")
    m.wait_exit(timeout=300)
    for n in ["one", "three", "four"]:
        # Four share a slow CPU: the log view may show a line in two parts (after 200 ms).
        text = "".join(m.output(n))
        assert re.findall(r"SUM ([0-9a-f]+)", text) == [host_sum()]
        assert re.findall(r"ROUND (\d [0-9a-f]+)", text) == [f"{i} {host_sum()}" for i in (1, 2, 3)]
        assert m.stops(n) == ["poweroff"]
    assert "ROUNDS-DONE" not in m.output("two")
    assert m.stops("two") == ["killed"]


def test_weights(anywhere):
    """Guests that compute all the time get CPU time by their weights, within 3 %."""
    weights = {"small": 100, "middle": 200, "large": 400}
    # With interrupts off, except where such a guest cannot be preempted (INTERRUPTS_MASKED).
    busy = ("count", "busy=1") if anywhere.name == "bochs-svm" else ("spin", "")
    m = anywhere([toy(n, busy[0], cmdline=busy[1], weight=w) for n, w in weights.items()])
    m.expect_all(*(rf"^socle: guest {n}: started$" for n in weights))
    m.prompt()
    before = cpu_times(m)
    wait_seconds(m, 15)
    after = cpu_times(m)
    # In short turns, too: at 6 ms for a round there are more than 100 a second.
    turns = re.search(r"^host interrupt +\d+ +(\d+) ", m.command("exits small"), re.MULTILINE)
    assert int(turns[1]) > 30
    used = {n: after[n] - before[n] for n in weights}
    total = sum(used.values())
    assert total > 10, "they share one CPU, and nothing else runs"
    for n, w in weights.items():
        right = total * w / sum(weights.values())
        assert abs(used[n] - right) < 0.03 * right, f"{n}: {used[n]:.3f} s, not {right:.3f} s: {used}"


def test_loop_with_interrupts_off(anywhere):
    """A guest in `cli; jmp .` takes its share and no more: the others finish beside it."""
    anywhere.cannot("bochs-svm", INTERRUPTS_MASKED)
    m = anywhere([toy("rogue", "spin"), guest("one", memory="128M", cmdline="quiet"),
                  guest("two", memory="128M", cmdline="quiet test.rounds=100", then="loop")])
    m.expect(r"^socle: guest one: stopped \(poweroff\)$", timeout=400)
    assert values(m.output("one"), "SUM") == [host_sum()]
    m.expect(r"^\[two\] ROUND 1 ", timeout=200)
    # Two guests with work without end and equal weights: half each.
    m.prompt()
    before = cpu_times(m)
    wait_seconds(m, 6)
    after = cpu_times(m)
    rogue, two = (after[n] - before[n] for n in ("rogue", "two"))
    assert rogue + two > 3
    assert two > 0.45 * (rogue + two), f"rogue {rogue:.3f} s, two {two:.3f} s"
    m.send("kill rogue\r")
    m.expect(r"^socle: guest rogue: stopped \(killed\)$")
    m.send("kill two\r")
    m.wait_exit()


def test_idle_guests_cost_nothing(anywhere):
    """
    With three Linux guests asleep the physical CPU halts. A tickless guest wakes for a timer
    now and then; under TCG on a loaded machine each wake-up costs a millisecond or so.
    """
    names = ["one", "two", "three"]
    m = anywhere([guest(n, memory="128M", then="idle", cmdline="quiet") for n in names])
    m.expect_up(*names, timeout=400)
    m.prompt()
    wait_seconds(m, 3)                  # what a kernel does right after its start
    before = cpu_times(m)
    wait_seconds(m, 6)
    after = cpu_times(m)
    used = sum(after[n] - before[n] for n in names)
    # A guest that polled would have used seconds. 10 % of 6 s leaves room for a slow emulator.
    assert used < 0.6, f"three idle guests used {used:.3f} s of 6 s"
    m.send("poweroff now\r")
    m.wait_exit()
