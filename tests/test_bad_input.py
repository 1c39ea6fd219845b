"""What must not reach C: each wrong argument is a Python exception that names it, and the object works as before.

A mistake here would not be a failed test but a dead process, so the exceptions are asked for by their class and, where a
user has to find the culprit, by their text.
"""

from __future__ import annotations

import threading

import pytest

import zmq_ctypes as zmq

HUGE = 2**70


class Index:
    """Not an int, but it says that it can be one."""

    def __init__(self, value):
        self.value = value

    def __index__(self):
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


@pytest.fixture
def pair(bound_pair):
    return bound_pair(zmq.PAIR, zmq.PAIR)


def works(pair):
    """Whether two connected sockets still do what they are for."""
    a, b = pair
    a.send_multipart([b"still", b"there"])
    return b.recv_multipart() == [b"still", b"there"]


# --- data

NO_DATA = [None, 5, 1.5, True, [b"x"], (b"x",), {b"x": 1}, object(), type, ..., iter(b"x")]


@pytest.mark.parametrize("copy", [True, False], ids=["copy", "no copy"])
@pytest.mark.parametrize("wrong", NO_DATA, ids=lambda value: type(value).__name__)
def test_what_is_no_data(pair, wrong, copy):
    with pytest.raises(TypeError, match=type(wrong).__name__):
        pair[0].send(wrong, copy=copy)
    assert works(pair)


@pytest.mark.parametrize("copy", [True, False], ids=["copy", "no copy"])
def test_text_is_no_data_and_the_way_out_is_named(pair, copy):
    with pytest.raises(TypeError, match="send_string"):
        pair[0].send("text", copy=copy)
    assert works(pair)


@pytest.mark.parametrize("copy", [True, False], ids=["copy", "no copy"])
@pytest.mark.parametrize("step", [2, -1])
@pytest.mark.parametrize("kind", [bytes, bytearray])
def test_data_with_gaps(pair, copy, step, kind):
    with pytest.raises(BufferError, match="contiguous"):
        pair[0].send(memoryview(kind(b"abcdef"))[::step], copy=copy)
    assert works(pair)


@pytest.mark.parametrize("copy", [True, False], ids=["copy", "no copy"])
def test_data_that_was_released(pair, copy):
    view = memoryview(b"abc")
    view.release()
    with pytest.raises(ValueError):
        pair[0].send(view, copy=copy)
    with pytest.raises(ValueError):
        pair[0].recv_into(view)
    assert works(pair)


# --- flags

NO_INTEGERS = ["1", b"1", None, 1.0, 0.5, [1], object(), slice(None), slice(1, 2)]


@pytest.mark.parametrize("wrong", NO_INTEGERS, ids=repr)
def test_flags_are_an_integer(pair, wrong):
    """Floats: pyzmq 27.3 cuts them."""
    a, b = pair
    for data in (b"x", bytearray(b"x"), zmq.Frame(b"x"), b"x" * 100000):
        for copy in (True, False):
            with pytest.raises(TypeError):
                a.send(data, wrong, copy=copy)
    with pytest.raises(TypeError):
        a.send_multipart([b"a", b"b"], wrong)
    with pytest.raises(TypeError):
        a.send_string("x", wrong)
    for copy in (True, False):
        with pytest.raises(TypeError):
            b.recv(wrong, copy=copy)
        with pytest.raises(TypeError):
            b.recv_multipart(wrong, copy=copy)
    with pytest.raises(TypeError):
        b.recv_into(bytearray(3), flags=wrong)
    with pytest.raises(TypeError):
        b.poll(0, wrong)
    assert works(pair)


@pytest.mark.parametrize("wrong", [2**31, -(2**31) - 1, 2**32 + 1, 2**40, HUGE, -HUGE])
def test_flags_fit_in_a_c_int(pair, wrong):
    a, b = pair
    for act in (
        lambda: a.send(b"x", wrong),
        lambda: a.send(b"x", wrong, copy=False),
        lambda: a.send(bytearray(b"x"), wrong),
        lambda: a.send(zmq.Frame(b"x"), wrong),
        lambda: b.recv(wrong),
        lambda: b.recv(wrong, copy=False),
        lambda: b.recv_multipart(wrong),
        lambda: b.recv_into(bytearray(3), flags=wrong),
    ):
        with pytest.raises(OverflowError):
            act()
    assert works(pair)


def test_flags_may_be_bools_and_enums(pair):
    a, b = pair
    a.send(b"x", False)
    a.send(b"y", zmq.Flag.DONTWAIT)
    assert (b.recv(True), b.recv(zmq.Flag(0))) == (b"x", b"y")


def test_an_error_of_index_comes_through(pair):
    with pytest.raises((LookupError, TypeError)):
        pair[0].send(b"x", Index(LookupError()))
    assert works(pair)


# --- addresses


