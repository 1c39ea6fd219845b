"""Monitoring: what happens to a socket's connections, as messages on another socket.

libzmq sends the events through a PAIR socket of its own, and **its sends wait**: the thread that caused the event, which
may be the IO thread of the whole context, then stands still.  That happens when the reader has gone, when none has come
yet, and when too many events wait to be read.  So this module

1. gives the sockets of `Monitoring.get_monitor_socket` no limit of waiting events: one that nobody reads costs memory
   and stops nothing;
2. ends the monitoring when such a socket is closed by the thread that asked for it, before the reader is gone.  Another
   thread may not touch the monitored socket; it has to wait for the event MONITOR_STOPPED;
3. lends libzmq a reader while it stops a monitoring that may have none, since that sends an event, too.
"""

from __future__ import annotations

from _thread import get_ident
from weakref import ref

from . import _numbers, constants
from .endpoint import address
from .error import ZMQError, from_errno
from .options import integer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    from .loader import Library

    Self = TypeVar("Self", bound="Monitoring")

__all__ = ["Monitoring"]

# Events beyond these 16 bits need the second version of the protocol, a draft.
_FIRST_VERSION = _numbers.EVENT_ALL_V1


class Monitoring:
    """The part of a socket that tells what happens to its connections."""

    __slots__ = ()

    if TYPE_CHECKING:
        _library: Library
        context: Any
        get: Any

        @property
        def underlying(self) -> int: ...

        _check_open: Any
        _kind: Any
        _thread_safe: bool

    _monitor_socket: Any = None
    # Where the events of this socket go to now.
    _monitor_address: bytes | None = None
    # On the socket that reads the events: whose they are, and the thread that uses that one.
    _monitored: Any = None
    # And the endpoint that they come from.
    _reads: bytes | None = None

    def monitor(self, addr: str | bytes | None, events: int = _numbers.EVENT_ALL) -> None:
        """Publish events of this socket's connections on an ``inproc`` endpoint; `get_monitor_socket` is easier.

        A PAIR socket has to connect to the endpoint before anything happens: libzmq waits until somebody takes the
        event.  What that socket receives, `utils.monitor.recv_monitor_message` reads.

        Parameters
        ----------
        addr : str or None
            ``"inproc://..."``; None ends the monitoring.
        events : int, optional
            Which of `constants.Event`; by default all that stock builds have.  With ``zmq.EVENT_PIPES_STATS`` or
            ``zmq.EVENT_ALL_V2`` the events come in their second version (draft builds of libzmq 4.3.2 and later).

        Raises
        ------
        ZMQError
            ``EPROTONOSUPPORT`` if the endpoint is not ``inproc``, ``EADDRINUSE`` if it is taken, ``ENOTSOCK`` if the
            socket was closed.
        ZMQVersionError
            If the loaded libzmq lacks the second version of events.
        """
        endpoint = None if addr is None else address(addr)
        wanted = integer(events, "events", -(2**31), 2**32 - 1)
        self._check_open()
        if wanted > _FIRST_VERSION and not self._library.functions.has("zmq_socket_monitor_versioned"):
            # Says what it would need, before anything was changed.
            self._library.functions.zmq_socket_monitor_versioned()
        if self._monitor_address is not None and (endpoint is None or endpoint.startswith(b"inproc://")):
            self._stop()
        if self._monitor(endpoint, wanted) < 0:
            raise from_errno(self._library.functions.zmq_errno(), None if addr is None else f"addr={addr!r}")
        self.__dict__["_monitor_address"] = endpoint

    def _monitor(self, endpoint: bytes | None, events: int) -> int:
        functions = self._library.functions
        if events > _FIRST_VERSION:
            return functions.zmq_socket_monitor_versioned(self.underlying, endpoint, events, 2, _numbers.PAIR)
        return functions.zmq_socket_monitor(self.underlying, endpoint, events)

    def _stop(self) -> None:
        """End the present monitoring; libzmq before 4.2 would start the next without that, and never end the first."""
        lent = self._lend_reader()
        try:
            self._monitor(None, 0)
        finally:
            self.__dict__["_monitor_address"] = None
            if lent is not None:
                self._library.functions.zmq_close(lent)

    def _lend_reader(self) -> int | None:
        """A reader for the event that ends the present monitoring, where it might have none.

        A PAIR socket keeps the first one that connects, so where there is a reader the loan is turned away.
        """
        reader = self._monitor_socket
        if self.context is None:
            return None
        if reader is not None and reader._reads == self._monitor_address and not reader.closed:
            return None
        functions = self._library.functions
        lent: int | None = functions.zmq_socket(self.context.underlying, _numbers.PAIR)
        if lent is not None and functions.zmq_connect(lent, self._monitor_address) < 0:
            functions.zmq_close(lent)
            lent = None
        return lent

    def get_monitor_socket(self: Self, events: int | None = None, addr: str | None = None) -> Self:
        """The socket that receives the events of this one, made when it is first asked for.

        Read it with `utils.monitor.recv_monitor_message`, in whatever thread, and close it in the end.  Another thread
        that reads it closes it after the event MONITOR_STOPPED, which `disable_monitor` and the closing of this socket send.

        Parameters
        ----------
        events : int, optional
            Which of `constants.Event`; by default all that stock builds have.
        addr : str, optional
            The ``inproc`` endpoint to use; by default one of its own.

        Returns
        -------
        Socket
            A PAIR socket of the context's own class, if that is of this socket's kind: what is awaited has one that is awaited,
            whatever context it was made in, and what is not has one that is not.  The same one until it is closed or
            `disable_monitor` is called; then ``events`` and ``addr`` count again.

        Raises
        ------
        ZMQError
            As `monitor`; ``ENOTSUP`` if the context is not known, because this socket was made from an address.
        """
        self._check_open()
        if self._monitor_socket is None or self._monitor_socket.closed:
            self.__dict__["_monitor_socket"] = self._make_reader(events, addr)
        reader: Self = self._monitor_socket
        return reader

    def _make_reader(self, events: int | None, addr: str | None) -> Any:
        if self.context is None:
            raise ZMQError(
                constants.ENOTSUP, "a socket made from an address has no context to make a monitor socket in"
            )
        kind = self._kind
        other = getattr(self.context._socket_class, "_kind", None) is not kind
        reader = self.context.socket(constants.PAIR, **({"socket_class": kind} if other else {}))
        try:
            reader.set(_numbers.RCVHWM, 0)
            reader.connect(self._publish(_numbers.EVENT_ALL if events is None else events, addr))
        except BaseException:
            reader.close(linger=0)
            raise
        reader.__dict__["_monitored"] = (ref(self), get_ident())
        # `monitor` may move the events elsewhere later, where this one does not read them.
        reader.__dict__["_reads"] = self._monitor_address
        return reader

    def _publish(self, events: int, addr: str | None) -> str:
        if addr is not None:
            self.monitor(addr, events)
            return addr
        # Thread-safe sockets have no FD of their own.
        own = f"{self.underlying:x}" if self._thread_safe else self.get(_numbers.FD)
        own = f"inproc://monitor.s-{own}"
        count = 1
        addr = own
        while True:
            try:
                self.monitor(addr, events)
                return addr
            except ZMQError as error:
                # libzmq gives back the endpoint of an earlier monitoring some time after its end.
                if error.errno != _numbers.EADDRINUSE:
                    raise
            count += 1
            addr = f"{own}-{count}"

    def disable_monitor(self) -> None:
        """End the monitoring.

        The socket of `get_monitor_socket` stays open until it is closed, so that the last events can be read from it;
        the next call of `get_monitor_socket` makes another.

        Raises
        ------
        ZMQError
            ``ENOTSOCK`` if this socket was closed.
        """
        self.monitor(None, 0)
        self.__dict__["_monitor_socket"] = None

    def monitor_pipes_stats(self) -> None:
        """Ask for an event PIPES_STATS from each of the socket's connections (draft builds of libzmq 4.3.2 and later).

        Its values are how many messages wait to be sent, and how many to be received.  The events are sent when this
        socket is next used for something.

        Raises
        ------
        ZMQError
            ``EINVAL`` if such events are not monitored, ``EAGAIN`` if there are no connections.
        ZMQVersionError
            If the loaded libzmq has no such events.
        """
        self._check_open()
        functions = self._library.functions
        if functions.zmq_socket_monitor_pipes_stats(self.underlying) < 0:
            raise from_errno(functions.zmq_errno())

    def _stop_reading(self) -> None:
        """End the monitoring that this socket reads, which is about to be closed."""
        monitored, thread = self._monitored
        self.__dict__["_monitored"] = None
        socket = monitored()
        if socket is None or socket._monitor_socket is not self or thread != get_ident() or not socket.underlying:
            return
        try:
            socket.disable_monitor()
        except ZMQError:
            pass  # its context was terminated, and nothing is sent any more
