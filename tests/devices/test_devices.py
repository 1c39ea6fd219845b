"""The device classes: what each passes on, where it runs, how it starts, and how it ends."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import pytest
from children import LIMIT, check, environment
from support import free_ports, need, until

import zmq_ctypes as zmq
from zmq_ctypes import devices
from zmq_ctypes.devices import (
    Device,
    MonitoredQueue,
    ProcessDevice,
    ProcessMonitoredQueue,
    ProcessProxy,
    ProcessProxySteerable,
    Proxy,
    ProxySteerable,
    ThreadDevice,
    ThreadMonitoredQueue,
    ThreadProxy,
    ThreadProxySteerable,
)

ANY = "tcp://127.0.0.1:*"
FOREGROUND = (Device, Proxy, MonitoredQueue, ProxySteerable)
THREADS = (ThreadDevice, ThreadProxy, ThreadMonitoredQueue, ThreadProxySteerable)
PROCESSES = (ProcessDevice, ProcessProxy, ProcessMonitoredQueue, ProcessProxySteerable)


def made(cls, in_type, out_type, **more):
    """A device of any class, with a type that is ignored where it takes one."""
    return cls(in_type=in_type, out_type=out_type, **more)


@pytest.fixture
def launch(context):
    """Start a device whose sockets are those of a context of the test, or that runs in a process."""
    started = []

    def go(device, bind=("in", "out")):
        if isinstance(device, ProcessDevice):
            device._launch_class = multiprocessing.get_context("spawn").Process
        else:
            device.context_factory = lambda: context
        for name in bind:
            getattr(device, f"bind_{name}")(ANY)
        device.setsockopt_in(zmq.LINGER, 0)
        device.setsockopt_out(zmq.LINGER, 0)
        device.start()
        started.append(device)
        return device

    yield go
    for device in started:
        if isinstance(device, ProcessDevice):
            device.launcher.terminate()
            device.join(LIMIT)
            assert device.done


# What goes through ---------------------------------------------------------------------------------------------------


def queue(far, front, back):
    client, worker = far(zmq.REQ, front), far(zmq.REP, back)
    client.send(b"a", b"question")
    assert worker.recv() == [b"a", b"question"]
    worker.send(b"answer")
    assert client.recv() == [b"answer"]


def streamer(far, front, back):
    source, sink = far(zmq.PUSH, front), far(zmq.PULL, back)
    for number in range(10):
        source.send(b"%d" % number, b"part")
    assert [sink.recv() for _ in range(10)] == [[b"%d" % number, b"part"] for number in range(10)]


def forwarder(far, front, back):
    publisher, subscriber = far(zmq.XPUB, front), far(zmq.XSUB, back)
    subscriber.send(b"\1topic")
    assert publisher.recv() == [b"\1topic"]
    publisher.send(b"other")
    publisher.send(b"topic", b"news")
    assert subscriber.recv() == [b"topic", b"news"]


PATTERNS = {
    queue: (zmq.ROUTER, zmq.DEALER),
    streamer: (zmq.PULL, zmq.PUSH),
    forwarder: (zmq.XSUB, zmq.XPUB),
}


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.__name__)
@pytest.mark.parametrize("cls", THREADS)
def test_in_a_thread(launch, far, cls, pattern):
    device = launch(made(cls, *PATTERNS[pattern]))
    pattern(far, device.bound_endpoints["in"][0], device.bound_endpoints["out"][0])
    assert not device.done and device.launcher.is_alive() and device.launcher.daemon


@pytest.mark.parametrize(("cls", "pattern"), list(zip(PROCESSES, (queue, streamer, forwarder, queue))))
def test_in_a_process(launch, far, cls, pattern):
    device = launch(made(cls, *PATTERNS[pattern]))
    pattern(far, device.bound_endpoints["in"][0], device.bound_endpoints["out"][0])
    assert not device.done and device.launcher.pid != os.getpid() and device.launcher.daemon


@pytest.mark.parametrize("cls", FOREGROUND)
def test_in_the_foreground(context, far, cls):
    device = made(cls, *PATTERNS[queue])
    device.context_factory = lambda: context
    front, back = (f"tcp://127.0.0.1:{port}" for port in free_ports(2))
    device.bind_in(front)
    device.bind_out(back)
    thread = threading.Thread(target=device.start)
    thread.start()
    queue(far, front, back)
    device.join(0)
    assert not device.done
    context.term()
    device.join(LIMIT)
    assert device.done
    thread.join(LIMIT)
    # Waiting for what has ended.
    device.join()


@pytest.mark.parametrize("cls", [ThreadMonitoredQueue, ProcessMonitoredQueue])
def test_routers_on_both_sides(launch, far, cls):
    device = launch(made(cls, zmq.ROUTER, zmq.ROUTER))
    one = far(zmq.DEALER, device.bound_endpoints["in"][0], identity=b"one")
    other = far(zmq.DEALER, device.bound_endpoints["out"][0], identity=b"other")
    # Until the router knows the other: what is for somebody unknown is dropped.
    for _ in range(100):
        one.send(b"other", b"hello")
        if other.poll(100):
            break
    assert other.recv() == [b"one", b"hello"]
    other.send(b"one", b"answer")
    assert one.recv() == [b"other", b"answer"]


@pytest.mark.parametrize("cls", [ThreadProxy, ProcessProxy, ThreadMonitoredQueue, ProcessMonitoredQueue])
def test_the_monitor(launch, far, cls):
    device = made(cls, zmq.PULL, zmq.PUSH, mon_type=zmq.PUSH)
    device.setsockopt_mon(zmq.LINGER, 0)
    launch(device, ("in", "out", "mon"))
    source, sink, watcher = (
        far(kind, device.bound_endpoints[name][0])
        for kind, name in ((zmq.PUSH, "in"), (zmq.PULL, "out"), (zmq.PULL, "mon"))
    )
    source.send(b"a", b"message")
    assert sink.recv() == [b"a", b"message"]
    prefix = [b"in"] if isinstance(device, (ThreadMonitoredQueue, ProcessMonitoredQueue)) else []
    assert watcher.recv() == [*prefix, b"a", b"message"]


def test_prefixes(launch, far):
    device = launch(
        ThreadMonitoredQueue(zmq.DEALER, zmq.DEALER, zmq.PUSH, b"there", out_prefix=b"back"), ("in", "out", "mon")
    )
    left, right, watcher = (
        far(kind, device.bound_endpoints[name][0])
        for kind, name in ((zmq.DEALER, "in"), (zmq.DEALER, "out"), (zmq.PULL, "mon"))
    )
    left.send(b"1")
    assert right.recv() == [b"1"] and watcher.recv() == [b"there", b"1"]
    right.send(b"2")
    assert left.recv() == [b"2"] and watcher.recv() == [b"back", b"2"]


def test_one_socket(launch, far):
    """A negative type of the out socket: both are the in socket."""
    device = launch(ThreadDevice(zmq.QUEUE, zmq.REP, -1), ["in"])
    client = far(zmq.REQ, device.bound_endpoints["in"][0])
    client.send(b"echo")
    assert client.recv() == [b"echo"]


def test_connecting_and_options(launch, context, make_socket):
    publisher, sink = make_socket(zmq.XPUB), make_socket(zmq.PULL)
    for each in (publisher, sink):
        each.bind(ANY)
    device = ThreadProxy(zmq.SUB, zmq.PUSH, zmq.PUSH)
    device.setsockopt_in(zmq.SUBSCRIBE, b"topic")
    device.connect_in(publisher.last_endpoint.decode())
    device.connect_out(sink.last_endpoint.decode())
    watcher = make_socket(zmq.PULL)
    watcher.bind(ANY)
    device.connect_mon(watcher.last_endpoint.decode())
    launch(device, ())
    assert device.bound_endpoints == {"in": [], "out": [], "mon": []}
    assert publisher.recv() == b"\1topic"
    publisher.send(b"something else")
    publisher.send(b"topic 1")
    assert sink.recv() == watcher.recv() == b"topic 1"


# Starting ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [*THREADS, ProcessDevice, ProcessMonitoredQueue])
def test_what_goes_wrong_is_told_at_once(launch, make_socket, cls):
    taken = make_socket(zmq.PULL)
    taken.bind(ANY)
    device = made(cls, zmq.PULL, zmq.PUSH)
    device.bind_out(taken.last_endpoint.decode())
    with pytest.raises(zmq.ZMQError, match="addr='tcp://127") as caught:
        launch(device)
    assert caught.value.errno == zmq.EADDRINUSE
    assert device.done and not device.launcher.is_alive()


@pytest.mark.parametrize("cls", FOREGROUND)
def test_what_goes_wrong_in_the_foreground(context, cls):
    device = made(cls, zmq.PULL, zmq.PUSH)
    device.context_factory = lambda: context
    device.setsockopt_out(zmq.SNDHWM, -5)
    with pytest.raises(zmq.ZMQError) as caught:
        device.start()
    assert caught.value.errno == zmq.EINVAL
    assert device.done and not context._sockets


def test_a_process_that_is_gone_before_it_says_anything(launch):
    device = ProcessDevice(zmq.QUEUE, zmq.PULL, zmq.PUSH)
    device._launch_class = multiprocessing.get_context("spawn").Process
    device.context_factory = partial(os._exit, 3)
    with pytest.raises(RuntimeError, match=r"ended \(exit code 3\) before its sockets were made"):
        device.start()


def test_an_error_that_cannot_be_pickled(launch):
    device = ProcessDevice(zmq.QUEUE, zmq.PULL, zmq.PUSH)
    device._launch_class = multiprocessing.get_context("spawn").Process
    device.context_factory = partial(exec, "class Strange(Exception): pass\nraise Strange('very')")
    with pytest.raises(RuntimeError, match="Strange: very"):
        device.start()


def test_starting_twice(launch):
    device = launch(ThreadDevice(zmq.QUEUE, zmq.PULL, zmq.PUSH))
    with pytest.raises(RuntimeError, match="has been started"):
        device.start()


def test_starting_again(context):
    device = ThreadDevice(zmq.QUEUE, zmq.PULL, zmq.PUSH)
    device.bind_in("inproc://same")
    contexts = []

    def factory():
        contexts.append(zmq.Context())
        return contexts[-1]

    device.context_factory = factory
    for _ in range(2):
        device.start()
        assert not device.done
        contexts[-1].term()
        device.join(LIMIT)
        assert device.done


def test_joining_what_was_not_started():
    with pytest.raises(RuntimeError, match="was not started"):
        ThreadDevice(zmq.QUEUE, zmq.PULL, zmq.PUSH).join()


def test_random_ports(launch, far):
    device = ThreadProxySteerable(zmq.PULL, zmq.PUSH, ctrl_type=zmq.PAIR)
    ports = [getattr(device, f"bind_{name}_to_random_port")("tcp://127.0.0.1") for name in ("in", "out", "mon", "ctrl")]
    ports.append(device.bind_in_to_random_port("tcp://127.0.0.1", min_port=49152, max_port=65000, max_tries=500))
    assert len(set(ports)) == 5
    assert 49152 <= ports[-1] < 65000
    launch(device, ())
    assert device.bound_endpoints == {
        "in": [f"tcp://127.0.0.1:{ports[0]}", f"tcp://127.0.0.1:{ports[4]}"],
        **{name: [f"tcp://127.0.0.1:{port}"] for name, port in zip(("out", "mon", "ctrl"), ports[1:4])},
    }
    streamer(far, f"tcp://127.0.0.1:{ports[0]}", f"tcp://127.0.0.1:{ports[1]}")


def test_a_method_of_ones_own_is_not_waited_for(context):
    """Such a device need never say that it is ready."""
    began, go_on = threading.Event(), threading.Event()

    class Own(ThreadDevice):
        def run_device(self):
            began.set()
            go_on.wait(LIMIT)

    device = Own(zmq.QUEUE, zmq.PULL, zmq.PUSH)
    device.start()
    assert began.wait(LIMIT)
    assert not device.done
    go_on.set()
    device.join(LIMIT)
    assert device.done


def test_the_context_of_threads_is_the_shared_one():
    """And that of processes is not; a class attribute, as programs set it."""
    assert ThreadDevice.context_factory == zmq.Context.instance
    assert ProcessDevice.context_factory is zmq.Context
    out = check(
        """
        from zmq_ctypes.devices import ThreadDevice
        device = ThreadDevice(zmq.QUEUE, zmq.PULL, zmq.PUSH)
        device.bind_in("inproc://in")
        device.start()
        push = zmq.Context.instance().socket(zmq.PUSH)
        push.connect("inproc://in")
        push.close(0)
        zmq.Context.instance().term()
        device.join(20)
        print(device.done)
        """
    )
    assert out == "True\n"


# The end -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", FOREGROUND)
def test_a_closed_socket_is_the_end_of_the_device(context, cls):
    device = made(cls, zmq.PULL, zmq.PUSH)
    device.context_factory = lambda: context
    make = device._setup_sockets

    def make_and_close():
        sockets = make()
        sockets[1].close()
        return sockets

    device._setup_sockets = make_and_close
    device.start()
    assert device.done and not context._sockets


@pytest.mark.parametrize("cls", THREADS)
def test_the_end_of_the_context_is_the_end_of_the_device(context, cls):
    device = made(cls, zmq.PULL, zmq.PUSH)
    device.context_factory = lambda: context
    device.start()
    context.term()
    device.join(LIMIT)
    assert device.done and not device.launcher.is_alive()


def test_a_program_ends_although_its_devices_run():
    out = check(
        """
        from zmq_ctypes.devices import *
        if __name__ == "__main__":
            for cls in (ThreadDevice, ThreadProxy, ThreadMonitoredQueue, ThreadProxySteerable):
                device = cls(in_type=zmq.PULL, out_type=zmq.PUSH)
                device.bind_in("tcp://127.0.0.1:*")
                device.start()
            print("end")
        """
    )
    assert out == "end\n"


START_METHODS = """
import multiprocessing, os, signal, sys
from zmq_ctypes.devices import ProcessMonitoredQueue

