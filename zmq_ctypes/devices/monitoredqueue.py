"""The monitored queue as a function: a proxy that also publishes every message, with its direction.

in <--> out          ROUTER, DEALER, PULL, PUSH, SUB, PUB, XSUB, XPUB, ...
     |
    mon              PUB, usually: [b"in", *message] and [b"out", *message]
"""

from __future__ import annotations

from ..constants import SocketType
from ..relay import Relay
from ..relaying import check_socket, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..socket import Socket

__all__ = ["monitored_queue"]


def check_prefix(prefix: object, argument: str) -> bytes:
    """A prefix as C may be given it.

    Raises
    ------
    TypeError
        If it is not bytes; the argument is named.
    """
    if not isinstance(prefix, bytes):
        raise TypeError(f"{argument}: expected bytes, got: {prefix!r}")
    return bytes(prefix)


def monitored_queue(
    in_socket: Socket[Any],
    out_socket: Socket[Any],
    mon_socket: Socket[Any],
    in_prefix: bytes = b"in",
    out_prefix: bytes = b"out",
) -> int:
    """Pass on messages between two sockets, and a copy of each to a third, until their context is terminated.

    Parameters
    ----------
    in_socket, out_socket : Socket
        The sockets; no other thread may use them meanwhile.  If both are ROUTER, the first two frames of each message are
        exchanged, so that the second one says whom it goes to, and the receiver finds there whom it came from.  One socket
        may be given for both.
    mon_socket : Socket
        Gets a copy of each message behind a frame that tells the direction.  PUB never waits; other types, while they are
        full or not connected, stop the queue for as long as their SNDTIMEO says, which is for ever by default, and are
        then passed over.
    in_prefix, out_prefix : bytes, optional
        The frame before what came in at ``in_socket``, and at ``out_socket``.

    Raises
    ------
    ContextTerminated
        The ordinary end.
    TypeError
        If something is not a `Socket`, or a prefix not bytes.
    ZMQError
        ``ENOTSOCK`` if a socket was closed, or what a socket answers that refuses a message.

    Notes
    -----
    A message that finds no room waits in the queue's hands, SNDTIMEO or not.  If a signal handler raises meanwhile, and
    there still is no room, it is lost, as are those that wait in sockets when these are closed.
    """
    for argument, socket in (("in_socket", in_socket), ("out_socket", out_socket), ("mon_socket", mon_socket)):
        check_socket(socket, argument)
    in_prefix, out_prefix = check_prefix(in_prefix, "in_prefix"), check_prefix(out_prefix, "out_prefix")
    swap = in_socket.type == out_socket.type == SocketType.ROUTER
    relays = [Relay(in_socket, out_socket, mon_socket, in_prefix, swap)]
    if out_socket is not in_socket:
        relays.append(Relay(out_socket, in_socket, mon_socket, out_prefix, swap))
    run(relays)
    return 0
