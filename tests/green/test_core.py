"""Green sockets and contexts: who waits lets others run, and nobody's wake-up is taken away."""

from __future__ import annotations

import gc
import threading
import time

import pytest
from children import check
from support import count_sends, go_away, until

import zmq_ctypes as zmq

try:
    import gevent
except ImportError:
    pass  # the fixtures say so


def let_arrive(count=1):
    """Let libzmq's threads bring a message, without letting gevent know."""
    time.sleep(0.05 * count)


@pytest.fixture
def pair(bound_pair):
    return bound_pair(zmq.DEALER, zmq.DEALER, "tcp", timeout=None)


# -- waiting ----------------------------------------------------------------------------------------------------------


def test_others_run_while_one_receives(pair, spawn):
    one, other = pair
    waiting = spawn(one.recv)
    gevent.sleep(0)
    assert not waiting.ready()
    other.send(b"now")
    assert waiting.get() == b"now"


@pytest.mark.parametrize(
    "method, sent, got",
    (
        ("recv_multipart", lambda s: s.send_multipart([b"a", b"b"]), [b"a", b"b"]),
        ("recv_string", lambda s: s.send_string("é"), "é"),
        ("recv_json", lambda s: s.send_json({"a": 1}), {"a": 1}),
        ("recv_pyobj", lambda s: s.send_pyobj((1, 2)), (1, 2)),
    ),
)
def test_every_kind_of_receive_waits(pair, spawn, method, sent, got):
    one, other = pair
    waiting = spawn(getattr(one, method))
    gevent.sleep(0)
    sent(other)
    assert waiting.get() == got


def test_frames_and_memory(pair, spawn):
    one, other = pair
    waiting = spawn(one.recv, copy=False)
    gevent.sleep(0)
    other.send(b"x" * 100_000, copy=False)
    assert waiting.get().bytes == b"x" * 100_000
    memory = bytearray(8)
    waiting = spawn(one.recv_into, memory)
    gevent.sleep(0)
    other.send(b"12345678")
    assert waiting.get() == 8 and memory == b"12345678"


@pytest.mark.parametrize("size", (10, 200_000))
@pytest.mark.parametrize("copy", (True, False))
def test_others_run_while_one_sends(bound_pair, spawn, size, copy):
    push, pull = bound_pair(zmq.PUSH, zmq.PULL, "inproc", timeout=None, sndhwm=1, rcvhwm=1)
    data = b"x" * size

    def send_all():
        for _ in range(20):
            push.send(data, copy=copy)

    sending = spawn(send_all)
    gevent.sleep(0)
    assert not sending.ready()
    assert [len(pull.recv()) for _ in range(20)] == [size] * 20
    sending.get()


def test_several_greenlets_receive_each_something_else(pair, spawn):
    one, other = pair
    waiting = [spawn(one.recv) for _ in range(10)]
    gevent.sleep(0)
    for i in range(10):
        other.send(b"%d" % i)
    assert sorted(w.get() for w in waiting) == [b"%d" % i for i in range(10)]


def test_a_message_of_several_frames_goes_to_one(pair, spawn):
    one, other = pair
    waiting = [spawn(one.recv_multipart) for _ in range(5)]
    gevent.sleep(0)
    for i in range(5):
        other.send_multipart([b"%d" % i] * 7)
    assert sorted(w.get() for w in waiting) == [[b"%d" % i] * 7 for i in range(5)]


# -- ending a wait ----------------------------------------------------------------------------------------------------


def test_time_limits_hold(pair):
    one, _ = pair
    one.rcvtimeo = 20
    with pytest.raises(zmq.Again):
        one.recv()
    with pytest.raises(zmq.Again):
        one.recv_into(bytearray(1))
    one.rcvtimeo = 0
    with pytest.raises(zmq.Again):
        one.recv_multipart()
    assert one.poll(10) == 0


def test_a_time_limit_for_sending(make_socket):
    push = make_socket(zmq.PUSH, timeout=20)
    with pytest.raises(zmq.Again):
        push.send(b"to nobody")
    with pytest.raises(zmq.Again):
        push.send(b"to nobody" * 10_000, copy=False)


