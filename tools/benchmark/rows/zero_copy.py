"""Rows of messages that are not copied."""

from __future__ import annotations

from itertools import repeat
from time import perf_counter

from . import End, Pair, row


def frames(zmq, size):
    pair = Pair(zmq)
    send, recv, message = pair.a.send, pair.b.recv, b"x" * size

    def loop(n):
        for _ in repeat(None, n):
            send(message, copy=False)
            recv(copy=False)

    yield loop
    pair.close()


for _size, _least in ((10, 10_000), (65536, 5_000)):
    row(
        f"frame-{_size}",
        f"send and recv of {_size} B with copy=False over inproc, both in one thread",
        "ns",
        arguments=(_size,),
        least=_least,
    )(frames)


def lent_near(zmq, size):
    end = End(zmq, zmq.PULL)
    recv = end.socket.recv

    def loop(n):
        recv(copy=False)
        begin = perf_counter()
        for _ in repeat(None, n - 1):
            frame = recv(copy=False)
        spent = perf_counter() - begin
        assert len(frame) == size
        return spent * n / (n - 1)

    yield loop, end.endpoint
    end.close()


def lent_far(zmq, endpoint, size):
    end = End(zmq, zmq.PUSH, endpoint)
    # What lies in the queue is memory of this process: ten messages are enough to keep the other end busy.
    end.socket.sndhwm = 10
    send, message = end.socket.send, bytearray(size)

    def loop(n):
        for _ in repeat(None, n):
            send(message, copy=False)

    yield loop
    end.close()


for _size, _least in ((1 << 20, 100), (1 << 24, 8)):
    row(
        f"tcp-zero-copy-{_size}",
        f"messages of {_size} B a second from one process to another over tcp, copy=False on both sides",
        "msg/s",
        far=lent_far,
        arguments=(_size,),
        least=_least,
        stretch=4,
    )(lent_near)
