"""loader/messages.py: what is used again holds nothing of before, and nothing is kept that is large."""

from __future__ import annotations

import gc
import threading
from ctypes import memmove, string_at

import pytest
from zmq_ctypes.loader.messages import MOST, Messages

import zmq_ctypes as zmq
from zmq_ctypes.loader import load


@pytest.fixture
def library():
    return load()


@pytest.fixture
def closed(library):
    """A store of its own, and the arguments that were closed through it."""

    class Calls:
        msg_init = staticmethod(library.nowait.msg_init)

        def __init__(self):
            self.arguments = []

        def msg_close(self, argument):
            self.arguments.append(argument)
            return library.nowait.msg_close(argument)

    calls = Calls()
    return Messages(calls, library.inline), calls.arguments


def filled(library, entry, data):
    assert library.functions.zmq_msg_close(entry[0]) == 0
    assert library.functions.zmq_msg_init_size(entry[0], len(data)) == 0
    address = library.functions.zmq_msg_data(entry[0])
    memmove(address, data, len(data))


def test_what_is_given_back_fresh_is_taken_again(closed):
    store, arguments = closed
    entry = store.take()
    other = store.take()
    assert other is not entry
    store.give_fresh(entry)
    assert store.take() is entry
    assert not arguments


def test_small_messages_are_received_into_again(library, closed):
    store, arguments = closed
    if library.inline is None:
        pytest.skip("about libraries whose small messages are known")
    entry = store.take()
    filled(library, entry, b"small")
    store.give(entry)
    assert store.take() is not entry, "what is made into something else has to be empty"
    assert store.used.pop() is entry
    assert not arguments
    assert string_at(library.functions.zmq_msg_data(entry[0]), 5) == b"small"
    library.functions.zmq_msg_close(entry[0])


@pytest.mark.parametrize("size", [100, 100_000])
def test_large_messages_are_closed(library, closed, size):
    store, arguments = closed
    entry = store.take()
    filled(library, entry, b"x" * size)
    store.give(entry)
    assert arguments == [entry[0]]
    assert not store.used and store.fresh == [entry]
    assert library.functions.zmq_msg_size(entry[0]) == 0


def test_not_more_than_so_many_are_kept(library, closed):
    store, arguments = closed
    for give, kept in ((store.give_fresh, store.fresh), (store.give, store.used)):
        entries = [store.take() for _ in range(MOST + 50)]
        before = len(arguments)
        for entry in entries:
            give(entry)
        assert len(store.fresh) <= MOST and len(kept) <= MOST
        assert len(arguments) - before >= 50 or give == store.give
        store.fresh.clear()
        store.used.clear()


def test_frames_do_not_see_each_other(bound_pair, library):
    """The bytes, the further parts and the properties of each frame are its own, however often its memory is used again."""
    a, b = bound_pair(zmq.PAIR, zmq.PAIR, "tcp")
    for number in range(300):
        parts = [b"%d" % number, b"", b"x" * (number % 70), b"y" * 40]
        a.send_multipart(parts)
        got = b.recv_multipart(copy=False)
        assert [frame.bytes for frame in got] == parts
        assert [frame.more for frame in got] == [True, True, True, False]
        if library.version >= (4, 1, 0):
            assert got[0]["Socket-Type"] == "PAIR"
        made = zmq.Frame(b"%d" % number)
        assert made.more is False
        if library.version >= (4, 1, 0):
            with pytest.raises(zmq.ZMQError):
                made["Socket-Type"]
        b.send(made)
        b.send(got[2], copy=False)
        assert a.recv() == parts[0] and a.recv() == parts[2]


def test_a_view_keeps_its_message(bound_pair):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR)
    views = []
    for number in range(600):
        a.send(b"%4d" % number)
        frame = b.recv(copy=False)
        if number % 2:
            views.append((number, frame.buffer))
    del frame
    gc.collect()
    assert all(bytes(view) == b"%4d" % number for number, view in views)


def test_several_threads(context):
    errors = []

    def work(name):
        try:
            with context.socket(zmq.PAIR) as a, context.socket(zmq.PAIR) as b:
                b.rcvtimeo = 20_000
                a.bind(f"inproc://{name}")
                b.connect(f"inproc://{name}")
                for number in range(500):
                    data = b"%s %d" % (name.encode(), number)
                    a.send(zmq.Frame(data))
                    a.send(data * 20, copy=False)
                    first, second = b.recv(copy=False), b.recv(copy=False)
                    assert bytes(first) == data and bytes(second) == data * 20
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
