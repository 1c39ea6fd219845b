"""What test files import: saying what is needed, and ending contexts without ever waiting for them without limit."""

from __future__ import annotations

import gc
import importlib.util
import os
import select
import socket
import sys
import threading
import time

import pytest

#: Seconds that a context with closed sockets may take to terminate; it needs milliseconds.
TERMINATED_WITHIN = 10.0
#: Milliseconds that a socket of `make_socket` waits for a message.
PATIENCE = 10_000
#: How many messages each stress test of the event loops passes on, in place of the few that a suite has time for.
MESSAGES = int(os.environ.get("ZMQ_CTYPES_TEST_MESSAGES") or 0)


def stressed(seconds, usual):
    """The seconds that a stress test may take, which are told for its usual number of messages."""
    return seconds * max(1, MESSAGES / usual)


def need(condition, what):
    """Skip the test when `what` is missing on this machine; in CI, where everything has to be there, fail it.

    Parameters
    ----------
    condition : object
        Whether it is there.
    what : str
        What it is, and how to have it: ``"gdb (apt install gdb)"``.
    """
    if condition:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"needed and missing: {what}", pytrace=False)
    pytest.skip(f"missing: {what}")


def free_ports(count):
    """Ports of 127.0.0.1 that are free now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def until(condition, what, within=30.0):
    """Wait until a condition holds, or fail saying what is the matter."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.002)


def collected(condition):
    """Whether a condition holds after the garbage was collected; PyPy takes several rounds, so ask `until` it does."""
    gc.collect()
    return condition()


def go_away(receiver, sender, within=10.0):
    """Close a receiver, and wait until its sender, in whatever class, is about to find that out."""
    import zmq_ctypes as zmq  # where it is comes from conftest.py

    # Its descriptor tells that libzmq has something new to say to it.
    sender.get(zmq.EVENTS)
    receiver.close(0)
    assert select.select([sender.FD], [], [], within)[0], "the sender is told nothing"
    # A send looks for such news once in a millisecond.
    time.sleep(0.02)


def count_sends(monkeypatch, number, action):
    """Have something done before the native call that sends the frame of that number; the list holds how many there were."""
    import zmq_ctypes as zmq

    count = [0]

    def hook(calls, name):
        call = getattr(calls, name)

        def counted(*arguments):
            count[0] += 1
            if count[0] == number:
                action()
            return call(*arguments)

        monkeypatch.setattr(calls, name, counted)

    library = zmq.loader.load()
    for calls in (library.waiting, library.nowait):
        for name in ("send", "msg_send"):
            hook(calls, name)
    return count


#: What cannot be had everywhere -> the implementations of Python without it, and why.
NO_WHEEL = {"gevent": ("pypy", "its wheels are for CPython, and building it takes a compiler and many minutes")}


def need_package(name):
    """Skip the test, or fail it in CI, when an optional package is missing; one that cannot be had here only skips."""
    if importlib.util.find_spec(name) is None:
        implementation, reason = NO_WHEEL.get(name, ("", ""))
        if sys.implementation.name == implementation:
            pytest.skip(f"no {name} for this Python: {reason}")
        need(False, f"{name} (pip install {name})")


def open_sockets(context):
    """The sockets of a context that are still open, in words."""
    kind = type(context)
    found = []
    for thing in gc.get_objects():
        # Objects of others may answer anything, even exceptions, when asked for their attributes.
        name = type(thing).__name__
        if name.endswith("Socket") and type(getattr(thing, "context", None)) is kind and thing.context is context:
            if not thing.closed:
                found.append(thing)
    return found


def terminate(context, within=TERMINATED_WITHIN):
    """Terminate a context in a thread of its own; fail the test, naming the sockets left open, if that takes too long.

    Raises
    ------
    Exception
        Whatever ``context.term()`` raised.
    """
    outcome = []

    def term():
        try:
            outcome.append(context.term())
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=term, daemon=True, name="terminating a context")
    thread.start()
    thread.join(within)
    if thread.is_alive():
        left = open_sockets(context)
        names = ", ".join(map(repr, left)) or "none that Python knows of"
        for socket in left:
            socket.close(0)
        thread.join(within)
        pytest.fail(f"the context did not terminate within {within:g} s; open sockets: {names}", pytrace=False)
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
