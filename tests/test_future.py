"""Waiting sockets: who gets the message, and what cancelling, closing, time-outs and errors do to those who wait."""

from __future__ import annotations

import asyncio
import gc
import select
import threading
import time
import weakref

import pytest
from support import go_away, until

import zmq_ctypes as zmq
import zmq_ctypes.asyncio as zmq_asyncio
from zmq_ctypes import _traffic

#: Seconds within which everything here is long done.
LIMIT = 30
#: Seconds for which it is watched what idle sockets cost.
IDLE = 0.5


def run(coroutine, loop=None):
    """Run a coroutine in a new event loop, with a limit."""
    loop = loop or asyncio.SelectorEventLoop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(asyncio.wait_for(coroutine, LIMIT))
    finally:
        asyncio.set_event_loop(None)
        loop.close()


class Keeping(zmq_asyncio.Context):
    """A context that keeps its sockets until it is destroyed, so that tests need not close them."""

    kept: list

    def _add_socket(self, socket):
        super()._add_socket(socket)
        self.kept.append(socket)


@pytest.fixture
def waiting_context():
    made = Keeping()
    made.kept = []
    yield made
    made.destroy(linger=0)


@pytest.fixture
def pair(waiting_context, endpoint):
    """Make two connected sockets that are awaited."""

    def make(first=zmq.PAIR, second=zmq.PAIR, transport="tcp", **options):
        made = [waiting_context.socket(kind) for kind in (first, second)]
        for socket in made:
            socket.linger = 0
            for name, value in options.items():
                setattr(socket, name, value)
        made[0].bind(endpoint(transport))
        made[1].connect(made[0].last_endpoint.rstrip(b"\0").decode())
        return made

    return make


def arrived(socket, limit=LIMIT):
    """Wait, without the loop and without a call of libzmq, until something has happened to a socket."""
    assert select.select([socket._shadow_sock.FD], [], [], limit)[0]


async def met(a, b):
    """Wait until the connection of two sockets is there."""
    await b.send(b"")
    await a.recv()


async def turns(count=5):
    for _ in range(count):
        await asyncio.sleep(0)


async def collect(condition):
    """Collect garbage until a condition holds; PyPy takes several rounds, and the loop holds what it called last."""
    while not condition():
        gc.collect()
        await asyncio.sleep(0.001)


# At once -------------------------------------------------------------------------------------------------------------


def test_what_is_there_is_returned_in_a_future_that_is_done(pair):
    async def main():
        a, b = pair(transport="inproc")
        sent = a.send(b"1")
        assert asyncio.isfuture(sent) and sent.done() and sent.result() is None
        received = b.recv()
        assert asyncio.isfuture(received) and received.done() and received.result() == b"1"
        assert await received == b"1"
        sent = a.send_multipart([b"2", b"3"])
        assert sent.done()
        received = b.recv_multipart()
        assert received.done() and await received == [b"2", b"3"]
        # Nobody has waited, and the loop has heard nothing of all that.
        assert a._traffic.loop is None and b._traffic.loop is None

    run(main())


@pytest.mark.parametrize("count", [1, 16, 17, 18, 33, 34, 200])
@pytest.mark.parametrize("slice_of_time", [_traffic.SLICE, 0.0])
def test_a_send_that_nobody_awaits_is_sent(pair, monkeypatch, slice_of_time, count):
    """However long it has been since the loop had its turn, and although the socket is closed then."""
    monkeypatch.setattr(_traffic, "SLICE", slice_of_time)

    async def main():
        a, b = pair(transport="inproc")
        for number in range(count):
            a.send(b"%d" % number)
        a.close()
        assert [await b.recv() for _ in range(count)] == [b"%d" % number for number in range(count)]

    run(main())


def test_sending_lets_others_run(pair, monkeypatch):
    monkeypatch.setattr(_traffic, "SLICE", 0.0)
    steps = []

    async def other():
        for _ in range(20):
            steps.append(1)
            await asyncio.sleep(0)

    async def main():
        a, b = pair(transport="inproc", sndhwm=0, rcvhwm=0)
        running = asyncio.ensure_future(other())
        count = 0
        while not running.done() and count < 100_000:
            await a.send(b"x")
            await a.send_multipart([b"x", b"y"])
            count += 1
        assert len(steps) == 20

    run(main())


WAYS = {
    "recv": (lambda a: a.send(b"x"), lambda b: b.recv(), b"x"),
    "frame": (lambda a: a.send(b"x" * 99999, copy=False), lambda b: b.recv(copy=False), b"x" * 99999),
    "frame as bytes": (lambda a: a.send(zmq.Frame(b"x")), lambda b: b.recv(), b"x"),
    "bytearray": (lambda a: a.send(bytearray(b"x")), lambda b: b.recv(), b"x"),
    "large": (lambda a: a.send(b"x" * 99999), lambda b: b.recv(), b"x" * 99999),
    "multipart": (lambda a: a.send_multipart([b"", b"y"]), lambda b: b.recv_multipart(), [b"", b"y"]),
    "multipart of a tuple": (lambda a: a.send_multipart((b"1", b"2")), lambda b: b.recv_multipart(), [b"1", b"2"]),
    "multipart of frames": (
        lambda a: a.send_multipart([b"", zmq.Frame(b"y")], copy=False),
        lambda b: b.recv_multipart(copy=False),
        [b"", b"y"],
    ),
    "string": (lambda a: a.send_string("☃"), lambda b: b.recv_string(), "☃"),
    "unicode": (lambda a: a.send_unicode("☃", encoding="utf-16"), lambda b: b.recv_unicode(encoding="utf-16"), "☃"),
    "json": (lambda a: a.send_json([1, {}], sort_keys=True), lambda b: b.recv_json(parse_int=str), ["1", {}]),
    "object": (lambda a: a.send_pyobj({1, 2}), lambda b: b.recv_pyobj(), {1, 2}),
    "serialized": (
        lambda a: a.send_serialized("a b", lambda text: text.encode().split()),
        lambda b: b.recv_serialized(lambda parts: b" ".join(parts).decode()),
        "a b",
    ),
    "into": (lambda a: a.send(b"abc"), lambda b: b.recv_into(bytearray(9), nbytes=2), 3),
}


