"""The names of asyncio's adapter, its poller, and what other parts of the package do with its sockets."""

from __future__ import annotations

import asyncio
import gc
import os
import socket as os_socket
import sys
import warnings

import pytest
from children import check

import zmq_ctypes as zmq
import zmq_ctypes.asyncio as zmq_asyncio
from zmq_ctypes import _future
from zmq_ctypes.utils.monitor import recv_monitor_message

#: Seconds within which everything here is long done.
LIMIT = 30


def run(coroutine):
    loop = asyncio.SelectorEventLoop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(asyncio.wait_for(coroutine, LIMIT))
    finally:
        asyncio.set_event_loop(None)
        loop.close()


async def consume(awaitable):
    return await awaitable


@pytest.fixture
def open_pair(endpoint):
    """Make two connected sockets in a context that is destroyed at the end."""
    context = zmq_asyncio.Context()
    made = []

    def make(first=zmq.PAIR, second=zmq.PAIR, transport="tcp"):
        sockets = context.socket(first), context.socket(second)
        made.extend(sockets)
        sockets[0].bind(endpoint(transport))
        sockets[1].connect(sockets[0].last_endpoint.rstrip(b"\0").decode())
        return sockets

    yield make
    for socket in made:
        socket.close(0)
    context.destroy()


@pytest.fixture
def files():
    """A pair of plain stream sockets."""
    ends = os_socket.socketpair()
    yield ends
    for end in ends:
        end.close()


# Names ---------------------------------------------------------------------------------------------------------------


def test_contexts_have_instances_of_their_own():
    context = zmq_asyncio.Context.instance()
    assert context is zmq_asyncio.Context.instance() and type(context) is zmq_asyncio.Context
    plain = zmq.Context.instance()
    assert plain is not context
    context.term()
    plain.term()


def test_a_context_of_one_kind_shadows_one_of_the_other():
    with zmq.Context() as plain:
        shadow = zmq_asyncio.Context(plain)
        assert shadow.underlying == plain.underlying
        socket = shadow.socket(zmq.PULL)
        assert isinstance(socket, zmq_asyncio.Socket) and isinstance(socket, zmq.Socket)
        assert isinstance(socket, _future._AsyncSocket)
        socket.close()


def test_reprs_and_copies():
    with zmq_asyncio.Context() as context, context.socket(zmq.PULL) as socket:
        assert repr(socket).startswith("<zmq_ctypes.asyncio.Socket(zmq.PULL)")
        other = socket.__copy__()
        assert type(other) is zmq_asyncio.Socket and other.underlying == socket.underlying
        with pytest.raises(AttributeError, match="no such option"):
            socket.misspelt = 1
        socket.linger = 3
        assert socket.linger == socket.get(zmq.LINGER) == 3


def test_a_socket_needs_a_context_and_a_type():
    with pytest.raises(TypeError):
        zmq_asyncio.Socket()
    with zmq_asyncio.Context() as context:
        with pytest.raises(zmq.ZMQError) as caught:
            zmq_asyncio.Socket(context)
        assert caught.value.errno == zmq.EINVAL


def test_what_is_deprecated_says_so_once(monkeypatch):
    monkeypatch.setattr(zmq_asyncio, "_warned", False)
    with pytest.warns(DeprecationWarning, match="not needed"):
        loop = zmq_asyncio.ZMQEventLoop()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        zmq_asyncio.install()
    assert isinstance(loop, asyncio.SelectorEventLoop)
    assert loop.run_until_complete(consume(asyncio.sleep(0, 5))) == 5
    loop.close()
    monkeypatch.setattr(zmq_asyncio, "_warned", False)
    with pytest.warns(DeprecationWarning, match="not needed"):
        zmq_asyncio.install()
    assert issubclass(zmq_asyncio.ProactorSelectorThreadWarning, RuntimeWarning)


def test_the_selector_of_older_versions():
    with pytest.warns(DeprecationWarning, match="every selector will do"):
        selector = zmq_asyncio.ZMQSelector()
    loop = asyncio.SelectorEventLoop(selector)
    loop.close()
    with pytest.raises(AttributeError, match="no attribute 'Selector'"):
        zmq_asyncio.Selector  # noqa: B018


def test_importing_the_package_does_not_import_asyncio():
    assert check("print('asyncio' in sys.modules)") == "False\n"


# Monitoring and decorators -------------------------------------------------------------------------------------------


