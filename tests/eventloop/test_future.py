"""tornado's Context, Socket and Poller: awaited in native coroutines and in those of tornado.gen."""

from __future__ import annotations

import asyncio
import gc
from datetime import timedelta

import pytest

import zmq_ctypes as zmq

try:
    from tornado import gen
    from tornado.ioloop import IOLoop

    from zmq_ctypes.eventloop import future
except ImportError:
    pass  # the fixtures say so


@pytest.fixture
def context():
    made = future.Context()
    yield made
    made.destroy(linger=0)


@pytest.fixture
def pair(context):
    one, other = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    one.bind("tcp://127.0.0.1:*")
    other.connect(one.last_endpoint.rstrip(b"\0"))
    return one, other


def test_native_coroutines(pair, run):
    async def main():
        one, other = pair
        waiting = asyncio.ensure_future(one.recv_multipart())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        await other.send_multipart([b"a", b"b"])
        assert await waiting == [b"a", b"b"]
        await other.send_json({"a": 1})
        assert await one.recv_json() == {"a": 1}
        await other.send_string("é")
        assert await one.recv_string() == "é"
        assert await one.poll(10) == 0
        await other.send(b"x", copy=False)
        assert await one.poll() == zmq.POLLIN
        assert (await one.recv(copy=False)).bytes == b"x"

    run(main())


def test_coroutines_of_tornado(pair):
    one, other = pair

    @gen.coroutine
    def echo():
        for _ in range(20):
            message = yield one.recv_multipart()
            yield one.send_multipart(message)

    @gen.coroutine
    def main():
        echoing = echo()
        for i in range(20):
            yield other.send_multipart([b"%d" % i, b"x"])
            answer = yield other.recv_multipart()
            assert answer == [b"%d" % i, b"x"]
        yield echoing
        both = yield [other.send(b"a"), one.recv()]
        assert both == [None, b"a"]
        return "ended"

    loop = IOLoop(make_current=False)
    assert loop.run_sync(main, timeout=30) == "ended"
    loop.close()


def test_time_limits(pair, run):
    async def main():
        one, _ = pair
        one.rcvtimeo = 10
        with pytest.raises(zmq.Again):
            await one.recv()
        one.rcvtimeo = -1
        with pytest.raises(gen.TimeoutError):
            await gen.with_timeout(timedelta(milliseconds=10), one.recv(), quiet_exceptions=Exception)

    run(main())


def test_cancelling_is_an_ordinary_exception(pair, run):
    async def main():
        one, other = pair
        waiting = one.recv()
        assert waiting.cancel() and waiting.cancelled() and waiting.done()
        assert not waiting.cancel()
        with pytest.raises(future.CancelledError):
            await waiting
        assert issubclass(future.CancelledError, Exception)
        await other.send(b"kept")
        assert await one.recv() == b"kept"
        sent = other.send(b"done")
        await sent
        assert not sent.cancel() and not sent.cancelled()

    run(main())


def test_a_task_that_is_cancelled_loses_no_message(pair, run):
    async def main():
        one, other = pair

        async def receive():
            return await one.recv()

        waiting = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await other.send(b"kept")
        assert await one.recv() == b"kept"

    run(main())


def test_cancelling_a_task_whose_time_is_up_is_silent(pair, run, caplog):
    async def main():
        one, _ = pair

        async def receive():
            return await one.recv()

        one.rcvtimeo = 10_000
        task = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        # Both in one round of the loop.
        one._traffic.receivers[0]._expire()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        del task
        gc.collect()

    run(main())
    gc.collect()
    assert caplog.records == []


def test_closing_cancels_what_waits(pair, run):
    async def main():
        one, _ = pair
        waiting = one.recv()
        one.close()
        assert waiting.cancelled()
        with pytest.raises(future.CancelledError):
            await waiting

    run(main())


def test_a_poller(pair, run):
    async def main():
        one, other = pair
        poller = future.Poller()
        poller.register(one, zmq.POLLIN)
        assert await poller.poll(10) == []
        waiting = poller.poll()
        await asyncio.sleep(0)
        await other.send(b"x")
        assert await waiting == [(one, zmq.POLLIN)]

    run(main())


def test_classes(context, run):
    socket = context.socket(zmq.PULL)
    assert type(socket) is future.Socket and isinstance(socket, zmq.Socket)
    assert future.Context.instance() is future.Context.instance() is not zmq.Context.instance()
    future.Context.instance().term()
    zmq.Context.instance().term()
    plain = zmq.Socket(shadow=socket)
    again = future.Socket.from_socket(plain)
    assert type(again) is future.Socket
    socket.close()
    assert again.closed
    with pytest.warns(DeprecationWarning, match="io_loop"):
        future.Context(io_loop=1).term()


def test_the_monitor_socket_of_one_that_was_made_as_a_plain_one(run):
    async def main():
        with zmq.Context() as plain_context, plain_context.socket(zmq.PAIR) as plain:
            socket = future.Socket.from_socket(plain)
            with socket.get_monitor_socket() as monitor:
                assert type(monitor) is future.Socket
                received = monitor.recv_multipart()
                socket.disable_monitor()
                assert len(await received) == 2

    run(main())


def test_several_loops_one_after_the_other(context):
    for turn in range(3):

        async def main(name=f"inproc://loop-{turn}"):
            one, other = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
            one.bind(name)
            other.connect(name)
            waiting = asyncio.ensure_future(one.recv())
            await asyncio.sleep(0)
            await other.send(b"x")
            assert await waiting == b"x"
            one.close()
            other.close()

        loop = IOLoop(make_current=False)
        loop.run_sync(main, timeout=30)
        loop.close()
