"""Steerable proxies: what they do with commands, and besides."""

from __future__ import annotations

import struct
import time

import pytest

import zmq_ctypes as zmq
from zmq_ctypes.devices import ProxySteerable, ThreadProxySteerable


@pytest.fixture
def steered(stage, far):
    """A running proxy and its far ends: ``steered(control=(PAIR, PAIR))``."""

    def make(near=(zmq.PULL, zmq.PUSH), ends=(zmq.PUSH, zmq.PULL), control=(zmq.PAIR, zmq.PAIR), capture=False):
        sockets = [stage.bound(kind) for kind in (*near, zmq.PUSH, control[0])]
        if control[0] == zmq.SUB:
            sockets[3].subscribe = b""
        endpoints = [stage.at(socket) for socket in sockets]
        if capture:
            running = stage.run(zmq.proxy_steerable, *sockets)
        else:
            running = stage.run(lambda a, b, c: zmq.proxy_steerable(a, b, None, c), *sockets[:2], sockets[3])
        front, back, watcher = (far(kind, endpoint) for kind, endpoint in zip((*ends, zmq.PULL), endpoints))
        return running, front, back, far(control[1], endpoints[3]), watcher

    return make


@pytest.mark.parametrize("control", [(zmq.PAIR, zmq.PAIR), (zmq.PULL, zmq.PUSH), (zmq.SUB, zmq.PUB)], ids=["PAIR", "PULL", "SUB"])
def test_the_end(steered, control):
    running, source, sink, command, _ = steered(control=control)
    source.send(b"there")
    assert sink.recv() == [b"there"]
    # A publisher may not know of its subscriber yet.
    while running.thread.is_alive():
        command.send(b"TERMINATE")
        running.thread.join(0.1)
    assert running.end() == 0


def test_pause_and_resume(steered):
    running, source, sink, command, _ = steered()
    source.send(b"before")
    assert sink.recv() == [b"before"]
    command.send(b"PAUSE")
    command.send(b"STATISTICS")
    command.recv()
    source.send(b"meanwhile")
    assert not sink.poll(200)
    command.send(b"RESUME")
    assert sink.recv() == [b"meanwhile"]
    source.send(b"after")
    assert sink.recv() == [b"after"]
    command.send(b"TERMINATE")
    assert running.end() == 0


def test_statistics(steered):
    running, left, right, command, _ = steered((zmq.DEALER, zmq.DEALER), (zmq.DEALER, zmq.DEALER))
    for message in ([b"x" * 1000], [b"12", b"345"], [b""]):
        left.send(*message)
        assert right.recv() == message
    right.send(b"back")
    assert left.recv() == [b"back"]
    # The last may have been passed on just before it was counted.
    for _ in range(100):
        command.send(b"STATISTICS")
        numbers = [struct.unpack("=Q", part)[0] for part in command.recv()]
        if numbers[6] == 3 and numbers[4] == 1:
            break
    assert numbers == [3, 1005, 1, 4, 1, 4, 3, 1005]
    command.send(b"TERMINATE")
    assert running.end() == 0


def test_the_copies(steered):
    running, source, sink, command, watcher = steered(capture=True)
    seen = False
    while not seen:
        # What is passed on before the watcher is connected is copied to nobody.
        source.send(b"early")
        assert sink.recv() == [b"early"]
        while watcher.poll(200):
            assert watcher.recv() == [b"early"]
            seen = True
    messages = [[b"small"], [b"x" * 1000], [b"several", b"", b"frames"], [b""]]
    for message in messages:
        source.send(*message)
    assert [sink.recv() for _ in messages] == messages
    assert [watcher.recv() for _ in messages] == messages
    command.send(b"TERMINATE")
    assert running.end() == 0


