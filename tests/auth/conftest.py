"""A process full of clients, a server that they send to, and what an authenticator says in its log."""

from __future__ import annotations

import contextlib
import json
import logging
import threading

import pytest
from children import finish, start
from support import PATIENCE, need

import zmq_ctypes as zmq

# Each line asks for one client, which connects, sends one message and stays.
CLIENTS = """
import json

context = zmq.Context()
sockets = []
for line in sys.stdin:
    wanted = json.loads(line)
    socket = context.socket(zmq.PUSH)
    sockets.append(socket)
    socket.linger = 0
    socket.sndtimeo = 1000
    for name, value in wanted["options"].items():
        setattr(socket, name, value.encode() if isinstance(value, str) else value)
    socket.connect(wanted["endpoint"])
    try:
        socket.send(wanted["message"].encode())
    except zmq.Again:
        pass  # refused already, which takes its connection away
    print("sent")
for socket in sockets:
    socket.close(0)
context.term()
"""


class Clients:
    """Clients in another process."""

    def __init__(self):
        self.process = start(CLIENTS)

    def connect(self, endpoint, message, **options):
        """Let one connect and send."""
        options = {name: value.decode() if isinstance(value, bytes) else value for name, value in options.items()}
        print(json.dumps({"endpoint": endpoint, "message": message, "options": options}), file=self.process.stdin)
        assert self.process.stdout.readline() == "sent\n"


@pytest.fixture
def clients():
    made = Clients()
    yield made
    finish(made.process)


@pytest.fixture
def curve():
    """The options of a server and of a client of CURVE, with new keys."""
    need(zmq.has("curve"), "a libzmq with CURVE")
    # Made before there are connections: libzmq 4.2.5 to 4.3.3 take their random generator down after each pair, and whoever
    # uses it just then ends the process.
    server_public, server_secret = zmq.curve_keypair()
    unused = [zmq.curve_keypair() for _ in range(12)]

    class Curve:
        server = {"curve_server": 1, "curve_secretkey": server_secret}
        new_keys = unused.pop

        @staticmethod
        def client(keys=None):
            public, secret = keys or unused.pop()
            return {"curve_serverkey": server_public, "curve_publickey": public, "curve_secretkey": secret}

    return Curve


@pytest.fixture
def serve(make_socket):
    """Make a server on tcp; return its socket and its endpoint."""

    def make(**options):
        socket = make_socket(zmq.PULL, **options)
        socket.bind("tcp://127.0.0.1:*")
        return socket, socket.last_endpoint.decode()

    return make


class Records(logging.Handler):
    """Everything that was logged, and a way to wait for it."""

    def __init__(self):
        super().__init__()
        self.lines = []
        self.changed = threading.Condition()

    def emit(self, record):
        with self.changed:
            self.lines.append(f"{record.levelname} {self.format(record)}")
            self.changed.notify_all()

    @property
    def text(self):
        return "\n".join(self.lines)

    def wait(self, *words, count=1):
        """Wait until so many lines have all the words."""

        def found():
            return sum(all(word in line for word in words) for line in self.lines) >= count

        with self.changed:
            assert self.changed.wait_for(found, PATIENCE / 1000), f"{words} x {count} not in\n{self.text}"


@pytest.fixture
def log():
    """The log of the authenticators, at all levels."""
    records = Records()
    logger = logging.getLogger("zmq.auth")
    level, propagate = logger.level, logger.propagate
    logger.addHandler(records)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield records
    logger.removeHandler(records)
    logger.setLevel(level)
    logger.propagate = propagate


@pytest.fixture
def authenticator(context, log):
    """A started ThreadAuthenticator."""
    from zmq_ctypes.auth.thread import ThreadAuthenticator

    made = ThreadAuthenticator(context)
    made.start()
    yield made
    with contextlib.suppress(zmq.ZMQError):
        made.stop()
    assert not made.is_alive()


def ask(context, *frames):
    """Ask the authenticator of a context as libzmq does; return the frames of the answer."""
    with context.socket(zmq.REQ) as socket:
        socket.linger = 0
        socket.rcvtimeo = PATIENCE
        socket.connect("inproc://zeromq.zap.01")
        socket.send_multipart(list(frames))
        return socket.recv_multipart()
