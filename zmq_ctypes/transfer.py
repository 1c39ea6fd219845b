"""What sending and receiving have in common: the hot path of the package.

1. Nothing that the caller gave reaches C unchecked.  The calls for each message have no ``argtypes`` (see
   ``loader.direct``): the handle and the message are prepared once, data is an exact ``bytes`` object, flags are looked
   up in a table, and after the socket was closed the handle is NULL, which libzmq answers with ENOTSOCK.
2. Every send and receive is first tried without waiting and without giving up the GIL.  Only if that fails is it made
   again by a call that releases the GIL, waits, and reports its errno faithfully; signal handlers run while it waits,
   and it goes on where they return (PEP 475).
3. libzmq begins RCVTIMEO and SNDTIMEO anew with each call, so a call that is made again at every signal might never end.
   What is left of such a limit is waited for with ``zmq_poll``, followed by an attempt without waiting.

The rest is told by `sending` and `receiving`.
"""

from __future__ import annotations

from errno import EAGAIN, EINTR
from time import monotonic, sleep

from . import _numbers
from .error import Again, from_errno
from .loader.direct import flags_argument
from .options import INT_ARGUMENTS, get_int, integer
from .poll import poll_set

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from .loader import Library
    from .loader.direct import DirectCalls

__all__ = ["Transfer"]

DONTWAIT = _numbers.DONTWAIT

# flags -> the prepared argument for the attempt that does not wait.  A sequence and not a dict: indexing takes integers
# only, so that 1.0 is refused, and the negative indices -4..-1 happen to be the same bits.
NOWAIT_FLAGS = tuple(flags_argument(flags | DONTWAIT) for flags in range(4))
NOWAIT = NOWAIT_FLAGS[0]
# Told by identity: other things are equal to 0, and not all of them are flags.
NO_FLAGS = 0

# What the time is limited for.
_EVENTS = {_numbers.RCVTIMEO: _numbers.POLLIN, _numbers.SNDTIMEO: _numbers.POLLOUT}
#: Seconds between two attempts where EVENTS promises what then cannot be done, as of a ROUTER with ROUTER_MANDATORY.
_AGAIN_AFTER = 0.02


def flags_number(flags: object) -> int:
    """Check the flags of a call.

    Raises
    ------
    TypeError
        If they are not an integer.
    OverflowError
        If they do not fit in a C ``int``.
    """
    return integer(flags, "flags")


class Transfer:
    """The part of a socket that goes on where something could not be done at once."""

    __slots__ = ()

    if TYPE_CHECKING:
        _calls: DirectCalls
        _h: Any
        _library: Library
        _thread_safe: bool
        _waiting: DirectCalls

    def _wait(
        self,
        call: Callable[..., int],
        before: tuple[Any, ...],
        after: tuple[Any, ...],
        flags: int,
        timeout: int,
        start: float,
    ) -> int:
        """Go on with a call that may wait and has just failed, unless it failed for good; it began at ``start``.

        Signal handlers run meanwhile, and it goes on where they return.  Its errno is not to be trusted if a handler has run
        since and used libzmq itself.  So what failed is tried once more without waiting, and fails again for the same
        reason, or was only interrupted.
        """
        last_errno = self._library.functions.zmq_errno
        promised = False
        while True:
            # A handler may have closed the socket: its handle is looked up each time.
            result = call(*before, self._h, *after, flags | DONTWAIT)
            if result >= 0:
                return result
            errno = last_errno()
            if errno != EAGAIN and errno != EINTR:
                raise from_errno(errno)
            limit = 0 if flags & DONTWAIT else get_int(self._calls, self._h, INT_ARGUMENTS[timeout])
            left = -1.0
            if limit is not None and limit >= 0:
                left = limit - (monotonic() - start) * 1000
                if errno == EINTR:
                    continue
                if left <= 1:
                    raise Again(EAGAIN)
            if left < 0 or self._thread_safe:
                # No signal interrupts a thread-safe socket, which waits in another way.
                result = call(*before, self._h, *after, flags)
                if result >= 0:
                    return result
            else:
                if promised:
                    sleep(min(left / 1000, _AGAIN_AFTER))
                promised = self._promise(_EVENTS[timeout], int(left))

    def _promise(self, events: int, limit: int) -> bool:
        """Wait for an event for some milliseconds; whether it is there."""
        return bool(poll_set(((self, events),)).poll(limit))

    # What does not wait and raises nothing: None where it is impossible now, False where only the method proper can tell.

    def _nothing(self) -> bool | None:
        """What a failure of a moment ago means."""
        return None if self._calls.errno() == EAGAIN else False
