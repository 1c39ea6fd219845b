"""Polling: wait for any of several sockets and file descriptors.

A poller keeps the array of C items that it made last, and makes it again only when something was registered, so that
polling costs one native call.  Two things could make that array wrong, and are looked at before each call: a socket
that has been closed since (libzmq would poll freed memory), for which every close counts up `closings`; and an object
whose ``fileno`` may have changed, for which the array is made anew each time.

A socket that is asked about twice, for reading and for writing say, is one item for C.  ``zmq_poll`` asks each item in
turn, and what has happened to a socket is told once: if it happened between two items of the same socket, the second one
would take the news, say that it was not what it had waited for, and the first would wait for ever.

C writes its answers into the array, so that it serves one call at a time: a call takes it out of the poller and puts it
back when it has read them.  Another thread, or a signal handler, that polls meanwhile makes one of its own.
"""

from __future__ import annotations

from ctypes import byref, sizeof
from errno import EINTR
from sys import byteorder
from time import monotonic

from . import _numbers, constants, loader
from .error import ZMQError, from_errno
from .loader.structs import zmq_pollitem_t
from .options import integer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, Sequence

__all__ = ["Poller", "select", "zmq_poll"]

_IN = _numbers.POLLIN
_OUT = _numbers.POLLOUT
_ERR = _numbers.POLLERR

#: How many sockets of this process were closed so far.
closings = [0]

_FOREVER = -1
#: The longest that one native call waits: the greatest C long of Windows, 24 days.
LONGEST = 2**31 - 1


