#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Where the hypervisor's instructions go, exactly: for each of the benchmark guest's operations,
or for a boot of Linux, the instructions spent in each function. See docs/performance.md.

    tests/bench/hotspots.py [--build DIR] [--top N] [--lines] OPERATION...
    tests/bench/hotspots.py [--build DIR] [--top N] [--lines] --linux VMLINUZ
"""
import argparse
import bisect
import collections
import os
import subprocess
import sys

from machine import INIT_ADDRESS, BenchError, Machine, Programs, symbols
from run import GUEST_MEMORY, HOST_MEMORY, LINUX_CMDLINE, OPERATIONS, ROUNDS, config


class Functions:
    def __init__(self, elf):
        self.elf = elf
        self.table = symbols(elf)
        start, end = self.table["text_start"][0], self.table["text_end"][0]
        self.text = (start, end)
        named = sorted((at, name) for name, (at, size) in self.table.items() if start <= at < end and size)
        named += sorted((at, name) for name, (at, size) in self.table.items()
                        if start <= at < end and not size and name not in ("text_start", "text_end"))
        named.sort()
        self.at = [a for a, _ in named]
        self.name = [n for _, n in named]

    def of(self, address):
        i = bisect.bisect_right(self.at, address) - 1
        return self.name[i] if i >= 0 else "?"

    def lines(self, addresses):
        """{address: "file:line"} from the debug information."""
        done = subprocess.run(["addr2line", "-e", self.elf], input="\n".join(f"{a:x}" for a in addresses),
                              capture_output=True, text=True, check=True)
        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + "/"
        return {a: line.split(" ")[0].replace(root, "") for a, line in zip(addresses, done.stdout.splitlines())}


def print_profile(title, profile, per, functions, top, lines):
    total = sum(profile.values())
    by = collections.Counter()
    where = functions.lines(list(profile)) if lines and profile else {}
    for at, n in profile.items():
        by[(functions.of(at), where.get(at, ""))] += n
    print(f"\n{title}: {total / per:,.1f} instructions in the hypervisor")
    for (name, line), n in by.most_common(top):
        print(f"  {n / per:12,.1f}  {100 * n / total:5.1f} %  {name}{'  ' + line if line else ''}")


def profile_operations(programs, elf, functions, wanted, top, lines):
    guest = symbols(programs.guest_full)
    marks = [f"each={guest[f][0]:x}:{f}" for f in ("op_begin", "op_end")]
    m = Machine(programs, elf, HOST_MEMORY)
    text, count = m.count(m.hypervisor(config([{"name": "bench", "memory": "32M", "kernel": "guest"}]),
                                       {"guest": programs.guest}), "profile",
                          marks + ["profile=%x:%x" % functions.text])
    names = [w[1] for w in (line.split() for line in text.splitlines()) if len(w) == 3 and w[0] == "bench"]
    ends = [m for m in count.marks if m[0] == "op_end"]
    for name, mark in zip(names, ends):
        if name in wanted:
            print_profile(name, mark[3], ROUNDS, functions, top, lines)


def profile_linux(programs, elf, functions, kernel, top, lines):
    m = Machine(programs, elf, HOST_MEMORY)
    guest = {"name": "linux", "memory": f"{GUEST_MEMORY}M", "kernel": "vmlinuz", "initrd": "initrd",
             "cmdline": LINUX_CMDLINE}
    marks = [f"once={functions.table['svm_enter'][0]:x}:guest", f"once={INIT_ADDRESS:x}:init"]
    _, count = m.count(m.hypervisor(config([guest]), {"vmlinuz": kernel, "initrd": programs.initrd}),
                       "profile-linux", marks + ["profile=%x:%x" % functions.text])
    print_profile("before the first guest instruction", count.mark("guest")[3], 1, functions, top, lines)
    print_profile("from there to init", count.mark("init")[3], 1, functions, top, lines)


def main():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--build", default=os.path.join(root, "build"))
    p.add_argument("--top", type=int, default=15, help="so many functions or lines (default: 15)")
    p.add_argument("--lines", action="store_true", help="by source line instead of by function")
    p.add_argument("--linux", metavar="VMLINUZ", help="a boot of this kernel")
    p.add_argument("operation", nargs="*", help="names as in bench.json (default: all)")
    a = p.parse_args()
    elf = os.path.join(a.build, "socle.elf")
    known = [o[0] for o in OPERATIONS]
    if unknown := set(a.operation) - set(known):
        p.error(f"no operation {', '.join(sorted(unknown))}; there are: {' '.join(known)}")
    try:
        programs = Programs(os.path.join(a.build, "bench"))
        functions = Functions(elf + ".full")
        if a.linux:
            profile_linux(programs, elf, functions, a.linux, a.top, a.lines)
        else:
            profile_operations(programs, elf, functions, a.operation or known, a.top, a.lines)
    except BenchError as e:
        print(f"hotspots: {e}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
