"""No wake-up is missed: many sockets and greenlets, both directions, random kills and time-outs, each message exactly once.

`ROUNDS` is what a suite has time for; ZMQ_CTYPES_TEST_MESSAGES says another number, and `python tests/green/test_stress.py 1000000`
runs as many messages as it is told.
"""

from __future__ import annotations

import os
import random
import sys

#: Messages in all.
ROUNDS = 20_000
#: Pairs of sockets, and greenlets that send, and receive, at each end.
PAIRS, CROWD = 5, 3


def tokens(rounds, seed, transport="tcp"):
    """A few tokens go to and fro; nothing else touches the sockets, so that one missed wake-up stops everything."""
    import gevent
    from gevent.queue import Queue

    from zmq_ctypes import green as zmq

    chance = random.Random(seed)
    context = zmq.Context()
    ends, workers, passed = [], [], []
    left = [rounds]

    def receive(socket, queue):
        while True:
            parts = socket.recv_multipart()
            passed.append(int(parts[0]))
            left[0] -= 1
            queue.put(parts)
            if chance.random() < 0.05:
                gevent.sleep(0)

    def send(socket, queue):
        while True:
            parts = queue.get()
            socket.send_multipart(parts)

    for pair in range(PAIRS):
        one, other = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
        one.bind("tcp://127.0.0.1:*" if transport == "tcp" else f"inproc://tokens-{pair}")
        other.connect(one.last_endpoint.rstrip(b"\0"))
        ends += [one, other]
        for socket in (one, other):
            queue = Queue()
            workers += [gevent.spawn(receive, socket, queue), gevent.spawn(send, socket, queue)]
            for token in range(pair + 1):
                queue.put([b"%d" % token, b"x" * chance.randrange(100)])
    last, stuck = None, 0
    while left[0] > 0:
        gevent.sleep(0.05)
        stuck = stuck + 1 if left[0] == last else 0
        last = left[0]
        assert stuck < 200, (left, rounds)
    gevent.killall(workers)
    for socket in ends:
        socket.close(0)
    context.term()
    return len(passed)


def stress(rounds, seed, transport="tcp"):
    """Greenlets that are killed, and time out, while they send and receive; everything arrives exactly once."""
    import gevent

    from zmq_ctypes import green as zmq

    chance = random.Random(seed)
    each = rounds // (2 * PAIRS)
    context = zmq.Context()
    ends = []
    lines = []
    workers = []

    class Line:
        """One direction of one pair."""

        def __init__(self, source, target):
            self.source, self.target = source, target
            self.next = 0
            self.got = []

        def send_all(self):
            while self.next < each:
                number = self.next
                self.next += 1
                try:
                    if chance.random() < 0.3:
                        with gevent.Timeout(0.001 + chance.random() * 0.01):
                            self.send(number)
                    else:
                        self.send(number)
                except BaseException as error:
                    # Not sent: somebody else has to.
                    todo.append((self, number))
                    if not isinstance(error, (gevent.Timeout, zmq.Again)):
                        raise

        def send(self, number):
            if number % 2:
                self.source.send_multipart([b"%d" % number, b"more"])
            else:
                self.source.send(b"%d" % number)

        def receive_all(self):
            while True:
                try:
                    choice = chance.random()
                    if choice < 0.2:
                        with gevent.Timeout(0.001 + chance.random() * 0.01):
                            parts = self.target.recv_multipart()
                    elif choice < 0.3:
                        if not self.target.poll(chance.randrange(20)):
                            continue
                        parts = self.target.recv_multipart(zmq.DONTWAIT)
                    elif choice < 0.4:
                        poller = zmq.Poller()
                        poller.register(self.target, zmq.POLLIN)
                        poller.register(self.source, zmq.POLLIN)
                        if self.target not in dict(poller.poll(chance.randrange(20))):
                            continue
                        parts = self.target.recv_multipart(zmq.DONTWAIT)
                    else:
                        parts = self.target.recv_multipart()
                except (gevent.Timeout, zmq.Again):
                    continue
                self.got.append(int(parts[0]))

    todo = []
    for pair in range(PAIRS):
        one, other = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
        for socket in (one, other):
            socket.sndhwm = socket.rcvhwm = chance.choice((2, 10, 1000))
            if pair % 2:
                socket.rcvtimeo = socket.sndtimeo = 15
        one.bind("tcp://127.0.0.1:*" if transport == "tcp" else f"inproc://stress-{pair}")
        other.connect(one.last_endpoint.rstrip(b"\0"))
        ends += [one, other]
        lines += [Line(one, other), Line(other, one)]
    for line in lines:
        for _ in range(CROWD):
            workers += [[line.send_all, gevent.spawn(line.send_all)], [line.receive_all, gevent.spawn(line.receive_all)]]

    def disturb():
        while True:
            gevent.sleep(0.001)
            worker = chance.choice(workers)
            if not worker[1].ready():
                worker[1].kill(block=False)
                worker[1] = gevent.spawn(worker[0])

    def resend():
        while True:
            while todo:
                line, number = todo.pop()
                try:
                    line.send(number)
                except zmq.Again:
                    todo.append((line, number))
            gevent.sleep(0.001)

    others = [gevent.spawn(disturb), gevent.spawn(resend)]
    wanted = 2 * PAIRS * each
    last, stuck = -1, 0
    while sum(len(line.got) for line in lines) < wanted:
        gevent.sleep(0.05)
        # So long without a single message, and nothing left to do for anybody: one was lost.
        now = sum(len(line.got) for line in lines)
        stuck = stuck + 1 if now == last else 0
        last = now
        assert stuck < 200, (now, wanted, [(len(line.got), line.next, each) for line in lines], len(todo))
    gevent.killall(others + [worker[1] for worker in workers])
    # Those that were told to end and have not yet heard it.
    gevent.sleep(0.01)
    for line in lines:
        assert sorted(line.got) == list(range(each))
    for socket in ends:
        socket.close(0)
    context.term()
    return wanted


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    import time

    began = time.monotonic()
    for run in (tokens, stress):
        print(run.__name__, run(int(sys.argv[1]), int((sys.argv[2:] or [1])[0]), *sys.argv[3:]), time.monotonic() - began)
else:
    import pytest
    from support import MESSAGES, stressed

    pytestmark = pytest.mark.timeout(stressed(60, ROUNDS))
    ROUNDS = MESSAGES or ROUNDS

    @pytest.mark.parametrize("seed", (1, 2))
    def test_each_message_exactly_once(seed):
        assert stress(ROUNDS, seed) == ROUNDS

    @pytest.mark.parametrize("transport", ("tcp", "inproc"))
    def test_nothing_else_wakes_them(transport):
        assert tokens(ROUNDS, 4, transport) >= ROUNDS

    def test_within_the_process():
        assert stress(ROUNDS, 3, "inproc") == ROUNDS