def test_not_waiting(pair, make_socket):
    with pytest.raises(zmq.Again):
        pair[0].recv(zmq.DONTWAIT)
    with pytest.raises(zmq.Again):
        make_socket(zmq.PUSH, timeout=None).send(b"", zmq.DONTWAIT)


def test_who_gives_up_loses_no_message(pair, spawn):
    one, other = pair
    with pytest.raises(gevent.Timeout):
        with gevent.Timeout(0.01):
            one.recv()
    killed = spawn(one.recv_multipart)
    gevent.sleep(0)
    other.send(b"kept")
    let_arrive()
    # Its turn comes and it is killed in the same round.
    killed.kill(block=False)
    gevent.sleep(0)
    assert one.recv() == b"kept"


def test_the_next_one_is_woken_in_place_of_who_was_killed(pair, spawn):
    one, other = pair
    first, second = spawn(one.recv), spawn(one.recv)
    gevent.sleep(0)
    first.kill()
    other.send(b"for one of them")
    assert second.get() == b"for one of them"


def test_somebody_gets_it_whoever_is_killed(pair, spawn):
    one, other = pair
    for _ in range(50):
        first, second = spawn(one.recv), spawn(one.recv)
        gevent.sleep(0)
        other.send(b"for one of them")
        gevent.get_hub().loop.run_callback(first.kill, gevent.GreenletExit, False)
        first.join()
        if first.value == b"for one of them":
            other.send(b"for the other")
            assert second.get() == b"for the other"
        else:
            assert second.get() == b"for one of them"


def test_closing_wakes_who_waits(pair, spawn, make_socket):
    one, _ = pair
    push = make_socket(zmq.PUSH, timeout=None)
    waiting = [spawn(_error_of, one.recv), spawn(_error_of, one.recv_multipart), spawn(_error_of, push.send, b"")]
    gevent.sleep(0)
    one.close()
    push.close()
    assert [w.get().errno for w in waiting] == [zmq.ENOTSOCK] * 3


def _error_of(function, *args):
    try:
        return function(*args)
    except zmq.ZMQError as error:
        return error


def test_the_end_of_the_context(green, spawn):
    context = green.Context()
    sockets = [context.socket(zmq.PULL) for _ in range(3)]

    def serve(socket):
        try:
            socket.recv()
        except zmq.ContextTerminated:
            socket.close()
            return "ended"

    waiting = [spawn(serve, socket) for socket in sockets]
    gevent.sleep(0)
    # The context waits for greenlets of this very thread.
    context.term()
    assert [w.get() for w in waiting] == ["ended"] * 3
    assert context.closed
    context.term()


def test_giving_up_the_end_of_a_context(green):
    context = green.Context()
    socket = context.socket(zmq.PULL)
    for _ in range(2):
        with pytest.raises(gevent.Timeout):
            with gevent.Timeout(0.02):
                context.term()
    assert not context.closed
    socket.close()
    context.term()
    assert context.closed


# -- the edge ---------------------------------------------------------------------------------------------------------

TAKERS = {
    "send": lambda s: s.send(b"out"),
    "send frames": lambda s: s.send_multipart([b"out"] * 3),
    "send a frame": lambda s: s.send(zmq.Frame(b"out")),
    "events": lambda s: s.get(zmq.EVENTS),
    "events as an attribute": lambda s: s.events,
    "poll": lambda s: s.poll(0),
    "poll with others": lambda s: _poller_of(s).poll(0),
    "bind": lambda s: s.bind("tcp://127.0.0.1:*"),
    "connect": lambda s: s.connect("tcp://127.0.0.1:9"),
    "a shadow": lambda s: type(s)(shadow=s).get(zmq.EVENTS),
}


def _poller_of(socket):
    poller = socket._poller_class()
    poller.register(socket, zmq.POLLOUT)
    return poller


@pytest.mark.parametrize("taker", sorted(TAKERS))
def test_nobody_takes_a_wake_up_away(pair, spawn, taker):
    one, other = pair
    waiting = spawn(one.recv)
    gevent.sleep(0)
    other.send(b"in")
    let_arrive()
    # Now the file descriptor tells of it, and this makes it silent before gevent has looked.
    TAKERS[taker](one)
    assert waiting.get() == b"in"


def test_receiving_one_of_two(pair, spawn):
    one, other = pair
    waiting = spawn(one.recv)
    gevent.sleep(0)
    other.send(b"first")
    other.send(b"second")
    let_arrive()
    assert one.recv(zmq.DONTWAIT) == b"first"
    assert waiting.get() == b"second"


