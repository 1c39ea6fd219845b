"""Thread-safe sockets, which are drafts, in an event loop: their file descriptor is lent by a poller of libzmq."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

import zmq_ctypes as zmq
import zmq_ctypes.asyncio as zmq_asyncio

pytestmark = [pytest.mark.draft, pytest.mark.filterwarnings("ignore::zmq_ctypes.error.DraftFDWarning")]

ROUNDS = 300


async def talk():
    with zmq_asyncio.Context() as context:
        with context.socket(zmq.SERVER) as server, context.socket(zmq.CLIENT) as client:
            server.bind("tcp://127.0.0.1:*")
            client.connect(server.last_endpoint.decode())

            async def serve(rounds):
                for _ in range(rounds):
                    frame = await server.recv(copy=False)
                    await server.send(frame.bytes, routing_id=frame.routing_id)

            serving = asyncio.ensure_future(serve(ROUNDS))
            for number in range(ROUNDS):
                await client.send(b"%d" % number)
                assert await client.recv() == b"%d" % number
            await serving
            assert await client.poll(5) == 0 and await client.poll(5, zmq.POLLOUT) == zmq.POLLOUT
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(server.recv(), 0.01)
            poller = zmq_asyncio.Poller()
            poller.register(client, zmq.POLLIN)
            assert await poller.poll(5) == []
            waiting = asyncio.ensure_future(poller.poll())
            serving = asyncio.ensure_future(serve(1))
            await client.send(b"x")
            assert await waiting == [(client, zmq.POLLIN)]
            await serving
            waiting = [client.recv(), client.recv(), client.poll(None, zmq.POLLERR)]
            client.close()
            assert [future.cancelled() for future in waiting] == [False, True, True]


def test_thread_safe_sockets():
    loop = asyncio.SelectorEventLoop()
    try:
        loop.run_until_complete(asyncio.wait_for(talk(), 30))
    finally:
        loop.close()


async def wait_late(act):
    with zmq_asyncio.Context() as context:
        with context.socket(zmq.SERVER) as server, context.socket(zmq.CLIENT) as client:
            server.bind("tcp://127.0.0.1:*")
            client.connect(server.last_endpoint.decode())
            act(partial(zmq.Socket(client).send, b"early", zmq.DONTWAIT))
            return await server.recv()


def test_a_message_that_comes_before_there_is_a_descriptor(before_lending):
    loop = asyncio.SelectorEventLoop()
    try:
        assert loop.run_until_complete(asyncio.wait_for(wait_late(before_lending), 5)) == b"early"
    finally:
        loop.close()