if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    device = ProcessMonitoredQueue(zmq.PULL, zmq.PUSH)
    device.bind_in("tcp://127.0.0.1:*")
    device.bind_out("tcp://127.0.0.1:*")
    device.start()
    with zmq.Context() as context:
        source, sink = context.socket(zmq.PUSH), context.socket(zmq.PULL)
        source.connect(device.bound_endpoints["in"][0])
        sink.connect(device.bound_endpoints["out"][0])
        sink.rcvtimeo = 20_000
        source.send(b"through a process")
        print(sink.recv())
        source.close()
        sink.close()
    if sys.argv[2] == "signal":
        # As Ctrl-C on a terminal does, which goes to both.  Once: a second one may find the interpreter without its handler.
        os.kill(device.launcher.pid, signal.SIGINT)
        device.join(20)
        print(device.launcher.exitcode)
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_start_methods(method, tmp_path):
    need(method in multiprocessing.get_all_start_methods(), f"the start method {method}")
    # spawn and forkserver import the program: it has to be a file.
    program = tmp_path / "program.py"
    program.write_text("import zmq_ctypes as zmq\n" + START_METHODS)
    out = run_file(program, method, "signal" if os.name == "posix" else "exit")
    assert out.splitlines()[0] == "b'through a process'"
    if os.name == "posix":
        assert out.splitlines()[1] == "130"