def plain(thing):
    """A result without frames."""
    if isinstance(thing, list):
        return [plain(part) for part in thing]
    return thing.bytes if isinstance(thing, zmq.Frame) else thing


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("when", ["before", "after", "as a future"])
def test_every_way_to_send_and_receive(pair, way, when):
    send, recv, expected = WAYS[way]

    async def main():
        a, b = pair()
        if when == "before":
            await send(a)
            assert plain(await recv(b)) == expected
        else:
            waiting = recv(b)
            assert not waiting.done()
            task = asyncio.ensure_future(consume(waiting)) if when == "after" else waiting
            await turns()
            await send(a)
            assert plain(await task) == expected
            assert not b._traffic.receivers

    run(main())


async def consume(awaitable):
    return await awaitable


def test_a_tracker_comes_back(pair):
    async def main():
        a, b = pair()
        tracker = await a.send(b"x" * 99999, copy=False, track=True)
        assert isinstance(tracker, zmq.MessageTracker)
        await b.recv()
        await asyncio.get_running_loop().run_in_executor(None, tracker.wait, LIMIT)

    run(main())


def test_dontwait(pair):
    async def main():
        a, b = pair(transport="inproc")
        refused = b.recv(zmq.DONTWAIT)
        assert refused.done() and isinstance(refused.exception(), zmq.Again)
        with pytest.raises(zmq.Again):
            await b.recv_multipart(zmq.DONTWAIT)
        with pytest.raises(zmq.Again):
            await b.recv_string(zmq.DONTWAIT)
        await a.send(b"x", zmq.DONTWAIT)
        assert await b.recv(flags=zmq.DONTWAIT) == b"x"
        await a.send(b"1", zmq.SNDMORE)
        await a.send(b"2")
        assert await b.recv_multipart() == [b"1", b"2"]
        a.sndhwm = 1
        assert a._traffic.loop is None

    run(main())


# In line -------------------------------------------------------------------------------------------------------------


def test_receives_are_served_in_the_order_of_their_calls(pair):
    async def main():
        a, b = pair()
        order = []
        first = b.recv()
        second = asyncio.ensure_future(consume(b.recv_multipart()))
        third = b.recv_string()
        fourth = asyncio.ensure_future(consume(b.recv_json()))
        for name, future in enumerate((first, second, third, fourth)):
            future.add_done_callback(lambda _, name=name: order.append(name))
        await turns()
        for message in (b"1", b"2", b"3", b"4"):
            await a.send(message)
        assert await asyncio.gather(first, second, third, fourth) == [b"1", [b"2"], "3", 4]
        assert order == [0, 1, 2, 3]

    run(main())


def test_who_comes_later_does_not_overtake(pair):
    async def main():
        a, b = pair(transport="inproc")
        waiting = [asyncio.ensure_future(consume(b.recv())) for _ in range(3)]
        await turns()
        for number in range(4):
            await a.send(b"%d" % number)
        assert await b.recv() == b"3"
        assert await asyncio.gather(*waiting) == [b"0", b"1", b"2"]

    run(main())


def test_sends_wait_in_line_for_room(pair):
    async def main():
        a, b = pair(zmq.PUSH, zmq.PULL, "inproc", sndhwm=1, rcvhwm=1)
        futures = [a.send(b"%d" % number) for number in range(10)]
        assert futures[0].done() and not futures[9].done()
        received = [await b.recv() for _ in range(10)]
        assert received == [b"%d" % number for number in range(10)]
        await asyncio.gather(*futures)

    run(main())


def test_a_send_without_a_peer_waits_for_one(waiting_context, endpoint):
    async def main():
        push = waiting_context.socket(zmq.PUSH)
        pull = waiting_context.socket(zmq.PULL)
        push.bind(endpoint("inproc"))
        sending = asyncio.ensure_future(consume(push.send(b"x")))
        receiving = asyncio.ensure_future(consume(pull.recv()))
        await turns()
        assert not sending.done()
        pull.connect(push.last_endpoint.rstrip(b"\0").decode())
        await sending
        assert await receiving == b"x"

    run(main())


def test_a_router_that_can_always_send_waits_for_its_peer(pair):
    """EVENTS say that a ROUTER can send, whatever its peers do."""

    async def main():
        router, dealer = pair(zmq.ROUTER, zmq.DEALER, "inproc", sndhwm=2, rcvhwm=2)
        router.router_mandatory = 1
        await dealer.send(b"hello")
        name, _ = await router.recv_multipart()
        task = asyncio.ensure_future(send_all(router, name, 50))
        await turns(20)
        assert not task.done()
        assert [await dealer.recv() for _ in range(50)] == [b"%d" % number for number in range(50)]
        await task

    async def send_all(router, name, count):
        for number in range(count):
            await router.send_multipart([name, b"%d" % number])

    run(main())


# Futures as futures --------------------------------------------------------------------------------------------------


def test_what_asyncio_does_with_futures(pair):
    async def main():
        a, b = pair()
        future = b.recv()
        assert asyncio.ensure_future(future) is future
        done, pending = await asyncio.wait([future], timeout=0.01)
        assert not done and pending == {future}
        await a.send(b"1")
        done, pending = await asyncio.wait([future])
        assert done == {future} and future.result() == b"1"
        shielded = asyncio.shield(b.recv())
        await a.send(b"2")
        assert await shielded == b"2"
        await a.send(b"3")
        assert await asyncio.wait_for(b.recv(), LIMIT) == b"3"
        for future in asyncio.as_completed([b.recv(), b.recv()]):
            await a.send(b"4")
            assert await future == b"4"

    run(main())


