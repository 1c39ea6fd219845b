"""Receiving: frames and messages, as bytes or as libzmq's own memory.

1. A socket whose last receive has really waited begins the next one with waiting: requests and replies go to and fro
   without an attempt that cannot succeed.
2. A socket receives into one ``zmq_msg_t`` of its own that is used again and again.  A signal handler or a finalizer
   that receives from the same socket in between would read the other's bytes, so the message is marked as taken while
   it is used, and whoever finds it taken uses another.  A message that has held much is closed at once.
3. libzmq keeps small messages inside the ``zmq_msg_t``.  Where the loaded library has been seen to mark them (see
   ``loader.inline``), they are read in place; all others are asked for with ``zmq_msg_data``.
4. Receiving into a buffer of a fixed size would cut off what is longer; only ``recv_into`` does that, because it is
   asked to.
"""

from __future__ import annotations

from ctypes import ArgumentError, addressof, byref, c_char
from errno import EAGAIN
from itertools import repeat
from sys import byteorder
from time import monotonic

from . import _numbers
from .buffers import readable, writable
from .error import Again
from .frame import Frame
from .lending import ledger
from .loader.direct import flags_argument, size_argument
from .loader.structs import zmq_msg_t
from .options import integer
from .tracker import _FINISHED_TRACKER
from .transfer import DONTWAIT, NO_FLAGS, NOWAIT, NOWAIT_FLAGS, Transfer, flags_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ctypes import Array
    from typing import Any, Callable, Literal, Sequence, overload

    from .loader.direct import Sliced
    from .loader.inline import Inline

__all__ = ["Receiving"]


# Seconds: a wait that took less has found its message there; one that took more has most likely waited for the GIL.
_AT_ONCE = 0.000005
_LONG = 0.002

# What a C int cannot tell the size of, has to be asked for it.  Comparing is cheap up to the half of that.
_ASK_FROM = 2**30 - 1

# A received message larger than this is given back at once instead of being kept until the next one; while memory of
# this process is lent, so is every message that may be it.
_KEEP = 8192


def inside(inline: Inline | None, message: Any) -> tuple[Any, int, Any]:
    """What it takes to read small messages in place.

    Returns
    -------
    tuple
        A view of the byte that marks them, and its value; a view of their bytes for each size, because ``.raw`` of a
        whole one costs less than a slice.  The views do not keep the message alive.
    """
    if inline is None:
        return (None,), 0, ()
    start = addressof(message) + inline.offset
    views = [(c_char * size).from_address(start) for size in range(inline.limit + 1)]
    return memoryview(message).cast("B")[inline.mark : inline.mark + 1], inline.value, views


def kinds_of(inline: Inline | None, flag: tuple[int, int], message: Any) -> tuple[Any, int, int]:
    """What it takes to see in one look that a message is small, and whether more frames follow.

    Returns
    -------
    tuple
        A view of the two bytes that tell; what they are for a small last frame, and for a small one that others follow.
        Where the two do not lie together nothing is ever seen.
    """
    place, bit = flag
    if inline is None or not bit or place != inline.mark + 1:
        return (None,), -1, -1
    last, more = (int.from_bytes((inline.value, flags), byteorder) for flags in (0, bit))
    return memoryview(message).cast("B")[inline.mark : place + 1].cast("H"), last, more


# What a socket has instead of the means of receiving until it receives: many never do.
UNREADY: Any = ([True], None, None, None, (None,), 0, (), (None,), -1, -1)
UNREADY_QUICK: Any = (UNREADY[0], None, (), *UNREADY[4:7], None)
#: What a socket in a dialogue calls first, with no arguments: it fails at once, as the attempt without waiting would.
NEVER = repeat(-1).__next__
_set = object.__setattr__
_make = object.__new__


