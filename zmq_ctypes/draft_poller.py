"""libzmq's own poller (``zmq_poller``, a draft): the one way to wait for thread-safe sockets.

Sockets of thread-safe types (SERVER, CLIENT, RADIO, DISH, SCATTER, GATHER, PEER, CHANNEL) have no file descriptor of their
own, and ``zmq_poll`` knows nothing else.  A ``zmq_poller`` lends them one.  It is public as `NativePoller`; `Poller`,
`zmq_poll`, `Socket.poll` and ``FD`` use it (see `thread_safe`) where such a socket is concerned.

What C demands, and what this module does about it:

1. A poller holds bare addresses of sockets, and reads them when it polls and when it is destroyed.  Each socket's handle
   knows the pollers that it is registered with (their `_Core`, so that the order in which a garbage collection takes them
   does not matter) and leaves them before it is closed.
2. A poller belongs to one thread at a time, and destroying one that another thread waits with would be the end of the
   process.  The calls are guarded by a lock that is never waited for: who finds it taken gets an exception.
3. User data is a pointer in C.  The pointer is a number here, and the objects stay in Python.
4. When nothing has happened in time, errno is ETIMEDOUT in libzmq 4.2.0 to 4.2.2 and EAGAIN since.
"""

from __future__ import annotations

import os
from ctypes import byref, c_void_p
from errno import EINTR
from threading import RLock
from time import monotonic

from . import loader
from .constants import Errno, PollEvent
from .error import ZMQError, from_errno
from .loader.structs import zmq_fd_t, zmq_poller_event_t
from .options import integer
from .poll import LONGEST, PollTarget, closings, file_descriptor, milliseconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple, TypeVar

    Self = TypeVar("Self", bound="NativePoller")

    class PollerEvent(NamedTuple):
        """What `NativePoller` found."""

        source: Any
        events: int
        data: Any

else:
    from collections import namedtuple

    class PollerEvent(namedtuple("PollerEvent", ("source", "events", "data"))):
        """What `NativePoller` found.

        Attributes
        ----------
        source : Socket, int or object with ``fileno``
            What has events, as it was registered.
        events : int
            Which.
        data : object
            What was registered with it.
        """

        __slots__ = ()


__all__ = ["NativePoller", "PollerEvent"]

_IN_OUT = int(PollEvent.POLLIN | PollEvent.POLLOUT)
_ERR = int(PollEvent.POLLERR)
ALL_EVENTS = int(PollEvent.POLLIN | PollEvent.POLLOUT | PollEvent.POLLERR | PollEvent.POLLPRI)
_TIMED_OUT = (int(Errno.EAGAIN), int(Errno.ETIMEDOUT))


class _Core:
    """One ``zmq_poller``: its address while it is open, and the lock that keeps it to one thread at a time."""

    __slots__ = ("address", "functions", "lock", "pid")

    def __init__(self) -> None:
        self.functions = loader.load().functions
        self.lock = RLock()
        self.pid = os.getpid()
        self.address: int | None = self.functions.zmq_poller_new()
        if self.address is None:
            raise from_errno(self.functions.zmq_errno())

    def take(self) -> None:
        if not self.lock.acquire(False):
            raise RuntimeError("another thread uses this poller, which one at a time may do")

    def call(self, name: str, *arguments: Any) -> int:
        """Call a function of the poller."""
        self.take()
        try:
            if self.address is None:
                raise ZMQError(Errno.EINVAL, "the poller was closed")
            return getattr(self.functions, name)(self.address, *arguments)  # type: ignore[no-any-return]
        finally:
            self.lock.release()

    def error(self, message: str | None = None) -> ZMQError:
        """The exception for the call that just failed."""
        return from_errno(self.functions.zmq_errno(), message)

    def forget(self, socket: int) -> None:
        """Remove a socket that is about to be closed."""
        if self.address is not None and self.pid == os.getpid():
            try:
                self.call("zmq_poller_remove", socket)
            except RuntimeError:
                # Another thread waits for the very socket that this one closes, which no socket allows.
                pass

    def close(self) -> None:
        self.take()
        try:
            address, self.address = self.address, None
            # In the child of a fork the poller and its sockets are the parent's.
            if address is not None and self.pid == os.getpid():
                self.functions.zmq_poller_destroy(byref(c_void_p(address)))
        finally:
            self.lock.release()


class _Entry:
    """One thing that is registered."""

    __slots__ = ("data", "events", "fd", "handle", "source", "token")

    def __init__(self, source: Any, token: int) -> None:
        self.source = source
        self.token = token
        self.data: Any = None
        self.events = 0
        # The number of a file descriptor; None for a socket.
        self.fd: int | None = None
        # What knows whether the socket is open.
        self.handle: Any = None


