"""The greenlets that wait for one socket, and what wakes them.

What libzmq guarantees, and what this module does about the rest:

1. The file descriptor of a socket is readable while **commands** of the IO thread wait to be processed, and whatever uses
   the socket processes them.  So it tells that something may have changed and never what, and a ``send`` in one greenlet
   takes away the wake-up of another that waits to receive.  Therefore every prepared call of a green socket looks whether
   anybody waits, and if so asks for EVENTS before the loop sleeps again.
2. Who waits has tried before, in vain, which processed the commands that were there; those that came since keep the file
   descriptor readable, and gevent's loops go on telling that.  Nothing can be missed in between, and no timer is needed.
3. POLLIN says that a message can be received.  One greenlet of those that want it is woken for it; as it leaves, whatever
   it did (it may have been killed), the next one's turn is looked at.
4. POLLOUT says that a message can be sent, though on the types of `_SENDS_TO_ONE_OF_MANY` not to whom: a ROUTER with
   ROUTER_MANDATORY may have to wait for one of its peers, and an XPUB with XPUB_NODROP for the slowest.  There each processed
   command makes those who send try again.  An attempt that fails may have processed the command that another of them waits
   for, which nobody is told; only where two greenlets wait in this way do they try again by the clock.
5. A socket is used by one thread at a time.  What waits belongs to the hub of its thread.  Who still waits in one hub when
   somebody waits in another is forgotten: most likely that thread has ended, and what its hub was to do is never done.
"""

from __future__ import annotations

from errno import EAGAIN, EINTR
from functools import partial
from time import monotonic
from weakref import ref

from gevent.hub import Waiter, get_hub  # type: ignore[import-not-found,import-untyped,unused-ignore]

from ..constants import Flag, PollEvent, SocketOption, SocketType
from ..dropping import DroppingCalls
from ..error import Again
from ..loader.direct import DirectCalls
from ..options import INT_ARGUMENTS, get_int

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

__all__ = ["NoticedCalls", "Waiters", "WaitingCalls"]

_DONTWAIT = int(Flag.DONTWAIT)
_POLLIN = int(PollEvent.POLLIN)
_POLLOUT = int(PollEvent.POLLOUT)
_EVENTS = INT_ARGUMENTS[SocketOption.EVENTS]

_SENDS_TO_ONE_OF_MANY = frozenset(
    {
        SocketType.PEER,
        SocketType.PUB,
        SocketType.RADIO,
        SocketType.ROUTER,
        SocketType.SERVER,
        SocketType.STREAM,
        SocketType.XPUB,
    }
)
# What limits the time that somebody waits for each.
_LIMITS = {_POLLIN: SocketOption.RCVTIMEO, _POLLOUT: SocketOption.SNDTIMEO}
#: Seconds between two attempts of several greenlets to send on a socket of those types.
_AGAIN_AFTER = 0.02

#: Seconds: the shortest time that all of gevent's loops know.
LEAST = 0.001

# What has been noticed: somebody has finished waiting, or commands may have been processed.
_LEFT, _CHANGED = 1, 2


class Wait:
    """One greenlet that waits.

    Parameters
    ----------
    waiter : gevent.hub.Waiter
        What wakes it.
    events : int
        Any of ``POLLIN`` and ``POLLOUT``.
    takes : bool
        Whether it takes what it waits for, so that one message is for one of them only; pollers do not.
    """

    __slots__ = ("events", "takes", "waiter")

    def __init__(self, waiter: Any, events: int, takes: bool = False) -> None:
        self.waiter = waiter
        self.events = events
        self.takes = takes


