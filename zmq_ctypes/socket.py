"""Socket: the object that messages go through; its life from creation to close.

What C guarantees, and what this module does about the rest:

1. A socket belongs to one thread at a time.  libzmq does not check that; two threads in one socket abort the process.
   Nothing here locks, exactly as in pyzmq: handing a socket over with a lock of one's own is fine.
2. ``close`` may come twice, from another object for the same socket (a shadow), after the context's end, from the
   garbage collector, or in the child of a fork, where it does nothing.  The Python objects of one socket share its
   address; closing it takes the address away from all of them, and the prepared calls of each then get NULL, which
   libzmq answers with ENOTSOCK.
3. A socket that another binding closed is noticed by libzmq's own mark in its (freed) memory: that is the best that can
   be had for an address that somebody else gave us.

What it can do stands in the modules of its parts: `sending`, `receiving`, `serialize`, `sockopt`, `endpoint`, `peers`.
"""

from __future__ import annotations

import os
from ctypes import byref, c_int
from errno import EINTR
from sys import modules
from weakref import ref

from . import _numbers, constants, loader
from .endpoint import Endpoints
from .error import ZMQError, from_errno
from .loader.direct import handle_argument
from .monitor import Monitoring
from .options import (
    INT_ARGUMENTS,
    INT_LENGTH,
    SOCKET_OPTIONS,
    attributes,
    encode,
    hints,
    integer,
    learner,
    out_buffers,
)
from .peers import Peers
from .poll import Poller, PollSet, PollTarget, closings, milliseconds, single
from .receiving import UNREADY, UNREADY_QUICK, Receiving
from .sending import Sending
from .serialize import Serialization
from .sockopt import SocketOptions, option_attribute
from .transfer import NOWAIT
from .utils.interop import cast_int_addr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from builtins import type as type_
    from typing import Any, Generic, TypeVar, overload

    from ._option_hints import SocketHints
    from .context import Context
    from .loader import Library

    Self = TypeVar("Self", bound="Socket[Any]")
    _SocketReturnT = TypeVar("_SocketReturnT", covariant=True)
else:
    from ._generic import Generic

    _SocketReturnT = None
    SocketHints = hints("SocketHints", attributes(SOCKET_OPTIONS, option_attribute))

__all__ = ["Socket", "SyncSocket"]

# Types whose sockets may be used from several threads, because libzmq locks a mutex in each call.
_THREAD_SAFE_TYPES = frozenset(
    {
        _numbers.SERVER,
        _numbers.CLIENT,
        _numbers.RADIO,
        _numbers.DISH,
        _numbers.GATHER,
        _numbers.SCATTER,
        _numbers.PEER,
        _numbers.CHANNEL,
    }
)

_set = object.__setattr__

_LAST_STABLE_TYPE = _numbers.STREAM


class _Types(dict):  # type: ignore[type-arg]
    """The types of sockets with their names, by number; an enum takes longer to find them, and is not made before."""

    def __missing__(self, number: int) -> tuple[int, str]:
        try:
            member = constants.SocketType(number)
        except ValueError:
            self[number] = known = (number, str(number))
        else:
            self[number] = known = (member, member.name)
        return known


_TYPES = _Types()

# Holds COPY_THRESHOLD, which programs assign to.
_package: Any = modules[__name__.rpartition(".")[0]]


class _Handle:
    """One libzmq socket: its address while it is open, shared by the Python objects that stand for it."""

    __slots__ = ("address", "holders", "pid", "pollers", "traffic")

    def __init__(self, address: int) -> None:
        self.address: int | None = address
        self.pid = os.getpid()
        self.holders: list[Any] = []
        # The ``zmq_poller`` objects that hold the address.
        self.pollers: list[Any] = []
        # Who waits for the socket in an event loop.
        self.traffic: Any = None


