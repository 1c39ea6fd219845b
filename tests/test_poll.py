"""Poller, select, zmq_poll and Socket.poll: who is ready, in which order, and never the wrong file."""

from __future__ import annotations

import os
import socket as plain
import threading
from random import Random

import pytest

import zmq_ctypes as zmq

#: Milliseconds: long enough for a busy machine, never waited for when things are right.
LONG = 30_000


@pytest.fixture
def pair(bound_pair):
    return bound_pair(zmq.PAIR, zmq.PAIR)


@pytest.fixture
def pipe():
    read, write = os.pipe()
    yield read, write
    for number in (read, write):
        try:
            os.close(number)
        except OSError:
            pass


def closed(make_socket):
    socket = make_socket(zmq.PULL)
    socket.close()
    return socket


# --- Socket.poll


def test_a_socket_says_what_it_is_ready_for(pair):
    a, b = pair
    assert a.poll(0) == 0
    assert a.poll(0, zmq.POLLOUT) == zmq.POLLOUT
    assert a.poll(timeout=0, flags=zmq.POLLIN | zmq.POLLOUT) == zmq.POLLOUT
    b.send(b"x")
    assert a.poll(LONG) == zmq.POLLIN
    assert a.poll(LONG, zmq.POLLIN | zmq.POLLOUT) == zmq.POLLIN | zmq.POLLOUT
    assert a.poll() == a.poll(None) == a.poll(-1) == zmq.POLLIN
    assert a.recv() == b"x"
    assert a.poll(1) == 0


def test_a_socket_that_cannot_be_ready(make_socket):
    assert make_socket(zmq.PUSH).poll(0, zmq.POLLIN | zmq.POLLOUT) == 0


def test_fractions_of_milliseconds_are_dropped(make_socket):
    socket = make_socket(zmq.PULL)
    assert socket.poll(0.9) == socket.poll(1.5) == 0


def test_a_closed_socket_cannot_be_polled(make_socket):
    with pytest.raises(zmq.ZMQError) as caught:
        closed(make_socket).poll(0)
    assert caught.value.errno == zmq.ENOTSUP


# --- Poller


def test_a_poller_reports_what_is_ready(pair):
    a, b = pair
    poller = zmq.Poller()
    poller.register(a, zmq.POLLIN)
    poller.register(b, zmq.POLLIN | zmq.POLLOUT)
    assert poller.poll(0) == [(b, zmq.POLLOUT)]
    b.send(b"x")
    assert dict(poller.poll(LONG))[b] == zmq.POLLOUT
    assert a.poll(LONG)
    assert poller.poll(LONG) == [(a, zmq.POLLIN), (b, zmq.POLLOUT)]
    assert a.recv() == b"x"
    assert poller.poll(0) == [(b, zmq.POLLOUT)]
    assert all(isinstance(events, int) for _, events in poller.poll(0))


def test_the_default_is_both_ways(pair):
    a, b = pair
    poller = zmq.Poller()
    poller.register(a)
    b.send(b"x")
    assert a.poll(LONG)
    assert poller.poll(0) == [(a, zmq.POLLIN | zmq.POLLOUT)]


def test_the_order_is_that_of_registration(make_socket):
    sockets = [make_socket(zmq.PUB) for _ in range(20)]
    for order in (sockets, sockets[::-1], sockets[7:] + sockets[:7]):
        poller = zmq.Poller()
        for socket in order:
            poller.register(socket, zmq.POLLOUT)
        assert [socket for socket, _ in poller.poll(0)] == order
        assert poller.sockets == [(socket, zmq.POLLOUT) for socket in order]


def test_registering_again_changes_the_events(pair):
    a, _ = pair
    poller = zmq.Poller()
    poller.register(a, zmq.POLLIN)
    poller.register(a, zmq.POLLOUT)
    assert poller.sockets == [(a, zmq.POLLOUT)]
    poller.modify(a, zmq.POLLIN)
    assert poller.sockets == [(a, zmq.POLLIN)]
    assert poller.poll(0) == []


