"""Messages of several parts: all of them or none, in order, and checked before the first one goes."""

from __future__ import annotations

import array
import ctypes
import errno
import time

import pytest
from support import go_away

import zmq_ctypes as zmq


@pytest.fixture
def pair(bound_pair):
    return bound_pair(zmq.PAIR, zmq.PAIR)


@pytest.mark.parametrize("transport", ["inproc", "tcp", "ipc"])
@pytest.mark.parametrize("copy", [True, False], ids=["copy", "frames"])
@pytest.mark.parametrize("count", [1, 2, 3, 10, 200])
def test_parts(bound_pair, transport, copy, count):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR, transport)
    parts = [b"%d" % number * (number % 50) for number in range(count)]
    a.send_multipart(parts, copy=copy)
    got = b.recv_multipart(copy=copy)
    assert type(got) is list
    assert [bytes(part) for part in got] == parts
    if copy:
        assert all(type(part) is bytes for part in got)
    else:
        assert all(isinstance(part, zmq.Frame) for part in got)
        assert [part.more for part in got] == [True] * (count - 1) + [False]
    with pytest.raises(zmq.Again):
        b.recv(zmq.DONTWAIT)


def test_sizes_of_parts(pair):
    a, b = pair
    parts = [b"x" * size for size in (0, 1, 33, 34, 70000, 0, 255, 256, 1000000, 0)]
    a.send_multipart(parts)
    assert b.recv_multipart() == parts


@pytest.mark.parametrize("collection", [list, tuple], ids=["list", "tuple"])
def test_collections_of_parts(pair, collection):
    a, b = pair
    a.send_multipart(collection([b"a", b"b"]))
    assert b.recv_multipart() == [b"a", b"b"]


def test_kinds_of_parts_may_be_mixed(pair):
    a, b = pair
    a.send_multipart([b"a", bytearray(b"b"), memoryview(b"c"), zmq.Frame(b"d"), array.array("B", b"e"), b""])
    assert b.recv_multipart() == [b"a", b"b", b"c", b"d", b"e", b""]


@pytest.mark.parametrize(
    "single",
    [ctypes.c_uint16(0x6262), memoryview(array.array("H", b"bb")).cast("B").cast("H", ())],
    ids=["ctypes", "no dimension"],
)
def test_a_part_need_not_have_a_length(pair, single):
    a, b = pair
    for parts in ([single, b"c"], [b"a", single, b"c"], [b"a", single]):
        a.send_multipart(parts)
        assert b.recv_multipart() == [part if isinstance(part, bytes) else b"bb" for part in parts]


def test_the_result_is_that_of_the_last_part(pair):
    a, b = pair
    assert a.send_multipart([b"a", b"b"]) is None
    tracker = a.send_multipart([b"a", b"b"], copy=False, track=True)
    assert isinstance(tracker, zmq.MessageTracker)
    assert b.recv_multipart() == b.recv_multipart() == [b"a", b"b"]
    tracker.wait(60)


def test_more_after_the_last_part(pair):
    a, b = pair
    a.send_multipart([b"a", b"b"], zmq.SNDMORE)
    a.send_multipart([b"c"], flags=zmq.DONTWAIT)
    assert b.recv_multipart() == [b"a", b"b", b"c"]


def test_a_started_message_is_received_to_its_end(pair):
    a, b = pair
    a.send_multipart([b"a", b"b", b"c"])
    assert b.recv() == b"a"
    assert b.recv_multipart() == [b"b", b"c"]


def test_single_messages_are_messages_of_one_part(pair):
    a, b = pair
    a.send(b"single")
    assert b.recv_multipart() == [b"single"]
    a.send_multipart([b"one"])
    assert b.recv() == b"one"
    assert not b.rcvmore


def test_messages_do_not_run_together(pair):
    a, b = pair
    for number in range(300):
        a.send_multipart([b"%d" % number] * (number % 4 + 1))
    for number in range(300):
        assert b.recv_multipart() == [b"%d" % number] * (number % 4 + 1)


