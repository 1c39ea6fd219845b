"""Polling thread-safe sockets: libzmq's poller as an object, and behind `Poller`, `zmq_poll`, `Socket.poll` and ``FD``."""

from __future__ import annotations

import copy
import gc
import os
import select
import socket as system
import threading
import time
import warnings
import weakref

import children
import pytest
from support import collected, until

import zmq_ctypes as zmq
from zmq_ctypes import loader
from zmq_ctypes.draft_poller import NativePoller

pytestmark = pytest.mark.draft

IN, OUT, ERR = int(zmq.POLLIN), int(zmq.POLLOUT), int(zmq.POLLERR)


@pytest.fixture
def poller():
    with NativePoller() as made:
        yield made


@pytest.fixture
def channels(bound_pair):
    return bound_pair(zmq.CHANNEL, zmq.CHANNEL)


@pytest.fixture
def pipe():
    """Two ends of a stream that is of the system and not of libzmq."""
    ends = system.socketpair()
    yield ends
    for end in ends:
        end.close()


def readable(fd):
    return bool(select.select([fd], [], [], 0)[0])


# --- the object


@pytest.mark.parametrize("kinds", [(zmq.CHANNEL, zmq.CHANNEL), (zmq.PAIR, zmq.PAIR)], ids=["thread-safe", "ordinary"])
def test_a_socket_that_has_something(poller, bound_pair, kinds):
    first, second = bound_pair(*kinds)
    poller.register(first, IN, "mine")
    assert poller.wait(0) is None and poller.wait_all(1) == []
    second.send(b"x")
    event = poller.wait(10_000)
    assert (event.source, event.events, event.data) == (first, IN, "mine")
    assert poller.wait_all(0) == [event]
    first.recv()
    assert poller.wait(0) is None


def test_all_that_have_something(poller, channels, bound_pair, pipe):
    first, second = channels
    pull, push = bound_pair(zmq.PULL, zmq.PUSH)
    near, far = pipe
    data = [object(), object(), object()]
    for source, mine in zip((first, pull, near), data):
        poller.register(source, IN, mine)
    assert len(poller) == poller.size == 3
    second.send(b"x")
    push.send(b"x")
    far.send(b"x")
    found = poller.wait_all(10_000)
    while len(found) < 3:
        found = poller.wait_all(10_000)
    assert [event.source for event in found] == [first, pull, near]
    assert all(event.data is mine for event, mine in zip(found, data))


def test_numbers_of_files_and_objects_that_have_one(poller, pipe):
    near, far = pipe
    poller.register(near.fileno(), IN)
    poller.register(far, IN | OUT)
    assert poller.wait_all(0) == [(far, OUT, None)]
    far.send(b"x")
    assert poller.wait(0) == (near.fileno(), IN, None)
    assert near.fileno() in poller and far in poller and far.fileno() in poller and near in poller
    poller.unregister(far)
    assert far not in poller and len(poller) == 1


def test_a_file_that_was_closed_can_be_unregistered(poller, pipe):
    near, far = pipe
    poller.register(near)
    near.close()
    poller.unregister(near)
    assert len(poller) == 0


def test_modifying(poller, channels):
    first, _ = channels
    poller.register(first, IN, "data")
    assert poller.wait(0) is None
    poller.modify(first, OUT)
    assert poller.wait(0) == (first, OUT, "data")
    poller.modify(first, 0)
    assert poller.wait(0) is None
    poller.register(first, IN | OUT, "other")
    assert poller.wait(0) == (first, OUT, "other")
    assert len(poller) == 1


def test_registering_by_default_waits_for_both(poller, channels):
    first, second = channels
    second.send(b"x")
    poller.register(first)
    assert poller.wait(1000).events == IN | OUT


def test_unregistering(poller, channels):
    first, second = channels
    poller.register(first, OUT)
    poller.register(second, OUT)
    poller.unregister(first)
    assert first not in poller and second in poller
    assert [event.source for event in poller.wait_all(0)] == [second]


@pytest.mark.parametrize("call", [lambda p, s: p.unregister(s), lambda p, s: p.modify(s, IN)], ids=["unregister", "modify"])
def test_what_is_not_registered(poller, channels, call):
    for source in (channels[0], 0, object(), [], None):
        with pytest.raises(KeyError):
            call(poller, source)
        assert source not in poller


def test_nothing_registered_is_nothing_to_wait_for(poller):
    assert poller.wait() is None
    assert poller.wait_all() == []
    assert len(poller) == poller.size == 0
    assert repr(poller).startswith("<NativePoller(0 registered) at ")


