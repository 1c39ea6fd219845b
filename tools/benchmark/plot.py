"""The charts: every ratio beside its goal, and throughput and latency over the size of a message, as those of 2008 were.

    python plot.py OUT.png REPORT.json ...                      all in one picture
    python plot.py --apart OUT-PREFIX REPORT.json ...           OUT-PREFIX-ratios.png and OUT-PREFIX-tcp.png

Run by an interpreter that has matplotlib.
"""

from __future__ import annotations

import json
import os
import statistics
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from benchmark.compare import by_interpreter, names_of, ratios_of  # noqa: E402
from benchmark.goals import goal_of  # noqa: E402

CHARTS = (("tcp-throughput-", "messages a second"), ("tcp-latency-", "latency, one way (us)"))
TICKS = {1: "1", 16: "16", 256: "256", 4096: "4 k", 65536: "64 k", 1 << 20: "1 M"}
SIDES = (("C", "black", "C"), ("floor", "tab:green", "bare ctypes"), ("pyzmq", "tab:red", "pyzmq"), ("ours", "tab:blue", "zmq_ctypes"))
COLOURS = ("tab:blue", "tab:orange", "tab:purple", "tab:brown")


def points(rows, prefix, side):
    """Sizes and (low, median, high) of one line of a chart."""
    found = []
    for row in rows:
        if row["name"].startswith(prefix) and side in row["sides"]:
            values = row["sides"][side]
            found.append((int(row["name"][len(prefix) :]), values["low"], values["median"], values["high"]))
    return sorted(found)


def charts(rows):
    """The charts over size for which there are rows."""
    return [chart for chart in CHARTS if any(points(rows, chart[0], side) for side, _, _ in SIDES)]


def ratio_points(reports):
    """For each interpreter ``{row: (low, median, high)}`` over its runs."""
    found = {}
    for interpreter, group in by_interpreter(reports).items():
        found[interpreter] = {}
        for name in names_of(group):
            ratios = ratios_of(group, name)
            if ratios:
                found[interpreter][name] = (
                    min(ratio["low"] for ratio in ratios),
                    statistics.median(ratio["median"] for ratio in ratios),
                    max(ratio["high"] for ratio in ratios),
                )
    return found


def draw_ratios(axis, reports):
    """One line for each row, the first at the top."""
    names = [name for name in names_of(reports) if ratios_of(reports, name)]
    places = {name: -number for number, name in enumerate(names)}
    found = ratio_points(reports)
    for number, (interpreter, rows) in enumerate(found.items()):
        colour = COLOURS[number % len(COLOURS)]
        heights = [places[name] + 0.15 * (len(found) - 1 - 2 * number) for name in rows]
        low, middle, high = zip(*rows.values())
        axis.hlines(heights, low, high, color=colour, alpha=0.45, linewidth=2.5)
        axis.plot(middle, heights, "o", color=colour, markersize=4.5, label=interpreter)
    goals = [(goal_of(name), places[name]) for name in names if goal_of(name) is not None]
    if goals:
        axis.plot(*zip(*goals), "|", color="black", markersize=11, markeredgewidth=2, label="goal")
    axis.axvline(1, color="black", linewidth=0.8)
    axis.set_xscale("log")
    ticks = (0.01, 0.02, 0.05, 0.1, 0.2, 0.33, 0.5, 0.75, 1, 1.5, 2, 3, 5)
    low, high = axis.get_xlim()
    ticks = [tick for tick in ticks if low <= tick <= high] or [1]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.set_yticks(list(places.values()), list(places))
    axis.tick_params(axis="y", labelsize=8)
    axis.set_ylim(-len(names) + 0.4, 0.6)
    axis.set_xlabel("our time (or memory) / pyzmq's: left of 1 we are faster")
    axis.grid(True, axis="both", alpha=0.25)
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(found) + 1, frameon=False)


def draw_sizes(axis, rows, prefix, label):
    """All sides over the size of a message."""
    for side, colour, name in SIDES:
        line = points(rows, prefix, side)
        if line:
            sizes, low, middle, high = zip(*line)
            axis.plot(sizes, middle, "o-", color=colour, label=name, markersize=4)
            axis.fill_between(sizes, low, high, color=colour, alpha=0.15, linewidth=0)
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.set_xticks(list(TICKS), list(TICKS.values()))
    axis.set_xlabel("message size (B)")
    axis.set_ylabel(label)
    axis.grid(True, which="major", alpha=0.3)
    axis.legend()


def title(report):
    """What was measured with what."""
    python, libzmq = report["python"], report["libzmq"]["version"]
    return f"{python['implementation']} {python['version']}, pyzmq {report['pyzmq']}, libzmq {libzmq}"


def height(reports):
    """Inches for the ratios."""
    return max(4.0, 1.2 + 0.2 * len(names_of(reports)))


def save(figure, path):
    """Write a picture that stays small in a repository."""
    from PIL import Image

    figure.savefig(path, dpi=90)
    with Image.open(path) as picture:
        # Lines in a few colours, whose edges are smoothed.
        small = picture.convert("RGB").quantize(128)
    small.save(path, optimize=True)


def main(arguments):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    apart = arguments[0] == "--apart"
    target, *files = arguments[apart:]
    reports = []
    for file in files:
        with open(file, encoding="utf-8") as stream:
            reports.append(json.load(stream))
    # The sizes of one run: the sides of one run can be compared.
    first = reports[0]
    over_size = charts(first["rows"])
    if apart:
        figure, axis = pyplot.subplots(figsize=(8, height(reports)), layout="constrained")
        draw_ratios(axis, reports)
        save(figure, f"{target}-ratios.png")
        if over_size:
            figure, axes = pyplot.subplots(1, len(over_size), figsize=(5 * len(over_size), 4.2), squeeze=False, layout="constrained")
            for axis, chart in zip(axes[0], over_size):
                draw_sizes(axis, first["rows"], *chart)
            figure.suptitle(f"tcp between two processes: {title(first)}", fontsize=10)
            save(figure, f"{target}-tcp.png")
        return
    columns = 2 if over_size else 1
    figure = pyplot.figure(figsize=(6.5 * columns, height(reports)), layout="constrained")
    grid = figure.add_gridspec(max(len(over_size), 1), columns)
    draw_ratios(figure.add_subplot(grid[:, 0]), reports)
    for number, chart in enumerate(over_size):
        draw_sizes(figure.add_subplot(grid[number, 1]), first["rows"], *chart)
    figure.suptitle(title(first), fontsize=10)
    save(figure, target)


if __name__ == "__main__":
    main(sys.argv[1:])
