"""The monitored queue: what goes through, what its monitor is told, how it ends, and what it refuses."""

from __future__ import annotations

import errno
import gc
import sys
import threading
import time
import weakref
from functools import partial

import pytest
from children import check
from support import go_away, need, until

import zmq_ctypes as zmq
from zmq_ctypes.devices import monitored_queue
from zmq_ctypes.interrupts import Interrupts
from zmq_ctypes.relay import Relay

CPYTHON = sys.implementation.name == "cpython"


@pytest.fixture
def queue(stage, far):
    """A running queue and the far ends of it: ``queue((ROUTER, DEALER), (REQ, REP))``; its monitor misses nothing."""

    def make(near, ends, *arguments, names=({}, {}), **options):
        sockets = [stage.bound(kind, **options) for kind in near]
        monitor = stage.bound(zmq.PUSH)
        endpoints = [stage.at(socket) for socket in (*sockets, monitor)]
        running = stage.run(monitored_queue, *sockets, monitor, arguments=arguments)
        far_ends = [far(kind, endpoint, **name) for kind, endpoint, name in zip(ends, endpoints, names)]
        return running, *far_ends, far(zmq.PULL, endpoints[2])

    return make


# What goes through ---------------------------------------------------------------------------------------------------


def test_both_directions_and_the_end(stage, queue):
    running, client, worker, monitor = queue((zmq.ROUTER, zmq.DEALER), (zmq.REQ, zmq.REP))
    client.send(b"a", b"question")
    assert worker.recv() == [b"a", b"question"]
    told = monitor.recv()
    assert told[0] == b"in" and told[2:] == [b"", b"a", b"question"]
    worker.send(b"an answer")
    assert client.recv() == [b"an answer"]
    assert monitor.recv() == [b"out", told[1], b"", b"an answer"]
    stage.end()
    assert isinstance(running.end(), zmq.ContextTerminated)


def test_prefixes(queue):
    _, client, worker, monitor = queue((zmq.DEALER, zmq.DEALER), (zmq.DEALER, zmq.DEALER), b"", b"a longer prefix" * 10)
    client.send(b"1")
    assert worker.recv() == [b"1"] and monitor.recv() == [b"", b"1"]
    worker.send(b"2")
    assert client.recv() == [b"2"] and monitor.recv() == [b"a longer prefix" * 10, b"2"]


@pytest.mark.parametrize("size", [0, 1, 28, 29, 30, 31, 32, 33, 34, 100, 8192, 8193, 1_000_000])
def test_sizes(queue, size):
    """libzmq keeps small messages in one way, and large ones in others."""
    _, source, sink, monitor = queue((zmq.PULL, zmq.PUSH), (zmq.PUSH, zmq.PULL))
    messages = [[b"a" * size], [b"b"], [b"c" * size, b"", b"d" * size], [b""], [b"", b"e" * size], [b"f" * size]]
    for message in messages:
        source.send(*message)
    assert [sink.recv() for _ in messages] == messages
    assert [monitor.recv() for _ in messages] == [[b"in", *message] for message in messages]


def test_many_frames(queue):
    _, source, sink, monitor = queue((zmq.PULL, zmq.PUSH), (zmq.PUSH, zmq.PULL))
    message = [b"%d" % number for number in range(3000)]
    source.send(*message)
    assert sink.recv() == message
    assert monitor.recv() == [b"in", *message]


def test_subscriptions_go_upstream(queue):
    _, publisher, subscriber, monitor = queue((zmq.XSUB, zmq.XPUB), (zmq.XPUB, zmq.XSUB))
    subscriber.send(b"\1topic")
    assert publisher.recv() == [b"\1topic"] and monitor.recv() == [b"out", b"\1topic"]
    publisher.send(b"nothing")
    publisher.send(b"topic", b"news")
    assert subscriber.recv() == [b"topic", b"news"] and monitor.recv() == [b"in", b"topic", b"news"]


ROUTERS = (zmq.ROUTER, zmq.ROUTER)
NAMES = ({"identity": b"one"}, {"identity": b"other"})


def connected(one, other):
    """Wait until the routers know both: what is for somebody unknown is dropped."""
    for _ in range(100):
        one.send(b"other", b"hello")
        if other.poll(100):
            break
    while other.poll(0):
        assert other.recv() == [b"one", b"hello"]
    # Whatever was still under way.
    one.send(b"other", b"last")
    while other.recv() != [b"one", b"last"]:
        pass


