# SPDX-License-Identifier: BSD-2-Clause
"""What the system tests read from the prompt's answers."""
import re

from harness import values


def seconds(text):
    """A time as the prompt prints it: "1.250 s", "12.5 s" or "3m07s"."""
    minutes = re.fullmatch(r"(\d+)m(\d+)s", text)
    if minutes:
        return int(minutes[1]) * 60 + int(minutes[2])
    return float(re.fullmatch(r"([\d.]+) s", text)[1])


TIME = r"(?:[\d.]+ s|\d+m\d\ds|-)"


def _rows(m):
    """name, state, CPU time of each line of `list`, at the open prompt."""
    return re.findall(rf"^(\S+) +(\w+) +\d+ +\d+[KMGT] +{TIME} +({TIME}) +\d+", m.command("list"),
                      re.MULTILINE)


def states(m):
    return {name: state for name, state, _ in _rows(m)}


def cpu_times(m):
    return {name: seconds(time) for name, _, time in _rows(m)}


def free_memory(m):
    """As `mem` prints it, to the last KiB."""
    return re.search(r"^free +(\S+) ", m.command("mem"), re.MULTILINE)[1]


def counts(m, name):
    """The numbers that the toy `count` has printed in the log view."""
    return [int(n) for n in values(m.output(name), "COUNT")]


def wait_seconds(m, n):
    """At the open prompt: `top` prints a table each second; waits for n of them."""
    m.send("top\r")
    m.expect(r"measuring; any key ends")
    m.expect(r"(?:^NAME +STATE +CPU +EXITS/S(?s:.*?)){%d}" % n, timeout=60 + n)
    m.send(" ")
    m.expect(r"^socle> ")
