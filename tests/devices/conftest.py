"""What the tests of devices share: a process at the far end, and a function that runs in a thread until its context ends."""

from __future__ import annotations

import threading

import pytest
from far import FarProcess
from support import terminate

import zmq_ctypes as zmq

LIMIT = 20


@pytest.fixture(scope="module")
def far_process():
    with FarProcess() as process:
        yield process


@pytest.fixture
def far(far_process):
    """Make sockets in another process, closed at the end of the test: ``far(zmq.REQ, endpoint, ...)``."""
    yield far_process.socket
    far_process.close_all()


class Running:
    """A function in a thread with sockets that belong to it; it closes them when it ends."""

    def __init__(self, function, sockets, arguments):
        self.outcome = []
        self.thread = threading.Thread(target=self._run, args=(function, sockets, arguments))
        self.thread.start()

    def _run(self, function, sockets, arguments):
        try:
            self.outcome.append(function(*sockets, *arguments))
        except BaseException as error:
            self.outcome.append(error)
        for socket in sockets:
            socket.close(0)

    def end(self):
        """What it has returned or raised."""
        self.thread.join(LIMIT)
        assert not self.thread.is_alive()
        return self.outcome[0]


@pytest.fixture
def stage():
    """A context, its sockets, and what runs with them: all ends with the test."""

    class Stage:
        def __init__(self):
            self.context = zmq.Context()
            self.running = []
            self.made = []

        def bound(self, kind, endpoint="tcp://127.0.0.1:*", **options):
            socket = self.context.socket(kind)
            self.made.append(socket)
            socket.linger = 0
            for name, value in options.items():
                setattr(socket, name, value)
            socket.bind(endpoint)
            return socket

        def at(self, socket):
            return socket.last_endpoint.rstrip(b"\0").decode()

        def run(self, function, *sockets, arguments=()):
            for socket in {*sockets}:
                self.made.remove(socket)
            self.running.append(Running(function, sockets, arguments))
            return self.running[-1]

        def end(self):
            for socket in self.made:
                socket.close(0)
            self.made.clear()
            terminate(self.context)
            return [running.end() for running in self.running]

    made = Stage()
    yield made
    made.end()
