"""Sending and receiving: what goes in comes out, whatever its size, its kind of buffer, its pattern and its transport."""

from __future__ import annotations

import array
import ctypes
import mmap
import socket as plain
import threading

import pytest

import zmq_ctypes as zmq

TRANSPORTS = ["inproc", "tcp", "ipc"]

#: Around every border that libzmq has: very small messages inside the zmq_msg_t (29 to 33 bytes by version), one-byte
#: frame lengths (255), the encoder's batch (8192), our own copy threshold (65536).
SIZES = [
    0,
    1,
    10,
    28,
    29,
    30,
    31,
    32,
    33,
    34,
    35,
    63,
    64,
    65,
    254,
    255,
    256,
    257,
    4096,
    8191,
    8192,
    8193,
    65535,
    65536,
    65537,
    1000000,
]


def pattern(size: int) -> bytes:
    """Return `size` bytes of which no part looks like another."""
    return bytes((position * 7 + position // 251) % 256 for position in range(min(size, 70000))) + b"z" * (size - 70000)


# --- patterns


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_pair(bound_pair, transport):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR, transport)
    a.send(b"to b")
    b.send(b"to a")
    assert (a.recv(), b.recv()) == (b"to a", b"to b")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_push_pull_keeps_the_order(bound_pair, transport):
    a, b = bound_pair(zmq.PULL, zmq.PUSH, transport)
    for start in range(0, 2000, 500):
        for number in range(start, start + 500):
            b.send(b"%d" % number)
        assert [int(a.recv()) for _ in range(500)] == list(range(start, start + 500))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_req_rep_takes_turns(bound_pair, transport):
    server, client = bound_pair(zmq.REP, zmq.REQ, transport)
    for number in range(20):
        client.send(b"question %d" % number)
        with pytest.raises(zmq.ZMQError) as caught:
            client.send(b"too early")
        assert caught.value.errno == zmq.EFSM
        question = server.recv()
        server.send(question.replace(b"question", b"answer"))
        assert client.recv() == b"answer %d" % number


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_dealer_router_addresses(bound_pair, transport):
    router, dealer = bound_pair(zmq.ROUTER, zmq.DEALER, transport)
    dealer.send(b"hello")
    identity, body = router.recv(), router.recv()
    assert body == b"hello"
    assert identity
    router.send(identity, zmq.SNDMORE)
    router.send(b"back")
    assert dealer.recv() == b"back"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_pub_sub_filters(bound_pair, transport):
    """The publisher is an XPUB, which tells when a subscription has come."""
    publisher, subscriber = bound_pair(zmq.XPUB, zmq.SUB, transport)
    subscriber.subscribe(b"good")
    assert publisher.recv() == b"\x01good"
    publisher.send(b"bad news")
    publisher.send(b"good news")
    assert subscriber.recv() == b"good news"
    subscriber.unsubscribe("good")
    assert publisher.recv() == b"\x00good"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_xpub_xsub(bound_pair, transport):
    publisher, subscriber = bound_pair(zmq.XPUB, zmq.XSUB, transport)
    subscriber.send(b"\x01")
    assert publisher.recv() == b"\x01"
    publisher.send(b"anything")
    assert subscriber.recv() == b"anything"


def test_stream_talks_to_anything(make_socket):
    with plain.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1)
        listening.settimeout(30)
        stream = make_socket(zmq.STREAM)
        stream.connect(f"tcp://127.0.0.1:{listening.getsockname()[1]}")
        peer, _ = listening.accept()
        with peer:
            peer.settimeout(30)
            identity, nothing = stream.recv_multipart()  # says that the connection stands
            assert nothing == b""
            stream.send(identity, zmq.SNDMORE)
            stream.send(b"raw bytes")
            assert peer.recv(9, plain.MSG_WAITALL) == b"raw bytes"
            peer.sendall(b"back")
            got = b""
            while len(got) < 4:
                assert stream.recv() == identity
                got += stream.recv()
            assert got == b"back"


# --- sizes


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("copy", [True, False], ids=["copy", "frame"])
def test_sizes(bound_pair, transport, copy):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR, transport)
    for size in SIZES:
        sent = pattern(size)
        a.send(sent, copy=copy)
        got = b.recv(copy=copy)
        assert (got if copy else got.bytes) == sent, size
        assert len(got) == size


def test_sizes_up_and_down_do_not_mix(bound_pair):
    """The message that receives is used again: nothing of a longer one may stay in a shorter one, nor the reverse."""
    a, b = bound_pair(zmq.PAIR, zmq.PAIR)
    sizes = (SIZES + SIZES[::-1]) * 2
    for size in sizes:
        a.send(pattern(size))
    assert [b.recv() for _ in sizes] == [pattern(size) for size in sizes]


def test_what_was_received_stays(bound_pair):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR)
    kept = []
    for number in range(900):
        a.send(b"%d" % number * (number % 60))
        kept.append(b.recv())
    assert kept == [b"%d" % number * (number % 60) for number in range(900)]


def test_received_bytes_are_bytes(bound_pair):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR)
    for size in (0, 1, 33, 34, 100000):
        a.send(bytearray(size))
        assert type(b.recv()) is bytes


def test_bytes_of_every_value(bound_pair):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR)
    everything = bytes(range(256))
    a.send(everything)
    assert b.recv() == everything
    for value in range(256):
        a.send(bytes([value]))
        assert b.recv() == bytes([value])


