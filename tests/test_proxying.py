"""Proxies: what goes through, how they end, and what they refuse."""

from __future__ import annotations

import sys
import threading

import pytest
from children import check
from support import need, terminate

import zmq_ctypes as zmq

LIMIT = 20


class Running:
    """A proxy in a thread; its sockets belong to that thread once it runs."""

    def __init__(self, function, *sockets):
        self.outcome = []
        self.sockets = [socket for socket in sockets if isinstance(socket, zmq.Socket)]
        self.thread = threading.Thread(target=self.run, args=(function, *sockets))
        self.thread.start()

    def run(self, function, *sockets):
        try:
            self.outcome.append(function(*sockets))
        except BaseException as error:
            self.outcome.append(error)
        for socket in self.sockets:
            socket.close(0)

    def end(self):
        self.thread.join(LIMIT)
        assert not self.thread.is_alive()
        return self.outcome[0]


@pytest.fixture
def ends():
    """A context whose ends the test uses, and whose proxy ends with it."""
    context = zmq.Context()
    running, made = [], []

    def make(kind, bind=None, connect=None):
        socket = context.socket(kind)
        made.append(socket)
        socket.linger = 0
        if bind:
            socket.bind(f"inproc://{bind}")
        if connect:
            socket.rcvtimeo = 1000 * LIMIT
            socket.connect(f"inproc://{connect}")
        return socket

    def run(function, *sockets):
        for socket in sockets:
            if isinstance(socket, zmq.Socket):
                made.remove(socket)
        running.append(Running(function, *sockets))
        return running[-1]

    def term():
        for socket in made:
            socket.close()
        terminate(context, LIMIT)

    yield make, run, term
    term()
    for proxy in running:
        proxy.thread.join(LIMIT)


def test_both_directions_and_the_end(ends):
    make, run, term = ends
    front, back = make(zmq.ROUTER, bind="front"), make(zmq.DEALER, bind="back")
    client, worker = make(zmq.REQ, connect="front"), make(zmq.REP, connect="back")
    proxy = run(zmq.proxy, front, back)
    client.send(b"question")
    assert worker.recv() == b"question"
    worker.send_multipart([b"an", b"answer"])
    assert client.recv_multipart() == [b"an", b"answer"]
    term()
    assert isinstance(proxy.end(), zmq.ContextTerminated)


@pytest.mark.parametrize("run_it", [zmq.proxy, lambda a, b, c: zmq.proxy_steerable(a, b, c)])
def test_capture(ends, run_it):
    make, run, term = ends
    front, back, capture = make(zmq.PULL, bind="front"), make(zmq.PUSH, bind="back"), make(zmq.PUSH, bind="capture")
    source, sink, seen = make(zmq.PUSH, connect="front"), make(zmq.PULL, connect="back"), make(zmq.PULL, connect="capture")
    proxy = run(run_it, front, back, capture)
    source.send_multipart([b"a", b"message"])
    assert sink.recv_multipart() == seen.recv_multipart() == [b"a", b"message"]
    term()
    assert isinstance(proxy.end(), zmq.ContextTerminated)


def test_the_older_name(ends):
    make, run, term = ends
    front, back = make(zmq.PULL, bind="front"), make(zmq.PUSH, bind="back")
    source, sink = make(zmq.PUSH, connect="front"), make(zmq.PULL, connect="back")
    device = run(zmq.device, zmq.STREAMER, front, back)
    source.send(b"there")
    assert sink.recv() == b"there"
    term()
    assert isinstance(device.end(), zmq.ContextTerminated)


@pytest.fixture
def steered(ends):
    make, run, _ = ends
    front, back, control = make(zmq.PULL, bind="front"), make(zmq.PUSH, bind="back"), make(zmq.PAIR, bind="control")
    source, sink, command = make(zmq.PUSH, connect="front"), make(zmq.PULL, connect="back"), make(zmq.PAIR, connect="control")
    return run(zmq.proxy_steerable, front, back, None, control), source, sink, command


def test_terminate(steered):
    proxy, source, sink, command = steered
    source.send(b"there")
    assert sink.recv() == b"there"
    command.send(b"TERMINATE")
    assert proxy.end() == 0


def test_pause_and_resume(steered):
    proxy, source, sink, command = steered
    command.send(b"PAUSE")
    command.send(b"RESUME")
    source.send(b"there")
    assert sink.recv() == b"there"
    command.send(b"TERMINATE")
    assert proxy.end() == 0


@pytest.mark.parametrize("thing", [None, 5, "socket", object()])
def test_what_is_no_socket(make_socket, thing):
    socket = make_socket(zmq.PULL)
    for function in (zmq.proxy, zmq.proxy_steerable):
        with pytest.raises(TypeError, match="frontend: expected a Socket"):
            function(thing, socket)
        with pytest.raises(TypeError, match="backend: expected a Socket"):
            function(socket, thing)
        if thing is not None:
            with pytest.raises(TypeError, match="capture: expected a Socket"):
                function(socket, socket, thing)
    if thing is not None:
        with pytest.raises(TypeError, match="control: expected a Socket"):
            zmq.proxy_steerable(socket, socket, None, thing)
    with pytest.raises(TypeError, match="backend: expected a Socket"):
        zmq.device(zmq.QUEUE, socket, thing)


@pytest.mark.parametrize("place", range(4))
def test_closed_sockets(make_socket, place):
    sockets = [make_socket(zmq.PULL) for _ in range(4)]
    sockets[place].close()
    with pytest.raises(zmq.ZMQError, match="closed") as caught:
        zmq.proxy_steerable(*sockets)
    assert caught.value.errno == zmq.ENOTSOCK
    if place < 3:
        with pytest.raises(zmq.ZMQError) as caught:
            zmq.proxy(*sockets[:3])
        assert caught.value.errno == zmq.ENOTSOCK


def test_signals():
    """A handler that returns lets the proxy go on; one that raises ends it."""
    need(sys.platform != "win32", "signals")
    out = check(
        """
        import signal, threading, time
        ctx = zmq.Context()
        front, back = ctx.socket(zmq.PULL), ctx.socket(zmq.PUSH)
        front.bind("inproc://front")
        back.bind("inproc://back")
        source, sink = ctx.socket(zmq.PUSH), ctx.socket(zmq.PULL)
        source.connect("inproc://front")
        sink.connect("inproc://back")
        sink.rcvtimeo = 20_000
        count, fatal, ended = [], [], []
        def handler(*args):
            count.append(1)
            if fatal and not ended:
                ended.append(1)
                raise ZeroDivisionError
        signal.signal(signal.SIGUSR1, handler)
        def interrupt(until):
            # One that comes while the proxy passes on a message interrupts nothing.
            while not until:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
                time.sleep(0.01)
        def drive():
            source.send(b"there")
            assert sink.recv() == b"there"
            interrupt(count)
            source.send(b"still there")
            print(sink.recv().decode(), flush=True)
            fatal.append(1)
            interrupt(ended)
        thread = threading.Thread(target=drive)
        thread.start()
        try:
            zmq.proxy(front, back)
        except ZeroDivisionError:
            print("ended")
        thread.join(20)
        ctx.destroy(0)
        """
    )
    assert out.splitlines() == ["still there", "ended"]