class Waiters:
    """Everybody who waits for one socket of libzmq."""

    __slots__ = ("_calls", "_fd", "_loop", "_noticed", "_quick", "_to_one_of_many", "_watcher", "handle", "waiting")

    def __init__(self, kind: int, thread_safe: bool = False) -> None:
        # The descriptor of a thread-safe socket stays readable until EVENTS is asked for.
        self._quick = not thread_safe
        self._to_one_of_many = kind in _SENDS_TO_ONE_OF_MANY
        self._noticed = 0
        self._fd: int | None = None
        self._calls: Any = None
        self._loop: Any = None
        self._watcher: Any = None
        #: The socket's address, prepared for calls.
        self.handle: Any = None
        self.waiting: list[Wait] = []

    # -- who waits ----------------------------------------------------------------------------------------------------

    def add(self, entry: Wait, socket: Any, hub: Any) -> None:
        """Begin to wait."""
        fresh = self._fd is None
        if fresh:
            self._fd = socket.get(SocketOption.FD)
            # Asking a thread-safe socket for its descriptor has given it other calls.
            self._calls = socket._calls
        if self._loop is not hub.loop or (self.waiting and self.waiting[0].waiter.hub is not hub):
            # What the other hub was to do may have been left undone for ever.
            self.waiting.clear()
            self._noticed = 0
            self.stop()
        if self._watcher is None:
            self._loop = hub.loop
            self._watcher = hub.loop.io(self._fd, 1)
        if not self.waiting:
            self._watcher.start(self._fired)
        self.waiting.append(entry)
        if fresh and not self._quick:
            # A descriptor that was lent a moment ago does not tell of what came before.
            self.notice()

    def remove(self, entry: Wait) -> None:
        """End to wait, for whatever reason."""
        if entry not in self.waiting:
            return
        self.waiting.remove(entry)
        if self.waiting:
            self.notice(_LEFT)
        elif self._watcher is not None:
            self._watcher.stop()

    def wait(self, events: int, socket: Any, seconds: float | None) -> bool:
        """Wait until the socket may have one of the events; False if that took too long."""
        hub = get_hub()
        waiter = Waiter(hub)
        entry = Wait(waiter, events, takes=True)
        timer = None if seconds is None else hub.loop.timer(max(seconds, LEAST))
        self.add(entry, socket, hub)
        try:
            if timer is not None:
                timer.start(waiter.switch, False)
            return bool(waiter.get())
        finally:
            self.remove(entry)
            if timer is not None:
                timer.stop()
                timer.close()

    def is_crowded(self, events: int) -> bool:
        """Whether somebody else waits for the same, and an attempt in vain might take away the other's wake-up."""
        return self._to_one_of_many and any(entry.takes and entry.events == events for entry in self.waiting)

    # -- what wakes them ----------------------------------------------------------------------------------------------

    def notice(self, what: int = _CHANGED) -> None:
        """Look at the events before the loop sleeps: somebody waits, and something may have changed."""
        if not self._noticed:
            try:
                self._loop.run_callback(self._look_in, self._loop)
            except ValueError:
                # That loop has ended, and who waited in it is forgotten.
                self.waiting.clear()
                return
        self._noticed |= what

    def _look_in(self, loop: Any) -> None:
        if self._loop is loop:
            self._look(0)

    def _fired(self) -> None:
        """The file descriptor is readable; runs in the hub."""
        if len(self.waiting) == 1 and self._quick:
            entry = self.waiting[0]
            if entry.takes and entry.events == _POLLIN:
                # Nobody else has to be thought of, and receiving processes all commands, as asking for EVENTS would.
                entry.waiter.switch(True)
                return
        self._look(_CHANGED)

    def _look(self, what: int) -> None:
        """Wake those whose turn it is; runs in the hub."""
        if not self.waiting:
            self._noticed = 0
            return
        what |= self._noticed
        # That this asks is no news.
        self._noticed = _CHANGED
        events = get_int(self._calls, self.handle, _EVENTS)
        self._noticed = 0
        if events is None:
            # Closed, or the context was terminated: each of them finds out by trying.
            self._wake(list(self.waiting))
            return
        senders = events & _POLLOUT and (what & _CHANGED or not self._to_one_of_many)
        chosen = []
        for entry in self.waiting:
            wanted = entry.events & events
            if not entry.takes:
                if wanted:
                    chosen.append(entry)
            elif wanted & _POLLIN:
                events &= ~_POLLIN | (entry.events & _POLLOUT)
                chosen.append(entry)
            elif wanted and senders:
                chosen.append(entry)
        self._wake(chosen)

    def _wake(self, chosen: list[Wait]) -> None:
        for entry in chosen:
            # The one before may have closed the socket, or ended this one.
            if entry in self.waiting:
                entry.waiter.switch(True)

    def stop(self) -> None:
        """Watch the file descriptor no longer."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            try:
                watcher.stop()
                watcher.close()
            except ValueError:
                pass  # its loop has ended

    def close(self, handle: Any) -> None:
        """The socket was closed: everybody finds that out."""
        self.handle = handle
        self.stop()
        self._fd = None
        for entry in self.waiting:
            try:
                self._loop.run_callback(entry.waiter.switch, True)
            except ValueError:
                break  # its loop has ended


# -- the prepared calls of a green socket -----------------------------------------------------------------------------


class NoticedCalls:
    """The calls that do not wait: as `loader.direct.DirectCalls`, and whoever waits for the socket is thought of."""

    if TYPE_CHECKING:
        send: Callable[..., int]

        def __getattr__(self, name: str) -> Callable[..., Any]: ...

    def __init__(self, calls: Any, waiters: Waiters) -> None:
        for name in DirectCalls.__slots__:
            setattr(self, name, getattr(calls, name))
        raw_send, raw_msg_send, raw_msg_recv, raw_getsockopt = (
            calls.send,
            calls.msg_send,
            calls.msg_recv,
            calls.getsockopt,
        )
        notice = waiters.notice

        def send(handle: Any, data: Any, size: Any, flags: Any) -> int:
            result: int = raw_send(handle, data, size, flags)
            if waiters.waiting:
                notice()
            return result

        def msg_send(message: Any, handle: Any, flags: Any) -> int:
            result: int = raw_msg_send(message, handle, flags)
            if waiters.waiting:
                notice()
            return result

        def msg_recv(message: Any, handle: Any, flags: Any) -> int:
            result: int = raw_msg_recv(message, handle, flags)
            if waiters.waiting:
                notice()
            return result

        def getsockopt(handle: Any, option: Any, value: Any, size: Any) -> int:
            result: int = raw_getsockopt(handle, option, value, size)
            if waiters.waiting and (option is _EVENTS or option == SocketOption.EVENTS):
                notice()
            return result

        for function in (send, msg_send, msg_recv, getsockopt):
            setattr(self, function.__name__, function)


class WaitingCalls:
    """The calls that wait: they let other greenlets run meanwhile, and end with RCVTIMEO or SNDTIMEO.

    Parameters
    ----------
    calls : loader.direct.DirectCalls
        The set that waits without the GIL, and that is never let wait here.
    socket : Socket
        Not kept alive.
    waiters : Waiters
        Those of the socket.
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Callable[..., Any]: ...

    def __init__(self, calls: Any, socket: Any, waiters: Waiters) -> None:
        if not socket._thread_safe:
            # What is tried again must not be the rest of a message.
            calls = DroppingCalls(calls, socket)
        for name in DirectCalls.__slots__:
            setattr(self, name, getattr(calls, name))
        until = _Until(socket, waiters)
        raw_send, raw_recv, raw_msg_send, raw_msg_recv = calls.send, calls.recv, calls.msg_send, calls.msg_recv

        def send(handle: Any, data: Any, size: Any, flags: int) -> int:
            return until(lambda handle, flags: raw_send(handle, data, size, flags), handle, flags, _POLLOUT)

        def recv(handle: Any, data: Any, size: Any, flags: int) -> int:
            return until(lambda handle, flags: raw_recv(handle, data, size, flags), handle, flags, _POLLIN)

        def msg_send(message: Any, handle: Any, flags: int) -> int:
            return until(partial(raw_msg_send, message), handle, flags, _POLLOUT)

        def msg_recv(message: Any, handle: Any, flags: int) -> int:
            return until(partial(raw_msg_recv, message), handle, flags, _POLLIN)

        for function in (send, recv, msg_send, msg_recv):
            setattr(self, function.__name__, function)