def test_routers_on_both_sides(queue):
    """The second frame says whom a message is for; the receiver finds there whom it is from."""
    _, one, other, monitor = queue(ROUTERS, (zmq.DEALER, zmq.DEALER), names=NAMES)
    connected(one, other)
    while monitor.recv()[-1] != b"last":
        pass
    one.send(b"other", b"a", b"question")
    assert other.recv() == [b"one", b"a", b"question"]
    # As it was passed on.
    assert monitor.recv() == [b"in", b"other", b"one", b"a", b"question"]
    other.send(b"one", b"answer")
    assert one.recv() == [b"other", b"answer"]
    assert monitor.recv() == [b"out", b"one", b"other", b"answer"]


def test_a_message_that_names_nobody_does_not_take_the_next_one_with_it(queue):
    """Routers on both sides, and a single frame behind the sender's name: pyzmq waits for more and takes another's."""
    _, one, other, monitor = queue(ROUTERS, (zmq.DEALER, zmq.DEALER), names=NAMES)
    connected(one, other)
    while monitor.recv()[-1] != b"last":
        pass
    one.send(b"other")
    one.send(b"nobody")
    one.send(b"other", b"whole")
    assert other.recv() == [b"one"]
    assert other.recv() == [b"one", b"whole"]
    assert monitor.recv() == [b"in", b"other", b"one"]
    assert monitor.recv() == [b"in", b"nobody", b"one"]
    assert monitor.recv() == [b"in", b"other", b"one", b"whole"]


def test_one_socket_for_both(stage, far):
    echo, monitor = stage.bound(zmq.ROUTER), stage.bound(zmq.PUSH)
    endpoints = [stage.at(echo), stage.at(monitor)]
    stage.run(lambda a, b: monitored_queue(a, a, b), echo, monitor)
    client, watcher = far(zmq.DEALER, endpoints[0], identity=b"me"), far(zmq.PULL, endpoints[1])
    # Both are the same ROUTER, and so the two first frames change places.
    client.send(b"me", b"hello")
    assert client.recv() == [b"me", b"hello"]
    assert watcher.recv() == [b"in", b"me", b"me", b"hello"]


# When there is no room -----------------------------------------------------------------------------------------------


def test_a_message_waits_for_somebody_to_take_it(stage, far):
    front, back, monitor = (stage.bound(kind) for kind in (zmq.ROUTER, zmq.DEALER, zmq.PUB))
    endpoints = [stage.at(socket) for socket in (front, back)]
    running = stage.run(monitored_queue, front, back, monitor)
    client = far(zmq.DEALER, endpoints[0], identity=b"client")
    for number in range(10):
        client.send(b"%d" % number)
    late = far(zmq.DEALER, endpoints[1])
    assert [late.recv() for _ in range(10)] == [[b"client", b"%d" % number] for number in range(10)]
    late.send(b"client", b"back")
    assert client.recv() == [b"back"]
    assert running.thread.is_alive()


def test_a_full_direction_does_not_stop_the_other(stage, far):
    """A message that finds no room waits; what comes the other way is passed on meanwhile."""
    near = [stage.bound(zmq.DEALER, sndhwm=1, rcvhwm=1) for _ in range(2)]
    monitor = stage.bound(zmq.PUB)
    endpoints = [stage.at(socket) for socket in near]
    stage.run(monitored_queue, *near, monitor)
    left = far(zmq.DEALER, endpoints[0], sndhwm=1, sndtimeo=200)
    right = far(zmq.DEALER, endpoints[1], rcvhwm=1, rcvbuf=1)
    # Until nothing goes any more to the one that does not read.
    sent = 0
    size = 100_000
    with pytest.raises(Exception, match="Again|unavailable"):
        while sent < 1000:
            left.send(b"%d" % sent, b"x" * size)
            sent += 1
    for number in range(20):
        right.send(b"back %d" % number)
        assert left.recv() == [b"back %d" % number]
    assert [right.recv()[0] for _ in range(sent)] == [b"%d" % number for number in range(sent)]


