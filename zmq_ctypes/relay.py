"""One direction of a device: messages from one socket to another, in native calls, with a copy for a third.

1. A message costs a few native calls on messages that are used again and again; no Python object is made of it.  What
   arrives in bursts is passed on in bursts.
2. The calls keep the GIL, since none of them waits; other Python threads get it when the interpreter's switch interval
   has passed, and while this one polls.  Beside a thread that computes all the time, a device in a process of its own
   is faster.
3. A message is passed on as a whole.  For want of room libzmq refuses at most its first frame; then it stays in hand,
   and until there is room its direction receives nothing, while the other direction goes on.  A later frame is refused
   when the peer that has the first ones is gone.  Sending that frame once more would make it the beginning of a message
   for somebody else, so the message is given up there, as libzmq's own proxies do.  What is in hand when the loop ends,
   and finds no room even then, is dropped as a whole: the next thing to receive is the beginning of a message.

The loop around it is that of `relaying`.
"""

from __future__ import annotations

from ctypes import addressof, byref, c_char_p, c_void_p, cast
from errno import EAGAIN, EINTR
from functools import partial
from itertools import repeat
from time import monotonic

from . import _numbers, constants
from .error import Again, ZMQError, from_errno, last_error
from .interrupts import Interrupts
from .loader.direct import flags_argument, size_argument
from .loader.structs import iovec, zmq_msg_t

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from .socket import Socket

__all__ = ["BURST", "Relay"]

#: So many messages go one way before the other way, and whatever else is polled, is looked at.
BURST = 1000

_DONTWAIT = _numbers.DONTWAIT
_SNDMORE = _numbers.SNDMORE
_LAST = flags_argument(_DONTWAIT)
_MORE = flags_argument(_DONTWAIT | _SNDMORE)
_POLLIN, _POLLOUT = _numbers.POLLIN, _numbers.POLLOUT
_DROPS_FROM = (4, 3, 1)


def _drops(socket: Socket[Any]) -> bool:
    """Whether libzmq drops the rest of a message by itself, when the peer that has its beginning is gone.

    If it does, it wants to be given that rest.  If not (PAIR, and everything before 4.3.1), what is sent next begins a new
    message.
    """
    return socket._library.version >= _DROPS_FROM and socket.type != _numbers.PAIR


