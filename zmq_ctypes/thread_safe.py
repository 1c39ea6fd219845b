"""Polling sockets of thread-safe types (drafts), for `Poller`, `zmq_poll`, `Socket.poll` and ``FD``.

Such a socket has no file descriptor of its own.  libzmq's own poller, `draft_poller.NativePoller`, can wait for it, and lends
it one.
"""

from __future__ import annotations

from threading import Lock

from . import loader
from .constants import PollEvent, SocketOption
from .draft_poller import ALL_EVENTS, NativePoller, key_of
from .error import DraftFDWarning, ZMQError, ZMQVersionError
from .loader.direct import DirectCalls
from .options import INT_ARGUMENTS, integer
from .poll import PollTarget

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Sequence

_ERR = int(PollEvent.POLLERR)
_EVENTS = INT_ARGUMENTS[SocketOption.EVENTS]


def _native_poller(what: str) -> NativePoller:
    """A poller, or the reason why there is none."""
    if not loader.load().functions.has("zmq_poller_new"):
        error = ZMQVersionError("4.2.0", what)
        error.hint = "a draft build"
        raise error
    return NativePoller()


class NativePollSet:
    """What `poll.PollSet` is, for sets that have thread-safe sockets."""

    __slots__ = ("_pairs", "_poller", "fixed")

    #: Its own poller looks for sockets that were closed.
    seen = -1

    def __init__(self, pairs: Sequence[tuple[Any, int]]) -> None:
        #: Whether it holds for the next call as well.
        self.fixed = True
        self._pairs: list[tuple[Any, int]] = []
        wanted: dict[Any, int] = {}
        for thing, events in pairs:
            flags = integer(events, "flags", 0, 2**15 - 1) & ALL_EVENTS
            key = key_of(thing)
            self.fixed = self.fixed and isinstance(thing, (int, PollTarget))
            self._pairs.append((key, flags))
            # C takes everything once; what was asked for twice is told apart afterwards.
            wanted[key] = wanted.get(key, 0) | flags
        self._poller = _native_poller("polling a thread-safe socket")
        for key, flags in wanted.items():
            self._poller.register(key, flags)

    def poll(self, timeout: int) -> list[tuple[Any, int]]:
        """Wait for ``timeout`` milliseconds, or for ever if it is negative."""
        found = {event.source: event.events for event in self._poller.wait_all(timeout)}
        if not found:
            return []
        answers = [(key, found.get(key, 0) & (flags | _ERR)) for key, flags in self._pairs]
        return [(key, events) for key, events in answers if events]


class _SameSocket(PollTarget):
    """A socket as its own poller sees it: without keeping it alive."""

    __slots__ = ("_handle",)

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    @property
    def underlying(self) -> int:
        return self._handle.address or 0


def poll_socket(socket: Any, events: int, limit: int) -> int:
    """`Socket.poll` of a thread-safe socket, which several threads may call at once: each waits with its own poller."""
    flags = integer(events, "flags", 0, 2**15 - 1) & ALL_EVENTS
    found: int = socket.get(SocketOption.EVENTS) & flags
    if found or not limit:
        return found
    with _native_poller(f"waiting for events of a {socket._type_name} socket") as poller:
        poller.register(_SameSocket(socket._handle), flags)
        event = poller.wait(limit)
    return event.events & flags if event is not None else 0


class LentDescriptor:
    """The file descriptor that a poller lends to one thread-safe socket, and the socket's prepared calls from then on.

    Nobody waits with that poller, so nothing would ever make its descriptor unreadable again.  Asking for EVENTS does, as
    it does for ordinary sockets, because this ``getsockopt`` sees to it.  The other calls are the socket's own.

    libzmq signals a command only if the one before has been processed, and the poller only from now on.  So a message that
    came before is not told, nor what comes after it, until somebody asks for EVENTS: whoever gets the descriptor has to do
    that once, before waiting for it.

    Parameters
    ----------
    socket : Socket
        Not kept alive.
    """

    def __init__(self, socket: Any) -> None:
        if not loader.load().functions.has("zmq_poller_fd"):
            error = ZMQVersionError("4.3.2", f"the file descriptor of a {socket._type_name} socket")
            error.hint = "a draft build"
            raise error
        calls = socket._calls
        for name in DirectCalls.__slots__:
            if name != "getsockopt":
                setattr(self, name, getattr(calls, name))
        self._getsockopt: Callable[..., int] = calls.getsockopt
        # Two threads of one socket may ask at once, and its poller serves one at a time.
        self._lock = Lock()
        self._poller = NativePoller()
        self._poller.register(_SameSocket(socket._handle))
        self.fd = self._poller.fileno()

    def getsockopt(self, handle: Any, option: Any, value: Any, size: Any) -> int:
        """``zmq_getsockopt`` as `loader.direct` has it."""
        if option is _EVENTS or option == SocketOption.EVENTS:
            with self._lock:
                try:
                    self._poller.wait(0)
                except ZMQError:
                    pass  # closed, or its context was terminated: the call itself tells
        return self._getsockopt(handle, option, value, size)


def warn_about_descriptor() -> None:
    """Say that a file descriptor rests on a draft, to who asked for it."""
    import sys
    from warnings import warn

    package = __name__.rpartition(".")[0]
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and f"{frame.f_globals.get('__name__')}.".startswith(f"{package}."):
        level, frame = level + 1, frame.f_back
    warn(DraftFDWarning(), stacklevel=level)
