"""ZMQStream: messages of a socket as callbacks in tornado's loop.

Here is what a program calls; what the loop calls, and why it is as it is, stands in `passing`.
"""

from __future__ import annotations

from warnings import warn

from tornado.ioloop import IOLoop  # type: ignore[import-not-found,import-untyped,unused-ignore]
from tornado.log import gen_log  # type: ignore[import-not-found,import-untyped,unused-ignore]

from .._future import _AsyncSocket
from ..constants import PollEvent
from ..frame import Frame
from ..options import integer
from ..poll import Poller
from ..sending import check_parts
from ..socket import Socket
from ..utils import jsonapi
from .passing import Passing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Literal, Sequence, TypeVar, overload

    from ..tracker import MessageTracker

    Self = TypeVar("Self", bound="ZMQStream")
    _OnRecv = Callable[[list[Any]], Any]
    _OnSend = Callable[[list[Any], Any], Any]

__all__ = ["ZMQStream"]

POLLIN = PollEvent.POLLIN
POLLOUT = PollEvent.POLLOUT

#: Methods of the socket that are the stream's as well.
_PASSED_ON = (
    "bind",
    "bind_to_random_port",
    "connect",
    "setsockopt",
    "getsockopt",
    "setsockopt_string",
    "getsockopt_string",
    "setsockopt_unicode",
    "getsockopt_unicode",
)


