"""ZMQStream: callbacks for messages, sending in turn, flushing, closing, and never a message that waits unseen."""

from __future__ import annotations

import asyncio
import inspect
import time

import pytest
from support import count_sends, go_away, need_package

import zmq_ctypes as zmq

try:
    from tornado import gen

    from zmq_ctypes.eventloop.zmqstream import ZMQStream
except ImportError:
    pass  # the fixtures say so


@pytest.fixture
def streams(bound_pair):
    """Make two streams, the first bound and the second connected to it."""
    made = []

    def make(bound=None, connected=None, transport="tcp", **options):
        pair = bound_pair(
            zmq.DEALER if bound is None else bound, zmq.DEALER if connected is None else connected, transport, **options
        )
        made.extend(ZMQStream(socket) for socket in pair)
        return made[-2:]

    yield make
    for stream in made:
        assert stream.socket is None or stream.socket.closed is False


def close(*streams):
    for stream in streams:
        stream.close(0)


class Collector(list):
    """Receives messages; `upto` waits for some number of them."""

    def __init__(self):
        self.changed = asyncio.Event()

    def __call__(self, *args):
        self.append(args[0] if len(args) == 1 else args)
        self.changed.set()

    async def upto(self, count):
        while len(self) < count:
            self.changed.clear()
            await self.changed.wait()
        return list(self)


def test_receiving(streams, run):
    async def main():
        one, other = streams()
        got = Collector()
        other.on_recv(got)
        assert other.receiving() and not one.receiving()
        one.send(b"a")
        one.send_multipart([b"b", b"c"])
        one.send_string("é")
        one.send_unicode("u", encoding="utf-16-le")
        one.send_json({"a": 1})
        one.send_pyobj((1, 2))
        messages = await got.upto(6)
        assert messages[:5] == [[b"a"], [b"b", b"c"], ["é".encode()], [b"u\0"], [b'{"a": 1}']]
        assert zmq.Frame(messages[5][0]).bytes[:1] == b"\x80"
        close(one, other)

    run(main())


def test_frames(streams, run):
    async def main():
        one, other = streams()
        got = Collector()
        other.on_recv(got, copy=False)
        one.send(b"x")
        ((frame,),) = await got.upto(1)
        assert isinstance(frame, zmq.Frame) and frame.bytes == b"x"
        close(one, other)

    run(main())


def test_the_stream_as_an_argument(streams, run):
    async def main():
        one, other = streams()
        got, sent = Collector(), Collector()
        other.on_recv_stream(got)
        one.on_send_stream(sent)
        one.send(b"x")
        assert await got.upto(1) == [(other, [b"x"])]
        assert await sent.upto(1) == [(one, [b"x"], None)]
        other.on_recv_stream(None)
        one.on_send_stream(None)
        assert not other.receiving()
        close(one, other)

    run(main())


def test_sending(streams, run):
    async def main():
        one, other = streams(timeout=10_000)
        sent = Collector()
        one.on_send(sent)
        one.send(b"x" * 100_000, copy=False, track=True)
        assert one.sending()
        ((parts, tracker),) = await sent.upto(1)
        assert parts == [b"x" * 100_000] and isinstance(tracker, zmq.MessageTracker)
        assert not one.sending()
        once = Collector()
        one.send(b"y", callback=once)
        one.send(b"z")
        # The callback of a message is that of all later ones.
        assert await once.upto(2) == [([b"y"], None), ([b"z"], None)]
        one.stop_on_send()
        one.send(b"nobody is told")
        assert len(other.socket.recv()) == 100_000
        assert [other.socket.recv(), other.socket.recv()] == [b"y", b"z"]
        while one.sending():
            await asyncio.sleep(0)
        assert len(once) == 2
        close(one, other)

    run(main())


def test_what_is_sent_waits_for_room(streams, run):
    async def main():
        push, pull = streams(zmq.PUSH, zmq.PULL, "inproc", sndhwm=1, rcvhwm=1)
        for i in range(100):
            push.send(b"%d" % i)
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert push.sending()
        got = Collector()
        pull.on_recv(got)
        assert await got.upto(100) == [[b"%d" % i] for i in range(100)]
        close(push, pull)

    run(main())


def test_a_request_waits_for_its_turn(streams, run):
    async def main():
        req, rep = streams(zmq.REQ, zmq.REP)
        got = Collector()
        req.on_recv(got)
        rep.on_recv(rep.send_multipart)
        for i in range(5):
            req.send(b"%d" % i)
        assert await got.upto(5) == [[b"%d" % i] for i in range(5)]
        close(req, rep)

    run(main())


