"""The binding for every message: C functions called with arguments that were prepared beforehand.

A ctypes function with ``argtypes`` converts and checks each argument at each call, which costs more than libzmq's own
work for a small message.  The functions here have no ``argtypes``.  They take what ``handle_argument`` and ``byref``
made once for a socket, exact ``bytes`` objects, and small integers that the caller has already checked.  **No value
that comes from outside may reach them unchecked**: a wrong one is a segmentation fault, not an exception.

There are two sets of the same functions:

``nowait``
    Keep the GIL (``PyDLL``).  Only for what cannot wait: send and receive with ``ZMQ_DONTWAIT``, options, messages.
    Giving the GIL away costs more than such a call, and beside a busy Python thread it costs milliseconds.
``waiting``
    Release the GIL (``CDLL``) and keep ``errno`` as it was when the C function returned.  For whatever may block or
    copies much, and for everything on a thread-safe socket type (CLIENT, SERVER, RADIO, DISH, ...): those lock a mutex
    inside libzmq, and a free callback that waits for the GIL while we wait for the mutex would never end.

After a ``nowait`` call has failed, ``zmq_errno`` of the same set is a hint only: Python may have run a signal handler
in between.  So the call is made again through ``waiting``, which tells the truth (and may well succeed: ``ZMQ_DONTWAIT``
answers EAGAIN now and then although there is room).

PyPy has its fast path for functions *with* ``argtypes``; there the same calls are typed, and a prepared argument is
the plain value.
"""

from __future__ import annotations

import sys
from ctypes import POINTER, c_char, c_char_p, c_int, c_long, c_size_t, c_void_p, string_at

from .structs import iovec, zmq_msg_t, zmq_pollitem_t

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ctypes import CDLL, PyDLL
    from typing import Any, Callable, Protocol

    class Sliced(Protocol):
        def __getitem__(self, part: slice) -> bytes: ...

__all__ = ["COPY_LIMIT", "DirectCalls", "flags_argument", "handle_argument", "size_argument"]

#: Bytes that a call which keeps the GIL may copy; more goes through ``waiting``.
COPY_LIMIT = 65536

_INT_MAX = 2**31 - 1

_TYPED = sys.implementation.name != "cpython"

_message = POINTER(zmq_msg_t)
#: name -> (result, arguments); the arguments are declared on PyPy only.
_CALLS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "zmq_errno": (c_int, ()),
    "zmq_send": (c_int, (c_void_p, c_void_p, c_size_t, c_int)),
    "zmq_sendiov": (c_int, (c_void_p, POINTER(iovec), c_size_t, c_int)),
    "zmq_recv": (c_int, (c_void_p, c_void_p, c_size_t, c_int)),
    "zmq_msg_send": (c_int, (_message, c_void_p, c_int)),
    "zmq_msg_recv": (c_int, (_message, c_void_p, c_int)),
    "zmq_msg_init": (c_int, (_message,)),
    "zmq_msg_init_size": (c_int, (_message, c_size_t)),
    "zmq_msg_init_data": (c_int, (_message, c_void_p, c_size_t, c_void_p, c_void_p)),
    "zmq_msg_close": (c_int, (_message,)),
    "zmq_msg_copy": (c_int, (_message, _message)),
    "zmq_msg_more": (c_int, (_message,)),
    "zmq_msg_size": (c_size_t, (_message,)),
    # A pointer whose slice is a bytes object: the cheapest way from C memory to Python.
    "zmq_msg_data": (POINTER(c_char), (_message,)),
    "zmq_getsockopt": (c_int, (c_void_p, c_int, c_void_p, POINTER(c_size_t))),
    "zmq_setsockopt": (c_int, (c_void_p, c_int, c_void_p, c_size_t)),
    "zmq_poll": (c_int, (POINTER(zmq_pollitem_t), c_int, c_long)),
    "zmq_bind": (c_int, (c_void_p, c_char_p)),
    "zmq_connect": (c_int, (c_void_p, c_char_p)),
    "zmq_unbind": (c_int, (c_void_p, c_char_p)),
    "zmq_disconnect": (c_int, (c_void_p, c_char_p)),
}


