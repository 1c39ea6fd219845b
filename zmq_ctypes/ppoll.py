"""Waiting for sockets and signals at once: libzmq's ``zmq_ppoll``.

A program that blocks a signal, so that it arrives only while it waits, would miss the one that comes between letting it
through and beginning to wait.  The system's ``ppoll`` does both in one step, and so does this.
"""

from __future__ import annotations

from ctypes import CDLL, c_char, c_int, c_void_p
from errno import EINTR

from . import loader
from .constants import Errno
from .error import InterruptedSystemCall, ZMQError, ZMQVersionError, from_errno
from .options import integer
from .poll import LONGEST, PollSet, PollTarget, milliseconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable

__all__ = ["zmq_ppoll"]

# glibc and musl have 128 bytes, all others less.
_SIGNAL_SET_SIZE = 128


def zmq_ppoll(
    sockets: Iterable[tuple[Any, int]], timeout: int = -1, sigmask: Iterable[int] | None = None
) -> list[tuple[Any, int]]:
    """Wait for events of sockets and file descriptors, and for signals (draft builds of libzmq 4.3.5 and later).

    Parameters
    ----------
    sockets : iterable of (socket, flags)
        As `zmq_poll`, without thread-safe sockets.
    timeout : int, optional
        Milliseconds; negative: as long as it takes.
    sigmask : iterable of int, optional
        The signals that are blocked while this waits, in place of those that this thread blocks, as
        ``signal.pthread_sigmask(signal.SIG_SETMASK, ...)`` takes them.  Not given: nothing changes.

    Returns
    -------
    list of (socket or int, int)
        As `zmq_poll`.

    Raises
    ------
    InterruptedSystemCall
        If a signal came whose handler in Python did not raise anything itself; it has run by then.
    ZMQError
        As `zmq_poll`; ``ENOTSUP`` if a socket is thread-safe, or libzmq was built without ``ppoll``.
    ValueError
        If ``sigmask`` holds what is no signal.
    ZMQVersionError
        If the loaded libzmq does not have it, as none has on Windows.

    Notes
    -----
    .. versionadded:: 27.3
    """
    limit = milliseconds(timeout)
    blocked = None if sigmask is None else _signal_set(sigmask)
    functions = loader.load().functions
    if not functions.has("zmq_ppoll"):
        error = ZMQVersionError("4.3.5", "zmq_ppoll")
        error.hint = "a draft build"
        raise error
    pairs = list(sockets)
    for thing, _ in pairs:
        if isinstance(thing, PollTarget):
            if thing._thread_safe:
                raise ZMQError(Errno.ENOTSUP, f"zmq_ppoll cannot wait for thread-safe sockets: {thing!r}")
            if not thing.underlying:
                raise ZMQError(Errno.ENOTSOCK, f"cannot poll a closed socket: {thing!r}")
    if not pairs:
        return []
    items = PollSet(pairs)
    result = functions.zmq_ppoll(items.items, len(items.keys), min(limit, LONGEST), blocked)
    if result < 0:
        errno = functions.zmq_errno()
        if errno == EINTR:
            raise InterruptedSystemCall
        raise from_errno(errno)
    return items.answers() if result else []


def _signal_set(signals: Iterable[int]) -> Any:
    """A ``sigset_t`` with these signals."""
    libc = CDLL(None)
    libc.sigemptyset.argtypes = [c_void_p]
    libc.sigaddset.argtypes = [c_void_p, c_int]
    made = (c_char * _SIGNAL_SET_SIZE)()
    libc.sigemptyset(made)
    for signal in signals:
        if libc.sigaddset(made, integer(signal, "sigmask")) < 0:
            raise ValueError(f"sigmask: {signal!r} is not a signal")
    return made
