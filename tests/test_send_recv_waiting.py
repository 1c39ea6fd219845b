"""Waiting in send and recv: time-outs, full queues, other threads, and what happens after a refusal."""

from __future__ import annotations

import threading

import pytest

import zmq_ctypes as zmq


def fill(socket: zmq.Socket) -> int:
    """Send until the queue is full and return how many went in."""
    count = 0
    while True:
        try:
            socket.send(b"%d" % count, zmq.DONTWAIT)
        except zmq.Again:
            return count
        count += 1


@pytest.fixture
def narrow(make_socket):
    """A PULL and a PUSH with room for few messages between them."""
    a, b = make_socket(zmq.PULL), make_socket(zmq.PUSH)
    a.hwm = b.hwm = 5
    a.bind("inproc://narrow")
    b.connect("inproc://narrow")
    return a, b


def background(act):
    """Run `act` in a thread; its error, if any, comes out of the returned ``join``."""
    errors = []

    def run():
        try:
            act()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def join():
        thread.join(60)
        assert not thread.is_alive()
        if errors:
            raise errors[0]

    return join


RECEIVERS = {
    "recv": lambda socket, flags=0: socket.recv(flags),
    "frame": lambda socket, flags=0: socket.recv(flags, copy=False),
    "multipart": lambda socket, flags=0: socket.recv_multipart(flags),
    "frames": lambda socket, flags=0: socket.recv_multipart(flags, copy=False),
    "into": lambda socket, flags=0: socket.recv_into(bytearray(10), flags=flags),
    "string": lambda socket, flags=0: socket.recv_string(flags),
    "json": lambda socket, flags=0: socket.recv_json(flags),
    "serialized": lambda socket, flags=0: socket.recv_serialized(list, flags),
}

SENDERS = {
    "send": lambda socket, flags=0: socket.send(b"0", flags),
    "large": lambda socket, flags=0: socket.send(b"0" * 100000, flags),
    "no copy": lambda socket, flags=0: socket.send(b"0", flags, copy=False),
    "large, no copy": lambda socket, flags=0: socket.send(b"0" * 100000, flags, copy=False),
    "frame": lambda socket, flags=0: socket.send(zmq.Frame(b"0"), flags),
    "multipart": lambda socket, flags=0: socket.send_multipart([b"0", b"0"], flags),
    "string": lambda socket, flags=0: socket.send_string("0", flags),
    "json": lambda socket, flags=0: socket.send_json(0, flags),
    "serialized": lambda socket, flags=0: socket.send_serialized(b"0", lambda data: [data], flags),
}


@pytest.mark.parametrize("way", RECEIVERS)
def test_nothing_to_receive(make_socket, way):
    socket = make_socket(zmq.PULL)
    for _ in range(3):
        with pytest.raises(zmq.Again) as caught:
            RECEIVERS[way](socket, zmq.DONTWAIT)
        assert caught.value.errno == zmq.EAGAIN


@pytest.mark.parametrize("way", SENDERS)
def test_nobody_to_send_to(make_socket, way):
    socket = make_socket(zmq.PUSH)
    for _ in range(3):
        with pytest.raises(zmq.Again) as caught:
            SENDERS[way](socket, zmq.DONTWAIT)
        assert caught.value.errno == zmq.EAGAIN


@pytest.mark.parametrize("way", RECEIVERS)
def test_rcvtimeo(make_socket, way):
    socket = make_socket(zmq.PULL)
    socket.rcvtimeo = 20
    with pytest.raises(zmq.Again):
        RECEIVERS[way](socket)


@pytest.mark.parametrize("way", SENDERS)
def test_sndtimeo(make_socket, way):
    socket = make_socket(zmq.PUSH)
    socket.sndtimeo = 20
    with pytest.raises(zmq.Again):
        SENDERS[way](socket)


@pytest.mark.parametrize("way", RECEIVERS)
def test_a_waiting_receiver_lets_other_threads_run(bound_pair, way):
    """The message comes from a thread of this process, so waiting with the interpreter's lock held would never end."""
    a, b = bound_pair(zmq.PULL, zmq.PUSH)
    go = threading.Event()

    def send():
        go.wait(30)
        threading.Event().wait(0.05)  # let the receiver get into its wait
        b.send(b"0")

    join = background(send)
    go.set()
    RECEIVERS[way](a)
    join()