def test_a_monitor_of_which_nobody_takes_anything(stage, far):
    """PUB: the messages go through; a waiting type stops them for as long as its SNDTIMEO says."""
    front, back, monitor = stage.bound(zmq.PULL), stage.bound(zmq.PUSH), stage.bound(zmq.PUSH, sndtimeo=0)
    endpoints = [stage.at(socket) for socket in (front, back, monitor)]
    running = stage.run(monitored_queue, front, back, monitor)
    source, sink = far(zmq.PUSH, endpoints[0]), far(zmq.PULL, endpoints[1])
    messages = [[b"small"], [b"x" * 1000], [b"several", b"frames"]] * 5
    for message in messages:
        source.send(*message)
    assert [sink.recv() for _ in messages] == messages
    watcher = far(zmq.PULL, endpoints[2])
    # From some message on it is told, always the whole of it.
    for number in range(1000):
        source.send(b"%d" % number, b"second")
        assert sink.recv() == [b"%d" % number, b"second"]
        if watcher.poll(10):
            break
    told = watcher.recv()
    assert told[0] == b"in" and len(told) == 3 and told[2] == b"second"
    assert running.thread.is_alive()


def test_a_monitor_that_waits_gets_everything(stage, far):
    front, back, monitor = stage.bound(zmq.PULL), stage.bound(zmq.PUSH), stage.bound(zmq.PUSH)
    endpoints = [stage.at(socket) for socket in (front, back, monitor)]
    stage.run(monitored_queue, front, back, monitor)
    source, sink = far(zmq.PUSH, endpoints[0]), far(zmq.PULL, endpoints[1])
    messages = [[b"small"], [b"x" * 1000], [b"several", b"frames"], [b""]]
    for message in messages:
        source.send(*message)
    # The first is passed on before anybody is told of it, or after: nobody need know.
    watcher = far(zmq.PULL, endpoints[2])
    assert [sink.recv() for _ in messages] == messages
    assert [watcher.recv() for _ in messages] == [[b"in", *message] for message in messages]


# A peer that goes in the midst of a message ---------------------------------------------------------------------------


@pytest.mark.libzmq("4.2.0")
@pytest.mark.parametrize(("near", "end"), [(zmq.PUSH, zmq.PULL), (zmq.DEALER, zmq.DEALER), (zmq.PAIR, zmq.PAIR)])
@pytest.mark.parametrize("gone", [1, 2, 3])
def test_the_rest_goes_to_nobody_else(stage, near, end, gone):
    """However much of the message had been sent: the next receiver gets whole messages only."""

    class Leaving(Relay):
        """The receiver goes when some frames of the first message have been sent."""

        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.sent = 0
            self._send, self._send_more = (partial(self._count, send) for send in (self._send, self._send_more))

        def _count(self, send):
            if leaver:
                self.sent += 1
                if self.sent == gone + 1:
                    go_away(leaver.pop(), back)
            return send()

    context = stage.context
    front, back, monitor = (context.socket(kind) for kind in (zmq.PULL, near, zmq.PUSH))
    source, first, watcher = (context.socket(kind) for kind in (zmq.PUSH, end, zmq.PULL))
    stage.made += [front, back, monitor, source, first, watcher]
    for number, (bound, connected) in enumerate(((front, source), (back, first), (monitor, watcher))):
        bound.bind(f"inproc://{number}")
        connected.connect(f"inproc://{number}")
        for socket in (bound, connected):
            socket.linger, socket.rcvtimeo = 0, 10_000
    leaver = [first]
    messages = [[b"1", b"2", b"3", b"4"], [b"one"], [b"a", b"b"], [b""]]
    for message in messages:
        source.send_multipart(message)
    relay = Leaving(front, back, monitor, b"in")
    interrupts = Interrupts()
    relay.go(interrupts)
    assert not leaver

    def follow():
        stage.made.append(context.socket(end))
        stage.made[-1].linger, stage.made[-1].rcvtimeo = 0, 10_000
        stage.made[-1].connect("inproc://1")
        if near == zmq.PAIR:
            # It takes a second peer only when it is through with the first one.
            time.sleep(0.02)
            return back.poll(0, zmq.POLLOUT)
        return True

    if near == zmq.PAIR:
        until(lambda: not back.poll(0, zmq.POLLOUT), "a peer that is gone and stays")
    until(follow, "no second peer is taken")
    second = stage.made[-1]
    told, received = [], []
    while len(told) < 4 or len(received) < 3:
        awaited, events = relay.awaits
        if awaited.poll(0, events):
            relay.go(interrupts)
        while watcher.poll(0):
            told.append(watcher.recv_multipart())
        while second.poll(10):
            received.append(second.recv_multipart())
    relay.close()
    assert received == messages[1:]
    assert told == [[b"in", *message] for message in messages]