def test_copies_that_find_no_room_wait(stage, far):
    """A capture that is full for a while gets everything all the same, messages of one frame and of several."""
    context = stage.context
    near, ends = [], []
    for number, (one, other) in enumerate(((zmq.PULL, zmq.PUSH), (zmq.PUSH, zmq.PULL), (zmq.PUSH, zmq.PULL))):
        limit = int(number == 2)
        near.append(stage.bound(one, f"inproc://{number}", sndhwm=limit, rcvhwm=limit))
        ends.append(context.socket(other))
        stage.made.append(ends[-1])
        ends[-1].linger, ends[-1].rcvtimeo, ends[-1].sndhwm, ends[-1].rcvhwm = 0, 20_000, limit, limit
        ends[-1].connect(f"inproc://{number}")
    source, sink, watcher = ends
    messages = [[b"%d" % number, *([b"", b"end"] if number % 10 < 3 else [])] for number in range(100)]
    for message in messages:
        source.send_multipart(message)
    near.append(stage.bound(zmq.PAIR, "inproc://control"))
    command = context.socket(zmq.PAIR)
    stage.made.append(command)
    command.connect("inproc://control")
    running = stage.run(zmq.proxy_steerable, *near)
    assert sink.recv_multipart() == messages[0]
    time.sleep(0.05)
    assert watcher.recv_multipart() == messages[0]
    for message in messages[1:]:
        assert sink.recv_multipart() == message
        assert watcher.recv_multipart() == message
    command.send(b"TERMINATE")
    assert running.end() == 0


def test_a_control_that_is_answered(steered):
    running, source, sink, command, _ = steered(control=(zmq.REP, zmq.REQ))
    for order in (b"PAUSE", b"RESUME"):
        command.send(order)
        assert command.recv() == [b""]
    source.send(b"there")
    assert sink.recv() == [b"there"]
    command.send(b"STATISTICS")
    assert len(command.recv()) == 8
    command.send(b"TERMINATE")
    assert command.recv() == [b""]
    assert running.end() == 0


def test_commands_that_there_are_not(steered):
    """To libzmq's own an unknown command is the end of the process; here it is nothing."""
    running, source, sink, command, _ = steered()
    for wrong in ([b"STOP"], [b""], [b"terminate"], [b"TERMINATE", b"now"], [b"x" * 100_000]):
        command.send(*wrong)
    source.send(b"there")
    assert sink.recv() == [b"there"]
    command.send(b"TERMINATE")
    assert running.end() == 0


def test_the_end_of_the_context(stage, steered):
    running, source, sink, command, _ = steered()
    source.send(b"there")
    assert sink.recv() == [b"there"]
    stage.end()
    assert isinstance(running.end(), zmq.ContextTerminated)


def test_the_end_of_the_context_while_paused(stage, steered):
    running, source, sink, command, _ = steered()
    command.send(b"PAUSE")
    command.send(b"STATISTICS")
    command.recv()
    stage.end()
    assert isinstance(running.end(), zmq.ContextTerminated)


def test_without_a_control_it_is_a_proxy(stage, far):
    front, back = stage.bound(zmq.PULL), stage.bound(zmq.PUSH)
    source, sink = far(zmq.PUSH, stage.at(front)), far(zmq.PULL, stage.at(back))
    stage.run(zmq.proxy_steerable, front, back)
    source.send(b"there")
    assert sink.recv() == [b"there"]


def test_as_a_device(context, far):
    device = ThreadProxySteerable(zmq.ROUTER, zmq.DEALER, zmq.PUB, zmq.PAIR)
    device.context_factory = lambda: context
    for name in ("in", "out", "mon", "ctrl"):
        getattr(device, f"bind_{name}")("tcp://127.0.0.1:*")
        getattr(device, f"setsockopt_{name}")(zmq.LINGER, 0)
    device.start()
    ends = device.bound_endpoints
    client, worker, control = (
        far(kind, ends[name][0]) for kind, name in ((zmq.REQ, "in"), (zmq.REP, "out"), (zmq.PAIR, "ctrl"))
    )
    client.send(b"question")
    assert worker.recv() == [b"question"]
    worker.send(b"answer")
    assert client.recv() == [b"answer"]
    control.send(b"TERMINATE")
    device.join(20)
    assert device.done


def test_a_device_without_a_control_socket(context):
    device = ProxySteerable(zmq.PULL, zmq.PUSH)
    assert device.ctrl_type is None
    device.context_factory = lambda: context
    device.bind_in("inproc://in")
    device.run_device = lambda: made.append(device._ready())
    made = []
    device.start()
    assert made[0][3] is None and device.done
