"""The tables of docs/performance.md are written from runs, and the page tells of every row."""

import fnmatch
import os
import re

import pytest
from benchmark import page, rows
from scripts import ROOT

PAGE = os.path.join(ROOT, "docs", "performance.md")


def run(version="3.11.7", **details):
    def row(name, unit, scale, ratio, *others):
        sides = {"ours": 2 * scale, "pyzmq": 4 * scale, **dict.fromkeys(others, scale)}
        ratios = {"ours/pyzmq": ratio, **{f"ours/{other}": 2.0 for other in others}}
        return {
            "name": name,
            "unit": unit,
            "sides": {side: {"low": value, "median": value, "high": value} for side, value in sides.items()},
            "ratios": {which: {"low": r - 0.1, "median": r, "high": r + 0.1} for which, r in ratios.items()},
        }

    return {
        "ours": "27.3.0",
        "pyzmq": "27.3.0",
        "libzmq": {"version": "4.3.5", "file": "libzmq.so"},
        "python": {"implementation": "CPython", "version": version},
        "machine": {"system": "Linux", "release": "6", "machine": "x86_64", "processor": "P", "cores": 2},
        "date": "2026-11-21",
        "load": 0.1,
        "rounds": 25,
        "rows": [
            row("inproc-10", "ns", 200, 0.5, "floor"),
            row("getsockopt", "ns", 100, 0.5, "floor"),
            row("first-socket", "ms", 10, 0.5),
            row("tcp-throughput-16", "msg/s", 1e6, 0.5, "C", "floor"),
        ],
        **details,
    }


def test_the_tables():
    blocks = {name: list(block([run(), run("3.13.0"), run()])) for name, block in page.BLOCKS.items()}
    assert blocks["ratios"] == [
        "| row | goal | CPython 3.11 | CPython 3.13 |",
        "|---|---:|---:|---:|",
        "| `inproc-10` | 1.00 | 0.50 (0.40-0.60)<br>0.50 (0.40-0.60) | 0.50 (0.40-0.60) |",
        "| `getsockopt` | 0.30 | **0.50** (0.40-0.60)<br>**0.50** (0.40-0.60) | **0.50** (0.40-0.60) |",
        "| `first-socket` |  | 0.50 (0.40-0.60)<br>0.50 (0.40-0.60) | 0.50 (0.40-0.60) |",
        "| `tcp-throughput-16` | 0.90 | 0.50 (0.40-0.60)<br>0.50 (0.40-0.60) | 0.50 (0.40-0.60) |",
    ]
    assert blocks["values"][2] == "| `inproc-10` | ns | 400 | 800 | 200 | 2.00 |  |  |"
    assert blocks["values"][5] == "| `tcp-throughput-16` | msg/s | 2 000 000 | 4 000 000 | 1 000 000 | 2.00 | 1 000 000 | 2.00 |"
    assert blocks["values"][6:8] == ["", "| CPython 3.13 | unit | ours | pyzmq | floor | ours/floor | C | ours/C |"]
    assert blocks["sizes"][2:] == ["| 16 B | 1 000 000 | 4 000 000 | 2 000 000 |  |  |  |"]
    assert len([line for line in blocks["runs"] if line.startswith("- 2026-11-21, CPython 3.1")]) == 3


def test_the_columns_of_a_table_are_as_many_everywhere():
    for block in page.BLOCKS.values():
        for table in "\n".join(block([run(), run("3.13.0")])).split("\n\n"):
            if table.startswith("|"):
                assert len({line.count("|") for line in table.splitlines()}) == 1


def place(name, text=""):
    return f"<!-- {name}: written by tools/bench --render -->\n{text}<!-- end of {name} -->"


def test_what_is_between_the_places_stays():
    before = f"head\n{place('a', 'old')}\nmiddle\n{place('b')}\nend"
    after = page.filled(before, {"a": ["1", "2"], "b": ["\\1"]})
    first, second = place("a", "\n1\n2\n\n"), place("b", "\n\\1\n\n")
    assert after == f"head\n{first}\nmiddle\n{second}\nend"
    assert page.filled(after, {"a": ["1", "2"], "b": ["\\1"]}) == after


@pytest.mark.parametrize("blocks", [{"a": []}, {"a": [], "b": [], "c": []}])
def test_a_place_too_many_or_too_few_is_an_error(blocks):
    with pytest.raises(page.PageError, match="do not fit"):
        page.filled(place("a") + place("b"), blocks)


@pytest.mark.parametrize("details", [{"pyzmq": "26.0.0"}, {"ours": "27.4.0"}, {"libzmq": {"version": "4.3.4", "file": ""}}])
def test_runs_of_different_versions_do_not_stand_in_one_table(details):
    with pytest.raises(page.PageError, match="different versions"):
        page.render("".join(map(place, page.BLOCKS)), [run(), run(**details)])


@pytest.fixture(scope="module")
def text():
    with open(PAGE, encoding="utf-8") as file:
        return file.read()


def test_our_page_has_the_places(text):
    rendered = page.render(text, [run()])
    assert "| `inproc-10` | 1.00 | 0.50 (0.40-0.60) |" in rendered
    assert page.render(rendered, [run()]) == rendered


def test_our_page_tells_what_every_row_means_to_a_user(text):
    section = text.partition("## What the rows mean")[2].partition("\n## ")[0]
    told = [pattern for line in section.splitlines() if line.startswith("| `") for pattern in re.findall(r"`([^`]+)`", line.split("|")[1])]
    assert [name for name in rows.ROWS if not any(fnmatch.fnmatchcase(name, pattern) for pattern in told)] == []
    assert [pattern for pattern in told if not fnmatch.filter(rows.ROWS, pattern)] == []


def test_the_pictures_of_our_page_are_there(text):
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    assert pictures == ["performance-ratios.png", "performance-tcp.png"]
    for name in pictures:
        with open(os.path.join(ROOT, "docs", name), "rb") as file:
            assert file.read(8) == b"\x89PNG\r\n\x1a\n"