@pytest.fixture
def make(stage):
    """Makes sockets of the stage: ``make(kind, endpoint, "bind" or "connect")``."""

    def make(kind, endpoint, method):
        socket = stage.context.socket(kind)
        stage.made.append(socket)
        socket.linger, socket.rcvtimeo = 0, 10_000
        getattr(socket, method)(f"inproc://{endpoint}")
        return socket

    return make


@pytest.mark.libzmq("4.2.0")
@pytest.mark.parametrize("near", [zmq.PUSH, zmq.DEALER])
@pytest.mark.parametrize("gone", [1, 2, 3])
@pytest.mark.parametrize("who", ["receiver", "receiver without a copy", "watcher", "watcher without a prefix"])
def test_the_rest_does_not_go_to_one_who_stays(make, near, gone, who):
    """Two peers are there, and that goes which has the beginning: no frame is tried once more, and given to the other."""
    far = {zmq.PUSH: zmq.PULL, zmq.DEALER: zmq.DEALER}[near]
    front, source = make(zmq.PULL, "front", "bind"), make(zmq.PUSH, "front", "connect")
    back, side = make(near, "back", "bind"), make(near, "side", "bind")
    there = {"back": [], "side": []}
    for _ in range(2):
        for place, ends in there.items():
            ends.append(make(far, place, "connect"))
    leaves = "side" if who.startswith("watcher") else "back"
    prefix = None if who.endswith("prefix") else b"in"
    messages = [[b"1", b"2", b"3", b"4"], [b"a", b"b"], [b"one"], [b"c", b"d"]]
    for message in messages:
        source.send_multipart(message)
    relay = Relay(front, back, None if who.endswith("copy") else side, prefix)
    leaver = [there[leaves][0]]
    sent = 0

    def count(send):
        nonlocal sent
        sent += 1
        if leaver and sent == gone + 1:
            go_away(leaver.pop(), back if leaves == "back" else side)
        return send()

    for name in ("_send", "_send_more") if leaves == "back" else ("_announce", "_tell", "_tell_more"):
        if name != "_announce" or prefix is not None:
            setattr(relay, name, partial(count, getattr(relay, name)))
    interrupts = Interrupts()
    for _ in messages:
        if front.poll(0):
            relay.go(interrupts)
    assert not leaver
    relay.close()
    got = {}
    for place, ends in there.items():
        got[place] = []
        for end in ends:
            while not end.closed and end.poll(20):
                got[place].append(end.recv_multipart())
    copies = [] if who.endswith("copy") else [[b"in", *message] if prefix else message for message in messages]
    for place, whole in (("back", messages), ("side", copies)):
        assert sorted(got[place]) == sorted(whole[1:] if place == leaves else whole), place


class Interruptible:
    """The prepared calls of a socket, one of which a signal interrupts before it has done anything."""

    def __init__(self, calls, when):
        self._calls, self._when, self._count, self._came = calls, when, 0, False

    def __getattr__(self, name):
        real = getattr(self._calls, name)
        if name not in ("send", "msg_send", "sendiov"):
            return real

        def call(*arguments):
            self._count += 1
            self._came = self._count == self._when
            return -1 if self._came else real(*arguments)

        return call

    def errno(self):
        return errno.EINTR if self._came else self._calls.errno()


@pytest.mark.parametrize("when", range(1, 14))
@pytest.mark.parametrize("which", ["back", "side", "side without a prefix"])
def test_a_signal_at_any_step(make, which, when):
    """What was interrupted has not been sent, and is sent; only what libzmq has dropped is not."""
    front, source = make(zmq.PULL, "front", "bind"), make(zmq.PUSH, "front", "connect")
    back, sink = make(zmq.PUSH, "back", "bind"), make(zmq.PULL, "back", "connect")
    side, watcher = make(zmq.PUSH, "side", "bind"), make(zmq.PULL, "side", "connect")
    interrupted = back if which == "back" else side
    object.__setattr__(interrupted, "_calls", Interruptible(interrupted._calls, when))
    messages = [[b"1", b"2", b"x" * 100], [b"a", b"b"], [b"one"], [b"y" * 100], [b"c", b"d"], [b"two"]]
    for message in messages:
        source.send_multipart(message)
    prefix = None if which.endswith("prefix") else b"in"
    relay, interrupts = Relay(front, back, side, prefix), Interrupts()
    while front.poll(0):
        relay.go(interrupts)
    relay.close()
    assert [sink.recv_multipart() for _ in messages] == messages
    assert [watcher.recv_multipart() for _ in messages] == [([b"in"] if prefix else []) + message for message in messages]
    assert not sink.poll(0) and not watcher.poll(0)


