"""Steerable proxies: what comes in at their control socket.

libzmq's own ``zmq_proxy_steerable`` is not used, for each of them is broken in some way:

=============  =======================================================================================================
libzmq         its own
=============  =======================================================================================================
before 4.0.5   does not exist
4.0.5 - 4.2    ends the process when STATISTICS comes in
4.3.0 - 4.3.4  ends the process when an unknown command comes in, does not answer a REP, and forgets that it is paused,
               and its statistics, when a signal comes in
4.3.5          does not resume after PAUSE
=============  =======================================================================================================
"""

from __future__ import annotations

from struct import pack

from .constants import Errno, Flag, SocketType
from .error import Again, ZMQError
from .relaying import both_ways, run
from .socket import Socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Sequence

    from .relay import Relay

__all__ = ["steer"]


class Steering:
    """What comes in at a control socket, and what is answered.

    Parameters
    ----------
    control : Socket
        PAIR, PULL, SUB or REP, or whatever else receives commands of one frame.
    relays : sequence of Relay
        The direction from frontend to backend, and the other one.
    """

    def __init__(self, control: Socket[Any], relays: Sequence[Relay]) -> None:
        # Those of event loops receive in other ways.
        self.socket: Socket[Any] = Socket(shadow=control)
        self.paused = False
        self._relays = relays

    def obey(self) -> bool:
        """Do what the next command says; unknown ones do nothing.

        Returns
        -------
        bool
            Whether to go on.
        """
        try:
            parts = self.socket.recv_multipart(Flag.DONTWAIT)
        except Again:
            return True
        command = parts[0] if len(parts) == 1 else b""
        if command == b"STATISTICS":
            self._answer(self._statistics())
        elif self.socket.type == SocketType.REP:
            self._answer([b""])
        if command in (b"PAUSE", b"RESUME"):
            self.paused = command == b"PAUSE"
        return command != b"TERMINATE"

    def _statistics(self) -> list[bytes]:
        """As libzmq 4.3 has them: for each side messages and bytes received, then sent; 64 bits each."""
        there, back = self._relays[0], self._relays[-1]
        numbers = [there.messages, there.bytes, back.messages, back.bytes]
        if there is back:
            numbers[2:] = 0, 0
        return [pack("=Q", number) for number in numbers + numbers[2:] + numbers[:2]]

    def _answer(self, parts: list[bytes]) -> None:
        try:
            self.socket.send_multipart(parts, Flag.DONTWAIT)
        except Again:
            pass
        except ZMQError as error:
            # Who asks through a socket that only receives gets no answer.
            if error.errno != Errno.ENOTSUP:
                raise


def steer(frontend: Socket[Any], backend: Socket[Any], capture: Socket[Any] | None, control: Socket[Any]) -> int:
    """`proxying.proxy_steerable`, of checked sockets."""
    relays = both_ways(frontend, backend, capture)
    run(relays, Steering(control, relays))
    return 0
