"""Polling that lets other greenlets run.

Everything is looked at once without waiting, by one native call; only if nothing is there, gevent's hub watches the file
descriptors until one of them has something to tell, and everything is looked at again.
"""

from __future__ import annotations

from time import monotonic

from gevent.hub import Waiter, get_hub  # type: ignore[import-not-found,import-untyped,unused-ignore]

from ..constants import PollEvent, SocketOption
from ..poll import Poller as _original_Poller
from ..poll import PollTarget, file_descriptor, milliseconds, select_with
from .waiting import LEAST, Wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable

__all__ = ["_Poller", "select", "zmq_poll"]

_POLLIN = int(PollEvent.POLLIN)
_POLLOUT = int(PollEvent.POLLOUT)
# gevent's own numbers.
_READ, _WRITE = 1, 2
#: Seconds between two looks at a file descriptor of which only errors are wanted, for which gevent has no watcher.
_LOOK_EVERY = 0.05


class _Poller(_original_Poller):
    """A `Poller` whose ``poll`` lets other greenlets run while it waits.

    It takes green sockets, ordinary ones that nobody else waits for, file descriptors, and objects that have one.
    """

    def poll(self, timeout: float | None = -1) -> list[tuple[Any, int]]:
        """Wait until something has events, as `Poller.poll`.

        Parameters
        ----------
        timeout : float, optional
            Milliseconds; None and negative: as long as it takes.

        Returns
        -------
        list of (socket or int, int)
            As `zmq_poll`.
        """
        limit = milliseconds(timeout)
        end = monotonic() + limit / 1000 if limit > 0 else None
        while True:
            found = self._look()
            if found or limit == 0 or not self.sockets:
                return found
            left = None if end is None else end - monotonic()
            if left is not None and left <= 0:
                return found
            self._wait(left)

    def _look(self) -> list[tuple[Any, int]]:
        """What there is now."""
        found = super().poll(0)
        for thing, _ in self.sockets:
            # Looking has processed the commands of each socket.
            waiters = getattr(thing, "_waiters", None)
            if waiters is not None and waiters.waiting:
                waiters.notice()
        return found

    def _wait(self, seconds: float | None) -> None:
        """Wait until something may be there."""
        hub = get_hub()
        waiter = Waiter(hub)
        entered: list[tuple[Any, Wait]] = []
        watchers: list[Any] = []
        try:
            for thing, events in self.sockets:
                if isinstance(thing, PollTarget):
                    waiters = getattr(thing, "_waiters", None)
                    if waiters is not None:
                        entry = Wait(waiter, events)
                        entered.append((waiters, entry))
                        waiters.add(entry, thing, hub)
                        continue
                    fd, wanted = thing.get(SocketOption.FD), _READ  # type: ignore[attr-defined]
                else:
                    fd = file_descriptor(thing)
                    wanted = (_READ if events & _POLLIN else 0) | (_WRITE if events & _POLLOUT else 0)
                if wanted:
                    watchers.append(hub.loop.io(fd, wanted))
                else:
                    seconds = _LOOK_EVERY if seconds is None else min(seconds, _LOOK_EVERY)
            for watcher in watchers:
                watcher.start(waiter.switch, True)
            for thing, events in self.sockets:
                # A descriptor that was lent a moment ago does not tell of what came before.
                if getattr(thing, "_thread_safe", False) and thing.get(SocketOption.EVENTS) & events:
                    return
            if seconds is not None:
                watchers.append(hub.loop.timer(max(seconds, LEAST)))
                watchers[-1].start(waiter.switch, False)
            waiter.get()
        finally:
            for waiters, entry in entered:
                waiters.remove(entry)
            for watcher in watchers:
                watcher.stop()
                watcher.close()


def zmq_poll(sockets: Iterable[tuple[Any, int]], timeout: int = -1) -> list[tuple[Any, int]]:
    """Wait for events of sockets and file descriptors, as `zmq_poll`; other greenlets run meanwhile.

    Parameters
    ----------
    sockets : iterable of (socket, flags)
        What to wait for, and for which events.
    timeout : int, optional
        Milliseconds; negative: as long as it takes.
    """
    poller = _Poller()
    # The same thing may come twice, with other events.
    poller.sockets = list(sockets)
    return poller.poll(timeout)


def select(
    rlist: list[Any], wlist: list[Any], xlist: list[Any], timeout: float | None = None
) -> tuple[list[Any], list[Any], list[Any]]:
    """``select.select`` for sockets and file descriptors, as `select`; other greenlets run meanwhile.

    Parameters
    ----------
    rlist, wlist, xlist : list
        What to wait for to become readable, writable, or to fail.
    timeout : float, optional
        Seconds; by default as long as it takes.
    """
    return select_with(zmq_poll, rlist, wlist, xlist, timeout)
