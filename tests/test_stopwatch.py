"""The stopwatch of 2010."""

from __future__ import annotations

import pytest

import zmq_ctypes as zmq


@pytest.fixture
def stopwatch():
    with pytest.warns(DeprecationWarning, match="perf_counter") as caught:
        made = zmq.Stopwatch()
    assert caught[0].filename == __file__
    return made


def test_it_counts_microseconds(stopwatch, monkeypatch):
    times = iter([10.0, 12.5, 20.0, 20.000001])
    monkeypatch.setattr("zmq_ctypes.stopwatch.perf_counter", lambda: next(times))
    stopwatch.start()
    assert stopwatch.stop() == 2_500_000
    stopwatch.start()
    assert stopwatch.stop() == 1


def test_it_was_never_started(stopwatch):
    assert stopwatch.stop() == 0
