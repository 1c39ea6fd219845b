"""The older name of the AsyncioAuthenticator, in tornado's loop."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import warnings

import pytest
from children import check
from support import need


@pytest.fixture
def ioloop():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("zmq_ctypes.auth.ioloop")


def test_importing_it_warns():
    check(
        """
        import warnings
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            import zmq_ctypes.auth.ioloop
        (warning,) = caught
        assert warning.category is DeprecationWarning and "AsyncioAuthenticator" in str(warning.message)
        assert warning.filename == "<string>", warning.filename
        from zmq_ctypes.auth.asyncio import AsyncioAuthenticator
        assert issubclass(zmq_ctypes.auth.ioloop.IOLoopAuthenticator, AsyncioAuthenticator)
        """
    )


def test_in_a_loop_of_tornado(ioloop, context, clients, serve, log):
    need(importlib.util.find_spec("tornado"), "tornado (pip install tornado)")
    from tornado.ioloop import IOLoop

    server, endpoint = serve(plain_server=1)

    async def main():
        with pytest.warns(DeprecationWarning, match="ignored"):
            authenticator = ioloop.IOLoopAuthenticator(context, "utf-8", None, IOLoop.current())
        authenticator.configure_plain("*", {"bob": "secret word"})
        authenticator.start()
        clients.connect(endpoint, "wrong", plain_username="bob", plain_password="guess")
        clients.connect(endpoint, "hello", plain_username="bob", plain_password="secret word")
        await IOLoop.current().run_in_executor(None, server.poll, 10_000)
        authenticator.stop()

    # A loop of its own, which is closed at the end.
    loop = IOLoop(make_current=False)
    try:
        loop.run_sync(main, timeout=40)
    finally:
        loop.close()
    frame = server.recv(copy=False)
    assert (frame.bytes, frame["User-Id"]) == (b"hello", "bob")
    log.wait("DENIED PLAIN")
    assert not server.poll(100)


def test_callbacks_that_raise_in_a_loop_of_tornado(ioloop, context, clients, serve, log, curve):
    need(importlib.util.find_spec("tornado"), "tornado (pip install tornado)")
    from tornado.ioloop import IOLoop

    class Own(BaseException):
        """As gevent's time-outs are: no Exception."""

    errors = [asyncio.CancelledError, GeneratorExit, Own, SystemExit]

    class Provider:
        def callback(self, domain, key):
            if errors:
                raise errors.pop()
            return True

    server, endpoint = serve(**curve.server)

    async def main():
        authenticator = ioloop.IOLoopAuthenticator(context)
        authenticator.configure_curve_callback("*", Provider())
        authenticator.start()
        for count in range(1, len(errors) + 1):
            clients.connect(endpoint, "refused", **curve.client())
            while log.text.count("DENIED CURVE") < count:
                await asyncio.sleep(0.001)
            assert log.text.count("has failed") == count
        clients.connect(endpoint, "hello", **curve.client())
        await IOLoop.current().run_in_executor(None, server.poll, 10_000)
        authenticator.stop()

    loop = IOLoop(make_current=False)
    try:
        loop.run_sync(main, timeout=40)
    finally:
        loop.close()
    assert server.recv() == b"hello"


def test_arguments(ioloop, context):
    made = ioloop.IOLoopAuthenticator(context, encoding="latin-1")
    assert made.encoding == "latin-1" and made.context is context