# --- kinds of buffers

BUFFERS = {
    "bytes": b"abcdef",
    "bytearray": bytearray(b"abcdef"),
    "memoryview": memoryview(b"abcdef"),
    "writable memoryview": memoryview(bytearray(b"abcdef")),
    "slice": memoryview(b"..abcdef..")[2:-2],
    "writable slice": memoryview(bytearray(b"..abcdef.."))[2:-2],
    "read-only slice of an array": memoryview(array.array("B", b"..abcdef..")).toreadonly()[2:-2],
    "two dimensions": memoryview(b"abcdef").cast("B", (2, 3)),
    "no dimension": memoryview(array.array("H", b"ab")).cast("B").cast("H", ()),
    "array of shorts": array.array("H", b"abcdef"),
    "array of doubles": array.array("d", [1.5, 2.5]),
    "chars": memoryview(b"abcdef").cast("c"),
    "ctypes": (ctypes.c_char * 6)(*b"abcdef"),
    "ctypes ints": (ctypes.c_int * 3)(1, 2, 3),
    "empty bytearray": bytearray(),
    "empty memoryview": memoryview(b""),
    "empty slice": memoryview(b"abc")[3:],
    "empty array": array.array("d"),
}


class Text(bytes):
    """Bytes with a class of their own."""


@pytest.mark.parametrize("size", [1, 20000], ids=["small", "large"])
@pytest.mark.parametrize("copy", [True, False], ids=["copy", "no copy"])
@pytest.mark.parametrize("kind", BUFFERS)
def test_buffers(bound_pair, kind, copy, size):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR)
    data = BUFFERS[kind]
    if size > 1:
        if isinstance(data, (memoryview, ctypes.Array)):
            data = memoryview(bytearray(bytes(memoryview(data)) * size)).toreadonly()
        else:
            data = data * size
    a.send(data, copy=copy)
    assert b.recv() == memoryview(data).tobytes()


def test_a_subclass_of_bytes(bound_pair):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR)
    a.send(Text(b"abc"))
    got = b.recv()
    assert got == b"abc" and type(got) is bytes


def test_mapped_memory(bound_pair):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR)
    with mmap.mmap(-1, 5000) as area:
        area[:3] = b"map"
        a.send(area)
        got = b.recv()
    assert got[:3] == b"map" and len(got) == 5000


@pytest.mark.parametrize("size", [5, 100, 100000])
def test_a_copy_is_taken_at_once(bound_pair, size):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR)
    data = bytearray(b"x" * size)
    a.send(data)
    data[:] = b"y" * size
    data.extend(b"more")  # nothing holds the buffer any more
    assert b.recv() == b"x" * size


# --- flags and results


def test_send_returns_nothing_when_it_copies(bound_pair):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR)
    assert a.send(b"x") is None
    assert a.send(b"x", copy=True, track=False) is None
    assert b.recv() == b.recv() == b"x"


def test_send_without_copy_returns_a_tracker_for_small_ones(bound_pair):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR)
    tracker = a.send(b"x", copy=False)
    assert isinstance(tracker, zmq.MessageTracker)
    assert tracker.done
    tracker.wait(0)
    assert b.recv() == b"x"


def test_send_tracked(bound_pair):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR)
    for size in (1, 200000):
        tracker = a.send(b"x" * size, copy=False, track=True)
        assert isinstance(tracker, zmq.MessageTracker)
        assert b.recv() == b"x" * size
        tracker.wait(60)
        assert tracker.done


def test_more(bound_pair):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR)
    a.send(b"first", zmq.SNDMORE)
    a.send(b"last")
    assert b.recv() == b"first"
    assert b.get(zmq.RCVMORE) == b.rcvmore == 1
    assert b.recv() == b"last"
    assert b.get(zmq.RCVMORE) == b.rcvmore == 0


def test_flags_by_name_and_number(bound_pair):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR)
    assert zmq.NOBLOCK is zmq.DONTWAIT
    a.send(b"x", flags=zmq.SNDMORE | zmq.DONTWAIT)
    a.send(b"y", flags=1)
    assert b.recv(flags=zmq.NOBLOCK) == b"x"
    assert b.recv(1) == b"y"
    with pytest.raises(zmq.Again):
        b.recv(flags=zmq.DONTWAIT)


def test_an_unfinished_message_does_not_arrive(bound_pair):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR)
    a.send(b"x", zmq.SNDMORE)
    with pytest.raises(zmq.Again):
        b.recv(zmq.DONTWAIT)
    a.send(b"y")
    assert (b.recv(), b.recv()) == (b"x", b"y")


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("copy", [True, False], ids=["copy", "frame"])
def test_two_threads_pass_many(bound_pair, transport, copy):
    """One thread sends, the other receives, and nothing is lost, doubled or out of order."""
    a, b = bound_pair(zmq.PULL, zmq.PUSH, transport)
    count = 5000

    def send():
        for number in range(count):
            b.send(b"%d" % number * (number % 40 + 1), copy=copy)

    thread = threading.Thread(target=send)
    thread.start()
    for number in range(count):
        got = a.recv(copy=copy)
        assert bytes(got) == b"%d" % number * (number % 40 + 1)
    thread.join()
