"""The benchmark compares what it says it compares, and survives a side that fails."""

import json
import os
import platform
import queue
import sys

import pytest
from benchmark import compare, environment, page, plot, report, rows, runner, worker
from environments import Failure
from processes import Children
from scripts import ROOT, TOOLS, load
from support import need

import zmq_ctypes as zmq
from zmq_ctypes import loader as zmq_loader

bench = load("bench")
loaded_library = zmq_loader.load
POSIX = pytest.mark.skipif(os.name == "nt", reason="the program in C and execv are for POSIX")
WORKER = [sys.executable, os.path.join(TOOLS, "benchmark", "worker.py"), "ours"]


def env():
    return dict(os.environ, PYTHONPATH=ROOT)


# A worker ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def children():
    with Children() as all_of_them:
        yield all_of_them


def test_a_worker_says_which_library_it_uses(children):
    side = runner.Side("ours", WORKER, env(), children)
    side.greet()
    assert side.hello["libzmq"] == zmq.zmq_version()
    assert side.hello["version"] == zmq.__version__


def test_a_worker_reports_what_went_wrong_and_goes_on(children):
    side = runner.Side("ours", WORKER, env(), children)
    row = rows.ROWS["inproc-10"]
    with pytest.raises(runner.RowFailed, match="KeyError: 'unknown'"):
        side.open(row._replace(name="unknown"))
    side.open(row)
    assert side.run(row, 100) > 0
    side.close(row)


# Taking turns --------------------------------------------------------------------------------------------------------


class Stub:
    """A side whose rounds take what they are told to."""

    def __init__(self, name, costs=(1.0,), fails=None):
        self.name, self.fails, self.log, self.restarts = name, fails, [], 0
        self.costs = queue.Queue()
        for cost in costs:
            self.costs.put(cost)

    def takes_part(self, row):
        return self.name != "C" or bool(row.native)

    def start(self, row):
        self.log.append("start")

    def _note(self, what):
        self.log.append(what)
        if self.fails == what:
            raise runner.RowFailed(f"{self.name} cannot {what}")

    def open(self, row):
        self._note("open")

    def run(self, row, count):
        self._note("run")
        cost = self.costs.get_nowait()
        self.costs.put(cost)
        return cost

    def close(self, row):
        self._note("close")

    def restart(self):
        self.restarts += 1


PACE = runner.Pace(5, 1e-9, 3, 4)


def measure(*sides, row=None, rounds=5, fresh=None):
    row = row or rows.Row("r", "what", "us", near=object)
    return runner.Runner(list(sides), PACE._replace(rounds=rounds), fresh, lambda text: None).measure(row)


def test_the_ratio_is_the_median_of_the_ratios_of_rounds():
    # The machine got slower by ten in the middle: it does not matter, both sides saw it.
    ours, pyzmq = Stub("ours", [2e-6, 2e-6, 20e-6]), Stub("pyzmq", [4e-6, 4e-6, 40e-6])
    result = measure(ours, pyzmq, rounds=3)
    assert result["ratios"]["ours/pyzmq"]["median"] == pytest.approx(0.5)
    assert result["ratios"]["ours/pyzmq"]["low"] == pytest.approx(0.5)
    assert len(result["sides"]["ours"]["values"]) == 3


def test_every_side_gets_new_processes_a_few_times_and_is_warm_before_it_counts():
    ours, pyzmq = Stub("ours"), Stub("pyzmq")
    measure(ours, pyzmq, rounds=6)
    assert ours.log == pyzmq.log == ["start", "open", "run", "run", "run"] * PACE.generations + ["close"]
    assert ours.restarts == pyzmq.restarts == PACE.generations


def test_the_processes_of_all_sides_start_before_any_is_waited_for():
    order = []
    ours, pyzmq = Stub("ours"), Stub("pyzmq")
    ours.log = pyzmq.log = order
    measure(ours, pyzmq, rounds=1)
    assert order[:4] == ["start", "start", "open", "run"] or order[:4] == ["start", "start", "open", "open"]