class Receiving(Transfer):
    """The part of a socket that receives."""

    __slots__ = ()

    if TYPE_CHECKING:
        get: Any
        #: The message to receive into; None until the first receive, because many sockets never do.
        _m: Any
        _message: zmq_msg_t
        #: The arguments of the attempt that does not wait, once there has been a receive.
        _now: tuple[Any, Any, Any]
        _quick: tuple[
            list[bool],
            Callable[..., int],
            tuple[Any, ...],
            Any,
            int,
            Sequence[Array[c_char]],
            Callable[..., Sliced],
        ]
        _receive: tuple[
            list[bool],
            Callable[..., int],
            Any,
            Callable[..., Sliced],
            Any,
            int,
            Sequence[Array[c_char]],
            Any,
            int,
            int,
        ]
        _thread_safe: bool

    if TYPE_CHECKING:

        @overload
        def recv(self, flags: int = ..., copy: Literal[True] = ..., track: bool = ...) -> bytes: ...
        @overload
        def recv(self, flags: int = ..., *, copy: Literal[False], track: bool = ...) -> Frame: ...
        @overload
        def recv(self, flags: int, copy: Literal[False], track: bool = ...) -> Frame: ...
        @overload
        def recv(self, flags: int = ..., copy: bool = ..., track: bool = ...) -> bytes | Frame: ...

    def recv(self, flags: int = 0, copy: bool = True, track: bool = False) -> Any:
        """Receive one frame.

        Parameters
        ----------
        flags : int, optional
            ``zmq.DONTWAIT`` to fail instead of waiting.
        copy : bool, optional
            Whether to return bytes, or a `Frame` that holds libzmq's own memory.
        track : bool, optional
            With ``copy=False``, give the frame a tracker.

        Returns
        -------
        bytes or Frame

        Raises
        ------
        Again
            If there is nothing and it may not wait, or has waited for RCVTIMEO.
        ZMQError
            For what else may be wrong.
        """
        if not copy:
            # Into a message of its own.
            number, now = 0, NOWAIT
            if flags is not NO_FLAGS:
                number = flags_number(flags)
                now = flags_argument(number | DONTWAIT)
            library = self._library
            try:
                # Used ones will do: receiving closes what they hold.
                entry = library.messages.used.pop()
            except IndexError:
                entry = library.messages.take()
            # The frame gives the entry back, whatever happens.
            frame = _make(Frame)
            frame._entry = entry
            frame._library = library
            call = self._quick[1]
            if call is None or (number and call is NEVER):
                call = self._calls.msg_recv
            # As below: in a dialogue the answer is never there yet.
            size = -1 if call is NEVER else call(entry[0], self._h, now)
            if size < 0:
                size = self._recv_waiting(entry[0], number)
            frame._size = size if size < _ASK_FROM else -1
            if track:
                frame.tracker = _FINISHED_TRACKER
            return frame
        taken, call, now, mark, small, views, data = self._quick
        if flags is not NO_FLAGS or taken[0]:
            return self._recv_otherwise(flags)
        taken[0] = True
        try:
            size = call(*now)
            if size < 0:
                size = self._recv_waiting(self._m, 0)
            if mark[0] == small:
                return views[size].raw
            # As _take, for what is not large.
            if size <= _KEEP and not ledger.loans:
                return data(self._m)[:size]
            return self._take_large(size)
        finally:
            taken[0] = False

    if TYPE_CHECKING:

        @overload
        def recv_multipart(self, flags: int = ..., copy: Literal[True] = ..., track: bool = ...) -> list[bytes]: ...
        @overload
        def recv_multipart(self, flags: int = ..., *, copy: Literal[False], track: bool = ...) -> list[Frame]: ...
        @overload
        def recv_multipart(self, flags: int, copy: Literal[False], track: bool = ...) -> list[Frame]: ...
        @overload
        def recv_multipart(
            self, flags: int = ..., copy: bool = ..., track: bool = ...
        ) -> list[bytes] | list[Frame]: ...

    def recv_multipart(self, flags: int = 0, copy: bool = True, track: bool = False) -> list[Any]:
        """Receive a whole message as the list of its frames.

        Parameters
        ----------
        flags, copy, track
            As for `recv`.

        Returns
        -------
        list of bytes or of Frame
        """
        taken, call, message, _, _, _, views, kinds, last, more = self._receive
        if taken[0] or flags is not NO_FLAGS or not copy or type(self).recv is not Receiving.recv:
            return self._recv_multipart_otherwise(flags, copy, track)
        taken[0] = True
        try:
            size = call(*self._now)
            if size < 0:
                size = self._recv_waiting(message, 0)
            parts = []
            # As long as the frames are small.
            while (kind := kinds[0]) == more:
                parts.append(views[size].raw)
                # Looked up each time: a signal handler may have closed the socket.
                size = call(*self._now)
                if size < 0:
                    size = self._recv_waiting(message, 0)
            if kind == last:
                parts.append(views[size].raw)
                return parts
            return parts + self._all_parts(size, NOWAIT, 0)
        finally:
            taken[0] = False

    def _recv_multipart_otherwise(self, flags: int, copy: bool, track: bool) -> list[Any]:
        """Receive a message with flags, for the first time, while the socket's own message is taken, or as frames."""
        if self._receive is UNREADY:
            self._make_ready()
        receive = self._receive
        taken = receive[0]
        if not copy or taken[0] or type(self).recv is not Receiving.recv:
            return self._recv_parts(flags, copy, track)
        taken[0] = True
        try:
            try:
                now = NOWAIT_FLAGS[flags]
            except (IndexError, TypeError):
                flags_number(flags)
                now = NOWAIT
            size = receive[1](self._m, self._h, now)
            if size < 0:
                size = self._recv_waiting(self._m, flags)
            return self._all_parts(size, now, flags)
        except ArgumentError:
            flags_number(flags)
            raise
        finally:
            taken[0] = False

    def _make_ready(self) -> None:
        """Bundle what each received message needs, so that one attribute gives it all."""
        if self._m is None:
            structure = zmq_msg_t()
            message = byref(structure)
            self._library.nowait.msg_init(message)
            _set(self, "_message", structure)
            _set(self, "_m", message)
        calls, message = self._calls, self._m
        # Marks that the message is taken, as it always is where several threads may receive.
        taken = [self._thread_safe]
        place = inside(self._library.inline, self._message)
        kinds = kinds_of(self._library.inline, self._library.more, self._message)
        # As a tuple the arguments reach the call without being packed again.
        _set(self, "_now", (message, self._h, NOWAIT))
        data = self._library.nowait.msg_data
        _set(self, "_receive", (taken, calls.msg_recv, message, data, *place, *kinds))
        _set(self, "_quick", (taken, calls.msg_recv, self._now, *place, data))

    def _all_parts(self, size: int, now: Any, flags: int) -> list[bytes]:
        """The frames of a whole message, the first of which is in the socket's own."""
        _, call, message, data, mark, small, views, kinds, last, more = self._receive
        parts: list[bytes] = []
        while True:
            kind = kinds[0]
            if kind == more:
                parts.append(views[size].raw)
            elif kind == last:
                parts.append(views[size].raw)
                return parts
            else:
                follows = self._library.nowait.msg_more(message)
                if mark[0] == small:
                    parts.append(views[size].raw)
                else:
                    keep = size <= _KEEP and not ledger.loans
                    parts.append(data(message)[:size] if keep else self._take_large(size))
                if not follows:
                    return parts
            # Looked up each time: a signal handler may have closed the socket.
            size = call(message, self._h, now)
            if size < 0:
                size = self._recv_waiting(message, flags)

    def _recv_now(self) -> bytes | bool | None:
        """Receive one frame."""
        taken, call, now, mark, small, views, data = self._quick
        if taken[0]:
            return False
        taken[0] = True
        try:
            size = call(*now)
            if size < 0 and call is NEVER:
                # Somebody has received from this socket in another way, and waited.
                self._begin_with(False)
                size = self._calls.msg_recv(*self._now)
            if size < 0:
                return self._nothing()
            if mark[0] == small:
                return views[size].raw
            # As _take, for what is not large.
            if size <= _KEEP and not ledger.loans:
                return data(self._m)[:size]
            return self._take_large(size)
        finally:
            taken[0] = False

    def _recv_multipart_now(self) -> list[bytes] | bool | None:
        """Receive a whole message."""
        taken, call, message, _, _, _, views, kinds, last, more = self._receive
        if taken[0]:
            return False
        taken[0] = True
        try:
            size = call(*self._now)
            if size < 0:
                return self._nothing()
            parts: list[bytes] = []
            # As long as the frames are small.
            while (kind := kinds[0]) == more:
                parts.append(views[size].raw)
                size = call(*self._now)
                if size < 0:
                    size = self._recv_waiting(message, 0)
            if kind == last:
                parts.append(views[size].raw)
            else:
                parts += self._all_parts(size, NOWAIT, 0)
            return parts
        finally:
            taken[0] = False

    def _recv_parts(self, flags: int, copy: bool, track: bool) -> list[Any]:
        """Receive a message frame by frame, through whatever ``recv`` the class has."""
        parts = [self.recv(flags, copy=copy, track=track)]
        while self.get(_numbers.RCVMORE):
            parts.append(self.recv(flags, copy=copy, track=track))
        return parts

    def _recv_waiting(self, message: Any, flags: int) -> int:
        """Receive what was not there at once; waits without the GIL."""
        number = 0
        if flags:
            number = flags_number(flags)
            if number & DONTWAIT and self._calls.errno() == EAGAIN:
                raise Again(EAGAIN)
        call = self._waiting.msg_recv
        start = monotonic()
        size = call(message, self._h, number)
        if size < 0:
            size = self._wait(call, (message,), (), number, _numbers.RCVTIMEO, start)
        if self._receive is UNREADY:
            self._make_ready()
        dialogue = _AT_ONCE < monotonic() - start < _LONG
        if dialogue is not (self._quick[1] is NEVER):
            self._begin_with(dialogue)
        return size

    def _begin_with(self, waiting: bool) -> None:
        """Begin the next receive with waiting, or with an attempt without."""
        first = (NEVER, ()) if waiting else (self._calls.msg_recv, self._now)
        _set(self, "_quick", (self._quick[0], *first, *self._quick[3:]))

    def _take_large(self, size: int) -> bytes:
        """The bytes of a large message, which is given back at once."""
        calls = self._library.nowait
        message = self._m
        # A C int cannot tell the size of what is larger than 2 GB.
        data = calls.msg_data(message)[: calls.msg_size(message)]
        self._waiting.msg_close(message)
        calls.msg_init(message)
        return data

    def _recv_otherwise(self, flags: int) -> Any:
        """Receive with flags, for the first time, or while the socket's own message is taken."""
        if self._receive is UNREADY:
            self._make_ready()
        taken, call, message, *_ = self._receive
        if taken[0]:
            frame: Frame = Receiving.recv(self, flags, False)
            return frame._read()
        taken[0] = True
        try:
            try:
                now = NOWAIT_FLAGS[flags]
            except (IndexError, TypeError):
                flags_number(flags)
                now = NOWAIT
            size = call(message, self._h, now)
            if size < 0:
                size = self._recv_waiting(message, flags)
            return self._take(size)
        except ArgumentError:
            flags_number(flags)
            raise
        finally:
            taken[0] = False

    def _take(self, size: int) -> bytes:
        """The bytes of the socket's own message."""
        if size <= _KEEP and not ledger.loans:
            return self._library.nowait.msg_data(self._m)[:size]
        return self._take_large(size)

    def recv_into(self, buffer: Any, /, *, nbytes: int = 0, flags: int = 0) -> int:
        """Receive one frame into memory of the caller's.

        Parameters
        ----------
        buffer : writable bytes-like
            Where the frame's bytes go.
        nbytes : int, optional
            Use only the first ``nbytes`` of it; 0 is all of it.
        flags : int, optional
            ``zmq.DONTWAIT`` to fail instead of waiting.

        Returns
        -------
        int
            The size of the frame in bytes; if it is greater than the memory, the rest was dropped.

        Raises
        ------
        BufferError
            If the memory is read-only or not one block.
        ValueError
            If ``nbytes`` is negative or greater than the memory.
        Again
            As `recv` does.
        """
        view = writable(buffer)
        size = integer(nbytes, "nbytes", -(2**63), 2**63 - 1)
        if size < 0 or size > view.nbytes:
            raise ValueError(f"nbytes={nbytes} is not between 0 and the buffer's {view.nbytes} bytes")
        number = flags_number(flags)
        length = size_argument(size or view.nbytes)
        target = readable(view)
        call, start = self._waiting.recv, monotonic()
        received: int = call(self._h, target, length, number)
        if received < 0:
            received = self._wait(call, (), (target, length), number, _numbers.RCVTIMEO, start)
        return received