def test_monitoring_is_awaited(open_pair):
    async def main():
        a, b = open_pair(zmq.PUSH, zmq.PULL)
        monitor = b.get_monitor_socket()
        assert isinstance(monitor, zmq_asyncio.Socket)
        waiting = asyncio.ensure_future(consume(recv_monitor_message(monitor)))
        await asyncio.sleep(0)
        b.connect("tcp://127.0.0.1:1")
        event = await waiting
        # Of this connection or of the first, which may not yet have got so far.
        first = (zmq.EVENT_CONNECTED, zmq.EVENT_HANDSHAKE_SUCCEEDED)
        assert event["event"] in (zmq.EVENT_CONNECT_DELAYED, zmq.EVENT_CLOSED, *first)
        b.disable_monitor()
        while event["event"] != zmq.EVENT_MONITOR_STOPPED:
            event = await recv_monitor_message(monitor)
        monitor.close()

    run(main())


class Special(zmq_asyncio.Socket):
    """What a program makes of it."""


class SpecialContext(zmq_asyncio.Context):
    _socket_class = Special


@pytest.mark.parametrize("context_class", [zmq.Context, zmq_asyncio.Context, SpecialContext])
def test_a_monitor_socket_is_of_the_kind_of_its_socket(context_class):
    """Not of that of its context: `from_socket` makes one that is awaited in a context whose sockets are not."""
    own = context_class._socket_class

    async def main():
        with context_class() as context, context.socket(zmq.PAIR, socket_class=zmq.Socket) as plain:
            awaited = zmq_asyncio.Socket.from_socket(plain)
            with awaited.get_monitor_socket() as monitor:
                assert type(monitor) is (zmq_asyncio.Socket if own is zmq.Socket else own)
                assert monitor.context is context and awaited.get_monitor_socket() is monitor
                received = asyncio.ensure_future(consume(monitor.recv_multipart()))
                await asyncio.sleep(0)
                assert not received.done()
                awaited.disable_monitor()
                assert len(await received) == 2
            with plain.get_monitor_socket() as monitor:
                assert type(monitor) is zmq.Socket
            shadow = zmq.Socket(shadow=awaited)
            with shadow.get_monitor_socket() as monitor:
                assert type(monitor) is zmq.Socket

    run(main())


def test_decorators_give_them_to_coroutine_functions():
    from zmq_ctypes.decorators import socket

    @socket(zmq.PULL)
    async def wait(context, pull):
        assert isinstance(pull, zmq_asyncio.Socket)
        return await pull.poll(1)

    async def main():
        with zmq_asyncio.Context() as context:
            return await wait(context)

    assert run(main()) == 0


# Polling -------------------------------------------------------------------------------------------------------------


def test_polling_a_socket(open_pair):
    async def main():
        a, b = open_pair()
        assert await b.poll(0) == 0
        assert await b.poll(5) == 0
        assert await b.poll(5.5) == 0
        both = zmq.POLLIN | zmq.POLLOUT
        assert await b.poll(LIMIT * 1000, both) == zmq.POLLOUT
        waiting = b.poll()
        other = b.poll(-1, both)
        assert not waiting.done() and await other == zmq.POLLOUT
        await a.send(b"x")
        assert await waiting == zmq.POLLIN
        assert await b.poll(None, both) == both
        assert await b.recv() == b"x"
        for wrong in ("1", object()):
            with pytest.raises(TypeError):
                b.poll(wrong)
        with pytest.raises(TypeError):
            await b.poll(0, "in")

    run(main())


def test_waiting_to_send(open_pair):
    async def main():
        push, pull = open_pair(zmq.PUSH, zmq.PULL, "inproc")
        while await push.poll(0, zmq.POLLOUT):
            await push.send(b"x")
        waiting = push.poll(None, zmq.POLLOUT)
        await asyncio.sleep(0)
        assert not waiting.done()
        while not waiting.done():
            await pull.recv()
            await asyncio.sleep(0)
        assert await waiting == zmq.POLLOUT

    run(main())