def test_one_full_peer_of_a_router_stops_nothing_else(make_socket, endpoint, run):
    async def main():
        router = make_socket(zmq.ROUTER, router_mandatory=1, sndhwm=1)
        router.bind(endpoint("inproc"))
        dealer = make_socket(zmq.DEALER, rcvhwm=1, routing_id=b"peer")
        dealer.connect(router.last_endpoint.rstrip(b"\0"))
        # One that can be written to, so that libzmq says that the socket can be.
        other = make_socket(zmq.DEALER)
        other.connect(router.last_endpoint.rstrip(b"\0"))
        stream = ZMQStream(router)
        got = Collector()
        stream.on_recv(got)
        for i in range(10):
            stream.send_multipart([b"peer", b"%d" % i])
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert stream.sending() and router.poll(0, zmq.POLLOUT)
        dealer.send(b"still heard")
        assert await got.upto(1) == [[b"peer", b"still heard"]]
        reader = ZMQStream(dealer)
        read = Collector()
        reader.on_recv(read)
        assert await read.upto(10) == [[b"%d" % i] for i in range(10)]
        close(stream, reader)

    run(main())


def test_messages_that_cannot_be_sent(bound_pair, run, messages):
    async def main():
        router, dealer = bound_pair(zmq.ROUTER, zmq.DEALER, "inproc")
        router.router_mandatory = 1
        stream = ZMQStream(router)
        sent = Collector()
        stream.on_send(sent)
        stream.send_multipart([b"nobody", b"x"])
        ((parts, error),) = await sent.upto(1)
        assert parts == [b"nobody", b"x"] and error.errno == zmq.EHOSTUNREACH
        close(stream)

    run(main())
    assert messages() == [f"SEND Error: {zmq.strerror(zmq.EHOSTUNREACH)}"]


def test_what_is_no_message(make_socket, run):
    async def main():
        stream = ZMQStream(make_socket(zmq.PUSH))
        for wrong, error in (("text", TypeError), ([b"a", "text"], TypeError), ([], IndexError), (iter([b""]), TypeError)):
            with pytest.raises(error):
                stream.send_multipart(wrong)
        with pytest.raises(TypeError):
            stream.send("text")
        with pytest.raises(TypeError, match="str objects only"):
            stream.send_string(b"bytes")
        with pytest.raises(TypeError, match="flags"):
            stream.send(b"", flags="1")
        assert not stream.sending()
        for method in (stream.on_recv, stream.on_send, stream.on_recv_stream, stream.on_send_stream, stream.set_close_callback):
            with pytest.raises(TypeError, match="callback"):
                method(1)
        close(stream)

    run(main())


# -- callbacks that do something --------------------------------------------------------------------------------------


def test_stopping_and_going_on(streams, run):
    async def main():
        one, other = streams()
        got = Collector()

        def one_at_a_time(message):
            got(message)
            other.stop_on_recv()

        other.on_recv(one_at_a_time)
        for i in range(5):
            one.send(b"%d" % i)
        for count in range(1, 6):
            await got.upto(count)
            for _ in range(5):
                await asyncio.sleep(0.001)
            assert len(got) == count
            # All of them have arrived by now; nothing will tell of them again.
            other.on_recv(one_at_a_time)
        assert got == [[b"%d" % i] for i in range(5)]
        close(one, other)

    run(main())


def test_coroutines(streams, run, messages):
    async def main():
        one, other = streams()
        got, sent = Collector(), Collector()

        async def receive(message):
            await asyncio.sleep(0)
            got(message)
            if message == [b"fail"]:
                raise ValueError("of the callback")

        @gen.coroutine
        def tell(message, status):
            yield gen.sleep(0)
            sent(message)

        other.on_recv(receive)
        one.on_send(tell)
        for data in (b"a", b"fail", b"b"):
            one.send(data)
        assert await got.upto(3) == [[b"a"], [b"fail"], [b"b"]]
        assert await sent.upto(3) == [[b"a"], [b"fail"], [b"b"]]
        await asyncio.sleep(0.01)
        close(one, other)

    run(main())
    assert messages() == ["Uncaught exception in ZMQStream callback"]


