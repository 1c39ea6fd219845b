"""Sockets and contexts whose waiting lets other greenlets run.

A green socket is a `Socket` with other prepared calls (see `waiting`): one that can be done at once costs hardly more than
on an ordinary socket, and one that cannot gives the thread to gevent's hub until libzmq has something to tell.
"""

from __future__ import annotations

import os
from functools import wraps

from gevent.hub import get_hub  # type: ignore[import-not-found,import-untyped,unused-ignore]
from greenlet import getcurrent  # type: ignore[import-not-found,import-untyped,unused-ignore]

from ..constants import SocketOption
from ..context import Context as _original_Context
from ..socket import Socket as _original_Socket
from .poll import _Poller
from .waiting import NoticedCalls, Waiters, WaitingCalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["_Context", "_Socket"]

#: The options that limit how long a call waits; they hold here too.
TIMEOS = (SocketOption.RCVTIMEO, SocketOption.SNDTIMEO)

_set = object.__setattr__


class _Socket(_original_Socket[bytes]):
    """A `Socket` whose ``send``, ``recv``, ``poll`` and all that rest on them let other greenlets run while they wait.

    It is used like any other socket, by several greenlets at once if need be: each message is received by one of them, and
    a message of several frames that ``send_multipart`` sends stays together.  RCVTIMEO and SNDTIMEO hold, and so does
    ``gevent.Timeout``; whoever is killed while it waits has lost no message.

    Notes
    -----
    Usually made by a green `Context`.  While greenlets wait, the socket must not be used through an ordinary `Socket` or
    `Poller` as well, which would take their wake-ups away; another green object for it may be.
    """

    _poller_class = _Poller
    _repr_cls = "zmq.green.Socket"
    _waiters: Any = None

    def _aim(self, handle: Any) -> None:
        shadowed = self._shadow_obj
        waiters = shadowed._waiters if isinstance(shadowed, _Socket) else Waiters(self.type, self._thread_safe)
        waiters.handle = handle
        self.__dict__["_waiters"] = waiters
        _set(self, "_waiting", WaitingCalls(self._waiting, self, waiters))
        _set(self, "_calls", NoticedCalls(self._calls, waiters))
        super()._aim(handle)

    def _aim_at_nothing(self) -> None:
        super()._aim_at_nothing()
        self._waiters.close(self._h)

    def _promise(self, events: int, limit: int) -> bool:
        poller = _Poller()
        poller.register(self, events)
        return bool(poller.poll(limit))

    def close(self, linger: int | None = None) -> None:
        """Close the socket; greenlets that wait for it get a `ZMQError` (``ENOTSOCK``).

        Parameters
        ----------
        linger : int, optional
            As for `Socket.close`.
        """
        handle = self._handle
        if handle is not None and handle.address is not None and handle.pid == os.getpid():
            # The hub must not watch a file descriptor that something else may get.
            self._waiters.stop()
        super().close(linger)


_Socket._kind = _Socket


def _noticed(name: str) -> Any:
    """A method that processes libzmq's commands outside of the prepared calls."""
    original = getattr(_original_Socket, name)

    @wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return original(self, *args, **kwargs)
        finally:
            if self._waiters.waiting:
                self._waiters.notice()

    return method


for _name in ("_endpoint", "_group", "connect_peer", "disconnect_peer", "get_peer_state"):
    setattr(_Socket, _name, _noticed(_name))


class _Context(_original_Context[_Socket]):
    """A `Context` that makes green sockets, and whose end lets other greenlets run."""

    _socket_class = _Socket
    _repr_cls = "zmq.green.Context"

    # Not the instance of the class it is derived from.
    _instance: Any = None
    _collected = False
    _terminating: Any = None

    def term(self) -> None:
        """Terminate the context, as `Context.term`; other greenlets run meanwhile, and can close their sockets.

        Greenlets that wait for one of its sockets get `ContextTerminated`.
        """
        handle = self._handle
        if handle is None or handle.address is None:
            return
        task, hub = self._terminating, get_hub()
        if task is None:
            # A finalizer must not let others run, and the hub itself and the child of a fork cannot.
            if self._collected or getcurrent() is hub or handle.pid != os.getpid():
                super().term()
                return
            # Whoever gives up waiting for it leaves it running, and the next one goes on waiting.
            task = self._terminating = hub.threadpool.spawn(super().term)
        try:
            task.get()
        finally:
            if task.ready():
                self._terminating = None

    def __del__(self) -> None:
        self._collected = True
        super().__del__()