def test_unregistering(make_socket):
    sockets = [make_socket(zmq.PUB) for _ in range(4)]
    poller = zmq.Poller()
    for socket in sockets:
        poller.register(socket, zmq.POLLOUT)
    assert sockets[1] in poller
    poller.unregister(sockets[1])
    assert sockets[1] not in poller
    assert [socket for socket, _ in poller.poll(0)] == [sockets[0], sockets[2], sockets[3]]
    poller.register(sockets[1], zmq.POLLOUT)
    poller.modify(sockets[3], zmq.POLLIN)
    assert [socket for socket, _ in poller.poll(0)] == [sockets[0], sockets[2], sockets[1]]


def test_no_events_unregister(pair):
    a, b = pair
    poller = zmq.Poller()
    poller.register(a, 0)
    assert a not in poller
    poller.register(a, zmq.POLLOUT)
    poller.register(a, 0)
    assert a not in poller and poller.poll(0) == []
    poller.register(b, zmq.POLLOUT)
    poller.modify(b, 0)
    assert poller.sockets == []


def test_unregistering_a_stranger(pair):
    with pytest.raises(KeyError):
        zmq.Poller().unregister(pair[0])


def test_an_empty_poller_returns_at_once():
    poller = zmq.Poller()
    assert poller.poll(0) == poller.poll() == poller.poll(LONG) == []


@pytest.mark.parametrize("timeout", [None, -1, -5, LONG, float(LONG), LONG + 0.5])
def test_time_limits(pair, timeout):
    a, b = pair
    poller = zmq.Poller()
    poller.register(a, zmq.POLLIN)
    b.send(b"x")
    assert poller.poll(timeout) == [(a, zmq.POLLIN)]


@pytest.mark.parametrize("timeout", [0, 1, 0.9, 20, 20.5])
def test_time_limits_end(make_socket, timeout):
    poller = zmq.Poller()
    poller.register(make_socket(zmq.PULL), zmq.POLLIN)
    assert poller.poll(timeout) == poller.poll(timeout=timeout) == []


def test_a_waiting_poll_lets_other_threads_run(pair):
    a, b = pair
    poller = zmq.Poller()
    poller.register(a, zmq.POLLIN)
    thread = threading.Timer(0.05, lambda: b.send(b"x"))
    thread.start()
    assert poller.poll() == [(a, zmq.POLLIN)]
    thread.join()
    assert a.recv() == b"x"


def test_a_poller_can_be_used_for_long(pair):
    a, b = pair
    poller = zmq.Poller()
    poller.register(a, zmq.POLLIN)
    poller.register(b, zmq.POLLIN)
    for number in range(500):
        (a if number % 2 else b).send(b"x")
        (ready, events), *others = poller.poll(LONG)
        assert ready is (b if number % 2 else a) and events == zmq.POLLIN and not others
        ready.recv()


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 30])
def test_every_pattern_of_answers(count):
    """More patterns than a poller remembers, at sizes around the one up to which it remembers any."""
    random = Random(count)
    pairs = [plain.socketpair() for _ in range(count)]
    poller = zmq.Poller()
    for near, _ in pairs:
        poller.register(near.fileno(), zmq.POLLIN)
    full = set()
    try:
        for _ in range(300):
            near, far = pairs[random.randrange(count)]
            if near in full:
                near.recv(10)
                full.remove(near)
            else:
                far.send(b"x")
                full.add(near)
            for _ in range(2):
                assert poller.poll(0) == [(near.fileno(), zmq.POLLIN) for near, _ in pairs if near in full]
    finally:
        for near, far in pairs:
            near.close()
            far.close()


def test_what_a_poll_returned_belongs_to_the_caller(pair):
    a, b = pair
    poller = zmq.Poller()
    poller.register(b, zmq.POLLOUT)
    for _ in range(3):
        found = poller.poll(0)
        assert found == [(b, zmq.POLLOUT)]
        assert type(found) is list and type(found[0]) is tuple and type(found[0][1]) is int
        found.clear()
    assert type(b.poll(0, zmq.POLLOUT)) is int


