"""Sockets and pollers that are awaited: the part that is the same for every event loop.

An adapter is a module for one kind of event loop.  It gives `_AsyncSocket` and `_AsyncPoller` a mixin, as the first base,
with

``_Future``
    A class of futures: `asyncio.Future` or a subclass, called as ``_Future(loop=loop)``, and as ``_Future()`` in the loop that runs.
``_default_loop()``
    The `asyncio` event loop to wait in: the running one, or, with a warning, the one that will run.  Kinds of loops that
    stand on asyncio (tornado's) give the one that they stand on.

and sets ``_poller_class`` and ``_kind`` on its socket class and ``_socket_class`` on its poller and context classes.  All that is left to
it is names.  How waiting works is told in `_traffic` and `_operations`, and how fast it is in the documentation: what can be done at once
is returned in a future that is done already, and the loop hears nothing of it.
"""

from __future__ import annotations

import os
import sys
from asyncio import Future
from asyncio import _get_running_loop as running_loop
from functools import partial, wraps

from ._async_poll import _Async, _AsyncPoller
from ._operations import Operation
from ._traffic import Traffic, traffic_of
from .constants import Errno, PollEvent, SocketOption
from .error import Again, ZMQError
from .loader.direct import COPY_LIMIT
from .options import INT_ARGUMENTS
from .poll import milliseconds
from .socket import Socket
from .transfer import DONTWAIT, NO_FLAGS, NOWAIT, flags_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from builtins import type as type_
    from collections import deque
    from typing import Any, Awaitable, Callable, Literal, Sequence, TypeVar, overload

    from typing_extensions import Buffer

    from ._awaited import AwaitedSocket
    from .frame import Frame
    from .tracker import MessageTracker

    T = TypeVar("T", bound="_AsyncSocket")
else:
    AwaitedSocket = Socket

__all__ = ["_Async", "_AsyncPoller", "_AsyncSocket"]

EVENTS = SocketOption.EVENTS
POLLIN = PollEvent.POLLIN
POLLOUT = PollEvent.POLLOUT

_RCVTIMEO = INT_ARGUMENTS[SocketOption.RCVTIMEO]
_SNDTIMEO = INT_ARGUMENTS[SocketOption.SNDTIMEO]


#: How many hold an object, where that is counted.
getrefcount: Callable[[Any], int] = getattr(sys, "getrefcount", lambda thing: -1)


class _Holder:
    __slots__ = ("thing",)

    def __init__(self) -> None:
        self.thing = object()


def _alone() -> int:
    """What `getrefcount` answers for the attribute of a slot that nobody else has; 0 if it cannot be known."""
    holder = _Holder()
    count = getrefcount(holder.thing)
    also = holder.thing
    return count if getrefcount(holder.thing) > count and also is not None else 0


ALONE = _alone()