def test_a_rate_is_shown_as_a_rate_and_compared_as_a_time():
    row = rows.Row("r", "what", "msg/s", near=object)
    result = measure(Stub("ours", [1e-6]), Stub("pyzmq", [2e-6]), row=row)
    assert result["sides"]["ours"]["median"] == pytest.approx(1e6)
    assert result["ratios"]["ours/pyzmq"]["median"] == pytest.approx(0.5)


def test_c_runs_only_where_it_has_a_counterpart():
    c = Stub("C")
    assert "C" not in measure(Stub("ours"), Stub("pyzmq"), c)["sides"] and c.log == []
    row = rows.Row("r", "what", "us", near=object, native="latency 1")
    result = measure(Stub("ours"), Stub("pyzmq"), c, row=row)
    assert set(result["ratios"]) == {"ours/pyzmq", "ours/C", "pyzmq/C"}


def test_a_floor_is_run_where_there_is_one():
    names = {row.name for row in rows.ROWS.values() if runner.Side("floor", [], {}, None).takes_part(row)}
    assert {"inproc-10", "tcp-throughput-1", "monitored-queue-10"} <= names < set(rows.ROWS)


def test_a_quick_round_needs_fewer_operations():
    row = rows.Row("r", "what", "us", near=object, least=1000)
    assert runner.FULL.least(row) == 1000
    assert runner.QUICK.least(row) == 1000 * runner.QUICK.seconds / runner.FULL.seconds
    assert runner.QUICK.least(row._replace(least=1)) == 2
    memory = [name for name, row in rows.ROWS.items() if runner.FULL.rounds_of(row) == runner.STEADY]
    assert memory == ["idle-sockets-500", "queued-100000"]
    assert runner.QUICK.generations <= runner.QUICK.rounds < runner.FULL.rounds


@pytest.mark.parametrize("step", ["open", "run"])
def test_a_side_that_fails_does_not_stop_the_other(step):
    ours, pyzmq = Stub("ours", fails=step), Stub("pyzmq")
    result = measure(ours, pyzmq)
    assert result["errors"] == {"ours": f"ours cannot {step}"}
    assert list(result["sides"]) == ["pyzmq"] and result["ratios"] == {}
    assert result["goal"] is None
    assert ours.log[-1] == step and pyzmq.log[-1] == "close"
    assert any("r failed on the side of ours: ours cannot" in line for line in report.text(made_up(result)))


def test_a_round_that_hangs_is_given_up(children, monkeypatch):
    monkeypatch.setattr(runner, "ANSWER_WITHIN", 0.5)
    silent = [sys.executable, "-c", "import time; print('hello {}', flush=True); time.sleep(60)"]
    side = runner.Side("ours", silent, None, children)
    result = measure(side, rounds=1)
    assert "no answer within 0.5 s" in result["errors"]["ours"]


@pytest.mark.parametrize("count", [2, 3])
def test_every_side_is_first_equally_often(count):
    names = list("abc"[:count])
    orders = [runner.turn(names, number) for number in range(2 * count)]
    for order in orders:
        assert sorted(order) == names
    for name in names:
        assert sum(order[0] == name for order in orders) == 2


def test_summaries():
    assert runner.summary([5.0])["median"] == 5.0
    assert {key: runner.summary([4.0, 1.0, 2.0, 3.0, 5.0])[key] for key in ("low", "median", "high")} == {
        "low": 2.0,
        "median": 3.0,
        "high": 4.0,
    }


# Fresh processes -----------------------------------------------------------------------------------------------------


def fresh(source):
    script = os.path.join(TOOLS, "benchmark", "fresh.py")
    return [sys.executable, script, source], env()


def test_fresh_processes_measure_time_and_memory(monkeypatch):
    monkeypatch.setitem(worker.MODULES, "pyzmq", "zmq_ctypes")
    source = "import {module}; x = bytearray(b'x') * (1 << 25)"
    for take, unit, least in (("memory", "kB", 1 << 15), ("inside", "ms", 0), ("wall", "ms", 0)):
        row = rows.Row("r", "what", unit, fresh=source, take=take)
        result = measure(row=row, rounds=2, fresh=fresh)
        assert result["errors"] == {}
        assert set(result["sides"]) == {"ours", "pyzmq"}
        assert result["sides"]["ours"]["median"] > least


