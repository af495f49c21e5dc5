#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Where the hypervisor's instructions go, exactly: for each of the benchmark guest's operations,
or for a boot of Linux, the instructions spent in each function. See docs/performance.md.

    tests/bench/hotspots.py [--top N] [--lines] [OPERATION...]
    tests/bench/hotspots.py [--top N] [--lines] --linux VMLINUZ

SOCLE_BUILD in the environment: the build folder, if it is not build.
"""
import argparse
import bisect
import collections
import os
import subprocess
import sys

from machine import BUILD, INIT_ADDRESS, ROOT, BenchError, Machine, Programs, symbols
from operations import HOST_MEMORY, OPERATIONS, ROUNDS, operations_guest
from run import linux_guest


class Functions:
    """The hypervisor's code by address."""

    def __init__(self, elf):
        self.elf = elf
        self.table = symbols(elf)
        self.start, self.end = self.table["text_start"][0], self.table["text_end"][0]
        places = sorted((at, name) for name, (at, _) in self.table.items()
                        if self.start <= at < self.end and name != "text_start")
        self.at = [at for at, _ in places]
        self.name = [name for _, name in places]

    def of(self, address):
        i = bisect.bisect_right(self.at, address) - 1
        return self.name[i] if i >= 0 else "?"

    def lines(self, addresses):
        """{address: "file:line"} from the debug information."""
        done = subprocess.run(["addr2line", "-e", self.elf], capture_output=True, text=True,
                              input="\n".join(f"{a:x}" for a in addresses), check=True)
        places = [line.split(" ")[0].replace(ROOT + "/", "") for line in done.stdout.splitlines()]
        return dict(zip(addresses, places))


class Printer:
    def __init__(self, functions, top, lines):
        self.functions, self.top, self.by_line = functions, top, lines

    def show(self, title, profile, rounds):
        """profile: {address: times executed} in so many rounds."""
        total = sum(profile.values())
        line = self.functions.lines(list(profile)) if self.by_line and profile else {}
        by = collections.Counter()
        for at, n in profile.items():
            by[f"{self.functions.of(at)}  {line.get(at, '')}".rstrip()] += n
        print(f"\n{title}: {total / rounds:,.1f} instructions in the hypervisor")
        for name, n in by.most_common(self.top):
            print(f"  {n / rounds:12,.1f}  {100 * n / total:5.1f} %  {name}")


def profile_operations(programs, elf, printer, wanted):
    guest = symbols(programs.guest_full)
    marks = [f"each={guest[f][0]:x}:{f}" for f in ("op_begin", "op_end")]
    marks.append(f"profile={printer.functions.start:x}:{printer.functions.end:x}")
    m = Machine(programs, elf, HOST_MEMORY)
    text, count = m.count(m.hypervisor(*operations_guest(programs)), "hotspots", marks)
    words = [line.split() for line in text.splitlines()]
    names = [w[1] for w in words if len(w) == 3 and w[0] == "bench"]
    ends = [mark for mark in count.marks if mark.name == "op_end"]
    for name, mark in zip(names, ends):
        if name in wanted:
            printer.show(name, mark.profile, ROUNDS)


def profile_linux(programs, elf, printer, kernel):
    f = printer.functions
    marks = [f"once={f.table['svm_enter'][0]:x}:guest", f"once={INIT_ADDRESS:x}:init",
             f"profile={f.start:x}:{f.end:x}"]
    m = Machine(programs, elf, HOST_MEMORY)
    _, count = m.count(m.hypervisor(*linux_guest(programs, kernel)), "hotspots-linux", marks)
    printer.show("before the first guest instruction", count.mark("guest").profile, 1)
    printer.show("from there to init", count.mark("init").profile, 1)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--top", type=int, default=15, help="so many entries (default: 15)")
    p.add_argument("--lines", action="store_true", help="by source line instead of by function")
    p.add_argument("--linux", metavar="VMLINUZ", help="a boot of this kernel")
    p.add_argument("operation", nargs="*", help="names as in bench.json (default: all)")
    a = p.parse_args()
    elf = os.path.join(BUILD, "socle.elf")
    known = [o[0] for o in OPERATIONS]
    if unknown := set(a.operation) - set(known):
        p.error(f"no operation {', '.join(sorted(unknown))}; there are: {' '.join(known)}")
    try:
        programs = Programs(os.path.join(BUILD, "bench"))
        printer = Printer(Functions(elf + ".full"), a.top, a.lines)
        if a.linux:
            profile_linux(programs, elf, printer, a.linux)
        else:
            profile_operations(programs, elf, printer, a.operation or known)
    except BenchError as e:
        print(f"hotspots: {e}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
