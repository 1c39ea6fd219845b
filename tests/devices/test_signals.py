"""Signals while there is no room: nothing is lost or torn, whichever device it is and wherever it runs."""

from __future__ import annotations

import os
import time

import children
import pytest
from children import finish, start

import zmq_ctypes as zmq

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="signals and fork")

#: As many as make the device wait for room through some dozens of the handler's calls.
COUNT = 600

#: What the handlers of the device's process do, for as long as it runs: nothing, every two milliseconds.
PROGRAM = """
import multiprocessing, signal
from zmq_ctypes import devices

def context():
    signal.signal(signal.SIGALRM, lambda *args: None)
    signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
    return zmq.Context()

def bound():
    sockets = make()
    print(*(device.bound_endpoints[name][0] for name in ("in", "out", "mon", "ctrl") if name in device.bound_endpoints))
    return sockets

name, mon, where = sys.argv[1:]
types = {"Device": {}, "ProxySteerable": {"mon_type": int(mon), "ctrl_type": zmq.PAIR}}.get(name, {"mon_type": int(mon)})
device = getattr(devices, where + name)(in_type=zmq.PULL, out_type=zmq.PUSH, **types)
device.context_factory = context
for end in device._names:
    getattr(device, "bind_" + end)("tcp://127.0.0.1:*")
    getattr(device, "setsockopt_" + end)(zmq.SNDHWM, 2)
    getattr(device, "setsockopt_" + end)(zmq.SNDBUF, 4096)
if where:
    device._launch_class = multiprocessing.get_context("fork").Process
    device.start()
    make = lambda: None
    bound()
    sys.stdin.read()
    device.launcher.terminate()
    device.join()
else:
    def stop(*args):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, stop)
    make, device._setup_sockets = device._setup_sockets, bound
    try:
        device.start()
    except KeyboardInterrupt:
        print("stopped")
    # Python gives its handlers back at exit.
    signal.setitimer(signal.ITIMER_REAL, 0)
"""


