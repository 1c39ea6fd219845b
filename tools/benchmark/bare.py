"""libzmq by bare ctypes: the floor under every binding that is written in Python.

Nothing is checked, converted or kept: arguments are made once, functions have no ``argtypes``, results are C integers.
Calls that cannot wait keep the GIL (`keeping`), those that may wait release it (`releasing`), since no program could do
otherwise.  Only for `floors`: a wrong argument ends the process.
"""

from __future__ import annotations

import ctypes
import os

PAIR, PUB, REQ, REP, PULL, PUSH = 0, 1, 3, 4, 7, 8
DONTWAIT, SNDMORE, POLLIN = 1, 2, 1
EVENTS, LINGER, SNDHWM, LAST_ENDPOINT = 15, 17, 23, 32

_PATH = os.environ["ZMQ_CTYPES_LIBRARY"]
keeping = ctypes.PyDLL(_PATH)
releasing = ctypes.CDLL(_PATH)
for _library in (keeping, releasing):
    _library.zmq_ctx_new.restype = _library.zmq_socket.restype = ctypes.c_void_p

__version__ = "ctypes"


class Message(ctypes.Structure):
    """``zmq_msg_t``."""

    _fields_ = [("_", ctypes.c_uint64 * 8)]


class PollItem(ctypes.Structure):
    """``zmq_pollitem_t``."""

    _fields_ = [
        ("socket", ctypes.c_void_p),
        ("fd", ctypes.c_size_t if os.name == "nt" else ctypes.c_int),
        ("events", ctypes.c_short),
        ("revents", ctypes.c_short),
    ]


def zmq_version():
    """The version of libzmq."""
    numbers = [ctypes.c_int() for _ in range(3)]
    keeping.zmq_version(*map(ctypes.byref, numbers))
    return ".".join(str(number.value) for number in numbers)


def prepared(address):
    """A pointer as an argument."""
    return ctypes.c_void_p.from_param(address)


def flag(value):
    """An ``int`` as an argument."""
    return ctypes.c_int.from_param(value)


def message():
    """An empty ``zmq_msg_t`` as an argument."""
    made = ctypes.byref(Message())
    keeping.zmq_msg_init(made)
    return made


class Sockets:
    """A context and its sockets, whose handles are prepared arguments.

    Parameters
    ----------
    *types : int
        One for each socket.
    """

    def __init__(self, *types):
        self.context = prepared(keeping.zmq_ctx_new())
        self.addresses = [keeping.zmq_socket(self.context, kind) for kind in types]
        self.handles = [prepared(address) for address in self.addresses]
        for handle in self.handles:
            set_int(handle, LINGER, 0)

    def close(self):
        for handle in self.handles:
            keeping.zmq_close(handle)
        releasing.zmq_ctx_term(self.context)


def set_int(handle, option, value):
    """Set an option that is an ``int``."""
    number = ctypes.c_int(value)
    done(keeping.zmq_setsockopt(handle, option, ctypes.byref(number), ctypes.sizeof(number)))


def bind(handle, endpoint="tcp://127.0.0.1:*"):
    """Bind, and tell the endpoint that it has become."""
    done(keeping.zmq_bind(handle, endpoint.encode()))
    name = ctypes.create_string_buffer(256)
    done(keeping.zmq_getsockopt(handle, LAST_ENDPOINT, name, ctypes.byref(ctypes.c_size_t(256))))
    return name.value.decode()


def connect(handle, endpoint):
    """Connect."""
    done(keeping.zmq_connect(handle, endpoint.encode()))


def done(result):
    """What is outside of a loop is checked."""
    if result < 0:
        raise OSError(f"libzmq: errno {keeping.zmq_errno()}")
