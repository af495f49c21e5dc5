#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""
Checks what the compiler does not: the layers (docs/architecture.md) and the sizes of files
and functions. Prints each finding as FILE:LINE: what; exit status 1 when there is one.

  - each header compiles alone;
  - includes go down only: boot > vmm > drivers > arch > mm > include;
  - pure folders include only include/socle, the compiler's own headers, and their own folder;
  - outside arch nothing names a virtualization extension or its structures, except the policy
    of what a guest may see of the CPU, and the decoder of instructions;
  - CPU vendors are told apart only in that policy and in arch, and the backend's own exit codes
    are only printed elsewhere;
  - files have at most 500 lines of at most 120 columns, functions at most 60 lines, unless
    they are tables (one switch, or declarations only); tests 1000, 130 and 80;
  - every file begins with its licence line.

`make check-layers` runs it with the names of the pure folders and of the compiler.
"""
import argparse
import concurrent.futures
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
CODE = ["arch", "boot", "drivers", "include", "mm", "tests", "tools", "vmm"]
FILE_LINES, FUNCTION_LINES, COLUMNS = 500, 60, 120
TEST_FILE_LINES, TEST_FUNCTION_LINES, TEST_COLUMNS = 1000, 80, 130
OWN_HEADERS = {"stdint.h", "stddef.h", "stdbool.h", "stdarg.h", "stdatomic.h", "stdnoreturn.h"}

# What each layer's files may include, by the beginning of the path.
MAY_USE = {
    "include": ["socle/"],
    "mm": ["socle/", "mm/"],
    "arch": ["socle/", "mm/", "arch/"],
    "drivers": ["socle/", "mm/", "drivers/", "arch/x86/cpu/"],
    "vmm": ["socle/", "mm/", "vmm/", "drivers/"],
    "boot": ["socle/", "mm/", "vmm/", "drivers/", "arch/", "boot/"],
}
# Above arch only boot/ may see it, and never a backend.
BACKENDS = re.compile(r"arch/x86/(svm|vmx)/")
BACKEND_NAMES = re.compile(r"(?<![A-Za-z0-9])_*(vmcb|vmcs|vmx|svm)(?![a-z0-9])", re.IGNORECASE)
# Differences between vendors that a guest may see are decided in one place.
VENDORS = re.compile(r"\bCPU_(AMD|INTEL)\b|\b(GenuineIntel|AuthenticAMD)\b")
VENDORS_EXEMPT = ("vmm/policy/", "include/socle/policy.h")
# What a backend read from the hardware may be logged, never decided by.
RAW = re.compile(r"\b(if|switch|while|case)\b.*\braw_(reason|info)\b|\braw_(reason|info)\b(\[\d\])?\s*([=!<>]=|[<>&])")
# What a guest may see of the CPU, and the names of instructions, which all CPUs' have.
NAMES_EXEMPT = ("vmm/policy/", "vmm/emul/", "include/socle/insn.h")

findings = []


def find(path, line, text):
    findings.append((str(path), line, text))


def without_comments(text):
    """The same lines with comments and the insides of strings blanked."""
    def blank(match):
        s = match.group(0)
        if s.startswith(("/*", "//")):
            return re.sub(r"[^\n]", " ", s)
        return '"' + " " * (len(s) - 2) + '"' if s.startswith('"') and len(s) > 1 else s
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.DOTALL)


def check_includes(path, text, pure):
    top = path.parts[0]
    allowed = MAY_USE.get(top)
    if allowed is None:
        return
    folder = str(path.parent)
    own = next((p for p in pure if folder == p or folder.startswith(p + "/")), None)
    for n, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+([<"])([^>"]+)', line)
        if not match:
            continue
        quoted, name = match.group(1) == '"', match.group(2)
        if not quoted:
            if name not in OWN_HEADERS:
                find(path, n, f"includes <{name}>, which a freestanding program has not")
            continue
        local = (ROOT / path.parent / name).exists()
        where = f"{folder}/{name}" if local else name
        if own and not local and not name.startswith("socle/") and not where.startswith(own + "/"):
            find(path, n, f'is pure and includes "{name}"')
        elif not any(where.startswith(a) for a in allowed) and not (local and where.startswith(folder)):
            find(path, n, f'"{name}" belongs to a layer that {top}/ may not use')
        if BACKENDS.search(where) and top != "arch":
            find(path, n, f'"{name}" is a backend\'s own')


def check_names(path, code):
    if path.parts[0] in ("arch", "tests", "tools"):
        return
    for n, line in enumerate(code.splitlines(), 1):
        if VENDORS.search(line) and not str(path).startswith(VENDORS_EXEMPT):
            find(path, n, "tells CPU vendors apart outside of vmm/policy/")
        if RAW.search(line):
            find(path, n, "decides by a backend's exit code")
    if str(path).startswith(NAMES_EXEMPT):
        return
    for n, line in enumerate(code.splitlines(), 1):
        match = BACKEND_NAMES.search(line)
        if match and not line.lstrip().startswith("#include"):
            find(path, n, f"names {match.group(1)} above arch/")


def is_table(body):
    """One switch and nothing else."""
    inner = [line for line in body if line.strip()]
    return len(inner) > 2 and inner[0].startswith("    switch (") and inner[-1] == "    }" and \
        not any(re.match(r" {4}\S", line) for line in inner[1:-1] if not re.match(r" {4}(case |default:)", line))


def check_functions(path, code):
    """A function's brace stands alone in column 1; its head begins after a blank or closed line."""
    limit = TEST_FUNCTION_LINES if path.parts[0] == "tests" else FUNCTION_LINES
    lines = code.splitlines()
    brace = 0
    start = None
    for n, line in enumerate(lines):
        if line == "{":
            start = brace = n
            while start and lines[start - 1].strip() and not lines[start - 1].startswith(("}", "#")) \
                    and not lines[start - 1].rstrip().endswith(";"):
                start -= 1
        elif line == "}" and start is not None:
            if n - start + 1 > limit and not is_table(lines[brace + 1:n]):
                find(path, start + 1, f"function of {n - start + 1} lines, at most {limit}")
            start = None


