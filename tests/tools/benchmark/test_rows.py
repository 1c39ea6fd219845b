"""Each row of the benchmark runs, and can be shown."""

import fnmatch
import threading

import pytest
from benchmark import rows
from support import need_package

import zmq_ctypes as zmq

LOOPS = [name for name, row in rows.ROWS.items() if row.near and not row.far]
PAIRS = [name for name, row in rows.ROWS.items() if row.far]


def test_the_rows_that_were_asked_for_are_there():
    wanted = ("import*", "*memory", "inproc-10", "multipart-3", "poll-0", "poller-2", "getsockopt", "attribute")
    sizes = (1, 16, 256, 4096, 65536, 1048576)
    wanted += tuple(f"tcp-{kind}-{size}" for kind in ("throughput", "latency") for size in sizes)
    wanted += tuple(f"{kind}-{size}" for kind in ("proxy", "monitored-queue*") for size in (10, 1000))
    for pattern in wanted:
        assert fnmatch.filter(rows.ROWS, pattern), pattern


@pytest.mark.parametrize("name", rows.ROWS)
def test_every_row_can_be_shown(name):
    row = rows.ROWS[name]
    assert row.unit in rows.UNITS
    assert row.what and row.name == name and " " not in name
    assert bool(row.near) != bool(row.fresh)
    assert not row.fresh or row.take in ("wall", "inside", "memory")


@pytest.mark.parametrize("name", LOOPS)
def test_a_row_of_one_process_runs_and_tidies_up(name):
    row = rows.ROWS[name]
    for package in row.packages:
        need_package(package)
    running = row.near(zmq, *row.arguments)
    loop = next(running)
    loop(3)
    with pytest.raises(StopIteration):
        next(running)


@pytest.mark.parametrize("name", PAIRS)
def test_the_two_halves_of_a_row_fit_together(name):
    row = rows.ROWS[name]
    near = row.near(zmq, *row.arguments)
    loop, endpoint = next(near)
    assert endpoint.startswith("tcp://127.0.0.1:")
    far = row.far(zmq, endpoint, *row.arguments)
    other = next(far)
    thread = threading.Thread(target=other, args=(3,))
    thread.start()
    spent = loop(3)
    thread.join(20)
    assert not thread.is_alive()
    assert spent > 0
    assert list(far) == list(near) == []


def test_units():
    assert rows.UNITS["us"].of(0.002) == pytest.approx(2000)
    assert rows.UNITS["msg/s"].of(0.001) == pytest.approx(1000)
    assert rows.UNITS["kB"].of(2048) == pytest.approx(2)
