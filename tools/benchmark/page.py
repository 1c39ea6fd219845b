"""Writes the tables of docs/performance.md from the JSON files of several runs.

A page holds places for them, from ``<!-- NAME: written by tools/bench --render -->`` to ``<!-- end of NAME -->``;
everything else is left as it is.
"""

from __future__ import annotations

import re
import statistics

from .compare import by_interpreter, names_of, ratios_of
from .goals import goal_of, reached
from .report import number, where
from .rows import SIZES

PLACE = re.compile(r"(<!-- (\w+): written by tools/bench --render -->\n).*?(<!-- end of \2 -->)", re.DOTALL)


class PageError(Exception):
    """The page cannot be written; the text is for the user."""


def filled(page, blocks):
    """The page with these blocks in their places.

    Parameters
    ----------
    page : str
        Its text.
    blocks : dict of str to list of str
        Lines for each place.

    Raises
    ------
    PageError
        The page lacks a place, or has one for something else.
    """
    places = {match[2] for match in PLACE.finditer(page)}
    if places != set(blocks):
        lacking = ", ".join(sorted(places ^ set(blocks)))
        raise PageError(f"the places of the page and what there is to write do not fit each other: {lacking}")
    return PLACE.sub(lambda match: match[1] + "\n".join(["", *blocks[match[2]], "", ""]) + match[3], page)


def markdown(head, lines, names=1):
    """A table; all columns but the first few are numbers."""
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * names + "---:|" * (len(head) - names)
    for line in lines:
        yield "| " + " | ".join(line) + " |"


def middle(reports, name, side):
    """The median of the medians of a side in some runs, as text."""
    rows = [row for report in reports for row in report["rows"] if row["name"] == name]
    values = [row["sides"][side]["median"] for row in rows if side in row["sides"]]
    return number(statistics.median(values)) if values else ""


def middle_ratio(reports, name, which):
    """The same of a ratio."""
    found = ratios_of(reports, name, which)
    return f"{statistics.median(ratio['median'] for ratio in found):.2f}" if found else ""


def unit_of(reports, name):
    """The unit of a row."""
    return next(row["unit"] for report in reports for row in report["rows"] if row["name"] == name)


def runs(reports):
    """What the figures come from, one item for each run."""
    first = reports[0]
    yield (
        f"zmq_ctypes {first['ours']} and pyzmq {first['pyzmq']}, both on the libzmq {first['libzmq']['version']} inside the latter; "
        "one line for each run:"
    )
    yield ""
    for report in reports:
        yield f"- {report['date']}, {where(report)}; {report['rounds']} rounds of each row"


def ratio_cell(ratios, goal):
    """The ratio of each run with its quartiles; bold above the goal."""
    shown = []
    for ratio in ratios:
        median = f"{ratio['median']:.2f}"
        median = median if reached(ratio["median"], goal) else f"**{median}**"
        shown.append(f"{median} ({ratio['low']:.2f}-{ratio['high']:.2f})")
    return "<br>".join(shown)


def ratios(reports):
    """Every row: its goal, and the ratio of every run."""
    groups = by_interpreter(reports)
    lines = []
    for name in names_of(reports):
        goal = goal_of(name)
        shown = [ratio_cell(ratios_of(group, name), goal) for group in groups.values()]
        lines.append([f"`{name}`", "" if goal is None else f"{goal:.2f}", *shown])
    yield from markdown(["row", "goal", *groups], lines)


def values(reports):
    """Every row in its unit, with the floor and C where there are such."""
    for number_of_table, (interpreter, group) in enumerate(by_interpreter(reports).items()):
        if number_of_table:
            yield ""
        lines = []
        for name in names_of(group):
            lines.append(
                [f"`{name}`", unit_of(group, name)]
                + [middle(group, name, side) for side in ("ours", "pyzmq", "floor")]
                + [middle_ratio(group, name, "ours/floor"), middle(group, name, "C"), middle_ratio(group, name, "ours/C")]
            )
        head = [interpreter, "unit", "ours", "pyzmq", "floor", "ours/floor", "C", "ours/C"]
        yield from markdown(head, lines, names=2)


def sizes(reports):
    """C, pyzmq and ours over the size of a message, in the order of the tables of 2008."""
    group = next(iter(by_interpreter(reports).values()))
    lines = []
    for size in SIZES:
        cells = [
            middle(group, f"tcp-{kind}-{size}", side)
            for kind in ("throughput", "latency")
            for side in ("C", "pyzmq", "ours")
        ]
        if any(cells):
            lines.append([f"{size} B", *cells])
    head = ["size", "C, msg/s", "pyzmq, msg/s", "ours, msg/s", "C, us", "pyzmq, us", "ours, us"]
    yield from markdown(head, lines, names=0)


BLOCKS = {"runs": runs, "ratios": ratios, "values": values, "sizes": sizes}


def render(page, reports):
    """The page with the tables of these runs.

    Parameters
    ----------
    page : str
        Its text, with the places.
    reports : list of dict
        The runs, each as ``--json`` writes it.

    Raises
    ------
    PageError
        The places do not fit, or the runs are of different libraries.
    """
    for what in ("ours", "pyzmq"):
        if len({report[what] for report in reports}) != 1:
            raise PageError(f"the runs are of different versions of {what}")
    if len({report["libzmq"]["version"] for report in reports}) != 1:
        raise PageError("the runs are of different versions of libzmq")
    return filled(page, {name: list(block(reports)) for name, block in BLOCKS.items()})
