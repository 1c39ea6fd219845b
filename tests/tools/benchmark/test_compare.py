"""What is kept of runs, which rows count as slower, and what every row is to reach."""

import pytest
from benchmark import compare, goals, report, rows


def ratio(low, median, high):
    return {"low": low, "median": median, "high": high}


def run(version="3.11.7", **ratios):
    """A run whose rows have these quartiles; None is a row that could not be measured."""
    made = [
        {"name": name, "unit": "ns", "ratios": {"ours/pyzmq": ratio(*found)} if found else {}, "sides": {}}
        for name, found in ratios.items()
    ]
    return {"python": {"implementation": "CPython", "version": version}, "pyzmq": "27.3.0", "rows": made}


def test_what_is_kept_spans_the_runs_of_an_interpreter():
    kept = compare.kept([run(a=(1, 2, 3), b=None), run("3.13.0", a=(7, 8, 9)), run("3.11.9", a=(2, 3, 4))])
    assert kept["CPython 3.11"]["runs"] == 2 and kept["CPython 3.11"]["rows"] == {"a": ratio(1, 2.5, 4)}
    assert kept["CPython 3.13"]["rows"] == {"a": ratio(7, 8, 9)}


@pytest.mark.parametrize(
    ("kept", "limit"),
    [
        ((0.8, 1.0, 1.2), 1.4),
        # Quartiles that are one do not make each run slower.
        ((0.5, 0.5, 0.5), 0.525),
    ],
)
def test_a_row_is_slower_half_of_the_range_above_the_upper_quartile(kept, limit):
    reference = compare.kept([run(a=kept)])
    assert compare.limit_of(ratio(*kept)) == pytest.approx(limit)
    assert compare.slower(run(a=(0, limit - 0.001, 9)), reference) == []
    (row,) = compare.slower(run(a=(0, limit + 0.001, 9)), reference)
    assert row.name == "a" and row.kept == kept[1] and row.limit == pytest.approx(limit)


def test_the_worst_is_first_and_what_was_not_kept_or_not_measured_is_not_compared():
    reference = compare.kept([run(a=(1, 1, 1), b=(1, 1, 1), c=(1, 1, 1), d=(1, 1, 1))])
    found = compare.slower(run(a=(2, 2, 2), b=(3, 3, 3), c=(1, 1, 1), d=None, new=(9, 9, 9)), reference)
    assert [row.name for row in found] == ["b", "a"]


def test_only_runs_of_the_same_interpreter_are_compared():
    reference = compare.kept([run(a=(1, 1, 1))])
    assert compare.slower(run("3.13.0", a=(2, 2, 2)), reference) is None
    assert len(compare.slower(run("3.11.0", a=(2, 2, 2)), reference)) == 1


def test_the_answer_as_text():
    reference = compare.kept([run(a=(1, 1, 1))])
    assert list(compare.text(run(a=(1, 1, 1)), reference)) == ["no row is slower than kept"]
    assert list(compare.text(run(a=(2, 2, 2)), reference)) == [
        "slower than kept (1 of 1 rows):",
        "  a: 2.00 (kept 1.00, told above 1.05)",
    ]
    assert "nothing is kept for CPython 3.9" in "".join(compare.text(run("3.9.1", a=(1, 1, 1)), reference))


def test_every_goal_is_for_a_row_and_nearly_every_row_has_one():
    without = [name for name in rows.ROWS if goals.goal_of(name) is None]
    assert without == ["first-socket", "first-memory"]
    fits = goals.fnmatch.fnmatchcase
    used = {next(pattern for pattern, _ in goals.GOALS if fits(name, pattern)) for name in rows.ROWS if name not in without}
    assert used == {pattern for pattern, _ in goals.GOALS}
    names = ("import-memory", "asyncio-round-trip-10", "asyncio-stream-10", "nothing")
    assert [goals.goal_of(name) for name in names] == [0.5, 0.5, 0.2, None]


@pytest.mark.parametrize(("value", "goal", "fine"), [(0.5, 0.5, True), (0.504, 0.5, True), (0.506, 0.5, False), (9, None, True)])
def test_a_goal_is_reached_with_the_digits_that_are_shown(value, goal, fine):
    assert goals.reached(value, goal) is fine


def test_the_table_shows_goals_marks_what_misses_them_and_has_no_empty_columns():
    side = {"low": 1, "median": 2, "high": 3}
    row = {"name": "inproc-10", "unit": "ns", "sides": {"ours": side, "pyzmq": side}, "ratios": {"ours/pyzmq": ratio(1, 1.1, 1.2)}, "goal": 1.0}
    head, line = report.table([row])
    assert head.split() == ["row", "unit", "ours", "pyzmq", "ours/pyzmq", "quartiles", "goal"]
    assert line.split() == ["inproc-10", "ns", "2.00", "2.00", "*1.10", "1.00-1.20", "1.00"]
    row["sides"]["floor"], row["ratios"]["ours/floor"] = side, ratio(1, 1.5, 2)
    head, line = report.table([row])
    assert head.split()[-2:] == ["floor", "ours/floor"] and line.split()[-2:] == ["2.00", "1.50"]