@pytest.mark.parametrize(
    ("parts", "position", "shown"),
    [
        (["s"], 0, "'s'"),
        ([b"a", "s"], 1, "'s'"),
        ([b"a", b"b", None], 2, "None"),
        ([b"a", 5, b"b"], 1, "5"),
        ((b"a", 1.5), 1, "1.5"),
    ],
)
@pytest.mark.parametrize("copy", [True, False], ids=["copy", "no copy"])
def test_a_wrong_part_is_named_and_nothing_is_sent(pair, parts, position, shown, copy):
    a, b = pair
    with pytest.raises(TypeError) as caught:
        a.send_multipart(parts, copy=copy)
    assert str(position) in str(caught.value) and shown in str(caught.value)
    a.send_multipart([b"next"])
    assert b.recv_multipart() == [b"next"]


def test_a_part_with_gaps_is_refused_and_nothing_is_sent(pair):
    """pyzmq 27.3 sends the parts before it, which then stick to the next message."""
    a, b = pair
    with pytest.raises((BufferError, TypeError)):
        a.send_multipart([b"a", memoryview(b"abcdef")[::2]])
    a.send_multipart([b"next"])
    assert b.recv_multipart() == [b"next"]


def test_a_long_wrong_part_is_shown_in_short(pair):
    a, _ = pair
    with pytest.raises(TypeError) as caught:
        a.send_multipart([b"a", "s" * 10000])
    assert len(str(caught.value)) < 300


def test_no_parts_are_an_error(pair):
    a, b = pair
    with pytest.raises(IndexError, match="msg_parts"):
        a.send_multipart([])
    a.send(b"next")
    assert b.recv() == b"next"


@pytest.mark.parametrize("wrong", [None, 5, b"abc", "abc", (part for part in [b"a"])], ids=repr)
def test_what_is_not_a_sequence_of_parts(pair, wrong):
    a, b = pair
    with pytest.raises(TypeError):
        a.send_multipart(wrong)
    a.send(b"next")
    assert b.recv() == b"next"


def test_the_parts_are_not_changed(pair):
    a, b = pair
    frame = zmq.Frame(b"frame")
    parts = [b"a", bytearray(b"b"), frame]
    a.send_multipart(parts)
    a.send_multipart(parts)
    assert parts == [b"a", bytearray(b"b"), frame]
    assert b.recv_multipart() == b.recv_multipart() == [b"a", b"b", b"frame"]


def test_received_frames_go_on_as_they_are(bound_pair, make_socket):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR)
    c, d = bound_pair(zmq.PAIR, zmq.PAIR)
    a.send_multipart([b"envelope", b"", b"x" * 100000])
    c.send_multipart(b.recv_multipart(copy=False), copy=False)
    assert d.recv_multipart() == [b"envelope", b"", b"x" * 100000]


def test_router_and_dealer_exchange_envelopes(bound_pair):
    router, dealer = bound_pair(zmq.ROUTER, zmq.DEALER)
    dealer.send_multipart([b"", b"question"])
    identity, empty, body = router.recv_multipart()
    assert (empty, body) == (b"", b"question")
    router.send_multipart([identity, b"", b"answer"])
    assert dealer.recv_multipart() == [b"", b"answer"]


def test_a_router_drops_the_whole_message_for_strangers(bound_pair):
    router, dealer = bound_pair(zmq.ROUTER, zmq.DEALER)
    dealer.send(b"hello")
    identity, _ = router.recv_multipart()
    router.send_multipart([b"stranger", b"a", b"b"])
    router.send_multipart([identity, b"c"])
    assert dealer.recv_multipart() == [b"c"]


def test_a_mandatory_router_refuses_strangers(make_socket):
    router = make_socket(zmq.ROUTER)
    router.router_mandatory = 1
    router.bind("inproc://there")
    for copy in (True, False):
        with pytest.raises(zmq.ZMQError) as caught:
            router.send_multipart([b"stranger", b"a"], copy=copy)
        assert caught.value.errno == zmq.EHOSTUNREACH


# A peer that goes in the midst of a message ---------------------------------------------------------------------------