def test_rows_of_one_source_share_its_processes(monkeypatch):
    monkeypatch.setitem(worker.MODULES, "pyzmq", "zmq_ctypes")
    started = []

    def counted(source):
        started.append(source)
        return fresh(source)

    all_of_it = runner.Runner([], PACE._replace(rounds=2), counted, lambda text: None)
    results = [all_of_it.measure(rows.ROWS[name]) for name in ("import", "import-inside", "import-memory")]
    # Each side once in advance, and in each of two rounds beside a bare Python.
    assert len(started) == 2 + 2 * 3 and started.count("pass") == 2
    assert [result["errors"] for result in results] == [{}] * 3
    assert len({result["sides"]["ours"]["median"] for result in results}) == 3


def test_a_fresh_floor_runs_beside_them(monkeypatch):
    monkeypatch.setitem(worker.MODULES, "pyzmq", "zmq_ctypes")
    side = Stub("floor")
    result = measure(side, row=rows.ROWS["import-inside"], rounds=1, fresh=fresh)
    assert set(result["sides"]) == {"ours", "pyzmq", "floor"}
    assert result["ratios"]["ours/floor"]["median"] > 1


def test_a_fresh_process_that_fails_is_reported(monkeypatch):
    monkeypatch.setitem(worker.MODULES, "pyzmq", "nothing_of_this_name")
    result = measure(row=rows.Row("r", "what", "ms", fresh="import {module}", take="inside"), rounds=2, fresh=fresh)
    assert "nothing_of_this_name" in result["errors"]["pyzmq"]
    assert list(result["sides"]) == ["ours"]


# Where the sides stand -----------------------------------------------------------------------------------------------