class Relay:
    """One direction: passes on what comes in at one socket to another, with a copy for a third.

    Parameters
    ----------
    source, sink : Socket
        Where messages come from and go to.
    side : Socket, optional
        Gets a copy of each message.
    prefix : bytes, optional
        A frame that is put before each copy.
    swap : bool, optional
        Exchange the first two frames of each message.

    Attributes
    ----------
    held : bool
        A message is in hand that found no room in the sink.
    messages, bytes : int
        How many have been passed on; frames of one message are counted together.
    """

    def __init__(
        self,
        source: Socket[Any],
        sink: Socket[Any],
        side: Socket[Any] | None = None,
        prefix: bytes | None = None,
        swap: bool = False,
    ) -> None:
        library = source._library
        self.source = source
        self.sink = sink
        self.held = False
        self.messages = 0
        self.bytes = 0
        self._side = side
        self._prefix = prefix
        self._swap = swap
        self._functions = library.functions
        self._waiting = library.waiting
        self._calls = calls = library.nowait
        self._structures = [zmq_msg_t() for _ in range(3)]
        # The message; its second frame where two are swapped; and the copy.
        self._message, self._second, self._copy = (byref(structure) for structure in self._structures)
        for message in (self._message, self._second, self._copy):
            calls.msg_init(message)
        self._hand: list[Any] = []
        # Of the message in hand: whether frames follow that were not received yet, and whether the side has its copy.
        self._follows = self._told = False
        self._receive = partial(source._calls.msg_recv, self._message, source._h, _LAST)
        self._more = partial(calls.msg_more, self._message)
        place, bit = library.more
        # Where it is not known which bit says that more follows, every message is asked.
        self._flags: Any = (memoryview(self._structures[0]).cast("B")[place : place + 1], bit) if bit else ((1,), 1)
        self._send = partial(sink._calls.msg_send, self._message, sink._h, _LAST)
        self._send_more = partial(sink._calls.msg_send, self._message, sink._h, _MORE)
        if side is not None:
            self._prepare(side)

    def _prepare(self, side: Socket[Any]) -> None:
        """Prepare the calls for the copies."""
        calls, handle, prefix = side._calls, side._h, self._prefix
        self._duplicate = partial(self._calls.msg_copy, self._copy, self._message)
        self._tell = partial(calls.msg_send, self._copy, handle, _LAST)
        self._tell_more = partial(calls.msg_send, self._copy, handle, _MORE)
        # Where there is no prefix, what always succeeds takes its place.
        self._announce: Callable[[], int] = int
        if prefix is not None:
            self._announce = partial(calls.send, handle, prefix, size_argument(len(prefix)), _MORE)
        inline = self.source._library.inline
        limit, mark, value, lengths, gather = -1, None, 0, None, None
        if inline is not None:
            structure = self._structures[0]
            limit, value = inline.limit, inline.value
            mark = memoryview(structure).cast("B")[inline.mark : inline.mark + 1]
            # A small message is copied right out of the structure that it lies in: one call sends prefix and copy.
            count = 1 if prefix is None else 2
            parts = self._parts = (iovec * count)()
            parts[0].iov_base, parts[0].iov_len = cast(c_char_p(prefix), c_void_p), len(prefix or b"")
            parts[-1].iov_base = addressof(structure) + inline.offset
            lengths = memoryview(parts).cast("B").cast("N")[-1:]  # type: ignore[call-overload]
            gather = partial(calls.sendiov, handle, byref(parts), size_argument(count), _MORE)
        self._small: Any = (limit, mark, value, lengths, gather)

    # -- one burst ----------------------------------------------------------------------------------------------------

    @property
    def awaits(self) -> tuple[Socket[Any], int]:
        """What to poll for: a message, or room for the one in hand."""
        return (self.sink, _POLLOUT) if self.held else (self.source, _POLLIN)

    def go(self, interrupts: Interrupts) -> None:
        """Pass on what is there, up to `BURST` messages; to be called when there is what the relay awaits.

        Raises
        ------
        ZMQError
            Whatever one of the sockets answers; what has been begun is finished first.
        """
        if self.held:
            self._deliver(interrupts, self._told)
        elif self._side is None:
            self._pass_on(interrupts)
        else:
            self._pass_on_and_tell(interrupts)

    def _pass_on(self, interrupts: Interrupts) -> None:
        receive, more, send, (flags, bit) = self._receive, self._more, self._send, self._flags
        frames = self._whole if self._swap else self._pass_frames
        count = total = 0
        fresh = True
        try:
            for _ in repeat(None, BURST):
                size = receive()
                if size < 0:
                    if fresh and not count:
                        self._look_again(interrupts)
                    return
                if flags[0] & bit and more():
                    if not frames(interrupts, size):
                        return
                    fresh = False
                    continue
                if send() < 0:
                    self._single(interrupts)
                    return
                count += 1
                total += size
        finally:
            self.messages += count
            self.bytes += total

    def _pass_on_and_tell(self, interrupts: Interrupts) -> None:
        receive, more, send, (flags, bit) = self._receive, self._more, self._send, self._flags
        duplicate, announce, tell = self._duplicate, self._announce, self._tell
        frames = self._whole if self._swap else self._pass_frames_and_tell
        limit, mark, value, lengths, gather = self._small
        prefixed = self._prefix is not None
        count = total = 0
        fresh = True
        try:
            for _ in repeat(None, BURST):
                size = receive()
                if size < 0:
                    if fresh and not count:
                        self._look_again(interrupts)
                    return
                if flags[0] & bit and more():
                    if not frames(interrupts, size):
                        return
                    fresh = False
                    continue
                if size <= limit and mark[0] == value:
                    lengths[0] = size
                    if gather() >= 0:
                        if send() < 0:
                            self._single(interrupts, told=True)
                            return
                        count += 1
                        total += size
                        continue
                if duplicate() < 0 or send() < 0:
                    self._single(interrupts)
                    return
                count += 1
                total += size
                if announce() < 0:
                    self._report(interrupts, True, 0)
                    return
                if tell() < 0:
                    # If the prefix went and the copy did not, the peer that has the prefix is gone, or a signal came.
                    dropped = prefixed and self._dropped(self._side)
                    if not dropped:
                        self._report(interrupts, not prefixed, 0)
                    return
        finally:
            self.messages += count
            self.bytes += total

    def _look_again(self, interrupts: Interrupts) -> None:
        """Find out why nothing came although something was announced."""
        if self._attempt(self.source, self._waiting.msg_recv, (self._message,), ()):
            self._whole(interrupts, 0)

    def _pass_frames(self, interrupts: Interrupts, size: int) -> bool:
        """Pass on the message whose first frame, of this size, is in hand; False if the burst must not go on."""
        receive, more, send, send_more = self._receive, self._more, self._send, self._send_more
        flags, bit = self._flags
        total = 0
        first = follows = True
        while True:
            if (send_more() if follows else send()) < 0:
                return self._resume(interrupts, [self._message], follows, total, first)
            total += size
            if not follows:
                break
            first = False
            size = receive()
            if size < 0:
                return self._resume(interrupts, [], True, total)
            follows = bool(flags[0] & bit and more())
        self.messages += 1
        self.bytes += total
        return True

    def _pass_frames_and_tell(self, interrupts: Interrupts, size: int) -> bool:
        """The same, with a copy."""
        receive, more, send, send_more = self._receive, self._more, self._send, self._send_more
        flags, bit = self._flags
        duplicate, tell, tell_more = self._duplicate, self._tell, self._tell_more
        total = 0
        first = follows = True
        while True:
            if duplicate() < 0:
                raise last_error()
            if (send_more() if follows else send()) < 0:
                return self._resume(interrupts, [self._message], follows, total, first)
            total += size
            if first and self._announce() < 0:
                return self._resume(interrupts, [], follows, total, untold=True)
            if (tell_more() if follows else tell()) < 0:
                return self._resume(interrupts, [], follows, total, untold=first and self._prefix is None)
            if not follows:
                break
            first = False
            size = receive()
            if size < 0:
                return self._resume(interrupts, [], True, total)
            follows = bool(flags[0] & bit and more())
        self.messages += 1
        self.bytes += total
        return True

    # -- all that is not one frame for which there is room --------------------------------------------------------------

    def _attempt(
        self, socket: Socket[Any], call: Any, before: tuple[Any, ...], after: tuple[Any, ...], more: int = 0
    ) -> bool:
        """Make a call that does not wait, through the binding that tells the truth about it; False if it would have to."""
        while call(*before, socket._h, *after, _DONTWAIT | more) < 0:
            errno = self._functions.zmq_errno()
            if errno == EAGAIN:
                return False
            if errno != EINTR:
                raise from_errno(errno)
        return True

    def _insist(
        self,
        interrupts: Interrupts,
        socket: Socket[Any],
        call: Any,
        before: tuple[Any, ...],
        after: tuple[Any, ...],
        more: int,
    ) -> None:
        """Wait for room without the GIL, for as long as the socket's SNDTIMEO says; signal handlers run meanwhile."""
        self._waited = True
        interrupts.allow()
        try:
            start = monotonic()
            if call(*before, socket._h, *after, more) < 0:
                socket._wait(call, before, after, more, _numbers.SNDTIMEO, start)
        finally:
            interrupts.forbid()

    def _single(self, interrupts: Interrupts, told: bool = False) -> None:
        """Pass on the one frame in hand, for which there was no room."""
        self._hand, self._follows = [self._message], False
        self._deliver(interrupts, told)

    def _whole(self, interrupts: Interrupts, size: int) -> bool:
        """As `_pass_frames`, for whatever message it is."""
        self._hand = [self._message]
        self._follows = bool(self._more())
        if self._swap and self._follows:
            self._next(self._second)
            self._hand = [self._second, self._message]
        return self._deliver(interrupts, False)

    def _resume(
        self,
        interrupts: Interrupts,
        hand: list[Any],
        follows: bool,
        size: int,
        first: bool = False,
        untold: bool | None = None,
    ) -> bool:
        """Go on with a message one of whose calls has failed, and end the burst.

        Parameters
        ----------
        hand : list
            The frame that was not sent, if it was that.  Only the first of its message may be tried again for want of room:
            libzmq has dropped any other one, and would take it for the beginning of a message.
        follows : bool
            Whether there is more to be received.
        size : int
            Bytes that have been passed on.
        first : bool, optional
            Nothing of the message has been passed on.
        untold : bool, optional
            The side has not got the last frame; True if it has got nothing at all.
        """
        telling = True
        problem: BaseException | None = None
        tried = bool(hand) and not first and self._dropped(self.sink)
        if untold is False and self._dropped(self._side):
            # The peer is gone that has the beginning of the copy.
            assert self._side is not None
            telling = _drops(self._side)
        elif untold is not None:
            try:
                telling = self._report(interrupts, untold, _SNDMORE if follows else 0)
            except BaseException as error:
                problem, telling = error, False
        if hand or follows:
            self._hand, self._follows = hand, follows
            self._deliver(interrupts, not telling, first, size, tried)
        else:
            self.messages += 1
            self.bytes += size
        if problem is not None:
            raise problem
        return False

    @staticmethod
    def _dropped(socket: Any) -> bool:
        """Whether libzmq has dropped the frame that was just refused, which was not the first of its message.

        If not, a signal came before anything was done, or something is wrong that the next attempt tells.
        """
        return bool(socket._calls.errno() == EAGAIN)

    def _next(self, message: Any) -> None:
        """Receive the next frame of a message; all of it has come with the first."""
        self._follows = False
        if not self._attempt(self.source, self._waiting.msg_recv, (message,), ()):
            raise from_errno(EAGAIN)
        self._follows = bool(self._calls.msg_more(message))

    def _deliver(
        self, interrupts: Interrupts, told: bool, first: bool = True, size: int = 0, tried: bool = False
    ) -> bool:
        """Send what is in hand and the rest of its message; False if the burst must not go on.

        `size` bytes were sent before, if this is not the ``first`` of its message.  What was ``tried`` is not sent again.
        """
        resumed, self.held, self._waited = self.held, False, False
        telling = self._side is not None and not told
        problem: BaseException | None = None
        sending = True
        send = self._waiting.msg_send
        try:
            while True:
                for message in self._hand:
                    more = _SNDMORE if self._follows or message is not self._hand[-1] else 0
                    if telling and self._calls.msg_copy(self._copy, message) < 0:
                        raise last_error()
                    size += self._calls.msg_size(message)
                    if sending and (tried or not self._attempt(self.sink, send, (message,), (), more)):
                        tried = False
                        if not first:
                            # Not for want of room: the peer that has the beginning is gone, and the message with it.
                            sending = _drops(self.sink)
                        elif not resumed:
                            self.held, self._told = True, told
                            return False
                        else:
                            # Some sockets always say that there is room, and have none all the same.
                            self._insist(interrupts, self.sink, send, (message,), (), more)
                    if telling:
                        try:
                            telling = self._report(interrupts, first, more)
                        except BaseException as error:
                            # The message itself is finished before anything else happens.
                            problem, telling = error, False
                    first = False
                if not self._follows:
                    break
                self._hand = [self._message]
                self._next(self._message)
        except BaseException:
            self._skip()
            raise
        finally:
            if not self.held:
                self._hand = []
        if problem is not None:
            raise problem
        self.messages += 1
        self.bytes += size
        return not self._waited

    def _skip(self) -> None:
        """Drop what has not been received yet of the message in hand."""
        try:
            while self._follows:
                self._next(self._message)
        except ZMQError:
            pass

    def _report(self, interrupts: Interrupts, first: bool, more: int) -> bool:
        """Send the copy of a frame to the side; False if the rest of the message must not be sent to it.

        The first frame may take as long as SNDTIMEO of the side says.
        """
        side = self._side
        assert side is not None
        send = self._waiting.msg_send
        if first and self._prefix is not None:
            prefix = (self._prefix, size_argument(len(self._prefix)))
            taken = self._offer(interrupts, side, self._waiting.send, (), prefix, _SNDMORE)
            goes_on = taken and (self._attempt(side, send, (self._copy,), (), more) or _drops(side))
        elif first:
            goes_on = self._offer(interrupts, side, send, (self._copy,), (), more)
        else:
            goes_on = self._attempt(side, send, (self._copy,), (), more) or _drops(side)
        # Whatever became of it, it keeps no memory.
        self._calls.msg_close(self._copy)
        self._calls.msg_init(self._copy)
        return goes_on

    def _offer(
        self,
        interrupts: Interrupts,
        socket: Socket[Any],
        call: Any,
        before: tuple[Any, ...],
        after: tuple[Any, ...],
        more: int,
    ) -> bool:
        """Send a first frame; False if there was no room for as long as SNDTIMEO says."""
        if not self._attempt(socket, call, before, after, more):
            try:
                self._insist(interrupts, socket, call, before, after, more)
            except Again:
                return False
        return True

    # -- the end ------------------------------------------------------------------------------------------------------

    def abandon(self) -> None:
        """Send a message that is still in hand if there is room for it now, and drop it otherwise."""
        if self.held:
            self.held = False
            try:
                # Without its copy, which might have to wait.
                self._deliver(Interrupts(), told=True)
            except ZMQError:
                pass
            if self.held:
                self._skip()

    def close(self) -> None:
        """Give the messages back; the relay cannot be used any more."""
        for message in (self._message, self._second, self._copy):
            self._calls.msg_close(message)

    def check_open(self) -> None:
        """Notice that one of the sockets was closed."""
        for socket in (self.source, self.sink, self._side):
            if socket is not None and not socket.underlying:
                raise ZMQError(constants.ENOTSOCK, f"a socket was closed while messages were passed on: {socket!r}")
