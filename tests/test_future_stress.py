"""No wake-up is missed and no message lost: many sockets, tasks, both directions, cancellations and time-outs at random.

Every message is received exactly once.  Whoever cancels a send that waits may send the message again, since it was not
sent; whoever cancels a receive finds the message with the next one.

The patient ones wait without limit for what has to come, so that a wake-up that is missed hangs the test.  The hasty ones
give up and come again.
"""

from __future__ import annotations

import asyncio
import random
import sys

import pytest
from support import MESSAGES as WANTED
from support import need, stressed

import zmq_ctypes as zmq
import zmq_ctypes.asyncio as zmq_asyncio

#: Messages of one run; ten thousand find a fault that a million would find, most of the time.
USUAL = 12_000
#: In both directions of all links together; `ZMQ_CTYPES_TEST_MESSAGES` says how many.
MESSAGES = WANTED or USUAL
LINKS = 6
SENDERS = 2
RECEIVERS = 3
#: Messages that wait for each peer: few, so that sends wait as well.
HIGH_WATER = 20
#: Seconds within which the last messages come.
PATIENCE = stressed(50, USUAL)


def asyncio_loop():
    return asyncio.SelectorEventLoop() if hasattr(asyncio, "ProactorEventLoop") else asyncio.new_event_loop()


def uvloop_loop():
    try:
        import uvloop
    except ImportError:
        need(False, "uvloop, where it has wheels")
    return uvloop.new_event_loop()


has_uvloop = sys.platform != "win32" and sys.implementation.name == "cpython"
LOOPS = [asyncio_loop, *([uvloop_loop] if has_uvloop else [])]


class Direction:
    """What goes one way over one connection."""

    def __init__(self, name, source, target, count, rng, manner):
        self.source, self.target, self.rng = source, target, rng
        self.expected = [b"%s %d" % (name, number) for number in range(count)]
        self.to_send = self.expected[::-1]
        self.received = []
        self.complete = asyncio.Event()
        self.send_ways = [getattr(self, f"{way}_send") for way in SENDS[manner]]
        self.recv_ways = [getattr(self, f"{way}_recv") for way in RECVS[manner]]

    async def send(self):
        while self.to_send:
            message = self.to_send.pop()
            while not await self.rng.choice(self.send_ways)(message):
                await asyncio.sleep(0)

    async def plain_send(self, message):
        await self.source.send(message)
        return True

    async def multipart_send(self, message):
        await self.source.send_multipart([message])
        return True

    async def waited_send(self, message):
        future = self.source.send_string(message.decode())
        await asyncio.wait([future])
        future.result()
        return True

    async def cancelled_send(self, message):
        return await cancelled(lambda: self.source.send(message), self.rng) is not CANCELLED

    async def limited_send(self, message):
        try:
            await asyncio.wait_for(self.source.send(message), self.rng.random() / 1000)
        except asyncio.TimeoutError:
            return False
        return True

    async def receive(self):
        while len(self.received) < len(self.expected):
            message = await self.rng.choice(self.recv_ways)()
            if message is not None:
                self.received.append(message)
        self.complete.set()

    async def plain_recv(self):
        return await self.target.recv()

    async def string_recv(self):
        return (await self.target.recv_string()).encode()

    async def multipart_recv(self):
        (message,) = await self.target.recv_multipart()
        return message

    async def gathered_recv(self):
        ((frame,),) = await asyncio.gather(self.target.recv_multipart(copy=False))
        return frame.bytes

    async def polled_recv(self, timeout=None):
        if await self.target.poll(timeout):
            try:
                return await self.target.recv(zmq.DONTWAIT)
            except zmq.Again:
                pass
        return None

    async def briefly_polled_recv(self):
        return await self.polled_recv(self.rng.randrange(3))

    async def cancelled_recv(self):
        result = await cancelled(self.target.recv, self.rng)
        return None if result is CANCELLED else result

    async def limited_recv(self):
        try:
            return await asyncio.wait_for(self.target.recv(), self.rng.random() / 1000)
        except asyncio.TimeoutError:
            return None

    async def waited_recv(self):
        future = self.target.recv()
        try:
            await asyncio.wait([future], timeout=self.rng.random() / 1000)
        finally:
            gone = future.cancel()
        return None if gone else future.result()


