"""Nothing is left behind: not by a million messages, not by refused calls, not by closed sockets and contexts.

Each case warms up, measures the process, repeats itself often enough that a leak of one object or one message for each
round would be many times the slack, and measures again.
"""

from __future__ import annotations

import gc
import os
import sys
import time
import warnings

import pytest
from support import need

import zmq_ctypes as zmq

#: Bytes that a process may grow by for reasons of its own (arenas, caches, the collector's mood).
SLACK = 12_000_000
#: Rounds are divided by this: PyPy takes longer for each, and what could leak in one is large enough.
SHARE = 5 if sys.implementation.name == "pypy" else 1
#: After each of so many parts of the rounds the garbage is collected: few, since PyPy looks through the whole suite each time,
#: which takes longer than the rounds.
PARTS = 4
#: Seconds in which I/O threads and the reaper give back what was closed.
LIMIT = 20


def resident() -> int:
    """Return the bytes of memory that this process has in use."""
    need(os.path.exists("/proc/self/statm"), "/proc/self/statm, which tells the memory of a process")
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors() -> int:
    """Return how many files this process has open."""
    need(os.path.exists("/proc/self/fd"), "/proc/self/fd, which tells the open files of a process")
    return len(os.listdir("/proc/self/fd"))


def threads() -> int:
    """Return how many threads this process has, those of libzmq included."""
    need(os.path.exists("/proc/self/task"), "/proc/self/task, which tells the threads of a process")
    return len(os.listdir("/proc/self/task"))


def settle(count, before):
    """Wait until `count` is back to `before`, or the limit is over, and return it."""
    end = time.monotonic() + LIMIT
    while True:
        gc.collect()
        now = count()
        if now <= before or time.monotonic() > end:
            return now
        time.sleep(0.02)