class PollTarget:
    """What is polled as a socket of libzmq and not as a file descriptor."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def underlying(self) -> int: ...

    #: Whether it has no file descriptor of its own, which is what ``zmq_poll`` waits for.
    _thread_safe = False


def milliseconds(timeout: float | None) -> int:
    """A time-out as C wants it: whole milliseconds, -1 for ever.

    Raises
    ------
    TypeError
        If it is not a number.
    ValueError
        If it is NaN.
    """
    if timeout is None:
        return _FOREVER
    if type(timeout) is int:
        return timeout if timeout >= 0 else _FOREVER
    if isinstance(timeout, (str, bytes)):
        raise TypeError(f"timeout must be a number of milliseconds, got: {timeout!r}")
    try:
        number = int(timeout)
    except OverflowError:
        number = _FOREVER if timeout > 0 else 0
    except TypeError:
        raise TypeError(f"timeout must be a number of milliseconds, got: {timeout!r}") from None
    return number if number >= 0 else _FOREVER


def file_descriptor(thing: Any) -> int:
    """The number of a file descriptor, or of an object that has one.

    Raises
    ------
    TypeError
        If it is neither.
    ValueError
        If it is no number of an open file, such as -1.
    """
    if isinstance(thing, int):
        fd = thing
    else:
        try:
            fd = thing.fileno()
        except AttributeError:
            raise TypeError(
                f"Socket must be a 0MQ socket, an integer fd or have a fileno() method, got: {type(thing).__name__}"
            ) from None
    if isinstance(fd, bool) or not isinstance(fd, int) or not 0 <= fd < 2**31:
        raise ValueError(f"fileno() must return a valid integer fd, got: {fd!r}")
    return fd


_STRIDE = sizeof(zmq_pollitem_t)
# All events are bits of the lower byte.
_ANSWER = zmq_pollitem_t.revents.offset + (byteorder == "big")
_ANSWERS = slice(_ANSWER, None, _STRIDE)

# Up to so many items the array as a whole is looked up among those that were seen before, of which so many are kept.
# Hashing a longer one costs more than reading it.
_FEW = 8
_KNOWN = 64


class PollSet:
    """Sockets and file descriptors as the array that C polls; one call at a time.

    Attributes
    ----------
    call, now
        The native call that does not wait, and its arguments.
    seen : int
        How many sockets had been closed when the sockets were last seen open.
    fixed : bool
        Whether the array holds for the next call as well.
    known, read
        Answers that were seen before, by what `read` makes of the array; empty where the array is long.
    """

    __slots__ = (
        "_functions",
        "_shares",
        "_sockets",
        "_waiting",
        "_whole",
        "call",
        "fixed",
        "items",
        "keys",
        "known",
        "now",
        "read",
        "seen",
    )

    def __init__(self, pairs: Sequence[tuple[Any, int]]) -> None:
        library = loader.load()
        self.call = library.nowait.poll
        self._waiting = library.waiting.poll
        self._functions = library.functions
        self.keys: list[Any] = []
        self._sockets: list[PollTarget] = []
        self.seen = -1
        self.fixed = True
        self.items = (zmq_pollitem_t * len(pairs))()
        count = 0
        places: dict[Any, int] = {}
        shares = []
        key: Any
        for thing, events in pairs:
            flags = integer(events, "flags", 0, 2**15 - 1)
            if isinstance(thing, PollTarget):
                self._sockets.append(thing)
                key, mask, address = thing, flags, thing.underlying
                place = places.setdefault(address, count)
                self.items[place].socket = address
            else:
                # Files tell of errors unasked.
                key, mask, place = file_descriptor(thing), flags | _ERR, count
                self.items[place].fd = key
                self.fixed = self.fixed and isinstance(thing, int)
            self.items[place].events |= flags
            if place == count:
                count += 1
                self.keys.append(key)
            shares.append((key, mask, place))
        # Who has asked for what, where that is not one for each item.
        self._shares = shares if count < len(pairs) else None
        # As a tuple the arguments reach the call without being packed again.
        # The first item and not the array: to PyPy a pointer to an array is no pointer to its items.
        self.now = (byref(self.items[0]) if count else self.items, count, 0)
        self._whole = memoryview(self.items).cast("B")[: count * _STRIDE].tobytes if count else bytes
        self.known: dict[bytes, list[tuple[Any, int]]] = {}
        self.read = self._whole if count <= _FEW else bytes

    def poll(self, timeout: int) -> list[tuple[Any, int]]:
        """Wait for ``timeout`` milliseconds, or for ever if it is negative."""
        if self.seen != closings[0]:
            self._check_open()
        ready = self.call(*self.now)
        if ready > 0:
            return self.answers()
        return self.wait(timeout) if timeout or ready else []

    def answers(self) -> list[tuple[Any, int]]:
        """What has events, and which, after a native call that has found some."""
        raw = self._whole()
        rest = raw[_ANSWERS].lstrip(b"\0")
        found = []
        while rest:
            found.append((self.keys[-len(rest)], rest[0]))
            # Most have none, and are passed over in one go.
            rest = rest[1:].lstrip(b"\0")
        if self._shares is not None:
            bits = raw[_ANSWERS]
            found = [(key, bits[place] & mask) for key, mask, place in self._shares if bits[place] & mask]
        if len(self.keys) <= _FEW and len(self.known) < _KNOWN:
            self.known[raw] = found.copy()
        return found

    def wait(self, timeout: int) -> list[tuple[Any, int]]:
        """Wait, after a native call that has found nothing or has failed."""
        return self.answers() if self._wait(len(self.keys), timeout) > 0 else []

    def _check_open(self) -> None:
        self.seen = closings[0]
        for socket in self._sockets:
            if not socket.underlying:
                raise ZMQError(constants.ENOTSOCK, f"cannot poll a closed socket: {socket!r}")

    def _wait(self, count: int, timeout: int) -> int:
        end = monotonic() + timeout / 1000 if timeout > 0 else 0.0
        remaining = timeout if timeout >= 0 else _FOREVER
        while True:
            now = min(remaining, LONGEST)
            ready = self._waiting(self.items, count, now)
            if ready > 0 or (ready == 0 and now == remaining):
                return ready
            if ready < 0:
                self._check_open()
                # A signal handler may have run since and used libzmq itself: what is wrong is wrong again.
                if self._functions.zmq_errno() != EINTR and self._waiting(self.items, count, 0) < 0:
                    errno = self._functions.zmq_errno()
                    if errno != EINTR:
                        raise from_errno(errno)
            if timeout > 0:
                # A signal handler has run, or the time was longer than one call can wait.
                remaining = max(0, round((end - monotonic()) * 1000))


def poll_set(pairs: Sequence[tuple[Any, int]]) -> PollSet:
    """The poll set for sockets of any types: thread-safe ones take a ``zmq_poller``."""
    for thing, _ in pairs:
        if isinstance(thing, PollTarget) and thing._thread_safe:
            from .thread_safe import NativePollSet

            return NativePollSet(pairs)  # type: ignore[return-value]
    return PollSet(pairs)


class _Address(PollTarget):
    """A socket's address without the socket, which must not be kept alive by what it caches."""

    __slots__ = ("_underlying",)

    def __init__(self, underlying: int) -> None:
        self._underlying = underlying

    @property
    def underlying(self) -> int:
        return self._underlying


def single(address: int, events: int) -> PollSet:
    """The poll set of one open socket, for `Socket.poll` to keep."""
    return PollSet(((_Address(address), events),))


def zmq_poll(sockets: Iterable[tuple[Any, int]], timeout: int = -1) -> list[tuple[Any, int]]:
    """Wait for events of sockets and file descriptors.

    Parameters
    ----------
    sockets : iterable of (socket, flags)
        What to wait for: a `Socket`, the number of a file descriptor, or an object with a ``fileno`` method; with the
        events (``zmq.POLLIN | zmq.POLLOUT | zmq.POLLERR | zmq.POLLPRI``).
    timeout : int, optional
        Milliseconds; negative: as long as it takes.

    Returns
    -------
    list of (socket or int, int)
        What has events, and which.  File descriptors and objects that have one come back as the number.  Nothing to
        wait for gives an empty list at once.

    Raises
    ------
    ZMQError
        ``ENOTSOCK`` if a socket was closed, ``ETERM`` if its context was terminated.
    ZMQVersionError
        If a socket is of a thread-safe type and the loaded libzmq is no draft build, which polling those takes.
    TypeError, ValueError
        If something cannot be polled.
    """
    limit = milliseconds(timeout)
    pairs = list(sockets)
    if not pairs:
        return []
    return poll_set(pairs).poll(limit)


