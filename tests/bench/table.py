# SPDX-License-Identifier: BSD-2-Clause
"""A row of the table, and how the table is printed. Used by run.py and its groups."""


class Row:
    """A value of Socle, beside it that of the bare machine; the limit is on their ratio or on
    the value. unit: "instructions", "KiB" or "accesses". parts: {name: number}, what the value
    consists of; note: the same for the reader."""

    def __init__(self, name, what, value, bare=None, limit=None, goal=None, unit="instructions",
                 max_ratio=None, parts=None, note=""):
        self.name, self.what, self.unit = name, what, unit
        self.value, self.bare = value, bare
        self.limit, self.max_ratio, self.goal = limit, max_ratio, goal
        self.parts, self.note = parts or {}, note

    def ratio(self):
        return self.value / self.bare if self.bare else None

    def limited(self):
        return self.limit is not None or self.max_ratio is not None

    def ok(self):
        if self.max_ratio is not None:
            return self.ratio() <= self.max_ratio
        return self.limit is None or self.value <= self.limit

    def json(self):
        return {"name": self.name, "what": self.what.strip(), "unit": self.unit,
                "socle": self.value, "bare": self.bare, "ratio": self.ratio(),
                "limit": self.limit, "max_ratio": self.max_ratio, "goal": self.goal,
                "ok": self.ok(), **self.parts}


def number(v):
    return "-" if v is None else f"{v:,.0f}" if v >= 10 or v == int(v) else f"{v:,.1f}"


def ratio_text(r):
    return "-" if r is None else f"{r:.3f}" if r < 10 else f"{r:,.0f}"


def print_rows(rows, line):
    for r in rows:
        unit = " KiB" if r.unit == "KiB" else ""
        limit = number(r.limit) if r.max_ratio is None else f"ratio {r.max_ratio}"
        verdict = "" if not r.limited() else "ok" if r.ok() else "TOO MUCH"
        print(line.format("  " + r.what, number(r.value) + unit, number(r.bare),
                          ratio_text(r.ratio()), limit, number(r.goal),
                          f"{verdict:<8} {r.note}").rstrip())


def print_table(sections):
    """sections: [(title, rows)]"""
    line = "{:<48} {:>14} {:>14} {:>7} {:>12} {:>6}  {}"
    print(line.format("WHAT (in instructions, unless said otherwise)", "SOCLE", "BARE", "RATIO",
                      "LIMIT", "GOAL", "").rstrip())
    for title, rows in sections:
        print(title)
        print_rows(rows, line)
