"""Rows of three processes over tcp: a device between the two ends."""

from __future__ import annotations

import os
import threading
from importlib import import_module

from . import row, throughput_far, throughput_near

#: Both sides' devices stand between the same ends, so that only the devices differ.
ENDS = "zmq_ctypes"


def passing_on(module, kind, in_thread, pipe):
    """The process of a device; it ends with the pipe to the one that wants it."""
    zmq = import_module(module)
    context = zmq.Context()
    sockets, endpoints = [], []
    for socket_type in (zmq.PULL, zmq.PUSH, zmq.PUB):
        socket = context.socket(socket_type)
        socket.bind("tcp://127.0.0.1:*")
        endpoints.append(socket.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode())
        sockets.append(socket)
    pipe.send(endpoints)
    if kind == "proxy":
        run, arguments = zmq.proxy, sockets[:2]
    elif kind == "capture":
        run, arguments = zmq.proxy, sockets
    else:
        run, arguments = import_module(f"{module}.devices").monitored_queue, sockets

    beside_the_pipe(lambda: run(*arguments), in_thread, pipe)


def beside_the_pipe(run, in_thread, pipe):
    """Run something for ever, until the pipe breaks; whichever of the two threads waits for that does nothing else."""

    def watch():
        pipe.poll(None)
        os._exit(0)

    here, there = (watch, run) if in_thread else (run, watch)
    threading.Thread(target=there, daemon=True).start()
    here()


def between(target, arguments, size):
    """Start the process of a device, which tells its endpoints, and receive what comes out of it."""
    # It takes long to import, and the workers of all rows import this module.
    from multiprocessing import get_context

    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=target, args=(*arguments, theirs), daemon=True)
    process.start()
    theirs.close()
    entrance, exit_, _ = ours.recv()
    running = throughput_near(import_module(ENDS), size, exit_)
    loop, _ = next(running)
    yield loop, entrance
    next(running, None)
    ours.close()
    process.join()


def entering(endpoint, size):
    """Send into a device."""
    yield from throughput_far(import_module(ENDS), endpoint, size)


def device_near(zmq, size, kind, in_thread):
    yield from between(passing_on, (zmq.__name__, kind, in_thread), size)


def device_far(zmq, endpoint, size, kind, in_thread):
    yield from entering(endpoint, size)


DEVICES = (
    ("proxy", "proxy", False, "through a proxy"),
    ("proxy-capture", "capture", False, "through a proxy with a capture (PUB, nobody listens)"),
    ("monitored-queue", "queue", False, "through a monitored queue (PUB, nobody listens)"),
    ("monitored-queue-thread", "queue", True, "through a monitored queue in a thread, beside one that waits"),
)
for _name, _kind, _in_thread, _what in DEVICES:
    for _size in (10, 1000):
        row(
            f"{_name}-{_size}",
            f"messages of {_size} B a second over tcp {_what}",
            "msg/s",
            far=device_far,
            arguments=(_size, _kind, _in_thread),
            least=200,
            stretch=4,
        )(device_near)
