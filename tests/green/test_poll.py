"""Pollers and select that let others run, for green sockets, plain ones and file descriptors."""

from __future__ import annotations

import os
import socket as sockets
import sys
import time

import pytest

import zmq_ctypes as zmq

try:
    import gevent
except ImportError:
    pass  # the fixtures say so


@pytest.fixture
def pair(bound_pair):
    return bound_pair(zmq.DEALER, zmq.DEALER, "tcp", timeout=None)


@pytest.fixture
def poller(green):
    return green.Poller()


@pytest.fixture
def files():
    near, far = sockets.socketpair()
    yield near, far
    near.close()
    far.close()


def test_others_run_while_it_waits(poller, pair, spawn):
    one, other = pair
    poller.register(one, zmq.POLLIN)
    waiting = spawn(poller.poll)
    gevent.sleep(0)
    assert not waiting.ready()
    other.send(b"now")
    assert waiting.get() == [(one, zmq.POLLIN)]
    assert one.recv() == b"now"


def test_of_a_single_socket(pair, spawn):
    one, other = pair
    waiting = spawn(one.poll)
    gevent.sleep(0)
    other.send(b"")
    assert waiting.get() == zmq.POLLIN
    assert one.poll(0, zmq.POLLOUT) == zmq.POLLOUT
    assert other.poll(10) == 0


def test_time_limits(poller, pair):
    assert poller.poll() == []
    poller.register(pair[0], zmq.POLLIN)
    assert poller.poll(0) == []
    assert poller.poll(10) == []
    assert poller.poll(0.9) == []
    with pytest.raises(gevent.Timeout):
        with gevent.Timeout(0.02):
            poller.poll(None)
    with pytest.raises(TypeError, match="timeout"):
        poller.poll("1")


def test_a_file_descriptor(poller, files, spawn):
    near, far = files
    poller.register(near, zmq.POLLIN)
    poller.register(far.fileno(), zmq.POLLIN)
    waiting = spawn(poller.poll)
    gevent.sleep(0.01)
    assert not waiting.ready()
    near.send(b"x")
    assert waiting.get() == [(far.fileno(), zmq.POLLIN)]


def test_writing_to_a_file_descriptor(poller, files, spawn):
    near, far = files
    near.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            near.send(b"x" * 65536)
    poller.register(near, zmq.POLLOUT)
    waiting = spawn(poller.poll)
    gevent.sleep(0.01)
    assert not waiting.ready()
    far.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            far.recv(1 << 20)
    assert waiting.get() == [(near.fileno(), zmq.POLLOUT)]


@pytest.mark.skipif(sys.platform == "win32", reason="an error of a socket is something else on Windows")
def test_only_errors_of_a_file_descriptor(poller, spawn):
    reading, writing = os.pipe()
    poller.register(writing, zmq.POLLERR)
    waiting = spawn(poller.poll)
    gevent.sleep(0.01)
    assert not waiting.ready()
    os.close(reading)
    assert waiting.get() == [(writing, zmq.POLLERR)]
    os.close(writing)


def test_all_kinds_at_once(green, poller, pair, files, spawn):
    one, other = pair
    with zmq.Context() as context, context.socket(zmq.PULL) as pull, context.socket(zmq.PUSH) as push:
        push.bind("inproc://plain")
        pull.connect("inproc://plain")
        for thing in (one, pull, files[0]):
            poller.register(thing, zmq.POLLIN)
        for wake, thing in (
            (lambda: other.send(b"x"), one),
            (lambda: push.send(b"x"), pull),
            (lambda: files[1].send(b"x"), files[0].fileno()),
        ):
            waiting = spawn(poller.poll)
            gevent.sleep(0)
            wake()
            assert waiting.get() == [(thing, zmq.POLLIN)]
            if isinstance(thing, zmq.Socket):
                thing.recv()


def test_pollers_and_receivers_of_one_socket(poller, pair, spawn):
    one, other = pair
    poller.register(one, zmq.POLLIN)
    waiting = [spawn(poller.poll, 10_000) for _ in range(3)]
    gevent.sleep(0)
    other.send(b"x")
    assert [w.get() for w in waiting] == [[(one, zmq.POLLIN)]] * 3
    receiving = spawn(one.recv)
    assert receiving.get() == b"x"
    receiving = spawn(one.recv)
    polling = spawn(poller.poll, 50)
    gevent.sleep(0)
    other.send(b"y")
    assert receiving.get() == b"y"
    # It may have seen the message before it was received.
    assert polling.get() in ([], [(one, zmq.POLLIN)])


def test_looking_takes_no_wake_up_away(poller, pair, spawn):
    one, other = pair
    poller.register(one, zmq.POLLIN)
    waiting = spawn(poller.poll)
    gevent.sleep(0)
    other.send(b"x")
    time.sleep(0.05)
    one.get(zmq.EVENTS)
    assert waiting.get() == [(one, zmq.POLLIN)]


def test_a_closed_socket(poller, pair, spawn):
    one, _ = pair
    poller.register(one, zmq.POLLIN)

    def poll():
        with pytest.raises(zmq.ZMQError) as caught:
            poller.poll()
        return caught.value.errno

    waiting = spawn(poll)
    gevent.sleep(0)
    one.close()
    assert waiting.get() == zmq.ENOTSOCK
    assert poll() == zmq.ENOTSOCK


def test_what_cannot_be_polled(poller):
    poller.register(object())
    with pytest.raises(TypeError, match="0MQ socket"):
        poller.poll(0)


def test_select(green, pair, files, spawn):
    one, other = pair
    waiting = spawn(green.select, [one, files[0]], [], [])
    gevent.sleep(0)
    assert not waiting.ready()
    other.send(b"x")
    assert waiting.get() == ([one], [], [])
    assert green.select([one], [one], [], 1) == ([one], [one], [])
    assert green.select([other], [], [], 0.01) == ([], [], [])
    with pytest.raises(TypeError, match="timeout"):
        green.select([], [], [], "1")


def test_zmq_poll(green, pair, spawn):
    one, other = pair
    waiting = spawn(green.zmq_poll, [(one, zmq.POLLIN), (other, zmq.POLLIN)])
    gevent.sleep(0)
    assert not waiting.ready()
    one.send(b"x")
    assert waiting.get() == [(other, zmq.POLLIN)]
    assert green.zmq_poll([]) == []
    assert green.zmq_poll([(one, zmq.POLLIN), (one, zmq.POLLOUT)], 10) == [(one, zmq.POLLOUT)]


@pytest.mark.draft
@pytest.mark.filterwarnings("ignore::zmq_ctypes.error.DraftFDWarning")
def test_a_message_that_comes_before_a_thread_safe_socket_has_a_descriptor(poller, before_lending):
    with zmq.Context() as context, context.socket(zmq.SERVER) as server, context.socket(zmq.CLIENT) as client:
        server.bind("tcp://127.0.0.1:*")
        client.connect(server.last_endpoint.decode())
        before_lending(lambda: client.send(b"early"))
        poller.register(server, zmq.POLLIN)
        # A limit of its own would make it look once more.
        with gevent.Timeout(5):
            assert poller.poll() == [(server, zmq.POLLIN)]
