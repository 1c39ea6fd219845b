"""The floor of a row: the calls of libzmq that a Python program cannot do without, made with bare ctypes.

A floor is written like a row, with `bare` in the place of the module, and bears the row's name.  What is not libzmq's own
work, and could be left out by a binding that knew everything, is left out: checks, objects, reading a message that has
come.  So no binding in Python can be faster, and none can be as fast; how far one is from it is what the column tells.
"""

from __future__ import annotations

import ctypes
from itertools import repeat
from time import perf_counter

from .rows import SIZES, devices, lifetimes
from .rows.strings import VALUES

#: Name of a row -> generator functions of the two halves of its floor, and their arguments.
FLOORS = {}

#: Source of a fresh process -> its floor.
_OPEN = (
    "import ctypes, os; library = ctypes.CDLL(os.environ['ZMQ_CTYPES_LIBRARY']); "
    "library.zmq_ctx_new.restype = library.zmq_socket.restype = ctypes.c_void_p; "
    "context = ctypes.c_void_p(library.zmq_ctx_new()); "
    "socket = ctypes.c_void_p(library.zmq_socket(context, 0))"
)
FRESH_FLOORS = {
    "import": "import ctypes",
    "import-inside": "import ctypes",
    "import-memory": "import ctypes",
    "first-socket": _OPEN,
    "first-memory": _OPEN,
    f"idle-sockets-{lifetimes.SOCKETS}": (
        f"{_OPEN}; sockets = [library.zmq_socket(context, 7) for _ in range({lifetimes.SOCKETS})]"
    ),
    f"queued-{lifetimes.MESSAGES}": (
        f"{_OPEN}; other = ctypes.c_void_p(library.zmq_socket(context, 0)); none = ctypes.byref(ctypes.c_int(0)); "
        "library.zmq_setsockopt(socket, 23, none, 4); library.zmq_setsockopt(other, 24, none, 4); "
        "library.zmq_bind(socket, b'inproc://a'); library.zmq_connect(other, b'inproc://a'); "
        f"[library.zmq_send(socket, b'x' * 100, 100, 0) for _ in range({lifetimes.MESSAGES})]"
    ),
}


def floor(name, *arguments, far=None):
    """Enter the decorated generator function as the floor of this row."""

    def enter(near):
        FLOORS[name] = (near, far, arguments)
        return near

    return enter


class Pair:
    """Two connected PAIR sockets over inproc, and what sends and receives by them."""

    def __init__(self, c):
        self.sockets = c.Sockets(c.PAIR, c.PAIR)
        self.a, self.b = self.sockets.handles
        c.bind(self.a, "inproc://bench")
        c.connect(self.b, "inproc://bench")
        self.close = self.sockets.close


# One process ---------------------------------------------------------------------------------------------------------


@floor("inproc-10")
def inproc(c):
    pair = Pair(c)
    a, b, send, recv = pair.a, pair.b, c.keeping.zmq_send, c.keeping.zmq_msg_recv
    data, message, nowait = b"x" * 10, c.message(), c.flag(c.DONTWAIT)

    def loop(n):
        for _ in repeat(None, n):
            send(a, data, 10, nowait)
            recv(message, b, nowait)

    yield loop
    pair.close()


@floor("multipart-3")
def multipart(c):
    pair = Pair(c)
    a, b, send, recv = pair.a, pair.b, c.keeping.zmq_send, c.keeping.zmq_msg_recv
    data, message, nowait, more = b"x" * 10, c.message(), c.flag(c.DONTWAIT), c.flag(c.DONTWAIT | c.SNDMORE)

    def loop(n):
        for _ in repeat(None, n):
            send(a, data, 10, more)
            send(a, data, 10, more)
            send(a, data, 10, nowait)
            recv(message, b, nowait)
            recv(message, b, nowait)
            recv(message, b, nowait)

    yield loop
    pair.close()


def poll(c, count):
    """libzmq's own: for more than one socket, asking each for its events takes no less."""
    pair = Pair(c)
    c.done(c.keeping.zmq_send(pair.a, b"", 0, 0))
    others = c.Sockets(*[c.PULL] * (count - 1))
    # The one with the message first, as in the rows.
    addresses = [pair.sockets.addresses[1], *others.addresses]
    items = (c.PollItem * count)(*[(address, 0, c.POLLIN, 0) for address in addresses])
    call, first, length, at_once = c.keeping.zmq_poll, ctypes.byref(items), c.flag(count), c.flag(0)

    def loop(n):
        for _ in repeat(None, n):
            call(first, length, at_once)

    yield loop
    others.close()
    pair.close()


