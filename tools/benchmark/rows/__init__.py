"""What the benchmark measures: one entry of `ROWS` for each line of its table.

A row is a generator function that is given the module (ours or pyzmq: the same code runs on both), makes what it
needs, yields ``loop`` once, and tidies up afterwards.  ``loop(n)`` does the thing n times; it is timed from outside,
or returns the seconds (or bytes) itself where the outside would be wrong.  A row of two processes has a ``far`` half
too: the near half yields ``(loop, endpoint)`` and takes the time, the far half is given the endpoint, and both are told
to run at once.

To add a row, write such a function under ``@row``.  A row of fresh processes (the cost of an import) is only a
piece of source: see `FRESH`.
"""

from __future__ import annotations

from itertools import repeat
from time import perf_counter
from typing import Any, Callable, NamedTuple

SIZES = (1, 16, 256, 4096, 65536, 1 << 20)


class Unit(NamedTuple):
    """How a cost (seconds or bytes for one operation) is shown."""

    name: str
    scale: float
    inverse: bool = False

    def of(self, cost: float) -> float:
        """The cost in this unit."""
        return self.scale / cost if self.inverse else self.scale * cost


UNITS = {
    "ns": Unit("ns", 1e9),
    "us": Unit("us", 1e6),
    "ms": Unit("ms", 1e3),
    "kB": Unit("kB", 1 / 1024),
    "msg/s": Unit("msg/s", 1, inverse=True),
}


class Row(NamedTuple):
    """One line of the table."""

    name: str
    #: What it means to a user, in one sentence.
    what: str
    unit: str
    #: Generator functions of the two halves; ``far`` is None where one process is enough, both for fresh processes.
    near: Callable[..., Any] | None = None
    far: Callable[..., Any] | None = None
    arguments: tuple = ()
    #: A round does the thing at least so often.
    least: int = 1
    #: Rounds of this row are so many times longer: two processes take a while to settle into a rhythm.
    stretch: int = 1
    #: What the program in C is asked to do for this row, "" where it has no counterpart.
    native: str = ""
    #: Source for a fresh process, with ``{module}`` for the module's name; `take` says which number counts.
    fresh: str = ""
    take: str = ""
    #: Further distributions that both sides need.
    packages: tuple = ()


ROWS: dict[str, Row] = {}


def row(name: str, what: str, unit: str, **details: Any) -> Callable[[Any], Any]:
    """Enter the decorated generator function under this name."""

    def enter(near):
        ROWS[name] = Row(name, what, unit, near, **details)
        return near

    return enter


# Fresh processes -----------------------------------------------------------------------------------------------------

FIRST_SOCKET = "import {module} as zmq; context = zmq.Context(); socket = context.socket(zmq.PAIR)"
FRESH = (
    ("import", "import in a new process: its time minus that of a bare Python", "ms", "import {module}", "wall"),
    ("import-inside", "the same, measured around the import statement", "ms", "import {module}", "inside"),
    ("import-memory", "resident memory that the import adds to a bare Python", "kB", "import {module}", "memory"),
    (
        "first-socket",
        "from import to the first socket, libzmq opened, measured inside",
        "ms",
        FIRST_SOCKET,
        "inside",
    ),
    (
        "first-memory",
        "resident memory that import, libzmq and the first socket add",
        "kB",
        FIRST_SOCKET,
        "memory",
    ),
)
for _name, _what, _unit, _source, _take in FRESH:
    ROWS[_name] = Row(_name, _what, _unit, fresh=_source, take=_take)


# One process ---------------------------------------------------------------------------------------------------------


class Pair:
    """Two connected PAIR sockets over inproc, in a context of their own or a given one."""

    def __init__(self, zmq, context=None, endpoint="inproc://bench"):
        self.own = context is None
        self.context = zmq.Context() if context is None else context
        self.a, self.b = self.context.socket(zmq.PAIR), self.context.socket(zmq.PAIR)
        for socket in (self.a, self.b):
            socket.linger = 0
        self.a.bind(endpoint)
        self.b.connect(endpoint)

    def close(self):
        self.a.close()
        self.b.close()
        if self.own:
            self.context.term()


@row("inproc-10", "send and recv of 10 bytes over inproc, both in one thread", "ns", least=20_000)
def inproc(zmq):
    pair = Pair(zmq)
    send, recv, message = pair.a.send, pair.b.recv, b"x" * 10

    def loop(n):
        for _ in repeat(None, n):
            send(message)
            recv()

    yield loop
    pair.close()


@row("multipart-3", "send_multipart and recv_multipart of 3 parts of 10 bytes over inproc", "ns", least=20_000)
def multipart(zmq):
    pair = Pair(zmq)
    send, recv, message = pair.a.send_multipart, pair.b.recv_multipart, [b"x" * 10] * 3

    def loop(n):
        for _ in repeat(None, n):
            send(message)
            recv()

    yield loop
    pair.close()


