"""Where a libzmq keeps small messages: found out rightly, or not at all."""

from __future__ import annotations

import sys
from ctypes import addressof, byref, c_char, memmove, string_at

import pytest
from zmq_ctypes.loader.inline import Inline, find_inline
from zmq_ctypes.loader.structs import MESSAGE_SIZE, zmq_free_fn, zmq_msg_t

import zmq_ctypes as zmq
from zmq_ctypes.loader import inline as module
from zmq_ctypes.loader import load

CPYTHON = sys.implementation.name == "cpython"

cpython = pytest.mark.skipif(not CPYTHON, reason="on PyPy it would not pay, so it is not asked for")


@pytest.fixture
def functions():
    return load().functions


@pytest.fixture
def found(functions):
    inline = find_inline(functions)
    assert inline is not None, "every libzmq that we know of shows it"
    return inline


def is_small(inline, message):
    return string_at(addressof(message), MESSAGE_SIZE)[inline.mark] == inline.value


@cpython
def test_what_is_found_is_plausible(found):
    assert 16 <= found.limit < MESSAGE_SIZE
    assert 0 <= found.offset and found.offset + found.limit <= MESSAGE_SIZE
    assert not found.offset <= found.mark < found.offset + found.limit
    assert repr(found).startswith("Inline(offset=")


@cpython
def test_it_is_found_the_same_each_time(functions, found):
    again = find_inline(functions)
    assert [getattr(again, name) for name in Inline.__slots__] == [getattr(found, name) for name in Inline.__slots__]


@cpython
def test_the_library_has_it(found):
    assert repr(load().inline) == repr(found)


@cpython
@pytest.mark.parametrize("size", range(MESSAGE_SIZE + 1))
def test_made_messages_of_every_size(functions, found, size):
    message = zmq_msg_t()
    assert functions.zmq_msg_init_size(byref(message), size) == 0
    data = bytes(range(200, 200 + size)) if size <= 50 else b"\xff" * size
    memmove(functions.zmq_msg_data(byref(message)), data, size)
    try:
        assert is_small(found, message) == (size <= found.limit)
        if size <= found.limit:
            assert bytes((c_char * size).from_buffer(message, found.offset)) == data
    finally:
        functions.zmq_msg_close(byref(message))


@cpython
@pytest.mark.parametrize("size", [1, 10, 29, 33, 64, 1000])
@pytest.mark.parametrize("free", [True, False], ids=["free function", "constant"])
def test_lent_messages_are_never_taken_for_small(functions, found, size, free):
    data = (c_char * size)()
    callback = zmq_free_fn(lambda data, hint: None) if free else None
    message = zmq_msg_t()
    functions.zmq_msg_init_data(byref(message), byref(data), size, callback, None)
    copied = zmq_msg_t()
    functions.zmq_msg_init(byref(copied))
    functions.zmq_msg_copy(byref(copied), byref(message))
    assert not is_small(found, message) and not is_small(found, copied)
    functions.zmq_msg_close(byref(copied))
    functions.zmq_msg_close(byref(message))


@pytest.mark.parametrize("transport", ["inproc", "tcp", "ipc"])
def test_received_messages_of_every_size(bound_pair, transport):
    """All that is read in place is what was sent, from each of the ways that a message can come."""
    a, b = bound_pair(zmq.PAIR, zmq.PAIR, transport)
    a.copy_threshold = 0
    for size in (*range(MESSAGE_SIZE * 2), 255, 256, 1000, 8191, 8192, 8193, 20000):
        data = bytes((size + place) % 256 for place in range(size))
        a.send(data)
        assert b.recv() == data
        a.send(data, copy=False)
        assert b.recv() == data
        a.send(zmq.Frame(data))
        assert b.recv() == data
        a.send_multipart([data, data[::-1], b"", data])
        assert b.recv_multipart() == [data, data[::-1], b"", data]