def test_an_exception_in_a_callback_leaves_the_others(streams, run, messages):
    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context["exception"]))
        one, other = streams()
        got = Collector()

        def receive(message):
            got(message)
            if len(got) % 2:
                raise ValueError("of the callback")

        for i in range(6):
            one.socket.send(b"%d" % i)
        time.sleep(0.05)
        other.on_recv(receive)
        assert await got.upto(6) == [[b"%d" % i] for i in range(6)]
        await asyncio.sleep(0)
        close(one, other)

    errors = []
    run(main())
    told = messages()
    assert told.count("Uncaught exception in ZMQStream callback") == 3
    # tornado logs what a callback of add_callback raises, and hands the rest to asyncio.
    assert len(errors) + sum(text.startswith("Exception in callback") for text in told) == 3


def test_closing_in_a_callback(streams, run):
    async def main():
        one, other = streams()
        got = Collector()

        def receive(message):
            got(message)
            other.close()

        for i in range(3):
            one.send(b"%d" % i)
        other.on_recv(receive)
        await got.upto(1)
        await asyncio.sleep(0.02)
        assert got == [[b"0"]] and other.closed()
        close(one)

    run(main())


def test_many_messages_let_others_run(streams, run):
    async def main():
        one, other = streams(rcvhwm=0, sndhwm=0)
        turns, got = [], Collector()

        def receive(message):
            got(message)
            turns.append(len(got))

        for _ in range(500):
            one.socket.send(b"x")
        time.sleep(0.1)
        other.on_recv(receive)
        rounds = 0
        while len(got) < 500:
            await asyncio.sleep(0)
            rounds += 1
        assert rounds >= 5
        close(one, other)

    run(main())


# -- the edge ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ("before", "after"))
def test_messages_that_were_there_before(bound_pair, run, when):
    async def main():
        one, other = bound_pair(zmq.DEALER, zmq.DEALER, "tcp")
        stream = ZMQStream(other) if when == "before" else None
        one.send(b"early")
        assert other.poll(5000)
        # Its descriptor is silent now.
        stream = stream or ZMQStream(other)
        await asyncio.sleep(0.01)
        got = Collector()
        stream.on_recv(got)
        assert await got.upto(1) == [[b"early"]]
        close(stream)

    run(main())


def test_sending_takes_no_wake_up_away(streams, run):
    async def main():
        one, other = streams()
        got = Collector()
        one.on_recv(got)
        for count in range(1, 30):
            other.socket.send(b"in")
            time.sleep(0.002)
            # Processes the command that tells of it.
            one.send(b"out")
            one.flush(zmq.POLLOUT)
            await got.upto(count)
        close(one, other)

    run(main())


def test_an_idle_stream_is_idle(streams, run):
    async def main():
        one, other = streams()
        calls = []
        handle = one._handle_events
        one._handle_events = lambda *args: (calls.append(1), handle(*args))
        one.on_recv(lambda message: None)
        await asyncio.sleep(0.05)
        calls.clear()
        await asyncio.sleep(0.1)
        assert len(calls) < 5
        close(one, other)

    run(main())


# -- flush ------------------------------------------------------------------------------------------------------------


def test_flush(streams, run):
    async def main():
        one, other = streams(transport="inproc")
        got, sent = Collector(), Collector()
        one.on_send(sent)
        other.on_recv(got)
        for i in range(5):
            one.send(b"%d" % i)
        assert one.flush(zmq.POLLIN) == 0
        assert one.flush(zmq.POLLOUT, limit=2) == 2
        assert len(sent) == 2 and one.sending()
        assert one.flush() == 3
        assert not one.sending()
        assert other.flush(zmq.POLLOUT) == 0
        assert other.flush(limit=2) == 2
        assert got == [[b"0"], [b"1"]]
        assert other.flush(zmq.POLLIN) == 3
        assert other.flush() == 0
        one.send(b"there")
        other.socket.send(b"back")
        assert one.flush(limit=1) == 1
        assert one.flush() == 1
        close(one, other)

    run(main())


def test_flushing_drops_what_nobody_wants(streams, run):
    async def main():
        one, other = streams(transport="inproc")
        for i in range(3):
            one.socket.send(b"%d" % i)
        assert other.flush(zmq.POLLIN, limit=2) == 2
        got = Collector()
        other.on_recv(got)
        assert await got.upto(1) == [[b"2"]]
        close(one, other)

    run(main())