class Poller:
    """Waits for events of the sockets and file descriptors that were registered with it.

    Attributes
    ----------
    sockets : list of (object, int)
        What is registered, with its events, in the order of registration.

    Examples
    --------
    >>> poller = Poller()
    >>> poller.register(sock, zmq.POLLIN)
    >>> dict(poller.poll(1000))
    {}
    """

    sockets: list[tuple[Any, int]]
    _map: dict[Any, int]

    def __init__(self) -> None:
        self.sockets = []
        self._map = {}
        # The arrays that no call uses at the moment.  Another list takes its place when something is registered, so that
        # an array which is in use then is put back where nobody looks.
        self._spare: list[PollSet] = []

    def __contains__(self, socket: Any) -> bool:
        return socket in self._map

    def register(self, socket: Any, flags: int = _IN | _OUT) -> None:
        """Wait for events of a socket, too.

        Parameters
        ----------
        socket : Socket, int or object with ``fileno``
            What to wait for.
        flags : int, optional
            The events.  0 unregisters what is registered, and is nothing for what is not.
        """
        if not flags:
            if socket in self._map:
                self.unregister(socket)
            return
        index = self._map.get(socket)
        if index is None:
            self._map[socket] = len(self.sockets)
            self.sockets.append((socket, flags))
        else:
            self.sockets[index] = (socket, flags)
        self._spare = []

    def modify(self, socket: Any, flags: int = _IN | _OUT) -> None:
        """Change the events of a socket; the same as `register`."""
        self.register(socket, flags)

    def unregister(self, socket: Any) -> None:
        """Wait for a socket no longer.

        Raises
        ------
        KeyError
            If it is not registered.
        """
        index = self._map.pop(socket)
        del self.sockets[index]
        for later, _ in self.sockets[index:]:
            self._map[later] -= 1
        self._spare = []

    def poll(self, timeout: int | None = None) -> list[tuple[Any, int]]:
        """Wait until something has events.

        Parameters
        ----------
        timeout : float, optional
            Milliseconds, of which the fraction is dropped; by default, and if negative, as long as it takes.

        Returns
        -------
        list of (socket or int, int)
            As `zmq_poll`.
        """
        limit = timeout if type(timeout) is int else milliseconds(timeout)
        spare = self._spare
        try:
            items = spare.pop()
        except IndexError:
            if not self.sockets:
                return []
            items = poll_set(self.sockets)
        # As PollSet.poll, without a frame of Python for it.
        if items.seen == closings[0]:
            ready = items.call(*items.now)
            if ready > 0:
                known = items.known.get(items.read())
                found = items.answers() if known is None else known.copy()
            else:
                found = items.wait(limit) if limit or ready else []
        else:
            found = items.poll(limit)
        if items.fixed:
            spare.append(items)
        return found


def select(
    rlist: list[Any], wlist: list[Any], xlist: list[Any], timeout: float | None = None
) -> tuple[list[Any], list[Any], list[Any]]:
    """``select.select`` for sockets and file descriptors.

    Parameters
    ----------
    rlist, wlist, xlist : list
        What to wait for to become readable, writable, or to fail.
    timeout : float, optional
        Seconds (unlike everything else here); by default as long as it takes.

    Returns
    -------
    tuple of three lists
        What is ready, in the order in which it was given; file descriptors as numbers.
    """
    return select_with(zmq_poll, rlist, wlist, xlist, timeout)


def select_with(
    poll: Callable[[Iterable[tuple[Any, int]], int], list[tuple[Any, int]]],
    rlist: list[Any],
    wlist: list[Any],
    xlist: list[Any],
    timeout: float | None,
) -> tuple[list[Any], list[Any], list[Any]]:
    """`select`, made of whichever `zmq_poll` the event loop has."""
    if timeout is not None:
        if isinstance(timeout, (str, bytes)):
            raise TypeError(f"timeout must be a number of seconds, got: {timeout!r}")
        timeout = timeout * 1000 if timeout >= 0 else _FOREVER
    wanted: dict[Any, int] = {}
    for things, event in ((rlist, _IN), (wlist, _OUT), (xlist, _ERR)):
        for thing in things:
            wanted[thing] = wanted.get(thing, 0) | event
    found = poll(wanted.items(), milliseconds(timeout))
    return tuple([key for key, events in found if events & event] for event in (_IN, _OUT, _ERR))  # type: ignore[return-value]
