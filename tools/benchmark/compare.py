"""Is anything slower than it was?  Compares the ratios of one run with figures that were kept.

What is kept are ratios to pyzmq, measured in the same run: they depend much less on the machine than times do.  They still
depend on it, so the answer is a list to look at and never a failure.
"""

from __future__ import annotations

import statistics
from typing import NamedTuple

MAIN = "ours/pyzmq"
#: The least rise that is told, as a part of the kept median: quartiles of steady rows lie closer than two builds do.
LEAST_RISE = 0.05


class Slower(NamedTuple):
    """A row whose ratio has risen."""

    name: str
    ratio: float
    kept: float
    #: From here on a ratio counts as risen.
    limit: float

    def __str__(self):
        return f"{self.name}: {self.ratio:.2f} (kept {self.kept:.2f}, told above {self.limit:.2f})"


def interpreter_of(report):
    """``CPython 3.11``: under what the figures of a run are kept."""
    python = report["python"]
    return f"{python['implementation']} {'.'.join(python['version'].split('.')[:2])}"


def by_interpreter(reports):
    """The runs of each interpreter, in the order in which they first appear."""
    groups = {}
    for report in reports:
        groups.setdefault(interpreter_of(report), []).append(report)
    return groups


def ratios_of(reports, name, which=MAIN):
    """The summaries of this row's ratio in the runs that have it."""
    rows = (row for report in reports for row in report["rows"] if row["name"] == name)
    return [row["ratios"][which] for row in rows if which in row["ratios"]]


def names_of(reports):
    """The rows of these runs, each once."""
    return list(dict.fromkeys(row["name"] for report in reports for row in report["rows"]))


def kept(reports):
    """What is kept of some runs: for each interpreter and row the median, and the outermost quartiles."""
    result = {}
    for interpreter, runs in by_interpreter(reports).items():
        rows = {}
        for name in names_of(runs):
            found = ratios_of(runs, name)
            if found:
                rows[name] = {
                    "median": round(statistics.median(ratio["median"] for ratio in found), 4),
                    "low": round(min(ratio["low"] for ratio in found), 4),
                    "high": round(max(ratio["high"] for ratio in found), 4),
                }
        result[interpreter] = {"runs": len(runs), "pyzmq": runs[0]["pyzmq"], "rows": rows}
    return result


def limit_of(figures):
    """The ratio above which a row counts as slower: half of the range of the quartiles above the upper one."""
    return figures["high"] + max((figures["high"] - figures["low"]) / 2, LEAST_RISE * figures["median"])


def slower(report, reference):
    """The rows of a run that are slower than kept, the worst first.

    Parameters
    ----------
    report : dict
        One run, as ``--json`` writes it.
    reference : dict
        What `kept` made of earlier ones.

    Returns
    -------
    list of Slower or None
        None when nothing is kept for this interpreter.
    """
    if interpreter_of(report) not in reference:
        return None
    figures = reference[interpreter_of(report)]["rows"]
    found = []
    for row in report["rows"]:
        if row["name"] in figures and MAIN in row["ratios"]:
            known, ratio = figures[row["name"]], row["ratios"][MAIN]["median"]
            if ratio > limit_of(known):
                found.append(Slower(row["name"], ratio, known["median"], limit_of(known)))
    return sorted(found, key=lambda row: row.kept / row.ratio)


def text(report, reference):
    """The same as lines."""
    found = slower(report, reference)
    if found is None:
        yield f"nothing is kept for {interpreter_of(report)} to compare with"
    elif not found:
        yield "no row is slower than kept"
    else:
        yield f"slower than kept ({len(found)} of {len(report['rows'])} rows):"
        for row in found:
            yield f"  {row}"
