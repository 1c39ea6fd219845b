"""A process at the far end: sockets of another process that a test uses as if they were its own.

One process serves a whole module of tests; it is told what to do with lines of JSON, and each order is answered.
"""

from __future__ import annotations

import json

from children import LIMIT, start

PROGRAM = """
import json
context, sockets = zmq.Context(), {}

def new(name, kind, endpoints, options):
    socket = sockets[name] = context.socket(kind)
    socket.linger, socket.rcvtimeo, socket.sndtimeo = 0, 10_000, 10_000
    for option, value in options.items():
        setattr(socket, option, value.encode("latin-1") if isinstance(value, str) else value)
    for endpoint in endpoints:
        socket.connect(endpoint)

def send(name, parts):
    sockets[name].send_multipart([part.encode("latin-1") for part in parts])

def recv(name):
    return [part.decode("latin-1") for part in sockets[name].recv_multipart()]

def poll(name, timeout):
    return sockets[name].poll(timeout)

def send_many(name, counts, size, label):
    # label, number, padding
    for number in range(*counts):
        sockets[name].send(b"%s %d " % (label.encode(), number) + b"x" * size)

def recv_many(name, count):
    # What each label has sent, if it came in order and without gaps: label -> [first, last].
    seen = {}
    for _ in range(count):
        label, number, _ = sockets[name].recv().split(b" ", 2)
        label, number = label.decode(), int(number)
        first, last = seen.setdefault(label, [number, number - 1])
        assert number == last + 1, (label, number, last)
        seen[label][1] = number
    return seen

def close(name):
    sockets.pop(name).close(0)

orders = {f.__name__: f for f in (new, send, recv, poll, send_many, recv_many, close)}
for line in sys.stdin:
    order, *arguments = json.loads(line)
    try:
        answer = [True, orders[order](*arguments)]
    except Exception as error:
        answer = [False, repr(error)]
    print(json.dumps(answer), flush=True)
context.destroy(0)
"""


class FarError(Exception):
    """What went wrong there."""


class FarProcess:
    """The process; ``with FarProcess() as far: socket = far.socket(zmq.REQ, endpoint)``."""

    def __init__(self):
        # No watch: it lives longer than a test.
        self.child = start(PROGRAM, watch=False)
        self.count = 0
        self.sockets = []

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.child.kill()
        self.child.communicate(timeout=LIMIT)

    def order(self, *words):
        self.say(*words)
        return self.hear()

    def say(self, *words):
        self.child.stdin.write(json.dumps(words) + "\n")
        self.child.stdin.flush()

    def hear(self):
        line = self.child.stdout.readline()
        if not line:
            raise FarError(f"the process at the far end is gone: {self.child.stderr.read()}")
        fine, answer = json.loads(line)
        if not fine:
            raise FarError(answer)
        return answer

    def socket(self, kind, *endpoints, **options):
        self.count += 1
        socket = FarSocket(self, str(self.count))
        words = {key: value.decode("latin-1") if isinstance(value, bytes) else value for key, value in options.items()}
        self.order("new", socket.name, int(kind), endpoints, words)
        self.sockets.append(socket)
        return socket

    def close_all(self):
        for socket in self.sockets:
            socket.close()
        self.sockets.clear()


class FarSocket:
    """A socket there."""

    def __init__(self, process, name):
        self.process, self.name = process, name
        self.open = True

    def send(self, *parts):
        self.process.order("send", self.name, [part.decode("latin-1") for part in parts])

    def recv(self):
        return [part.encode("latin-1") for part in self.process.order("recv", self.name)]

    def poll(self, timeout):
        return self.process.order("poll", self.name, timeout)

    def close(self):
        if self.open:
            self.open = False
            self.process.order("close", self.name)