def run_file(program, *arguments):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program), *arguments],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0 and done.stderr == "", (done.returncode, done.stdout, done.stderr)
    return done.stdout


def test_a_process_that_ends_by_itself_sends_what_it_has(launch, make_socket):
    """Its messages wait in the process until somebody takes them, for as long as LINGER says."""
    device = ProcessProxySteerable(zmq.PULL, zmq.PUSH, ctrl_type=zmq.PAIR)
    device._launch_class = multiprocessing.get_context("spawn").Process
    (port,) = free_ports(1)
    device.connect_out(f"tcp://127.0.0.1:{port}")
    device.setsockopt_out(zmq.LINGER, 20_000)
    device.bind_in(ANY)
    device.bind_ctrl(ANY)
    device.start()
    source, control = make_socket(zmq.PUSH), make_socket(zmq.PAIR)
    source.connect(device.bound_endpoints["in"][0])
    control.connect(device.bound_endpoints["ctrl"][0])
    for number in range(100):
        source.send(b"%d" % number)
    while True:
        control.send(b"STATISTICS")
        if int.from_bytes(control.recv_multipart()[0], sys.byteorder) == 100:
            break
    control.send(b"TERMINATE")
    sink = make_socket(zmq.PULL)
    sink.bind(f"tcp://127.0.0.1:{port}")
    assert [sink.recv() for _ in range(100)] == [b"%d" % number for number in range(100)]
    device.join(LIMIT)
    assert device.done and device.launcher.exitcode == 0


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="SIGKILL")
def test_a_device_whose_process_is_killed_is_done(launch):
    device = launch(ProcessDevice(zmq.QUEUE, zmq.PULL, zmq.PUSH))
    device.launcher.kill()
    device.join(LIMIT)
    assert device.done