def test_flushing_in_a_callback(streams, run):
    async def main():
        one, other = streams(transport="inproc")
        got = Collector()
        depth = []

        def receive(message):
            got(message)
            if not depth:
                depth.append(1)
                assert other.flush(zmq.POLLIN, limit=2) == 2

        for i in range(8):
            one.socket.send(b"%d" % i)
        other.on_recv(receive)
        assert await got.upto(8) == [[b"%d" % i] for i in range(8)]
        close(one, other)

    run(main())


def test_flush_ends_this_round(streams, run):
    async def main():
        one, other = streams(transport="inproc")
        got = Collector()
        other.on_recv(got)
        one.socket.send(b"first")
        assert other.flush() == 1
        one.socket.send(b"second")
        other._handle_events(other.socket, 0)
        # The loop's own callback comes in the next round.
        assert got == [[b"first"]]
        assert await got.upto(2) == [[b"first"], [b"second"]]
        close(one, other)

    run(main())


def test_flush_outside_of_a_loop_that_runs(streams, context):
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    from tornado.ioloop import IOLoop

    io_loop = IOLoop.current()
    one, other = streams(transport="inproc")
    got = []

    async def receive(message):
        got.append(message)

    other.on_recv(receive)
    one.send(b"x")
    assert one.flush() == 1 and other.flush() == 1
    io_loop.run_sync(lambda: asyncio.sleep(0.01))
    assert got == [[b"x"]]
    close(one, other)
    io_loop.close()
    asyncio.set_event_loop(None)


# -- the end ----------------------------------------------------------------------------------------------------------


def test_closing(streams, run):
    async def main():
        one, other = streams()
        told = []
        one.set_close_callback(lambda: told.append(1))
        socket = one.socket
        assert not one.closed()
        one.close()
        one.close()
        assert told == [1] and one.closed() and one.socket is None and socket.closed
        for call in (
            lambda: one.on_recv(None),
            lambda: one.on_send(None),
            lambda: one.send(b""),
            lambda: one.send_string(""),
            one.flush,
            one.stop_on_recv,
        ):
            with pytest.raises(OSError, match="Stream is closed"):
                call()
        assert "closed" in repr(one)
        close(other)

    run(main())


def test_a_socket_that_was_closed_by_somebody_else(streams, run):
    async def main():
        one, other = streams()
        one.socket.close()
        with pytest.warns(UserWarning, match="close the stream instead"):
            assert one.closed()
        assert one.socket is None
        close(other)

    run(main())


def test_the_end_of_the_context(run, messages):
    async def main():
        context = zmq.Context()
        stream = ZMQStream(context.socket(zmq.PULL))
        stream.on_recv(lambda message: None)
        # Waits in a thread until the stream has closed its socket.
        await asyncio.get_running_loop().run_in_executor(None, context.term)
        assert stream.closed()

    run(main())
    assert len(messages()) == 1 and "after terminating context" in messages()[0]


# -- the rest ---------------------------------------------------------------------------------------------------------


def test_methods_of_the_socket(make_socket, run):
    async def main():
        socket = make_socket(zmq.DEALER)
        stream = ZMQStream(socket)
        assert stream.bind("inproc://stream").addr == "inproc://stream"
        assert stream.bind_to_random_port("tcp://127.0.0.1") > 0
        stream.setsockopt_string(zmq.ROUTING_ID, "name")
        assert stream.getsockopt_string(zmq.ROUTING_ID) == "name" == stream.getsockopt_unicode(zmq.ROUTING_ID)
        stream.setsockopt(zmq.SNDHWM, 7)
        assert stream.getsockopt(zmq.SNDHWM) == 7 == socket.sndhwm
        stream.setsockopt_unicode(zmq.ROUTING_ID, "other")
        assert stream.connect("tcp://127.0.0.1:9").addr == "tcp://127.0.0.1:9"
        assert isinstance(stream.poller, zmq.Poller) and stream.io_loop is not None
        close(stream)

    run(main())


def test_on_err_never_did_anything(make_socket, run, messages):
    async def main():
        stream = ZMQStream(make_socket(zmq.PULL))
        stream.on_err(lambda: None)
        stream.stop_on_err()
        close(stream)

    run(main())
    assert messages() == ["ZMQStream.on_err does nothing", "ZMQStream.stop_on_err does nothing"]


def test_a_socket_that_is_awaited(run):
    import zmq_ctypes.asyncio

    async def main():
        with zmq_ctypes.asyncio.Context() as context:
            one, other = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
            one.bind("inproc://awaited")
            other.connect("inproc://awaited")
            with pytest.warns(RuntimeWarning, match="plain Socket"):
                stream = ZMQStream(one)
            assert type(stream.socket) is zmq.Socket
            got = Collector()
            stream.on_recv(got)
            await other.send(b"x")
            assert await got.upto(1) == [[b"x"]]
            close(stream)
            other.close()

    run(main())