PATIENT = ["plain", "plain", "multipart"]
SENDS = {"patient": [*PATIENT, "waited"], "hasty": [*PATIENT, "waited", "cancelled", "limited"]}
RECVS = {
    "patient": [*PATIENT, "string", "polled", "gathered"],
    "hasty": [*PATIENT, "string", "polled", "gathered", "cancelled", "limited", "waited", "briefly_polled"],
}
CANCELLED = object()


async def cancelled(call, rng):
    """What a task gets that awaits a call, and is cancelled some time."""

    async def wait():
        return await call()

    task = asyncio.ensure_future(wait())
    pause = rng.choice([0, 0, 1, 2, 3, None])
    try:
        if pause is None:
            await asyncio.sleep(rng.random() / 2000)
        for _ in range(pause or 0):
            await asyncio.sleep(0)
    finally:
        task.cancel()
    try:
        return await task
    except asyncio.CancelledError:
        return CANCELLED


async def storm(transports, manner, messages, seed):
    rng = random.Random(seed)
    context = zmq_asyncio.Context()
    directions = []
    for link in range(LINKS):
        ends = [context.socket(zmq.DEALER) for _ in range(2)]
        for end in ends:
            end.sndhwm = end.rcvhwm = HIGH_WATER
        ends[0].bind("tcp://127.0.0.1:*" if transports[link % len(transports)] == "tcp" else f"inproc://{link}")
        ends[1].connect(ends[0].last_endpoint.rstrip(b"\0").decode())
        for name, source, target in ((b"there", *ends), (b"back", *reversed(ends))):
            count = messages // (2 * LINKS)
            directions.append(Direction(b"%d %s" % (link, name), source, target, count, rng, manner))
    tasks = []
    try:
        senders = [asyncio.ensure_future(way.send()) for way in directions for _ in range(SENDERS)]
        receivers = [asyncio.ensure_future(way.receive()) for way in directions for _ in range(RECEIVERS)]
        completions = [asyncio.ensure_future(way.complete.wait()) for way in directions]
        tasks = [*senders, *receivers, *completions]
        done, _ = await asyncio.wait([*senders, *completions], timeout=PATIENCE)
        missing = [len(way.expected) - len(way.received) for way in directions]
        assert len(done) == len(senders) + len(completions), (missing, [len(way.to_send) for way in directions])
        await asyncio.gather(*senders)
        for task in receivers:
            task.cancel()
        for outcome in await asyncio.gather(*receivers, return_exceptions=True):
            assert outcome is None or isinstance(outcome, asyncio.CancelledError), repr(outcome)
        for way in directions:
            # One that came twice would still be on its way.
            while await way.target.poll(5):
                way.received.append(await way.target.recv())
            assert sorted(way.received) == sorted(way.expected)
            assert not way.target._traffic.receivers and not way.source._traffic.senders
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        context.destroy(linger=0)


@pytest.mark.timeout(stressed(100, USUAL))
@pytest.mark.parametrize("make_loop", LOOPS)
@pytest.mark.parametrize("manner", ["patient", "hasty"])
@pytest.mark.parametrize("transports", [["tcp"], ["inproc"]], ids=["tcp", "inproc"])
def test_every_message_is_received_exactly_once(make_loop, manner, transports):
    seed = random.randrange(1 << 30)
    print("seed", seed)
    loop = make_loop()
    asyncio.set_event_loop(loop)
    try:
        loop.run_until_complete(storm(transports, manner, MESSAGES, seed))
    finally:
        asyncio.set_event_loop(None)
        loop.close()
