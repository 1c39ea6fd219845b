"""The result as text: a table, and what its rows and columns mean."""

from __future__ import annotations

from .goals import reached

HEAD = ("row", "unit", "ours", "pyzmq", "ours/pyzmq", "quartiles", "goal", "floor", "ours/floor", "C", "ours/C")
NOTE = """\
Values are medians of the rounds. A ratio is one time divided by the other, so under 1 we are faster, for throughput
too; it is the median of the ratios of single rounds, and half of those lie between the two quartiles. Above the goal: *."""
FLOOR_NOTE = """\
The floor is what the calls of libzmq alone take when Python makes them through ctypes with everything prepared."""


def number(value):
    """Three or four digits that matter, thousands apart."""
    if value >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cells(result):
    """One line of the table."""
    sides, ratios, goal = result["sides"], result["ratios"], result["goal"]

    def value(name):
        return number(sides[name]["median"]) if name in sides else "-"

    def ratio(name):
        return f"{ratios[name]['median']:.2f}" if name in ratios else "-"

    main = ratios.get("ours/pyzmq")
    spread = f"{main['low']:.2f}-{main['high']:.2f}" if main else "-"
    mark = "" if not main or reached(main["median"], goal) else "*"
    return (
        result["name"],
        result["unit"],
        value("ours"),
        value("pyzmq"),
        mark + ratio("ours/pyzmq"),
        spread,
        "-" if goal is None else f"{goal:.2f}",
        value("floor"),
        ratio("ours/floor"),
        value("C"),
        ratio("ours/C"),
    )


def table(results):
    """All rows, one line each; columns in which nothing stands are left out."""
    columns = [HEAD, *map(cells, results)]
    columns = [column for column in zip(*columns) if set(column[1:]) != {"-"}]
    widths = [max(map(len, column)) for column in columns]
    out = []
    for line in zip(*columns):
        names = [cell.ljust(width) for cell, width in zip(line[:2], widths)]
        values = [cell.rjust(width) for cell, width in zip(line[2:], widths[2:])]
        out.append("  ".join(names + values))
    return out


def where(report, release=""):
    """The interpreter and the machine, and whether anything else ran."""
    machine, python = report["machine"], report["python"]
    system = " ".join(filter(None, [machine["system"], release, machine["machine"]]))
    load = "" if report["load"] is None else f", load {report['load']:.1f} before"
    return f"{python['implementation']} {python['version']}, {system}, {machine['processor']}, {machine['cores']} cores{load}"


def headline(report):
    """What was compared, where, and how."""
    libzmq = report["libzmq"]
    yield f"zmq_ctypes {report['ours']} and pyzmq {report['pyzmq']} on libzmq {libzmq['version']} ({libzmq['file']})"
    yield where(report, report["machine"]["release"])
    missing = f"; no rows in C: {report['no_c']}" if report["no_c"] else ""
    yield f"{report['date']}, {report['rounds']} rounds of each row, the sides in turn{missing}"


def text(report):
    """The whole report."""
    yield from headline(report)
    yield ""
    yield from table(report["rows"])
    yield ""
    yield from NOTE.splitlines()
    if any("floor" in result["sides"] for result in report["rows"]):
        yield from FLOOR_NOTE.splitlines()
    yield ""
    width = max((len(result["name"]) for result in report["rows"]), default=0)
    for result in report["rows"]:
        yield f"{result['name'].ljust(width)}  {result['what']}"
    for result in report["rows"]:
        for side, error in result["errors"].items():
            yield f"\n{result['name']} failed on the side of {side}: {error}"
