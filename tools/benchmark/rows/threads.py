"""Rows of several threads in one process, where the GIL decides."""

from __future__ import annotations

import threading
from itertools import repeat
from time import perf_counter

from . import Pair, row

THREADS = 8


@row("threads-8", "send and recv of 10 bytes over inproc by 8 threads, each with sockets of its own", "ns", least=2_000)
def threads(zmq):
    context = zmq.Context()
    pairs = [Pair(zmq, context, f"inproc://bench-{number}") for number in range(THREADS)]

    def one(pair, n, start):
        send, recv, message = pair.a.send, pair.b.recv, b"x" * 10
        start.wait()
        for _ in repeat(None, n):
            send(message)
            recv()

    def loop(n):
        start = threading.Barrier(THREADS + 1)
        workers = [threading.Thread(target=one, args=(pair, n // THREADS + 1, start)) for pair in pairs]
        for worker in workers:
            worker.start()
        start.wait()
        begin = perf_counter()
        for worker in workers:
            worker.join()
        return perf_counter() - begin

    yield loop
    for pair in pairs:
        pair.close()
    context.term()


#: Seconds beside a thread that computes.  A thread that has given the GIL away gets it back 5 ms later, or at once, as it
#: happens: the mean of many such events is what a program sees, so these rows go on for a time and not for a number.
BESIDE = 0.1
IN_TURN = 1000


class Busy:
    """A thread that computes."""

    def __enter__(self):
        self.stop = False
        self.thread = threading.Thread(target=self.compute)
        self.thread.start()

    def compute(self):
        number = 0
        while not self.stop:
            number = (number * 3 + 1) % 1_000_003

    def __exit__(self, *exc_info):
        self.stop = True
        self.thread.join()


@row("busy-inproc-10", "send and recv of 10 bytes over inproc beside a thread that computes", "ns")
def busy(zmq):
    pair = Pair(zmq)
    send, recv, message = pair.a.send, pair.b.recv, b"x" * 10

    def loop(n):
        done, spent = 0, 0.0
        with Busy():
            begin = perf_counter()
            while spent < BESIDE:
                for _ in repeat(None, 20):
                    send(message)
                    recv()
                done += 20
                spent = perf_counter() - begin
        return spent * n / done

    yield loop
    pair.close()


@row(
    "busy-zero-copy-65536",
    "a send of 64 kB with copy=False over tcp, received in the same process, beside a thread that computes",
    "ns",
)
def busy_lent(zmq):
    context = zmq.Context()
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    push.linger = pull.linger = 0
    push.sndhwm = pull.rcvhwm = 0
    port = pull.bind_to_random_port("tcp://127.0.0.1")
    push.connect(f"tcp://127.0.0.1:{port}")
    message = bytearray(65536)

    def loop(n):
        done, spent = 0, 0.0
        # What waits is memory of this process: 64 MB.
        while spent < BESIDE and done < 5 * IN_TURN:
            with Busy():
                begin = perf_counter()
                for _ in repeat(None, IN_TURN):
                    push.send(message, copy=False)
                spent += perf_counter() - begin
            for _ in repeat(None, IN_TURN):
                pull.recv(copy=False)
            done += IN_TURN
        return spent * n / done

    yield loop
    push.close()
    pull.close()
    context.term()