@pytest.mark.parametrize("when", range(1, 11))
def test_a_signal_at_any_step_without_a_copy(make, when):
    front, source = make(zmq.PULL, "front", "bind"), make(zmq.PUSH, "front", "connect")
    back, sink = make(zmq.PUSH, "back", "bind"), make(zmq.PULL, "back", "connect")
    object.__setattr__(back, "_calls", Interruptible(back._calls, when))
    messages = [[b"1", b"2", b"x" * 100], [b"a", b"b"], [b"one"], [b"c", b"d"], [b"two"]]
    for message in messages:
        source.send_multipart(message)
    relay, interrupts = Relay(front, back), Interrupts()
    while front.poll(0):
        relay.go(interrupts)
    relay.close()
    assert [sink.recv_multipart() for _ in messages] == messages
    assert not sink.poll(0)


# Beside other things -------------------------------------------------------------------------------------------------


def test_other_threads_get_their_turn(stage, far, far_process):
    """A thread that computes and the queue get on beside each other."""
    front, back, monitor = (stage.bound(kind, sndhwm=0, rcvhwm=0) for kind in (zmq.PULL, zmq.PUSH, zmq.PUB))
    source = far(zmq.PUSH, stage.at(front), sndhwm=0)
    sink = far(zmq.PULL, stage.at(back), rcvhwm=0)
    stage.run(monitored_queue, front, back, monitor)
    count, answers, turns = 20_000, [], 0
    far_process.say("send_many", source.name, [0, count], 10, "a")
    far_process.say("recv_many", sink.name, count)
    listener = threading.Thread(target=lambda: answers.extend([far_process.hear(), far_process.hear()]))
    listener.start()
    while listener.is_alive():
        turns += 1
    assert answers == [None, {"a": [0, count - 1]}]
    assert turns > 1000


def test_no_memory_is_kept(stage):
    resource = pytest.importorskip("resource")
    front, back, monitor = (stage.bound(kind, f"inproc://{kind}") for kind in (zmq.PULL, zmq.PUSH, zmq.PUB))
    context = stage.context
    source, sink, watcher = context.socket(zmq.PUSH), context.socket(zmq.PULL), context.socket(zmq.SUB)
    stage.made += [source, sink, watcher]
    for socket, kind in ((source, zmq.PULL), (sink, zmq.PUSH), (watcher, zmq.PUB)):
        socket.linger, socket.rcvtimeo = 0, 10_000
        socket.connect(f"inproc://{kind}")
    watcher.subscribe = b""
    stage.run(monitored_queue, front, back, monitor)

    def rounds(count):
        for _ in range(count):
            for message in ([b"x" * 10], [b"y" * 100_000], [b"z" * 1000] * 3):
                source.send_multipart(message)
                assert sink.recv_multipart() == message
                if watcher.poll(0):
                    watcher.recv_multipart()

    rounds(200)
    gc.collect()
    before, objects = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, len(gc.get_objects())
    rounds(2000)
    gc.collect()
    # 2000 rounds have passed on 200 MB.  Kilobytes, except on macOS.
    limit = (60_000 if CPYTHON else 150_000) * (1024 if sys.platform == "darwin" else 1)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < limit
    if CPYTHON:
        assert len(gc.get_objects()) - objects < 100


def test_nothing_keeps_the_sockets(stage):
    """What is not used any more is freed without the help of the garbage collector."""
    gc.collect()
    gc.disable()
    try:
        context = zmq.Context()
        sockets = [context.socket(kind) for kind in (zmq.PULL, zmq.PUSH, zmq.PUB)]
        thread = threading.Thread(target=context.term)
        thread.start()
        with pytest.raises(zmq.ContextTerminated):
            monitored_queue(*sockets)
        for socket in sockets:
            socket.close()
        thread.join()
        references = [weakref.ref(socket) for socket in sockets]
        del socket, sockets
        assert not CPYTHON or [reference() for reference in references] == [None] * 3
    finally:
        gc.enable()


# The end -------------------------------------------------------------------------------------------------------------

