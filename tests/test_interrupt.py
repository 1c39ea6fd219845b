"""Signals during calls that wait: handlers run at once, calls go on afterwards, and Ctrl-C gets out.

Most of it happens in this process: a thread aims SIGUSR1 at the main one until its handler has run a few times, so nothing
depends on how fast anything is.  A waiting call that would swallow signals makes that thread give up after a limit, which
fails the test instead of hanging it.
"""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time

import pytest

import zmq_ctypes as zmq

if sys.platform == "win32":
    pytest.skip("signals of POSIX", allow_module_level=True)

#: Seconds after which a handler that has not run is given up.
LIMIT = 20
#: Seconds after which a signal is sent once more: it may have come just before the main thread began to wait.  Long, so
#: that the handlers of a slow machine do not interrupt each other.
REPEAT = 2


class Away(Exception):
    """What a handler raises."""


class Knocking:
    """Sends SIGUSR1 to the main thread until it was handled `times` times, then does something else."""

    def __init__(self, times, then):
        self.times = times
        self.then = then
        self.handled = 0
        self.arrived = False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        # What a handler raises in a destructor comes out nowhere: those of what other tests have left run first.
        gc.collect()
        self.before = signal.signal(signal.SIGUSR1, self.handle)
        self.main = threading.get_ident()
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.thread.join(LIMIT + 10)
        signal.signal(signal.SIGUSR1, self.before)
        assert not self.thread.is_alive()

    def handle(self, number, frame):
        self.handled += 1

    def run(self):
        end = time.monotonic() + LIMIT
        time.sleep(0.05)  # let the main thread get into its wait
        while self.handled < self.times and time.monotonic() < end:
            before, again = self.handled, time.monotonic() + REPEAT
            signal.pthread_kill(self.main, signal.SIGUSR1)
            while self.handled == before and time.monotonic() < min(again, end):
                time.sleep(0.01)
        self.arrived = self.handled >= self.times
        self.then()


RECEIVERS = {
    "recv": lambda socket: socket.recv(),
    "frame": lambda socket: socket.recv(copy=False).bytes,
    "multipart": lambda socket: socket.recv_multipart()[0],
    "frames": lambda socket: socket.recv_multipart(copy=False)[0].bytes,
    "string": lambda socket: socket.recv_string().encode(),
    "into": lambda socket: b"0" * socket.recv_into(bytearray(10)),
    "poll": lambda socket: socket.poll() and socket.recv(),
    "poll with a limit": lambda socket: socket.poll(LIMIT * 3000) and socket.recv(),
    "zmq_poll": lambda socket: zmq.zmq_poll([(socket, zmq.POLLIN)])[0][0].recv(),
    "select": lambda socket: zmq.select([socket], [], [])[0][0].recv(),
}

SENDERS = {
    "send": lambda socket: socket.send(b"0"),
    "large": lambda socket: socket.send(b"0" * 100000),
    "frame": lambda socket: socket.send(zmq.Frame(b"0")),
    "no copy": lambda socket: socket.send(b"0" * 100000, copy=False),
    "multipart": lambda socket: socket.send_multipart([b"0", b"0"]),
    "string": lambda socket: socket.send_string("0"),
    "poll": lambda socket: socket.poll(flags=zmq.POLLOUT) and socket.send(b"0"),
}


@pytest.fixture(params=[-1, LIMIT * 3000], ids=["for ever", "with a limit"])
def patience(request):
    """RCVTIMEO and SNDTIMEO: what is left of them after a signal is waited for in another way."""
    return request.param


@pytest.fixture
def pair(bound_pair, patience):
    return bound_pair(zmq.PULL, zmq.PUSH, timeout=patience)