def test_subscriptions_and_routing_ids(bound_pair):
    """Messages that libzmq itself made."""
    publisher, subscriber = bound_pair(zmq.XPUB, zmq.SUB)
    for size in range(64):
        topic = b"t" * size
        subscriber.subscribe(topic)
        assert publisher.recv() == b"\1" + topic
    router, dealer = bound_pair(zmq.ROUTER, zmq.DEALER, "tcp")
    dealer.send(b"x")
    identity, message = router.recv_multipart()
    assert len(identity) == 5 and message == b"x"


# --- when it is not certain


@cpython
def test_too_small_is_no_answer(functions, monkeypatch):
    real = module._small
    monkeypatch.setattr(
        module, "_small", lambda functions, size, filling: real(functions, size, filling) if size < 10 else None
    )
    assert find_inline(functions) is None


@cpython
def test_a_place_that_moves_is_no_answer(functions, monkeypatch):
    real = module._small

    def moving(functions, size, filling):
        offset, whole = real(functions, size, filling) or (0, b"")
        return (offset + size % 2, whole) if whole else None

    monkeypatch.setattr(module, "_small", moving)
    assert find_inline(functions) is None


@cpython
def test_no_mark_is_no_answer(functions, monkeypatch):
    """Messages of other kinds that look like small ones."""
    real = module._others
    whole = module._small(functions, 5, 0)[1]
    monkeypatch.setattr(module, "_others", lambda functions, limit: [*real(functions, limit), whole])
    assert find_inline(functions) is None


@cpython
def test_two_marks_are_no_answer(functions, monkeypatch):
    real_small, real_others = module._small, module._others
    inline = find_inline(functions)
    second = next(
        place
        for place in range(MESSAGE_SIZE)
        if place != inline.mark and not inline.offset <= place < inline.offset + inline.limit
    )

    def marked(whole, value):
        return whole[:second] + bytes([value]) + whole[second + 1 :]

    def small(functions, size, filling):
        answer = real_small(functions, size, filling)
        return answer and (answer[0], marked(answer[1], 1))

    monkeypatch.setattr(module, "_small", small)
    monkeypatch.setattr(
        module, "_others", lambda functions, limit: [marked(whole, 2) for whole in real_others(functions, limit)]
    )
    assert find_inline(functions) is None


def test_without_it_messages_are_asked_for(bound_pair, monkeypatch):
    monkeypatch.setattr(load(), "inline", None)
    a, b = bound_pair(zmq.PAIR, zmq.PAIR)
    for size in range(70):
        a.send(b"x" * size)
        assert b.recv() == b"x" * size
        a.send_multipart([b"y" * size, b"z"])
        assert b.recv_multipart() == [b"y" * size, b"z"]


@pytest.mark.skipif(CPYTHON, reason="about PyPy")
def test_not_on_pypy(functions):
    assert find_inline(functions) is None


@cpython
def test_where_it_says_that_more_follows(functions, make_socket, endpoint):
    place, bit = module.find_more(functions)
    assert bit in {1 << shift for shift in range(8)}
    for transport in ("inproc", "tcp"):
        pull, push = make_socket(zmq.PULL), make_socket(zmq.PUSH)
        pull.bind(endpoint(transport))
        push.connect(pull.last_endpoint.rstrip(b"\0").decode())
        for size in (0, 10, 33, 34, 1000, 100_000):
            push.send_multipart([b"x" * size] * 3)
            for more in (1, 1, 0):
                message = zmq_msg_t()
                functions.zmq_msg_init(byref(message))
                assert functions.zmq_msg_recv(byref(message), pull.underlying, 0) == size
                assert functions.zmq_msg_more(byref(message)) == more
                assert bool(string_at(addressof(message), MESSAGE_SIZE)[place] & bit) == bool(more)
                functions.zmq_msg_close(byref(message))


def test_a_library_that_does_not_tell_is_asked_each_time(functions):
    class Silent:
        zmq_msg_init = functions.zmq_msg_init

        @staticmethod
        def zmq_msg_more(message):
            return 0

    assert module.find_more(Silent) == (0, 0)