SIGNALS = """
import signal, threading, time
from zmq_ctypes.devices import monitored_queue
context = zmq.Context()
near = [context.socket(kind) for kind in (zmq.PULL, zmq.PUSH, zmq.PUSH)]
# There is always room: without it the message in hand is lost, which is another test.
for number, socket in enumerate(near):
    socket.linger, socket.sndhwm, socket.rcvhwm = 0, 0, 0
    socket.bind(f"inproc://{number}")
source, sink, watcher = (context.socket(kind) for kind in (zmq.PUSH, zmq.PULL, zmq.PULL))
for number, socket in enumerate((source, sink, watcher)):
    socket.linger, socket.rcvtimeo, socket.sndtimeo = 0, 30_000, 30_000
    socket.sndhwm = socket.rcvhwm = 0
    socket.connect(f"inproc://{number}")

# A signal that comes just before the main thread begins to wait interrupts nothing: so it is repeated.
ended = []
def stop(*args):
    if not ended:
        ended.append(1)
        raise KeyboardInterrupt
def repeat(until, number=signal.SIGUSR1):
    while not (until() if callable(until) else until):
        signal.pthread_kill(threading.main_thread().ident, number)
        time.sleep(0.01)
"""


def test_a_handler_that_raises_loses_and_tears_nothing():
    """The queue is interrupted hundreds of times, and goes on with the same sockets each time."""
    need(hasattr(__import__("signal"), "pthread_kill"), "signals")
    out = check(
        SIGNALS
        + """
count, stopped, done = 30_000, 0, []
messages = [[b""], [b"%d", b"", b"x" * 50, b""], [b"%d"], [b"%d" + b"y" * 100], [b"", b""]]
def message(number):
    parts = messages[number % len(messages)]
    return [part.replace(b"%d", b"%d" % number) for part in parts]
def send():
    for number in range(count):
        source.send_multipart(message(number))
        while stopped < number // 3000:
            time.sleep(0.001)
def receive():
    for number in range(count):
        assert sink.recv_multipart() == message(number), number
    done.append("sink")
def watch():
    for number in range(count):
        assert watcher.recv_multipart() == [b"in", *message(number)], number
    done.append("watcher")
class Stop(Exception):
    pass
def handler(*args):
    raise Stop
signal.signal(signal.SIGUSR1, handler)
threads = [threading.Thread(target=target) for target in (send, receive, watch)]
def interrupt():
    while not finished:
        ready.wait(10)
        ready.clear()
        time.sleep(0.002)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
ready, finished = threading.Event(), []
interrupter = threading.Thread(target=interrupt)
for thread in threads:
    thread.start()
interrupter.start()
while len(done) < 2:
    try:
        try:
            ready.set()
            monitored_queue(*near)
        except Stop:
            stopped += 1
    except Stop:
        pass
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
finished.append(1)
ready.set()
interrupter.join()
assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN
print(sorted(done), stopped > 5)
context.destroy(0)
"""
    )
    assert out == "['sink', 'watcher'] True\n"


def test_handlers_that_return_and_the_one_that_stops():
    need(hasattr(__import__("signal"), "pthread_kill"), "signals")
    out = check(
        SIGNALS
        + """
seen = []
mine = lambda *args: seen.append(1)
signal.signal(signal.SIGUSR1, mine)
signal.signal(signal.SIGUSR2, stop)
def drive():
    for number in range(3):
        before = len(seen)
        repeat(lambda: len(seen) > before)
        source.send(b"%d" % number)
        print(sink.recv(), watcher.recv_multipart(), flush=True)
    repeat(ended, signal.SIGUSR2)
thread = threading.Thread(target=drive)
thread.start()
try:
    monitored_queue(*near)
except KeyboardInterrupt:
    print("stopped")
assert signal.getsignal(signal.SIGUSR1) is mine
assert signal.getsignal(signal.SIGUSR2) is stop
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
thread.join()
context.destroy(0)
"""
    )
    lines = [f"b'{number}' [b'in', b'{number}']" for number in range(3)]
    assert out.splitlines() == [*lines, "stopped"]


@pytest.mark.parametrize("place", range(3))
def test_a_handler_that_closes_a_socket(place):
    need(hasattr(__import__("signal"), "pthread_kill"), "signals")
    out = check(
        SIGNALS
        + """
place = int(sys.argv[1])
def handler(*args):
    near[place].close()
signal.signal(signal.SIGUSR1, handler)
def drive():
    source.send(b"there")
    sink.recv()
    repeat(ended)
thread = threading.Thread(target=drive)
thread.start()
try:
    monitored_queue(*near)
except zmq.ZMQError as error:
    print(error.errno == zmq.ENOTSOCK)
ended.append(1)
thread.join()
context.destroy(0)
""",
        str(place),
    )
    assert out == "True\n"


