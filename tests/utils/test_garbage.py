"""What pyzmq has as ``zmq.utils.garbage``: here a view of what is lent, and a thread on demand."""

from __future__ import annotations

import gc as collector
import os
import struct
import threading

import pytest
from children import check

import zmq_ctypes as zmq
from zmq_ctypes.lending import CAN_LEND
from zmq_ctypes.utils.garbage import GarbageCollector, GarbageCollectorThread, gc, gcref

LIMIT = 20


@pytest.fixture
def own():
    made = GarbageCollector()
    yield made
    made.stop()


def let_go(registry, number):
    """What a C extension does when it is done with an object."""
    with registry._push_mutex:
        registry._push_socket.send(struct.pack("@N", number))


def test_nothing_runs_until_something_is_stored():
    assert isinstance(gc, GarbageCollector)
    assert gc.url == "inproc://pyzmq.gc.01"
    registry = GarbageCollector()
    assert not registry.is_alive()
    assert registry.thread is None and registry.pid is None
    registry.stop()


@pytest.mark.skipif(not CAN_LEND, reason="this interpreter moves objects, so libzmq gets a copy")
@pytest.mark.parametrize("size", [32, 33, 1000, 100_000])
@pytest.mark.parametrize(
    "make", [bytes, bytearray, lambda size: memoryview(bytes(size))], ids=["bytes", "bytearray", "view"]
)
def test_lent_memory_is_seen_while_it_is_lent(make, size):
    collector.collect()
    assert not gc.refs
    data = make(size)
    frame = zmq.Frame(data, copy=False)
    assert len(gc.refs) == 1
    ((key, entry),) = gc.refs.items()
    assert isinstance(key, int) and isinstance(entry, gcref)
    assert entry.obj is data or entry.obj.obj is data.obj
    assert gc.refs[key] == entry == (entry.obj, entry.event)
    assert not entry.event.is_set()
    del frame
    assert not gc.refs and list(gc.refs) == []
    assert entry.event.is_set()
    with pytest.raises(KeyError):
        gc.refs[key]
    assert not gc.is_alive()


def test_stored_objects_are_held_until_c_lets_go(own):
    event = threading.Event()
    thing = object()
    number = own.store(thing, event)
    assert own.is_alive() and isinstance(own.thread, GarbageCollectorThread)
    assert own.pid == os.getpid()
    assert own.refs[number] == gcref(thing, event)
    other = own.store(b"no event")
    assert other != number and not event.is_set()
    let_go(own, number)
    assert event.wait(LIMIT)
    assert number not in own.refs and other in own.refs


def test_nonsense_sent_to_the_thread_is_passed_over(own):
    event = threading.Event()
    number = own.store(None, event)
    for nonsense in (b"", b"abc", struct.pack("@N", number + 1), b"x" * 100):
        with own._push_mutex:
            own._push_socket.send(nonsense)
    let_go(own, number)
    assert event.wait(LIMIT)


def test_start_and_stop(own):
    for _ in range(2):
        own.start()
        thread = own.thread
        own.start()
        assert own.thread is thread and own.is_alive()
        with pytest.raises(RuntimeError):
            own.context = None
        own.stop()
        own.stop()
        assert not own.is_alive() and not thread.is_alive()


def test_in_a_context_of_the_caller(context):
    registry = GarbageCollector(context)
    assert registry.context is context
    registry.store(b"x")
    registry.stop()
    assert not context.closed


def test_a_context_that_ends_takes_the_thread_with_it():
    context = zmq.Context()
    registry = GarbageCollector(context)
    registry.start()
    context.term()
    registry.thread.join(LIMIT)
    assert not registry.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="about systems that fork")
def test_the_child_of_a_fork_begins_anew():
    out = check(
        """
        import os, warnings
        warnings.simplefilter("ignore")
        from zmq_ctypes.utils.garbage import gc
        gc.store(b"parent's")
        child = os.fork()
        if not child:
            assert not gc.is_alive()
            gc.store(b"child's")
            assert gc.is_alive() and [entry.obj for entry in gc.refs.values()] == [b"child's"]
            gc.stop()
            raise SystemExit(7)
        assert os.waitpid(child, 0)[1] == 7 << 8
        assert gc.is_alive() and len(gc.refs) == 1
        print("done")
        """,
        watch=False,
    )
    assert out == "done\n"
