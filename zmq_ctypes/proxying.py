"""Proxies: passing messages on between two sockets until their context is terminated.

There are two loops, since libzmq's own loses messages where signals come in: from libzmq 4.3.0 on it takes up to a
thousand messages in a row without asking whether there is room for them, and waits while there is none.  A signal ends
that wait, and the loop with it.  The frame that it had in hand is gone, and what follows of the message would be passed
on as a message of its own.  The older versions do so where the capture is full.

1. In a thread other than the main one it is libzmq's, one call without the GIL.  All signals are blocked there meanwhile, as
   they are in libzmq's own threads: the main thread gets them.
2. In the main thread, where signal handlers run, it is libzmq's as long as there is none but Python's own for Ctrl-C, which
   ends the loop anyway: that may cost the message in hand.
3. In the main thread of a program that handles other signals it is the loop of `relaying`, which keeps the handlers back
   while it has a message in hand.  It needs the GIL, but for its waits.
4. A steerable proxy is always the loop of `relaying` (see `steering`).
"""

from __future__ import annotations

import os
import threading
from contextlib import nullcontext
from errno import EINTR

from .error import from_errno
from .interrupts import blocked, only_ctrl_c
from .relaying import both_ways, check_socket, run
from .steering import steer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .constants import DeviceType
    from .socket import Socket

__all__ = ["device", "proxy", "proxy_steerable"]

# Some systems have no such thing.
_native_id = getattr(threading, "get_native_id", int)


def _check(sockets: dict[str, Any]) -> None:
    for argument, socket in sockets.items():
        if socket is not None or argument not in ("capture", "control"):
            check_socket(socket, argument)


def _takes_signals() -> bool:
    """Whether handlers run in this thread: Python's main thread; or signals come to it: that of the process (on Linux)."""
    return threading.current_thread() is threading.main_thread() or _native_id() == os.getpid()


def _run_native(frontend: Socket[Any], backend: Socket[Any], capture: Socket[Any] | None) -> int:
    """libzmq's own loop; what interrupts it and does not end it, such as a debugger, has interrupted its wait for messages."""
    functions = frontend._library.functions
    addresses = [None if socket is None else socket.underlying for socket in (frontend, backend, capture)]
    while True:
        rc: int = functions.zmq_proxy(*addresses)
        if rc >= 0:
            return rc
        errno = functions.zmq_errno()
        if errno != EINTR:
            raise from_errno(errno)


def proxy(frontend: Socket[Any], backend: Socket[Any], capture: Socket[Any] | None = None) -> int:
    """Pass on messages between two sockets, in both directions, until their context is terminated.

    It runs without the GIL, but in the main thread of a program that handles other signals than Ctrl-C: there it keeps handlers
    back while it has a message in hand.  One that raises ends it, which may cost a message that there is no room for.

    Parameters
    ----------
    frontend, backend : Socket
        The sockets; no other thread may use them meanwhile.
    capture : Socket, optional
        Gets a copy of each message: PUB, PUSH, DEALER or PAIR.

    Raises
    ------
    ContextTerminated
        The ordinary end.
    TypeError
        If something is not a `Socket`.
    ZMQError
        ``ENOTSOCK`` if a socket was closed.
    """
    _check({"frontend": frontend, "backend": backend, "capture": capture})
    signals = _takes_signals()
    if signals and not only_ctrl_c():
        run(both_ways(frontend, backend, capture))
        return 0
    with nullcontext() if signals else blocked():
        return _run_native(frontend, backend, capture)


def proxy_steerable(
    frontend: Socket[Any],
    backend: Socket[Any],
    capture: Socket[Any] | None = None,
    control: Socket[Any] | None = None,
) -> int:
    """Pass on messages between two sockets, as `proxy` does, and obey the commands that come in on a third.

    Parameters
    ----------
    frontend, backend : Socket
        The sockets; no other thread may use them meanwhile.
    capture : Socket, optional
        Gets a copy of each message.
    control : Socket, optional
        Receives ``b"PAUSE"``, ``b"RESUME"``, ``b"TERMINATE"`` and ``b"STATISTICS"``: PAIR, PULL, SUB, or REP, which is answered.
        STATISTICS is answered with eight frames, each a 64-bit integer in the machine's byte order: messages and bytes
        that the frontend has received, and sent, then the same of the backend.

    Returns
    -------
    int
        0, after TERMINATE.

    Raises
    ------
    ContextTerminated
        The other ordinary end.
    TypeError
        If something is not a `Socket`.
    ZMQError
        ``ENOTSOCK`` if a socket was closed.

    Notes
    -----
    It is a loop of our own with every libzmq (see `steering`), and needs the GIL, but for its waits.  Unknown commands do
    nothing.
    """
    if control is None:
        return proxy(frontend, backend, capture)
    _check({"frontend": frontend, "backend": backend, "capture": capture, "control": control})
    return steer(frontend, backend, capture, control)


def device(device_type: DeviceType, frontend: Socket[Any], backend: Socket[Any]) -> int:
    """Pass on messages between two sockets; the older name of `proxy`.

    Parameters
    ----------
    device_type : int
        One of `constants.DeviceType`; libzmq has made no difference since 3.2.
    frontend, backend : Socket
        As for `proxy`.
    """
    return proxy(frontend, backend)
