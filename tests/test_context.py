"""Contexts: what owns the sockets, the I/O threads and the options that new sockets begin with."""

from __future__ import annotations

import threading
import warnings

import pytest

import zmq_ctypes as zmq


@pytest.fixture
def make_context():
    made = []

    def make(*args, kind=zmq.Context, **kwargs):
        result = kind(*args, **kwargs)
        made.append(result)
        return result

    yield make
    for context in made:
        if not context.closed:
            context.destroy(linger=0)


@pytest.fixture
def family():
    """A class of contexts of our own, for ``instance()`` keeps one of each class for the whole process."""

    class Family(zmq.Context):
        _instance = None

    yield Family
    if Family._instance is not None and not Family._instance.closed:
        Family._instance.destroy(linger=0)


# --- making


def test_a_new_context_is_open(make_context):
    context = make_context()
    assert context.closed is False
    assert isinstance(context.underlying, int) and context.underlying != 0


@pytest.mark.parametrize("way", [lambda make: make(3), lambda make: make(io_threads=3)], ids=["position", "name"])
def test_the_number_of_io_threads(make_context, way):
    context = way(make_context)
    assert context.io_threads == 3
    assert context.get(zmq.IO_THREADS) == 3


def test_one_io_thread_by_default(make_context):
    assert make_context().io_threads == 1


def test_no_io_threads_serve_inproc(make_context):
    context = make_context(0)
    with context.socket(zmq.PAIR) as a, context.socket(zmq.PAIR) as b:
        a.bind("inproc://here")
        b.connect("inproc://here")
        a.send(b"x")
        assert b.recv() == b"x"


def test_a_negative_number_of_io_threads_is_refused():
    with pytest.raises(zmq.ZMQError) as caught:
        zmq.Context(-1)
    assert caught.value.errno == zmq.EINVAL


def test_synccontext_is_a_context(make_context):
    assert isinstance(make_context(kind=zmq.SyncContext), zmq.Context)


# --- options


def test_an_option_can_be_set_and_read_in_every_way(make_context):
    context = make_context()
    context.set(zmq.MAX_SOCKETS, 10)
    assert context.get(zmq.MAX_SOCKETS) == context.max_sockets == context.MAX_SOCKETS == 10
    context.max_sockets = 11
    assert context.get(zmq.MAX_SOCKETS) == 11
    context.MAX_SOCKETS = 12
    assert context.get(zmq.MAX_SOCKETS) == 12


def test_the_limit_of_sockets_holds(make_context):
    context = make_context()
    context.max_sockets = 2
    with context.socket(zmq.PAIR), context.socket(zmq.PAIR):
        with pytest.raises(zmq.ZMQError) as caught:
            context.socket(zmq.PAIR)
        assert caught.value.errno == zmq.Errno.EINVAL or zmq.strerror(caught.value.errno) == "Too many open files"


@pytest.mark.parametrize(
    ("option", "since", "value"),
    [("MAX_MSGSZ", (4, 2, 0), 1000), ("MSG_T_SIZE", (4, 2, 1), None), ("SOCKET_LIMIT", (4, 1, 0), None)],
)
def test_newer_options(make_context, option, since, value):
    context = make_context()
    number = getattr(zmq, option)
    if zmq.zmq_version_info() < since:
        with pytest.raises(zmq.ZMQError) as caught:
            context.get(number)
        assert caught.value.errno == zmq.EINVAL
    elif value is None:
        assert context.get(number) > 0
    else:
        context.set(number, value)
        assert context.get(number) == value


@pytest.mark.parametrize("act", [lambda c: c.get(999), lambda c: c.set(999, 1)], ids=["get", "set"])
def test_an_unknown_option(make_context, act):
    with pytest.raises(zmq.ZMQError) as caught:
        act(make_context())
    # libzmq 4.3.3 takes what it does not know for a null pointer.
    known = (zmq.EINVAL, zmq.EFAULT) if zmq.zmq_version_info() == (4, 3, 3) else (zmq.EINVAL,)
    assert caught.value.errno in known


def test_dir_shows_the_options(make_context):
    listed = dir(make_context())
    assert {"socket", "term", "io_threads", "max_sockets"} <= {name.lower() for name in listed}


# --- the end


def test_term_ends_and_may_be_repeated(make_context):
    context = make_context()
    context.term()
    assert context.closed is True
    assert not context.underlying
    context.term()
    context.destroy()


def test_destroy_closes_the_sockets(make_context):
    context = make_context()
    sockets = [context.socket(zmq.PULL) for _ in range(3)]
    sockets[0].close()
    context.destroy(linger=0)
    assert context.closed
    assert all(socket.closed for socket in sockets)
    context.destroy()


def test_destroy_with_linger_drops_what_was_not_sent(make_context):
    context = make_context()
    socket = context.socket(zmq.PUSH)
    socket.connect("tcp://127.0.0.1:9")
    socket.send(b"for nobody")
    context.destroy(linger=0)
    assert context.closed


def test_term_waits_for_sockets(make_context):
    context = make_context()
    socket = context.socket(zmq.PULL)
    thread = threading.Thread(target=context.term, daemon=True)
    thread.start()
    with pytest.raises(zmq.ContextTerminated):
        socket.recv()
    assert thread.is_alive()
    socket.close()
    thread.join(30)
    assert not thread.is_alive()
    assert context.closed


def test_a_closed_context_makes_no_socket(make_context):
    context = make_context()
    context.term()
    with pytest.raises(zmq.ZMQError) as caught:
        context.socket(zmq.PUB)
    assert caught.value.errno == zmq.ENOTSUP


@pytest.mark.parametrize(
    "act",
    [
        lambda context: context.get(zmq.IO_THREADS),
        lambda context: context.set(zmq.IO_THREADS, 1),
        lambda context: context.io_threads,
        lambda context: setattr(context, "io_threads", 1),
    ],
    ids=["get", "set", "getattr", "setattr"],
)
def test_a_closed_context_has_no_options(make_context, act):
    context = make_context()
    context.term()
    with pytest.raises(RuntimeError, match="destroyed"):
        act(context)


def test_with_ends_the_context():
    with zmq.Context() as context:
        assert isinstance(context, zmq.Context)
        assert not context.closed
    assert context.closed


def test_with_closes_forgotten_sockets_and_says_so():
    with pytest.warns(ResourceWarning, match="unclosed socket"):
        with zmq.Context() as context:
            socket = context.socket(zmq.PULL)
    assert socket.closed and context.closed


def test_with_closed_sockets_is_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with zmq.Context() as context:
            context.socket(zmq.PULL).close()
    assert context.closed


def test_an_error_inside_with_goes_on():
    with pytest.raises(LookupError):
        with zmq.Context() as context:
            raise LookupError
    assert context.closed


# --- one for all


def test_instance_is_one(family):
    first = family.instance()
    assert isinstance(first, family)
    assert family.instance() is first
    assert family.instance(io_threads=2) is first


def test_instance_is_renewed_after_its_end(family):
    first = family.instance()
    first.term()
    second = family.instance(io_threads=2)
    assert second is not first
    assert not second.closed
    assert second.io_threads == 2


def test_instance_of_a_subclass_with_its_own_slot(family):
    class Other(family):
        _instance = None

    other = Other.instance()
    try:
        assert other is not family.instance()
        assert type(other) is Other
    finally:
        other.destroy(linger=0)


def test_instance_asked_for_by_many_threads_is_one(family):
    found = []
    start = threading.Barrier(8)

    def ask():
        start.wait()
        found.append(family.instance())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert {id(context) for context in found} == {id(family.instance())}
