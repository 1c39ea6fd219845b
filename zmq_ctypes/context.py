"""Context: the container of all sockets of a process or of a part of it.

What libzmq guarantees, and what this module does about the rest:

1. A context may be used from any thread; its sockets may not.
2. ``zmq_ctx_term`` waits until every socket of the context is closed and every message is sent or its LINGER has
   passed, for ever by default.  So a context is terminated when somebody asks for it or when it is garbage-collected,
   never because the interpreter exits.
3. Terminating a context twice reads freed memory.  All Python objects for one libzmq context of this process,
   shadows included, share one `_Handle`, so that one of them terminating it is seen by all.
4. In the child of a fork the context's threads do not exist; nothing of it may be touched there.  Each handle
   remembers the process that made it, and elsewhere it only pretends to end.
5. Sockets hold their context strongly and are held weakly by it: a socket that nobody uses any more is closed first.
"""

from __future__ import annotations

import atexit
import os
from _thread import allocate_lock as Lock  # as threading has it, without that module
from ctypes import byref, c_size_t, create_string_buffer
from errno import EFAULT, EINVAL
from weakref import WeakSet, WeakValueDictionary

from . import _numbers, constants, loader
from .error import ZMQError, from_errno
from .lending import ledger
from .options import (
    CONTEXT_OPTIONS,
    NEWEST,
    SOCKET_OPTIONS,
    OptionAttribute,
    attributes,
    hints,
    integer,
    learn_header,
    learner,
    option_number,
)
from .socket import Socket
from .utils.interop import cast_int_addr

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Generic, TypeVar, overload

    from ._option_hints import ContextHints
    from .loader import Library

    _SocketType = TypeVar("_SocketType", bound="Socket[Any]", covariant=True)
    _OtherSocketType = TypeVar("_OtherSocketType", bound="Socket[Any]")
    _ContextType = TypeVar("_ContextType", bound="Context[Any]")

    class _Undecided:
        """What no socket returns, so that only a class whose kind of sockets was never said is a context of such."""

else:
    from ._generic import Generic

    _SocketType = None

__all__ = ["Context", "SyncContext"]

# Set when the interpreter exits: from then on a context that is collected is left as it is, since terminating it might
# wait for ever.
_exiting = False


def _note_exit() -> None:
    global _exiting
    _exiting = True


atexit.register(_note_exit)


class _Handle:
    """One libzmq context: its address while it lives, shared by every Python object that stands for it."""

    __slots__ = ("__weakref__", "address", "kept", "pid")

    def __init__(self, address: int, own: bool) -> None:
        self.address: int | None = address
        self.pid = os.getpid()
        # Sockets that stay open although nobody uses them, by endpoint.  None once the context's end has begun, and for a
        # context of another binding, which would wait for them.
        self.kept: dict[str, Any] | None = {} if own else None


# The contexts of this process that Python objects stand for, by address.
_handles: WeakValueDictionary[int, _Handle] = WeakValueDictionary()
_handles_lock = Lock()


def _handle_of(address: int, new: bool = False) -> _Handle:
    with _handles_lock:
        handle = _handles.get(address)
        if new and handle is not None:
            # Another binding ended that context, and libzmq has just given its memory to this one.
            handle.address = None
        if handle is None or handle.address is None:
            handle = _handles[address] = _Handle(address, new)
        return handle


class _DefaultOption(OptionAttribute):
    """A socket option as an attribute of a context: the default for sockets made from now on."""

    __slots__ = ()

    def __get__(self, owner: Any, cls: type | None = None) -> Any:
        if owner is None:
            return self
        try:
            return owner.sockopts[self.option]
        except KeyError:
            raise AttributeError(f"{type(owner).__name__} has no default for the socket option {self.name}") from None

    def __set__(self, owner: Any, value: Any) -> None:
        owner.setsockopt(self.option if self._option is None else self._option, value)

    def __delete__(self, owner: Any) -> None:
        try:
            del owner.sockopts[self.option]
        except KeyError:
            raise AttributeError(f"{type(owner).__name__} has no default for the socket option {self.name}") from None


