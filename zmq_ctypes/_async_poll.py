"""Pollers that are awaited, and what they have in common with sockets that are: futures and a loop.

A poller's ``poll`` takes nothing from anybody: it is told by each socket's `Traffic`, and by readers of its own for files, that it
should look, and looks.  Files are watched under a number of their own, since a loop has one reader for each number, and that may be the
program's.
"""

from __future__ import annotations

import socket as _os_sockets
from asyncio import Future
from asyncio import _get_running_loop as running_loop

from ._operations import operation_class
from ._readers import readers_of
from ._traffic import Traffic, Turns, traffic_of
from .constants import PollEvent
from .poll import Poller, PollTarget, file_descriptor, milliseconds
from .socket import Socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from typing import Any, Awaitable, Callable

__all__ = ["_Async", "_AsyncPoller"]

_IN = int(PollEvent.POLLIN)
_OUT = int(PollEvent.POLLOUT)


class _Async:
    """What sockets and pollers have in common: futures, and the loop that they belong to."""

    _Future: type[Future[Any]] = Future
    _Operation: Any = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._Operation = operation_class(cls._Future)

    def _default_loop(self) -> AbstractEventLoop:
        raise NotImplementedError("an adapter says which loop to wait in")

    def _get_loop(self) -> AbstractEventLoop:
        """The running loop, or what the adapter says instead."""
        return running_loop() or self._default_loop()

    def _outcome(self, loop: AbstractEventLoop, perform: Callable[[], Any]) -> Future[Any]:
        """A future that is done, with what a function returned or raised."""
        future = self._Future(loop=loop)
        try:
            result = perform()
        except Exception as error:
            future.set_exception(error)
        else:
            future.set_result(result)
        return future


def _duplicate(fd: int) -> int:
    """Another number for the same file: a loop has one reader for each number, which may be somebody else's."""
    return _os_sockets.dup(fd)


class _AsyncPoller(_Async, Poller):
    """A poller whose ``poll`` is awaited."""

    _socket_class: Any = None

    def __init__(self) -> None:
        super().__init__()
        self._turns = Turns()

    def poll(self, timeout: Any = -1) -> Awaitable[list[tuple[Any, int]]]:  # type: ignore[override]
        """Wait until something has events.

        Parameters
        ----------
        timeout : float, optional
            Milliseconds, of which the fraction is dropped; by default, None, and if negative, as long as it takes.

        Returns
        -------
        future of list of (socket or int, int)
            As `Poller.poll`; empty after the time-out.  Nothing to wait for waits all that time as well.
        """
        limit = milliseconds(timeout)
        loop = self._get_loop()
        waiting = _Polling(self, loop)
        try:
            found = waiting.look()
        except Exception as error:
            waiting.future.set_exception(error)
            return waiting.future
        turns = self._turns
        if (found or limit == 0) and (turns.credit or running_loop() is None or not turns.exhausted()):
            turns.credit -= turns.credit > 0
            waiting.future.set_result(found)
        elif found or limit == 0:
            turns.refresh()
            loop.call_soon(waiting.finish, found)
        else:
            waiting.start(limit)
        return waiting.future


class _Polling:
    """One ``poll`` of a poller, while it waits."""

    def __init__(self, poller: _AsyncPoller, loop: AbstractEventLoop) -> None:
        self.poller = poller
        self.loop = loop
        self.future = poller._Future(loop=loop)
        self.traffics: list[Traffic] = []
        self.files: list[tuple[int, int]] = []
        self.timer: Any = None

    def look(self) -> list[tuple[Any, int]]:
        """What there is without waiting."""
        found = Poller.poll(self.poller, 0)
        for thing, _ in self.poller.sockets:
            # Looking has taken the news away from whoever else waits for these sockets.
            if isinstance(thing, Socket) and thing._handle is not None and thing._handle.traffic is not None:
                if thing._handle.traffic.waiting:
                    thing._handle.traffic.recheck()
        return found

    def start(self, limit: int) -> None:
        self.future.add_done_callback(self.stop)
        try:
            for thing, events in self.poller.sockets:
                if isinstance(thing, PollTarget):
                    self._watch_socket(thing, events)
                else:
                    self._watch_file(file_descriptor(thing), events)
        except Exception as error:
            self.future.set_exception(error)
        if limit > 0:
            self.timer = self.loop.call_later(limit / 1000, self.finish, [])

    def _watch_socket(self, socket: Any, events: int) -> None:
        traffic = traffic_of(socket)
        self.traffics.append(traffic)
        traffic.watch(self.loop)
        traffic.polls[self.future] = (events, self._wake)
        traffic.waiting = True
        traffic.recheck()

    def _watch_file(self, number: int, events: int) -> None:
        readers = readers_of(self.loop)
        fd = _duplicate(number)
        self.files.append((fd, events))
        if events & _IN:
            readers.add_reader(fd, self._wake)
        if events & _OUT:
            readers.add_writer(fd, self._wake)

    def _wake(self, events: int = 0) -> None:
        if self.future.done():
            return
        try:
            found = self.look()
        except Exception as error:
            self.future.set_exception(error)
            return
        if found:
            self.finish(found)

    def finish(self, found: list[tuple[Any, int]]) -> None:
        """The end, if it has not come yet."""
        if not self.future.done():
            self.future.set_result(found)

    def stop(self, future: Any) -> None:
        if self.timer is not None:
            self.timer.cancel()
        for traffic in self.traffics:
            traffic.polls.pop(self.future, None)
            if not traffic.awaited and not (traffic.receivers or traffic.senders or traffic.polls):
                # A plain socket, whose file descriptor somebody may want to watch in another way.
                traffic.stop()
        readers = readers_of(self.loop)
        for fd, events in self.files:
            if events & _IN:
                readers.remove_reader(fd)
            if events & _OUT:
                readers.remove_writer(fd)
            _os_sockets.close(fd)
        self.traffics, self.files = [], []
