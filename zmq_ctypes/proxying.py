"""Proxies: libzmq's own loop that passes messages on between two sockets.

The loop runs in C without the GIL until the context is terminated.  A signal ends it in between two messages; Python runs
its handlers, and where they return, the loop is started again.
"""

from __future__ import annotations

from errno import EINTR

from .constants import Errno
from .error import ZMQError, from_errno
from .relaying import check_socket
from .steering import is_native, steer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .constants import DeviceType
    from .socket import Socket

__all__ = ["device", "proxy", "proxy_steerable"]


def _run(name: str, sockets: dict[str, Any], optional: tuple[str, ...]) -> int:
    addresses: list[int | None] = []
    library = None
    for argument, socket in sockets.items():
        if socket is None and argument in optional:
            addresses.append(None)
            continue
        check_socket(socket, argument)
        addresses.append(socket.underlying)
        library = library or socket._library
    assert library is not None
    functions = library.functions
    run = getattr(functions, name)
    while True:
        rc: int = run(*addresses)
        if rc >= 0:
            return rc
        errno = functions.zmq_errno()
        if errno != EINTR:
            raise from_errno(errno)
        # A handler that has run just now may have closed one.
        for argument, socket in sockets.items():
            if socket is not None and socket.closed:
                raise ZMQError(Errno.ENOTSOCK, f"{argument} was closed")


def proxy(frontend: Socket[Any], backend: Socket[Any], capture: Socket[Any] | None = None) -> int:
    """Pass on messages between two sockets, in both directions, until their context is terminated.

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
    return _run("zmq_proxy", {"frontend": frontend, "backend": backend, "capture": capture}, ("capture",))


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
    From libzmq 4.3.0 to 4.3.4 this is libzmq's own loop, without the GIL; there, an unknown command ends the *process*, so
    that only those may reach the control socket who are trusted.  Elsewhere, and for a REP, it is a loop of our own (see
    `steering`), to which unknown commands do nothing.
    """
    if control is None:
        return proxy(frontend, backend, capture)
    sockets = {"frontend": frontend, "backend": backend, "capture": capture, "control": control}
    for argument, socket in sockets.items():
        if socket is not None or argument not in ("capture", "control"):
            check_socket(socket, argument)
    if not is_native(control):
        return steer(frontend, backend, capture, control)
    return _run("zmq_proxy_steerable", sockets, ("capture", "control"))


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
