"""Sending: frames and messages, copied or lent.

If the peer is gone that has the beginning of a message, libzmq drops the rest, but tells a call without waiting EAGAIN
about it, and takes the same frame, when it is sent again, for another message.  So no frame but the first of a message is
ever tried twice.  Frames that are sent one by one are known by `Sending._midway`.
"""

from __future__ import annotations

from ctypes import ArgumentError
from errno import EAGAIN, EINTR
from time import monotonic

from . import _numbers
from .buffers import contiguous, readable
from .content import Content
from .error import from_errno
from .frame import Frame, group_name
from .lending import ledger
from .loader.direct import COPY_LIMIT, flags_argument, size_argument
from .options import integer
from .tracker import _FINISHED_TRACKER, MessageTracker
from .transfer import DONTWAIT, NO_FLAGS, NOWAIT, NOWAIT_FLAGS, Transfer, flags_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, Sequence, overload

    from typing_extensions import Buffer

__all__ = ["Sending"]

_SNDMORE = _numbers.SNDMORE
_NOWAIT_MORES = NOWAIT_FLAGS[_SNDMORE:]
_NOWAIT_MORE = NOWAIT_FLAGS[_SNDMORE]

_set = object.__setattr__


class Sending(Transfer):
    """The part of a socket that sends."""

    __slots__ = ()

    if TYPE_CHECKING:
        _threshold: int
        _transmit: tuple[Any, Any]

    if TYPE_CHECKING:
        # A frame is a buffer as well, for which the first one counts.
        @overload
        def send(  # type: ignore[overload-overlap]
            self,
            data: Frame,
            flags: int = ...,
            copy: bool = ...,
            track: bool = ...,
            routing_id: int | None = ...,
            group: str | None = ...,
        ) -> MessageTracker: ...
        @overload
        def send(
            self,
            data: Buffer,
            flags: int = ...,
            copy: Literal[True] = ...,
            track: bool = ...,
            routing_id: int | None = ...,
            group: str | None = ...,
        ) -> None: ...
        @overload
        def send(
            self,
            data: Buffer,
            flags: int = ...,
            *,
            copy: Literal[False],
            track: bool = ...,
            routing_id: int | None = ...,
            group: str | None = ...,
        ) -> MessageTracker: ...
        @overload
        def send(
            self,
            data: Buffer,
            flags: int,
            copy: Literal[False],
            track: bool = ...,
            routing_id: int | None = ...,
            group: str | None = ...,
        ) -> MessageTracker: ...
        @overload
        def send(
            self,
            data: Buffer,
            flags: int = ...,
            copy: bool = ...,
            track: bool = ...,
            routing_id: int | None = ...,
            group: str | None = ...,
        ) -> MessageTracker | None: ...

    def send(
        self,
        data: Any,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        routing_id: int | None = None,
        group: str | None = None,
    ) -> MessageTracker | None:
        """Send one frame.

        Parameters
        ----------
        data : bytes-like or Frame
            What to send; text goes through `send_string`.
        flags : int, optional
            ``zmq.DONTWAIT`` to fail instead of waiting, ``zmq.SNDMORE`` if more frames of the same message follow.
        copy : bool, optional
            Whether libzmq gets a copy of the data.
        track : bool, optional
            With ``copy=False``, return a tracker that tells when libzmq has let go of the data.
        routing_id : int, optional
            The peer that a SERVER or PEER socket sends to (draft).
        group : str, optional
            The group that a RADIO socket sends to (draft).

        Returns
        -------
        MessageTracker or None
            None with ``copy=True``.

        Raises
        ------
        Again
            If it would have to wait and may not, or has waited for SNDTIMEO.
        TypeError
            If the data is text or not bytes-like.
        BufferError
            If its memory is not one block.
        ZMQError
            For what else may be wrong; the frame was then not sent.
        """
        if (
            type(data) is bytes
            and routing_id is None
            and group is None
            # What is short is not worth being lent.
            and (copy or (not track and len(data) < self._threshold))
        ):
            size = len(data)
            if flags is NO_FLAGS and size <= COPY_LIMIT:
                call, handle = self._transmit
                if call(handle, data, size, NOWAIT) < 0:
                    self._send_waiting(data, size, 0)
                return None if copy else _FINISHED_TRACKER
            try:
                now = NOWAIT_FLAGS[flags]
            except (IndexError, TypeError):
                flags_number(flags)
            else:
                if size <= COPY_LIMIT:
                    call, handle = self._transmit
                    try:
                        if call(handle, data, size, now) >= 0:
                            if now in _NOWAIT_MORES:
                                self._now_midway(True)
                            return None if copy else _FINISHED_TRACKER
                    except ArgumentError:
                        flags_number(flags)  # a slice is an index too
                        raise
            self._send_waiting(data, size, flags)
            return None if copy else _FINISHED_TRACKER
        return self._send_other(data, flags, copy, track, routing_id, group)

    def _send_waiting(self, data: Any, size: int, flags: int) -> None:
        """Send what could not be sent at once; waits without the GIL."""
        number = flags_number(flags)
        self._send_by(self._waiting.send, (), (data, size_argument(size)), number)

    def _send_by(self, call: Any, before: tuple[Any, ...], after: tuple[Any, ...], number: int) -> None:
        """Send a frame by a call that may wait, with checked flags."""
        start = monotonic()
        if self._midway:
            while call(*before, self._h, *after, number) < 0:
                errno = self._library.functions.zmq_errno()
                if errno != EINTR:
                    raise from_errno(errno)
        elif call(*before, self._h, *after, number) < 0:
            self._wait(call, before, after, number, _numbers.SNDTIMEO, start)
        more = bool(number & _SNDMORE)
        if more is not self._midway:
            self._now_midway(more)

    @property
    def _midway(self) -> bool:
        """Whether the frames that were sent last are the beginning of a message."""
        return self._transmit[0] is _refuse

    def _now_midway(self, midway: bool) -> None:
        _set(self, "_transmit", (_refuse if midway else self._calls.send, self._h))

    def _send_other(
        self, data: Any, flags: int, copy: bool, track: bool, routing_id: int | None, group: str | None
    ) -> MessageTracker | None:
        """Send what is not plain bytes, or not to everybody."""
        number = flags_number(flags)
        if isinstance(data, Frame):
            if track and not data.tracker:
                raise ValueError("Not a tracked message")
            content, tracker = data._copied(), data.tracker
        else:
            view = contiguous(data)
            small = copy or view.nbytes < self._threshold
            tracker = None if copy or not (small or track) else _FINISHED_TRACKER
            lend = not small and ledger.takes(view)
            if not lend and routing_id is None and group is None:
                self._send_waiting(readable(view), view.nbytes, number)
                return tracker
            content = Content(self._library)
            if lend:
                del view  # only the loan holds the memory
                loan = content._lend(data)
                tracker = MessageTracker(loan) if track else None
            else:
                content._fill(view)
        functions, argument = self._library.functions, content._entry[0]
        if routing_id is not None:
            routing_id = integer(routing_id, "routing_id", 0, 2**32 - 1)
            if functions.zmq_msg_set_routing_id(argument, routing_id) < 0:
                raise from_errno(functions.zmq_errno())
        if group is not None and functions.zmq_msg_set_group(argument, group_name(group)) < 0:
            raise from_errno(functions.zmq_errno())
        now = NOWAIT_FLAGS[number] if 0 <= number < len(NOWAIT_FLAGS) else flags_argument(number | DONTWAIT)
        if self._midway or number & _SNDMORE or self._calls.msg_send(argument, self._h, now) < 0:
            self._send_by(self._waiting.msg_send, (argument,), (), number)
        content._sent()
        return tracker

    def send_multipart(
        self,
        msg_parts: Sequence[Frame | Buffer],
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        **kwargs: Any,
    ) -> MessageTracker | None:
        """Send a message of several frames, which arrives as a whole or not at all.

        Parameters
        ----------
        msg_parts : sequence of bytes-like or Frame
            The frames, at least one.
        flags, copy, track
            As for `send`.
        **kwargs
            ``routing_id`` and ``group`` as for `send`.

        Returns
        -------
        MessageTracker or None
            What `send` returns for the last frame.

        Raises
        ------
        TypeError
            If one of the frames cannot be sent; then none was.
        IndexError
            If there are no frames.
        """
        last = len(msg_parts) - 1
        if last < 0:
            raise IndexError("msg_parts is empty: a message has one frame at least")
        plain = True
        for part in msg_parts:
            if type(part) is not bytes:
                check_parts(msg_parts)
                plain = False
                break
        if kwargs or not copy or type(self).send is not Sending.send:
            for part in msg_parts[:last]:
                self.send(part, _SNDMORE | flags, copy=copy, track=track, **kwargs)
            return self.send(msg_parts[last], flags, copy=copy, track=track, **kwargs)
        number = flags if flags is NO_FLAGS else flags_number(flags)
        done = 0
        if not number & ~DONTWAIT:
            now = _NOWAIT_MORE
            for part in msg_parts:
                if not plain and type(part) is not bytes:
                    break
                size = len(part)  # type: ignore[arg-type]
                if size > COPY_LIMIT:
                    break
                if done == last:
                    now = NOWAIT
                # Looked up each time: a signal handler may close the socket between two frames.
                call, handle = self._transmit
                if call(handle, part, size, now) < 0 and not (done and self._gone(call, number)):
                    break
                done += 1
            else:
                return None
        if done and not self._midway:
            self._now_midway(True)
        for part in msg_parts[done:last]:
            self.send(part, number | _SNDMORE)
        return self.send(msg_parts[last], flags)

    def _gone(self, call: Any, flags: int) -> bool:
        """Whether the call that sent a frame has just failed because the peer with the beginning of the message is gone."""
        return call is not _refuse and not flags & DONTWAIT and self._calls.errno() == EAGAIN

    def _send_multipart_now(self, msg_parts: Sequence[Any]) -> bool | None:
        """Send a list of bytes as a message."""
        if type(msg_parts) is not list:
            return False
        for part in msg_parts:
            if type(part) is not bytes:
                return False
        left = len(msg_parts)
        for part in msg_parts:
            left -= 1
            flags = _NOWAIT_MORE if left else NOWAIT
            # Looked up each time: a signal handler may have closed the socket.
            call, handle = self._transmit
            size, calls = len(part), self._calls
            if size > COPY_LIMIT and call is not _refuse:
                calls = self._library.waiting
                call, size = calls.send, size_argument(size)
            while call(handle, part, size, flags) < 0:
                errno = calls.errno()
                if call is _refuse:
                    return False
                if left == len(msg_parts) - 1:
                    return None if errno == EAGAIN else False
                if errno == EINTR and self._h is handle:
                    continue
                if errno != EAGAIN:
                    return False
                # Else the peer is gone that has the beginning.
                from .dropping import drops_by_itself

                if not drops_by_itself(self):
                    return True
                break
        return bool(msg_parts)


def _refuse(handle: Any, data: Any, size: Any, flags: Any) -> int:
    """In place of the call that sends without waiting, where there must be no second attempt."""
    return -1


def check_parts(parts: Sequence[Any]) -> None:
    """Refuse a message one of whose frames cannot be sent.

    Raises
    ------
    TypeError
        If it is not bytes-like.
    BufferError
        If its memory is not one block.
    """
    for i, part in enumerate(parts):
        if type(part) is not bytes and not isinstance(part, Frame):
            _check_part(i, part)


def _check_part(i: int, part: Any) -> None:
    shown = repr(part)
    if len(shown) > 10:
        shown = f"{shown[:7]}..."
    try:
        contiguous(part)
    except TypeError:
        raise TypeError(f"Frame {i} ({shown}) does not support the buffer interface.") from None