@pytest.mark.parametrize("where", ["", "Process"], ids=["here", "process"])
@pytest.mark.parametrize(
    ("name", "mon"),
    [
        ("Device", zmq.PUB),
        ("Proxy", zmq.PUB),
        ("Proxy", zmq.PUSH),
        ("ProxySteerable", zmq.PUB),
        ("ProxySteerable", zmq.PUSH),
        ("MonitoredQueue", zmq.PUB),
        ("MonitoredQueue", zmq.PUSH),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_a_full_sink_and_handlers_that_return(make_socket, name, mon, where):
    """Messages come faster than they are taken, and so does their copy where the monitor waits."""
    child = start(PROGRAM, name, str(int(mon)), where, watch=False)
    try:
        front, back, *others = child.stdout.readline().split()
        source = make_socket(zmq.PUSH)
        source.sndhwm = 0
        takers = [make_socket(zmq.PULL) for _ in range(1 + (mon == zmq.PUSH))]
        for taker, endpoint in zip(takers, (back, *others)):
            taker.rcvhwm, taker.rcvbuf, taker.rcvtimeo = 2, 4096, 20_000
            taker.connect(endpoint)
        source.connect(front)
        rest = [b"middle", b"x" * 2000]
        for number in range(COUNT):
            source.send_multipart([b"%d" % number, *rest])
        prefix = [b"in"] if name == "MonitoredQueue" else []
        for number in range(COUNT):
            if number % 20 == 0:
                time.sleep(0.003)
            assert takers[0].recv_multipart() == [b"%d" % number, *rest], number
            for taker in takers[1:]:
                assert taker.recv_multipart() == [*prefix, b"%d" % number, *rest], number
        if not where:
            child.terminate()
        assert finish(child) == ("" if where else "stopped\n")
    finally:
        child.kill()
        child.wait()


def test_a_thread_that_a_signal_is_sent_to():
    """The loop of another thread is libzmq's own: it is not interrupted, and the handler runs when it can."""
    child = start(
        """
        import signal, threading, time
        from zmq_ctypes.devices import ThreadProxy
        context, seen = zmq.Context(), []
        signal.signal(signal.SIGUSR1, lambda *args: seen.append(1))
        device = ThreadProxy(zmq.PULL, zmq.PUSH)
        device.context_factory = lambda: context
        for end in ("in", "out"):
            getattr(device, "bind_" + end)("tcp://127.0.0.1:*")
            getattr(device, "setsockopt_" + end)(zmq.SNDHWM, 2)
            getattr(device, "setsockopt_" + end)(zmq.SNDBUF, 4096)
        device.start()
        source, sink = context.socket(zmq.PUSH), context.socket(zmq.PULL)
        source.sndhwm, sink.rcvhwm, sink.rcvbuf, sink.rcvtimeo = 0, 2, 4096, 20_000
        source.connect(device.bound_endpoints["in"][0])
        sink.connect(device.bound_endpoints["out"][0])
        for number in range(600):
            source.send_multipart([b"%d" % number, b"middle", b"x" * 2000])
        for number in range(600):
            if number % 20 == 0:
                time.sleep(0.003)
                signal.pthread_kill(device.launcher.ident, signal.SIGUSR1)
            assert sink.recv_multipart() == [b"%d" % number, b"middle", b"x" * 2000], number
        source.close(0)
        sink.close(0)
        context.term()
        device.join(20)
        print(device.done, len(seen) > 0)
        """
    )
    assert finish(child) == "True True\n"


@pytest.mark.parametrize("kind", ["proxy", "steerable", "queue"])
def test_a_handler_that_raises_while_there_is_no_room(kind):
    """The message in hand is lost as a whole: what comes next is the beginning of another, and the sockets are usable."""
    child = start(
        """
        import signal, threading, time
        from zmq_ctypes.devices import monitored_queue
        context = zmq.Context()
        near = [context.socket(kind) for kind in (zmq.PULL, zmq.PUSH, zmq.PUB, zmq.PAIR)]
        for number, socket in enumerate(near):
            socket.sndtimeo = socket.rcvtimeo = 20_000
            socket.bind(f"inproc://{number}")
        source = context.socket(zmq.PUSH)
        source.connect("inproc://0")
        for number in range(3):
            source.send_multipart([b"%d" % number, b"middle", b"end"])
        def drive():
            # Nobody takes messages: the first one is soon in hand.
            time.sleep(0.3)
            while not ended:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
                time.sleep(0.5)
        ended = []
        def end(number, frame):
            if not ended:
                ended.append(number)
                raise KeyboardInterrupt
        signal.signal(signal.SIGINT, end)
        thread = threading.Thread(target=drive)
        thread.start()
        run = {"proxy": zmq.proxy, "steerable": zmq.proxy_steerable, "queue": monitored_queue}[sys.argv[1]]
        try:
            run(*near[: 4 if run is zmq.proxy_steerable else 3])
        except KeyboardInterrupt:
            pass
        thread.join()
        print(*near[0].recv_multipart())
        sink = context.socket(zmq.PULL)
        sink.connect("inproc://1")
        sink.rcvtimeo = 20_000
        near[1].send_multipart(near[0].recv_multipart())
        print(*sink.recv_multipart())
        context.destroy(0)
        """,
        kind,
    )
    lines = finish(child).splitlines()
    # Usually it has come to that; where the signal was quicker, nothing is lost.
    assert lines in [[f"b'{number}' b'middle' b'end'" for number in (first, first + 1)] for first in (0, 1)]


def test_a_steerable_proxy_stays_paused():
    """A signal does not resume it, nor does it lose its statistics."""
    child = start(
        """
        import signal, threading, time
        from struct import unpack
        context, seen = zmq.Context(), []
        near = [context.socket(kind) for kind in (zmq.PULL, zmq.PUSH, zmq.PAIR)]
        ends = [context.socket(kind) for kind in (zmq.PUSH, zmq.PULL, zmq.PAIR)]
        for number, (one, other) in enumerate(zip(near, ends)):
            one.bind(f"inproc://{number}")
            other.connect(f"inproc://{number}")
            other.rcvtimeo = 20_000
        source, sink, command = ends
        signal.signal(signal.SIGUSR1, lambda *args: seen.append(1))
        def statistics():
            command.send(b"STATISTICS")
            return [unpack("=Q", part)[0] for part in command.recv_multipart()]
        def drive():
            source.send(b"one")
            sink.recv()
            while statistics()[0] != 1:
                pass
            command.send(b"PAUSE")
            statistics()
            source.send(b"two")
            before = len(seen)
            while len(seen) == before:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
                time.sleep(0.05)
            print(sink.poll(300), statistics())
            command.send(b"RESUME")
            print(sink.recv())
            command.send(b"TERMINATE")
        thread = threading.Thread(target=drive)
        thread.start()
        print(zmq.proxy_steerable(near[0], near[1], None, near[2]))
        thread.join()
        context.destroy(0)
        """
    )
    assert finish(child) == "0 [1, 3, 0, 0, 0, 0, 1, 3]\nb'two'\n0\n"


@pytest.mark.parametrize("handled", [False, True])
def test_which_loop_runs_in_the_main_thread(handled):
    """libzmq's own, unless the program handles signals."""
    said = children.check(
        """
        import signal, sys
        from zmq_ctypes import proxying
        if sys.argv[1] == "True":
            signal.signal(signal.SIGUSR1, lambda number, frame: None)
        proxying.run = lambda ways: print("ours")
        proxying._run_native = lambda *sockets: print("native")
        context = zmq.Context()
        sockets = [context.socket(zmq.PULL), context.socket(zmq.PUSH)]
        zmq.proxy(*sockets)
        zmq.device(zmq.QUEUE, *sockets)
        context.destroy(0)
        """,
        str(handled),
    )
    assert said.split() == ["ours" if handled else "native"] * 2