if not TYPE_CHECKING:
    ContextHints = hints("ContextHints", {**attributes(SOCKET_OPTIONS, _DefaultOption), **attributes(CONTEXT_OPTIONS)})


class Context(ContextHints, Generic[_SocketType]):
    """A libzmq context: makes sockets, runs their IO threads, ends them together.

    Parameters
    ----------
    io_threads : int, optional
        How many threads do the input and output; one serves about a gigabyte a second.  A `Context` given here is
        shadowed.
    shadow : Context or int, optional
        Stand for an existing context, or for the one at an address, instead of making one.  A shadow does not
        terminate the context when it is collected.

    Raises
    ------
    LibraryNotFound
        If no libzmq can be loaded: making a context is what loads it.
    ZMQError
        ``EINVAL`` if ``io_threads`` is negative, ``EMFILE`` if the system has no more files.

    Notes
    -----
    Options of the context are attributes (``ctx.io_threads``, ``ctx.max_sockets``), and so are defaults for the options
    of sockets made from now on (``ctx.linger = 0``), where those that do not suit a socket's type are passed over.

    Examples
    --------
    >>> with Context() as ctx, ctx.socket(zmq.PUSH) as push:
    ...     push.connect("tcp://127.0.0.1:5555")
    """

    #: Default socket options: number -> value.
    sockopts: dict[int, Any] = {}
    _sockets: WeakSet[Any] = WeakSet()
    _instance: Any = None
    _instance_lock = Lock()
    _instance_pid: int | None = None
    _shadow = False
    _shadow_obj: Any = None
    _warn_destroy_close = False
    _handle: _Handle | None = None
    _library: Library = None  # type: ignore[assignment]
    _socket_class: type[_SocketType] = Socket  # type: ignore[assignment]
    _repr_cls = "zmq.Context"

    if TYPE_CHECKING:

        @overload
        def __init__(self: SyncContext, io_threads: int = ...) -> None: ...
        @overload
        def __init__(self: SyncContext, io_threads: Context[Any]) -> None: ...
        @overload
        def __init__(self: SyncContext, *, shadow: Context[Any] | int) -> None: ...

    def __init__(self: SyncContext, io_threads: int | Context[Any] = 1, shadow: Context[Any] | int = 0) -> None:
        if isinstance(io_threads, Context):
            shadow, io_threads = io_threads, 1
        library = self._library = loader.load()
        if library.version > NEWEST:
            learn_header(library)
        self.sockopts = {}
        self._sockets = WeakSet()
        if isinstance(shadow, Context):
            self._shadow = True
            self._shadow_obj = shadow
            self._handle = shadow._handle
            if shadow.closed:
                raise ZMQError(constants.ENOTSUP, "cannot shadow a context that was terminated")
        elif shadow:
            self._shadow = True
            self._handle = _handle_of(cast_int_addr(shadow))
        else:
            threads = integer(io_threads, "io_threads")
            address = self._library.functions.zmq_ctx_new()
            if address is None:
                raise from_errno(self._library.functions.zmq_errno())
            self._handle = _handle_of(address, new=True)
            try:
                self.set(_numbers.IO_THREADS, threads)
            except ZMQError:
                self.term()
                raise

    # -- state --------------------------------------------------------------------------------------------------------

    @property
    def underlying(self) -> int:
        """The address of libzmq's context; 0 once it was terminated."""
        return (self._handle is not None and self._handle.address) or 0

    @property
    def closed(self) -> bool:
        """Whether the context was terminated, through this object or through one that shares it."""
        return not self.underlying

    def _address(self) -> int:
        address = self.underlying
        if not address:
            raise RuntimeError("Context has been destroyed")
        return address

    def __repr__(self) -> str:
        cls = type(self)
        name = cls.__dict__.get("_repr_cls", f"{cls.__module__}.{cls.__name__}")
        count = len(self._sockets)
        sockets = f"{count} socket{'' if count == 1 else 's'}" if count else ""
        return f"<{name}({sockets}) at {hex(id(self))}{' closed' if self.closed else ''}>"

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *CONTEXT_OPTIONS})

    # -- options ------------------------------------------------------------------------------------------------------

    def set(self, option: int, optval: int | bytes) -> None:
        """Set an option of the context.

        Parameters
        ----------
        option : int
            One of `constants.ContextOption`.
        optval : int or bytes
            Its value.  Bytes are for THREAD_NAME_PREFIX, and for options newer than this package; they need a draft build
            of libzmq 4.3.3 or later.

        Raises
        ------
        ZMQError
            ``EINVAL`` if the loaded libzmq does not know the option or the value, or it is too late for it.
        TypeError
            If the value is not an integer, nor bytes for an option that may be.
        RuntimeError
            If the context was terminated.
        ZMQVersionError
            If the value is bytes and the loaded libzmq takes none.
        """
        address = self._address()
        functions = self._library.functions
        number = option_number(option)
        if isinstance(optval, bytes) and (number in _MAY_BE_BYTES or number not in _KNOWN):
            result = functions.zmq_ctx_set_ext(address, number, optval, len(optval))
        else:
            result = functions.zmq_ctx_set(address, number, integer(optval, f"context option {option!r}"))
        if result < 0:
            raise from_errno(functions.zmq_errno())

    def get(self, option: int) -> Any:
        """Get an option of the context.

        Returns
        -------
        int or bytes
            Bytes where that was set, and is no number.

        Raises
        ------
        ZMQError
            ``EINVAL`` if the loaded libzmq does not know the option.
        RuntimeError
            If the context was terminated.
        """
        address = self._address()
        functions = self._library.functions
        number = option_number(option)
        if number in _MAY_BE_BYTES and functions.has("zmq_ctx_get_ext"):
            text = self._get_bytes(address, number)
            if text and not text.isdigit():
                return text
        value = functions.zmq_ctx_get(address, number)
        # -1 may be the value of an option: the unset THREAD_SCHED_POLICY of libzmq 4.3.
        if value == -1:
            errno = functions.zmq_errno()
            if errno in (EINVAL, EFAULT) and number not in _MAY_BE_NEGATIVE:
                raise from_errno(errno)
        return value

    def _get_bytes(self, address: int, number: int) -> bytes:
        """An option of the context as bytes; empty if it is an integer."""
        buffer, size = create_string_buffer(_LONGEST_TEXT), c_size_t(_LONGEST_TEXT)
        if self._library.functions.zmq_ctx_get_ext(address, number, buffer, byref(size)) < 0:
            return b""
        return buffer.raw[: size.value].rstrip(b"\0")

    def setsockopt(self, opt: int, value: Any) -> None:
        """Set the default of a socket option for the sockets made from now on.

        Sockets that already exist, and options that do not suit a socket's type, are left alone.
        """
        self.sockopts[opt] = value

    def getsockopt(self, opt: int) -> Any:
        """The default of a socket option for new sockets.

        Raises
        ------
        KeyError
            If none was set.
        """
        return self.sockopts[opt]

    # -- sockets ------------------------------------------------------------------------------------------------------

    if TYPE_CHECKING:

        @overload
        def socket(self, socket_type: int, socket_class: None = ..., **kwargs: Any) -> _SocketType: ...
        @overload
        def socket(
            self: _ContextType,
            socket_type: int,
            socket_class: Callable[[_ContextType, int], _OtherSocketType],
            **kwargs: Any,
        ) -> _OtherSocketType: ...

    def socket(self, socket_type: int, socket_class: Any = None, **kwargs: Any) -> Any:
        """Make a socket.

        Parameters
        ----------
        socket_type : int
            One of `constants.SocketType`, such as ``zmq.REQ``.
        socket_class : type, optional
            Make one of this class instead of the context's own.
        **kwargs
            Handed to the class.

        Raises
        ------
        ZMQError
            ``ENOTSUP`` if the context was terminated; ``EINVAL`` for a type that the loaded libzmq does not have;
            ``EMFILE`` if there are as many sockets as MAX_SOCKETS says.
        """
        if self.closed:
            raise ZMQError(constants.ENOTSUP)
        made = (socket_class or self._socket_class)(self, socket_type, **kwargs)
        try:
            for option, value in self.sockopts.items():
                try:
                    made.set(option, value)
                except ZMQError:
                    pass  # not every option suits every type
        except BaseException:
            # Nobody else could close it, and the context would wait for it.
            made.close(linger=0)
            raise
        self._add_socket(made)
        return made

    def _add_socket(self, socket: Any) -> None:
        self._sockets.add(socket)

    def _rm_socket(self, socket: Any) -> None:
        # The set is gone already while the interpreter takes a module apart.
        if self._sockets is not None:
            self._sockets.discard(socket)

    # -- the end ------------------------------------------------------------------------------------------------------

    def term(self) -> None:
        """Terminate the context; waits until its sockets are closed and their messages sent.

        Calls that wait on its sockets in other threads end with `ContextTerminated`; each thread then closes its own
        sockets.  Sockets with unsent messages are waited for as long as their LINGER says, for ever by default.
        Nothing happens for a context that was terminated before, or in the child of a fork.

        Raises
        ------
        KeyboardInterrupt
            Or whatever else a signal handler raises while this waits; ``term`` may then be called again.
        """
        handle = self._handle
        if handle is None or handle.address is None:
            return
        if handle.pid == os.getpid():
            functions = self._library.functions
            terminate = functions.zmq_ctx_term if functions.has("zmq_ctx_term") else functions.zmq_ctx_destroy
            self._close_kept(handle)
            refused = False
            while handle.address is not None and terminate(handle.address) < 0:
                # EINTR: a signal, whose handler may have changed the errno, has interrupted it.  EFAULT, twice: something
                # that we do not know of, such as another binding, has terminated it.
                if functions.zmq_errno() == EFAULT:
                    if refused:
                        break
                    refused = True
        with _handles_lock:
            if _handles.get(handle.address) is handle:
                del _handles[handle.address]
            handle.address = None
        ledger.sweep()

    def _close_kept(self, handle: _Handle) -> None:
        """Close what stayed open for as long as messages could be exchanged, and would now be waited for."""
        with _handles_lock:
            kept, handle.kept = handle.kept, None
        if kept:
            # Nothing may pass between the closing of the last guard and the end.
            self._library.functions.zmq_ctx_shutdown(handle.address)
            for socket in kept.values():
                socket.close(0)

    def _keep(self, endpoint: str, socket: Any) -> bool:
        """Let a socket stay bound to an endpoint, until `_give_back` or the end; False if that is impossible."""
        handle = self._handle
        with _handles_lock:
            if handle is None or handle.kept is None or endpoint in handle.kept or handle.pid != os.getpid():
                return False
            handle.kept[endpoint] = socket
        self._rm_socket(socket)
        socket._leave_loop()
        # The socket holds no context, which could not be collected otherwise, and is nobody's to complain about.
        socket.__dict__.update(context=None, _shadow=True)
        return True

    def _give_back(self, endpoint: str) -> Any:
        """The socket that was kept for an endpoint, as this context's own again; None if there is none."""
        handle = self._handle
        with _handles_lock:
            socket = handle.kept.pop(endpoint, None) if handle is not None and handle.kept else None
        if socket is not None:
            socket.__dict__.update(context=self, _shadow=False)
            self._add_socket(socket)
        return socket

    def destroy(self, linger: int | None = None) -> None:
        """Close all sockets of the context, then terminate it.

        Sockets may only be closed by the thread that uses them: do not call this while others do.

        Parameters
        ----------
        linger : int, optional
            Milliseconds for which unsent messages of each socket are kept; 0 drops them, -1 waits for ever.
        """
        if self.closed:
            return
        unclosed = [(socket, repr(socket)) for socket in list(self._sockets) if not socket.closed]
        for socket, _ in unclosed:
            socket.close(linger=linger)
        try:
            for socket, shown in unclosed if self._warn_destroy_close else ():
                from warnings import warn

                warn(f"Destroying context with unclosed socket {shown}", ResourceWarning, stacklevel=3, source=socket)
        finally:
            # The warning may be an error.
            self.term()

    def __enter__(self: _ContextType) -> _ContextType:
        return self

    def __exit__(self, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        # A context manager that leaves sockets open is a leak worth a warning; waiting for them would be a deadlock.
        self._warn_destroy_close = True
        self.destroy()

    def __del__(self) -> None:
        # Half-made objects, shadows and the interpreter's last moments (when globals may be None) end nothing.
        if _exiting is not False or self._handle is None or self._shadow or self.closed:
            return
        self._warn_destroy_close = True
        try:
            from warnings import warn

            warn(f"Unclosed context {self}", ResourceWarning, stacklevel=2, source=self)
        except ImportError:
            pass
        finally:
            # The warning may be an error.
            self.destroy()

    # -- other objects for the same context ---------------------------------------------------------------------------

    if TYPE_CHECKING:

        @overload
        @classmethod
        def instance(cls: type[Context[Socket[_Undecided]]], io_threads: int = ...) -> SyncContext: ...
        @overload
        @classmethod
        def instance(cls: type[_ContextType], io_threads: int = ...) -> _ContextType: ...

    @classmethod
    def instance(cls: Any, io_threads: int = 1) -> Any:
        """The one context of this class for the whole process, made when it is first asked for.

        A new one is made if it was terminated, and in the child of a fork.

        Parameters
        ----------
        io_threads : int, optional
            For the context that is made; ignored where there is one.
        """
        if cls._instance is None or cls._instance_pid != os.getpid() or cls._instance.closed:
            with cls._instance_lock:
                if cls._instance is None or cls._instance_pid != os.getpid() or cls._instance.closed:
                    cls._instance = cls(io_threads=io_threads)
                    cls._instance_pid = os.getpid()
        return cls._instance

    if TYPE_CHECKING:

        @overload
        @classmethod
        def shadow(cls: type[Context[Socket[_Undecided]]], address: int | Context[Any]) -> SyncContext: ...
        @overload
        @classmethod
        def shadow(cls: type[_ContextType], address: int | Context[Any]) -> _ContextType: ...

    @classmethod
    def shadow(cls: Any, address: int | Context[Any]) -> Any:
        """Another object for an existing context.

        Parameters
        ----------
        address : Context, int or pointer
            The context, its address (`underlying`), or a pointer of cffi to it.  The object for an address does not
            keep the context alive.
        """
        return cls(shadow=address)

    @classmethod
    def shadow_pyczmq(cls: type[_ContextType], ctx: Any) -> _ContextType:
        """A context for pyczmq's ``zctx_t *``; needs pyczmq."""
        from pyczmq import zctx  # type: ignore[import-not-found]

        return cls(shadow=zctx.underlying(ctx))

    def __copy__(self: _ContextType, memo: Any = None) -> _ContextType:
        """Copying a context makes a shadow of it."""
        return type(self)(shadow=self)

    __deepcopy__ = __copy__

    def __reduce__(self) -> Any:
        raise TypeError(f"cannot pickle a {type(self).__name__}: it lives in this process only")


# Options that libzmq keeps as text, whatever they were set from; it takes no more than 16 bytes.
_MAY_BE_BYTES = frozenset({_numbers.THREAD_NAME_PREFIX})
_KNOWN = frozenset(getattr(_numbers, name) for name in CONTEXT_OPTIONS)
_LONGEST_TEXT = 256

_MAY_BE_NEGATIVE = frozenset({_numbers.THREAD_SCHED_POLICY})

learner(Context, _DefaultOption)

if TYPE_CHECKING:
    SyncContext = Context[Socket[bytes]]
else:
    SyncContext = Context
