"""Readers for a loop that has none, as the Proactor loop of Windows."""

from __future__ import annotations

import asyncio
import os
import socket
import threading

import pytest

import zmq_ctypes as zmq
import zmq_ctypes.asyncio as zmq_asyncio
from zmq_ctypes._readers import SelectorThread, readers_of


class Deaf(asyncio.SelectorEventLoop):
    """What asyncio's Proactor loop is in this respect, for systems that have no such thing."""

    add_reader = asyncio.AbstractEventLoop.add_reader
    remove_reader = asyncio.AbstractEventLoop.remove_reader
    add_writer = asyncio.AbstractEventLoop.add_writer
    remove_writer = asyncio.AbstractEventLoop.remove_writer


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "zmq-selector"]


@pytest.fixture
def loop():
    loop = Deaf()
    yield loop
    loop.close()
    # One that has nothing to watch any more ends by itself.
    assert all(ended(thread) for thread in threads())


@pytest.fixture
def pipe():
    ends = socket.socketpair()
    for end in ends:
        end.setblocking(False)
    yield ends
    for end in ends:
        end.close()


def ended(thread):
    thread.join(10)
    return not thread.is_alive()


def test_a_loop_that_can_do_it_does_it_itself():
    loop = asyncio.SelectorEventLoop()
    assert readers_of(loop) is loop
    loop.close()


def test_each_loop_has_one_thread(loop):
    assert readers_of(loop) is readers_of(loop)
    assert isinstance(readers_of(loop), SelectorThread)
    assert not threads()  # before there is anything to watch


def test_a_reader_is_called_in_the_loop_as_often_as_there_is_something(loop, pipe):
    near, far = pipe
    called = []
    readers = readers_of(loop)

    def read(word):
        called.append((word, near.recv(1), threading.current_thread()))
        if len(called) == 3:
            loop.stop()

    readers.add_reader(near.fileno(), read, "word")
    far.send(b"abc")  # one at a time: it stays readable
    loop.run_forever()
    assert called == [("word", letter, threading.current_thread()) for letter in (b"a", b"b", b"c")]
    assert readers.remove_reader(near.fileno()) is True
    assert readers.remove_reader(near.fileno()) is False


def test_readers_and_writers_of_one_file(loop, pipe):
    near, far = pipe
    called = []
    readers = readers_of(loop)

    def write():
        called.append("write")
        readers.remove_writer(near.fileno())
        far.send(b"x")

    def read():
        called.append("read")
        readers.remove_reader(near.fileno())
        loop.stop()

    readers.add_reader(near.fileno(), read)
    readers.add_writer(near.fileno(), write)
    loop.run_forever()
    assert called == ["write", "read"]


def test_the_thread_ends_with_the_last_descriptor_and_begins_again(loop, pipe):
    near, far = pipe
    readers = readers_of(loop)
    for _ in range(3):
        readers.add_reader(near.fileno(), loop.stop)
        (thread,) = threads()
        readers.remove_reader(near.fileno())
        assert ended(thread)
    readers.add_reader(near.fileno(), loop.stop)
    far.send(b"x")
    loop.run_forever()


def test_closing_the_loop_ends_the_thread(pipe):
    loop = Deaf()
    readers = readers_of(loop)
    readers.add_reader(pipe[0].fileno(), print)
    (thread,) = threads()
    loop.close()
    assert not thread.is_alive() and loop.is_closed()
    with pytest.raises(RuntimeError, match="closed"):
        readers.add_reader(pipe[0].fileno(), print)


def test_closing_the_loop_while_it_was_told_something(pipe):
    loop = Deaf()
    told, tell = threading.Event(), loop.call_soon_threadsafe
    loop.call_soon_threadsafe = lambda *arguments: (tell(*arguments), told.set())
    readers_of(loop).add_reader(pipe[0].fileno(), print)
    (thread,) = threads()
    pipe[1].send(b"x")
    assert told.wait(10)
    loop.close()  # which has never run: the thread is waiting for that
    assert not thread.is_alive()


def test_an_error_in_a_callback_is_reported_and_stops_nothing(loop, pipe):
    near, far = pipe
    reported = []
    loop.set_exception_handler(lambda loop, context: reported.append(context["exception"]))

    def fail():
        if near.recv(1) == b"2":
            loop.stop()
        raise LookupError

    readers_of(loop).add_reader(near.fileno(), fail)
    far.send(b"12")
    loop.run_forever()
    assert [type(error) for error in reported] == [LookupError, LookupError]


def test_a_number_that_comes_again_is_another_file(loop):
    readers = readers_of(loop)
    other = socket.socketpair()
    keep = socket.socketpair()
    readers.add_reader(keep[0].fileno(), print)  # so that the thread stays
    number = other[0].fileno()
    readers.add_reader(number, print)
    readers.remove_reader(number)
    for end in other:
        end.close()
    again = socket.socketpair()
    try:
        if again[0].fileno() != number:
            os.dup2(again[0].fileno(), number)
        readers.add_reader(number, loop.stop)
        again[1].send(b"x")
        loop.run_forever()
        readers.remove_reader(number)
        readers.remove_reader(keep[0].fileno())
    finally:
        if again[0].fileno() != number:
            os.close(number)
        for end in (*again, *keep):
            end.close()


def test_sockets_and_pollers_in_such_a_loop(loop, pipe):
    async def talk():
        with zmq_asyncio.Context() as context:
            with context.socket(zmq.REQ) as asking, context.socket(zmq.REP) as answering:
                answering.bind("tcp://127.0.0.1:*")
                asking.connect(answering.last_endpoint.rstrip(b"\0").decode())

                async def serve():
                    for _ in range(200):
                        await answering.send(await answering.recv())

                serving = asyncio.ensure_future(serve())
                for number in range(200):
                    await asking.send(b"%d" % number)
                    assert await asking.recv() == b"%d" % number
                await serving
                poller = zmq_asyncio.Poller()
                poller.register(answering, zmq.POLLIN)
                poller.register(pipe[0], zmq.POLLIN)
                waiting = asyncio.ensure_future(poller.poll())
                await asyncio.sleep(0)
                pipe[1].send(b"x")
                assert await waiting == [(pipe[0].fileno(), zmq.POLLIN)]
                pipe[0].recv(1)
                waiting = asyncio.ensure_future(poller.poll())
                await asyncio.sleep(0)
                await asking.send(b"x")
                assert await waiting == [(answering, zmq.POLLIN)]

    loop.run_until_complete(asyncio.wait_for(talk(), 30))


def test_sockets_that_are_left_open_when_such_a_loop_is_closed():
    loop = Deaf()
    context = zmq_asyncio.Context()
    socket = context.socket(zmq.PULL)
    socket.bind("inproc://left")

    async def wait():
        assert await socket.poll(1) == 0

    loop.run_until_complete(wait())
    loop.close()
    assert not threads()
    socket.close()
    context.term()
