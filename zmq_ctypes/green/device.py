"""Proxies that let other greenlets run: one greenlet for each direction, so that neither waits for the other.

A message is taken only when the other side can be written to at that moment, and is passed on before anybody else runs.  So
ending a proxy, by killing its greenlet or by `gevent.Timeout`, loses none.  (The types that always say that they can be
written to, such as a ROUTER with ROUTER_MANDATORY, may let one message wait in between.)
"""

from __future__ import annotations

import gevent  # type: ignore[import-not-found,import-untyped,unused-ignore]
from gevent.event import AsyncResult  # type: ignore[import-not-found,import-untyped,unused-ignore]

from ..constants import Errno, Flag, PollEvent, SocketOption
from ..error import Again, ZMQError
from .core import _Socket
from .poll import _Poller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from ..constants import DeviceType

__all__ = ["device", "proxy"]

Poller = _Poller

_POLLIN = int(PollEvent.POLLIN)
_POLLOUT = int(PollEvent.POLLOUT)
#: Messages that one direction passes on before others run.
_BURST = 100


def _pass_on(source: _Socket, target: _Socket, capture: _Socket | None) -> NoReturn:
    while True:
        source.poll(None, _POLLIN)
        target.poll(None, _POLLOUT)
        for _ in range(_BURST):
            try:
                parts = source.recv_multipart(Flag.DONTWAIT, copy=False)
            except Again:
                break
            target.send_multipart(parts, copy=False)
            if capture is not None:
                capture.send_multipart(parts, copy=False)
            if not target.get(SocketOption.EVENTS) & _POLLOUT:
                break
        gevent.sleep(0)


def proxy(frontend: _Socket, backend: _Socket, capture: _Socket | None = None) -> NoReturn:
    """Pass on messages between two green sockets, in both directions, until their context is terminated.

    As `proxy`; other greenlets run meanwhile.

    Parameters
    ----------
    frontend, backend : Socket
        Green sockets; both may be the same.
    capture : Socket, optional
        Gets a copy of each message: PUB, PUSH, DEALER or PAIR, green as well.

    Raises
    ------
    ContextTerminated
        The ordinary end.
    TypeError
        If something is not a green `Socket`.
    ZMQError
        ``ENOTSOCK`` if a socket was closed.
    """
    for name, socket in (("frontend", frontend), ("backend", backend), ("capture", capture)):
        if socket is None and name == "capture":
            continue
        if not isinstance(socket, _Socket):
            raise TypeError(f"{name}: expected a green Socket, got: {type(socket).__name__}")
        if socket.closed:
            raise ZMQError(Errno.ENOTSOCK, f"{name} was closed")
    directions = [(frontend, backend)] if frontend is backend else [(frontend, backend), (backend, frontend)]
    end: AsyncResult[Any] = AsyncResult()

    def run(source: _Socket, target: _Socket) -> None:
        try:
            _pass_on(source, target, capture)
        except Exception as error:
            end.set_exception(error)

    running = [gevent.spawn(run, *direction) for direction in directions]
    try:
        end.get()
    finally:
        gevent.killall(running)
    raise AssertionError("a proxy ends with an exception")


def device(device_type: DeviceType, isocket: _Socket, osocket: _Socket) -> NoReturn:
    """Pass on messages between two green sockets; the older name of `proxy`.

    Parameters
    ----------
    device_type : int
        One of `constants.DeviceType`; it makes no difference.
    isocket, osocket : Socket
        As for `proxy`; -1 for ``osocket`` is ``isocket`` again.
    """
    proxy(isocket, isocket if isinstance(osocket, int) and osocket == -1 else osocket)
