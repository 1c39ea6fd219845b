"""What a `ZMQStream` does in the loop: receiving, sending, and coming back as long as there is something to do.

What libzmq guarantees, and what this module does about the rest:

1. The file descriptor of a socket is readable while **commands** of the IO thread wait to be processed; whatever uses the
   socket processes them.  So after everything that the stream does with its socket it asks for EVENTS, and if there is
   still something to do, comes back in the next round of the loop instead of waiting for the descriptor.  Whoever
   uses ``stream.socket`` directly takes wake-ups away from the stream, and calls ``flush`` afterwards.
2. Going through the loop for each message costs more than the message.  So several are passed on at once, for as long as
   it takes no more than `_SLICE` and there are no more than `_BURST`; then others run.
3. A callback may do anything: stop receiving, send, flush, close the stream, raise.  After each one the stream looks at what
   it is now, and an exception leaves it ready for the next message.
4. POLLOUT says that a message can be sent, though on some types not to whom: a ROUTER with ROUTER_MANDATORY may have to
   wait for one of its peers, and an XPUB with XPUB_NODROP for the slowest.  The stream never waits in libzmq: such a message stays the
   first of the queue, and is tried again whenever something happens and, while there is one, by the clock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from inspect import isawaitable
from time import monotonic

from tornado.ioloop import IOLoop  # type: ignore[import-not-found,import-untyped,unused-ignore]
from tornado.log import gen_log  # type: ignore[import-not-found,import-untyped,unused-ignore]

from ..constants import Flag, PollEvent, SocketOption
from ..dropping import drop_rest
from ..error import Again, ContextTerminated, ZMQError
from ..options import integer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Sequence

__all__ = ["Passing"]

POLLIN = PollEvent.POLLIN
POLLOUT = PollEvent.POLLOUT
_DONTWAIT = int(Flag.DONTWAIT)

#: Messages, and seconds, after which others run.
_BURST = 64
_SLICE = 0.001
#: Seconds between two attempts to send what EVENTS says can be sent, and libzmq does not take.
_AGAIN_AFTER = 0.02


class Passing:
    """The part of a stream that is called by the loop."""

    if TYPE_CHECKING:
        close: Callable[[], None]
        closed: Callable[[], bool]
        _check_closed: Callable[[], None]

    def __init__(self, socket: Any, io_loop: IOLoop | None) -> None:
        self.socket: Any = socket
        drop_rest(socket)
        self.io_loop = io_loop or IOLoop.current()
        # Every loop of tornado's has one of asyncio's.
        self._loop: Any = getattr(self.io_loop, "asyncio_loop", None)
        self._fd: int = socket.get(SocketOption.FD)
        self._queue: deque[tuple[Sequence[Any], int, dict[str, Any]]] = deque()
        self._recv_callback: Callable[[list[Any]], Any] | None = None
        self._send_callback: Callable[[list[Any], Any], Any] | None = None
        self._recv_copy = True
        # Whether `flush` has done the work of this round of the loop.
        self._flushed = False
        # Whether `_pass_on` is at it, and looks at the end; whether the loop will call `_again`; and what makes the clock
        # try the first of the queue again.
        self._passing_on = False
        self._comes_back = False
        self._timer: Any = None
        # The loop knows tasks weakly.
        self._tasks: set[Any] = set()
        self.io_loop.add_handler(socket, self._handle_events, IOLoop.READ)

    # -- at once ------------------------------------------------------------------------------------------------------

    def flush(self, flag: int = POLLIN | POLLOUT, limit: int | None = None) -> int:
        """Receive and send what can be at this moment, without waiting for the loop.

        Parameters
        ----------
        flag : int, optional
            ``zmq.POLLIN`` to receive, ``zmq.POLLOUT`` to send, by default both.  What is received while there is no callback
            for it is dropped.
        limit : int, optional
            The most messages, of both directions together; by default, and if it is 0, as many as there are.

        Returns
        -------
        int
            How many were received and sent.

        Raises
        ------
        OSError
            If the stream was closed.

        Notes
        -----
        If there were any, the stream passes on no others in this round of the loop, except to `flush`.
        """
        self._check_closed()
        wanted = integer(flag, "flag")
        most = 0 if limit is None else integer(limit, "limit")
        before, self._flushed = self._flushed, False
        count = 0
        try:
            while self.socket is not None:
                done = 0
                if wanted & POLLIN and self.socket.get(SocketOption.EVENTS) & POLLIN:
                    done = self._receive()
                    count += done
                    if self.socket is None or 0 < most <= count:
                        break
                # What is sent may be the answer to what was received.
                if wanted & POLLOUT and self._queue and self._can_send(self.socket.get(SocketOption.EVENTS)):
                    sent = self._send()
                    count += sent
                    done += sent
                if not done or 0 < most <= count:
                    break
        finally:
            self._flushed = before
            if self.socket is not None:
                if count and not before:
                    self._flushed = True
                    self.io_loop.add_callback(self._finish_flush)
                self._look()
        return count

    def _finish_flush(self) -> None:
        self._flushed = False
        if self.socket is not None:
            self._look()

    # -- in the loop --------------------------------------------------------------------------------------------------

    def _handle_events(self, fd: Any, events: int) -> None:
        """Called by the loop when the file descriptor is readable."""
        if self.socket is None:
            return
        try:
            found = self.socket.get(SocketOption.EVENTS)
        except ContextTerminated:
            gen_log.warning("Got events for stream %s after terminating context", self)
            # Nothing will come any more, and a descriptor that stays readable would keep the loop busy.
            self.close()
            return
        except ZMQError as error:
            if self.closed():
                gen_log.warning("Got events for stream %s attached to closed socket: %s", self, error)
            else:
                gen_log.error("Error getting events for %s: %s", self, error)
            return
        self._pass_on(found)

    def _pass_on(self, events: int) -> None:
        """Do what can be done, for a while."""
        if self._flushed:
            return
        end = monotonic() + _SLICE
        idle = blocked = False
        self._passing_on = True
        try:
            for _ in range(_BURST):
                if events & POLLIN and self._recv_callback is not None:
                    self._receive()
                    if self.socket is None or self._flushed:
                        break
                    if self._queue:
                        # A callback may have done anything, and a REP that has received may send now.
                        events = self.socket.get(SocketOption.EVENTS)
                if self._queue and self._can_send(events):
                    blocked = not self._send()
                    if blocked or self.socket is None or self._flushed:
                        break
                events = self.socket.get(SocketOption.EVENTS)
                idle = not self._has_work(events)
                if idle or monotonic() >= end:
                    break
        finally:
            self._passing_on = False
            if self.socket is not None and not idle:
                self._look(blocked)

    def _has_work(self, events: int) -> bool:
        return bool(self._recv_callback is not None and events & POLLIN or self._queue and self._can_send(events))

    def _can_send(self, events: int) -> bool:
        # The rest of a message has not to wait; a PAIR whose peer is gone does not say so.
        return bool(events & POLLOUT or self.socket._midway)

    def _look(self, blocked: bool = False) -> None:
        """Come back in the next round of the loop if there is something to do."""
        if self._comes_back or self._passing_on:
            return
        if self._recv_callback is None and not self._queue:
            return
        try:
            events = self.socket.get(SocketOption.EVENTS)
        except ZMQError:
            return  # the descriptor tells the same
        if blocked and events & POLLOUT:
            # It says that it can be written to and was not: no reason to come back at once.
            events &= ~POLLOUT
            if self._timer is None:
                self._timer = self.io_loop.call_later(_AGAIN_AFTER, self._on_timer)
        if self._has_work(events):
            self._comes_back = True
            self.io_loop.add_callback(self._again)

    def _again(self) -> None:
        self._comes_back = False
        self._handle_events(self.socket, 0)

    def _on_timer(self) -> None:
        self._timer = None
        self._handle_events(self.socket, 0)

    def _receive(self) -> int:
        """Receive one message and call the function; 0 if there was none."""
        try:
            message = self.socket.recv_multipart(_DONTWAIT, copy=self._recv_copy)
        except Again:
            return 0
        if self._recv_callback is not None:
            self._run_callback(self._recv_callback, message)
        return 1

    def _send(self) -> int:
        """Send the first of the queue and call the function; 0 if it cannot be sent yet."""
        message, flags, options = self._queue[0]
        status: Any
        try:
            status = self.socket.send_multipart(message, flags | _DONTWAIT, **options)
        except Exception as error:
            if isinstance(error, Again) and not flags & _DONTWAIT:
                return 0
            gen_log.error("SEND Error: %s", error)
            status = error
        self._queue.popleft()
        if self._send_callback is not None:
            self._run_callback(self._send_callback, message, status)
        return 1

    def _run_callback(self, callback: Callable[..., Any], *args: Any) -> None:
        try:
            result = callback(*args)
            if isawaitable(result):
                task = asyncio.ensure_future(result, loop=self._loop)
                self._tasks.add(task)
                task.add_done_callback(self._finished)
        except Exception:
            gen_log.error("Uncaught exception in ZMQStream callback", exc_info=True)
            # The loop has its own way to tell.
            raise

    def _finished(self, task: Any) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            gen_log.error("Uncaught exception in ZMQStream callback", exc_info=task.exception())
