"""Proxies that let others run."""

from __future__ import annotations

import pytest

import zmq_ctypes as zmq

try:
    import gevent
except ImportError:
    pass  # the fixtures say so


@pytest.fixture
def ends(make_socket):
    """A frontend and a backend with a client and a server."""
    front, back = make_socket(zmq.ROUTER, timeout=None), make_socket(zmq.DEALER, timeout=None)
    client, server = make_socket(zmq.REQ), make_socket(zmq.REP)
    for name, (bound, connected) in {"front": (front, client), "back": (back, server)}.items():
        bound.bind(f"inproc://{name}")
        connected.connect(f"inproc://{name}")
    return front, back, client, server


def serve(server):
    while True:
        server.send(server.recv().upper())


def test_both_ways(green, ends, make_socket, spawn):
    front, back, client, server = ends
    capture, seen = make_socket(zmq.PUSH), make_socket(zmq.PULL)
    capture.bind("inproc://capture")
    seen.connect("inproc://capture")
    passing = spawn(green.proxy, front, back, capture)
    serving = spawn(serve, server)
    for i in range(250):
        client.send(b"message %d" % i)
        assert client.recv() == b"MESSAGE %d" % i
    assert [parts[-1] for parts in (seen.recv_multipart(), seen.recv_multipart())] == [b"message 0", b"MESSAGE 0"]
    gevent.killall([passing, serving])


def test_an_older_name(green, ends, spawn):
    front, back, client, server = ends
    passing = spawn(green.device, zmq.QUEUE, front, back)
    serving = spawn(serve, server)
    client.send(b"message")
    assert client.recv() == b"MESSAGE"
    gevent.killall([passing, serving])


def test_one_socket_at_both_ends(green, bound_pair, spawn):
    echo, client = bound_pair(zmq.DEALER, zmq.DEALER)
    passing = spawn(green.device, zmq.QUEUE, echo, -1)
    for i in range(3):
        client.send_multipart([b"a", b"%d" % i])
        assert client.recv_multipart() == [b"a", b"%d" % i]
    passing.kill()


def test_neither_direction_waits_for_the_other(green, make_socket, spawn):
    front, back = (make_socket(zmq.PAIR, timeout=None, sndhwm=1, rcvhwm=1) for _ in range(2))
    near, far = (make_socket(zmq.PAIR, sndhwm=1, rcvhwm=1) for _ in range(2))
    for name, (bound, connected) in {"front": (front, near), "back": (back, far)}.items():
        bound.bind(f"inproc://{name}")
        connected.connect(f"inproc://{name}")
    passing = spawn(green.proxy, front, back)
    # Nobody receives at the far end, so this direction comes to a stop ...
    near.sndtimeo = 50
    with pytest.raises(zmq.Again):
        while True:
            near.send(b"there")
    # ... and that one goes on.
    for _ in range(20):
        far.send(b"back")
        assert near.recv() == b"back"
    passing.kill()


def test_ending_it_loses_no_message(green, bound_pair, spawn):
    push, front = bound_pair(zmq.PUSH, zmq.PULL)
    back, pull = bound_pair(zmq.PUSH, zmq.PULL, sndhwm=1, rcvhwm=1)
    for i in range(100):
        push.send(b"%d" % i)
    got = []
    while len(got) < 100:
        passing = spawn(green.proxy, front, back)
        gevent.sleep(0)
        got.append(pull.recv())
        passing.kill()
    assert got == [b"%d" % i for i in range(100)]


def test_the_end_of_the_context(green, spawn):
    context = green.Context()
    front, back = context.socket(zmq.PULL), context.socket(zmq.PUSH)

    def run():
        with pytest.raises(zmq.ContextTerminated):
            green.proxy(front, back)
        front.close()
        back.close()

    passing = spawn(run)
    gevent.sleep(0)
    context.term()
    passing.get()


def test_a_closed_socket(green, make_socket, spawn):
    front, back = make_socket(zmq.PULL), make_socket(zmq.PUSH)

    def run():
        with pytest.raises(zmq.ZMQError) as caught:
            green.proxy(front, back)
        return caught.value.errno

    passing = spawn(run)
    gevent.sleep(0)
    front.close()
    assert passing.get() in (zmq.ENOTSOCK, zmq.ENOTSUP)
    assert run() == zmq.ENOTSOCK


def test_what_is_no_green_socket(green, make_socket):
    front = make_socket(zmq.PULL)
    with zmq.Context() as context, context.socket(zmq.PUSH) as plain:
        with pytest.raises(TypeError, match="backend: expected a green Socket, got: Socket"):
            green.proxy(front, plain)
        with pytest.raises(TypeError, match="frontend"):
            green.proxy(plain, front)
        with pytest.raises(TypeError, match="capture"):
            green.proxy(front, front, plain)
    with pytest.raises(TypeError, match="backend"):
        green.device(zmq.QUEUE, front, 7)