def test_ctrl_c_while_there_is_no_room():
    """The message in hand is given up, and the queue with it."""
    need(hasattr(__import__("signal"), "pthread_kill"), "signals")
    out = check(
        SIGNALS
        + """
sink.disconnect("inproc://1")
source.send(b"first")
signal.signal(signal.SIGUSR1, stop)
def drive():
    time.sleep(0.2)
    repeat(ended)
thread = threading.Thread(target=drive)
thread.start()
try:
    monitored_queue(*near)
except KeyboardInterrupt:
    print("stopped")
thread.join()
context.destroy(0)
"""
    )
    assert out == "stopped\n"


def test_a_signal_that_does_not_end_the_wait():
    """One that comes at the moment before it, or to another thread: it is served all the same."""
    need(hasattr(__import__("signal"), "pthread_kill"), "signals")
    out = check(
        SIGNALS
        + """
def drive():
    time.sleep(0.2)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)
thread = threading.Thread(target=drive)
thread.start()
try:
    monitored_queue(*near)
except KeyboardInterrupt:
    print("stopped")
thread.join()
for socket in (*near, source, sink, watcher):
    socket.close()
context.term()
"""
    )
    assert out == "stopped\n"



# What is refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("thing", [None, 5, "socket", object()])
def test_what_is_no_socket(make_socket, thing):
    names = ("in_socket", "out_socket", "mon_socket")
    for place, name in enumerate(names):
        sockets = [make_socket(zmq.PULL) for _ in names]
        sockets[place] = thing
        with pytest.raises(TypeError, match=f"{name}: expected a Socket"):
            monitored_queue(*sockets)


@pytest.mark.parametrize("place", range(3))
def test_closed_sockets(make_socket, place):
    sockets = [make_socket(zmq.PULL) for _ in range(3)]
    sockets[place].close()
    with pytest.raises(zmq.ZMQError, match="closed") as caught:
        monitored_queue(*sockets)
    assert caught.value.errno == zmq.ENOTSOCK


@pytest.mark.parametrize("prefix", ["in", None, 5, bytearray(b"in"), [b"in"]])
def test_prefixes_that_are_not_bytes(make_socket, prefix):
    sockets = [make_socket(zmq.PULL) for _ in range(3)]
    with pytest.raises(TypeError, match="in_prefix: expected bytes"):
        monitored_queue(*sockets, prefix)
    with pytest.raises(TypeError, match="out_prefix: expected bytes"):
        monitored_queue(*sockets, out_prefix=prefix)


def test_a_terminated_context(stage):
    sockets = [stage.bound(kind) for kind in (zmq.PULL, zmq.PUSH, zmq.PUB)]
    thread = threading.Thread(target=stage.context.term)
    thread.start()
    with pytest.raises(zmq.ContextTerminated):
        monitored_queue(*sockets)
    for socket in sockets:
        socket.close()
    thread.join()


def test_a_socket_that_refuses_a_message(stage, far):
    """The error goes on, after the rest of the message was taken: the sockets can still be used."""
    front, back, monitor = stage.bound(zmq.PULL), stage.bound(zmq.ROUTER, router_mandatory=1), stage.bound(zmq.PUB)
    source = far(zmq.PUSH, stage.at(front))
    source.send(b"nobody", b"of", b"this", b"name")
    source.send(b"another")
    with pytest.raises(zmq.ZMQError) as caught:
        monitored_queue(front, back, monitor)
    assert caught.value.errno == zmq.EHOSTUNREACH
    front.rcvtimeo = 10_000
    assert front.recv_multipart() == [b"another"]


def test_a_monitor_that_cannot_be_told(stage, far):
    """What was under way is finished first."""
    front, back, monitor = stage.bound(zmq.PULL), stage.bound(zmq.PUSH), stage.bound(zmq.PULL)
    source, sink = far(zmq.PUSH, stage.at(front)), far(zmq.PULL, stage.at(back))
    source.send(b"two", b"frames")
    with pytest.raises(zmq.ZMQError) as caught:
        monitored_queue(front, back, monitor)
    assert caught.value.errno == zmq.ENOTSUP
    assert sink.recv() == [b"two", b"frames"]