ORPHANS = """
import multiprocessing, os, sys, time
import zmq_ctypes as zmq
from zmq_ctypes.devices import ProcessDevice, ProcessMonitoredQueue

class Own(ProcessDevice):
    def run_device(self):
        # Something that knows nothing of contexts.
        print("device", *(socket.last_endpoint.decode() for socket in self._setup_sockets()), os.getpid(), flush=True)
        while True:
            time.sleep(60)

if __name__ == "__main__":
    method, kind, daemon = sys.argv[1:]
    multiprocessing.set_start_method(method)
    device = {"own": Own, "device": ProcessDevice, "queue": ProcessMonitoredQueue}[kind](in_type=zmq.PULL, out_type=zmq.PUSH)
    device.daemon = daemon == "daemon"
    device.bind_in("tcp://127.0.0.1:*")
    device.bind_out("tcp://127.0.0.1:*")
    device.start()
    if kind != "own":
        print("device", *(device.bound_endpoints[name][0] for name in ("in", "out")), device.launcher.pid, flush=True)
    # One that keeps open whatever it was given.
    other = multiprocessing.Process(target=time.sleep, args=(120,))
    other.start()
    print("other", other.pid, flush=True)
    time.sleep(120)
"""


def orphans(tmp_path, *arguments):
    """The program, killed when its device runs: the endpoints of the device, its process, and another one."""
    program = tmp_path / "program.py"
    program.write_text(ORPHANS)
    child = subprocess.Popen(
        [sys.executable, str(program), *arguments], env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    with child:
        try:
            lines = {words[0]: words[1:] for words in (child.stdout.readline().split() for _ in range(2))}
        finally:
            child.kill()
            # The others have its pipe, too.
            child.stdout.close()
    *endpoints, device = lines["device"]
    return endpoints, int(device), int(lines["other"][0])


def is_free(endpoint):
    context = zmq.Context()
    trial = context.socket(zmq.PULL)
    try:
        trial.bind(endpoint)
    except zmq.ZMQError as error:
        assert error.errno == zmq.EADDRINUSE
        return False
    else:
        return True
    finally:
        trial.close()
        context.term()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="SIGKILL")
