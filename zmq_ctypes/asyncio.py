"""Sockets for asyncio: what would wait is awaited.

    import asyncio
    from <this package>.asyncio import Context

    async def main():
        with Context() as context, context.socket(zmq.PULL) as pull:
            pull.bind("tcp://127.0.0.1:5555")
            while True:
                print(await pull.recv_string())

Works with every loop that is asyncio's or pretends to be (uvloop), several of them in one program included.  A socket may
be made outside of a loop and belongs to the loop in which it is first waited for; used in another one later, what still
waits in the first is cancelled.  All waiting is in `_future`, `_operations` and `_traffic`.
"""

from __future__ import annotations

import asyncio
from asyncio import Future, SelectorEventLoop

from . import context as _context
from ._future import _AsyncPoller, _AsyncSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from selectors import BaseSelector
    from typing import Any

__all__ = ["Context", "Poller", "Socket", "ZMQEventLoop", "install"]


class ProactorSelectorThreadWarning(RuntimeWarning):
    """What pyzmq warns with when it needs a thread for the file descriptors of a Proactor loop; nothing here does."""


class _AsyncIO:
    """The futures and the loop of asyncio."""

    _Future: type[Future[Any]] = Future

    def _default_loop(self) -> asyncio.AbstractEventLoop:
        try:
            return asyncio.get_running_loop()
        except RuntimeError:
            from warnings import warn

            warn(
                "No running event loop. zmq.asyncio should be used from within an asyncio loop.",
                RuntimeWarning,
                stacklevel=4,
            )
        return asyncio.get_event_loop()


class Poller(_AsyncIO, _AsyncPoller):
    """A `Poller` whose ``poll`` is awaited; takes sockets of every class, file descriptors, and objects that have one."""


class Socket(_AsyncIO, _AsyncSocket):
    """A `Socket` whose receiving, sending and polling is awaited."""

    _poller_class = Poller


Poller._socket_class = Socket
Socket._kind = Socket


class Context(_context.Context[Socket]):
    """A `Context` whose sockets are awaited.

    Parameters
    ----------
    io_threads, shadow
        As for `Context`.  ``Context(other)`` shadows a context of another class, so that a program may have sockets of both
        kinds.
    """

    _socket_class = Socket
    # Its own, and not that of plain sockets.
    _instance = None

    def __init__(
        self: Context, io_threads: int | _context.Context[Any] = 1, shadow: _context.Context[Any] | int = 0
    ) -> None:
        super().__init__(io_threads, shadow)  # type: ignore[call-overload,misc]


class ZMQEventLoop(SelectorEventLoop):
    """asyncio's own loop, under the name of one that pyzmq needed before version 17.

    .. deprecated:: 17.0
        Every loop will do.
    """

    def __init__(self, selector: BaseSelector | None = None) -> None:
        _deprecated()
        super().__init__(selector)


_warned = False


def _deprecated() -> None:
    global _warned
    if not _warned:
        _warned = True
        from warnings import warn

        warn(
            "ZMQEventLoop and install() are not needed since pyzmq 17: every asyncio loop will do",
            DeprecationWarning,
            stacklevel=3,
        )


def install() -> None:
    """Nothing: every loop will do.

    .. deprecated:: 17.0
    """
    _deprecated()


def _find(name: str) -> Any:
    if name == "ZMQSelector":
        from selectors import DefaultSelector

        from ._legacy import warn

        warn(f"{__name__}.{name} was removed in pyzmq 17.0; every selector will do")
        return DefaultSelector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if not TYPE_CHECKING:
    # Type checkers would take each misspelt name for this one.
    __getattr__ = _find
