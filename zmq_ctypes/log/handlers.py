"""Log records as messages: a handler that publishes them, and a logger whose methods take a topic.

What a program that logs must be able to rely on:

1. *Logging never waits.*  A PUB socket drops what nobody has subscribed to, and what a subscriber is too slow for; a
   socket of another type, or one with XPUB_NODROP, would wait, so every frame is sent with DONTWAIT, and a record that
   there is no room for is dropped.
2. *Logging never raises.*  A socket that was closed, or a record that cannot be formatted, is reported the way handlers
   report, through ``handleError``.
3. *Threads.*  A socket belongs to one thread at a time.  Handlers that share a socket share one lock, whichever thread
   logs.  A signal handler, or a finalizer, may log while its own thread is in the middle of a message: its record waits in
   a queue until that message is complete, since the frames of two messages must not mix.
4. *Fork.*  The sockets of the parent do not exist in the child, where records are dropped; a child makes handlers of its
   own.
5. *Configuration.*  Each call of ``logging.config`` closes all handlers there are, and forgets them, whether they stay in use
   or not; those of files open them again with the next record.  So does a handler that has made its socket, at the same
   endpoint, which a new handler may have taken by then.  One that the program itself has closed stays so.
6. *Exit.*  ``logging.shutdown`` closes the handlers.  A socket that a handler has made itself is given `LINGER`
   milliseconds to get rid of the last records, so that a subscriber that hangs does not keep the program.
"""

from __future__ import annotations

import logging
import os
import sys
from collections import deque
from copy import copy
from threading import Lock, RLock
from time import monotonic
from typing import TYPE_CHECKING
from warnings import warn
from weakref import WeakValueDictionary

from ..constants import Errno, Flag, PollEvent, SocketOption, SocketType
from ..context import Context
from ..error import Again, ZMQError
from ..options import integer
from ..socket import Socket

if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

__all__ = ["PUBHandler", "TOPIC_DELIM", "TopicLogger"]

#: What separates the topic of a message from its text.
TOPIC_DELIM = "::"

#: Milliseconds for which the last records are kept when a handler closes a socket that it has made.
LINGER = 1000

#: Seconds between attempts to open a socket again whose endpoint is not to be had.
PAUSE = 1.0

# Text that is no Unicode must reach the reader all the same.
_ERRORS = "backslashreplace"

_WITH_PLACE = "%(levelname)s %(filename)s:%(lineno)d - %(message)s\n"
# As pyzmq's, which programs that read them know.
_FORMATS = {
    logging.DEBUG: _WITH_PLACE,
    logging.INFO: "%(message)s\n",
    logging.WARNING: _WITH_PLACE,
    logging.ERROR: "%(levelname)s %(filename)s:%(lineno)d - %(message)s - %(exc_info)s\n",
    logging.CRITICAL: _WITH_PLACE,
}
_PLAIN = logging.Formatter()


class _Outlet:
    """The way out through one libzmq socket, for all handlers and all Python objects that stand for it."""

    def __init__(self) -> None:
        # Re-entrant: a signal handler that logs must not wait for what it has interrupted.
        self.lock = RLock()
        self._waiting: deque[tuple[Any, bytes, bytes]] = deque()
        self._sender: FrameType | None = None

    def publish(self, socket: Socket[Any], topic: bytes, text: bytes) -> None:
        with self.lock:
            self._waiting.append((socket, topic, text))
            # Once more after the work: something may have come just before its end was marked.
            while self._waiting and not self._is_interrupted():
                self._sender = sys._getframe()
                try:
                    while self._waiting:
                        self._send(*self._waiting.popleft())
                finally:
                    self._sender = None

    def _is_interrupted(self) -> bool:
        """Whether this call has interrupted one that is sending.

        A mark alone would not tell: an exception of a signal handler may come just before it is taken away.
        """
        frame = self._sender
        if frame is not None:
            caller: FrameType | None = sys._getframe(1)
            while caller is not None and caller is not frame:
                caller = caller.f_back
            if caller is None:
                self._sender = frame = None
        return frame is not None

    def _send(self, socket: Socket[Any], topic: bytes, text: bytes) -> None:
        try:
            if not self._begin(socket, topic):
                # libzmq may refuse without having looked what became of its pipes; asking for events makes it look.
                if not socket.poll(0, PollEvent.POLLOUT) or not self._begin(socket, topic):
                    return
            socket.send(text, Flag.DONTWAIT)
        except Again:
            pass  # the only reader went in the middle of the message

    def _begin(self, socket: Socket[Any], topic: bytes) -> bool:
        try:
            socket.send(topic, Flag.SNDMORE | Flag.DONTWAIT)
        except Again:
            return False
        return True