floor("poller-2", 2)(poll)
floor("poller-100", 100)(poll)


def option(c, number):
    pair = Pair(c)
    c.done(c.keeping.zmq_send(pair.b, b"", 0, 0))
    call, handle, number = c.keeping.zmq_getsockopt, pair.a, c.flag(number)
    value, length = ctypes.byref(ctypes.c_int()), ctypes.byref(ctypes.c_size_t(4))

    def loop(n):
        for _ in repeat(None, n):
            call(handle, number, value, length)

    yield loop
    pair.close()


# The numbers of EVENTS and LINGER: the module that knows them opens a library, which only the worker wants.
floor("getsockopt", 15)(option)
# One socket's events are told by the option too, in two thirds of the time that zmq_poll takes.
floor("poll-0", 15)(option)
floor("attribute", 17)(option)


@floor("frame-10")
def frame(c):
    """A frame owns its message, which is therefore made and ended for each."""
    pair = Pair(c)
    a, b, send, recv = pair.a, pair.b, c.keeping.zmq_send, c.keeping.zmq_msg_recv
    init, close = c.keeping.zmq_msg_init, c.keeping.zmq_msg_close
    data, message, nowait = b"x" * 10, c.message(), c.flag(c.DONTWAIT)

    def loop(n):
        for _ in repeat(None, n):
            send(a, data, 10, nowait)
            init(message)
            recv(message, b, nowait)
            close(message)

    yield loop
    pair.close()


@floor("frame-65536")
def lent_frame(c):
    """The data is lent for good, so that nobody has to be told when libzmq needs it no more."""
    pair = Pair(c)
    a, b, send, recv = pair.a, pair.b, c.keeping.zmq_msg_send, c.keeping.zmq_msg_recv
    lend, init, close = c.keeping.zmq_msg_init_data, c.keeping.zmq_msg_init, c.keeping.zmq_msg_close
    data, sent, message, nowait = b"x" * 65536, c.message(), c.message(), c.flag(c.DONTWAIT)

    def loop(n):
        for _ in repeat(None, n):
            lend(sent, data, 65536, None, None)
            send(sent, a, nowait)
            init(message)
            recv(message, b, nowait)
            close(message)

    yield loop
    pair.close()


def serialized(c, name):
    """With the standard library's part: no program gets a dict out of JSON without it.

    Received as a message, because a buffer of any fixed size cuts off what is longer.
    """
    encode, decode = CODECS[name]()
    value = VALUES[name]
    pair = Pair(c)
    a, b, send, recv = pair.a, pair.b, c.keeping.zmq_send, c.keeping.zmq_msg_recv
    message, nowait = c.message(), c.flag(c.DONTWAIT)
    content = c.keeping["zmq_msg_data"]
    content.restype = ctypes.POINTER(ctypes.c_char)

    def loop(n):
        for _ in repeat(None, n):
            data = encode(value)
            send(a, data, len(data), nowait)
            size = recv(message, b, nowait)
            decode(content(message)[:size])

    yield loop
    pair.close()


def _json():
    import json

    encode, decode = json.JSONEncoder().encode, json.JSONDecoder().decode
    return lambda value: encode(value).encode(), lambda data: decode(data.decode())


def _pickle():
    import pickle

    return pickle.dumps, pickle.loads


CODECS = {"string": lambda: (str.encode, bytes.decode), "json": _json, "pyobj": _pickle}
for _name in CODECS:
    floor(_name, _name)(serialized)


# Made and ended ------------------------------------------------------------------------------------------------------


@floor("create-close")
def create(c):
    def loop(n):
        spent = 0.0
        for count in lifetimes.batches(n):
            sockets = c.Sockets(c.PUSH)
            context, kind, make, close = sockets.context, c.flag(c.PUSH), c.keeping.zmq_socket, c.keeping.zmq_close
            handle = ctypes.c_void_p
            begin = perf_counter()
            for _ in repeat(None, count):
                close(handle(make(context, kind)))
            spent += perf_counter() - begin
            sockets.close()
        return spent

    yield loop


@floor("connect-disconnect")
def connect(c):
    sockets = c.Sockets(c.PULL, c.PUSH)
    pull, push = sockets.handles
    c.bind(pull, "inproc://bench")
    link, unlink, endpoint = c.keeping.zmq_connect, c.keeping.zmq_disconnect, b"inproc://bench"

    def loop(n):
        for _ in repeat(None, n):
            link(push, endpoint)
            unlink(push, endpoint)

    yield loop
    sockets.close()