class _Until:
    """Tries again and again, and waits in between."""

    __slots__ = ("_calls", "_errno", "_socket", "_waiters")

    def __init__(self, socket: Any, waiters: Waiters) -> None:
        self._errno = socket._library.functions.zmq_errno
        self._calls = socket._calls
        self._socket = ref(socket)
        self._waiters = waiters

    def __call__(self, attempt: Callable[[Any, int], int], handle: Any, flags: int, events: int) -> int:
        waiters = self._waiters
        now = flags | _DONTWAIT
        result = attempt(handle, now)
        if result < 0 and not flags & _DONTWAIT:
            result = self._go_on(attempt, now, events)
        if waiters.waiting:
            waiters.notice()
        return result

    def _go_on(self, attempt: Callable[[Any, int], int], now: int, events: int) -> int:
        waiters, socket = self._waiters, self._socket()
        assert socket is not None
        end: float | None = None
        limit: int | None = None
        while True:
            errno = self._errno()
            if errno == EAGAIN:
                if limit is None:
                    option = _LIMITS[events]
                    limit = get_int(self._calls, waiters.handle, INT_ARGUMENTS[option])
                    if limit is None:
                        # Closed or terminated since: this tells.
                        limit = int(socket.get(option))
                    end = monotonic() + limit / 1000 if limit >= 0 else None
                left = None if end is None else end - monotonic()
                if left is not None and left <= 0:
                    raise Again(EAGAIN)
                if waiters.is_crowded(events):
                    left = _AGAIN_AFTER if left is None else min(left, _AGAIN_AFTER)
                waiters.wait(events, socket, left)
            elif errno != EINTR:
                return -1
            # It may have been closed meanwhile.
            result = attempt(waiters.handle, now)
            if result >= 0:
                return result