class _AsyncSocket(_Async, AwaitedSocket):
    """A socket whose receiving, sending and polling is awaited.

    Parameters
    ----------
    context : Context or Socket
        The context to make it in; a socket given here is shadowed.
    socket_type : int
        One of `constants.SocketType`.
    io_loop : optional
        Has no effect but a warning: the loop that runs is what is waited in.
    _from_socket : Socket, optional
        The socket to stand for, as `from_socket`.
    **kwargs
        As for `Socket`.

    Notes
    -----
    What would wait returns a future.  It is done already where nothing has to be waited for, also for nobody: a message is
    sent when ``send`` is called, if there is room for it.

    Receives are served in the order in which they were called, and so are sends.  Cancelling one that waits loses no
    message and sends none.  RCVTIMEO and SNDTIMEO (milliseconds) end a wait with `Again`, ``zmq.DONTWAIT`` does so at once.
    Closing the socket cancels what waits.
    """

    _poller_class: Any = _AsyncPoller
    _traffic: Traffic
    _shadow_sock: Socket[Any]
    _current_loop: Any = None
    # The outcome of a send, which is the same for all, and its loop: it is handed out again when nobody has it any more.
    _sent: Future[Any]
    _sent_in: Any

    def __init__(
        self,
        context: Any = None,
        socket_type: int = -1,
        io_loop: Any = None,
        _from_socket: Socket[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(context, Socket):
            context, _from_socket = None, context
        if _from_socket is not None:
            super().__init__(shadow=_from_socket, **kwargs)  # type: ignore[misc]
        else:
            super().__init__(context, socket_type, **kwargs)  # type: ignore[misc]
        if io_loop is not None:
            from warnings import warn

            warn(
                f"{type(self).__name__}(io_loop=...) has no effect: the loop that runs is what is waited in",
                DeprecationWarning,
                stacklevel=3,
            )
        own = self.__dict__
        traffic = own["_traffic"] = traffic_of(self)
        traffic.awaited = True
        own["_shadow_sock"] = traffic.plain
        # Found faster here than in the class.
        own["_Future"] = self._Future
        own["_sent"] = own["_sent_in"] = None

    @classmethod
    def from_socket(cls: type_[T], socket: Socket[Any], io_loop: Any = None) -> T:
        """A socket that is awaited, for an existing one of any class.

        Parameters
        ----------
        socket : Socket
            Is kept alive.  While somebody waits, use the new one only: what is done through another object takes away the
            news that the wait is for.
        io_loop : optional
            Has no effect but a warning.
        """
        return cls(_from_socket=socket, io_loop=io_loop)

    # -- the end, and options -----------------------------------------------------------------------------------------

    def close(self, linger: int | None = None) -> None:
        handle = self._handle
        if handle is not None and handle.traffic is not None and handle.pid == os.getpid():
            handle.traffic.send_off()
            handle.traffic.stop()
        super().close(linger=linger)

    close.__doc__ = Socket.close.__doc__

    def get(self, key: int) -> Any:
        result = super().get(key)
        if key == EVENTS and self._traffic.waiting:
            # Asking has taken the news away.
            self._traffic.recheck()
        return result

    get.__doc__ = Socket.get.__doc__
    getsockopt = get  # type: ignore[assignment]

    # -- receiving ----------------------------------------------------------------------------------------------------

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def recv(self, flags: int = ..., copy: Literal[True] = ..., track: bool = ...) -> Awaitable[bytes]: ...
        @overload
        def recv(self, flags: int = ..., *, copy: Literal[False], track: bool = ...) -> Awaitable[Frame]: ...
        @overload
        def recv(self, flags: int, copy: Literal[False], track: bool = ...) -> Awaitable[Frame]: ...
        @overload
        def recv(self, flags: int = ..., copy: bool = ..., track: bool = ...) -> Awaitable[bytes | Frame]: ...

    def recv(self, flags: int = 0, copy: bool = True, track: bool = False) -> Awaitable[Any]:
        """Receive one frame.

        Returns
        -------
        future of bytes or Frame
            As `Socket.recv`.
        """
        traffic = self._traffic
        if flags is NO_FLAGS and copy:
            result: Any = False
            if not (traffic.waiting and traffic.receivers) and running_loop() is not None:
                if traffic.credit or not traffic.exhausted():
                    result = traffic.recv_now()
                    if result is not None and result is not False:
                        traffic.credit -= 1
                        if traffic.waiting:
                            traffic.recheck()
                        future = self._Future()
                        future.set_result(result)
                        return future
            return self._start(traffic, traffic.receivers, traffic.recv_now, traffic.recv, 0, result is None)
        number = flags_number(flags)
        perform = partial(traffic.plain.recv, number | DONTWAIT, copy, track)
        return self._start(traffic, traffic.receivers, None, perform, number, False)

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def recv_multipart(
            self, flags: int = ..., copy: Literal[True] = ..., track: bool = ...
        ) -> Awaitable[list[bytes]]: ...
        @overload
        def recv_multipart(
            self, flags: int = ..., *, copy: Literal[False], track: bool = ...
        ) -> Awaitable[list[Frame]]: ...
        @overload
        def recv_multipart(self, flags: int, copy: Literal[False], track: bool = ...) -> Awaitable[list[Frame]]: ...
        @overload
        def recv_multipart(
            self, flags: int = ..., copy: bool = ..., track: bool = ...
        ) -> Awaitable[list[bytes] | list[Frame]]: ...

    def recv_multipart(self, flags: int = 0, copy: bool = True, track: bool = False) -> Awaitable[Any]:
        """Receive a whole message as the list of its frames.

        Returns
        -------
        future of list of bytes or of Frame
            As `Socket.recv_multipart`.
        """
        traffic = self._traffic
        if flags is NO_FLAGS and copy:
            result: Any = False
            if not (traffic.waiting and traffic.receivers) and running_loop() is not None:
                if traffic.credit or not traffic.exhausted():
                    result = traffic.recv_multipart_now()
                    if result:
                        traffic.credit -= 1
                        if traffic.waiting:
                            traffic.recheck()
                        future = self._Future()
                        future.set_result(result)
                        return future
            return self._start(
                traffic, traffic.receivers, traffic.recv_multipart_now, traffic.recv_multipart, 0, result is None
            )
        number = flags_number(flags)
        perform = partial(traffic.plain.recv_multipart, number | DONTWAIT, copy, track)
        return self._start(traffic, traffic.receivers, None, perform, number, False)

    def recv_into(  # type: ignore[override]
        self, buf: Any, /, *, nbytes: int = 0, flags: int = 0
    ) -> Awaitable[int]:
        """Receive one frame into memory of the caller's, which has to stay there until it has come.

        Returns
        -------
        future of int
            As `Socket.recv_into`.
        """
        traffic = self._traffic
        number = flags_number(flags)
        perform = partial(traffic.plain.recv_into, buf, nbytes=nbytes, flags=number | DONTWAIT)
        return self._start(traffic, traffic.receivers, None, perform, number, False)

    # -- sending ------------------------------------------------------------------------------------------------------

    def send(  # type: ignore[override]
        self, data: Any, flags: int = 0, copy: bool = True, track: bool = False, **kwargs: Any
    ) -> Awaitable[MessageTracker | None]:
        """Send one frame.

        Returns
        -------
        future of MessageTracker or None
            As `Socket.send`.
        """
        traffic = self._traffic
        if (
            flags is NO_FLAGS
            and type(data) is bytes
            and copy
            and not kwargs
            and not (traffic.waiting and traffic.senders)
        ):
            loop = running_loop()
            size = len(data)
            if loop is not None and size <= COPY_LIMIT and (traffic.credit or not traffic.exhausted()):
                call, handle = traffic.plain._transmit
                if call(handle, data, size, NOWAIT) >= 0:
                    traffic.credit -= 1
                    if traffic.waiting:
                        traffic.recheck()
                    if self._sent_in is loop and getrefcount(self._sent) == ALONE:
                        return self._sent
                    return self._has_sent(loop)
        number = flags_number(flags)
        perform = partial(traffic.plain.send, data, number | DONTWAIT, copy, track, **kwargs)
        return self._start(traffic, traffic.senders, None, perform, number, False)

    def send_multipart(  # type: ignore[override]
        self,
        msg_parts: Sequence[Frame | Buffer],
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        **kwargs: Any,
    ) -> Awaitable[MessageTracker | None]:
        """Send a message of several frames, which arrives as a whole or not at all.

        Returns
        -------
        future of MessageTracker or None
            As `Socket.send_multipart`.
        """
        traffic = self._traffic
        if flags is NO_FLAGS and copy and not kwargs and not (traffic.waiting and traffic.senders):
            loop = running_loop()
            if loop is not None and (traffic.credit or not traffic.exhausted()):
                if traffic.send_multipart_now(msg_parts):
                    traffic.credit -= 1
                    if traffic.waiting:
                        traffic.recheck()
                    if self._sent_in is loop and getrefcount(self._sent) == ALONE:
                        return self._sent
                    return self._has_sent(loop)
        number = flags_number(flags)
        perform = partial(traffic.plain.send_multipart, msg_parts, number | DONTWAIT, copy, track, **kwargs)
        return self._start(traffic, traffic.senders, None, perform, number, False)

    def _has_sent(self, loop: Any) -> Future[Any]:
        """The outcome of a send, kept for the next one."""
        future = self._Future()
        future.set_result(None)
        # Only what nobody can tell from a new one: others may have state, and in debug mode it knows where it was made.
        if ALONE and self._Future is Future and not loop.get_debug():
            self.__dict__["_sent"], self.__dict__["_sent_in"] = future, loop
        return future

    # -- waiting ------------------------------------------------------------------------------------------------------

    def _start(
        self,
        traffic: Traffic,
        line: deque[Operation],
        quick: Callable[[], Any] | None,
        perform: Callable[[], Any],
        flags: int,
        tried: bool,
    ) -> Future[Any]:
        """Do something now if that is possible, and was not tried a moment ago; else when its turn has come."""
        if not tried:
            self._check_open()
        loop = running_loop()
        in_turn = tried or loop is None or bool(flags & DONTWAIT)
        if loop is None:
            loop = self._default_loop()
        if traffic.loop is not loop:
            # What waits in another loop is over.
            traffic.stop()
        if line and not flags & DONTWAIT:
            # Those before it may not have been noticed yet to be able to go on.
            traffic.handle()
        fresh = not flags & DONTWAIT and (bool(line) or not in_turn and traffic.exhausted())
        if not fresh and not tried:
            try:
                result = perform()
            except Again as error:
                if flags & DONTWAIT:
                    return self._outcome(loop, partial(_raise, error))
            except Exception as error:
                return self._outcome(loop, partial(_raise, error))
            else:
                traffic.credit -= traffic.credit > 0
                if traffic.waiting:
                    traffic.recheck()
                future = self._Future(loop=loop)
                future.set_result(result)
                return future
        sends = line is traffic.senders
        limit = traffic.option(_SNDTIMEO if sends else _RCVTIMEO)
        if limit == 0 and not fresh:
            return self._outcome(loop, partial(_raise, Again()))
        if traffic.loop is not loop:
            try:
                traffic.watch(loop)
            except Exception as error:
                return self._outcome(loop, partial(_raise, error))
        # A receive has processed all commands before it failed; that may be news for others.
        if traffic.waiting or fresh or sends:
            traffic.recheck()
        operation: Operation = self._Operation(loop=loop)
        operation._enter(traffic, line, quick, perform, self, fresh)
        if limit is not None and limit >= 0:
            operation._timer = loop.call_later(limit / 1000, operation._expire)
        return operation

    def _deserialize(self, recvd: Any, load: Callable[[Any], Any]) -> Any:
        if isinstance(recvd, Operation) and not recvd.done():
            recvd._load = load
            return recvd
        if isinstance(recvd, Future) and recvd.done():
            if recvd.cancelled() or recvd.exception() is not None:
                return recvd
            return self._outcome(recvd.get_loop(), partial(load, recvd.result()))
        return _load_later(recvd, load)

    def poll(  # type: ignore[override]
        self, timeout: Any = None, flags: int = POLLIN
    ) -> Awaitable[int]:
        """Wait for events of this socket.

        Parameters
        ----------
        timeout : int, optional
            Milliseconds; by default, and if negative, as long as it takes.
        flags : int, optional
            Which of ``zmq.POLLIN`` and ``zmq.POLLOUT`` to wait for.

        Returns
        -------
        future of int
            The events that are there; 0 after the time-out.
        """
        if self._closed:
            raise ZMQError(Errno.ENOTSUP)
        limit = milliseconds(timeout)
        loop = self._get_loop()
        future = self._Future(loop=loop)
        traffic = self._traffic
        try:
            wanted = flags_number(flags)
            events = self.get(EVENTS) & wanted
            if traffic.loop is not loop and (limit and not events or not traffic.credit):
                traffic.watch(loop)
        except Exception as error:
            future.set_exception(error)
            return future
        if (events or not limit) and (traffic.credit or running_loop() is None or not traffic.exhausted()):
            traffic.credit -= traffic.credit > 0
            future.set_result(events)
            return future
        traffic.polls[future] = (wanted, partial(_tell, future))
        traffic.waiting = True
        if events:
            traffic.recheck()
        timer = loop.call_later(limit / 1000, _tell, future, 0) if limit >= 0 else None
        future.add_done_callback(partial(_end_poll, traffic, timer, self))
        return future


def _raise(error: Exception) -> Any:
    raise error


def _tell(future: Any, events: int) -> None:
    if not future.done():
        future.set_result(events)


def _end_poll(traffic: Traffic, timer: Any, owner: Any, future: Any) -> None:
    traffic.polls.pop(future, None)
    traffic.refresh()
    if timer is not None:
        timer.cancel()


async def _load_later(recvd: Any, load: Callable[[Any], Any]) -> Any:
    return load(await recvd)


def _noticing(name: str) -> Any:
    """A method that processes commands, and so takes the news away from those who wait."""
    method = getattr(Socket, name)

    @wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        finally:
            if self._traffic.waiting:
                self._traffic.recheck()

    return call


for _name in ("bind", "connect", "unbind", "disconnect", "join", "leave", "connect_peer", "disconnect_peer"):
    setattr(_AsyncSocket, _name, _noticing(_name))