class ZMQStream(Passing):
    """Calls functions for the messages that a socket receives and sends, in tornado's loop.

    Parameters
    ----------
    socket : Socket
        The socket; the stream closes it.  One that is awaited (of ``asyncio`` or ``eventloop.future``) is used through an
        ordinary object for the same socket, with a RuntimeWarning.
    io_loop : tornado.ioloop.IOLoop, optional
        By default the current one.

    Attributes
    ----------
    socket : Socket or None
        None once the stream was closed.
    io_loop : tornado.ioloop.IOLoop
        The loop.
    poller : Poller
        For the program's own use.

    Notes
    -----
    Callbacks may be coroutine functions, or return anything else that can be awaited: it runs as a task, and an exception
    in it is logged.  Everything here is called in the loop's own thread; from others, use ``io_loop.add_callback``.

    Examples
    --------
    >>> stream = ZMQStream(context.socket(zmq.REP))
    >>> stream.bind("tcp://127.0.0.1:5555")
    >>> stream.on_recv(stream.send_multipart)
    """

    poller: Poller

    if TYPE_CHECKING:
        bind: Callable[..., Any]
        bind_to_random_port: Callable[..., int]
        connect: Callable[..., Any]
        setsockopt: Callable[..., None]
        getsockopt: Callable[..., Any]
        setsockopt_string: Callable[..., None]
        getsockopt_string: Callable[..., str]
        setsockopt_unicode: Callable[..., None]
        getsockopt_unicode: Callable[..., str]

    def __init__(self, socket: Socket[Any], io_loop: IOLoop | None = None) -> None:
        if not isinstance(socket, Socket):
            raise TypeError(f"socket: expected a Socket, got: {type(socket).__name__}")
        if isinstance(socket, _AsyncSocket):
            warn(
                "ZMQStream uses a plain Socket: this one, which is awaited, is used through another object for it;"
                f" context.socket(zmq.{socket._type_name}, socket_class=zmq.Socket) makes a plain one",
                RuntimeWarning,
                stacklevel=2,
            )
            socket = Socket(shadow=socket)
        super().__init__(socket, io_loop)
        self.poller = Poller()
        self._close_callback: Callable[[], Any] | None = None
        for name in _PASSED_ON:
            setattr(self, name, getattr(socket, name))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({'closed' if self.socket is None else self.socket!r}) at {hex(id(self))}>"

    # -- callbacks ----------------------------------------------------------------------------------------------------

    if TYPE_CHECKING:

        @overload
        def on_recv(self, callback: Callable[[list[bytes]], Any] | None, copy: Literal[True] = ...) -> None: ...
        @overload
        def on_recv(self, callback: Callable[[list[Frame]], Any] | None, copy: Literal[False]) -> None: ...
        @overload
        def on_recv(self, callback: _OnRecv | None, copy: bool = ...) -> None: ...

    def on_recv(self, callback: Any, copy: bool = True) -> None:
        """Receive, and call a function for each message.

        Parameters
        ----------
        callback : callable or None
            Called with the list of the message's frames; replaces the one before.  None stops receiving: messages stay with
            libzmq, up to RCVHWM.
        copy : bool, optional
            Whether the frames are bytes, or `Frame` objects.

        Raises
        ------
        OSError
            If the stream was closed.
        TypeError
            If it cannot be called.
        """
        self._check_closed()
        self._recv_callback = _checked(callback)
        self._recv_copy = copy
        if callback is not None:
            self._look()

    if TYPE_CHECKING:

        @overload
        def on_recv_stream(
            self: Self, callback: Callable[[Self, list[bytes]], Any] | None, copy: Literal[True] = ...
        ) -> None: ...
        @overload
        def on_recv_stream(
            self: Self, callback: Callable[[Self, list[Frame]], Any] | None, copy: Literal[False]
        ) -> None: ...
        @overload
        def on_recv_stream(self, callback: Callable[..., Any] | None, copy: bool = ...) -> None: ...

    def on_recv_stream(self, callback: Any, copy: bool = True) -> None:
        """As `on_recv`, with the stream as the function's first argument: ``callback(stream, frames)``."""
        if _checked(callback) is None:
            self.stop_on_recv()
        else:
            self.on_recv(lambda message: callback(self, message), copy=copy)

    def on_send(self, callback: _OnSend | None) -> None:
        """Call a function after each message that was sent.

        Parameters
        ----------
        callback : callable or None
            Called as ``callback(frames, status)``: the list that was sent, and what `Socket.send_multipart` returned for it
            (None, or a `MessageTracker` with ``copy=False, track=True``), or the exception that it raised.  None: no longer.

        Raises
        ------
        OSError
            If the stream was closed.
        """
        self._check_closed()
        self._send_callback = _checked(callback)

    def on_send_stream(self: Self, callback: Callable[[Self, list[Any], MessageTracker | None], Any] | None) -> None:
        """As `on_send`, with the stream as the function's first argument: ``callback(stream, frames, status)``."""
        if _checked(callback) is None:
            self.stop_on_send()
        else:
            chosen: Any = callback
            self.on_send(lambda message, status: chosen(self, message, status))

    def stop_on_recv(self) -> None:
        """Stop receiving; the same as ``on_recv(None)``."""
        self.on_recv(None)

    def stop_on_send(self) -> None:
        """Call nothing after sending; the same as ``on_send(None)``.  What is queued is sent all the same."""
        self.on_send(None)

    def on_err(self, callback: Any) -> None:
        """Nothing, as ever; a log message says so."""
        gen_log.warning("ZMQStream.on_err does nothing")

    def stop_on_err(self) -> None:
        """Nothing, as ever; a log message says so."""
        gen_log.warning("ZMQStream.stop_on_err does nothing")

    def set_close_callback(self, callback: Callable[[], Any] | None) -> None:
        """Call a function without arguments when the stream is closed."""
        self._close_callback = _checked(callback)

    # -- sending ------------------------------------------------------------------------------------------------------

    def send(
        self,
        msg: Any,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        callback: _OnSend | None = None,
        **kwargs: Any,
    ) -> None:
        """Send a message of one frame; see `send_multipart`."""
        return self.send_multipart([msg], flags=flags, copy=copy, track=track, callback=callback, **kwargs)

    def send_multipart(
        self,
        msg: Sequence[Any],
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        callback: _OnSend | None = None,
        **kwargs: Any,
    ) -> None:
        """Send a message: the loop does it, in the order of these calls, as soon as it can.

        Parameters
        ----------
        msg : sequence of bytes-like or Frame
            The frames; they must not be changed until the message was sent.
        flags : int, optional
            With ``zmq.DONTWAIT`` a message that cannot be sent in its turn is dropped, with a log message.
        copy, track, **kwargs
            As for `Socket.send_multipart`.
        callback : callable, optional
            From now on called for each message that was sent, as by `on_send`.

        Raises
        ------
        OSError
            If the stream was closed.
        TypeError, IndexError
            If a frame cannot be sent, or there is none.

        Notes
        -----
        What `Socket.send_multipart` raises later is logged, and handed to the callback as the status.
        """
        self._check_closed()
        if not len(msg):
            raise IndexError("msg: a message has at least one frame")
        check_parts(msg)
        if callback is not None:
            self.on_send(callback)
        self._queue.append((msg, integer(flags, "flags"), {"copy": copy, "track": track, **kwargs}))
        self._look()

    def send_string(
        self, u: str, flags: int = 0, encoding: str = "utf-8", callback: _OnSend | None = None, **kwargs: Any
    ) -> None:
        """Send text.

        Raises
        ------
        TypeError
            If it is not text.
        """
        if not isinstance(u, str):
            raise TypeError(f"str objects only, got: {type(u).__name__}")
        return self.send(u.encode(encoding), flags=flags, callback=callback, **kwargs)

    send_unicode = send_string

    def send_json(self, obj: Any, flags: int = 0, callback: _OnSend | None = None, **kwargs: Any) -> None:
        """Send an object as JSON."""
        return self.send(jsonapi.dumps(obj), flags=flags, callback=callback, **kwargs)

    def send_pyobj(
        self, obj: Any, flags: int = 0, protocol: int = -1, callback: _OnSend | None = None, **kwargs: Any
    ) -> None:
        """Send an object as a pickle; by default in the newest version of the format."""
        import pickle

        return self.send(pickle.dumps(obj, protocol), flags, callback=callback, **kwargs)

    # -- the end ------------------------------------------------------------------------------------------------------

    def close(self, linger: int | None = None) -> None:
        """Close the stream and its socket; messages that still wait in the stream are dropped.

        Parameters
        ----------
        linger : int, optional
            Milliseconds for which libzmq keeps what it has not yet sent, as for `Socket.close`.

        Warns
        -----
        UserWarning
            If something else has closed the socket before: by now its file descriptor may belong to somebody else.
        """
        socket = self.socket
        if socket is None:
            return
        self.socket = None
        if self._timer is not None:
            self.io_loop.remove_timeout(self._timer)
            self._timer = None
        if socket.closed:
            warn(
                f"Unregistering FD {self._fd} after its socket was closed, which may by now be the FD of something else:"
                " close the stream instead of the socket",
                stacklevel=2,
            )
        # Not the socket, whose descriptor cannot be asked for any more after the end of its context.
        self.io_loop.remove_handler(self._fd)
        socket.close(linger)
        if self._close_callback is not None:
            self._run_callback(self._close_callback)

    def closed(self) -> bool:
        """Whether the stream was closed; it closes itself if something else has closed its socket."""
        if self.socket is None:
            return True
        if self.socket.closed:
            self.close()
            return True
        return False

    def _check_closed(self) -> None:
        if self.socket is None:
            raise OSError("Stream is closed")

    def receiving(self) -> bool:
        """Whether messages are received: there is a callback for them."""
        return self._recv_callback is not None

    def sending(self) -> bool:
        """Whether messages wait to be sent by this stream; libzmq may still have others."""
        return bool(self._queue)


def _checked(callback: Any) -> Any:
    if callback is not None and not callable(callback):
        raise TypeError(f"callback: expected a function or None, got: {callback!r}")
    return callback
