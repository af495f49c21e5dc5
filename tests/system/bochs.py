# SPDX-License-Identifier: BSD-2-Clause
"""
One machine in Bochs with Socle on it, with what harness.Machine offers. Our own command starts
it, `socle run --platform …`, with pipes for terminal; its exit code is checked as well.
"""
import os
import re
import subprocess

from harness import Console, ELF, FACTOR, Socle, TOOL

PLATFORMS = ["bochs-vmx", "bochs-svm"]

# What Bochs 2.7 cannot do with AMD-V; docs/testing.md lists the tests.
NO_SHUTDOWN_EXIT = "Bochs 2.7 ends the whole machine at a guest's triple fault (no SHUTDOWN exit)"
INTERRUPTS_MASKED = "Bochs 2.7 keeps the host's interrupts masked while a guest entered with IF=0 runs"
CR0_PANIC = "Bochs 2.7 panics at a guest's MOV to CR0 that a real CPU answers with #GP"


class Bochs(Socle, Console):
    """
    `config`, `host`, `files`, `without`, `switches`: see Socle.place(). Without `memory` the command
    chooses. `model`: another CPU model of Bochs than the platform's usual one.
    """
    program = "socle run"
    factor = 4 * FACTOR                 # a Debian guest alone takes a minute or two

    def __init__(self, work, name, config, *, platform, model=None, host=None, files=None,
                 without=(), switches=(), elf=ELF, memory=None, smp=1, extra=()):
        super().__init__(work, name)
        self.place(config, host, files, without, switches)
        self.args = [str(TOOL), "run", "--platform", platform, "--cpus", str(smp), "socle.toml"]
        if memory:
            self.args += ["--memory", memory]
        self.args += ["--", *([f"cpu: model={model}"] if model else []), *extra]
        self.log_file.write((" ".join(self.args) + "\n").encode())
        with open(self.work / "socle.err", "wb") as err:
            self.process = subprocess.Popen(
                self.args, cwd=self.work, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err,
                bufsize=0, env=dict(os.environ, SOCLE_ELF=str(elf), TMPDIR=str(self.work)))
        self.reading()

    def receive(self):
        return self.process.stdout.read(65536)

    def send(self, text):
        self.process.stdin.write(text.encode() if isinstance(text, str) else text)

    def errors(self):
        path = self.work / "socle.err"
        return path.read_text(errors="replace").strip() if path.exists() else ""

    def good_status(self):
        failed = re.search(r"^socle: guest [^:]+: (?:stopped \(crash|not started: )", self.text, re.MULTILINE)
        return 1 if failed else 0

    def end(self):
        """The command ends Bochs and removes its files; should it hang, Bochs dies with it."""
        self.process.terminate()
        try:
            self.process.wait(timeout=20 * FACTOR)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def close(self):
        super().close()
        for pipe in (self.process.stdin, self.process.stdout) if self.process else ():
            pipe.close()