def test_changes_take_effect_at_once(pair, pipe):
    a, b = pair
    read, write = pipe
    poller = zmq.Poller()
    poller.register(a, zmq.POLLOUT)
    for _ in range(3):
        assert poller.poll(0) == [(a, zmq.POLLOUT)]
        poller.register(write, zmq.POLLOUT)
        assert poller.poll(0) == [(a, zmq.POLLOUT), (write, zmq.POLLOUT)]
        poller.modify(a, zmq.POLLIN)
        assert poller.poll(0) == [(write, zmq.POLLOUT)]
        poller.unregister(write)
        assert poller.poll(0) == []
        poller.modify(a, zmq.POLLOUT)


def test_a_poller_that_changes_while_it_waits(pipe, pair):
    """What was registered before a poll began is put back nowhere when it ends."""
    read, write = pipe
    a, b = pair
    poller = zmq.Poller()
    poller.register(read, zmq.POLLIN)
    assert poller.poll(0) == []

    def change():
        poller.register(a, zmq.POLLOUT)
        os.write(write, b"x")

    thread = threading.Timer(0.05, change)
    thread.start()
    assert poller.poll(LONG) == [(read, zmq.POLLIN)]
    thread.join()
    assert poller.poll(0) == [(read, zmq.POLLIN), (a, zmq.POLLOUT)]


def test_one_poller_in_two_threads(pipe):
    """One waits, and what the other sees meanwhile is not taken for its answer."""
    read, write = pipe
    poller = zmq.Poller()
    poller.register(read, zmq.POLLIN)
    assert poller.poll(0) == []
    answers = []
    thread = threading.Thread(target=lambda: answers.append(poller.poll(LONG)))
    thread.start()
    for _ in range(2000):
        assert poller.poll(0) == []
    assert not answers
    os.write(write, b"x")
    for _ in range(2000):
        assert poller.poll(0) == [(read, zmq.POLLIN)]
    thread.join(30)
    assert answers == [[(read, zmq.POLLIN)]]


def test_a_poll_does_not_use_what_another_one_is_using(pipe):
    """Whatever runs between the native call and the reading of its answers: a thread, or a signal handler."""
    read, write = pipe
    poller = zmq.Poller()
    poller.register(read, zmq.POLLIN)
    assert poller.poll(0) == []
    os.write(write, b"x")
    items = poller._spare[0]
    native = items.call

    def interrupted(*arguments):
        ready = native(*arguments)
        os.read(read, 1)
        assert poller.poll(0) == []
        return ready

    items.call = interrupted
    assert poller.poll(0) == [(read, zmq.POLLIN)]
    items.call = native


def test_a_socket_closed_between_two_polls_of_another_poller(make_socket, pair):
    a, b = pair
    pollers = [zmq.Poller() for _ in range(2)]
    for poller in pollers:
        poller.register(b, zmq.POLLOUT)
    for _ in range(3):
        assert pollers[0].poll(0) == pollers[1].poll(0) == [(b, zmq.POLLOUT)]
        closed(make_socket)
    b.close()
    for poller in pollers * 2:
        with pytest.raises(zmq.ZMQError) as caught:
            poller.poll(0)
        assert caught.value.errno == zmq.ENOTSOCK


def test_a_file_object_whose_number_changes(pipe):
    class Changing:
        number = pipe[0]

        def fileno(self):
            return self.number

    thing = Changing()
    poller = zmq.Poller()
    poller.register(thing, zmq.POLLIN | zmq.POLLOUT)
    assert poller.poll(0) == poller.poll(0) == []
    thing.number = pipe[1]
    assert poller.poll(0) == [(pipe[1], zmq.POLLOUT)]


@pytest.mark.parametrize("timeout", ["0", b"0", [], float("nan")])
def test_what_is_no_time_limit(pair, timeout):
    poller = zmq.Poller()
    poller.register(pair[0], zmq.POLLOUT)
    for _ in range(2):
        with pytest.raises((TypeError, ValueError)):
            poller.poll(timeout)
        with pytest.raises((TypeError, ValueError)):
            pair[0].poll(timeout)
        assert poller.poll(0) == [(pair[0], zmq.POLLOUT)]