# By the address of the socket.  Where libzmq has used one again, a handler of the former socket shares the lock, no more.
_outlets: WeakValueDictionary[int, _Outlet] = WeakValueDictionary()
_outlets_lock = Lock()


def _outlet_of(socket: Socket[Any]) -> _Outlet:
    with _outlets_lock:
        outlet = _outlets.get(socket.underlying)
        if outlet is None:
            outlet = _outlets[socket.underlying] = _Outlet()
        return outlet


class PUBHandler(logging.Handler):
    """A handler of `logging` that publishes the records as messages of two frames: the topic and the text.

    The topic is the root topic, if there is one, the name of the level, and what the message itself puts before
    `TOPIC_DELIM`, joined with dots: ``log.warning("disk.full::only %d MB left", 3)`` through a handler with the root topic
    ``"worker"`` is published as ``worker.WARNING.disk.full``.

    Parameters
    ----------
    interface_or_socket : str or Socket
        The endpoint to bind a new PUB socket to, or a socket that is bound or connected already.  A socket of one's own
        stays one's own: no other code may use it while the handler is in use, and the handler does not close it.
    context : Context, optional
        Where to make the socket; by default a context of the handler's own.
    root_topic : str, optional
        How all topics begin.

    Attributes
    ----------
    ctx : Context
        The context of the socket.
    socket : Socket
        The socket; another one after ``logging.config`` has closed a handler that has made its own, and that stays in use.
    formatters : dict of int to logging.Formatter
        The formatter of each level; a level that is not in it has that of the nearest lower one, or else of the lowest.

    Raises
    ------
    TypeError
        If an argument is of another type.
    ZMQError
        If the endpoint cannot be bound, or the socket was closed.

    Examples
    --------
    >>> handler = PUBHandler("tcp://127.0.0.1:*", root_topic="worker")
    >>> logging.getLogger().addHandler(handler)
    >>> handler.socket.last_endpoint
    b'tcp://127.0.0.1:43611'
    """

    formatters: dict[int, logging.Formatter | None]
    ctx: Context[Any]
    socket: Socket[Any]

    def __init__(
        self,
        interface_or_socket: str | Socket[Any],
        context: Context[Any] | None = None,
        root_topic: str = "",
    ) -> None:
        self.setRootTopic(root_topic)
        self.formatters = {level: logging.Formatter(text) for level, text in _FORMATS.items()}
        self._own_context = self._own_socket = self._ended = self._closed_twice = self._opening = False
        self._closed_at = self._again_at = 0.0
        if isinstance(interface_or_socket, Socket):
            self.socket = interface_or_socket
            self.ctx = self.socket.context
            if self.socket.closed:
                raise ZMQError(Errno.ENOTSOCK, f"interface_or_socket was closed: {self.socket!r}")
        else:
            self._bind(interface_or_socket, context)
        self._use()
        # Last: from here on, `logging` knows the handler.
        super().__init__()

    def _use(self) -> None:
        handle = self.socket._handle
        assert handle is not None
        self._pid = handle.pid
        self._outlet = _outlet_of(self.socket)
        # A socket of an event loop hands out futures, which nobody would wait for; another object for the same does not.
        self._sender = self.socket if type(self.socket) is Socket else Socket.shadow(self.socket)

    def _bind(self, interface: str, context: Context[Any] | None) -> None:
        if not isinstance(interface, (str, bytes)):
            raise TypeError(f"interface_or_socket: expected an endpoint or a Socket, got: {interface!r}")
        if not (context is None or isinstance(context, Context)):
            raise TypeError(f"context: expected a Context, got: {context!r}")
        self.ctx = context or Context()
        self.socket = self.ctx.socket(SocketType.PUB, socket_class=Socket)
        try:
            self.socket.bind(interface)
        except BaseException:
            self.socket.close(0)
            if context is None:
                self.ctx.term()
            raise
        self._own_socket, self._own_context = True, context is None
        # With the port that the system has chosen.
        self._sndhwm = self.socket.get(SocketOption.SNDHWM)
        self._endpoint = self.socket.get(SocketOption.LAST_ENDPOINT).rstrip(b"\0")

    def _open_again(self) -> bool:
        """After ``logging.config`` has closed it; tells whether there is a socket."""
        self.acquire()
        try:
            if not self._ended:
                return True
            # A signal handler that logs may have interrupted just this.
            if self._closed_twice or self._opening or monotonic() < self._again_at or not _is_forgotten(self):
                return False
            self._opening = True
            try:
                return self._open()
            finally:
                self._opening = False
        finally:
            self.release()

    def _open(self) -> bool:
        if self.ctx.closed:
            if not self._own_context:
                return False
            self.ctx = Context()
        socket = None
        try:
            socket = self.ctx.socket(SocketType.PUB, socket_class=Socket)
            socket.set(SocketOption.SNDHWM, self._sndhwm)
            socket.bind(self._endpoint)
        except BaseException as error:
            if socket is not None:
                socket.close(0)
            self._end_context()
            now, told = monotonic(), self._again_at
            if isinstance(error, ZMQError) and error.errno == Errno.EADDRINUSE and now < self._closed_at + LINGER / 1000:
                # libzmq gives back an endpoint some time after its socket was closed.
                return False
            self._again_at = now + PAUSE
            if told:
                return False
            raise
        self.socket = socket
        self._use()
        self._ended, self._again_at = False, 0.0
        # To be closed at exit.
        logging._addHandlerRef(self)  # type: ignore[attr-defined]
        return True

    def _end_context(self) -> None:
        if self._own_context and all(socket.closed for socket in list(self.ctx._sockets)):
            self.ctx.term()

    @property
    def root_topic(self) -> str:
        """How all topics of this handler begin; empty: with the name of the level."""
        return self._root_topic

    @root_topic.setter
    def root_topic(self, value: str) -> None:
        self.setRootTopic(value)

    def setRootTopic(self, root_topic: str) -> None:
        """Set the beginning of all topics.

        A subscriber has to subscribe to it, to a beginning of it, or to everything.

        Parameters
        ----------
        root_topic : str
            The beginning; bytes are read as UTF-8.
        """
        if isinstance(root_topic, bytes):
            root_topic = root_topic.decode("utf-8")
        if not isinstance(root_topic, str):
            raise TypeError(f"root_topic: expected str, got: {root_topic!r}")
        self._root_topic = root_topic

    def setFormatter(self, fmt: logging.Formatter | None, level: int = logging.NOTSET) -> None:
        """Set the formatter of one level, or of all.

        Parameters
        ----------
        fmt : logging.Formatter
            The formatter; None for that of `logging` itself, which gives the message alone.
        level : int, optional
            The level; by default all that have one, whatever was set for them before.
        """
        if isinstance(fmt, str) or not (fmt is None or hasattr(fmt, "format")):
            raise TypeError(f"fmt: expected a logging.Formatter, got: {fmt!r}")
        if level == logging.NOTSET:
            self.formatters.update(dict.fromkeys(self.formatters, fmt))
        else:
            self.formatters[integer(level, "level")] = fmt

    def format(self, record: logging.LogRecord) -> str:
        """The text of a record, made by the formatter of its level."""
        level = record.levelno
        if level not in self.formatters:
            lower = [known for known in self.formatters if known < level]
            level = max(lower) if lower else min(self.formatters)
        return (self.formatters[level] or _PLAIN).format(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Publish a record.

        Never waits and never raises: what goes wrong is left to ``handleError``.  Records are dropped in the child of a
        fork, and after `close` if the socket was closed as well; but if ``logging.config`` has closed it, it is opened
        again.
        """
        if os.getpid() != self._pid:
            return
        try:
            if self._ended and self.socket.closed and not (self._own_socket and self._open_again()):
                return
            topic, plain = _split(record)
            text = self.format(plain).encode("utf-8", _ERRORS)
            topics = ".".join(part for part in (self._root_topic, record.levelname, topic) if part)
            self._outlet.publish(self._sender, topics.encode("utf-8", _ERRORS), text)
        except RecursionError:
            raise
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Close the handler; `logging` does so at exit, and ``logging.config`` when it begins anew.

        A socket that the handler has made is closed as well, and so is a context of its own, unless other sockets of it
        are in use: that waits `LINGER` milliseconds at most, if there are subscribers that have not got everything yet.
        A socket of the program's stays open, and what is logged after this is still published through it.
        """
        # In the child of a fork another thread of the parent may hold the lock for ever.
        if os.getpid() == self._pid:
            with self._outlet.lock:
                ended, self._ended = self._ended, True
                self._closed_twice = ended
                if self._own_socket and not ended:
                    if not self.socket.closed:
                        self._sndhwm = self.socket.get(SocketOption.SNDHWM)
                    self._closed_at = monotonic()
                    self.socket.close(LINGER)
            if not ended:
                self._end_context()
        super().close()


def _is_forgotten(handler: logging.Handler) -> bool:
    """Whether `logging` does not know a handler any more, which is what ``logging.config`` sees to."""
    known = getattr(logging, "_handlerList", None)
    return known is not None and all(reference() is not handler for reference in list(known))


def _split(record: logging.LogRecord) -> tuple[str, logging.LogRecord]:
    """The topic that a message begins with, and a record without it."""
    topic, delimiter, rest = str(record.msg).partition(TOPIC_DELIM)
    if not delimiter:
        return "", record
    # Other handlers get the same record.
    plain = copy(record)
    plain.msg = rest
    # With arguments the message is a format, in which a percent sign is written twice.
    return topic.replace("%%", "%") if record.args else topic, plain


class TopicLogger(logging.Logger):
    """A logger whose methods take a topic before the message, for `PUBHandler`.

    Handlers of other kinds show the topic, `TOPIC_DELIM` and the message.  The methods take whatever else those of
    `logging.Logger` take: ``exc_info``, ``stack_info``, ``stacklevel``, ``extra``.

    Examples
    --------
    >>> logger = TopicLogger("worker")
    >>> logger.addHandler(PUBHandler("tcp://127.0.0.1:*"))
    >>> logger.warning("disk.full", "only %d MB left", 3)
    """

    def log(self, level: int, topic: str, msg: object, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log a message with a topic.

        Parameters
        ----------
        level : int
            Its level.
        topic : str
            Its topic, parts of which are joined with dots; it holds no `TOPIC_DELIM`.
        msg : str
            The message, a format if there are `args`.
        *args, **kwargs
            As for `logging.Logger.log`.

        Raises
        ------
        ValueError
            If the topic holds `TOPIC_DELIM`, unless ``logging.raiseExceptions`` is off.
        """
        _log(self, level, topic, msg, args, kwargs)

    def debug(self, topic: str, msg: object, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log a message of the level DEBUG with a topic."""
        _log(self, logging.DEBUG, topic, msg, args, kwargs)

    def info(self, topic: str, msg: object, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log a message of the level INFO with a topic."""
        _log(self, logging.INFO, topic, msg, args, kwargs)

    def warning(self, topic: str, msg: object, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log a message of the level WARNING with a topic."""
        _log(self, logging.WARNING, topic, msg, args, kwargs)

    def warn(self, topic: str, msg: object, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """The older name of `warning`."""
        warn("The 'warn' method is deprecated, use 'warning' instead", DeprecationWarning, stacklevel=2)
        _log(self, logging.WARNING, topic, msg, args, kwargs)

    def error(self, topic: str, msg: object, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log a message of the level ERROR with a topic."""
        _log(self, logging.ERROR, topic, msg, args, kwargs)

    def exception(self, topic: str, msg: object, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log a message of the level ERROR with a topic and the exception that is being handled."""
        kwargs.setdefault("exc_info", True)
        _log(self, logging.ERROR, topic, msg, args, kwargs)

    def critical(self, topic: str, msg: object, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log a message of the level CRITICAL with a topic."""
        _log(self, logging.CRITICAL, topic, msg, args, kwargs)

    fatal = critical  # type: ignore[assignment]


def _log(logger: logging.Logger, level: int, topic: str, msg: object, args: Any, kwargs: Any) -> None:
    if isinstance(level, int) and not logger.isEnabledFor(level):
        return
    topic = str(topic)
    if TOPIC_DELIM in topic:
        if logging.raiseExceptions:
            raise ValueError(f"topic: {topic!r} holds {TOPIC_DELIM!r}, which ends a topic")
        topic = topic.replace(TOPIC_DELIM, ".")
    if args:
        topic = topic.replace("%", "%%")
    # The caller is two frames further up than for a method of Logger: this function, and the method of TopicLogger.
    kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 2
    logging.Logger.log(logger, level, f"{topic}{TOPIC_DELIM}{msg}", *args, **kwargs)
