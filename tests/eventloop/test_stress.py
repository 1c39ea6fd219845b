"""No wake-up is missed in tornado's loop: many streams and awaited sockets, both directions, random cancelling.

`ROUNDS` is what a suite has time for; ZMQ_CTYPES_TEST_MESSAGES says another number, and `python tests/eventloop/test_stress.py 1000000`
runs as many messages as it is told.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys

#: Messages in all.
ROUNDS = 20_000
PAIRS = 5


def addresses(transport):
    return lambda pair: "tcp://127.0.0.1:*" if transport == "tcp" else f"inproc://stress-{pair}"


async def progress(count, wanted):
    """Wait until so many messages have come; nothing for ten seconds means that one never will."""
    last, stuck = None, 0
    while count() < wanted:
        await asyncio.sleep(0.05)
        stuck = stuck + 1 if count() == last else 0
        last = count()
        assert stuck < 200, (last, wanted)


async def streams(rounds, seed, transport):
    """Tokens that go to and fro between streams which stop, flush and raise now and then."""
    import zmq_ctypes as zmq
    from zmq_ctypes.eventloop.zmqstream import ZMQStream

    chance = random.Random(seed)
    context = zmq.Context()
    loop = asyncio.get_running_loop()
    ends, seen = [], []

    class Odd(Exception):
        pass

    def ignore(loop, context):
        if not isinstance(context.get("exception"), Odd):
            loop.default_exception_handler(context)

    loop.set_exception_handler(ignore)

    def receive(stream, message):
        seen.append(message[0])
        choice = chance.random()
        if choice < 0.6:
            stream.send_multipart(message)
        elif choice < 0.8:
            loop.call_soon(stream.send_multipart, message)
        elif choice < 0.9:
            stream.send_multipart(message)
            stream.flush(chance.choice((zmq.POLLIN, zmq.POLLOUT, zmq.POLLIN | zmq.POLLOUT)), chance.choice((None, 1, 2)))
        elif choice < 0.95:
            stream.stop_on_recv()
            loop.call_later(chance.random() * 0.002, stream.on_recv_stream, receive)
            stream.send_multipart(message)
        else:
            stream.send_multipart(message)
            raise Odd

    for pair in range(PAIRS):
        one, other = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
        for socket in (one, other):
            socket.sndhwm = socket.rcvhwm = chance.choice((2, 10, 1000))
        one.bind(addresses(transport)(pair))
        other.connect(one.last_endpoint.rstrip(b"\0"))
        for socket in (one, other):
            stream = ZMQStream(socket)
            ends.append(stream)
            stream.on_recv_stream(receive)
            for token in range(pair + 1):
                stream.send_multipart([b"%d" % token, b"x" * chance.randrange(100)])
    await progress(lambda: len(seen), rounds)
    for stream in ends:
        stream.close(0)
    context.term()
    return len(seen)


async def awaited(rounds, seed, transport):
    """Coroutines that are cancelled, and time out, while they send and receive; everything arrives exactly once."""
    import zmq_ctypes as zmq
    from zmq_ctypes.eventloop import future

    chance = random.Random(seed)
    context = future.Context()
    each = rounds // (2 * PAIRS)
    ends, tasks, got = [], [], []

    async def send_all(socket):
        for number in range(each):
            message = [b"%d" % number, b"more"] if number % 2 else [b"%d" % number]
            while True:
                sending = asyncio.ensure_future(_sent(socket, message))
                done, _ = await asyncio.wait([sending], timeout=chance.choice((None, None, 0.002)))
                if not done:
                    sending.cancel()
                try:
                    await sending
                except (asyncio.CancelledError, future.CancelledError, zmq.Again):
                    continue
                break

    async def _sent(socket, message):
        await socket.send_multipart(message)

    async def _received(socket):
        return await socket.recv_multipart()

    async def receive_all(socket, into):
        while len(into) < each:
            choice = chance.random()
            if choice < 0.1 and not await socket.poll(chance.randrange(5)):
                continue
            receiving = asyncio.ensure_future(_received(socket))
            done, _ = await asyncio.wait([receiving], timeout=chance.choice((None, None, None, 0.002)))
            if not done:
                receiving.cancel()
            try:
                into.append(int((await receiving)[0]))
            except (asyncio.CancelledError, future.CancelledError, zmq.Again):
                pass

    for pair in range(PAIRS):
        one, other = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
        for socket in (one, other):
            socket.sndhwm = socket.rcvhwm = chance.choice((2, 10, 1000))
            if pair % 2:
                socket.rcvtimeo = socket.sndtimeo = 15
        one.bind(addresses(transport)(pair))
        other.connect(one.last_endpoint.rstrip(b"\0"))
        ends += [one, other]
        for socket in (one, other):
            got.append([])
            tasks.append(asyncio.ensure_future(receive_all(socket, got[-1])))
            tasks.append(asyncio.ensure_future(send_all(socket)))
    await progress(lambda: sum(map(len, got)), each * 2 * PAIRS)
    await asyncio.gather(*tasks)
    for numbers in got:
        assert numbers == list(range(each))
    for socket in ends:
        socket.close(0)
    context.term()
    return each * 2 * PAIRS


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    import logging
    import time

    logging.getLogger("tornado.general").disabled = logging.getLogger("tornado.application").disabled = True
    rounds, seed, transport = int(sys.argv[1]), int((sys.argv[2:] or [1])[0]), (sys.argv[3:] or ["tcp"])[0]
    for test in (streams, awaited):
        began = time.monotonic()
        print(test.__name__, asyncio.run(test(rounds, seed, transport)), time.monotonic() - began, flush=True)
else:
    import pytest
    from support import MESSAGES, stressed

    pytestmark = pytest.mark.timeout(stressed(60, ROUNDS))
    ROUNDS = MESSAGES or ROUNDS

    @pytest.fixture
    def quiet(monkeypatch, messages):
        import logging

        for name in ("tornado.general", "tornado.application"):
            monkeypatch.setattr(logging.getLogger(name), "disabled", True)

    @pytest.mark.parametrize("transport", ("tcp", "inproc"))
    def test_streams(transport, quiet):
        assert asyncio.run(streams(ROUNDS, 1, transport)) >= ROUNDS

    @pytest.mark.parametrize("transport", ("tcp", "inproc"))
    def test_awaited(transport, quiet):
        assert asyncio.run(awaited(ROUNDS, 2, transport)) == ROUNDS