def test_a_class_with_a_poll_of_its_own(context):
    class Counting(zmq.Socket):
        count = 0

        def poll(self, timeout=None, flags=zmq.POLLIN):
            Counting.count += 1
            return super().poll(timeout, flags)

    with Counting(context, zmq.PUB) as socket:
        assert socket.poll(0, zmq.POLLOUT) == socket.poll(0, zmq.POLLOUT) == zmq.POLLOUT
    assert Counting.count == 2


def test_a_class_with_a_poller_of_its_own(context):
    class Always(zmq.Poller):
        def poll(self, timeout=None):
            return [(socket, 64) for socket, _ in self.sockets]

    class Ready(zmq.Socket):
        _poller_class = Always

    with Ready(context, zmq.PUB) as socket:
        assert socket.poll(0) == socket.poll(0) == 64


def test_polling_through_a_shadow_that_was_closed(make_socket):
    socket = make_socket(zmq.PUB)
    shadow = zmq.Socket.shadow(socket)
    assert socket.poll(0, zmq.POLLOUT) == shadow.poll(0, zmq.POLLOUT) == zmq.POLLOUT
    shadow.close()
    for one in (socket, shadow):
        with pytest.raises(zmq.ZMQError) as caught:
            one.poll(0, zmq.POLLOUT)
        assert caught.value.errno == zmq.ENOTSUP


def test_a_socket_that_was_closed_after_registering(make_socket, pair):
    """pyzmq 27.3 polls standard input in its place."""
    a, b = pair
    socket = make_socket(zmq.PULL)
    poller = zmq.Poller()
    poller.register(a, zmq.POLLIN)
    poller.register(socket, zmq.POLLIN)
    b.send(b"x")
    assert poller.poll(LONG) == [(a, zmq.POLLIN)]
    socket.close()
    with pytest.raises(zmq.ZMQError) as caught:
        poller.poll(0)
    assert caught.value.errno == zmq.ENOTSOCK
    poller.unregister(socket)
    assert poller.poll(LONG) == [(a, zmq.POLLIN)]


def test_a_closed_socket_that_is_registered(make_socket):
    """pyzmq 27.3 polls standard input in its place."""
    poller = zmq.Poller()
    with pytest.raises(zmq.ZMQError) as caught:
        poller.register(closed(make_socket), zmq.POLLIN)
        poller.poll(0)
    assert caught.value.errno == zmq.ENOTSOCK


def test_the_end_of_the_context_ends_a_poll():
    context = zmq.Context()
    socket = context.socket(zmq.PULL)
    poller = zmq.Poller()
    poller.register(socket, zmq.POLLIN)
    thread = threading.Thread(target=context.term, daemon=True)
    thread.start()
    try:
        with pytest.raises(zmq.ContextTerminated):
            poller.poll()
        with pytest.raises(zmq.ContextTerminated):
            zmq.zmq_poll([(socket, zmq.POLLIN)], 0)
    finally:
        socket.close()
    thread.join(30)
    assert not thread.is_alive()


# --- files


@pytest.mark.parametrize(
    "wrap", [int, lambda number: os.fdopen(number, "rb", 0, closefd=False)], ids=["number", "file"]
)
def test_files(pipe, wrap):
    read, write = pipe
    target = wrap(read)
    poller = zmq.Poller()
    poller.register(target, zmq.POLLIN)
    assert target in poller
    assert poller.poll(0) == []
    os.write(write, b"x")
    assert poller.poll(LONG) == [(read, zmq.POLLIN)]
    assert zmq.zmq_poll([(target, zmq.POLLIN)], LONG) == [(read, zmq.POLLIN)]
    poller.unregister(target)
    assert poller.poll(0) == []