@row("poll-0", "socket.poll(0) with a message waiting", "ns", least=20_000)
def poll_now(zmq):
    pair = Pair(zmq)
    pair.a.send(b"")
    poll = pair.b.poll

    def loop(n):
        for _ in repeat(None, n):
            poll(0)

    yield loop
    pair.close()


@row("poller-2", "poll(0) of a Poller of two sockets, a message waiting on one", "ns", least=20_000)
def poller(zmq):
    pair = Pair(zmq)
    pair.a.send(b"")
    both = zmq.Poller()
    both.register(pair.a, zmq.POLLIN)
    both.register(pair.b, zmq.POLLIN)
    poll = both.poll

    def loop(n):
        for _ in repeat(None, n):
            poll(0)

    yield loop
    pair.close()


@row("poller-100", "poll(0) of a Poller of 100 sockets, a message waiting on one", "ns", least=2_000)
def poller_many(zmq):
    pair = Pair(zmq)
    pair.a.send(b"")
    others = [pair.context.socket(zmq.PULL) for _ in range(99)]
    all_of_them = zmq.Poller()
    for socket in (pair.b, *others):
        all_of_them.register(socket, zmq.POLLIN)
    poll = all_of_them.poll

    def loop(n):
        for _ in repeat(None, n):
            poll(0)

    yield loop
    for socket in others:
        socket.close()
    pair.close()


@row("getsockopt", "socket.getsockopt(zmq.EVENTS), the call under every event loop", "ns", least=20_000)
def getsockopt(zmq):
    pair = Pair(zmq)
    get, option = pair.a.getsockopt, zmq.EVENTS

    def loop(n):
        for _ in repeat(None, n):
            get(option)

    yield loop
    pair.close()


@row("attribute", "socket.linger read as an attribute", "ns", least=20_000)
def attribute(zmq):
    pair = Pair(zmq)
    socket = pair.a

    def loop(n):
        for _ in repeat(None, n):
            socket.linger  # noqa: B018

    yield loop
    pair.close()


# Two processes over tcp ----------------------------------------------------------------------------------------------


class End:
    """One socket of a row of two processes."""

    def __init__(self, zmq, kind, endpoint=None):
        self.context = zmq.Context()
        self.socket = self.context.socket(kind)
        self.socket.linger = 0
        if endpoint is None:
            self.socket.bind("tcp://127.0.0.1:*")
            self.endpoint = self.socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()
        else:
            self.endpoint = endpoint
            self.socket.connect(endpoint)

    def close(self):
        self.socket.close()
        self.context.term()


def throughput_near(zmq, size, endpoint=None):
    end = End(zmq, zmq.PULL, endpoint)
    recv = end.socket.recv

    def loop(n):
        recv()
        begin = perf_counter()
        for _ in repeat(None, n - 1):
            message = recv()
        spent = perf_counter() - begin
        assert len(message) == size
        return spent * n / (n - 1)

    yield loop, end.endpoint
    end.close()


def throughput_far(zmq, endpoint, size):
    end = End(zmq, zmq.PUSH, endpoint)
    send, message = end.socket.send, b"x" * size

    def loop(n):
        for _ in repeat(None, n):
            send(message)

    yield loop
    end.close()


def latency_near(zmq, size):
    end = End(zmq, zmq.REQ)
    send, recv, message = end.socket.send, end.socket.recv, b"x" * size

    def loop(n):
        begin = perf_counter()
        for _ in repeat(None, n):
            send(message)
            reply = recv()
        spent = perf_counter() - begin
        assert len(reply) == size
        return spent / 2

    yield loop, end.endpoint
    end.close()


def latency_far(zmq, endpoint, size):
    end = End(zmq, zmq.REP, endpoint)
    send, recv = end.socket.send, end.socket.recv

    def loop(n):
        for _ in repeat(None, n):
            send(recv())

    yield loop
    end.close()


for _size in SIZES:
    row(
        f"tcp-throughput-{_size}",
        f"messages of {_size} B a second from one process to another over tcp, PUSH to PULL",
        "msg/s",
        far=throughput_far,
        arguments=(_size,),
        least=200,
        stretch=4,
        native=f"throughput {_size}",
    )(throughput_near)
for _size in SIZES:
    row(
        f"tcp-latency-{_size}",
        f"one way of {_size} B between two processes over tcp: half of a REQ and REP round trip",
        "us",
        far=latency_far,
        arguments=(_size,),
        least=100,
        stretch=3,
        native=f"latency {_size}",
    )(latency_near)


# Further subjects, each in a module of its own.
from . import devices, lifetimes, loops, strings, tasks, threads, zero_copy  # noqa: E402, F401