class Socket(
    Sending,
    Receiving,
    Serialization,
    SocketOptions,
    Endpoints,
    Monitoring,
    Peers,
    SocketHints,
    PollTarget,
    Generic[_SocketReturnT],
):
    """A libzmq socket.

    Usually made by `Context.socket`.

    Parameters
    ----------
    ctx_or_socket : Context or Socket
        The context to make it in; a socket given here is shadowed.
    socket_type : int, optional
        One of `constants.SocketType`; PAIR by default.
    shadow : Socket or int, optional
        Stand for an existing socket, or for the one at an address, instead of making one.
    copy_threshold : int, optional
        With ``copy=False``, data of fewer bytes is copied all the same; by default the package's ``COPY_THRESHOLD``.

    Raises
    ------
    ZMQError
        ``EINVAL`` for a type that the loaded libzmq does not have, ``EMFILE`` if there are too many sockets, ``ETERM``
        or ``EFAULT`` if the context was terminated.

    Notes
    -----
    Every option is an attribute in lower and upper case: ``sock.linger = 0``, ``sock.rcvtimeo``.  A subclass declares
    the attributes that it adds in its body; any other assignment is an AttributeError, which shows misspelt options.
    """

    __slots__ = (
        "__dict__",
        "__weakref__",
        "_calls",
        "_h",
        "_library",
        "_m",
        "_message",
        "_now",
        "_polls",
        "_prepared",
        "_quick",
        "_receive",
        "_threshold",
        "_transmit",
        "_waiting",
    )

    if TYPE_CHECKING:
        _polls: dict[int, tuple[Any, tuple[Any, ...], c_int, int, PollSet]]

    type: int = -1
    _handle: _Handle | None = None
    # Whether the type is a draft, and the library is not.
    _draft_only = False
    _shadow = False
    _shadow_obj: Any = None
    _type_name: str = "UNKNOWN"
    _poller_class: Any = Poller
    # The class that says how sockets of this kind wait, whatever subclasses of it there are.
    _kind: Any = None
    _repr_cls = "zmq.Socket"

    if TYPE_CHECKING:

        @overload
        def __init__(
            self: SyncSocket, ctx_or_socket: Context[Any], socket_type: int = ..., *, copy_threshold: int | None = ...
        ) -> None: ...
        @overload
        def __init__(self: SyncSocket, ctx_or_socket: Socket[Any], *, copy_threshold: int | None = ...) -> None: ...
        @overload
        def __init__(self: SyncSocket, *, shadow: Socket[Any] | int, copy_threshold: int | None = ...) -> None: ...

    def __init__(
        self: SyncSocket,
        ctx_or_socket: Context[Any] | Socket[Any] | None = None,
        socket_type: int = 0,
        *,
        shadow: Socket[Any] | int = 0,
        copy_threshold: int | None = None,
    ) -> None:
        if isinstance(ctx_or_socket, Socket):
            shadow, ctx_or_socket = ctx_or_socket, None
        threshold = _package.COPY_THRESHOLD if copy_threshold is None else copy_threshold
        if type(self).copy_threshold is _copy_threshold:
            _set_threshold(self, integer(threshold, "copy_threshold", 0, 2**63 - 1))
        else:
            self.copy_threshold = threshold
        own = self.__dict__
        if shadow:
            own["_shadow"] = True
            self._adopt(shadow)
        else:
            library = getattr(ctx_or_socket, "_library", None)
            if ctx_or_socket is None or not isinstance(library, loader.Library):
                raise TypeError(f"ctx_or_socket: a Socket is made in a Context, got: {ctx_or_socket!r}")
            own["context"] = ctx_or_socket
            functions = library.functions
            number = integer(socket_type, "socket_type")
            handle = functions.zmq_socket(ctx_or_socket.underlying, number)
            if handle is None:
                raise from_errno(functions.zmq_errno())
            own["_handle"] = _Handle(handle)
            self._prepare(library, handle, number)

    def _adopt(self, shadow: Socket[Any] | int) -> None:
        own = self.__dict__
        if isinstance(shadow, Socket):
            if shadow.closed:
                raise ZMQError(constants.ENOTSOCK, "cannot shadow a socket that was closed")
            own["_shadow_obj"] = shadow
            own["context"] = shadow.context
            handle = shadow._handle
            assert handle is not None and handle.address is not None
            own["_handle"] = handle
            self._prepare(shadow._library, handle.address, int(shadow.type))
            # Closing one of them must leave none with an address to call.
            handle.holders.extend((ref(shadow), ref(self)))
        else:
            library = loader.load()
            pointer = cast_int_addr(shadow)
            own["_handle"] = _Handle(pointer)
            self._prepare(library, pointer, 0)
            number = self.get(_numbers.TYPE)
            self._prepare(library, pointer, number)

    def _prepare(self, library: Library, address: int, number: int) -> None:
        """Prepare the calls of this socket: what each message needs, and nothing that it has to look up."""
        own = self.__dict__
        own["type"], own["_type_name"] = _TYPES[number]
        own["_thread_safe"] = number in _THREAD_SAFE_TYPES
        own["_draft_only"] = number > _LAST_STABLE_TYPE and not library.draft
        _set_library(self, library)
        _set_waiting(self, library.waiting)
        _set_calls(self, library.waiting if self._thread_safe else library.nowait)
        _set_m(self, None)
        self._aim(handle_argument(address))

    def _aim(self, handle: Any) -> None:
        """Bundle what each message needs, so that one attribute gives it all, for a prepared address."""
        _set_h(self, handle)
        _set_transmit(self, (self._calls.send, handle))
        _set_receive(self, UNREADY)
        _set_quick(self, UNREADY_QUICK)
        _set_polls(self, {})
        _set_prepared(self, {})

    def _aim_at_nothing(self) -> None:
        """Let every call from now on fail with ``ENOTSOCK``."""
        _set_h(self, _NULL)
        _set_transmit(self, (self._calls.send, _NULL))
        self._polls.clear()
        self._prepared.clear()
        if self._m is not None:
            _set(self, "_now", (self._m, _NULL, NOWAIT))
            _set_receive(self, UNREADY)
            _set_quick(self, UNREADY_QUICK)

    # -- state --------------------------------------------------------------------------------------------------------

    @property
    def context(self) -> Context[Any]:
        """The context that the socket was made in; None for the shadow of an address.

        Raises
        ------
        TypeError
            If something else is assigned to it.
        """
        return self.__dict__.get("context")  # type: ignore[return-value]

    @context.setter
    def context(self, context: Context[Any] | None) -> None:
        if context is not None and not isinstance(getattr(context, "_library", None), loader.Library):
            raise TypeError(f"context: expected a Context, got: {context!r}")
        self.__dict__["context"] = context

    @property
    def copy_threshold(self) -> int:
        """Bytes: what is smaller is copied by ``send(copy=False)`` too, because that costs less."""
        return self._threshold

    @copy_threshold.setter
    def copy_threshold(self, size: int) -> None:
        _set(self, "_threshold", integer(size, "copy_threshold", 0, 2**63 - 1))

    @property
    def underlying(self) -> int:
        """The address of libzmq's socket; 0 once it was closed."""
        return (self._handle is not None and self._handle.address) or 0

    @property
    def _closed(self) -> bool:
        return not self.underlying

    @property
    def closed(self) -> bool:
        """Whether the socket was closed, by whomever.

        A socket whose context was terminated is not closed by that: its owner still has to close it.
        """
        if self._closed:
            return True
        functions = self._library.functions
        for buffer, size, _ in out_buffers(_numbers.TYPE):
            if functions.zmq_getsockopt(self.underlying, _numbers.TYPE, byref(buffer), byref(size)) < 0:
                if functions.zmq_errno() == _numbers.ENOTSOCK:
                    self._forget()
                    return True
        return False

    @property
    def socket_type(self) -> int:
        """The socket's type; the older name of ``type``."""
        from warnings import warn

        warn("Socket.socket_type is deprecated, use Socket.type", DeprecationWarning, stacklevel=2)
        return self.type

    def __repr__(self) -> str:
        cls = type(self)
        name = cls.__dict__.get("_repr_cls", f"{cls.__module__}.{cls.__name__}")
        return f"<{name}(zmq.{self._type_name}) at {hex(id(self))}{' closed' if self._closed else ''}>"

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *SOCKET_OPTIONS})

    # -- the end ------------------------------------------------------------------------------------------------------

    def close(self, linger: int | None = None) -> None:
        """Close the socket; nothing happens if it was closed before, or in the child of a fork.

        Does not wait: unsent messages are kept for as long as LINGER says while other work goes on, and `Context.term`
        waits for them.

        Parameters
        ----------
        linger : int, optional
            Milliseconds for which unsent messages are kept; 0 drops them, -1 keeps them for ever.
        """
        handle = self._handle
        if handle is None or handle.address is None or handle.pid != os.getpid():
            return
        if self._monitored is not None:
            self._stop_reading()
        functions = self._library.functions
        for poller in list(handle.pollers):
            poller.forget(handle.address)
        if linger is not None:
            value, size = encode(_numbers.LINGER, linger)
            # A socket that something else has closed has nothing to linger for.
            functions.zmq_setsockopt(handle.address, _numbers.LINGER, value, size)
        while functions.zmq_close(handle.address) < 0:
            errno = functions.zmq_errno()
            if errno == _numbers.ENOTSOCK:
                break
            if errno != EINTR:
                raise from_errno(errno)
        self._forget()

    def _forget(self) -> None:
        """Take the address away from every object that stands for the socket."""
        handle = self._handle
        assert handle is not None
        handle.address = None
        closings[0] += 1
        self._leave_loop()
        for holder in [lambda: self, *handle.holders]:
            socket = holder()
            if socket is None:
                continue
            if socket._thread_safe:
                # Gives back the file descriptor that was lent, if one was.
                _set(socket, "_calls", socket._waiting)
            socket._aim_at_nothing()
            if socket.context is not None and not socket._shadow:
                socket.context._rm_socket(socket)
        handle.holders.clear()
        handle.pollers.clear()

    def _leave_loop(self) -> None:
        """Cancel what waits for the socket in an event loop, and let that watch it no longer."""
        handle = self._handle
        assert handle is not None
        traffic, handle.traffic = handle.traffic, None
        if traffic is not None:
            traffic.stop()

    def __del__(self) -> None:
        try:
            handle = self._handle
            if handle is None or handle.address is None or self._shadow or handle.pid != os.getpid():
                return
            if not self.closed:
                # Closed first: the warning may be an error.
                shown = repr(self)
                self.close()
                from warnings import warn

                warn(f"Unclosed socket {shown}", ResourceWarning, stacklevel=2, source=self)
        except (AttributeError, ImportError, TypeError):
            pass  # half made, or the interpreter is taking its modules apart
        finally:
            try:
                if self._m is not None:
                    self._library.nowait.msg_close(self._m)
            except (AttributeError, TypeError):
                pass

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *args: Any, **kwargs: Any) -> None:
        self.close()

    # -- other objects for the same socket ----------------------------------------------------------------------------

    @classmethod
    def shadow(cls: type_[Self], address: int | Socket[Any]) -> Self:
        """Another object for an existing socket.

        Parameters
        ----------
        address : Socket, int or pointer
            The socket, its address (`underlying`), or a pointer of cffi to it.  Closing the shadow closes the socket.
        """
        return cls(shadow=address)

    def __copy__(self: Self, memo: Any = None) -> Self:
        """Copying a socket makes a shadow of it."""
        return type(self)(shadow=self)

    __deepcopy__ = __copy__

    def __reduce__(self) -> Any:
        raise TypeError(f"cannot pickle a {type(self).__name__}: it lives in this process only")

    def _check_open(self) -> None:
        if self._closed:
            raise ZMQError(constants.ENOTSOCK)

    # -- polling ------------------------------------------------------------------------------------------------------

    def poll(self, timeout: int | None = None, flags: int = _numbers.POLLIN) -> int:
        """Wait for events of this socket.

        Parameters
        ----------
        timeout : int, optional
            Milliseconds; by default, and if negative, as long as it takes.
        flags : int, optional
            Which of ``zmq.POLLIN`` and ``zmq.POLLOUT`` to wait for.

        Returns
        -------
        int
            The events that are there; 0 after the time-out.

        Raises
        ------
        ZMQVersionError
            If it has to wait, the socket is of a thread-safe type, and the loaded libzmq is no draft build.
        """
        try:
            call, arguments, events, mask, items = self._polls[flags]
        except KeyError:
            return self._poll_first(timeout, flags)
        limit = timeout if type(timeout) is int else milliseconds(timeout)
        # Asking the socket itself takes half the time of zmq_poll, and is enough where nothing has to be waited for.
        if call(*arguments) >= 0:
            found = events.value & mask
            if found or not limit:
                return found
        answers = items.poll(limit)
        return answers[0][1] if answers else 0

    def _poll_first(self, timeout: int | None, flags: int) -> int:
        """The first `poll` for these events, which prepares the others; all of a socket that is closed or is polled otherwise."""
        if self._closed:
            raise ZMQError(constants.ENOTSUP)
        if self._poller_class is not Poller:
            poller = self._poller_class()
            poller.register(self, flags)
            found: dict[Any, int] = dict(poller.poll(timeout))
            return found.get(self, 0)
        limit = milliseconds(timeout)
        if self._thread_safe:
            from .thread_safe import poll_socket

            return poll_socket(self, flags, limit)
        mask = int(integer(flags, "flags", 0, 2**15 - 1))
        events = c_int()
        arguments = (self._h, _EVENTS, byref(events), INT_LENGTH)
        # Found fastest by the very object that they were asked for with, a member of an enum or a plain number.
        self._polls[flags] = (self._calls.getsockopt, arguments, events, mask, single(self.underlying, mask))
        return Socket.poll(self, limit, mask)


# The slots themselves: assigning to them is told from a misspelt option by a function of Python.
(
    _set_library,
    _set_waiting,
    _set_calls,
    _set_m,
    _set_h,
    _set_polls,
    _set_prepared,
    _set_transmit,
    _set_receive,
    _set_quick,
    _set_threshold,
) = (
    getattr(Socket, name).__set__
    for name in (
        "_library",
        "_waiting",
        "_calls",
        "_m",
        "_h",
        "_polls",
        "_prepared",
        "_transmit",
        "_receive",
        "_quick",
        "_threshold",
    )
)
_copy_threshold = Socket.copy_threshold
_NULL = handle_argument(0)
_EVENTS = INT_ARGUMENTS[_numbers.EVENTS]


Socket._kind = Socket
learner(Socket, option_attribute)

if TYPE_CHECKING:
    SyncSocket = Socket[bytes]
else:
    SyncSocket = Socket