def test_a_future_that_nobody_awaits_is_served_by_the_loop(pair):
    async def main():
        a, b = pair()
        future = b.recv()
        await a.send(b"x")
        while not future.done():
            await asyncio.sleep(0.001)
        assert future.result() == b"x"

    run(main())


def test_two_tasks_may_await_one_future(pair):
    async def main():
        a, b = pair()
        future = b.recv()
        tasks = [asyncio.ensure_future(consume(future)) for _ in range(2)]
        await turns()
        await a.send(b"x")
        assert await asyncio.gather(*tasks) == [b"x", b"x"]
        future = b.recv()
        tasks = [asyncio.ensure_future(consume(future)) for _ in range(2)]
        await turns()
        tasks[0].cancel()
        outcome = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(error) for error in outcome] == [asyncio.CancelledError] * 2 and future.cancelled()

    run(main())


def test_a_task_that_waits_runs_in_its_own_context(pair):
    from contextvars import ContextVar

    number = ContextVar("number")

    async def receive(value, b):
        number.set(value)
        await b.recv()
        assert asyncio.current_task() is not None
        assert number.get() == value

    async def main():
        a, b = pair()
        tasks = [asyncio.ensure_future(receive(value, b)) for value in range(3)]
        await turns()
        for _ in range(3):
            await a.send(b"x")
        await asyncio.gather(*tasks)

    run(main())


# Cancelling ----------------------------------------------------------------------------------------------------------


def test_a_cancelled_receive_takes_nothing(pair):
    async def main():
        a, b = pair()
        task = asyncio.ensure_future(consume(b.recv()))
        await turns()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not b._traffic.receivers
        future = b.recv()
        assert future.cancel() and not future.cancel() and future.cancelled()
        with pytest.raises(asyncio.CancelledError):
            await future
        await a.send(b"x")
        assert await b.recv() == b"x"

    run(main())


@pytest.mark.parametrize("woken", [False, True], ids=["before the loop knows", "after it was woken"])
def test_a_receive_that_is_cancelled_when_its_message_has_come_leaves_it_to_the_next(pair, woken):
    async def main():
        a, b = pair()
        await met(a, b)
        first, second = [asyncio.ensure_future(consume(b.recv())) for _ in range(2)]
        await turns()
        a.send(b"x")
        arrived(b)
        if woken:
            b._traffic.handle()
            assert b._traffic.receivers[0]._wake.woken
        first.cancel()
        assert await second == b"x"
        assert first.cancelled()
        third = asyncio.ensure_future(consume(b.recv_json()))
        await turns()
        a.send(b"y")
        arrived(b)
        if woken:
            b._traffic.handle()
        third.cancel()
        with pytest.raises(asyncio.CancelledError):
            await third
        assert await b.recv() == b"y"

    run(main())


def test_a_cancelled_send_sends_nothing(pair):
    async def main():
        a, b = pair(zmq.PUSH, zmq.PULL, "inproc", sndhwm=1, rcvhwm=1)
        sent = []
        while True:
            future = a.send(b"%d" % len(sent))
            if not future.done():
                break
            sent.append(b"%d" % len(sent))
        task = asyncio.ensure_future(consume(a.send(b"other")))
        await turns()
        assert future.cancel() and task.cancel()
        await turns()
        sent.append(b"last")
        last = asyncio.ensure_future(consume(a.send(b"last")))
        assert [await b.recv() for _ in sent] == sent
        await last
        assert await b.poll(20) == 0

    run(main())


def test_a_time_limit(pair):
    async def main():
        a, b = pair()
        for _ in range(5):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(b.recv(), 0.001)
        await a.send(b"x")
        assert await asyncio.wait_for(b.recv(), LIMIT) == b"x"
        assert not b._traffic.receivers

    run(main())


def test_cancelled_ones_leave_nothing_behind(pair):
    async def main():
        a, b = pair()
        references = []
        for _ in range(3):
            for call in (b.recv, b.recv_json, b.poll):
                future = call()
                references.append(weakref.ref(future))
                future.cancel()
        del future
        await turns()
        await collect(lambda: not any(reference() for reference in references))
        assert not b._traffic.receivers and not b._traffic.polls

    run(main())


# Time-outs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [0, 5])
@pytest.mark.parametrize("as_future", [False, True])
def test_time_outs_of_the_socket(pair, timeout, as_future):
    async def main():
        a, b = pair(zmq.PUSH, zmq.PULL, "inproc", sndhwm=1, rcvhwm=1)
        b.rcvtimeo = a.sndtimeo = timeout
        for call in (b.recv, b.recv_multipart, b.recv_string, lambda: b.recv_into(bytearray(3))):
            future = call()
            if as_future:
                await asyncio.wait([future])
            with pytest.raises(zmq.Again):
                await future
        with pytest.raises(zmq.Again):
            while True:
                await a.send(b"x")
        assert not a._traffic.senders and not b._traffic.receivers
        # One that came in time is not taken back.
        b.rcvtimeo = 10000
        assert await b.recv() == b"x"

    run(main())


# Errors --------------------------------------------------------------------------------------------------------------


def test_errors_come_with_the_future(pair):
    async def main():
        req, rep = pair(zmq.REQ, zmq.REP)
        future = req.recv()
        assert future.done()
        with pytest.raises(zmq.ZMQError) as caught:
            await future
        assert caught.value.errno == zmq.EFSM
        with pytest.raises(TypeError, match="send_string"):
            await req.send("text")
        with pytest.raises(TypeError, match="Frame 1"):
            await req.send_multipart([b"", "text"])
        with pytest.raises(IndexError):
            await req.send_multipart([])
        with pytest.raises(TypeError):
            req.recv("flags")
        with pytest.raises(TypeError):
            req.send(b"", 1.5)
        # In line behind another, too: the second has no reply to wait for.
        await req.send(b"x")
        first, second = req.recv(), asyncio.ensure_future(consume(req.recv()))
        await rep.recv()
        await rep.send(b"y")
        assert await first == b"y"
        with pytest.raises(zmq.ZMQError) as caught:
            await second
        assert caught.value.errno == zmq.EFSM

    run(main())


