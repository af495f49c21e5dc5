# SPDX-License-Identifier: BSD-2-Clause
"""The same boot again and again while the host is busy with something else: none stalls."""
import contextlib
import os
import subprocess
import sys

import pytest

from baseline import baseline, check_guest
from harness import guest


@contextlib.contextmanager
def busy_host():
    """As many processes that want the CPU as there are CPUs."""
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
               for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for p in burners:
            p.kill()
            p.wait()


# What a kernel says when the emulator itself got no CPU in the middle of a timer interrupt: we
# see to it that it does not (the numbers are masked as in baseline.py).
OF_LOAD = ["hrtimer: interrupt took # ns"]


def boots(machine, n):
    bare = baseline(machine) + OF_LOAD
    with busy_host():
        for i in range(n):
            # Two at once every other time: they share the CPU of a machine that lacks time.
            names = ["alpha", "beta"][:1 + i % 2]
            m = machine([guest(name, memory="128M") for name in names])
            m.expect(r"^socle: all guests stopped$", timeout=400)
            m.wait_exit()
            for name in names:
                check_guest(m, name, bare, memory_mib=128, prefix=name if len(names) > 1 else None)
            m.close()


def test_three_boots_under_load(machine):
    boots(machine, 3)


@pytest.mark.soak
def test_fifty_boots_under_load(machine):
    boots(machine, 50)
