"""Long streams through a monitored queue: everything arrives once and in order, whoever is killed, and memory stays flat."""

from __future__ import annotations

import os
import threading

import pytest
from children import LIMIT, start
from support import need

import zmq_ctypes as zmq
from zmq_ctypes.devices import ProcessMonitoredQueue, ThreadMonitoredQueue

#: Messages of each long stream; ``ZMQ_CTYPES_TEST_STREAM=1000000`` for the whole, which takes minutes in all.
MESSAGES = int(os.environ.get("ZMQ_CTYPES_TEST_STREAM", 50_000))
SENDERS = 2

SENDER = """
context = zmq.Context()
socket = context.socket(int(sys.argv[2]))
socket.sndtimeo = 30_000
socket.connect(sys.argv[1])
label, count, size = sys.argv[3].encode(), int(sys.argv[4]), int(sys.argv[5])
parts = [[b"x" * size], [b""], [b"y" * 100, b"", b"z" * size]]
for number in range(count):
    socket.send_multipart([label, b"%d" % number, *parts[number % 3]])
# Whoever receives says when it has everything.
sys.stdin.read()
context.destroy(0)
"""

RECEIVER = """
context = zmq.Context()
socket = context.socket(int(sys.argv[2]))
socket.rcvtimeo = 30_000
if socket.type == zmq.SUB:
    socket.subscribe = b""
socket.connect(sys.argv[1])
senders, count, size, skip = int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6])
parts = [[b"x" * size], [b""], [b"y" * 100, b"", b"z" * size]]
print("ready", flush=True)
expected = {}
for _ in range(senders * count):
    message = socket.recv_multipart()
    label, number, *rest = message[skip:]
    number = int(number)
    assert number == expected.get(label, 0), (label, number, expected)
    assert rest == parts[number % 3], (label, number, rest)
    expected[label] = number + 1
assert len(expected) == senders and set(expected.values()) == {count}
print("complete", flush=True)
context.destroy(0)
"""


@pytest.fixture
def children():
    started = []

    def begin(code, *arguments):
        started.append(start(code, *map(str, arguments), watch=False))
        return started[-1]

    yield begin
    for child in started:
        child.kill()
        child.wait(LIMIT)
        for stream in (child.stdin, child.stdout, child.stderr):
            stream.close()


def heard(child):
    line = child.stdout.readline()
    assert line, child.stderr.read()
    return line.strip()


@pytest.fixture
def device(request, context):
    """A queue with an open monitor: ``device(cls, in_type, out_type)``."""
    made = []

    def make(cls, *types, mon_type=zmq.PUSH):
        queue = cls(*types, mon_type=mon_type)
        if cls is ProcessMonitoredQueue:
            import multiprocessing

            queue._launch_class = multiprocessing.get_context("spawn").Process
        else:
            queue.context_factory = lambda: context
        for name in ("in", "out", "mon"):
            getattr(queue, f"bind_{name}")("tcp://127.0.0.1:*")
            getattr(queue, f"setsockopt_{name}")(zmq.LINGER, 0)
        queue.start()
        made.append(queue)
        return queue

    yield make
    for queue in made:
        if isinstance(queue, ProcessMonitoredQueue):
            queue.launcher.terminate()
            queue.join(LIMIT)