@pytest.mark.parametrize("before", [True, False])
def test_a_message_that_cannot_be_read_is_an_error_of_the_future(pair, before):
    async def main():
        a, b = pair()
        future = None if before else b.recv_string()
        await a.send(b"\xff")
        with pytest.raises(UnicodeDecodeError):
            await (future or b.recv_string())
        await a.send(b"x")
        assert await b.recv() == b"x"

    run(main())


def test_a_recv_of_a_subclass_may_be_a_coroutine(waiting_context, endpoint):
    class Loud(zmq_asyncio.Socket):
        async def recv(self, *args, **kwargs):
            return (await super().recv(*args, **kwargs)).upper()

    async def main():
        a = waiting_context.socket(zmq.PAIR)
        b = waiting_context.socket(zmq.PAIR, socket_class=Loud)
        a.bind(endpoint("inproc"))
        b.connect(a.last_endpoint.rstrip(b"\0").decode())
        for _ in range(2):
            await a.send(b"abc")
        assert await b.recv() == b"ABC"
        assert await b.recv_string() == "ABC"

    run(main())


# The end -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["close", "shadow", "plain", "destroy", "with"])
def test_closing_cancels_what_waits(pair, waiting_context, how):
    async def main():
        _, b = pair()
        futures = [b.recv(), b.recv_json(), b.poll(), asyncio.ensure_future(consume(b.recv()))]
        poller = zmq_asyncio.Poller()
        poller.register(b)
        poller.modify(b, zmq.POLLIN)
        futures.append(poller.poll())
        await turns()
        loop, fd = asyncio.get_running_loop(), b.FD
        if how == "close":
            b.close()
        elif how == "shadow":
            zmq_asyncio.Socket.shadow(b).close()
        elif how == "plain":
            zmq.Socket.shadow(b).close()
        elif how == "destroy":
            waiting_context.destroy()
        else:
            with b:
                pass
        outcome = await asyncio.gather(*futures, return_exceptions=True)
        assert [type(error) for error in outcome] == [asyncio.CancelledError] * len(futures)
        assert not loop.remove_reader(fd)  # it is gone already
        with pytest.raises(zmq.ZMQError) as caught:
            b.recv()
        assert caught.value.errno == zmq.ENOTSOCK
        with pytest.raises(zmq.ZMQError) as caught:
            b.poll()
        assert caught.value.errno == zmq.ENOTSUP
        b.close()

    run(main())


def test_the_end_of_the_context_is_an_error_for_those_who_wait(pair, waiting_context):
    async def main():
        a, b = pair()
        futures = [b.recv(), asyncio.ensure_future(consume(b.recv_multipart())), b.poll()]
        await turns()
        thread = threading.Thread(target=waiting_context.term)
        thread.start()
        outcome = await asyncio.gather(*futures, return_exceptions=True)
        assert [type(error) for error in outcome] == [zmq.ContextTerminated] * 3
        with pytest.raises(zmq.ContextTerminated):
            await b.recv()
        a.close()
        b.close()
        await asyncio.get_running_loop().run_in_executor(None, thread.join)

    run(main())


def test_a_socket_that_waited_once_can_be_collected(waiting_context):
    async def main():
        socket = waiting_context.socket(zmq.PULL)
        waiting_context.kept.clear()
        assert await socket.poll(1) == 0
        with pytest.warns(ResourceWarning, match="Unclosed socket") as caught:
            del socket
            await collect(lambda: len(caught))

    run(main())


def test_a_socket_that_waits_is_kept(waiting_context, endpoint):
    async def main():
        push = waiting_context.socket(zmq.PUSH)
        push.bind(endpoint("inproc"))
        address = push.last_endpoint.rstrip(b"\0").decode()

        def receive():
            socket = waiting_context.socket(zmq.PULL)
            socket.connect(address)
            waiting_context.kept.remove(socket)
            return socket.recv()

        future = receive()
        gc.collect()
        await push.send(b"x")
        with pytest.warns(ResourceWarning, match="Unclosed socket") as caught:
            assert await future == b"x"
            del future
            await collect(lambda: len(caught))

    run(main())


# Who else uses the socket --------------------------------------------------------------------------------------------


def test_after_a_dialogue_of_the_plain_socket(pair):
    """A plain receive that has waited makes the next one begin with waiting; an awaited one must not take that for news."""

    async def main():
        a, b = pair()
        await met(a, b)
        plain = b._shadow_sock
        for _ in range(3):
            await a.send(b"x")
            assert plain.recv() == b"x"
            plain._begin_with(True)
            await a.send(b"here")
            while not plain.get(zmq.EVENTS) & zmq.POLLIN:
                await asyncio.sleep(0.001)
            future = b.recv()
            assert future.done() and future.result() == b"here"
            plain._begin_with(True)
            waiting = b.recv()
            assert not waiting.done()
            await a.send(b"later")
            assert await waiting == b"later"
            plain._begin_with(True)
            with pytest.raises(zmq.Again):
                plain.recv(zmq.DONTWAIT)

    run(main())



def eat_by_events(a, b):
    assert b.get(zmq.EVENTS) & zmq.POLLIN
    assert b.EVENTS & zmq.POLLIN and b.getsockopt(zmq.EVENTS) & zmq.POLLIN


def eat_by_bind(a, b):
    b.bind("tcp://127.0.0.1:*")
    b.unbind(b.last_endpoint)


def eat_by_connect(a, b):
    b.connect("tcp://127.0.0.1:1")
    b.disconnect("tcp://127.0.0.1:1")


def eat_by_sending(a, b):
    for _ in range(300):
        b.send(b"x")