@pytest.mark.parametrize("way", ["bind", "connect", "unbind", "disconnect"])
@pytest.mark.parametrize(
    "wrong", [None, 5, 1.5, [b"inproc://x"], object(), memoryview(b"inproc://x")], ids=lambda v: type(v).__name__
)
def test_an_address_is_text_or_bytes(make_socket, way, wrong):
    with pytest.raises(TypeError):
        getattr(make_socket(zmq.PUSH), way)(wrong)


@pytest.mark.parametrize("way", ["bind", "connect", "unbind", "disconnect"])
@pytest.mark.parametrize("spell", [str, str.encode], ids=["str", "bytes"])
@pytest.mark.parametrize("address", ["inproc://a\0b", "\0inproc://a", "inproc://a\0", "\0"], ids=ascii)
def test_an_address_has_no_nul(make_socket, way, spell, address):
    """pyzmq 27.3 takes what is before it for the address."""
    socket = make_socket(zmq.PULL)
    with pytest.raises(ValueError, match="(?i)null|nul"):
        getattr(socket, way)(spell(address))
    make_socket(zmq.PULL).bind("inproc://a")  # nothing was bound to the part before it
    assert socket.last_endpoint == b""


def test_an_address_that_utf8_cannot_express(make_socket):
    with pytest.raises(UnicodeEncodeError):
        make_socket(zmq.PUSH).connect("inproc://\udc80")


@pytest.mark.parametrize("way", ["bind", "connect"])
def test_a_very_long_address(make_socket, way):
    for transport in ("tcp", "ipc", "nonsense"):
        with pytest.raises(zmq.ZMQError):
            getattr(make_socket(zmq.PUSH), way)(transport + "://" + "x" * 100000)


@pytest.mark.parametrize(
    "arguments",
    [{"min_port": "a"}, {"max_port": 1.5}, {"min_port": 5000, "max_port": 4000}, {"min_port": 5000, "max_tries": "a"}],
    ids=repr,
)
def test_random_ports_out_of_nonsense(make_socket, arguments):
    """1.5: pyzmq 27.3 takes it."""
    with pytest.raises((TypeError, ValueError)):
        make_socket(zmq.PULL).bind_to_random_port("tcp://127.0.0.1", **arguments)


# --- polling


@pytest.mark.parametrize("wrong", ["1", b"1", [1], object()], ids=repr)
def test_time_limits_are_numbers(pair, wrong):
    a, _ = pair
    poller = zmq.Poller()
    poller.register(a)
    for act in (
        lambda: a.poll(wrong),
        lambda: poller.poll(wrong),
        lambda: zmq.zmq_poll([(a, zmq.POLLIN)], wrong),
        lambda: zmq.select([a], [], [], wrong),
    ):
        with pytest.raises(TypeError):
            act()


@pytest.mark.parametrize("limit", [HUGE, float(HUGE), float("inf")], ids=repr)
@pytest.mark.parametrize("way", ["socket", "poller", "zmq_poll", "select"])
def test_time_limits_that_c_does_not_know(pair, way, limit):
    """They are refused, or they are as good as for ever; cut to what C knows they would be over at once."""
    a, b = pair
    poller = zmq.Poller()
    poller.register(a, zmq.POLLIN)
    wait = {
        "socket": a.poll,
        "poller": poller.poll,
        "zmq_poll": lambda limit: zmq.zmq_poll([(a, zmq.POLLIN)], limit),
        "select": lambda limit: zmq.select([a], [], [], limit)[0],
    }[way]
    timer = threading.Timer(0.05, lambda: b.send(b"x"))
    timer.start()
    try:
        assert wait(limit)
    except OverflowError:
        pass
    timer.join()
    assert a.recv() == b"x"


def test_a_time_limit_is_a_number_at_all(pair):
    with pytest.raises(ValueError):
        pair[0].poll(float("nan"))


@pytest.mark.parametrize("wrong", [None, 5, [5], [()], [(1, 2, 3)], "a"], ids=repr)
def test_what_is_no_list_of_pairs(wrong):
    with pytest.raises((TypeError, ValueError)):
        zmq.zmq_poll(wrong, 0)


@pytest.mark.parametrize("wrong", ["1", None, 1.5], ids=repr)
def test_events_are_a_number(pair, wrong):
    """1.5: pyzmq 27.3 cuts it."""
    a, _ = pair
    with pytest.raises(TypeError):
        zmq.zmq_poll([(a, wrong)], 0)
    if wrong is not None:
        poller = zmq.Poller()
        with pytest.raises(TypeError):
            poller.register(a, wrong)
            poller.poll(0)


@pytest.mark.parametrize("wrong", [2**16, 2**31, HUGE], ids=repr)
def test_events_fit_in_a_c_short(pair, wrong):
    """2**16: pyzmq 27.3 drops the bits that do not fit."""
    with pytest.raises((OverflowError, ValueError)):
        zmq.zmq_poll([(pair[0], wrong)], 0)