@pytest.mark.timeout(60 + MESSAGES // 2000)
@pytest.mark.parametrize("cls", [ThreadMonitoredQueue, ProcessMonitoredQueue])
def test_everything_once_and_in_order(device, children, cls):
    """Two senders, one receiver, and one that is told of everything: four processes."""
    queue = device(cls, zmq.PULL, zmq.PUSH)
    ends = queue.bound_endpoints
    share, size = MESSAGES // SENDERS, 10
    receivers = [
        children(RECEIVER, ends[name][0], int(zmq.PULL), SENDERS, share, size, skip) for name, skip in (("out", 0), ("mon", 1))
    ]
    for number in range(SENDERS):
        children(SENDER, ends["in"][0], int(zmq.PUSH), f"sender {number}", share, size)
    for receiver in receivers:
        assert heard(receiver) == "ready" and heard(receiver) == "complete"


@pytest.mark.timeout(60 + MESSAGES // 2000)
def test_large_messages_and_flat_memory(device, children):
    """What goes through is thousands of times what may stay."""
    resident = pytest.importorskip("resource") and "/proc/{}/statm"
    need(os.path.exists(resident.format(os.getpid())), "/proc")
    queue = device(ProcessMonitoredQueue, zmq.PULL, zmq.PUSH)
    ends = queue.bound_endpoints

    def memory():
        with open(resident.format(queue.launcher.pid)) as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    share, size, figures = max(MESSAGES // 20, 2000), 20_000, []
    for _ in range(3):
        receivers = [
            children(RECEIVER, ends[name][0], int(zmq.PULL), 1, share, size, skip)
            for name, skip in (("out", 0), ("mon", 1))
        ]
        for receiver in receivers:
            assert heard(receiver) == "ready"
        sender = children(SENDER, ends["in"][0], int(zmq.PUSH), "sender", share, size)
        for receiver in receivers:
            assert heard(receiver) == "complete"
            receiver.wait(LIMIT)
        sender.stdin.close()
        sender.wait(LIMIT)
        figures.append(memory())
    # Queues of a thousand messages of this size are 20 MB each.
    assert figures[2] - figures[0] < 40_000_000, figures


@pytest.mark.parametrize("cls", [ThreadMonitoredQueue, ProcessMonitoredQueue])
def test_requests_from_many(device, children, cls):
    """ROUTER and DEALER: each reply finds its client."""
    queue = device(cls, zmq.ROUTER, zmq.DEALER, mon_type=zmq.PUB)
    ends = queue.bound_endpoints
    client = """
        context = zmq.Context()
        socket = context.socket(zmq.DEALER)
        socket.rcvtimeo = 30_000
        socket.connect(sys.argv[1])
        count, window = int(sys.argv[3]), 100
        for number in range(count + window):
            if number < count:
                socket.send_multipart([b"", sys.argv[2].encode(), b"%d" % number])
            if number >= window:
                assert socket.recv_multipart() == [b"", sys.argv[2].encode(), b"%d" % (number - window), b"done"]
        print("complete", flush=True)
        context.destroy(0)
    """
    worker = """
        context = zmq.Context()
        socket = context.socket(zmq.REP)
        socket.connect(sys.argv[1])
        while True:
            socket.send_multipart([*socket.recv_multipart(), b"done"])
    """
    children(worker, ends["out"][0])
    clients = [children(client, ends["in"][0], f"client {number}", MESSAGES // 10) for number in range(3)]
    for each in clients:
        assert heard(each) == "complete"


@pytest.mark.libzmq("4.2.0")
def test_a_peer_that_is_killed(device, children):
    """Receivers and senders are killed in the midst; the queue goes on, and no message is torn.

    Before 4.2 libzmq itself ends the process when the receiver of half a message goes.
    """
    queue = device(ProcessMonitoredQueue, zmq.PULL, zmq.PUSH, mon_type=zmq.PUB)
    ends = queue.bound_endpoints
    endless = """
        context = zmq.Context()
        socket = context.socket(zmq.PUSH)
        socket.connect(sys.argv[1])
        number = 0
        while True:
            socket.send_multipart([sys.argv[2].encode(), b"%d" % number, b"x" * 1000, b"y"])
            number += 1
    """
    whole = """
        context = zmq.Context()
        socket = context.socket(zmq.PULL)
        socket.rcvtimeo = 30_000
        socket.connect(sys.argv[1])
        count, last = 0, {}
        while True:
            label, number, x, y = socket.recv_multipart()
            assert x == b"x" * 1000 and y == b"y"
            assert int(number) > last.get(label, -1), (label, number, last)
            last[label] = int(number)
            count += 1
            if count == 1000:
                print(sorted(label.decode() for label in last), flush=True)
                count, last = 0, last if sys.argv[2] == "keep" else {}
    """
    staying = children(whole, ends["out"][0], "keep")
    for round_ in range(3):
        sender, receiver = children(endless, ends["in"][0], f"sender {round_}"), children(whole, ends["out"][0], "keep")
        heard(receiver)
        heard(staying)
        # Which of the two goes first changes.
        for child in (sender, receiver)[:: 1 if round_ % 2 else -1]:
            child.kill()
            child.wait(LIMIT)
    last = children(endless, ends["in"][0], "the last")
    while "the last" not in heard(staying):
        pass
    last.kill()
    assert queue.launcher.is_alive() and not queue.done


def test_senders_in_threads_of_the_same_program(device, context, make_socket):
    """The queue in one thread, both ends in others of the same interpreter."""
    queue = device(ThreadMonitoredQueue, zmq.PULL, zmq.PUSH, mon_type=zmq.PUB)
    source, sink = make_socket(zmq.PUSH), make_socket(zmq.PULL)
    source.connect(queue.bound_endpoints["in"][0])
    sink.connect(queue.bound_endpoints["out"][0])
    count = MESSAGES // 4

    def send():
        for number in range(count):
            source.send(b"%d" % number)

    thread = threading.Thread(target=send)
    thread.start()
    assert [sink.recv() for _ in range(count)] == [b"%d" % number for number in range(count)]
    thread.join()