def eat_by_polling(a, b):
    poller = zmq_asyncio.Poller()
    poller.register(b, zmq.POLLIN)
    assert poller.poll(0).result() == [(b, zmq.POLLIN)]


EATERS = [eat_by_events, eat_by_bind, eat_by_connect, eat_by_sending, eat_by_polling]


@pytest.mark.parametrize("eat", EATERS)
@pytest.mark.parametrize("as_future", [False, True])
def test_nothing_takes_the_wake_up_away(pair, eat, as_future):
    """Each of these makes the file descriptor unreadable while somebody waits for it."""

    async def main():
        a, b = pair(zmq.DEALER, zmq.DEALER)
        await met(a, b)
        receiving = b.recv() if as_future else asyncio.ensure_future(consume(b.recv()))
        polling = b.poll()
        await turns()
        a.send(b"message")
        arrived(b)
        eat(a, b)
        assert await polling == zmq.POLLIN
        assert await receiving == b"message"

    run(main())


def test_several_objects_of_one_socket(pair):
    async def main():
        a, b = pair()
        other = zmq_asyncio.Socket.from_socket(b)
        first, second = b.recv(), other.recv()
        third = asyncio.ensure_future(consume(zmq_asyncio.Socket.shadow(b).recv()))
        await turns()
        for number in range(3):
            await a.send(b"%d" % number)
        assert await asyncio.gather(first, second, third) == [b"0", b"1", b"2"]

    run(main())


def test_from_a_plain_socket(bound_pair):
    async def main():
        push, pull = bound_pair(zmq.PUSH, zmq.PULL)
        waiting = zmq_asyncio.Socket.from_socket(pull)
        assert waiting.type == zmq.PULL and waiting.underlying == pull.underlying
        future = waiting.recv()
        push.send(b"x")
        assert await future == b"x"
        push.send(b"y")
        assert pull.recv() == b"y"
        future = waiting.recv()
        pull.close()
        assert future.cancelled() and waiting.closed
        assert zmq_asyncio.Socket(push).underlying == push.underlying
        with pytest.warns(DeprecationWarning, match="io_loop"):
            zmq_asyncio.Socket.from_socket(push, io_loop=asyncio.get_running_loop())

    run(main())


# Loops ---------------------------------------------------------------------------------------------------------------


def test_a_socket_made_outside_of_a_loop_is_used_in_several(pair):
    a, b = pair()

    async def talk(number):
        future = b.recv()
        await turns()
        await a.send(b"%d" % number)
        return await future

    for number in range(3):
        assert run(talk(number)) == b"%d" % number


def test_what_waits_in_a_loop_that_is_closed_takes_nothing(pair):
    a, b = pair()

    async def wait():
        b.recv()
        b.poll()
        await turns()

    async def talk():
        await a.send(b"x")
        return await b.recv()

    run(wait())
    assert run(talk()) == b"x"


def test_two_loops_in_two_threads(pair):
    results = []

    def serve(socket):
        async def main():
            while True:
                message = await socket.recv()
                await socket.send(message)
                if message == b"end":
                    return

        results.append(run(main()))

    a, b = pair(zmq.REQ, zmq.REP)
    thread = threading.Thread(target=serve, args=(b,))
    thread.start()

    async def ask():
        for number in range(50):
            await a.send(b"%d" % number)
            assert await a.recv() == b"%d" % number
        await a.send(b"end")
        return await a.recv()

    assert run(ask()) == b"end"
    thread.join(LIMIT)
    assert results == [None]


@pytest.fixture
def loops():
    """Two event loops that are used by turns."""
    made = [asyncio.SelectorEventLoop() for _ in range(2)]
    yield made
    for loop in made:
        loop.close()


def stop_with_a_look_pending(loop, socket):
    """Let a loop stop in the very round in which it was asked to look at a socket."""

    async def ask():
        waiting = socket.recv()
        socket.get(zmq.EVENTS)
        loop.stop()
        return waiting

    task = loop.create_task(ask())
    loop.run_forever()
    assert task.done() and socket._traffic._scheduled
    return task.result()


async def receive_what_only_a_look_tells(a, b):
    """Receive a message whose news something else takes away, so that a look at EVENTS has to tell."""
    waiting = asyncio.ensure_future(consume(b.recv()))
    await turns()
    a._shadow_sock.send(b"x")
    until(lambda: b.get(zmq.EVENTS) & zmq.POLLIN, "the message does not arrive")
    return await asyncio.wait_for(waiting, LIMIT / 2)


@pytest.mark.parametrize("end", ["stopped", "closed"])
def test_a_loop_that_ends_before_it_has_looked_takes_no_wake_up_away(pair, loops, end):
    a, b = pair()
    left = stop_with_a_look_pending(loops[0], b)
    if end == "closed":
        loops[0].close()
    assert run(receive_what_only_a_look_tells(a, b)) == b"x"
    assert left.cancelled()


def test_a_loop_does_not_run_the_tasks_of_another_one(pair, loops):
    """Although it comes late to a look that it was asked for when the socket was still in it."""
    first, second = loops
    a, b = pair(transport="inproc")
    stop_with_a_look_pending(first, b)
    ran_in = []

    async def receive():
        message = await b.recv()
        ran_in.append(asyncio.get_running_loop())
        return message

    async def begin():
        task = asyncio.ensure_future(receive())
        await turns()
        return task

    task = second.run_until_complete(begin())
    a._shadow_sock.send(b"x")
    arrived(b)
    first.run_until_complete(turns())
    assert not ran_in
    assert second.run_until_complete(asyncio.wait_for(task, LIMIT)) == b"x"
    assert ran_in == [second]


def test_loops_that_have_a_socket_by_turns(pair, loops):
    a, b = pair()
    for number in range(20):
        loop, other = loops[number % 2], loops[(number + 1) % 2]
        assert loop.run_until_complete(receive_what_only_a_look_tells(a, b)) == b"x"
        left = stop_with_a_look_pending(loop, b)
        other.run_until_complete(turns())
        assert not left.done()