@pytest.fixture
def full(make_socket, patience):
    """A PULL and a PUSH between which there is no more room."""
    a, b = (make_socket(kind, timeout=patience, sndhwm=1, rcvhwm=1) for kind in (zmq.PULL, zmq.PUSH))
    a.bind("inproc://full")
    b.connect("inproc://full")
    count = 0
    while b.poll(0, zmq.POLLOUT):
        b.send(b"0")
        count += 1
    return a, b, count


@pytest.mark.parametrize("way", RECEIVERS)
def test_handlers_run_and_receiving_goes_on(pair, way):
    a, b = pair
    with Knocking(3, lambda: b.send(b"0")) as knocking:
        assert RECEIVERS[way](a) == b"0"
    assert knocking.arrived


@pytest.mark.parametrize("way", SENDERS)
def test_handlers_run_and_sending_goes_on(full, way):
    a, b, count = full

    def drain():
        for _ in range(count):
            a.recv()

    with Knocking(3, drain) as knocking:
        SENDERS[way](b)
    assert knocking.arrived
    assert a.recv()[:1] == b"0"


@pytest.mark.parametrize("way", ["recv", "poll", "poller"])
def test_time_limits_hold_in_spite_of_signals(make_socket, way):
    socket = make_socket(zmq.PULL, timeout=300)
    poller = zmq.Poller()
    poller.register(socket, zmq.POLLIN)
    with Knocking(3, lambda: None) as knocking:
        if way == "recv":
            with pytest.raises(zmq.Again):
                socket.recv()
        elif way == "poll":
            assert socket.poll(300) == 0
        else:
            assert poller.poll(300) == []
    assert knocking.arrived


class Pestering(Knocking):
    """Sends signals, much faster than any limit, until told to stop or until it has had enough."""

    def __init__(self):
        super().__init__(sys.maxsize, lambda: None)
        self.done = threading.Event()

    def __exit__(self, *error):
        self.done.set()
        super().__exit__(*error)

    def run(self):
        end = time.monotonic() + LIMIT
        while time.monotonic() < end and not self.done.wait(0.02):
            signal.pthread_kill(self.main, signal.SIGUSR1)

    def had_enough(self):
        return not self.thread.is_alive()


#: Milliseconds: long beside the signals, short beside what `Pestering` endures.
SHORT = 400
TIMED = [way for way in RECEIVERS if "poll" not in way and way != "select"]


@pytest.mark.parametrize("way", TIMED)
def test_the_whole_limit_of_a_receive_holds_in_spite_of_signals(bound_pair, way):
    """However many there are, and whatever their handlers do with other sockets."""
    a, b = bound_pair(zmq.PULL, zmq.PUSH, timeout=SHORT)
    c, d = bound_pair(zmq.PAIR, zmq.PAIR)
    begun = time.monotonic()
    with Pestering() as pestering:

        def talk(number, frame):
            pestering.handled += 1
            (succeed, find_nothing, go_wrong)[pestering.handled % 3](c, d)

        signal.signal(signal.SIGUSR1, talk)
        with pytest.raises(zmq.Again):
            RECEIVERS[way](a)
        assert not pestering.had_enough()
    assert pestering.handled
    assert time.monotonic() - begun > SHORT / 1000 * 0.9
    b.send(b"0")
    assert RECEIVERS[way](a) == b"0"


@pytest.mark.parametrize("way", [way for way in SENDERS if way != "poll"])
def test_the_whole_limit_of_a_send_holds_in_spite_of_signals(full, way):
    a, b, count = full
    b.sndtimeo = SHORT
    begun = time.monotonic()
    with Pestering() as pestering:
        with pytest.raises(zmq.Again):
            SENDERS[way](b)
        assert not pestering.had_enough()
    assert pestering.handled
    assert time.monotonic() - begun > SHORT / 1000 * 0.9
    # Nothing was sent, and not a part of it.
    assert [a.recv_multipart() for _ in range(count)] == [[b"0"]] * count
    assert not a.poll(50)