def test_both_sides_get_the_same_variables(monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    variables = environment.variables("/some/libzmq.so")
    assert variables["ZMQ_CTYPES_LIBRARY"] == "/some/libzmq.so"
    assert variables["PYTHONPATH"] == ROOT
    assert "PYTHONDONTWRITEBYTECODE" not in variables


@pytest.fixture
def site(monkeypatch, tmp_path):
    """A folder that passes for site-packages."""
    monkeypatch.setattr(environment, "run", lambda *arguments: f"{tmp_path}\n")
    return tmp_path


@pytest.mark.parametrize("place", ["pyzmq.libs/libzmq-1a2b.so.5.2.5", "zmq/.dylibs/libzmq.5.dylib"])
def test_the_library_is_the_one_in_pyzmq(site, place):
    file = site / place
    file.parent.mkdir(parents=True)
    file.touch()
    assert environment.bundled_library(sys.executable) == str(file)


def test_a_pyzmq_without_a_library_of_its_own_is_an_error(site):
    with pytest.raises(Failure, match="keeps no libzmq"):
        environment.bundled_library(sys.executable)


@POSIX
def test_without_a_compiler_there_are_no_rows_in_c(monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "")
    assert environment.compiled() == (None, "no C compiler")


@POSIX
@pytest.mark.parametrize(
    ("error", "reason"),
    [("peers.c:21: fatal error: zmq.h: No such file or directory", "no zmq.h"), ("internal error", "internal error")],
)
def test_a_compiler_without_the_header_is_told_apart(monkeypatch, tmp_path, error, reason):
    def run(command, what):
        assert command[0] == "some-compiler"
        raise Failure(error)

    monkeypatch.setenv("CC", "some-compiler")
    monkeypatch.setattr(environment, "BUILD", str(tmp_path))
    monkeypatch.setattr(environment, "run", run)
    assert environment.compiled() == (None, reason)


@POSIX
@pytest.mark.parametrize("name", ["tcp-throughput-16", "tcp-latency-65536"])
def test_the_program_in_c_speaks_as_the_workers_do(name, children, monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "BUILD", str(tmp_path))
    program, reason = environment.compiled()
    need(program, f"a C compiler and zmq.h (apt install gcc libzmq3-dev): {reason}")
    side = runner.Side("C", [program, loaded_library().path], None, children)
    for _ in range(2):
        side.open(rows.ROWS[name])
        assert side.run(rows.ROWS[name], 300) > 0
        side.close(rows.ROWS[name])
    assert side.hello["libzmq"] == zmq.zmq_version()


@POSIX
def test_another_interpreter_is_given_the_other_arguments(monkeypatch):
    monkeypatch.setattr(environment.os, "execv", lambda *arguments: (_ for _ in ()).throw(SystemExit(str(arguments))))
    with pytest.raises(SystemExit) as ended:
        bench.main(["--python", "/some/python", "--quick", "--rows", "getsockopt"])
    script = os.path.join(TOOLS, "bench")
    assert str(ended.value) == str(("/some/python", ["/some/python", script, "--quick", "--rows", "getsockopt"]))


# The whole -----------------------------------------------------------------------------------------------------------


def made_up(*results):
    return {
        "ours": "27.3.0",
        "pyzmq": "27.3.0",
        "libzmq": {"version": "4.3.5", "file": "libzmq.so"},
        "python": {"implementation": "CPython", "version": "3.11.7"},
        "machine": {"system": "Linux", "release": "6", "machine": "x86_64", "processor": "P", "cores": 2},
        "date": "2026-11-21",
        "load": 0.1,
        "rounds": 5,
        "no_c": "no C compiler",
        "rows": list(results),
    }


@pytest.fixture
def ourselves_twice(monkeypatch):
    """No pyzmq is installed: this interpreter, the loaded library, and ourselves on both sides."""

    def sides_for(python, library, program, children, floors):
        return [runner.Side(name, WORKER, env(), children) for name in ("ours", "pyzmq")]

    monkeypatch.setattr(bench, "environment_with", lambda purpose, wanted, say: sys.executable)
    monkeypatch.setattr(bench.environment, "bundled_library", lambda python: loaded_library().path)
    monkeypatch.setattr(bench.environment, "compiled", lambda: (None, "no C compiler"))
    monkeypatch.setattr(bench.runner, "sides_for", sides_for)


def test_from_the_command_to_the_report(ourselves_twice, capsys):
    status = bench.main(["--quick", "--rounds", "2", "--rows", "inproc-10", "--rows", "tcp-latency-16", "--json", "-"])
    out, err = capsys.readouterr()
    assert status == 0, err
    result = json.loads(out)
    assert [row["name"] for row in result["rows"]] == ["inproc-10", "tcp-latency-16"]
    assert result["libzmq"]["version"] == zmq.zmq_version()
    assert result["python"]["version"] == platform.python_version() and result["machine"]["cores"] >= 1
    assert os.sep not in result["libzmq"]["file"]
    for row in result["rows"]:
        assert len(row["ratios"]["ours/pyzmq"]["values"]) == 2
    assert "no rows in C: no C compiler" in err and rows.ROWS["inproc-10"].what in err


def test_the_report_goes_to_a_file_too(ourselves_twice, capsys, tmp_path):
    file = tmp_path / "result.json"
    assert bench.main(["--quick", "--rounds", "1", "--rows", "getsockopt", "--json", str(file)]) == 0
    assert json.loads(file.read_text())["rows"][0]["name"] == "getsockopt"
    assert "getsockopt" in capsys.readouterr().out


def test_sides_on_different_libraries_are_refused(tmp_path):
    class Elsewhere:
        name = "pyzmq"
        hello = {"files": [__file__], "libzmq": "4.3.5"}

        def greet(self):
            pass

    other = tmp_path / "libzmq.so"
    other.touch()
    with pytest.raises(Failure, match="pyzmq uses .* and not"):
        bench.same_library([Elsewhere()], str(other))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--rows", "nothing"], "no row matches"),
        (["--rounds", "0"], "--rounds must be at least 1"),
        (["--render", "page.md"], "--render needs a page and at least one run"),
    ],
)
def test_options_that_make_no_sense_are_refused(arguments, words, capsys):
    with pytest.raises(SystemExit):
        bench.main(arguments)
    assert words in capsys.readouterr().err


