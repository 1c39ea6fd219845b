"""The traffic of one libzmq socket: what an event loop has to know of it, and who waits for it.

libzmq gives one file descriptor for each socket, and what it tells is little: *something* has changed since commands were
last processed.  Every call on the socket processes commands, and so takes the news away from whoever waits for it.  This is
what makes event loops miss wake-ups, and what this module is built around:

1. All objects that stand for a socket share one `Traffic`, with one reader in the loop.  The reader stays in the loop from
   the first wait to the close.  An idle socket costs nothing: its descriptor is readable only after something has happened,
   and looking at EVENTS makes it unreadable again.
2. A receive that fails has processed all commands before it failed, so nothing can be missed between it and the wait.  A
   send has not (libzmq saves itself the trouble for a millisecond); after it EVENTS is looked at.
3. Whatever else is done on the socket while somebody waits is followed by a look at EVENTS: `Traffic.recheck`.
4. EVENTS may say that something can be done which then cannot: a ROUTER with ROUTER_MANDATORY and an XPUB with XPUB_NODROP
   can always send, says libzmq.  Then, and only then, an operation is tried again by a timer, up to fifty times a second.
5. A socket may move to another loop, while the one that it leaves is stopped, closed, or runs on in another thread.  What
   was asked of that loop comes much later then, or never: it counts as not asked, and does nothing if it comes.

**Nobody starves.**  What can be done at once is done at once, without the loop; but after a millisecond of that the next
operation takes its turn in the loop like everything else.
"""

from __future__ import annotations

from asyncio import _get_running_loop as running_loop
from collections import deque
from ctypes import byref, c_int
from functools import partial
from time import monotonic

from ._operations import Operation
from ._readers import readers_of
from .constants import Flag, PollEvent, SocketOption
from .dropping import drop_rest
from .error import ZMQError, from_errno
from .options import INT_ARGUMENTS, INT_LENGTH
from .socket import Socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from typing import Any, Callable

__all__ = ["Traffic", "Turns", "traffic_of"]

_IN = int(PollEvent.POLLIN)
_OUT = int(PollEvent.POLLOUT)
_DONTWAIT = int(Flag.DONTWAIT)
_EVENTS = INT_ARGUMENTS[SocketOption.EVENTS]

#: Operations that are done at once before the clock is looked at, and the seconds after which the loop gets its turn.
CREDIT = 16
SLICE = 0.001
# How often one call of the handler looks again before it lets the loop do something else.
_PASSES = 16
# Seconds until something that failed against expectation is tried again: the first time, and at most.
_SOON, _LATER = 0.001, 0.02


def traffic_of(socket: Socket[Any]) -> Traffic:
    """The traffic of an open socket, shared by all objects that stand for it."""
    socket._check_open()
    handle = socket._handle
    assert handle is not None
    traffic: Traffic | None = handle.traffic
    if traffic is None:
        traffic = handle.traffic = Traffic(socket)
    return traffic


class Turns:
    """How long things may be done at once before the loop has to have its turn."""

    __slots__ = ("_slice_end", "credit")

    def __init__(self) -> None:
        #: Operations that may still be done at once.
        self.credit = CREDIT
        self._slice_end = 0.0

    def refresh(self) -> None:
        """The loop has had its turn."""
        self.credit = CREDIT
        self._slice_end = monotonic() + SLICE

    def exhausted(self) -> bool:
        """Whether the loop has to have its turn now."""
        if self.credit:
            return False
        if monotonic() < self._slice_end:
            self.credit = CREDIT
            return False
        return True