@pytest.fixture
def full_router(make_socket):
    """A ROUTER with a peer that takes no more, though EVENTS say that it can send; that peer; and how many it has."""
    router = make_socket(zmq.ROUTER, sndhwm=1, rcvhwm=1, router_mandatory=1)
    dealer, another = [make_socket(zmq.DEALER, sndhwm=1, rcvhwm=1, routing_id=name) for name in (b"peer", b"another")]
    router.bind("inproc://mandatory")
    for peer in (dealer, another):
        peer.connect("inproc://mandatory")
        peer.send(b"here")
        router.recv_multipart()
    count = 0
    with pytest.raises(zmq.Again):
        while True:
            router.send_multipart([b"peer", b"0"], zmq.DONTWAIT)
            count += 1
    assert router.poll(0, zmq.POLLOUT)
    return router, dealer, count


def test_the_limit_of_a_send_that_events_promise_holds_in_spite_of_signals(full_router):
    router, dealer, count = full_router
    router.sndtimeo = SHORT
    begun, used = time.monotonic(), time.process_time()
    with Pestering() as pestering:
        with pytest.raises(zmq.Again):
            router.send_multipart([b"peer", b"1", b"2"])
        assert not pestering.had_enough()
    # And it does not keep asking all that time.
    assert time.process_time() - used < (time.monotonic() - begun) / 2
    for _ in range(count):
        assert dealer.recv_multipart() == [b"0"]
    assert not dealer.poll(50)


def test_a_send_that_events_promise_goes_on_after_signals(full_router):
    router, dealer, count = full_router
    router.sndtimeo = LIMIT * 3000

    def drain():
        for _ in range(count):
            assert dealer.recv_multipart() == [b"0"]

    with Knocking(3, drain) as knocking:
        router.send_multipart([b"peer", b"1", b"2"])
    assert knocking.arrived
    assert dealer.recv_multipart() == [b"1", b"2"]


@pytest.mark.parametrize("way", TIMED)
def test_a_handler_may_close_the_socket_that_waits(pair, way):
    a, b = pair
    with Knocking(2, lambda: None) as knocking:

        def close(number, frame):
            knocking.handled += 1
            if knocking.handled == 2:
                a.close()

        signal.signal(signal.SIGUSR1, close)
        with pytest.raises(zmq.ZMQError) as caught:
            RECEIVERS[way](a)
    assert knocking.arrived
    assert caught.value.errno == zmq.ENOTSOCK


@pytest.mark.parametrize("way", RECEIVERS)
def test_an_error_of_a_handler_gets_out_of_receiving(pair, way):
    a, b = pair
    with Knocking(1, lambda: b.send(b"0")) as knocking:

        def raise_away(number, frame):
            knocking.handled += 1
            if knocking.handled == 1:
                raise Away

        signal.signal(signal.SIGUSR1, raise_away)
        with pytest.raises(Away):
            RECEIVERS[way](a)
        knocking.thread.join(LIMIT + 10)
    assert knocking.arrived
    assert a.recv() == b"0"  # the socket is as good as before
    b.send_multipart([b"1", b"2"])
    assert a.recv_multipart() == [b"1", b"2"]


@pytest.mark.parametrize("way", SENDERS)
def test_an_error_of_a_handler_gets_out_of_sending(full, way):
    a, b, count = full
    with Knocking(1, lambda: None) as knocking:

        def raise_away(number, frame):
            knocking.handled += 1
            if knocking.handled == 1:
                raise Away

        signal.signal(signal.SIGUSR1, raise_away)
        with pytest.raises(Away):
            SENDERS[way](b)
    assert knocking.arrived
    assert [a.recv() for _ in range(count)] == [b"0"] * count
    b.send(b"1")
    assert a.recv() == b"1"
    with pytest.raises(zmq.Again):
        a.recv(zmq.DONTWAIT)


def succeed(c, d):
    d.send(b"inner")
    assert c.recv() == b"inner"


def find_nothing(c, d):
    with pytest.raises(zmq.Again):
        c.recv(zmq.DONTWAIT)