def test_room_is_told_to_who_sends(bound_pair, spawn):
    one, other = bound_pair(zmq.DEALER, zmq.DEALER, "inproc", timeout=None, sndhwm=1, rcvhwm=1)
    for _ in range(2):
        one.send(b"full", zmq.DONTWAIT)
    sending = spawn(one.send, b"waits")
    gevent.sleep(0)
    other.recv()
    other.recv()
    one.get(zmq.EVENTS)
    sending.get()
    assert other.recv() == b"waits"


def test_two_peers_of_a_router_that_says_when_they_are_full(make_socket, endpoint, spawn):
    router = make_socket(zmq.ROUTER, timeout=None, router_mandatory=1, sndhwm=1)
    router.bind(endpoint("inproc"))
    dealers = []
    for name in (b"A", b"B"):
        dealer = make_socket(zmq.DEALER, timeout=None, rcvhwm=1, routing_id=name)
        dealer.connect(router.last_endpoint.rstrip(b"\0"))
        dealers.append(dealer)

    def send_all(name):
        for i in range(30):
            router.send_multipart([name, b"%d" % i])

    sending = [spawn(send_all, name) for name in (b"A", b"B", b"A")]
    gevent.sleep(0.01)
    assert not any(s.ready() for s in sending)
    # One peer alone, and it is not the one whose sender waits first.
    assert [dealers[1].recv() for _ in range(30)] == [b"%d" % i for i in range(30)]
    sending[1].get()
    assert len([dealers[0].recv() for _ in range(60)]) == 60
    gevent.joinall(sending, raise_error=True)


# -- what gevent's loop is asked for ----------------------------------------------------------------------------------


def test_nobody_is_woken_by_a_clock(context, spawn, monkeypatch):
    sockets = [context.socket(zmq.PULL) for _ in range(50)]
    poller = sockets[0]._poller_class()
    for socket in sockets[25:]:
        poller.register(socket, zmq.POLLIN)
    rounds = []
    for socket in sockets[:25]:
        spawn(_error_of, socket.recv)
    spawn(_error_of, poller.poll)
    gevent.sleep(0.02)
    for socket in sockets:
        # Somebody looks, and there is nothing.
        socket.get(zmq.EVENTS)
    gevent.sleep(0.02)
    watcher = gevent.get_hub().loop.check()
    watcher.start(rounds.append, 1)
    gevent.sleep(0.3)
    watcher.stop()
    watcher.close()
    # The end of this very sleep, and what the machine may add.
    assert len(rounds) < 20
    for socket in sockets:
        socket.close()


def test_a_socket_that_is_always_ready_lets_others_run(pair, spawn):
    one, other = pair
    turns = []

    def busy():
        for _ in range(100):
            other.send(b"x")
            one.recv()
            gevent.sleep(0)

    working = spawn(busy)
    while not working.ready():
        turns.append(1)
        gevent.sleep(0)
    assert len(turns) > 50


# -- what a green socket is -------------------------------------------------------------------------------------------


def test_classes_and_words(green, context):
    socket = context.socket(zmq.PAIR)
    assert isinstance(socket, zmq.Socket) and type(socket) is green.Socket
    assert isinstance(context, zmq.Context) and type(context) is green.Context
    assert repr(socket).startswith("<zmq.green.Socket(zmq.PAIR) at 0x")
    assert repr(context).startswith("<zmq.green.Context(1 socket) at 0x")
    socket.close()
    instance = green.Context.instance()
    assert instance is green.Context.instance() and instance is not zmq.Context.instance()
    instance.term()
    zmq.Context.instance().term()


def test_everything_else_is_the_package(green):
    assert green.PUSH is zmq.PUSH and green.Again is zmq.Again and green.Frame is zmq.Frame
    assert green.DRAFT_API is zmq.DRAFT_API
    assert set(zmq.__all__) <= set(green.__all__)
    for name in green.__all__:
        getattr(green, name)
    assert not {"Context", "Poller", "Socket", "device", "proxy", "select", "zmq_poll"} & {
        name for name in green.__all__ if getattr(green, name) is getattr(zmq, name)
    }