def _in_place(send: Callable[..., int]) -> Callable[..., int]:
    """``zmq_send`` for PyPy, whose ctypes copies bytes one by one; cffi, which is part of it, knows where they are."""
    from _cffi_backend import FFI  # type: ignore[import-not-found,import-untyped,unused-ignore]

    ffi = FFI()
    from_buffer, cast, address = ffi.from_buffer, ffi.cast, ffi.typeof("uintptr_t")

    def in_place(handle: Any, data: Any, length: Any, flags: Any) -> int:
        if type(data) is not bytes:
            return send(handle, data, length, flags)
        kept = from_buffer(data)
        return send(handle, int(cast(address, kept)), length, flags)

    return in_place


def _sized(send: Callable[..., int]) -> Callable[..., int]:
    """``zmq_send`` taking its length as a Python integer of up to `COPY_LIMIT`.

    ctypes passes an integer as a C ``int``, which libffi widens to a whole register everywhere but on 64-bit Windows.
    """
    if sys.implementation.name == "pypy":
        return _in_place(send)
    if sys.platform != "win32":
        return send

    def sized(handle: Any, data: Any, length: Any, flags: Any) -> int:
        return send(handle, data, c_size_t(length) if type(length) is int else length, flags)

    return sized


class _Memory:
    """C memory that is sliced like a pointer; PyPy's own pointers make an object of each byte for that."""

    __slots__ = ("_address",)

    def __init__(self, address: int) -> None:
        self._address = address

    def __getitem__(self, part: slice) -> bytes:
        return string_at(self._address, part.stop)


class DirectCalls:
    """One set of prepared calls; see the head of the module for what may be passed.

    Parameters
    ----------
    dll : ctypes.PyDLL or ctypes.CDLL
        The loaded library: ``PyDLL`` makes the ``nowait`` set, ``CDLL`` with ``use_errno=True`` the ``waiting`` one.
    """

    __slots__ = tuple(name[len("zmq_") :] for name in _CALLS)

    if TYPE_CHECKING:
        msg_data: Callable[..., Sliced]

        def __getattr__(self, name: str) -> Callable[..., int]: ...

    def __init__(self, dll: CDLL | PyDLL) -> None:
        for name, (result, arguments) in _CALLS.items():
            # Indexing makes a function object of its own; an attribute would be shared with the typed binding.
            function = dll[name]
            function.restype = result
            if _TYPED:
                function.argtypes = arguments
            setattr(self, name[len("zmq_") :], _sized(function) if name == "zmq_send" else function)
        if _TYPED:
            address_of = dll["zmq_msg_data"]
            address_of.restype, address_of.argtypes = c_void_p, (_message,)
            self.msg_data = lambda message: _Memory(address_of(message))


if _TYPED:

    def handle_argument(handle: int) -> Any:
        """A socket's address, prepared for the calls of this module."""
        return c_void_p(handle)

    def size_argument(size: int) -> Any:
        """A ``size_t`` argument of any size."""
        return size

    def flags_argument(flags: int) -> Any:
        """An ``int`` argument that was checked."""
        return flags

else:

    def handle_argument(handle: int) -> Any:
        """A socket's address, prepared for the calls of this module."""
        return c_void_p.from_param(handle)

    if sys.platform == "win32":

        def size_argument(size: int) -> Any:
            """A ``size_t`` argument of any size."""
            return c_size_t(size)

    else:

        def size_argument(size: int) -> Any:
            """A ``size_t`` argument of any size; an integer is passed as a C ``int``, see `_sized`."""
            return size if size <= _INT_MAX else c_size_t(size)

    def flags_argument(flags: int) -> Any:
        """An ``int`` argument that was checked."""
        return c_int.from_param(flags)
