# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of the system tests: machines that end, and whose logs stay when a test fails."""
import os
import re

import pytest

import bochs
import harness


def pytest_configure(config):
    config.addinivalue_line("markers", "soak: long; only `make soak` runs it")
    config.addinivalue_line("markers", "full: wants Debian's full kernel (build/guests/vmlinuz-full)")
    if not config.option.markexpr:
        config.option.markexpr = "not soak"


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        item.failed = True


class Factory:
    """Starts machines for one test: machine([guest("one")]), machine.bare(cmdline="…")."""

    def __init__(self, node, tmp_path):
        self.name = re.sub(r"[^A-Za-z0-9._-]+", "-", node.name).strip("-")
        self.tmp = tmp_path
        self.all = []

    def _make(self, kind, *args, **options):
        n = len(self.all) + 1
        name = self.name if n == 1 else f"{self.name}.{n}"
        machine = kind.__new__(kind)
        self.all.append(machine)
        machine.__init__(self.tmp / f"m{n}", name, *args, **options)
        return machine

    def __call__(self, config, **options):
        return self._make(harness.Machine, config, **options)

    def bare(self, **options):
        return self._make(harness.Bare, **options)

    def on_bochs(self, config, **options):
        return self._make(bochs.Bochs, config, **options)


class Platform:
    """
    Where a test runs: "qemu", "bochs-vmx", "bochs-svm", or one of the last two with the name
    of a CPU model, "bochs-vmx:tigerlake". Called like the fixture `machine`.
    """

    def __init__(self, words, factory):
        self.name, _, model = words.partition(":")
        self.model = model or None
        self.is_bochs = self.name in bochs.PLATFORMS
        self.factory = factory
        assert self.is_bochs or words == "qemu", words

    def __call__(self, config, **options):
        if self.is_bochs:
            return self.factory.on_bochs(config, platform=self.name, model=self.model, **options)
        return self.factory(config, **options)

    def cannot(self, name, why):
        """Skips the test on the platform `name`; docs/testing.md gives the reason as well."""
        if self.name == name:
            pytest.skip(why)


@pytest.fixture
def machine(request, tmp_path):
    factory = Factory(request.node, tmp_path)
    yield factory
    panicked = []
    for m in factory.all:
        if hasattr(m, "log_file"):
            m.close()
            if harness.PANIC in m.text and not m.panic_expected:
                panicked.append(m.name)
    if not panicked and not getattr(request.node, "failed", False) and "SOCLE_KEEP_LOGS" not in os.environ:
        for m in factory.all:
            m.log_path.unlink(missing_ok=True)
    assert not panicked, f"the hypervisor panicked: {panicked}"


@pytest.fixture(params=["qemu", *bochs.PLATFORMS])
def platform(request, machine):
    """A test with it runs on each of the three; indirect parameters choose others."""
    return Platform(request.param, machine)


@pytest.fixture(params=["qemu", *(pytest.param(p, marks=pytest.mark.soak) for p in bochs.PLATFORMS)])
def anywhere(request, machine):
    """The same, but only `make soak` runs the test on Bochs, which takes many times as long."""
    return Platform(request.param, machine)