class Traffic(Turns):
    """Who waits for one socket, and the reader that tells them.

    Parameters
    ----------
    socket : Socket
        One of the objects that stand for the socket; it is not kept alive.
    """

    __slots__ = (
        "awaited",
        "loop",
        "plain",
        "polls",
        "receivers",
        "recv",
        "recv_multipart",
        "recv_multipart_now",
        "recv_now",
        "send_multipart_now",
        "senders",
        "waiting",
        "_delay",
        "_fd",
        "_readers",
        "_retry",
        "_scheduled",
        "_value",
        "_value_argument",
    )

    def __init__(self, socket: Socket[Any]) -> None:
        super().__init__()
        #: The same socket, whose calls are those of a plain one.  It must not keep alive what owns this.
        self.plain = Socket(shadow=socket)
        self.plain.__dict__["_shadow_obj"] = None
        drop_rest(self.plain)
        # Plain receives without flags, as they are tried.
        self.recv = partial(self.plain.recv, _DONTWAIT)
        self.recv_multipart = partial(self.plain.recv_multipart, _DONTWAIT)
        self.recv_now = self.plain._recv_now
        self.recv_multipart_now = self.plain._recv_multipart_now
        self.send_multipart_now = self.plain._send_multipart_now
        self.receivers: deque[Operation] = deque()
        self.senders: deque[Operation] = deque()
        #: Futures that wait for events and take nothing -> which events, and what to call with those that are there.
        self.polls: dict[Any, tuple[int, Callable[[int], None]]] = {}
        #: Whether there is an object whose methods are awaited; otherwise pollers alone wait for a plain socket.
        self.awaited = False
        #: Whether anybody waits at all; True may be out of date.
        self.waiting = False
        self.loop: Any = None
        self._readers: Any = None
        self._fd = -1
        self._value = c_int()
        self._value_argument = byref(self._value)
        # Whether the present loop is going to look.
        self._scheduled = False
        self._retry: Any = None
        self._delay = _SOON

    # -- the loop -----------------------------------------------------------------------------------------------------

    def watch(self, loop: AbstractEventLoop) -> None:
        """Have the reader in a loop; what waits in another one is cancelled."""
        if self.loop is loop:
            return
        self.stop()
        fd = self.plain.get(SocketOption.FD)
        readers = readers_of(loop)
        readers.add_reader(fd, self._readable)
        self.loop, self._fd, self._readers = loop, fd, readers
        if self.plain._thread_safe:
            # A descriptor that was lent a moment ago does not tell of what came before.
            self.recheck()

    def stop(self) -> None:
        """Cancel everything that waits, and take the reader out of the loop."""
        loop, self.loop = self.loop, None
        self._scheduled = False
        operations = [*self.receivers, *self.senders, *self.polls]
        self.receivers.clear()
        self.senders.clear()
        self.polls.clear()
        self.waiting = False
        # Futures are for the thread in which their loop runs.
        elsewhere = loop is not None and loop.is_running() and running_loop() is not loop
        for operation in operations:
            try:
                if elsewhere:
                    loop.call_soon_threadsafe(operation.cancel)
                else:
                    operation.cancel()
            except RuntimeError:
                pass  # its loop is closed, and nobody will ever go on
        self._unwatch(loop)

    def send_off(self) -> None:
        """Send what was only put off for the sake of others: the socket is about to be closed, and nobody comes back for it."""
        while self.senders and (self.senders[0].done() or self.senders[0]._fresh):
            if self.senders[0].done():
                self.senders.popleft()
            elif not self.senders[0]._attempt():
                break

    def _unwatch(self, loop: Any) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        readers, self._readers = self._readers, None
        if readers is not None and not loop.is_closed():
            readers.remove_reader(self._fd)

    def recheck(self) -> None:
        """Look at EVENTS when the loop comes round."""
        loop = self.loop
        if loop is not None and not self._scheduled and not loop.is_closed():
            self._scheduled = True
            loop.call_soon(self._look, loop)

    def _look(self, loop: AbstractEventLoop) -> None:
        if self.loop is loop:
            self._scheduled = False
            self.handle(True)

    def _readable(self) -> None:
        self._delay = _SOON
        self._try_again()

    def _retry_now(self) -> None:
        self._retry = None
        self._try_again()

    def _try_again(self) -> None:
        for line in (self.receivers, self.senders):
            if line:
                line[0]._stalled = False
        self.handle(True)

    def option(self, argument: Any) -> int | None:
        """One of `options.INT_ARGUMENTS`; None if it cannot be had."""
        plain = self.plain
        if plain._calls.getsockopt(plain._h, argument, self._value_argument, INT_LENGTH) < 0:
            return None
        return self._value.value

    # -- serving ------------------------------------------------------------------------------------------------------

    def handle(self, from_loop: bool = False) -> None:
        """Look at EVENTS, and serve who waits for what is there, until there is nothing more.

        Parameters
        ----------
        from_loop : bool, optional
            Whether a callback of the loop calls this, so that no task is running.
        """
        plain = self.plain
        for _ in range(_PASSES):
            events = self.option(_EVENTS)
            if events is None:
                try:
                    events = plain.get(SocketOption.EVENTS)
                except ZMQError as error:
                    self._fail(error)
                    return
            if self.polls:
                for wanted, tell in list(self.polls.values()):
                    if events & wanted:
                        tell(events & wanted)
            acted = False
            if self.receivers:
                acted = self._serve(self.receivers, events & _IN)
            if self.senders:
                acted = self._serve(self.senders, events & _OUT) or acted
            if not acted:
                break
        else:
            self.recheck()
        first = self.receivers[0] if self.receivers else None
        second = self.senders[0] if self.senders else None
        self.waiting = first is not None or second is not None or bool(self.polls)
        if first is not None and first._wake is not None and first._wake.woken is None:
            if second is not None:
                # The first task may take what EVENTS has promised to it.
                second._promised = False
            first._wake.wake(from_loop)
        if second is not None and second._wake is not None and second._wake.woken is None:
            second._wake.wake(from_loop)

    def _serve(self, line: deque[Operation], ready: int) -> bool:
        """Serve from the front of a line; whether that did anything to the socket."""
        acted = False
        while line:
            operation = line[0]
            if operation.done():
                line.popleft()
                continue
            if operation._stalled or not (ready or operation._fresh):
                break
            sleeper = operation._wake
            if sleeper is not None:
                if not sleeper.woken:
                    # Woken at the end, when nothing here depends on what its task does then.
                    operation._promised = bool(ready)
                    sleeper.woken = None
                break
            acted = True
            if not operation._attempt():
                self.disappointed(operation, bool(ready))
                break
        return acted

    def after(self) -> None:
        """Something was done on the socket: others may have to know."""
        if self.receivers or self.senders or self.polls:
            self.recheck()
        else:
            self.waiting = False

    def disappointed(self, operation: Operation, promised: bool) -> None:
        """An operation could not be done; if EVENTS had promised that it could, a timer has to see to it."""
        if promised and self.loop is not None:
            operation._stalled = True
            if self._retry is None:
                self._retry = self.loop.call_later(self._delay, self._retry_now)
                self._delay = min(2 * self._delay, _LATER)
        self.recheck()

    def _fail(self, error: ZMQError) -> None:
        """The socket is of no use any more: its context was terminated."""
        futures = [*self.receivers, *self.senders, *self.polls]
        self.receivers.clear()
        self.senders.clear()
        self.polls.clear()
        self.waiting = False
        for future in futures:
            if not future.done():
                future.set_exception(from_errno(error.errno or 0))
                if isinstance(future, Operation):
                    future._leave()
        # Nothing makes its descriptor unreadable from now on.
        loop, self.loop = self.loop, None
        self._unwatch(loop)
