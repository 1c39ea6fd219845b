"""Relaying: the loop that passes messages on between sockets, where libzmq's own loop will not do.

A monitored queue tells the direction of each message that it copies, which libzmq has no loop for; each of its steerable
proxies is broken in some way (see `steering`); and its plain proxy loses messages where signals come in (see `proxying`).

1. Both sockets are polled only when one has been emptied, or after a burst (see `relay`), so that neither direction
   starves the other.
2. A signal handler that raises would end the loop between any two of its steps.  So `Interrupts` keeps handlers back
   while a message is in hand, and they run when none is, or when the loop waits.
3. A socket that a handler has closed is noticed before the next burst; the prepared calls of the old address are not
   made any more.
"""

from __future__ import annotations

from . import _numbers, constants
from .error import ZMQError
from .interrupts import Interrupts
from .poll import closings, poll_set
from .relay import Relay
from .socket import Socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol, Sequence

    class Steering(Protocol):
        """What a control socket wants of a running relay."""

        socket: Socket[Any]
        paused: bool

        def obey(self) -> bool: ...


__all__ = ["both_ways", "check_socket", "run"]

_POLLIN = _numbers.POLLIN
_FOREVER = -1
# Milliseconds: a signal that comes between the last step of Python and the wait does not end the wait; it is served then.
_LOOK_EVERY = 1000


def check_socket(socket: object, argument: str) -> None:
    """Refuse what is no open socket.

    Raises
    ------
    TypeError
        If it is not a `Socket`; the argument is named.
    ZMQError
        ``ENOTSOCK`` if it was closed.
    """
    if not isinstance(socket, Socket):
        raise TypeError(f"{argument}: expected a Socket, got: {type(socket).__name__}")
    if socket.closed:
        raise ZMQError(constants.ENOTSOCK, f"{argument} was closed")


def both_ways(frontend: Socket[Any], backend: Socket[Any], capture: Socket[Any] | None) -> list[Relay]:
    """What a proxy consists of: a relay for each direction, or one, if both sockets are the same."""
    relays = [Relay(frontend, backend, capture)]
    if backend is not frontend:
        relays.append(Relay(backend, frontend, capture))
    return relays


def run(relays: Sequence[Relay], steering: Steering | None = None) -> None:
    """Pass on messages until a control socket ends it, or an error.

    Parameters
    ----------
    relays : sequence of Relay
        One, or two for both directions; they cannot be used again.
    steering : Steering, optional
        What to do with the commands of a control socket.

    Raises
    ------
    ContextTerminated
        The ordinary end.
    ZMQError
        Whatever else one of the sockets answers; ``ENOTSOCK`` if it was closed.
    """

    def check_open() -> None:
        for relay in relays:
            relay.check_open()

    sets: dict[Any, Any] = {}
    seen = -1
    try:
        with Interrupts(check_open) as interrupts:
            try:
                while True:
                    active = () if steering is not None and steering.paused else relays
                    state = (bool(active), *(relay.held for relay in active))
                    polled = sets.get(state)
                    if polled is None:
                        wanted = [relay.awaits for relay in active]
                        if steering is not None:
                            wanted.append((steering.socket, _POLLIN))
                        polled = sets[state] = poll_set(wanted)
                    interrupts.allow()
                    ready = polled.poll(_LOOK_EVERY if interrupts.handles else _FOREVER)
                    interrupts.forbid()
                    if seen != closings[0]:
                        seen = closings[0]
                        check_open()
                    if steering is not None and (steering.socket, _POLLIN) in ready and not steering.obey():
                        return
                    for relay in active:
                        if relay.awaits in ready:
                            relay.go(interrupts)
            finally:
                interrupts.forbid()
                for relay in relays:
                    relay.abandon()
    finally:
        for relay in relays:
            relay.close()
