"""Timers: libzmq's own, for programs that wait in a poll loop and do something every so often.

What C demands, and what this module does about it:

1. A handler that changes its own timer, or makes another, breaks the list that ``zmq_timers_execute`` walks through.  So
   the handler that C calls only notes which timers are due, and the callbacks run after C has returned: they may do with
   the timers whatever they like.
2. An exception cannot cross C.  It does not have to: callbacks run outside of it.
3. Even noting must run no Python code, because an exception of a signal handler would end in there and be lost.  The
   handler is ``dict.__setitem__`` of the dict of due timers, which is C code through and through.
4. Timers may not be used by two threads at once.  No call of libzmq waits here, so a lock around each costs nothing.  A
   signal handler may come in between and take the lock again: C has returned by then.
"""

from __future__ import annotations

from ctypes import byref, c_void_p
from threading import RLock

from . import loader
from .constants import Errno
from .error import ZMQError, last_error
from .loader.structs import zmq_timer_fn
from .options import integer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, TypeVar

    Self = TypeVar("Self", bound="Timers")

__all__ = ["Timers"]

# What fits in a C long everywhere: 24 days.
_LONGEST = 2**31 - 1


class Timers:
    """Callbacks that are due again and again, each after its own interval (libzmq 4.2 draft builds, 4.3 and later).

    Nothing runs by itself: `execute` calls what is due, and `timeout` tells how long a poll may wait until then.

    Raises
    ------
    ZMQVersionError
        If the loaded libzmq has no timers.

    Notes
    -----
    Any thread may use them; callbacks run in the thread that calls `execute`.

    .. versionadded:: 27.3

    Examples
    --------
    >>> with Timers() as timers:
    ...     timers.add(1000, lambda: heartbeat.send(b""))
    ...     while True:
    ...         ready = poller.poll(timers.timeout())
    ...         timers.execute()
    """

    def __init__(self) -> None:
        self._address: int | None = None
        self._functions = loader.load().functions
        self._lock = RLock()
        self._callbacks: dict[int, Callable[[], Any]] = {}
        # Timers that C has found due and whose callbacks have not run yet, in the order in which they were due.
        self._due: dict[int, None] = {}
        # Lives as long as this object, and so longer than the last call that could use it.
        self._note = zmq_timer_fn(self._due.__setitem__)
        self._address = self._functions.zmq_timers_new()
        if self._address is None:
            raise last_error()

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{len(self)} timer{'' if len(self) == 1 else 's'}"
        return f"<{type(self).__name__}({state}) at {hex(id(self))}>"

    def __len__(self) -> int:
        """How many timers there are."""
        return len(self._callbacks)

    def __contains__(self, timer: object) -> bool:
        """Whether there is a timer of this number."""
        return timer in self._callbacks

    # -- timers -------------------------------------------------------------------------------------------------------

    def add(self, interval: int, callback: Callable[[], Any]) -> int:
        """Add a timer.

        Parameters
        ----------
        interval : int
            Milliseconds until it is due, and from each call until it is due again; from 1 to 2**31 - 1, which is 24 days.
        callback : callable
            Called without arguments; kept until the timer is cancelled or all are closed.

        Returns
        -------
        int
            The timer's number, for `cancel`, `reset` and `set_interval`.

        Raises
        ------
        TypeError
            If ``callback`` cannot be called or ``interval`` is not an integer.
        ValueError
            If ``interval`` is out of range.
        ZMQError
            ``EINVAL`` if the timers were closed.
        """
        if not callable(callback):
            raise TypeError(f"callback: expected a callable, got: {callback!r}")
        number = _interval(interval)
        with self._lock:
            timer = self._functions.zmq_timers_add(self._open(), number, self._note, None)
            if timer < 0:
                raise last_error()
            self._callbacks[timer] = callback
        return timer

    def cancel(self, timer: int) -> None:
        """Remove a timer; its callback is not called any more, even if it was due.

        Raises
        ------
        ZMQError
            ``EINVAL`` if there is no such timer.
        """
        with self._lock:
            self._check(self._functions.zmq_timers_cancel(self._open(), self._known(timer)), timer)
            self._due.pop(timer, None)
            # A callback that is the last to hold something may run anything when it goes: not while we hold the lock.
            callback = self._callbacks.pop(timer)
        del callback

    def set_interval(self, timer: int, interval: int) -> None:
        """Change a timer's interval; it counts from now.

        Parameters
        ----------
        timer : int
            What `add` returned.
        interval : int
            Milliseconds, as for `add`.

        Raises
        ------
        ZMQError
            ``EINVAL`` if there is no such timer.
        """
        number = _interval(interval)
        with self._lock:
            self._check(self._functions.zmq_timers_set_interval(self._open(), self._known(timer), number), timer)
            self._due.pop(timer, None)

    def reset(self, timer: int) -> None:
        """Start a timer's interval again from now.

        Raises
        ------
        ZMQError
            ``EINVAL`` if there is no such timer.
        """
        with self._lock:
            self._check(self._functions.zmq_timers_reset(self._open(), self._known(timer)), timer)
            self._due.pop(timer, None)

    # -- running ------------------------------------------------------------------------------------------------------

    def timeout(self) -> int:
        """How long until the next timer is due.

        Returns
        -------
        int
            Milliseconds, 0 if one is due already; -1 if there is none, which is for ever to everything that polls.

        Raises
        ------
        ZMQError
            ``EINVAL`` if the timers were closed.
        """
        with self._lock:
            address = self._open()
            return 0 if self._due else self._functions.zmq_timers_timeout(address)

    def execute(self) -> None:
        """Call the callbacks of all timers that are due, in the order in which they were.

        Raises
        ------
        Exception
            What a callback raised.  Those that were due after it are not lost: the next `execute` calls them first, and
            until then `timeout` is 0.
        ZMQError
            ``EINVAL`` if the timers were closed.
        """
        with self._lock:
            if self._functions.zmq_timers_execute(self._open()) < 0:
                raise last_error()
        while True:
            with self._lock:
                timer = next(iter(self._due), None)
                if timer is None:
                    return
                del self._due[timer]
                callback = self._callbacks.get(timer)
            if callback is not None:
                callback()

    # -- the end ------------------------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether the timers were closed."""
        return self._address is None

    def close(self) -> None:
        """Remove all timers; nothing happens if they were closed before."""
        with self._lock:
            address, self._address = self._address, None
            if address is not None:
                self._functions.zmq_timers_destroy(byref(c_void_p(address)))
            callbacks = list(self._callbacks.values())
            self._callbacks.clear()
            self._due.clear()
        del callbacks

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *args: Any) -> None:
        self.close()

    def __del__(self) -> None:
        # Nobody can be in a call any more, and only memory is to be given back.
        address = getattr(self, "_address", None)
        if address is not None:
            self._address = None
            self._functions.zmq_timers_destroy(byref(c_void_p(address)))

    def _open(self) -> int:
        if self._address is None:
            raise ZMQError(Errno.EINVAL, "the timers were closed")
        return self._address

    def _known(self, timer: int) -> int:
        number = integer(timer, "timer")
        if number not in self._callbacks:
            raise ZMQError(Errno.EINVAL, f"there is no timer {number}")
        return number

    def _check(self, result: int, timer: int) -> None:
        if result < 0:
            raise last_error(f"timer {timer}")


def _interval(interval: object) -> int:
    number = integer(interval, "interval", -(2**63), 2**63 - 1)
    # An interval of 0 keeps zmq_timers_execute busy for ever.
    if not 1 <= number <= _LONGEST:
        raise ValueError(f"interval: {number} is not between 1 and {_LONGEST} milliseconds")
    return number