def test_the_rows_that_are_slower_than_kept_are_listed_and_nothing_fails(ourselves_twice, capsys, tmp_path):
    interpreter = compare.interpreter_of({"python": environment.interpreter()})
    known = {"median": 0.01, "low": 0.01, "high": 0.01}
    file = tmp_path / "kept.json"
    file.write_text(json.dumps({interpreter: {"rows": {"getsockopt": known, "attribute": known}}}))
    arguments = ["--quick", "--rounds", "1", "--rows", "getsockopt", "--compare", str(file)]
    assert bench.main(arguments) == 0
    assert "slower than kept (1 of 1 rows):\n  getsockopt: " in capsys.readouterr().out


@pytest.mark.parametrize("text", [None, "{"])
def test_kept_figures_that_cannot_be_read_are_told_before_anything_is_measured(text, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(bench, "measure", lambda *arguments: pytest.fail("measured"))
    file = tmp_path / "kept.json"
    if text is not None:
        file.write_text(text)
    assert bench.main(["--compare", str(file)]) == 2
    assert capsys.readouterr().err.startswith(f"bench: {file}: ")


def test_the_page_its_charts_and_its_figures_are_written_together(monkeypatch, capsys, tmp_path):
    drawn = []
    monkeypatch.setattr(bench, "environment_with", lambda purpose, wanted, say: "python")
    monkeypatch.setattr(bench, "run", lambda command, what, variables: drawn.append(command))
    side, ratio = {"low": 1, "median": 2, "high": 3}, {"low": 0.4, "median": 0.5, "high": 0.6}
    row = {"name": "getsockopt", "unit": "ns", "sides": {"ours": side}, "ratios": {"ours/pyzmq": ratio}}
    run = tmp_path / "run.json"
    run.write_text(json.dumps(made_up(row)))
    path = tmp_path / "page.md"
    places = [f"<!-- {name}: written by tools/bench --render -->\n<!-- end of {name} -->\n" for name in page.BLOCKS]
    path.write_text("before\n" + "".join(places) + "after\n")
    assert bench.main(["--render", str(path), str(run), str(run)]) == 0
    assert "| `getsockopt` | 0.30 | **0.50** (0.40-0.60)<br>" in path.read_text()
    assert json.loads((tmp_path / "page.json").read_text())["CPython 3.11"]["rows"]["getsockopt"]["median"] == 0.5
    assert len(drawn) == 1 and str(tmp_path / "page") in drawn[0]
    assert bench.main(["--render", str(path), str(tmp_path / "none.json")]) == 2
    assert "none.json" in capsys.readouterr().err


def test_what_cannot_be_had_ends_with_a_sentence(monkeypatch, capsys):
    def unavailable(purpose, wanted, say):
        raise Failure("no network")

    monkeypatch.setattr(bench, "environment_with", unavailable)
    assert bench.main(["--rows", "getsockopt"]) == 2
    assert capsys.readouterr().err == "bench: no network\n"


def test_points_of_a_chart_are_sorted_by_size():
    side = {"low": 1, "median": 2, "high": 3}
    results = [{"name": f"tcp-latency-{size}", "sides": {"ours": side}} for size in (65536, 1, 256)]
    assert [point[0] for point in plot.points(results, "tcp-latency-", "ours")] == [1, 256, 65536]
    assert [prefix for prefix, _ in plot.charts(results)] == ["tcp-latency-"]
    assert plot.points(results, "tcp-latency-", "C") == plot.points(results, "tcp-throughput-", "ours") == []


def test_the_ratios_of_a_chart_span_all_runs_of_an_interpreter():
    runs = []
    for version, low, median, high in (("3.11.7", 1, 2, 3), ("3.11.8", 2, 3, 4), ("3.13.0", 5, 6, 7)):
        row = {"name": "r", "ratios": {"ours/pyzmq": {"low": low, "median": median, "high": high}}}
        other = {"name": "without", "ratios": {}}
        runs.append({"python": {"implementation": "CPython", "version": version}, "rows": [row, other]})
    assert plot.ratio_points(runs) == {"CPython 3.11": {"r": (1, 2.5, 4)}, "CPython 3.13": {"r": (5, 6, 7)}}


@pytest.mark.parametrize(("value", "shown"), [(2.346, "2.35"), (23.46, "23.5"), (234.6, "235"), (12345.0, "12 345")])
def test_numbers_keep_the_digits_that_matter(value, shown):
    assert report.number(value) == shown
