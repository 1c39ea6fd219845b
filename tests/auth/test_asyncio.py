"""An AsyncioAuthenticator end to end: it shares the loop with what it guards; clients in another process."""

from __future__ import annotations

import asyncio
import gc

import pytest

import zmq_ctypes as zmq
import zmq_ctypes.asyncio
from zmq_ctypes import auth
from zmq_ctypes.auth.asyncio import AsyncioAuthenticator

PASSWORD = "correct horse battery staple"


@pytest.fixture(params=[zmq.Context, zmq.asyncio.Context], ids=["plain", "asyncio"])
def context(request):
    """Both kinds of contexts: the authenticator has a plain socket of its own in either."""
    made = request.param()
    yield made
    made.destroy(linger=0)


def server_of(context, **options):
    """A server on tcp whose receiving is awaited, and its endpoint."""
    socket = zmq.asyncio.Context(context).socket(zmq.PULL)
    socket.linger = 0
    for name, value in options.items():
        setattr(socket, name, value)
    socket.bind("tcp://127.0.0.1:*")
    return socket, socket.last_endpoint.decode()


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 40))


async def until(condition):
    while not condition():
        await asyncio.sleep(0.001)


def test_null_and_plain(context, clients, log):
    async def main():
        authenticator = AsyncioAuthenticator(context)
        authenticator.start()
        authenticator.configure_plain("*", {"bob": PASSWORD})
        null, at_null = server_of(context, zap_domain=b"global")
        plain, at_plain = server_of(context, plain_server=1)
        with null, plain:
            clients.connect(at_plain, "wrong", plain_username="bob", plain_password="guess")
            clients.connect(at_plain, "right", plain_username="bob", plain_password=PASSWORD)
            clients.connect(at_null, "hello")
            frame = await plain.recv(copy=False)
            assert (frame.bytes, frame["User-Id"]) == (b"right", "bob")
            assert await null.recv() == b"hello"
            await until(lambda: "Invalid password" in log.text)
            assert not await plain.poll(100)
        authenticator.stop()
        assert PASSWORD not in log.text

    run(main())


def test_curve_with_callbacks(context, clients, log, curve):
    known = curve.new_keys()
    loops = []

    class Provider:
        async def callback(self, domain, key):
            loops.append(asyncio.get_running_loop())
            await asyncio.sleep(0.01)
            if key != known[0]:
                raise LookupError("not in the database")
            return True

    async def main():
        authenticator = AsyncioAuthenticator(context)
        authenticator.configure_curve_callback("*", Provider())
        authenticator.start()
        server, endpoint = server_of(context, **curve.server)
        with server:
            clients.connect(endpoint, "stranger", **curve.client())
            await until(lambda: "DENIED CURVE" in log.text)
            assert "LookupError: not in the database" in log.text
            clients.connect(endpoint, "hello", **curve.client(known))
            assert await server.recv() == b"hello"
            assert set(loops) == {asyncio.get_running_loop()}
        authenticator.stop()

    run(main())


class Own(BaseException):
    """As gevent's time-outs are: no Exception."""