@pytest.fixture
def leaving(make_socket, endpoint):
    """A sender, its receiver, and what connects another receiver when the first has gone."""

    def make(kind=zmq.PUSH, other=zmq.PULL):
        sender, first = make_socket(kind), make_socket(other)
        sender.linger = 0
        sender.bind(endpoint("inproc"))
        first.connect(sender.last_endpoint.rstrip(b"\0").decode())

        def leave():
            go_away(first, sender)

        def another():
            second = make_socket(other)
            second.rcvtimeo = 10_000
            for _ in range(3):
                sender.get(zmq.EVENTS)
                time.sleep(0.02)
            second.connect(sender.last_endpoint.rstrip(b"\0").decode())
            return second

        return sender, leave, another

    return make


# Older ones tear the message whatever is asked of them.
@pytest.mark.libzmq("4.3.1")
@pytest.mark.parametrize("kind", ["bytes", "buffers", "frames"])
@pytest.mark.parametrize("gone", [1, 2, 3])
def test_the_rest_of_a_message_goes_to_nobody_else(leaving, gone, kind):
    sender, leave, another = leaving()
    convert = {"bytes": bytes, "buffers": bytearray, "frames": zmq.Frame}[kind]
    parts = [convert(part) for part in (b"1", b"2", b"3", b"4")]
    for number, part in enumerate(parts):
        if number == gone:
            leave()
        sender.send(part, zmq.SNDMORE if number < 3 else 0)
    second = another()
    sender.send(b"one")
    sender.send_multipart([b"a", b"b"])
    assert second.recv_multipart() == [b"one"]
    assert second.recv_multipart() == [b"a", b"b"]


@pytest.mark.libzmq("4.3.1")
@pytest.mark.parametrize("way", ["send_multipart", "_send_multipart_now"])
@pytest.mark.parametrize("gone", [1, 2, 3])
def test_the_rest_of_a_list_goes_to_nobody_else(leaving, gone, way):
    sender, leave, another = leaving()
    call, handle = sender._transmit
    calls = []

    def leaving_call(*arguments):
        if len(calls) == gone:
            leave()
        calls.append(arguments)
        return call(*arguments)

    object.__setattr__(sender, "_transmit", (leaving_call, handle))
    getattr(sender, way)([b"1", b"2", b"3", b"4"])
    assert len(calls) == 4
    object.__setattr__(sender, "_transmit", (call, handle))
    second = another()
    sender.send_multipart([b"a", b"b"])
    sender.send(b"one")
    assert second.recv_multipart() == [b"a", b"b"]
    assert second.recv_multipart() == [b"one"]


@pytest.mark.parametrize("when", range(1, 5))
@pytest.mark.parametrize("way", ["send_multipart", "_send_multipart_now"])
def test_a_signal_at_any_frame(pair, way, when):
    """What a signal has interrupted was not sent; the frames before it are not sent once more."""
    a, b = pair
    message = [b"1", b"2", b"x" * 100, b"y" * 100_000]

    class Interruptible:
        count, came = 0, False

        def __init__(self, real):
            self.real = real

        def __getattr__(self, name):
            return getattr(self.real, name)

        def send(self, *arguments):
            self.count += 1
            self.came = self.count == when
            return -1 if self.came else self.real.send(*arguments)

        def errno(self):
            return errno.EINTR if self.came else self.real.errno()

    calls = Interruptible(a._calls)
    object.__setattr__(a, "_calls", calls)
    object.__setattr__(a, "_transmit", (calls.send, a._h))
    if getattr(a, way)(message) is False:
        assert when == 1  # what has not begun is for the method proper
        a.send_multipart(message)
    assert calls.count >= min(when, 3)
    assert b.recv_multipart() == message
    a.send(b"next")
    assert b.recv_multipart() == [b"next"]


def test_after_a_message_in_pieces_sending_is_as_before(pair):
    a, b = pair
    before = a._transmit
    for last in (b"end", bytearray(b"end"), zmq.Frame(b"end")):
        a.send(b"1", zmq.SNDMORE)
        a.send(bytearray(b"2"), zmq.SNDMORE)
        a.send(zmq.Frame(b"3"), zmq.SNDMORE | zmq.DONTWAIT)
        a.send(b"x" * 100_000, zmq.SNDMORE)
        a.send_multipart([b"4", b"5"], zmq.SNDMORE)
        assert a._transmit != before
        a.send(last)
        assert a._transmit == before
        assert b.recv_multipart() == [b"1", b"2", b"3", b"x" * 100_000, b"4", b"5", b"end"]