def test_plain_sockets():
    with plain.socket(plain.AF_INET, plain.SOCK_DGRAM) as receiver, plain.socket(
        plain.AF_INET, plain.SOCK_DGRAM
    ) as sender:
        receiver.bind(("127.0.0.1", 0))
        poller = zmq.Poller()
        poller.register(receiver, zmq.POLLIN)
        assert poller.poll(0) == []
        sender.sendto(b"x", receiver.getsockname())
        assert poller.poll(LONG) == [(receiver.fileno(), zmq.POLLIN)]


def test_sockets_and_files_together(pair, pipe):
    a, b = pair
    read, write = pipe
    poller = zmq.Poller()
    poller.register(read, zmq.POLLIN)
    poller.register(a, zmq.POLLIN)
    poller.register(write, zmq.POLLOUT)
    assert poller.poll(0) == [(write, zmq.POLLOUT)]
    os.write(write, b"x")
    b.send(b"x")
    assert a.poll(LONG)
    assert poller.poll(LONG) == [(read, zmq.POLLIN), (a, zmq.POLLIN), (write, zmq.POLLOUT)]


def test_a_file_wakes_a_waiting_poll(pair, pipe):
    read, write = pipe
    poller = zmq.Poller()
    poller.register(pair[0], zmq.POLLIN)
    poller.register(read, zmq.POLLIN)
    thread = threading.Timer(0.05, lambda: os.write(write, b"x"))
    thread.start()
    assert poller.poll() == [(read, zmq.POLLIN)]
    thread.join()


def test_a_broken_pipe_is_an_error_event(pipe):
    read, write = pipe
    os.close(read)
    [(number, events)] = zmq.zmq_poll([(write, zmq.POLLERR)], LONG)
    assert number == write and events & zmq.POLLERR


# --- zmq_poll


def test_zmq_poll(pair):
    a, b = pair
    assert zmq.zmq_poll([(a, zmq.POLLIN)], 0) == []
    assert zmq.zmq_poll([(a, zmq.POLLIN), (b, zmq.POLLOUT)], timeout=0) == [(b, zmq.POLLOUT)]
    b.send(b"x")
    assert zmq.zmq_poll([(a, zmq.POLLIN)]) == [(a, zmq.POLLIN)]
    assert zmq.zmq_poll(((a, zmq.POLLIN),), -1) == [(a, zmq.POLLIN)]


def test_zmq_poll_of_nothing_returns_at_once():
    assert zmq.zmq_poll([]) == zmq.zmq_poll([], -1) == zmq.zmq_poll([], LONG) == []


def test_zmq_poll_with_duplicates(pair):
    a, b = pair
    b.send(b"x")
    assert a.poll(LONG)
    twice = [(a, zmq.POLLIN), (a, zmq.POLLOUT), (a, zmq.POLLIN)]
    assert zmq.zmq_poll(twice, 0) == twice


def test_a_file_and_a_socket_twice(pair, pipe):
    """What each has asked for, in the order in which it was asked."""
    a, b = pair
    read, write = pipe
    b.send(b"x")
    assert a.poll(LONG)
    wanted = [(read, zmq.POLLIN), (a, zmq.POLLIN), (write, zmq.POLLOUT), (b, zmq.POLLIN), (a, zmq.POLLOUT | zmq.POLLIN)]
    answer = [(a, zmq.POLLIN), (write, zmq.POLLOUT), (a, zmq.POLLOUT | zmq.POLLIN)]
    for _ in range(2):
        assert zmq.zmq_poll(wanted, 0) == answer
    broken_read, broken = os.pipe()
    os.close(broken_read)
    try:
        answer = zmq.zmq_poll([(a, zmq.POLLIN), (a, zmq.POLLOUT), (broken, 0)])
    finally:
        os.close(broken)
    assert [key for key, events in answer if events & zmq.POLLERR] == [broken]


def test_shadows_of_one_socket_in_one_poller(pair):
    a, b = pair
    other = zmq.Socket(shadow=a)
    poller = zmq.Poller()
    for socket, events in ((a, zmq.POLLIN), (b, zmq.POLLIN), (other, zmq.POLLOUT)):
        poller.register(socket, events)
    assert poller.poll(0) == [(other, zmq.POLLOUT)]
    b.send(b"x")
    assert a.poll(LONG)
    assert poller.poll(LONG) == poller.poll(LONG) == [(a, zmq.POLLIN), (other, zmq.POLLOUT)]