class NativePoller:
    """libzmq's own poller: waits for sockets of all types and file descriptors (draft builds of libzmq 4.2 and later).

    Raises
    ------
    ZMQVersionError
        If the loaded libzmq does not have it.

    Notes
    -----
    Other than `Poller`, what is registered stays registered in libzmq, each with an object of the caller's choice; it
    takes thread-safe sockets; and it has a file descriptor, as long as such a socket is registered.  For ordinary
    sockets `Poller` is the faster one and needs no draft.

    One thread at a time may use it.  A socket that is closed is not polled any more, but has to be unregistered.

    .. versionadded:: 27.3

    Examples
    --------
    >>> with NativePoller() as poller:
    ...     poller.register(server, zmq.POLLIN, handle_request)
    ...     event = poller.wait(1000)
    ...     if event is not None:
    ...         event.data(event.source)
    """

    def __init__(self) -> None:
        self._entries: dict[Any, _Entry] = {}
        self._by_token: dict[int, _Entry] = {}
        self._last = 0
        self._seen = -1
        self._events: Any = None
        self._core = _Core()

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{len(self)} registered"
        return f"<{type(self).__name__}({state}) at {hex(id(self))}>"

    def __len__(self) -> int:
        """How much is registered."""
        return len(self._entries)

    def __contains__(self, source: object) -> bool:
        """Whether something is registered."""
        return self._find(source) is not None

    # -- registering --------------------------------------------------------------------------------------------------

    def register(self, source: Any, events: int = _IN_OUT, data: Any = None) -> None:
        """Wait for events of a socket or file descriptor, too.

        Parameters
        ----------
        source : Socket, int or object with ``fileno``
            What to wait for.  What is registered already gets the new events and data.
        events : int, optional
            Any of ``zmq.POLLIN``, ``zmq.POLLOUT``, ``zmq.POLLERR`` and ``zmq.POLLPRI``; 0 keeps it registered and silent.
        data : object, optional
            Comes with each of its events.

        Raises
        ------
        TypeError, ValueError
            If it cannot be polled.
        OverflowError
            If ``events`` has other bits.
        ZMQError
            ``ENOTSOCK`` if the socket was closed; ``EINVAL`` if it is registered under another object, or the poller was
            closed; what the system says about a file descriptor that cannot be polled.
        """
        flags = integer(events, "events", 0, ALL_EVENTS)
        entry = self._find(source)
        if entry is not None:
            self._modify(entry, flags)
            entry.data = data
            return
        entry = _Entry(source, self._last + 1)
        if isinstance(source, PollTarget):
            entry.handle = source._handle  # type: ignore[attr-defined]
            address = source.underlying
            if not address:
                raise ZMQError(Errno.ENOTSOCK, f"cannot poll a closed socket: {source!r}")
            result = self._core.call("zmq_poller_add", address, entry.token, flags)
        else:
            entry.fd = file_descriptor(source)
            result = self._core.call("zmq_poller_add_fd", entry.fd, entry.token, flags)
        if result < 0:
            raise self._core.error(f"registering {source!r}")
        entry.events, entry.data = flags, data
        self._last = entry.token
        self._events = None
        self._entries[key_of(source)] = self._by_token[entry.token] = entry
        if entry.handle is not None:
            entry.handle.pollers.append(self._core)

    def modify(self, source: Any, events: int = _IN_OUT) -> None:
        """Change the events of what is registered; its data stays.

        Raises
        ------
        KeyError
            If it is not registered.
        """
        self._modify(self._get(source), integer(events, "events", 0, ALL_EVENTS))

    def unregister(self, source: Any) -> None:
        """Wait for something no longer, which may have been closed.

        Raises
        ------
        KeyError
            If it is not registered.
        """
        entry = self._get(source)
        if entry.fd is not None:
            self._core.call("zmq_poller_remove_fd", entry.fd)
        elif entry.handle.address is not None:
            self._core.call("zmq_poller_remove", entry.handle.address)
            self._leave(entry.handle)
        self._events = None
        del self._by_token[entry.token]
        self._entries = {key: other for key, other in self._entries.items() if other is not entry}

    def _modify(self, entry: _Entry, flags: int) -> None:
        if entry.fd is not None:
            result = self._core.call("zmq_poller_modify_fd", entry.fd, flags)
        else:
            if entry.handle.address is None:
                raise ZMQError(Errno.ENOTSOCK, f"cannot poll a closed socket: {entry.source!r}")
            result = self._core.call("zmq_poller_modify", entry.handle.address, flags)
        if result < 0:
            raise self._core.error(f"modifying {entry.source!r}")
        entry.events = flags

    def _find(self, source: Any) -> _Entry | None:
        if isinstance(source, (int, PollTarget)):
            return self._entries.get(source)
        for entry in self._entries.values():
            # An object whose file was closed has no number any more.
            if entry.source is source:
                return entry
        try:
            return self._entries.get(file_descriptor(source))
        except (TypeError, ValueError):
            return None

    def _get(self, source: Any) -> _Entry:
        entry = self._find(source)
        if entry is None:
            raise KeyError(source)
        return entry

    def _leave(self, handle: Any) -> None:
        try:
            handle.pollers.remove(self._core)
        except ValueError:
            pass  # the socket was closed

    # -- waiting ------------------------------------------------------------------------------------------------------

    def wait(self, timeout: int | None = None) -> PollerEvent | None:
        """Wait until something has events.

        Parameters
        ----------
        timeout : int, optional
            Milliseconds; by default, and if negative, as long as it takes.

        Returns
        -------
        PollerEvent or None
            What was registered first of all that have events; None after the time-out, and at once if nothing is
            registered.

        Raises
        ------
        ZMQError
            ``ENOTSOCK`` if a registered socket was closed, ``ETERM`` if its context was terminated, ``EINVAL`` if the poller
            was closed.
        RuntimeError
            If another thread uses the poller.
        """
        found = self._wait((zmq_poller_event_t * 1)(), 1, timeout)
        return found[0] if found else None

    def wait_all(self, timeout: int | None = None) -> list[PollerEvent]:
        """Wait until something has events, and return everything that has.

        Parameters
        ----------
        timeout : int, optional
            Milliseconds; by default, and if negative, as long as it takes.

        Returns
        -------
        list of PollerEvent
            In the order of registration; empty after the time-out, and at once if nothing is registered.

        Raises
        ------
        ZMQError, RuntimeError
            As `wait`.
        """
        count = len(self._entries)
        events = self._events
        if events is None:
            events = self._events = (zmq_poller_event_t * count)()
        return self._wait(events, count, timeout)

    def _wait(self, events: Any, count: int, timeout: float | None) -> list[PollerEvent]:
        remaining = limit = milliseconds(timeout)
        end = monotonic() + limit / 1000 if limit > 0 else 0.0
        failed = False
        if self.closed:
            raise ZMQError(Errno.EINVAL, "the poller was closed")
        while self._entries:
            # Looked at each time: a signal handler may have closed one.
            if self._seen != closings[0]:
                self._check_sockets()
            found = self._core.call("zmq_poller_wait_all", events, count, min(remaining, LONGEST))
            if found > 0:
                return [
                    PollerEvent(entry.source, event.events, entry.data)
                    for event, entry in ((event, self._by_token.get(event.user_data)) for event in events[:found])
                    if entry is not None
                ]
            errno = self._core.functions.zmq_errno() if found < 0 else 0
            if errno and errno != EINTR and errno not in _TIMED_OUT:
                # A signal handler that has run may have left an errno of its own: what is wrong is wrong again.
                if failed:
                    raise from_errno(errno)
                failed = True
                continue
            failed = False
            # For the same reason the clock and not errno tells whether the time is over.
            if limit > 0:
                remaining = round((end - monotonic()) * 1000)
            if limit == 0 or limit > 0 and remaining <= 0:
                break
        return []

    def _check_sockets(self) -> None:
        seen = closings[0]
        for entry in self._entries.values():
            if entry.fd is None and entry.handle.address is None:
                raise ZMQError(Errno.ENOTSOCK, f"cannot poll a closed socket: {entry.source!r}")
        self._seen = seen

    # -- the rest -----------------------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """How much libzmq says is registered, which leaves out sockets that were closed (draft of libzmq 4.3.3)."""
        size = self._core.call("zmq_poller_size")
        if size < 0:
            raise self._core.error()
        return size

    def fileno(self) -> int:
        """The file descriptor that becomes readable when a thread-safe socket may have events (draft of libzmq 4.3.2).

        It is edge-triggered and tells nothing about ordinary sockets and files: `wait` with a time-out of 0 afterwards
        tells what there is, and makes it unreadable again.

        Raises
        ------
        ZMQError
            ``EINVAL`` if no thread-safe socket is registered.
        """
        fd = zmq_fd_t()
        if self._core.call("zmq_poller_fd", byref(fd)) < 0:
            raise self._core.error("no thread-safe socket is registered")
        return fd.value

    @property
    def fd(self) -> int:
        """The file descriptor of `fileno`."""
        return self.fileno()

    @property
    def underlying(self) -> int:
        """The address of libzmq's poller; 0 once it was closed."""
        return self._core.address or 0

    @property
    def closed(self) -> bool:
        """Whether the poller was closed."""
        return self._core.address is None

    def close(self) -> None:
        """Forget everything and give the poller back; nothing happens if it was closed before.

        Raises
        ------
        RuntimeError
            If another thread uses the poller.
        """
        self._core.close()
        for entry in self._entries.values():
            if entry.handle is not None:
                self._leave(entry.handle)
        self._entries = {}
        self._by_token = {}

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *args: Any) -> None:
        self.close()

    def __del__(self) -> None:
        try:
            self.close()
        except (AttributeError, TypeError):
            pass  # half made, or the interpreter is taking its modules apart

    def __reduce__(self) -> Any:
        raise TypeError(f"cannot pickle a {type(self).__name__}: it lives in this process only")


def key_of(source: Any) -> Any:
    return source if isinstance(source, PollTarget) else file_descriptor(source)
