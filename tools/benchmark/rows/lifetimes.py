"""Rows of what is made and ended, and of what that takes while it is there."""

from __future__ import annotations

from itertools import repeat
from time import perf_counter

from . import FIRST_SOCKET, ROWS, Row, row

SOCKETS = 500
MESSAGES = 100_000
#: libzmq ends closed sockets in a thread of its own, later.  Without a stop now and then, a program that makes them
#: fast has no file descriptors left.
BATCH = 100


def batches(n):
    """Sizes of the batches of n sockets."""
    for done in range(0, n, BATCH):
        yield min(BATCH, n - done)


@row("create-close", "a PUSH socket made and closed, 100 in turn", "us", least=200)
def create(zmq):
    def loop(n):
        spent = 0.0
        for count in batches(n):
            context = zmq.Context()
            # The first one starts the threads of libzmq.
            context.socket(zmq.PUSH).close()
            begin = perf_counter()
            for _ in repeat(None, count):
                context.socket(zmq.PUSH).close()
            spent += perf_counter() - begin
            # Waits for all of them.
            context.term()
        return spent

    yield loop


@row("connect-disconnect", "connect and disconnect of a PUSH socket over inproc", "us", least=200)
def connect(zmq):
    context = zmq.Context()
    pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    pull.bind("inproc://bench")

    def loop(n):
        for _ in repeat(None, n):
            push.connect("inproc://bench")
            push.disconnect("inproc://bench")

    yield loop
    push.close()
    pull.close()
    context.term()


for _name, _what, _source in (
    (
        f"idle-sockets-{SOCKETS}",
        f"resident memory that import, libzmq and {SOCKETS} sockets add",
        f"{FIRST_SOCKET}; sockets = [context.socket(zmq.PULL) for _ in range({SOCKETS})]",
    ),
    (
        f"queued-{MESSAGES}",
        f"resident memory that import, libzmq and {MESSAGES} waiting messages of 100 B add",
        f"{FIRST_SOCKET}; socket.sndhwm = 0; other = context.socket(zmq.PAIR); other.rcvhwm = 0; "
        f"socket.bind('inproc://a'); other.connect('inproc://a'); [socket.send(b'x' * 100) for _ in range({MESSAGES})]",
    ),
):
    ROWS[_name] = Row(_name, _what, "kB", fresh=_source, take="memory")