@pytest.mark.timeout(120)
def test_what_happens_between_two_looks_at_a_socket(context, make_socket):
    """``zmq_poll`` alone waits for ever if room comes after it has asked for room and before it asks for messages."""
    push, pull = make_socket(zmq.PUSH), make_socket(zmq.PULL)
    push.sndhwm = pull.rcvhwm = 5
    push.linger = 0
    push.bind("inproc://full")
    pull.connect("inproc://full")
    # Many others in between, so that it often comes just then.
    others = [make_socket(zmq.PULL) for _ in range(300)]
    wanted = [(push, zmq.POLLOUT), *((other, zmq.POLLIN) for other in others), (push, zmq.POLLIN)]
    turns, random = 150, Random(5)
    full, stop = threading.Semaphore(0), threading.Event()

    def drain():
        while full.acquire() and not stop.is_set():
            stop.wait(random.random() * 0.001)
            while pull.poll(0):
                pull.recv()

    drainer = threading.Thread(target=drain)
    drainer.start()
    try:
        for turn in range(turns):
            while push.poll(0, zmq.POLLOUT):
                push.send(b"x")
            full.release()
            assert zmq.zmq_poll(wanted, LONG), turn
    finally:
        stop.set()
        full.release()
        drainer.join(LONG)


def test_zmq_poll_of_a_closed_socket(make_socket):
    """pyzmq 27.3 polls standard input in its place."""
    with pytest.raises(zmq.ZMQError) as caught:
        zmq.zmq_poll([(closed(make_socket), zmq.POLLIN)], 0)
    assert caught.value.errno == zmq.ENOTSOCK


class BadFile:
    def __init__(self, number):
        self.number = number

    def fileno(self):
        if isinstance(self.number, Exception):
            raise self.number
        return self.number


@pytest.mark.parametrize(
    ("target", "error"),
    [
        (None, TypeError),
        ("a", TypeError),
        (1.5, TypeError),
        (BadFile("a"), (TypeError, ValueError)),
        (BadFile(LookupError()), (LookupError, ValueError)),
    ],
    ids=["None", "text", "float", "fileno() of text", "fileno() that raises"],
)
def test_what_cannot_be_polled(target, error):
    with pytest.raises(error):
        zmq.zmq_poll([(target, zmq.POLLIN)], 0)
    poller = zmq.Poller()
    with pytest.raises(error):
        poller.register(target, zmq.POLLIN)
        poller.poll(0)


# --- select


def test_select(pair):
    a, b = pair
    read, write, broken = zmq.select([a, b], [a, b], [a, b], 0)
    assert (read, set(write), len(write), broken) == ([], {a, b}, 2, [])
    b.send(b"x")
    assert zmq.select([a], [], [], 30) == ([a], [], [])
    assert zmq.select([a], [], []) == ([a], [], [])
    assert zmq.select([a], [], [], None) == ([a], [], [])
    assert zmq.select([a], [], [], timeout=0.01) == ([a], [], [])


def test_select_counts_in_seconds(make_socket):
    socket = make_socket(zmq.PULL)
    assert zmq.select([socket], [], [], 0.001) == ([], [], [])


def test_select_of_nothing_returns_at_once():
    assert zmq.select([], [], []) == zmq.select([], [], [], 30) == ([], [], [])


def test_select_of_files(pair, pipe):
    a, _ = pair
    read, write = pipe
    os.write(write, b"x")
    ready, writable, _ = zmq.select([read, a], [a, write], [], 30)
    assert ready == [read]
    assert set(writable) == {a, write}


def test_select_of_a_closed_socket(make_socket):
    """pyzmq 27.3 selects standard input in its place."""
    with pytest.raises(zmq.ZMQError) as caught:
        zmq.select([closed(make_socket)], [], [], 0)
    assert caught.value.errno == zmq.ENOTSOCK