def go_wrong(c, d):
    with pytest.raises(zmq.ZMQError):
        c.connect("nonsense://")


@pytest.mark.parametrize("act", [succeed, find_nothing, go_wrong])
@pytest.mark.parametrize("way", ["recv", "frame", "into", "multipart", "poll", "zmq_poll"])
def test_a_handler_may_use_other_sockets(pair, bound_pair, way, act):
    """What a call keeps for itself is not shared with the handler's calls, and neither is the errno of the interruption."""
    a, b = pair
    c, d = bound_pair(zmq.PAIR, zmq.PAIR)
    with Knocking(5, lambda: b.send(b"0")) as knocking:

        def talk(number, frame):
            act(c, d)
            knocking.handled += 1

        signal.signal(signal.SIGUSR1, talk)
        assert RECEIVERS[way](a) == b"0"
    assert knocking.arrived


@pytest.mark.parametrize("act", [succeed, find_nothing, go_wrong])
@pytest.mark.parametrize("way", SENDERS)
def test_a_handler_may_use_other_sockets_while_one_sends(full, bound_pair, way, act):
    a, b, count = full
    c, d = bound_pair(zmq.PAIR, zmq.PAIR)

    def drain():
        for _ in range(count):
            a.recv()

    with Knocking(5, drain) as knocking:

        def talk(number, frame):
            act(c, d)
            knocking.handled += 1

        signal.signal(signal.SIGUSR1, talk)
        SENDERS[way](b)
    assert knocking.arrived
    assert a.recv()[:1] == b"0"


def test_a_handler_may_use_the_socket_that_waits(pair):
    a, b = pair
    inner = []
    with Knocking(3, lambda: b.send(b"outer")) as knocking:

        def take(number, frame):
            b.send(b"inner %d" % knocking.handled)
            inner.append(a.recv())
            knocking.handled += 1

        signal.signal(signal.SIGUSR1, take)
        assert a.recv() == b"outer"
    assert knocking.arrived
    assert inner == [b"inner %d" % number for number in range(len(inner))]


def test_signals_while_messages_fly(bound_pair):
    """Handlers run between and inside thousands of calls, and no message is lost or changed."""
    a, b = bound_pair(zmq.PULL, zmq.PUSH, "tcp", timeout=-1)
    handled = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: handled.append(number))
    done = threading.Event()
    main = threading.get_ident()

    def knock():
        while not done.wait(0.001):
            signal.pthread_kill(main, signal.SIGUSR1)

    def send():
        for number in range(5000):
            b.send(b"%d" % number * (number % 30 + 1))

    threads = [threading.Thread(target=knock), threading.Thread(target=send)]
    try:
        for thread in threads:
            thread.start()
        for number in range(5000):
            assert a.recv() == b"%d" % number * (number % 30 + 1)
        end = time.monotonic() + LIMIT
        while not handled and time.monotonic() < end:
            time.sleep(0.01)
    finally:
        done.set()
        for thread in threads:
            thread.join(LIMIT)
        signal.signal(signal.SIGUSR1, before)
    assert handled


def test_threads_that_are_not_the_main_one_are_left_alone(pair):
    """A signal that reaches another thread's call interrupts it in C only: it goes on and nothing is raised there."""
    a, b = pair
    got = []
    thread = threading.Thread(target=lambda: got.append(a.recv()), daemon=True)
    handled = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: handled.append(threading.get_ident()))
    try:
        thread.start()
        for _ in range(5):
            time.sleep(0.02)
            signal.pthread_kill(thread.ident, signal.SIGUSR1)
        end = time.monotonic() + LIMIT
        while not handled and time.monotonic() < end:
            time.sleep(0.01)
        assert thread.is_alive()
        b.send(b"x")
        thread.join(LIMIT)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert got == [b"x"]
    assert set(handled) == {threading.get_ident()}