@pytest.mark.parametrize("kind", ["device", "queue", "own"])
@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_a_device_ends_with_a_program_that_is_killed(method, kind, tmp_path):
    need(method in multiprocessing.get_all_start_methods(), f"the start method {method}")
    endpoints, device, other = orphans(tmp_path, method, kind, "daemon")
    try:
        until(lambda: all(map(is_free, endpoints)), "the device is still there")
    except BaseException:
        os.kill(device, signal.SIGKILL)
        raise
    finally:
        os.kill(other, signal.SIGKILL)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="SIGKILL")
def test_a_device_that_is_no_daemon_outlives_a_program_that_is_killed(tmp_path, make_socket):
    endpoints, device, other = orphans(tmp_path, "spawn", "device", "stays")
    try:
        source, sink = make_socket(zmq.PUSH), make_socket(zmq.PULL)
        source.connect(endpoints[0])
        sink.connect(endpoints[1])
        # Longer than a daemon would stay.
        for number in range(15):
            source.send(b"%d" % number)
            assert sink.recv() == b"%d" % number
            time.sleep(0.1)
    finally:
        for process in (device, other):
            os.kill(process, signal.SIGKILL)


# What they are -------------------------------------------------------------------------------------------------------


def test_what_is_what():
    assert issubclass(ThreadMonitoredQueue, ThreadProxy) and issubclass(ThreadProxy, ThreadDevice)
    assert issubclass(ProcessProxySteerable, ProcessProxy) and issubclass(ProcessProxy, ProcessDevice)
    assert all(issubclass(getattr(devices, name), Device) for name in devices.__all__ if name != "monitored_queue")
    from zmq_ctypes.backend import monitored_queue

    assert monitored_queue is devices.monitored_queue


@pytest.mark.parametrize("cls", [*FOREGROUND, *THREADS, *PROCESSES])
def test_wrong_types_of_sockets(cls):
    for wrong in ("PULL", 1.5, None):
        with pytest.raises(TypeError, match="in_type"):
            made(cls, wrong, zmq.PUSH)
        with pytest.raises(TypeError, match="out_type"):
            made(cls, zmq.PULL, wrong)
    if hasattr(cls, "bind_mon"):
        with pytest.raises(TypeError, match="mon_type"):
            made(cls, zmq.PULL, zmq.PUSH, mon_type="PUB")
    if hasattr(cls, "bind_ctrl"):
        with pytest.raises(TypeError, match="ctrl_type"):
            made(cls, zmq.PULL, zmq.PUSH, ctrl_type="PAIR")


def test_types_are_demanded():
    with pytest.raises(TypeError, match="in_type must be specified"):
        Device()
    with pytest.raises(TypeError, match="out_type must be specified"):
        Device(zmq.QUEUE, zmq.PULL)
    for prefix in ("in", None):
        with pytest.raises(TypeError, match="in_prefix: expected bytes"):
            MonitoredQueue(zmq.PULL, zmq.PUSH, in_prefix=prefix)


def test_a_running_device_can_be_pickled(launch):
    device = launch(ThreadProxy(zmq.PULL, zmq.PUSH))
    del device.context_factory
    copy = pickle.loads(pickle.dumps(device))
    assert copy.bound_endpoints == device.bound_endpoints
    assert copy.launcher is None and copy._sockets == [] and copy._context is None
