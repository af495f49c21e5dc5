# SPDX-License-Identifier: BSD-2-Clause
"""
What a Debian kernel says about the bare emulator, so that a test can tell which complaints
are Socle's doing, and the check of one finished guest against it. The bare emulator runs
once for each kernel, CPU model and command line; its answer is kept in build/baseline.
"""
import hashlib
import json
import re
import subprocess

from harness import BUILD, GUESTS, host_sum, values


def bad_lines(lines):
    """The kernel's lines of level 4 or worse, without what differs from boot to boot."""
    texts = []
    for line in values(lines, "BAD"):
        text = re.sub(r"^<\d+>\[ *[\d.]+\] ", "", line)
        texts.append(re.sub(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+", "#", text))
    return texts


def _key(kernel, cpu, cmdline):
    kernel = (GUESTS / kernel).stat()
    initrd = (GUESTS / "test.sum").read_text()
    qemu = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True,
                          check=True).stdout
    text = json.dumps([kernel.st_size, kernel.st_mtime, initrd, qemu, cpu, cmdline])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def baseline(machine, *, kernel="vmlinuz-cloud", cpu="max", cmdline=""):
    """`machine` is the fixture. The bare emulator's bad_lines() of the same boot."""
    cache = BUILD / "baseline" / f"{kernel}-{_key(kernel, cpu, cmdline)}.json"
    if not cache.exists():
        bare = machine.bare(kernel=kernel, cpu=cpu, memory="512M",
                            cmdline=f"console=ttyS0 {cmdline}".strip())
        bare.expect(r"^GUEST-UP$", timeout=180)
        assert values(bare.output(), "SUM") == [host_sum()], "the bare emulator computes wrongly"
        bare.close()
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_text(json.dumps(bad_lines(bare.output()), indent=1))
    return json.loads(cache.read_text())


def check_guest(m, name, bare, *, memory_mib, prefix=None, end="poweroff", clocks=("tsc", "kvm-clock")):
    """The guest computed the right checksum, complained of nothing new, and ended as it should."""
    lines = m.output(prefix)
    assert values(lines, "SUM") == [host_sum()]
    new = [text for text in bad_lines(lines) if text not in bare]
    assert not new, f"lines of level 4 or worse that the bare emulator does not cause: {new}"
    assert values(lines, "CPUS") == ["1"]
    assert values(lines, "CLOCKSOURCE")[0] in clocks
    kib = int(values(lines, "MEMTOTAL")[0].split()[0])
    # The kernel keeps its image and page structures (1/64) out of MemTotal.
    assert memory_mib * 1024 * 0.97 - 64 * 1024 < kib < memory_mib * 1024
    assert m.stops(name) == [end]