def stays_flat(act, rounds):
    """Demand that `rounds` calls of `act` leave the memory as it is."""

    def part():
        # A collector that does not know how much memory hangs on an object lets them pile up for a while.
        for _ in range(rounds // PARTS):
            act()
        gc.collect()

    part()
    part()
    gc.collect()
    before = resident()
    for _ in range(PARTS):
        part()
    gc.collect()
    grown = resident() - before
    assert grown < SLACK, f"{grown / rounds:.1f} bytes for each round, {grown} in all"


def refused(act, *errors):
    """Wrap a call that has to fail."""

    def call():
        try:
            act()
        except errors:
            return
        raise AssertionError("was not refused")

    return call


@pytest.fixture
def pair(bound_pair):
    return bound_pair(zmq.PAIR, zmq.PAIR)


@pytest.mark.timeout(300)
def test_a_million_messages(pair):
    a, b = pair
    send, recv = a.send, b.recv

    def act():
        for _ in range(1000):
            send(b"0123456789")
            recv()

    stays_flat(act, 1000)


LARGE = b"x" * 5000

TALKS = {
    "5000 bytes": lambda a, b: (a.send(LARGE), b.recv()),
    "frames": lambda a, b: (a.send(LARGE, copy=False), b.recv(copy=False)),
    "frames that are looked into": lambda a, b: (a.send(LARGE), b.recv(copy=False).bytes),
    "buffers": lambda a, b: (a.send(bytearray(LARGE)), b.recv(copy=False).buffer[3]),
    "made frames": lambda a, b: (a.send(zmq.Frame(LARGE)), b.recv()),
    "frames that go on": lambda a, b: (a.send(LARGE), a.send(b.recv(copy=False)), b.recv()),
    "multipart": lambda a, b: (a.send_multipart([LARGE, b"", b"x"]), b.recv_multipart()),
    "multipart of frames": lambda a, b: (
        a.send_multipart([LARGE, b"", b"x"], copy=False),
        b.recv_multipart(copy=False),
    ),
    "into": lambda a, b: (a.send(memoryview(LARGE)), b.recv_into(bytearray(5000))),
    "string": lambda a, b: (a.send_string("☃" * 1000), b.recv_string()),
    "json": lambda a, b: (a.send_json(["x" * 1000] * 3), b.recv_json()),
    "objects": lambda a, b: (a.send_pyobj(["x" * 1000] * 3), b.recv_pyobj()),
    "tracked": lambda a, b: (a.send(LARGE, copy=False, track=True), b.recv()),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", TALKS)
def test_messages(pair, way):
    act = TALKS[way]
    stays_flat(lambda: act(*pair), 20000 // SHARE)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("size", [100, 9000, 100000, 1000000])
def test_sizes(pair, size):
    """A million bytes at a time as well: what libzmq gave is given back, by bytes, frames and views."""
    a, b = pair
    data = b"x" * size

    def act():
        a.send(data)
        b.recv()
        a.send(data, copy=False)
        view = b.recv(copy=False).buffer
        assert view.nbytes == size

    stays_flat(act, 400 if size > 9000 else 10000 // SHARE)


@pytest.mark.parametrize("way", ["recv", "frame", "multipart", "into"])
def test_a_large_message_is_not_kept(pair, way):
    """The message that is used again for each recv must let go of 50 MB."""
    a, b = pair
    a.send(b"small")
    b.recv()
    gc.collect()
    before = resident()
    a.send(b"x" * 50_000_000)
    if way == "recv":
        b.recv()
    elif way == "frame":
        b.recv(copy=False)
    elif way == "multipart":
        b.recv_multipart()
    else:
        b.recv_into(bytearray(10))
    assert settle(resident, before + SLACK) < before + SLACK


# --- refused calls


@pytest.fixture
def full(make_socket):
    """A PUSH without room and a PULL without messages."""
    a, b = make_socket(zmq.PULL), make_socket(zmq.PUSH)
    return a, b


REFUSALS = {
    "send": (lambda a, b: b.send(LARGE, zmq.DONTWAIT), zmq.Again),
    "send a large one": (lambda a, b: b.send(b"x" * 70000, zmq.DONTWAIT), zmq.Again),
    "send without copy": (lambda a, b: b.send(LARGE, zmq.DONTWAIT, copy=False), zmq.Again),
    "send a frame": (lambda a, b: b.send(zmq.Frame(LARGE), zmq.DONTWAIT), zmq.Again),
    "send a buffer": (lambda a, b: b.send(bytearray(LARGE), zmq.DONTWAIT), zmq.Again),
    "send multipart": (lambda a, b: b.send_multipart([LARGE, LARGE], zmq.DONTWAIT), zmq.Again),
    "send where one cannot": (lambda a, b: a.send(LARGE), zmq.ZMQError),
    "send a frame where one cannot": (lambda a, b: a.send(zmq.Frame(LARGE)), zmq.ZMQError),
    "recv": (lambda a, b: a.recv(zmq.DONTWAIT), zmq.Again),
    "recv a frame": (lambda a, b: a.recv(zmq.DONTWAIT, copy=False), zmq.Again),
    "recv multipart": (lambda a, b: a.recv_multipart(zmq.DONTWAIT), zmq.Again),
    "recv into": (lambda a, b: a.recv_into(bytearray(5000), flags=zmq.DONTWAIT), zmq.Again),
    "recv where one cannot": (lambda a, b: b.recv(), zmq.ZMQError),
    "text for data": (lambda a, b: b.send("x" * 5000), TypeError),
    "gaps": (lambda a, b: b.send(memoryview(bytearray(5000))[::2]), BufferError),
    "a frame of gaps": (lambda a, b: zmq.Frame(memoryview(bytearray(5000))[::2]), BufferError),
    "a wrong part": (lambda a, b: b.send_multipart([LARGE, "text"]), TypeError),
    "wrong flags": (lambda a, b: b.send(LARGE, "flags"), TypeError),
    "into nothing writable": (lambda a, b: a.recv_into(LARGE), BufferError),
    "a wrong option": (lambda a, b: a.set(zmq.LINGER, "text"), TypeError),
    "an unknown option": (lambda a, b: a.get(9999), zmq.ZMQError),
    "an unknown attribute": (lambda a, b: a.no_such_option, AttributeError),
    "a wrong address": (lambda a, b: b.connect("nonsense://" + "x" * 1000), zmq.ZMQError),
    "an address with NUL": (lambda a, b: b.connect("inproc://" + "x" * 1000 + "\0"), (ValueError, zmq.ZMQError)),
    "polling nothing": (lambda a, b: zmq.zmq_poll([(None, zmq.POLLIN)] * 10, 0), TypeError),
    "an unknown type": (lambda a, b: a.context.socket(99), zmq.ZMQError),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", REFUSALS)
def test_refused_calls(full, way):
    act, errors = REFUSALS[way]
    stays_flat(refused(lambda: act(*full), *(errors if isinstance(errors, tuple) else (errors,))), 10000 // SHARE)


def test_refused_calls_leave_what_they_were_given(full):
    """The data's reference count is what it was, where there is one."""
    a, b = full
    data = bytearray(b"x" * 70000)
    frame = zmq.Frame(bytes(data))  # a frame of the bytearray would hold its buffer
    count = getattr(sys, "getrefcount", lambda thing: 0)
    before = count(data), count(frame)
    for _ in range(100):
        for copy in (True, False):
            for thing in (data, frame):
                with pytest.raises(zmq.Again):
                    b.send(thing, zmq.DONTWAIT, copy=copy)
    del thing
    gc.collect()
    assert (count(data), count(frame)) == before
    data.extend(b"x")  # nobody holds its buffer


# --- sockets, contexts, files


def test_closed_sockets_give_back_their_files(context):
    def act():
        sockets = [context.socket(zmq.DEALER) for _ in range(20)]
        sockets[0].bind("tcp://127.0.0.1:*")
        for socket in sockets[1:]:
            socket.connect(sockets[0].last_endpoint)
            socket.send(b"x")
        for _ in sockets[1:]:
            sockets[0].recv()
        for socket in sockets:
            socket.close(linger=0)

    act()
    before = settle(descriptors, descriptors())
    for _ in range(10):
        act()
    assert settle(descriptors, before) <= before


def test_forgotten_sockets_give_back_their_files(context):
    def act():
        for _ in range(20):
            context.socket(zmq.DEALER)
        gc.collect()
        gc.collect()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        act()
        before = settle(descriptors, descriptors())
        for _ in range(10):
            act()
        assert settle(descriptors, before + 20) <= before + 20


def test_terminated_contexts_give_back_files_and_threads():
    def act():
        with zmq.Context() as context, context.socket(zmq.PAIR) as a, context.socket(zmq.PAIR) as b:
            a.bind("tcp://127.0.0.1:*")
            b.connect(a.last_endpoint)
            b.send(b"x")
            a.recv()

    act()
    files, running = descriptors(), threads()
    for _ in range(50):
        act()
    assert settle(descriptors, files) <= files
    assert settle(threads, running) <= running


def test_failed_constructors_leave_no_files(context):
    """pyzmq 27.3 leaves the context behind whose option could not be set."""
    context.socket(zmq.PAIR).close()
    before = settle(descriptors, descriptors())
    for _ in range(200):
        with pytest.raises(zmq.ZMQError):
            zmq.Context(-1)
        with pytest.raises(zmq.ZMQError):
            context.socket(99)
    assert settle(descriptors, before) <= before


@pytest.mark.timeout(300)
def test_sockets_come_and_go(context):
    numbers = iter(range(10**9))  # closing takes its time, until then the name is taken

    def act():
        address = f"inproc://there-{next(numbers)}"
        with context.socket(zmq.PAIR) as a, context.socket(zmq.PAIR) as b:
            a.bind(address)
            b.connect(address)
            a.send(LARGE)
            b.recv()
            a.send(LARGE)  # stays unread

    stays_flat(act, 2000)


@pytest.mark.timeout(300)
def test_pollers_come_and_go(pair):
    a, b = pair

    def act():
        poller = zmq.Poller()
        for socket in pair:
            poller.register(socket)
        poller.poll(0)
        poller.unregister(a)
        poller.poll(0)
        zmq.select([a], [b], [], 0)

    stays_flat(act, 20000 // SHARE)


@pytest.mark.timeout(300)
def test_options_leave_nothing(pair):
    a, _ = pair

    def act():
        a.linger = a.linger
        a.routing_id = b"x" * 200
        assert len(a.routing_id) == 200
        a.last_endpoint  # noqa: B018
        a.get(zmq.EVENTS)

    stays_flat(act, 20000 // SHARE)


@pytest.mark.timeout(300)
def test_arrays_of_every_size_are_not_kept(pair):
    """ctypes keeps each type that it makes for ever, so none may be made for a size."""
    a, b = pair
    sizes = iter(range(1, 10**9))

    def act():
        size = next(sizes)
        data = bytearray(size)
        a.send(data)
        b.recv(copy=False).buffer.nbytes  # noqa: B018
        a.send(memoryview(data).toreadonly())
        b.recv_into(data)
        a.send(zmq.Frame(data))
        assert memoryview(b.recv(copy=False).buffer).nbytes == size

    stays_flat(act, 10000 // SHARE)