def test_constants_of_a_newer_header_are_exported(green):
    check(
        """
        from zmq_ctypes import green, options
        options.learn({"PATIENCE": 17})
        assert green.PATIENCE == 17 and green.__all__.count("PATIENCE") == 1
        """
    )


def test_shadows(green, pair, spawn):
    one, other = pair
    plain = zmq.Socket(shadow=other)
    again = green.Socket(shadow=plain)
    waiting = spawn(again.recv)
    gevent.sleep(0)
    one.send(b"to the shadow")
    assert waiting.get() == b"to the shadow"
    assert green.Socket.shadow(one.underlying).type == zmq.DEALER


def test_monitor(make_socket, spawn):
    from zmq_ctypes.utils.monitor import recv_monitor_message

    # Without any connection, of which something might still be told.
    one = make_socket(zmq.PAIR)
    reader = one.get_monitor_socket()
    waiting = spawn(recv_monitor_message, reader)
    gevent.sleep(0)
    assert not waiting.ready()
    one.bind("tcp://127.0.0.1:*")
    assert waiting.get()["event"] == zmq.EVENT_LISTENING
    reader.close()


def test_a_monitor_socket_is_of_the_kind_of_its_socket(green):
    with zmq.Context() as context, context.socket(zmq.PAIR) as plain:
        one = green.Socket(shadow=plain)
        with one.get_monitor_socket() as reader:
            assert type(reader) is green.Socket
        with plain.get_monitor_socket() as reader:
            assert type(reader) is zmq.Socket


@pytest.mark.draft
def test_sockets_of_thread_safe_types(bound_pair, spawn):
    server, client = bound_pair(zmq.SERVER, zmq.CLIENT, "tcp", timeout=None)

    def serve():
        while True:
            frame = server.recv(copy=False)
            server.send(frame.bytes.upper(), routing_id=frame.routing_id)

    with pytest.warns(zmq.DraftFDWarning):
        spawn(serve)
        for i in range(100):
            client.send(b"message %d" % i)
            assert client.recv() == b"MESSAGE %d" % i
    assert client.poll(10) == 0


@pytest.mark.draft
@pytest.mark.filterwarnings("ignore::zmq_ctypes.error.DraftFDWarning")
def test_a_message_that_comes_before_a_thread_safe_socket_has_a_descriptor(bound_pair, before_lending):
    server, client = bound_pair(zmq.SERVER, zmq.CLIENT, "tcp", timeout=None)
    before_lending(lambda: client.send(b"early", zmq.DONTWAIT))
    # RCVTIMEO would make it try once more.
    with gevent.Timeout(5):
        assert server.recv() == b"early"


def test_every_thread_has_its_hub(green, endpoint):
    results = []

    def work():
        with green.Context() as context, context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
            push.bind("inproc://thread")
            pull.connect("inproc://thread")
            waiting = gevent.spawn(pull.recv)
            gevent.sleep(0)
            push.send(b"here")
            results.append(waiting.get(timeout=10))
        gevent.get_hub().destroy()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert results == [b"here"] * 3


def test_a_socket_that_moves_to_another_thread(pair):
    one, other = pair
    waiting = gevent.spawn(one.recv)
    gevent.sleep(0)
    other.send(b"here")
    assert waiting.get() == b"here"
    got = []

    def work():
        sending = gevent.spawn_later(0.02, other.send, b"there")
        got.append(one.recv())
        sending.get()
        gevent.get_hub().destroy()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(20)
    assert got == [b"there"]
    sending = gevent.spawn_later(0.02, other.send, b"back")
    assert one.recv() == b"back"
    sending.get()


def leave_waiting(one, end):
    """Wait for a socket in a thread, and let that end in the midst of it."""
    left = []

    def work():
        left.append(gevent.spawn(one.recv))
        gevent.sleep(0)
        if end == "with a look pending":
            one.get(zmq.EVENTS)
        elif end == "with its loop":
            gevent.get_hub().destroy(destroy_loop=True)
        elif end == "killed by another one":
            one.get(zmq.EVENTS)
            left[0].kill(block=False)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(20)
    return left