# Two processes over tcp ----------------------------------------------------------------------------------------------


class End:
    """One socket of a floor of two processes: what sends, what receives, at once and waiting."""

    def __init__(self, c, kind, endpoint=None):
        self.sockets = c.Sockets(kind)
        (handle,) = self.sockets.handles
        if endpoint is None:
            self.endpoint = c.bind(handle)
        else:
            c.connect(handle, endpoint)
        self.message = message = c.message()
        nowait, wait = c.flag(c.DONTWAIT), c.flag(0)
        try_send, send = c.keeping.zmq_send, c.releasing.zmq_send
        try_recv, recv = c.keeping.zmq_msg_recv, c.releasing.zmq_msg_recv
        self.close = self.sockets.close

        def send_all(n, data):
            size = c.flag(len(data))
            for _ in repeat(None, n):
                if try_send(handle, data, size, nowait) < 0:
                    send(handle, data, size, wait)

        def recv_all(n):
            for _ in repeat(None, n):
                if try_recv(message, handle, nowait) < 0:
                    recv(message, handle, wait)

        def ask(n, data):
            size = c.flag(len(data))
            for _ in repeat(None, n):
                if try_send(handle, data, size, nowait) < 0:
                    send(handle, data, size, wait)
                recv(message, handle, wait)

        def answer(n, data):
            size = c.flag(len(data))
            for _ in repeat(None, n):
                recv(message, handle, wait)
                if try_send(handle, data, size, nowait) < 0:
                    send(handle, data, size, wait)

        self.send_all, self.recv_all, self.ask, self.answer = send_all, recv_all, ask, answer


def throughput_near(c, size, endpoint=None):
    end = End(c, c.PULL, endpoint)

    def loop(n):
        end.recv_all(1)
        begin = perf_counter()
        end.recv_all(n - 1)
        return (perf_counter() - begin) * n / (n - 1)

    yield loop, end.endpoint
    end.close()


def throughput_far(c, endpoint, size):
    end = End(c, c.PUSH, endpoint)
    data = b"x" * size
    yield lambda n: end.send_all(n, data)
    end.close()


def latency_near(c, size):
    end = End(c, c.REQ)
    data = b"x" * size

    def loop(n):
        begin = perf_counter()
        end.ask(n, data)
        return (perf_counter() - begin) / 2

    yield loop, end.endpoint
    end.close()


def latency_far(c, endpoint, size):
    end = End(c, c.REP, endpoint)
    data = b"x" * size
    yield lambda n: end.answer(n, data)
    end.close()


for _size in SIZES:
    floor(f"tcp-throughput-{_size}", _size, far=throughput_far)(throughput_near)
    floor(f"tcp-latency-{_size}", _size, far=latency_far)(latency_near)


# Devices -------------------------------------------------------------------------------------------------------------


def bare_queue(in_thread, pipe):
    """The process of a monitored queue, from the entrance to the exit only, for messages of one part."""
    from . import bare as c

    sockets = c.Sockets(c.PULL, c.PUSH, c.PUB)
    entrance, exit_, monitor = sockets.handles
    pipe.send([c.bind(handle) for handle in sockets.handles])
    message, copied = c.message(), c.message()
    nowait, more, wait = c.flag(c.DONTWAIT), c.flag(c.DONTWAIT | c.SNDMORE), c.flag(0)
    recv, send, send_message = c.keeping.zmq_msg_recv, c.keeping.zmq_send, c.keeping.zmq_msg_send
    copy = c.keeping.zmq_msg_copy
    wait_recv, wait_send = c.releasing.zmq_msg_recv, c.releasing.zmq_msg_send

    def pass_on():
        while True:
            if recv(message, entrance, nowait) < 0:
                wait_recv(message, entrance, wait)
            copy(copied, message)
            send(monitor, b"in", 2, more)
            send_message(copied, monitor, nowait)
            if send_message(message, exit_, nowait) < 0:
                wait_send(message, exit_, wait)

    devices.beside_the_pipe(pass_on, in_thread, pipe)


def queue_near(c, size, in_thread):
    yield from devices.between(bare_queue, (in_thread,), size)


def queue_far(c, endpoint, size, in_thread):
    yield from devices.entering(endpoint, size)


for _size in (10, 1000):
    floor(f"monitored-queue-{_size}", _size, False, far=queue_far)(queue_near)
    floor(f"monitored-queue-thread-{_size}", _size, True, far=queue_far)(queue_near)