def check_size(path, text):
    lines = text.splitlines()
    limit = TEST_FILE_LINES if path.parts[0] == "tests" else FILE_LINES
    if len(lines) > limit:
        find(path, len(lines), f"{len(lines)} lines, at most {limit}")
    columns = TEST_COLUMNS if path.parts[0] == "tests" else COLUMNS
    for n, line in enumerate(lines, 1):
        if len(line) > columns:
            find(path, n, f"{len(line)} columns, at most {columns}")
    if not any("SPDX-License-Identifier: BSD-2-Clause" in line for line in lines[:2]):
        find(path, 1, "does not begin with its licence (SPDX-License-Identifier)")


def compile_alone(header, cc, flags):
    result = subprocess.run([*cc, *flags, "-fsyntax-only", "-x", "c", "-include", str(header), "/dev/null"],
                            cwd=ROOT, capture_output=True, text=True)
    if result.returncode:
        first = next((l for l in result.stderr.splitlines() if "error" in l), result.stderr.strip())
        return header, first
    return None


def check_headers(headers, cc, flags):
    native = [f for f in flags if not f.startswith(("-ffreestanding", "-mgeneral"))] + ["-Itests", "-Itools"]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(compile_alone, h, cc, native if h.parts[0] in ("tests", "tools") else flags)
                for h in headers]
        for job in jobs:
            if job.result():
                find(job.result()[0], 1, "does not compile alone: " + job.result()[1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pure", default="", help="the pure folders")
    parser.add_argument("--cc", default="gcc")
    parser.add_argument("--flags", default="-std=gnu11 -Iinclude -I.")
    args = parser.parse_args()
    files = [f.relative_to(ROOT) for top in CODE for f in sorted((ROOT / top).rglob("*"))
             if f.suffix in (".c", ".h", ".S", ".py", ".sh", ".awk", ".ld") and f.is_file()]
    for path in files:
        text = (ROOT / path).read_text()
        check_size(path, text)
        if path.suffix in (".c", ".h", ".S"):
            code = without_comments(text)
            check_includes(path, text, args.pure.split())
            check_names(path, code)
            if path.suffix != ".S":
                check_functions(path, code)
    headers = [f for f in files if f.suffix == ".h"]
    check_headers(headers, args.cc.split(), args.flags.split())
    for path, line, text in sorted(findings):
        print(f"{path}:{line}: {text}")
    print(f"{len(files)} files, {len(headers)} headers compiled alone, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
