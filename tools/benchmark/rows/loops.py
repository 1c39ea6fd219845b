"""Rows of event loops other than asyncio: tornado's streams, and gevent.

Both ends are in one process and one thread, over tcp: what is measured is how much the loop adds to each message.
"""

from __future__ import annotations

import importlib

from . import row


class Connected:
    """Two connected sockets over tcp, without any limit of what waits."""

    def __init__(self, context, bound, connected):
        self.context = context
        self.sockets = [context.socket(kind) for kind in (bound, connected)]
        for socket in self.sockets:
            socket.linger = socket.sndhwm = socket.rcvhwm = 0
        self.sockets[0].bind("tcp://127.0.0.1:*")
        self.sockets[1].connect(self.sockets[0].last_endpoint.rstrip(b"\0").decode())

    def close(self):
        for socket in self.sockets:
            socket.close()
        self.context.term()


class Streams:
    """Two connected streams and the loop that they are in."""

    def __init__(self, zmq, bound, connected):
        ioloop = importlib.import_module("tornado.ioloop")
        zmqstream = importlib.import_module(f"{zmq.__name__}.eventloop.zmqstream")
        self.loop = ioloop.IOLoop(make_current=False)
        self.pair = Connected(zmq.Context(), bound, connected)
        self.near, self.far = (zmqstream.ZMQStream(socket, self.loop) for socket in self.pair.sockets)

    def run(self):
        self.loop.start()

    def close(self):
        self.near.close()
        self.far.close()
        self.pair.close()
        self.loop.close()


@row(
    "stream-10",
    "messages of 10 B a second from one ZMQStream to another in one loop, over tcp",
    "msg/s",
    least=2_000,
    packages=("tornado",),
)
def stream(zmq):
    streams = Streams(zmq, zmq.PUSH, zmq.PULL)
    send, message = streams.near.send, b"x" * 10
    left = [0]

    def receive(parts):
        left[0] -= 1
        if not left[0]:
            streams.loop.stop()

    streams.far.on_recv(receive)

    def loop(n):
        left[0] = n
        for _ in range(n):
            send(message)
        streams.run()

    yield loop
    streams.close()


@row(
    "stream-round-trip",
    "round trip of 10 B between two ZMQStreams in one loop, over tcp",
    "us",
    least=200,
    packages=("tornado",),
)
def stream_round_trip(zmq):
    streams = Streams(zmq, zmq.REQ, zmq.REP)
    left = [0]

    def receive(parts):
        left[0] -= 1
        if left[0]:
            streams.near.send_multipart(parts)
        else:
            streams.loop.stop()

    streams.near.on_recv(receive)
    streams.far.on_recv(streams.far.send_multipart)

    def loop(n):
        left[0] = n
        streams.near.send(b"x" * 10)
        streams.run()

    yield loop
    streams.close()


class Greenlets:
    """Two connected green sockets."""

    def __init__(self, zmq, bound, connected):
        self.spawn = importlib.import_module("gevent").spawn
        green = importlib.import_module(f"{zmq.__name__}.green")
        self.pair = Connected(green.Context(), bound, connected)
        self.near, self.far = self.pair.sockets

    def close(self):
        self.pair.close()


@row(
    "green-10",
    "messages of 10 B a second from one greenlet to another, over tcp",
    "msg/s",
    least=2_000,
    packages=("gevent",),
)
def green(zmq):
    greenlets = Greenlets(zmq, zmq.PUSH, zmq.PULL)
    send, recv, message = greenlets.near.send, greenlets.far.recv, b"x" * 10

    def send_all(n):
        for _ in range(n):
            send(message)

    def loop(n):
        sending = greenlets.spawn(send_all, n)
        for _ in range(n):
            recv()
        sending.get()

    yield loop
    greenlets.close()


@row(
    "green-round-trip",
    "round trip of 10 B between two greenlets, over tcp",
    "us",
    least=200,
    packages=("gevent",),
)
def green_round_trip(zmq):
    greenlets = Greenlets(zmq, zmq.REQ, zmq.REP)
    near, far, message = greenlets.near, greenlets.far, b"x" * 10

    def serve(n):
        for _ in range(n):
            far.send(far.recv())

    def loop(n):
        serving = greenlets.spawn(serve, n)
        for _ in range(n):
            near.send(message)
            near.recv()
        serving.get()

    yield loop
    greenlets.close()
