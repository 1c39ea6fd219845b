"""The counter that threads share."""

from __future__ import annotations

import copy
import pickle
import threading

import pytest

import zmq_ctypes as zmq
from zmq_ctypes import loader
from zmq_ctypes.atomic import AtomicCounter

with_counters = pytest.mark.libzmq("4.2.0")


@pytest.mark.skipif(loader.load().version >= (4, 2, 0), reason="about libraries without counters")
def test_a_library_without_counters_says_what_it_would_need():
    with pytest.raises(zmq.ZMQVersionError, match=r"zmq_atomic_counter_new requires libzmq >= 4\.2\.0, have "):
        AtomicCounter()


@with_counters
def test_counting():
    counter = AtomicCounter()
    assert counter.value == 0
    assert [counter.inc(), counter.inc(), counter.inc()] == [0, 1, 2]
    assert counter.value == 3
    assert [counter.dec(), counter.dec(), counter.dec()] == [True, True, False]
    assert counter.value == 0


@with_counters
def test_where_it_begins():
    counter = AtomicCounter(41)
    assert counter.inc() == 41
    assert repr(counter).startswith("<AtomicCounter(42) at ")
    counter.set(5)
    assert counter.value == 5


@with_counters
def test_the_largest_value():
    assert AtomicCounter(2**31 - 1).value == 2**31 - 1


@pytest.mark.parametrize("value", [-1, 2**31, 2**64, 1.5, "1", None], ids=repr)
@with_counters
def test_what_it_cannot_count(value):
    with pytest.raises((TypeError, OverflowError)):
        AtomicCounter(value)
    counter = AtomicCounter(7)
    with pytest.raises((TypeError, OverflowError)):
        counter.set(value)
    assert counter.value == 7


@with_counters
def test_threads_share_it():
    counter = AtomicCounter()

    def count():
        for _ in range(2000):
            counter.inc()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.value == 8000


@with_counters
def test_c_code_can_count_with_its_address():
    counter = AtomicCounter()
    functions = loader.load().functions
    functions.zmq_atomic_counter_inc(counter.underlying)
    assert counter.value == 1


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps], ids=["copy", "deepcopy", "pickle"])
@with_counters
def test_there_is_only_one(duplicate):
    with pytest.raises(TypeError):
        duplicate(AtomicCounter())