@pytest.mark.parametrize("later", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize("error", [SystemExit, GeneratorExit, asyncio.CancelledError, Own])
def test_callbacks_that_raise(context, clients, log, curve, error, later):
    async def fail():
        await asyncio.sleep(0)
        raise error

    class Provider:
        left = 2

        def callback(self, domain, key):
            if not self.left:
                return True
            self.left -= 1
            if later:
                return fail()
            raise error

    async def main():
        authenticator = AsyncioAuthenticator(context)
        authenticator.configure_curve_callback("*", Provider())
        authenticator.start()
        server, endpoint = server_of(context, **curve.server)
        with server:
            for count in (1, 2):
                clients.connect(endpoint, "refused", **curve.client())
                await until(lambda count=count: log.text.count("DENIED CURVE") == count)
                assert log.text.count("ERROR The credentials provider 'Provider' has failed") == count
            clients.connect(endpoint, "hello", **curve.client())
            assert await server.recv() == b"hello"
        authenticator.stop()

    run(main())


@pytest.mark.parametrize("later", [False, True], ids=["at once", "later"])
def test_ctrl_c_in_a_callback(context, clients, log, curve, later):
    """It gets out of the loop, once; the client is refused; and where the loop runs again, the authenticator does."""

    async def interrupted():
        raise KeyboardInterrupt

    class Provider:
        left = 1

        def callback(self, domain, key):
            if not self.left:
                return True
            self.left -= 1
            if later:
                return interrupted()
            raise KeyboardInterrupt

    authenticator = AsyncioAuthenticator(context)
    authenticator.configure_curve_callback("*", Provider())
    loop = asyncio.new_event_loop()

    async def begin():
        authenticator.start()
        return server_of(context, **curve.server)

    async def forever():
        await asyncio.sleep(3600)

    async def go_on(server, endpoint):
        clients.connect(endpoint, "hello", **curve.client())
        assert await server.recv() == b"hello"
        authenticator.stop()
        await asyncio.sleep(0)

    try:
        server, endpoint = loop.run_until_complete(begin())
        with server:
            clients.connect(endpoint, "refused", **curve.client())
            waiting = loop.create_task(forever())
            with pytest.raises(KeyboardInterrupt):
                loop.run_until_complete(asyncio.wait_for(waiting, 40))
            assert authenticator._unanswered is None
            loop.run_until_complete(asyncio.wait_for(go_on(server, endpoint), 40))
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(asyncio.wait({waiting}))
    finally:
        loop.close()


def test_nobody_comes_in_after_the_end(context, clients, log, curve):
    async def main():
        authenticator = AsyncioAuthenticator(context)
        authenticator.configure_curve("*", auth.CURVE_ALLOW_ANY)
        authenticator.start()
        server, endpoint = server_of(context, **curve.server)
        with server:
            clients.connect(endpoint, "hello", **curve.client())
            assert await server.recv() == b"hello"
            authenticator.stop()
            authenticator.stop()
            (guard,) = context._handle.kept.values()
            clients.connect(endpoint, "waits", **curve.client())
            await until(lambda: guard.poll(0))
            assert not await server.poll(100)
            # The loop does not look after it any more.
            assert guard._handle.traffic is None
            authenticator.start()
            assert await server.recv() == b"waits"
        authenticator.stop()

    run(main())


def test_stopped_while_a_callback_is_at_work(context, clients, log, curve):
    async def main():
        entered, left = asyncio.Event(), asyncio.Event()

        class Provider:
            async def callback(self, domain, key):
                entered.set()
                try:
                    await asyncio.sleep(3600)
                finally:
                    left.set()
                return True

        authenticator = AsyncioAuthenticator(context)
        authenticator.configure_curve_callback("*", Provider())
        authenticator.start()
        server, endpoint = server_of(context, **curve.server)
        with server:
            clients.connect(endpoint, "never", **curve.client())
            await entered.wait()
            authenticator.stop()
            authenticator.configure_curve("*", auth.CURVE_ALLOW_ANY)
            # At once: the task of before has not yet noticed.
            authenticator.start()
            await left.wait()
            clients.connect(endpoint, "hello", **curve.client())
            assert await server.recv() == b"hello"
        authenticator.stop()

    run(main())


def test_malformed_questions(context, log):
    async def main():
        authenticator = AsyncioAuthenticator(context)
        authenticator.start()
        socket = zmq.asyncio.Context(context).socket(zmq.REQ)
        with socket:
            socket.connect("inproc://zeromq.zap.01")
            for frames in ([b"1.0"], [b"2.0", *[b"x"] * 5], [b"1.0", b"1", b"\xff", b"", b"", b"PLAIN", b"bob", b"secret"]):
                await socket.send_multipart(frames)
                assert (await socket.recv_multipart())[2] == b"400"
            await socket.send_multipart([b"1.0", b"1", b"", b"", b"", b"NULL"])
            assert (await socket.recv_multipart())[2] == b"200"
        authenticator.stop()
        assert log.text.count("malformed") == 3 and "secret" not in log.text

    run(main())


def test_only_one(context, log):
    async def main():
        first, second = AsyncioAuthenticator(context), AsyncioAuthenticator(context)
        first.start()
        with pytest.raises(zmq.ZMQError) as caught:
            second.start()
        assert caught.value.errno == zmq.EADDRINUSE
        first.stop()
        second.start()
        second.stop()

    run(main())


def test_without_a_loop(context, log, monkeypatch):
    def none(coroutine):
        raise RuntimeError("no running event loop")

    monkeypatch.setattr("zmq_ctypes.auth.asyncio.asyncio.ensure_future", none)
    authenticator = AsyncioAuthenticator(context)
    with pytest.raises(RuntimeError, match="no running event loop"):
        authenticator.start()
    assert authenticator.zap_socket is None
    gc.collect()


def test_the_end_of_the_loop(context, clients, log, curve):
    """Nobody has stopped it, and its loop is gone: nobody comes in."""
    authenticator = AsyncioAuthenticator(context)
    authenticator.configure_curve("*", auth.CURVE_ALLOW_ANY)

    async def begin():
        authenticator.start()

    run(begin())
    with context.socket(zmq.PULL, socket_class=zmq.Socket) as server:
        server.linger = 0
        for name, value in curve.server.items():
            setattr(server, name, value)
        server.bind("tcp://127.0.0.1:*")
        clients.connect(server.last_endpoint.decode(), "waits", **curve.client())
        assert authenticator.zap_socket.poll(10_000)
        assert not server.poll(100)

        async def again():
            authenticator.stop()
            authenticator.start()
            await until(lambda: server.poll(0))
            authenticator.stop()

        run(again())
        assert server.recv() == b"waits"


def test_the_end_of_the_context(log):
    async def main():
        context = zmq.asyncio.Context()
        authenticator = AsyncioAuthenticator(context)
        authenticator.start()
        await asyncio.sleep(0)
        task = authenticator._task
        context.destroy()
        await asyncio.wait({task})
        assert task.cancelled() or task.exception() is None
        authenticator.stop()
        assert "ERROR" not in log.text

    run(main())


def test_a_loop_that_is_given(context):
    with pytest.warns(DeprecationWarning, match="ignored"):
        AsyncioAuthenticator(context, loop=object())