def test_what_is_no_socket(run):
    async def main():
        with pytest.raises(TypeError, match="socket: expected a Socket, got: int"):
            ZMQStream(1)

    run(main())


def test_a_loop_of_ones_choice(bound_pair):
    from tornado.ioloop import IOLoop

    loop = IOLoop(make_current=False)
    one, other = bound_pair(zmq.PAIR, zmq.PAIR, "inproc")
    stream = ZMQStream(other, loop)
    assert stream.io_loop is loop
    got = []
    stream.on_recv(lambda message: (got.append(message), loop.stop()))
    one.send(b"x")
    loop.start()
    assert got == [[b"x"]]
    stream.close()
    loop.close()


def test_green_sockets_in_a_stream():
    need_package("gevent")
    from zmq_ctypes.green.eventloop import zmqstream

    assert issubclass(zmqstream.ZMQStream, ZMQStream)
    assert list(inspect.signature(zmqstream.ZMQStream).parameters) == ["socket", "io_loop"]


# -- a peer that goes in the midst of a message -----------------------------------------------------------------------


@pytest.fixture
def leaving(make_socket, endpoint):
    """A stream, its receiver, and what connects another receiver when the first has gone."""
    made = []

    def make(kind):
        other = {zmq.PUSH: zmq.PULL}.get(kind, kind)
        sender, first = make_socket(kind), make_socket(other)
        sender.copy_threshold = 0
        sender.bind(endpoint("inproc"))
        address = sender.last_endpoint.rstrip(b"\0").decode()
        first.connect(address)
        stream = ZMQStream(sender)
        made.append(stream)

        def leave():
            go_away(first, sender)

        async def another():
            # In the midst of a message nothing tells that the first is forgotten.
            await ready(False, 10 if sender._midway else 500)
            while True:
                second = make_socket(other)
                second.connect(address)
                if await ready(True, 10):
                    return second
                # A PAIR that has not yet forgotten the first takes no other.
                second.close(0)

        async def ready(wanted, count):
            for _ in range(count):
                stream.flush()
                if bool(sender.get(zmq.EVENTS) & zmq.POLLOUT) is wanted:
                    return True
                await asyncio.sleep(0.01)
            return False

        return stream, leave, another

    yield make
    close(*made)


@pytest.mark.libzmq("4.2.5")
@pytest.mark.parametrize("way", [bytes, bytearray, zmq.Frame])
@pytest.mark.parametrize("gone", [1, 3])
@pytest.mark.parametrize("kind", [zmq.DEALER, zmq.PAIR])
def test_the_rest_of_a_message_goes_to_nobody_else(leaving, run, kind, gone, way):
    async def main():
        stream, leave, another = leaving(kind)
        for number, part in enumerate((b"1", b"2", b"3", b"4")):
            if number == gone:
                leave()
            stream.send(way(part), zmq.SNDMORE if number < 3 else 0, copy=way is bytes)
            stream.flush()
        second = await another()
        stream.send(b"one")
        stream.send_multipart([b"a", b"b"])
        stream.flush()
        assert second.recv_multipart() == [b"one"]
        assert second.recv_multipart() == [b"a", b"b"]

    run(main())


@pytest.mark.libzmq("4.2.5")
@pytest.mark.parametrize("way", [bytes, bytearray, zmq.Frame])
@pytest.mark.parametrize("flags", [0, zmq.DONTWAIT])
@pytest.mark.parametrize("gone", [2, 3])
@pytest.mark.parametrize("kind", [zmq.DEALER, zmq.PAIR])
def test_the_rest_of_a_list_goes_to_nobody_else(monkeypatch, leaving, run, kind, gone, flags, way):
    # Before there are sockets, which keep their calls.
    count = count_sends(monkeypatch, gone + 1, lambda: leave())
    stream, leave, another = leaving(kind)

    async def main():
        stream.send_multipart([way(part) for part in (b"1", b"2", b"3", b"4")], flags, copy=way is bytes)
        stream.flush()
        assert count[0] >= gone and not stream.sending()
        second = await another()
        stream.send_multipart([b"a", b"b"])
        stream.send(b"one")
        stream.flush()
        assert second.recv_multipart() == [b"a", b"b"]
        assert second.recv_multipart() == [b"one"]

    run(main())