@pytest.mark.parametrize(("source", "events"), [("x", IN), (None, IN), (object(), IN), (1.5, IN), (0, "x"), (0, None)], ids=repr)
def test_wrong_types(poller, source, events):
    with pytest.raises(TypeError):
        poller.register(source, events)
    assert len(poller) == 0


@pytest.mark.parametrize(("source", "events"), [(-1, IN), (2**40, IN), (True, IN), (0, 16), (0, -1), (0, 2**40)], ids=repr)
def test_wrong_values(poller, source, events):
    with pytest.raises((ValueError, OverflowError)):
        poller.register(source, events)
    assert len(poller) == 0


@pytest.mark.parametrize("timeout", ["x", b"1", [], object()], ids=["str", "bytes", "list", "object"])
def test_what_is_no_timeout(poller, channels, timeout):
    poller.register(channels[0], IN)
    with pytest.raises(TypeError):
        poller.wait(timeout)
    with pytest.raises(ValueError):
        poller.wait_all(float("nan"))


def test_one_socket_under_two_objects(poller, channels):
    poller.register(channels[0], IN)
    shadow = zmq.Socket.shadow(channels[0])
    with pytest.raises(zmq.ZMQError) as caught:
        poller.register(shadow, IN)
    assert caught.value.errno == zmq.EINVAL
    assert len(poller) == 1


def test_a_closed_socket_is_refused(poller, make_socket):
    server = make_socket(zmq.SERVER)
    server.close()
    with pytest.raises(zmq.ZMQError) as caught:
        poller.register(server)
    assert caught.value.errno == zmq.ENOTSOCK


@pytest.mark.parametrize("kind", [zmq.SERVER, zmq.PAIR], ids=["thread-safe", "ordinary"])
def test_a_socket_that_is_closed_meanwhile(poller, make_socket, kind):
    closing, other = make_socket(kind), make_socket(zmq.SERVER)
    poller.register(closing, IN)
    poller.register(other, OUT, "other")
    closing.close()
    assert poller.size == 1
    for wait in (poller.wait, poller.wait_all):
        with pytest.raises(zmq.ZMQError, match="closed socket") as caught:
            wait(0)
        assert caught.value.errno == zmq.ENOTSOCK
    with pytest.raises(zmq.ZMQError) as caught:
        poller.modify(closing, OUT)
    assert caught.value.errno == zmq.ENOTSOCK
    poller.unregister(closing)
    assert poller.wait(0).data == "other"


def test_closing_frees_sockets_and_data(make_socket):
    server = make_socket(zmq.SERVER)

    class Data:
        pass

    data = Data()
    watched = weakref.ref(data)
    poller = NativePoller()
    poller.register(server, IN, data)
    del data
    gc.collect()
    assert watched() is not None
    assert not poller.closed and poller.underlying
    poller.close()
    poller.close()
    until(lambda: collected(lambda: watched() is None), "something holds it")
    assert poller.closed and poller.underlying == 0 and len(poller) == 0
    assert repr(poller).startswith("<NativePoller(closed) at ")
    server.close()


@pytest.mark.parametrize(
    "call",
    [
        lambda poller: poller.register(0),
        lambda poller: poller.wait(0),
        lambda poller: poller.wait_all(0),
        lambda poller: poller.fileno(),
        lambda poller: poller.fd,
        lambda poller: poller.size,
    ],
    ids=["register", "wait", "wait_all", "fileno", "fd", "size"],
)
def test_a_closed_poller_refuses(call):
    poller = NativePoller()
    poller.close()
    with pytest.raises(zmq.ZMQError, match="closed") as caught:
        call(poller)
    assert caught.value.errno == zmq.EINVAL