def test_a_poller_of_everything(open_pair, make_socket, endpoint, files):
    async def main():
        a, b = open_pair()
        push, pull = make_socket(zmq.PUSH), make_socket(zmq.PULL)
        push.bind(endpoint("tcp"))
        pull.connect(push.last_endpoint.rstrip(b"\0").decode())
        poller = zmq_asyncio.Poller()
        for thing in (b, pull, files[0]):
            poller.register(thing, zmq.POLLIN)
        number = files[0].fileno()
        assert await poller.poll(0) == []
        assert await poller.poll(5) == []
        for act, undo, expected in (
            (lambda: a.send(b"x"), b.recv, [(b, zmq.POLLIN)]),
            (lambda: push.send(b"x"), lambda: pull.recv() and asyncio.sleep(0), [(pull, zmq.POLLIN)]),
            (lambda: files[1].send(b"x"), lambda: files[0].recv(1) and asyncio.sleep(0), [(number, zmq.POLLIN)]),
        ):
            waiting = poller.poll()
            await asyncio.sleep(0)
            assert not waiting.done()
            act()
            assert await waiting == expected
            assert await poller.poll(0) == await poller.poll() == expected
            await undo()
        poller.unregister(b)
        poller.modify(files[0], zmq.POLLOUT)
        assert await poller.poll() == [(number, zmq.POLLOUT)]
        # Plain sockets are left as they were: nobody watches them any more.
        assert pull._handle.traffic.loop is None

    run(main())


def test_a_file_that_others_watch_as_well(files):
    """asyncio has one reader for each number; the program's own is left alone, and so is that of another poll."""

    async def main():
        loop = asyncio.get_running_loop()
        seen = asyncio.Event()
        loop.add_reader(files[0], seen.set)
        pollers = [zmq_asyncio.Poller() for _ in range(2)]
        for poller in pollers:
            poller.register(files[0], zmq.POLLIN)
        waiting = [poller.poll() for poller in pollers] + [pollers[0].poll()]
        await asyncio.sleep(0)
        files[1].send(b"x")
        assert await asyncio.gather(*waiting) == [[(files[0].fileno(), zmq.POLLIN)]] * 3
        await seen.wait()
        assert loop.remove_reader(files[0])

    run(main())


def test_polls_that_are_cancelled_leave_nothing_behind(open_pair, files):
    async def main():
        _, b = open_pair(transport="inproc")
        poller = zmq_asyncio.Poller()
        poller.register(b, zmq.POLLIN)
        poller.register(files[0], zmq.POLLIN)
        before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
        for _ in range(20):
            future = poller.poll(60_000)
            await asyncio.sleep(0)
            future.cancel()
            await asyncio.sleep(0)
        del future
        await asyncio.sleep(0)
        assert not b._traffic.polls
        if before:
            assert len(os.listdir("/proc/self/fd")) <= before

    run(main())


def test_pollers_and_what_cannot_be_polled(open_pair):
    async def main():
        _, b = open_pair()
        poller = zmq_asyncio.Poller()
        poller.register(object())
        with pytest.raises(TypeError):
            await poller.poll(10)
        poller = zmq_asyncio.Poller()
        poller.register(b)
        b.close()
        with pytest.raises(zmq.ZMQError) as caught:
            await poller.poll(10)
        assert caught.value.errno == zmq.ENOTSOCK
        with pytest.raises(TypeError):
            poller.poll("soon")
        # Nothing to wait for is waited for all the same: a loop around this must not spin.
        assert await zmq_asyncio.Poller().poll(5) == []
        future = zmq_asyncio.Poller().poll()
        await asyncio.sleep(0.01)
        assert not future.done() and future.cancel()

    run(main())


def test_a_poll_goes_on_when_somebody_else_was_quicker(open_pair):
    async def main():
        a, b = open_pair(transport="inproc")
        poller = zmq_asyncio.Poller()
        poller.register(b, zmq.POLLIN)
        waiting = asyncio.ensure_future(consume(poller.poll()))
        receiving = asyncio.ensure_future(consume(b.recv()))
        await asyncio.sleep(0)
        await a.send(b"1")
        assert await receiving == b"1"
        if not waiting.done():
            await a.send(b"2")
        assert await waiting == [(b, zmq.POLLIN)]

    run(main())


# As a program ends ---------------------------------------------------------------------------------------------------


def test_a_program_that_leaves_everything_open_ends():
    code = """
        import asyncio, warnings
        import zmq_ctypes.asyncio
        warnings.simplefilter("ignore")

        async def main():
            context = zmq.asyncio.Context()
            socket = context.socket(zmq.PULL)
            socket.bind("tcp://127.0.0.1:*")
            asyncio.ensure_future(socket.recv())
            await socket.poll(1)
            globals().update(locals())

        asyncio.run(main())
        print("end")
    """
    assert check(code) == "end\n"


def test_asyncio_in_debug_mode(open_pair):
    async def main():
        asyncio.get_running_loop().set_debug(True)
        a, b = open_pair()
        waiting = asyncio.ensure_future(consume(b.recv()))
        await asyncio.sleep(0)
        await a.send(b"x")
        assert await waiting == b"x"
        assert "Operation" in repr(b.recv())

    run(main())
    gc.collect()