@pytest.mark.parametrize("way", SENDERS)
def test_a_waiting_sender_lets_other_threads_run(narrow, way):
    a, b = narrow
    count = fill(b)
    go = threading.Event()

    def drain():
        go.wait(30)
        threading.Event().wait(0.05)
        for _ in range(count):
            a.recv()

    join = background(drain)
    go.set()
    SENDERS[way](b)
    join()
    assert a.recv()[:1] == b"0"


def test_the_high_water_mark_holds(narrow):
    a, b = narrow
    count = fill(b)
    assert 0 < count <= 10
    assert [int(a.recv()) for _ in range(count)] == list(range(count))
    with pytest.raises(zmq.Again):
        a.recv(zmq.DONTWAIT)


@pytest.mark.parametrize("way", SENDERS)
def test_after_a_refused_send_all_goes_on(narrow, way):
    a, b = narrow
    count = fill(b)
    for _ in range(3):
        with pytest.raises(zmq.Again):
            SENDERS[way](b, zmq.DONTWAIT)
    assert [int(a.recv()) for _ in range(count)] == list(range(count))
    SENDERS[way](b)
    assert a.recv_multipart()[0][:1] == b"0"
    with pytest.raises(zmq.Again):
        a.recv(zmq.DONTWAIT)


def test_a_refused_frame_can_be_sent_again(narrow):
    a, b = narrow
    count = fill(b)
    frame = zmq.Frame(b"kept")
    with pytest.raises(zmq.Again):
        b.send(frame, zmq.DONTWAIT)
    assert frame.bytes == b"kept"
    for _ in range(count):
        a.recv()
    b.send(frame)
    assert a.recv() == b"kept"


def test_a_refused_turn_changes_nothing(bound_pair):
    server, client = bound_pair(zmq.REP, zmq.REQ)
    with pytest.raises(zmq.ZMQError) as caught:
        server.send(b"too early")
    assert caught.value.errno == zmq.EFSM
    client.send(b"question")
    assert server.recv() == b"question"
    with pytest.raises(zmq.ZMQError) as caught:
        server.recv()
    assert caught.value.errno == zmq.EFSM
    server.send(b"answer")
    assert client.recv() == b"answer"


@pytest.mark.parametrize("way", RECEIVERS)
def test_the_end_of_the_context_wakes_a_receiver(way):
    context = zmq.Context()
    socket = context.socket(zmq.PULL)
    started = threading.Event()

    def end():
        started.wait(30)
        context.term()

    join = background(end)
    started.set()
    with pytest.raises(zmq.ContextTerminated):
        RECEIVERS[way](socket)
    with pytest.raises(zmq.ContextTerminated):
        RECEIVERS[way](socket, zmq.DONTWAIT)
    socket.close()
    join()
    assert context.closed


@pytest.mark.parametrize("way", SENDERS)
def test_the_end_of_the_context_wakes_a_sender(way):
    context = zmq.Context()
    socket = context.socket(zmq.PUSH)
    join = background(context.term)
    with pytest.raises(zmq.ContextTerminated):
        SENDERS[way](socket)
    with pytest.raises(zmq.ContextTerminated):
        SENDERS[way](socket, zmq.DONTWAIT)
    socket.close()
    join()
    assert context.closed


def test_many_threads_each_with_its_own_socket(context, make_socket):
    sink = make_socket(zmq.PULL)
    sink.bind("inproc://sink")

    def work(name):
        with context.socket(zmq.PUSH) as socket:
            socket.connect("inproc://sink")
            for number in range(300):
                socket.send(b"%d %d" % (name, number))

    joins = [background(lambda name=name: work(name)) for name in range(8)]
    got = [tuple(map(int, sink.recv().split())) for _ in range(8 * 300)]
    for join in joins:
        join()
    assert sorted(got) == [(name, number) for name in range(8) for number in range(300)]
    for name in range(8):
        assert [number for whose, number in got if whose == name] == list(range(300))


def test_a_socket_may_move_to_another_thread(bound_pair):
    a, b = bound_pair(zmq.PULL, zmq.PUSH)
    b.send(b"one")
    assert a.recv() == b"one"
    background(lambda: b.send(b"two"))()
    assert a.recv() == b"two"
    b.send(b"three")
    assert a.recv() == b"three"