@pytest.mark.parametrize("way", ["recv", "poll", "poller"])
def test_a_loop_that_is_closed_with_somebody_waiting(pair, loops, way):
    a, b = pair()
    poller = zmq_asyncio.Poller()
    poller.register(b, zmq.POLLIN)

    async def wait():
        waiting = {"recv": b.recv, "poll": b.poll, "poller": poller.poll}[way]()
        task = asyncio.ensure_future(consume(waiting))
        await turns()
        b.get(zmq.EVENTS)
        return task

    task = loops[0].run_until_complete(wait())
    loops[0].close()
    # Nobody will ever go on with it, and nobody need be told.
    task._log_destroy_pending = False
    assert run(receive_what_only_a_look_tells(a, b)) == b"x"
    a._shadow_sock.send(b"y")

    async def poll():
        return await poller.poll(LIMIT * 1000)

    assert run(poll()) == [(b, zmq.POLLIN)]


@pytest.mark.parametrize("debug", [False, True])
def test_what_waits_in_the_loop_of_another_thread_is_cancelled_there(pair, debug):
    a, b = pair()
    outcome = []
    waits, cancelled = threading.Event(), threading.Event()

    def wait():
        async def main():
            task = asyncio.ensure_future(consume(b.recv()))
            asyncio.get_running_loop().set_debug(debug)
            await turns()
            waits.set()
            try:
                await task
            except asyncio.CancelledError:
                outcome.append(asyncio.get_running_loop())
            cancelled.set()

        run(main())

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        assert waits.wait(LIMIT)
        assert run(receive_what_only_a_look_tells(a, b)) == b"x"
        # Before anything else wakes that loop up.
        assert cancelled.wait(LIMIT / 2)
    finally:
        thread.join(LIMIT * 2)
    assert len(outcome) == 1
    # And the socket may go on from there.
    assert run(receive_what_only_a_look_tells(a, b)) == b"x"


def test_a_look_that_is_pending_when_the_socket_goes_to_the_loop_of_another_thread(pair, loops):
    a, b = pair()
    left = stop_with_a_look_pending(loops[0], b)
    got = []
    thread = threading.Thread(target=lambda: got.append(run(receive_what_only_a_look_tells(a, b))))
    thread.start()
    thread.join(LIMIT * 2)
    assert got == [b"x"]
    loops[0].run_until_complete(turns())
    assert left.cancelled()
    assert loops[0].run_until_complete(receive_what_only_a_look_tells(a, b)) == b"x"


def test_without_a_running_loop(pair):
    a, b = pair(transport="inproc")
    loop = asyncio.SelectorEventLoop()
    asyncio.set_event_loop(loop)
    try:
        with pytest.warns(RuntimeWarning, match="No running event loop"):
            future = b.recv()
        with pytest.warns(RuntimeWarning, match="No running event loop"):
            sent = a.send(b"x")
        assert sent.done()
        assert loop.run_until_complete(future) == b"x"
        with pytest.warns(RuntimeWarning, match="No running event loop"):
            polled = zmq_asyncio.Poller().poll(0)
        assert polled.result() == []
    finally:
        asyncio.set_event_loop(None)
        loop.close()


# Turns ---------------------------------------------------------------------------------------------------------------


ALWAYS_READY = {
    "send": lambda pub, sub, poller: pub.send(b"x"),
    "multipart": lambda pub, sub, poller: pub.send_multipart([b"x"]),
    "recv": lambda pub, sub, poller: sub.recv(),
    "poll": lambda pub, sub, poller: pub.poll(None, zmq.POLLOUT),
    "poll in vain": lambda pub, sub, poller: pub.poll(0),
    "poller": lambda pub, sub, poller: poller.poll(),
}


@pytest.mark.parametrize("way", ALWAYS_READY)
def test_a_socket_that_is_always_ready_lets_others_run(waiting_context, endpoint, monkeypatch, way):
    # Otherwise the time that this takes decides.
    monkeypatch.setattr(_traffic, "SLICE", 0.0)
    count = 2000

    async def main():
        pub, sub = waiting_context.socket(zmq.PUB), waiting_context.socket(zmq.SUB)
        pub.sndhwm = sub.rcvhwm = 0
        sub.subscribe(b"")
        pub.bind(endpoint("inproc"))
        sub.connect(pub.last_endpoint.rstrip(b"\0").decode())
        if way == "recv":
            for _ in range(count):
                pub._shadow_sock.send(b"x")
        ticks = 0
        ticking = True

        async def tick():
            nonlocal ticks
            while ticking:
                ticks += 1
                await asyncio.sleep(0)

        other = asyncio.ensure_future(tick())
        poller = zmq_asyncio.Poller()
        poller.register(pub, zmq.POLLOUT)
        for _ in range(count):
            await ALWAYS_READY[way](pub, sub, poller)
        ticking = False
        await other
        assert ticks >= count // (_traffic.CREDIT + 1) - 1

    run(main())


# Idleness ------------------------------------------------------------------------------------------------------------


class Counting:
    """A selector that counts how often it returns."""

    def __new__(cls):
        import selectors

        class Selector(selectors.DefaultSelector):
            returns = 0

            def select(self, timeout=None):
                found = super().select(timeout)
                self.returns += 1
                return found

        return Selector()


