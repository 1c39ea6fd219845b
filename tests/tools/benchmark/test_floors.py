"""The floors run, do what their rows do, and stand on the same library."""

import os
import subprocess
import sys
import threading

import pytest
from benchmark import floors, rows, worker
from scripts import ROOT, TOOLS

from zmq_ctypes import loader as zmq_loader

pytestmark = pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="the prepared arguments of the floors are CPython's"
)
LOOPS = [name for name, (_, far, _) in floors.FLOORS.items() if not far]
# One size tells what the others would.
PAIRS = [name for name, (_, far, _) in floors.FLOORS.items() if far and not name.endswith(("56", "96", "36", "76", "000"))]


@pytest.fixture
def bare(monkeypatch):
    monkeypatch.setenv("ZMQ_CTYPES_LIBRARY", zmq_loader.load().path)
    sys.modules.pop("benchmark.bare", None)
    from benchmark import bare

    return bare


def test_the_floors_that_were_asked_for_are_there():
    wanted = "inproc-10 multipart-3 poll-0 poller-2 poller-100 getsockopt attribute frame-10 string json pyobj".split()
    wanted += "create-close connect-disconnect tcp-latency-16 tcp-throughput-16 monitored-queue-10".split()
    assert set(wanted) <= set(floors.FLOORS)
    assert {"import", "import-memory"} <= set(floors.FRESH_FLOORS)


def test_every_floor_belongs_to_a_row_of_its_kind():
    for name, (_, far, _) in floors.FLOORS.items():
        assert bool(rows.ROWS[name].far) == bool(far), name
    for name in floors.FRESH_FLOORS:
        assert rows.ROWS[name].fresh
    # What one process is asked for is shown by several rows.
    for row in rows.ROWS.values():
        same = {floors.FRESH_FLOORS.get(other.name) for other in rows.ROWS.values() if other.fresh == row.fresh}
        assert not row.fresh or len(same) == 1


@pytest.mark.parametrize("name", LOOPS)
def test_a_floor_of_one_process_runs_and_tidies_up(name, bare):
    near, _, arguments = floors.FLOORS[name]
    running = near(bare, *arguments)
    next(running)(150)
    with pytest.raises(StopIteration):
        next(running)


@pytest.mark.parametrize("name", PAIRS)
def test_the_two_halves_of_a_floor_fit_together(name, bare):
    make_near, make_far, arguments = floors.FLOORS[name]
    near = make_near(bare, *arguments)
    loop, endpoint = next(near)
    far = make_far(bare, endpoint, *arguments)
    thread = threading.Thread(target=next(far), args=(20,), daemon=True)
    thread.start()
    assert loop(20) > 0
    thread.join(20)
    assert not thread.is_alive()
    assert list(far) == list(near) == []


def test_what_a_floor_sends_arrives(bare):
    a = floors.End(bare, bare.REP)
    b = floors.End(bare, bare.REQ, a.endpoint)
    thread = threading.Thread(target=a.answer, args=(2, b"answer"), daemon=True)
    thread.start()
    b.ask(2, b"question")
    thread.join(20)
    size = bare.keeping.zmq_msg_size
    assert (size(a.message), size(b.message)) == (len(b"question"), len(b"answer"))
    a.close()
    b.close()


@pytest.mark.parametrize("name", floors.CODECS)
def test_a_codec_gives_back_what_it_was_given(name):
    encode, decode = floors.CODECS[name]()
    assert decode(encode(floors.VALUES[name])) == floors.VALUES[name]


@pytest.mark.parametrize("source", sorted(set(floors.FRESH_FLOORS.values())))
def test_a_fresh_floor_runs(source):
    env = dict(os.environ, PYTHONPATH=ROOT, ZMQ_CTYPES_LIBRARY=zmq_loader.load().path)
    command = [sys.executable, os.path.join(TOOLS, "benchmark", "fresh.py"), source]
    done = subprocess.run(command, env=env, capture_output=True, timeout=30, check=True)
    assert float(done.stdout.split()[0]) > 0


def test_a_worker_runs_the_floor_in_place_of_the_row(bare):
    side = worker.Worker("floor")
    assert '"version": "ctypes"' in side.hello()
    assert side.open("getsockopt", "near", "-") == "ready -"
    assert float(side.run("10").partition(" ")[2]) > 0
    assert side.close() == "closed"
    assert side.open("tcp-latency-16", "near", "-").startswith("ready tcp://127.0.0.1:")
    assert side.close() == "closed"
