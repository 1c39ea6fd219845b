"""The older names of tornado's loop, from the time when a loop of pyzmq's own was needed.

Any loop of tornado's does today, so they are tornado's own classes or small helpers on them; importing this module warns.
"""

from __future__ import annotations

from warnings import warn

from tornado.ioloop import *  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: F403
from tornado.ioloop import IOLoop  # type: ignore[import-not-found,import-untyped,unused-ignore]
from tornado.log import gen_log  # type: ignore[import-not-found,import-untyped,unused-ignore]

from .._legacy import warn as _old
from ..constants import PollEvent
from ..poll import Poller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

# No ``__all__``: as in pyzmq, everything that tornado's module has can be had from this one too.


def _deprecated() -> None:
    _old(f"{__name__} is deprecated since pyzmq 17: sockets work with any loop of tornado's")


_deprecated()

#: The older name of tornado's loop.
ZMQIOLoop = IOLoop


def install() -> None:
    """Nothing: no loop of our own has to be installed; warns."""
    _deprecated()


# tornado's events -> libzmq's
_EVENTS = {
    int(IOLoop.READ): int(PollEvent.POLLIN),
    int(IOLoop.WRITE): int(PollEvent.POLLOUT),
    int(IOLoop.ERROR): int(PollEvent.POLLERR),
}


class ZMQPoller:
    """A `Poller` with the time-outs (seconds) and events of tornado's loops before version 5, which took one.

    Kept for programs that use it by itself.
    """

    def __init__(self) -> None:
        self._poller = Poller()

    @staticmethod
    def _translated(events: int) -> int:
        return sum(ours for theirs, ours in _EVENTS.items() if events & theirs)

    def register(self, fd: Any, events: int) -> None:
        """Wait for events of a socket, too.

        Parameters
        ----------
        fd : Socket, int or object with ``fileno``
            What to wait for.
        events : int
            Any of ``IOLoop.READ``, ``IOLoop.WRITE`` and ``IOLoop.ERROR``.
        """
        self._poller.register(fd, self._translated(events))

    def modify(self, fd: Any, events: int) -> None:
        """Change the events of what is registered."""
        self._poller.modify(fd, self._translated(events))

    def unregister(self, fd: Any) -> None:
        """Wait for something no longer.

        Raises
        ------
        KeyError
            If it is not registered.
        """
        self._poller.unregister(fd)

    def poll(self, timeout: float | None) -> list[tuple[Any, int]]:
        """Wait until something has events.

        Parameters
        ----------
        timeout : float or None
            Seconds; None and negative: as long as it takes.

        Returns
        -------
        list of (socket or int, int)
            What has events, and which of tornado's.
        """
        found = self._poller.poll(None if timeout is None else int(timeout * 1000))
        return [(thing, sum(theirs for theirs, ours in _EVENTS.items() if events & ours)) for thing, events in found]

    def close(self) -> None:
        """Nothing: there is nothing to close."""


class DelayedCallback:
    """Calls a function once, some time after `start`; ``IOLoop.call_later`` is what to use today.

    Parameters
    ----------
    callback : callable
        Called without arguments.
    callback_time : float
        Milliseconds from `start` to the call.
    io_loop : tornado.ioloop.IOLoop, optional
        By default the current one.
    """

    def __init__(self, callback: Callable[[], Any], callback_time: float, io_loop: IOLoop | None = None) -> None:
        warn("DelayedCallback is deprecated, use IOLoop.call_later", DeprecationWarning, stacklevel=2)
        if not callable(callback):
            raise TypeError(f"callback: expected a function, got: {callback!r}")
        self.callback = callback
        self.callback_time = max(callback_time, 1e-3)
        self.io_loop = io_loop or IOLoop.current()
        self._timeout: Any = None

    def start(self) -> None:
        """Begin to wait; if it does already, begin anew."""
        self.stop()
        self._timeout = self.io_loop.call_later(self.callback_time / 1000, self._run)

    def stop(self) -> None:
        """Do not call the function any more."""
        timeout, self._timeout = self._timeout, None
        if timeout is not None:
            self.io_loop.remove_timeout(timeout)

    def is_running(self) -> bool:
        """Whether the function is still to be called."""
        return self._timeout is not None

    def _run(self) -> None:
        self._timeout = None
        try:
            self.callback()
        except Exception:
            gen_log.error("Error in delayed callback", exc_info=True)
