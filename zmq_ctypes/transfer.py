"""What sending and receiving have in common: the hot path of the package.

1. Nothing that the caller gave reaches C unchecked.  The calls for each message have no ``argtypes`` (see
   ``loader.direct``): the handle and the message are prepared once, data is an exact ``bytes`` object, flags are looked
   up in a table, and after the socket was closed the handle is NULL, which libzmq answers with ENOTSOCK.
2. Every send and receive is first tried without waiting and without giving up the GIL.  Only if that fails is it made
   again by a call that releases the GIL, waits, and reports its errno faithfully; signal handlers run while it waits,
   and it goes on where they return (PEP 475).

The rest is told by `sending` and `receiving`.
"""

from __future__ import annotations

from errno import EAGAIN, EINTR
from time import monotonic

from .constants import Flag, SocketOption
from .error import Again, from_errno
from .loader.direct import flags_argument
from .options import INT_ARGUMENTS, get_int, integer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .loader import Library
    from .loader.direct import DirectCalls

__all__ = ["Transfer"]

DONTWAIT = int(Flag.DONTWAIT)

# flags -> the prepared argument for the attempt that does not wait.  A sequence and not a dict: indexing takes integers
# only, so that 1.0 is refused, and the negative indices -4..-1 happen to be the same bits.
NOWAIT_FLAGS = tuple(flags_argument(flags | DONTWAIT) for flags in range(4))
NOWAIT = NOWAIT_FLAGS[0]
# Told by identity: other things are equal to 0, and not all of them are flags.
NO_FLAGS = 0


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
        _waiting: DirectCalls

    def _wait(
        self,
        call: Any,
        before: tuple[Any, ...],
        after: tuple[Any, ...],
        flags: int,
        timeout: SocketOption,
        start: float,
    ) -> int:
        """Go on with a call that may wait and has just failed, unless it failed for good; it began at ``start``.

        Signal handlers run meanwhile, and the call is made again where they return.  Its errno is not to be trusted if a
        handler has run since and used libzmq itself.  So what failed is tried once more without waiting, and fails again
        for the same reason, or was only interrupted.
        """
        last_errno = self._library.functions.zmq_errno
        while True:
            if last_errno() != EINTR:
                # A handler may have closed the socket: its handle is looked up each time.
                result = call(*before, self._h, *after, flags | DONTWAIT)
                if result >= 0:
                    return result
                errno = last_errno()
                if errno == EAGAIN:
                    limit = 0 if flags & DONTWAIT else get_int(self._calls, self._h, INT_ARGUMENTS[timeout])
                    if limit is not None and 0 <= limit <= (monotonic() - start) * 1000 + 1:
                        raise Again(EAGAIN)
                elif errno != EINTR:
                    raise from_errno(errno)
            start = monotonic()
            result = call(*before, self._h, *after, flags)
            if result >= 0:
                return result

    # What does not wait and raises nothing: None where it is impossible now, False where only the method proper can tell.

    def _nothing(self) -> bool | None:
        """What a failure of a moment ago means."""
        return None if self._calls.errno() == EAGAIN else False
