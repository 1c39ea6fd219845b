"""The rest of a message whose peer is gone, on sockets that are never let wait: those of event loops.

What libzmq guarantees, and what this module does about the rest:

1. A frame that has been sent with SNDMORE binds the message to a peer.  The frames after it never have to wait for room.  If
   they cannot be sent, the peer is gone, and the beginning with it.
2. A call that waits is told nothing of that: libzmq drops the rest, and the next message is whole.  A call without waiting gets
   EAGAIN, once, and **the same frame, sent again, would be taken for a message of its own**.  An event loop makes only
   calls without waiting.  So here EAGAIN in the midst of a message means what it means to the call that waits: the frame is dropped.
3. From version 4.3.1 on libzmq then drops the frames that follow, and has to be given them, to know where the
   message ends.  Before, and on a PAIR socket to this day, it takes the next one for a new message if another peer is
   there; so it is not given them.
"""

from __future__ import annotations

from errno import EAGAIN
from weakref import ref

from .constants import Flag, SocketType
from .loader.direct import DirectCalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

__all__ = ["DroppingCalls", "drop_rest"]

_SNDMORE = int(Flag.SNDMORE)
#: The first version that drops what follows a frame that it has refused.
_DROPS = (4, 3, 1)

_set = object.__setattr__


def drop_rest(socket: Any) -> None:
    """Have a socket drop the rest of a message whose peer is gone, whether it waits or not."""
    # The thread-safe types have messages of one frame only.
    if not socket._thread_safe and not isinstance(socket._waiting, DroppingCalls):
        _set(socket, "_waiting", DroppingCalls(socket._waiting, socket))


def drops_by_itself(socket: Any) -> bool:
    """Whether libzmq drops what follows a frame that it has refused."""
    return bool(socket.type != SocketType.PAIR and socket._library.version >= _DROPS)


class DroppingCalls:
    """The calls through which every frame goes but the first of a message: as `loader.direct.DirectCalls`, and they drop.

    Parameters
    ----------
    calls : loader.direct.DirectCalls
        The calls that these stand for.
    socket : Socket
        Not kept alive.
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Callable[..., Any]: ...

    def __init__(self, calls: Any, socket: Any) -> None:
        for name in DirectCalls.__slots__:
            setattr(self, name, getattr(calls, name))
        rest = _Rest(socket)
        raw_send, raw_msg_send, close, init = calls.send, calls.msg_send, calls.msg_close, calls.msg_init

        def send(handle: Any, data: Any, size: Any, flags: Any) -> int:
            if rest.dropping and rest.goes_on(flags):
                return 0
            result: int = raw_send(handle, data, size, flags)
            return 0 if result < 0 and rest.begins(flags) else result

        def msg_send(message: Any, handle: Any, flags: Any) -> int:
            if not (rest.dropping and rest.goes_on(flags)):
                result: int = raw_msg_send(message, handle, flags)
                if result >= 0 or not rest.begins(flags):
                    return result
            # Left as libzmq leaves it: nothing is in it, and lent memory is given back.
            close(message)
            init(message)
            return 0

        for function in (send, msg_send):
            setattr(self, function.__name__, function)


class _Rest:
    """What becomes of the rest of a message."""

    __slots__ = ("_by_itself", "_errno", "_socket", "dropping")

    def __init__(self, socket: Any) -> None:
        self._by_itself = drops_by_itself(socket)
        self._errno = socket._library.functions.zmq_errno
        self._socket = ref(socket)
        #: Whether frames are kept from libzmq until the last one of the message.
        self.dropping = False

    def _midway(self) -> bool:
        """Whether a message has been begun; closing the socket has ended it."""
        socket = self._socket()
        return socket is not None and socket._midway

    def begins(self, flags: int) -> bool:
        """Whether a frame that has just failed is dropped."""
        if not self._midway() or self._errno() != EAGAIN:
            return False
        self.dropping = bool(flags & _SNDMORE) and not self._by_itself
        return True

    def goes_on(self, flags: int) -> bool:
        """Whether a frame is dropped because the one before it was."""
        midway = self._midway()
        self.dropping = midway and bool(flags & _SNDMORE)
        return midway