@pytest.mark.parametrize("end", ["at once", "with a look pending", "with its loop", "killed by another one"])
def test_a_thread_that_ends_with_somebody_waiting_takes_no_wake_up_away(pair, spawn, end):
    one, other = pair
    left = leave_waiting(one, end)
    for number in range(3):
        # With nobody waiting in this thread, and with somebody.
        one.get(zmq.EVENTS)
        waiting = spawn(one.recv)
        gevent.sleep(0)
        other.send(b"%d" % number)
        # Takes the news away: only a look tells.
        until(lambda: one.get(zmq.EVENTS) & zmq.POLLIN, "the message does not arrive")
        assert waiting.get() == b"%d" % number
    assert len(left) == 1


def test_closing_what_a_thread_waited_for_that_has_ended(pair):
    one, other = pair
    left = leave_waiting(one, "with its loop")
    one.close()
    assert one.closed and len(left) == 1


def test_a_socket_that_nobody_closes(green, context):
    socket = context.socket(zmq.PULL)
    socket.rcvtimeo = 10
    assert _error_of(socket.recv).errno == zmq.EAGAIN

    with pytest.warns(ResourceWarning, match="Unclosed socket"):
        del socket
        gc.collect()


# -- a peer that goes in the midst of a message -----------------------------------------------------------------------


@pytest.fixture
def leaving(make_socket, endpoint):
    """A sender, its receiver, and what connects another receiver when the first has gone."""

    def make(kind):
        other = {zmq.PUSH: zmq.PULL}.get(kind, kind)
        sender, first = make_socket(kind), make_socket(other)
        sender.copy_threshold = 0
        sender.bind(endpoint("inproc"))
        address = sender.last_endpoint.rstrip(b"\0").decode()
        first.connect(address)

        def leave():
            go_away(first, sender)

        def another():
            # In the midst of a message nothing tells that the first is forgotten.
            ready(False, 10 if sender._midway else 500)
            while True:
                second = make_socket(other)
                second.connect(address)
                if ready(True, 10):
                    return second
                # A PAIR that has not yet forgotten the first takes no other.
                second.close(0)

        def ready(wanted, count):
            for _ in range(count):
                if bool(sender.get(zmq.EVENTS) & zmq.POLLOUT) is wanted:
                    return True
                gevent.sleep(0.01)
            return False

        return sender, leave, another

    return make


WAYS = {
    "bytes": (bytes, {}),
    "buffer": (bytearray, {}),
    "lent": (bytearray, {"copy": False}),
    "frame": (zmq.Frame, {"copy": False}),
    "at once": (bytes, {"flags": zmq.DONTWAIT}),
}


@pytest.mark.libzmq("4.2.5")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("gone", [1, 3])
@pytest.mark.parametrize("kind", [zmq.DEALER, zmq.PAIR])
def test_the_rest_of_a_message_goes_to_nobody_else(leaving, spawn, kind, gone, way):
    sender, leave, another = leaving(kind)
    convert, options = WAYS[way]
    flags = options.get("flags", 0)

    def send():
        for number, part in enumerate((b"1", b"2", b"3", b"4")):
            if number == gone:
                leave()
            more = zmq.SNDMORE if number < 3 else 0
            sender.send(convert(part), **{**options, "flags": flags | more})

    sending = spawn(send)
    gevent.sleep(0.01)
    second = another()
    sending.get()
    sender.send(b"one")
    sender.send_multipart([b"a", b"b"])
    assert second.recv_multipart() == [b"one"]
    assert second.recv_multipart() == [b"a", b"b"]


@pytest.mark.libzmq("4.2.5")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("gone", [2, 3])
@pytest.mark.parametrize("kind", [zmq.DEALER, zmq.PAIR])
def test_the_rest_of_a_list_goes_to_nobody_else(monkeypatch, leaving, spawn, kind, gone, way):
    # Before there are sockets, which keep their calls.
    count = count_sends(monkeypatch, gone + 1, lambda: leave())
    sender, leave, another = leaving(kind)
    convert, options = WAYS[way]
    sending = spawn(sender.send_multipart, [convert(part) for part in (b"1", b"2", b"3", b"4")], **options)
    gevent.sleep(0.01)
    second = another()
    sending.get()
    assert count[0] >= gone
    sender.send_multipart([b"a", b"b"])
    sender.send(b"one")
    assert second.recv_multipart() == [b"a", b"b"]
    assert second.recv_multipart() == [b"one"]
