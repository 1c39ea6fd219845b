"""Rows of asyncio: sender and receiver are tasks of one loop, over tcp."""

from __future__ import annotations

from importlib import import_module
from itertools import repeat

from . import row


class Ends:
    """Two connected sockets that are awaited, and the loop that they are awaited in."""

    def __init__(self, zmq, first, second):
        # It takes long to import, and the workers of all rows import this module.
        self.asyncio = import_module("asyncio")
        self.loop = self.asyncio.new_event_loop()
        self.context = import_module(f"{zmq.__name__}.asyncio").Context()
        self.a, self.b = self.context.socket(first), self.context.socket(second)
        for socket in (self.a, self.b):
            socket.linger = 0
        self.a.bind("tcp://127.0.0.1:*")
        self.b.connect(self.a.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode())

    def run(self, *coroutines):
        """Run coroutines beside each other to their ends."""

        async def together():
            await self.asyncio.gather(*coroutines)

        self.loop.run_until_complete(together())

    def close(self):
        self.a.close()
        self.b.close()
        self.context.term()
        self.loop.close()


async def again(n, function, *arguments):
    """Await a function n times."""
    for _ in repeat(None, n):
        await function(*arguments)


@row(
    "asyncio-stream-10",
    "messages of 10 B a second from one task to another over tcp, one asyncio loop, PUSH to PULL",
    "msg/s",
    least=2_000,
    stretch=3,
)
def stream(zmq):
    ends = Ends(zmq, zmq.PULL, zmq.PUSH)
    message = b"x" * 10

    def loop(n):
        ends.run(again(n, ends.a.recv), again(n, ends.b.send, message))

    yield loop
    ends.close()


@row(
    "asyncio-multipart-3",
    "the same with 3 parts of 10 B",
    "msg/s",
    least=2_000,
    stretch=3,
)
def multipart(zmq):
    ends = Ends(zmq, zmq.PULL, zmq.PUSH)
    message = [b"x" * 10] * 3

    def loop(n):
        ends.run(again(n, ends.a.recv_multipart), again(n, ends.b.send_multipart, message))

    yield loop
    ends.close()


@row(
    "asyncio-round-trip-10",
    "a whole round trip of 10 B between two tasks over tcp, one asyncio loop, REQ and REP",
    "us",
    least=100,
    stretch=3,
)
def round_trip(zmq):
    ends = Ends(zmq, zmq.REP, zmq.REQ)
    message = b"x" * 10

    async def serve(n):
        for _ in repeat(None, n):
            await ends.a.send(await ends.a.recv())

    async def ask(n):
        for _ in repeat(None, n):
            await ends.b.send(message)
            await ends.b.recv()

    def loop(n):
        ends.run(serve(n), ask(n))

    yield loop
    ends.close()
