"""Sockets that are awaited in tornado's loop, in native coroutines and in those of ``tornado.gen``.

    async def main():
        with Context() as context, context.socket(zmq.PULL) as pull:
            pull.bind("tcp://127.0.0.1:5555")
            while True:
                print(await pull.recv_string())

tornado's loop stands on asyncio's, so what waits is in `_future`; the sockets of ``asyncio`` work in it as well.  Here a
future that was cancelled ends with `CancelledError`, which is an ordinary exception: coroutines of ``tornado.gen`` know no other.
"""

from __future__ import annotations

from asyncio import Future

from tornado.ioloop import IOLoop  # type: ignore[import-not-found,import-untyped,unused-ignore]

from .. import context as _context
from .._future import _AsyncPoller, _AsyncSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["CancelledError", "Context", "Poller", "Socket"]


class CancelledError(Exception):
    """What a future ends with that was cancelled."""


class _TornadoFuture(Future):  # type: ignore[type-arg]
    """A future whose cancelling is an ordinary exception."""

    def cancel(self, msg: Any = None) -> bool:
        """End it with `CancelledError`; False if it is done already."""
        if self.done():
            return False
        self.set_exception(CancelledError(*(() if msg is None else (msg,))))
        # Whoever cancels it knows; it need not complain that nobody has asked.
        self.exception()
        return True

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self.done() and isinstance(self.exception(), CancelledError)


class _AsyncTornado:
    """The futures and the loop of tornado."""

    _Future: type[Future[Any]] = _TornadoFuture

    def _default_loop(self) -> Any:
        return getattr(IOLoop.current(), "asyncio_loop")  # noqa: B009 - the base class does not declare it


class Poller(_AsyncTornado, _AsyncPoller):
    """A `Poller` whose ``poll`` is awaited; takes sockets of every class, file descriptors, and objects that have one."""


class Socket(_AsyncTornado, _AsyncSocket):
    """A `Socket` whose receiving, sending and polling is awaited."""

    _poller_class = Poller


Poller._socket_class = Socket
Socket._kind = Socket


class Context(_context.Context[Socket]):
    """A `Context` whose sockets are awaited.

    Parameters
    ----------
    *args, **kwargs
        As for `Context`.  ``io_loop`` has no effect but a warning: the loop that runs is what is waited in.
    """

    _socket_class = Socket
    # Its own, and not that of plain sockets.
    _instance = None

    io_loop: Any = None

    def __init__(self: Context, *args: Any, **kwargs: Any) -> None:
        if kwargs.pop("io_loop", None) is not None:
            from warnings import warn

            warn(
                f"{type(self).__name__}(io_loop=...) has no effect: the loop that runs is what is waited in",
                DeprecationWarning,
                stacklevel=2,
            )
        super().__init__(*args, **kwargs)  # type: ignore[misc]