@pytest.fixture
def count():
    """How many sockets there may be: nearly as many as libzmq lets a context have, if the process may have so many files."""
    try:
        import resource
    except ImportError:
        yield 200
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    least, unlimited = 2500, resource.RLIM_INFINITY
    raises = soft != unlimited and soft < least <= (least if hard == unlimited else hard)
    if raises:
        resource.setrlimit(resource.RLIMIT_NOFILE, (least, hard))
    yield 1000 if raises or soft == unlimited or soft >= least else 200
    if raises:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_idle_sockets_wake_nobody_up(waiting_context, endpoint, count):
    """And cost no processor time, in whatever thread."""
    selector = Counting()

    async def main():
        sockets = []
        for number in range(count // 2):
            a, b = waiting_context.socket(zmq.DEALER), waiting_context.socket(zmq.DEALER)
            a.bind(endpoint("tcp" if number % 10 == 0 else "inproc"))
            b.connect(a.last_endpoint.rstrip(b"\0").decode())
            sockets += [a, b]
        for a, b in zip(sockets[::2], sockets[1::2]):
            # Every connection is there, and every message of libzmq's own has been dealt with.
            await a.send(b"x")
            await b.recv()
            await b.send(b"y")
            await a.recv()
        futures = [socket.recv() for socket in sockets]
        tasks = [asyncio.ensure_future(consume(socket.poll())) for socket in sockets]
        await asyncio.sleep(0.2)
        before, used = selector.returns, time.process_time()
        await asyncio.sleep(IDLE)
        woken, used = selector.returns - before, time.process_time() - used
        for future in futures + tasks:
            future.cancel()
        return woken, used

    woken, used = run(main(), asyncio.SelectorEventLoop(selector))
    # The timer of the sleep, and what it sets off.
    assert woken <= 3
    # It takes less than a millisecond; a look at each of them twenty times a second would take half as much again as this.
    assert used < IDLE / 10


def test_messages_that_nobody_waits_for_wake_up_once_and_no_more(pair):
    selector = Counting()

    async def main():
        a, b = pair(zmq.PUSH, zmq.PULL)
        await a.send(b"x")
        await b.recv()
        waiting = b.recv()
        await a.send(b"x")
        await waiting
        before = selector.returns
        for _ in range(100):
            a._shadow_sock.send(b"x")
        await asyncio.sleep(0.2)
        some = selector.returns - before
        await asyncio.sleep(0.2)
        return some, selector.returns - before - some

    some, more = run(main(), asyncio.SelectorEventLoop(selector))
    assert some <= 110 and more <= 3


# -- what was sent at once --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method, message", [("send", b"x"), ("send_multipart", [b"x", b"y"])])
def test_futures_of_sends_are_nobody_elses(pair, method, message):
    a, b = pair(zmq.PUSH, zmq.PULL)
    called = []

    async def main():
        send = getattr(a, method)
        await send(message)
        await b.recv_multipart()
        kept = [send(message) for _ in range(5)]
        assert len(set(map(id, kept))) == 5
        assert all(future.get_loop() is asyncio.get_running_loop() for future in kept)
        # One that is only in a container, or in a callback, is not free either.
        tasks = {send(message): number for number in range(5)}
        assert len(tasks) == 5
        send(message).add_done_callback(called.append)
        assert await asyncio.gather(*[send(message) for _ in range(5)]) == [None] * 5
        await turns()
        (future,) = called
        assert future is not send(message) and future.result() is None and not future.cancel()
        for _ in range(17):
            await b.recv_multipart()

    run(main())


def test_futures_of_sends_belong_to_the_loop_that_runs(pair):
    a, b = pair(zmq.PUSH, zmq.PULL)
    loops = []

    async def main():
        for _ in range(3):
            future = a.send(b"x")
            assert future.get_loop() is asyncio.get_running_loop()
            await future
            del future
            await b.recv()
        loops.append(asyncio.get_running_loop())

    run(main())
    run(main())
    assert loops[0] is not loops[1]


def test_futures_of_sends_in_debug_mode_know_where_they_were_made(pair):
    a, b = pair(zmq.PUSH, zmq.PULL)

    async def main():
        asyncio.get_running_loop().set_debug(True)
        for _ in range(3):
            await a.send(b"x")
        assert a._sent is None
        asyncio.get_running_loop().set_debug(False)
        for _ in range(3):
            await b.recv()

    run(main())


# -- a peer that goes in the midst of a message -----------------------------------------------------------------------


def as_sent(kind, part):
    """How a frame is sent in one of several ways: the name of the method, its argument, and options."""
    return {
        "bytes": ("send", part, {}),
        "string": ("send_string", part.decode(), {}),
        "buffer": ("send", bytearray(part), {}),
        "lent": ("send", bytearray(part), {"copy": False}),
        "frame": ("send", zmq.Frame(part), {"copy": False}),
    }[kind]


@pytest.fixture
def leaving(waiting_context, endpoint):
    """A sender, its receiver, and what connects another receiver when the first has gone."""

    def make(kind):
        other = {zmq.PUSH: zmq.PULL}.get(kind, kind)
        sender, first = waiting_context.socket(kind), waiting_context.socket(other)
        sender.linger = sender.copy_threshold = 0
        sender._shadow_sock.copy_threshold = 0
        sender.bind(endpoint("inproc"))
        address = sender.last_endpoint.rstrip(b"\0").decode()
        first.connect(address)

        def leave():
            go_away(first, sender)

        async def another():
            # In the midst of a message nothing tells that the first is forgotten.
            await ready(False, 10 if sender._shadow_sock._midway else 500)
            while True:
                second = waiting_context.socket(other)
                second.connect(address)
                if await ready(True, 10):
                    return second
                # A PAIR that has not yet forgotten the first takes no other.
                second.close(0)

        async def ready(wanted, count):
            for _ in range(count):
                if bool(sender.get(zmq.EVENTS) & zmq.POLLOUT) is wanted:
                    return True
                await asyncio.sleep(0.01)
            return False

        return sender, leave, another

    return make


# Before, libzmq told nothing but EAGAIN, and 4.1 aborts the process.
@pytest.mark.libzmq("4.2.5")
@pytest.mark.parametrize("way", ["bytes", "string", "buffer", "lent", "frame"])
@pytest.mark.parametrize("gone", [1, 3])
@pytest.mark.parametrize("kind", [zmq.DEALER, zmq.PAIR])
def test_the_rest_of_a_message_goes_to_nobody_else(leaving, kind, gone, way):
    async def main():
        sender, leave, another = leaving(kind)
        sent = []
        for number, part in enumerate((b"1", b"2", b"3", b"4")):
            if number == gone:
                leave()
            method, data, options = as_sent(way, part)
            sent.append(getattr(sender, method)(data, flags=zmq.SNDMORE if number < 3 else 0, **options))
            await turns()
        second = await another()
        sent += [sender.send(b"one"), sender.send_multipart([b"a", b"b"])]
        assert await second.recv_multipart() == [b"one"]
        assert await second.recv_multipart() == [b"a", b"b"]
        await asyncio.gather(*sent)

    run(main())


@pytest.mark.libzmq("4.2.5")
@pytest.mark.parametrize("gone", [1, 2, 3])
@pytest.mark.parametrize("kind", [zmq.PUSH, zmq.PAIR])
def test_the_rest_may_come_when_another_peer_is_there(leaving, kind, gone):
    async def main():
        sender, leave, another = leaving(kind)
        for number, part in enumerate((b"1", b"2", b"3", b"4", b"5")):
            if number == gone:
                leave()
            if number == gone + 1:
                second = await another()
            await sender.send(part, zmq.SNDMORE if number < 4 else 0)
        await sender.send(b"one")
        assert await second.recv_multipart() == [b"one"]
        # As before, what is sent waits for a peer.
        second.close(0)
        await asyncio.sleep(0.02)
        waiting = sender.send_multipart([b"a", b"b"])
        third = await another()
        assert await third.recv_multipart() == [b"a", b"b"]
        await waiting

    run(main())


@pytest.fixture
def leaving_call(monkeypatch):
    """Have something done before one of the calls that send frames, counted from 0."""
    library = zmq.loader.load()
    count, actions = [0], {}

    def hook(calls, name):
        call = getattr(calls, name)

        def before(*arguments):
            number = count[0]
            count[0] += 1
            action = actions.pop(number, None)
            if action:
                action()
            return call(*arguments)

        monkeypatch.setattr(calls, name, before)

    for calls in (library.waiting, library.nowait):
        for name in ("send", "msg_send"):
            hook(calls, name)

    def at(number, action):
        count[0] = 0
        actions[number] = action

    return at


@pytest.mark.libzmq("4.2.5")
@pytest.mark.parametrize(
    "flags, way", [(0, "bytes"), (0, "lent"), (0, "frame"), (zmq.DONTWAIT, "bytes"), (zmq.DONTWAIT, "buffer")]
)
@pytest.mark.parametrize("gone", [2, 3])
@pytest.mark.parametrize("kind", [zmq.PUSH, zmq.PAIR])
def test_the_rest_of_a_list_goes_to_nobody_else(leaving_call, leaving, kind, gone, flags, way):
    async def main():
        sender, leave, another = leaving(kind)
        # None of the first is tried twice.
        leaving_call(gone, leave)
        parts = [as_sent(way, part) for part in (b"1", b"2", b"3", b"4")]
        sent = sender.send_multipart([part for _, part, _ in parts], flags, **parts[0][2])
        # Cancelling is too late.
        assert sent.done() and not sent.cancel() and await sent is None
        second = await another()
        await sender.send_multipart([b"a", b"b"])
        await sender.send(b"one")
        assert await second.recv_multipart() == [b"a", b"b"]
        assert await second.recv_multipart() == [b"one"]

    run(main())


@pytest.mark.libzmq("4.2.5")
@pytest.mark.parametrize("size", [1, 100_000])
def test_a_list_may_end_a_message_whose_peer_is_gone(leaving, size):
    async def main():
        sender, leave, another = leaving(zmq.PUSH)
        await sender.send(b"1", zmq.SNDMORE)
        leave()
        sent = sender.send_multipart([b"x" * size])
        second = await another()
        after = sender.send_multipart([b"a", b"b"])
        assert await second.recv_multipart() == [b"a", b"b"]
        await sent
        await after
        assert not sender._shadow_sock._midway

    run(main())


@pytest.mark.libzmq("4.2.5")
@pytest.mark.parametrize("kind", [zmq.PUSH, zmq.PAIR])
def test_memory_that_was_lent_for_the_rest_is_given_back(leaving, kind):
    async def main():
        sender, leave, another = leaving(kind)
        await sender.send(b"1", zmq.SNDMORE)
        leave()
        trackers = [
            await sender.send(bytearray(b"2"), zmq.SNDMORE, copy=False, track=True),
            await sender.send(bytearray(b"3"), copy=False, track=True),
        ]
        for tracker in trackers:
            tracker.wait(LIMIT)
        second = await another()
        await sender.send(b"one")
        assert await second.recv_multipart() == [b"one"]

    run(main())


@pytest.mark.libzmq("4.2.5")
def test_closing_ends_a_message_whose_peer_is_gone(leaving):
    async def main():
        sender, leave, _ = leaving(zmq.PAIR)
        await sender.send(b"1", zmq.SNDMORE)
        leave()
        await sender.send(b"2", zmq.SNDMORE)
        sender.close(0)
        for flags in (zmq.SNDMORE, 0):
            with pytest.raises(zmq.ZMQError) as caught:
                await sender.send(b"3", flags)
            assert caught.value.errno == zmq.ENOTSOCK

    run(main())


def test_a_message_that_has_begun_still_waits_for_nothing(pair):
    """One peer has no room; the frames after the first go all the same."""

    async def main():
        a, b = pair(zmq.PUSH, zmq.PULL, sndhwm=1, rcvhwm=1)
        count = 0
        while True:
            first = a.send(b"1", zmq.SNDMORE)
            await turns()
            if not first.done():
                break
            await a.send(b"2")
            count += 1
        rest = a.send(b"2")
        for _ in range(count + 1):
            assert await b.recv_multipart() == [b"1", b"2"]
        await first
        await rest

    run(main())
