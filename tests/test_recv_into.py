"""recv_into: a message into memory that is there already."""

from __future__ import annotations

import array
import ctypes
import mmap

import pytest

import zmq_ctypes as zmq


@pytest.fixture
def pair(bound_pair):
    return bound_pair(zmq.PAIR, zmq.PAIR)


@pytest.mark.parametrize("size", [1, 10, 33, 34, 1000, 100000])
def test_a_message_fills_a_buffer(pair, size):
    a, b = pair
    buffer = bytearray(b"." * size)
    a.send(b"x" * size)
    assert b.recv_into(buffer) == size
    assert buffer == b"x" * size


@pytest.mark.parametrize("size", [0, 1, 10, 40, 70000])
def test_a_shorter_message_leaves_the_rest(pair, size):
    a, b = pair
    buffer = bytearray(b"." * (size + 5))
    a.send(b"x" * size)
    assert b.recv_into(buffer) == size
    assert buffer == b"x" * size + b"....."


@pytest.mark.parametrize("size", [11, 100, 100000])
def test_a_longer_message_is_cut_and_its_length_told(pair, size):
    a, b = pair
    buffer = bytearray(10)
    a.send(b"x" * size)
    assert b.recv_into(buffer) == size
    assert buffer == b"x" * 10
    a.send(b"next")
    assert b.recv() == b"next"


def test_nbytes_limits_what_is_written(pair):
    a, b = pair
    buffer = bytearray(b"." * 10)
    a.send(b"x" * 10)
    assert b.recv_into(buffer, nbytes=4) == 10
    assert buffer == b"xxxx......"
    a.send(b"y" * 10)
    assert b.recv_into(buffer, nbytes=10) == 10
    assert buffer == b"y" * 10


def test_nbytes_zero_means_all(pair):
    a, b = pair
    buffer = bytearray(10)
    a.send(b"x" * 10)
    assert b.recv_into(buffer, nbytes=0) == 10
    assert buffer == b"x" * 10


def test_an_empty_buffer_discards(pair):
    a, b = pair
    a.send(b"x" * 10)
    a.send(b"next")
    assert b.recv_into(bytearray()) == 10
    assert b.recv() == b"next"


BUFFERS = {
    "bytearray": lambda: bytearray(6),
    "memoryview": lambda: memoryview(bytearray(6)),
    "slice": lambda: memoryview(bytearray(10))[2:8],
    "array": lambda: array.array("H", [0, 0, 0]),
    "two dimensions": lambda: memoryview(bytearray(6)).cast("B", (2, 3)),
    "ctypes": lambda: (ctypes.c_char * 6)(),
    "map": lambda: mmap.mmap(-1, 6),
}


@pytest.mark.parametrize("kind", BUFFERS)
def test_kinds_of_buffers(pair, kind):
    a, b = pair
    buffer = BUFFERS[kind]()
    a.send(b"abcdef")
    assert b.recv_into(buffer) == 6
    assert memoryview(buffer).tobytes() == b"abcdef"


def test_a_slice_is_written_in_its_place(pair):
    a, b = pair
    whole = bytearray(b"." * 10)
    a.send(b"abcd")
    assert b.recv_into(memoryview(whole)[3:]) == 4
    assert whole == b"...abcd..."


def test_the_buffer_is_free_afterwards(pair):
    a, b = pair
    buffer = bytearray(6)
    a.send(b"abcdef")
    b.recv_into(buffer)
    buffer.extend(b"more")  # would be a BufferError while anything held it
    assert buffer == b"abcdefmore"


def test_parts_one_after_the_other(pair):
    a, b = pair
    a.send_multipart([b"first", b"second"])
    buffer = bytearray(10)
    assert b.recv_into(buffer) == 5
    assert b.rcvmore
    assert b.recv_into(memoryview(buffer)[5:]) == 6
    assert not b.rcvmore
    assert buffer == b"firstsecon"


def test_nothing_there(pair):
    _, b = pair
    buffer = bytearray(b"....")
    with pytest.raises(zmq.Again):
        b.recv_into(buffer, flags=zmq.DONTWAIT)
    assert buffer == b"...."


REFUSED = [
    (b"abc", {}, BufferError),
    (memoryview(b"abc"), {}, BufferError),
    (memoryview(bytearray(6))[::2], {}, BufferError),
    (memoryview(bytearray(6))[::-1], {}, BufferError),
    (None, {}, TypeError),
    (5, {}, TypeError),
    ("abc", {}, TypeError),
    ([0, 0], {}, TypeError),
    (bytearray(3), {"nbytes": -1}, ValueError),
    (bytearray(3), {"nbytes": 4}, ValueError),
    (bytearray(3), {"nbytes": 2**70}, (ValueError, OverflowError)),
    (bytearray(3), {"nbytes": "2"}, TypeError),
    (bytearray(3), {"nbytes": None}, TypeError),
    (bytearray(3), {"flags": "1"}, TypeError),
    (bytearray(3), {"flags": None}, TypeError),
]


@pytest.mark.parametrize(("buffer", "arguments", "error"), REFUSED)
def test_what_cannot_be_written_to_is_refused_and_nothing_is_taken(pair, buffer, arguments, error):
    a, b = pair
    a.send(b"stays")
    with pytest.raises(error):
        b.recv_into(buffer, **arguments)
    assert b.recv() == b"stays"


def test_the_buffer_has_no_name(pair):
    _, b = pair
    with pytest.raises(TypeError):
        b.recv_into(buffer=bytearray(3))
    with pytest.raises(TypeError):
        b.recv_into(bytearray(3), 2)
    with pytest.raises(TypeError):
        b.recv_into()


def test_a_closed_socket(make_socket):
    socket = make_socket(zmq.PULL)
    socket.close()
    with pytest.raises(zmq.ZMQError) as caught:
        socket.recv_into(bytearray(3))
    assert caught.value.errno == zmq.ENOTSOCK