def test_sockets_and_pollers_go_in_any_order(context):
    """Cycles are taken apart in whatever order the garbage collector likes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        for _ in range(20):
            server = context.socket(zmq.SERVER)
            poller = NativePoller()
            poller.register(server, IN, [poller, server])
            server.__dict__["own"] = poller
        del server, poller
        gc.collect()


def test_it_does_not_outlive_a_context(poller, context, make_socket):
    server = make_socket(zmq.SERVER)
    poller.register(server, IN)
    thread = threading.Thread(target=context.term, daemon=True)
    thread.start()
    with pytest.raises(zmq.ContextTerminated):
        poller.wait(10_000)
    server.close()
    thread.join(10)
    assert not thread.is_alive()


def test_two_threads_are_one_too_many(poller, channels):
    first, second = channels
    poller.register(first, IN)
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(poller.wait(20_000)))
    waiting.start()
    # Until it waits, everything is fine.
    with pytest.raises(RuntimeError, match="another thread"):
        while waiting.is_alive():
            assert poller.size == 1
    for call in (poller.close, lambda: poller.wait(0), lambda: poller.register(second), lambda: poller.modify(first)):
        with pytest.raises(RuntimeError, match="another thread"):
            call()
    second.send(b"x")
    waiting.join(20)
    assert answers[0].source is first
    assert len(poller) == 1


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_it_cannot_be_copied(poller, duplicate):
    with pytest.raises(TypeError):
        duplicate(poller)


def test_the_file_descriptor(poller, channels):
    first, second = channels
    with pytest.raises(zmq.ZMQError, match="no thread-safe socket") as caught:
        poller.fileno()
    assert caught.value.errno == zmq.EINVAL
    poller.register(first, IN)
    fd = poller.fd
    assert fd == poller.fileno() > 0
    poller.wait_all(0)
    second.send(b"x")
    assert select.select([fd], [], [], 10)[0] == [fd]
    assert poller.wait(0).source is first
    first.recv()
    assert poller.wait(0) is None
    assert not readable(fd)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="about systems with fork")
def test_in_the_child_of_a_fork_nothing_happens():
    children.check(
        """
        import os, warnings
        warnings.simplefilter("ignore")
        from zmq_ctypes.draft_poller import NativePoller
        context = zmq.Context()
        server, client = context.socket(zmq.SERVER), context.socket(zmq.CLIENT)
        server.bind("inproc://a")
        client.connect("inproc://a")
        poller = NativePoller()
        poller.register(server, zmq.POLLIN)
        child = os.fork()
        if not child:
            poller.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        client.send(b"x")
        assert poller.wait(10_000).source is server
        poller.close()
        context.destroy(0)
        """
    )


def test_at_exit_nothing_happens():
    children.check(
        """
        import warnings
        warnings.simplefilter("ignore")
        context = zmq.Context()
        server = context.socket(zmq.SERVER)
        poller = zmq.NativePoller()
        poller.register(server, zmq.POLLIN)
        fd = server.FD
        """
    )


@pytest.mark.skipif(not hasattr(__import__("signal"), "setitimer"), reason="about systems with timers of signals")
def test_signal_handlers_run_while_it_waits():
    answer = children.check(
        """
        import signal, time
        context = zmq.Context()
        first, second = context.socket(zmq.CHANNEL), context.socket(zmq.CHANNEL)
        first.bind("inproc://a")
        second.connect("inproc://a")
        poller = zmq.NativePoller()
        poller.register(first, zmq.POLLIN)
        signal.signal(signal.SIGALRM, lambda *_: (print("handled"), second.send(b"x")))
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        print(poller.wait(20_000).source is first)
        first.recv()

        def close(*_):
            first.close()
        signal.signal(signal.SIGALRM, close)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            poller.wait(20_000)
        except zmq.ZMQError as error:
            print(error.errno == zmq.ENOTSOCK)
        poller.close()
        context.destroy(0)
        """
    )
    assert answer.split() == ["handled", "True", "True"]


# --- behind the scenes


def test_poller(channels, bound_pair, pipe):
    first, second = channels
    pull, push = bound_pair(zmq.PULL, zmq.PUSH)
    near, far = pipe
    poller = zmq.Poller()
    poller.register(pull, zmq.POLLIN)
    poller.register(first, zmq.POLLIN)
    poller.register(near, zmq.POLLIN)
    assert poller.poll(0) == []
    push.send(b"x")
    second.send(b"x")
    far.send(b"x")
    found = poller.poll(10_000)
    while len(found) < 3:
        found = poller.poll(10_000)
    assert found == [(pull, IN), (first, IN), (near.fileno(), IN)]
    poller.unregister(first)
    poller.modify(pull, zmq.POLLOUT)
    assert poller.poll(0) == [(near.fileno(), IN)]


def test_a_poller_goes_on(channels):
    first, second = channels
    poller = zmq.Poller()
    poller.register(first, zmq.POLLIN)
    for _ in range(3):
        second.send(b"x")
        assert poller.poll(10_000) == [(first, IN)]
        first.recv()
        assert poller.poll(0) == []


def test_poll_and_select(channels):
    first, second = channels
    assert zmq.zmq_poll([(first, IN), (second, OUT)], 0) == [(second, OUT)]
    second.send(b"x")
    assert zmq.zmq_poll([(first, IN), (first, OUT), (first, IN)], 10_000) == [(first, IN), (first, OUT), (first, IN)]
    assert zmq.select([first, second], [second], [first], 1) == ([first], [second], [])


def test_a_closed_socket_in_a_poller(channels):
    poller = zmq.Poller()
    poller.register(channels[0], zmq.POLLIN)
    poller.poll(0)
    channels[0].close()
    for _ in range(2):
        with pytest.raises(zmq.ZMQError) as caught:
            poller.poll(0)
        assert caught.value.errno == zmq.ENOTSOCK
    with pytest.raises(zmq.ZMQError) as caught:
        zmq.zmq_poll([(channels[0], IN)], 0)
    assert caught.value.errno == zmq.ENOTSOCK


def test_a_socket_polls_itself(channels):
    first, second = channels
    assert first.poll(0) == 0
    assert first.poll(20) == 0
    assert first.poll(0, zmq.POLLOUT) == OUT
    sending = threading.Timer(0.05, second.send, (b"x",))
    sending.start()
    assert first.poll(10_000) == IN
    sending.join()
    assert first.poll(None, zmq.POLLIN | zmq.POLLOUT) == IN | OUT
    with pytest.raises(TypeError):
        first.poll("x")
    first.close()
    with pytest.raises(zmq.ZMQError) as caught:
        first.poll(0)
    assert caught.value.errno == zmq.ENOTSUP


def test_threads_poll_one_socket(channels):
    first, second = channels
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(first.poll(20_000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    second.send(b"x")
    for thread in threads:
        thread.join(20)
    assert answers == [IN] * 4


@pytest.mark.parametrize("asking", [lambda s: s.FD, lambda s: s.fileno(), lambda s: s.get(zmq.FD), lambda s: s.fd])
def test_a_lent_file_descriptor(channels, asking):
    first, second = channels
    with pytest.warns(zmq.DraftFDWarning) as told:
        fd = asking(first)
    assert [warning.filename for warning in told] == [__file__]
    # Once is enough.
    assert first.FD == first.fileno() == first.get(zmq.FD) == fd
    assert not first.get(zmq.EVENTS) & zmq.POLLIN
    for _ in range(3):
        second.send(b"x")
        assert select.select([fd], [], [], 10)[0] == [fd]
        assert first.events & zmq.POLLIN
        assert not readable(fd)
        first.recv()
        assert not first.getsockopt(zmq.EVENTS) & zmq.POLLIN


@pytest.mark.filterwarnings("ignore::zmq_ctypes.DraftFDWarning")
def test_a_lent_descriptor_goes_with_its_socket(make_socket):
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    servers = [make_socket(zmq.SERVER) for _ in range(3)]
    before = len(os.listdir(folder))
    for server in servers:
        assert server.FD > 0
    assert len(os.listdir(folder)) > before
    for server in servers:
        server.close()
        with pytest.raises(zmq.ZMQError) as caught:
            server.FD  # noqa: B018
        assert caught.value.errno == zmq.ENOTSOCK
    # libzmq closes some of its own on another thread.
    until(lambda: len(os.listdir(folder)) <= before, "descriptors that stay")


@pytest.mark.filterwarnings("ignore::zmq_ctypes.DraftFDWarning")
def test_a_lent_descriptor_does_not_keep_its_socket(context):
    server = context.socket(zmq.SERVER)
    assert server.FD > 0
    watched = weakref.ref(server)
    with pytest.warns(ResourceWarning) as caught:
        del server
        until(lambda: collected(lambda: len(caught)), "something holds it")
    # The warning holds it last.
    caught = None  # noqa: F841
    until(lambda: collected(lambda: watched() is None), "something holds it")


@pytest.mark.filterwarnings("ignore::zmq_ctypes.DraftFDWarning")
def test_threads_ask_for_events(channels):
    first, second = channels
    assert first.FD > 0
    stop = threading.Event()

    def ask():
        while not stop.is_set():
            first.get(zmq.EVENTS)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(200):
        second.send(b"x")
        assert first.recv() == b"x"
    stop.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_ordinary_sockets_have_their_own(make_socket):
    """No warning, which would be an error here."""
    assert make_socket(zmq.PAIR).FD > 0
    assert loader.load().draft
