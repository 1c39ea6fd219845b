"""Frame: one part of a message, holding libzmq's own memory.

1. A ``zmq_msg_t`` must be closed exactly once, and its memory may be read until then.  The one who closes it, or gives it
   back to be used again (see ``loader.messages``), is `Content`, which a frame is and which every view of its memory holds; so
   a ``memoryview`` of a received frame stays valid when nobody has the frame itself any more, and nothing is closed twice.
2. ``zmq_msg_send`` empties the message that it is given.  A frame sends a copy, which libzmq makes by counting
   references, so that a frame can be sent many times.
3. Closing a message does not wait for anything, and may happen in any thread and after a fork: it is only memory.
"""

from __future__ import annotations

from ctypes import c_ubyte, memmove
from errno import EINVAL
from sys import implementation, maxsize, version_info
from weakref import ref

from . import loader
from .buffers import contiguous, readable
from .error import ZMQError, last_error
from .lending import ledger
from .loader.direct import size_argument
from .loader.messages import MOST
from .options import MESSAGE_OPTIONS, OptionAttributes, attributes, hints, integer, option_number
from .tracker import _FINISHED_TRACKER, MessageTracker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from builtins import bytes as bytes_
    from typing import Any, Literal, overload

    from ._option_hints import FrameHints
    from .lending import Loan
    from .loader import Library
else:
    FrameHints = hints("FrameHints", attributes(MESSAGE_OPTIONS), object)

__all__ = ["Frame", "Message"]


def default_threshold() -> int:
    """The package's ``COPY_THRESHOLD``, read when it is needed because programs assign to it."""
    from . import COPY_THRESHOLD

    return COPY_THRESHOLD


class _Memory(c_ubyte * maxsize):  # type: ignore[misc]
    """libzmq's memory as an exporter of Python buffers, which keeps the message open through its ``content``.

    One type serves memory of any length, because ctypes keeps every array type that it makes for ever; its instances
    are only ever sliced through a memoryview.
    """

    content: Content


def _exporter(address: int, size: int, content: Content) -> Any:
    """Memory as something that exports Python buffers, and that keeps the message open as long as one of them lives."""
    memory = _Memory.from_address(address)
    memory.content = content
    return memory


if implementation.name == "pypy":
    # There a memoryview holds what ctypes has inside and not the ctypes object, which would be collected, and with it the
    # message.  cffi, which is part of PyPy, calls a function when its pointer is not used by any buffer any more.
    from _cffi_backend import FFI  # type: ignore[import-not-found,import-untyped,unused-ignore]

    _ffi = FFI()

    def _exporter(address: int, size: int, content: Content) -> Any:  # noqa: F811
        def let_go(_: Any, content: Content = content) -> None:
            pass

        return _ffi.buffer(_ffi.gc(_ffi.cast("char *", address), let_go), size)


class Content:
    """One ``zmq_msg_t``, closed when nobody needs it any more.

    Parameters
    ----------
    library : loader.Library
        The library that the message belongs to.
    """

    __slots__ = ("_entry", "_library", "_loan", "_size")

    if TYPE_CHECKING:
        _entry: Any
        _library: Library
        #: What is lent to libzmq with it; missing in what was received.
        _loan: Loan | None
        #: Bytes; negative if that has to be asked.
        _size: int

    # Received messages are made without this, because calling it would cost as much as all the rest: see
    # ``Receiving.recv``.
    def __init__(self, library: Library) -> None:
        self._library = library
        self._loan = None
        self._size = -1
        self._entry = library.messages.take()

    def _sent(self) -> None:
        """Give it back: libzmq has sent it, and left nothing."""
        entry, self._entry = self._entry, None
        self._library.messages.give_fresh(entry)

    def __del__(self) -> None:
        try:
            entry = self._entry
        except AttributeError:
            return  # a signal handler has raised while it was made
        if entry is not None:
            _, mark, small, used = entry
            # As give, for the most common case; nothing that is lent is small.
            if mark[0] == small and len(used) < MOST:
                used.append(entry)
                return
            self._library.messages.give(entry)
        loan = getattr(self, "_loan", None)
        if loan is not None:
            # If this was the last that libzmq knew of it, the memory is free now and not at the next look.
            loan.is_set()

    def __len__(self) -> int:
        size = self._size
        return size if size >= 0 else self._library.nowait.msg_size(self._entry[0])

    def _copied(self, made: Content | None = None) -> Content:
        """Another message for the same bytes: a new one, or one that was ``made`` and holds nothing."""
        other = Content(self._library) if made is None else made
        if self._library.nowait.msg_copy(other._entry[0], self._entry[0]) < 0:
            raise last_error()
        return other

    def _read(self) -> bytes_:
        """A copy of the message's memory."""
        return self._library.nowait.msg_data(self._entry[0])[: len(self)]

    def _view(self) -> memoryview:
        """The message's own memory, which stays valid as long as the view does."""
        size = len(self)
        if not size:
            return memoryview(bytearray())
        address = self._library.functions.zmq_msg_data(self._entry[0])
        return memoryview(_exporter(address, size, self)).cast("B")[:size]

    def _fill(self, data: memoryview) -> None:
        """Become a message that holds a copy of some bytes."""
        size = data.nbytes
        calls, argument = self._library.nowait, self._entry[0]
        if calls.msg_init_size(argument, size_argument(size)) < 0:
            calls.msg_init(argument)
            raise MemoryError(f"libzmq could not allocate {size} bytes for a message")
        if size:
            memmove(self._library.functions.zmq_msg_data(argument), readable(data), size)

    def _lend(self, data: Any) -> Loan:
        """Become a message of the memory of an object, which libzmq reads where it is."""
        argument = self._entry[0]
        try:
            loan = self._loan = ledger.lend(self._library, argument, data)
        except BaseException:
            self._library.nowait.msg_init(argument)
            raise
        return loan


class Frame(Content, FrameHints):
    """One part of a message, in libzmq's memory.

    Parameters
    ----------
    data : bytes-like, optional
        What the frame holds; nothing by default.
    track : bool, optional
        Make a `MessageTracker` that tells when libzmq has let go of ``data``.
    copy : bool, optional
        Whether to copy ``data``; by default what is smaller than ``copy_threshold`` is copied.
    copy_threshold : int, optional
        In bytes; by default the package's ``COPY_THRESHOLD``.

    Attributes
    ----------
    tracker : MessageTracker or None
        Follows ``data``, if that was asked for.
    tracker_event : threading.Event or None
        Set when libzmq has let go of ``data``.

    Raises
    ------
    TypeError
        If ``data`` is text or not bytes-like.
    BufferError
        If the memory of ``data`` is not one block.

    Examples
    --------
    >>> frame = Frame(b"hello")
    >>> bytes(frame), len(frame)
    (b'hello', 5)
    """

    # No __dict__, so that no attribute can be made that nobody declared, and none of Python's functions looks at each
    # that is set.  What few frames have is in `_rare`, where there is any.
    __slots__ = ("__weakref__", "_rare")

    if TYPE_CHECKING:
        _rare: dict[str, Any]

    _repr_cls = "zmq.Frame"

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Theirs have a __dict__.
        if cls.__setattr__ is object.__setattr__:
            cls.__setattr__ = OptionAttributes.__setattr__  # type: ignore[assignment]

    def __init__(
        self,
        data: Any = None,
        track: bool = False,
        copy: bool | None = None,
        copy_threshold: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(loader.load())
        loan = None
        if data is not None:
            view = contiguous(data)
            if copy is None:
                threshold = default_threshold() if copy_threshold is None else copy_threshold
                copy = view.nbytes < integer(threshold, "copy_threshold", 0, 2**63 - 1)
            if copy or not ledger.takes(view):
                self._fill(view)
            else:
                del view  # only the loan holds the memory
                loan = self._lend(data)
                self._keep(data=data, tracker_event=loan)
        if track:
            self._keep(tracker=_FINISHED_TRACKER if loan is None else MessageTracker(loan))

    def _keep(self, **rare: Any) -> None:
        """Keep what few frames have."""
        try:
            self._rare.update(rare)
        except AttributeError:
            self._rare = rare

    def _kept(self, name: str) -> Any:
        """What was kept under a name; None if nothing was."""
        try:
            return self._rare.get(name)
        except AttributeError:
            return None

    @property
    def tracker(self) -> MessageTracker | None:
        """Follows the data that was lent, if that was asked for."""
        return self._kept("tracker")  # type: ignore[no-any-return]

    @tracker.setter
    def tracker(self, tracker: MessageTracker | None) -> None:
        self._keep(tracker=tracker)

    @property
    def tracker_event(self) -> Any:
        """Set when libzmq has let go of the data that was lent."""
        return self._kept("tracker_event")

    @tracker_event.setter
    def tracker_event(self, event: Any) -> None:
        self._keep(tracker_event=event)

    @property
    def more(self) -> bool:
        """Whether the message that this frame was received with has further frames."""
        more: bool | None = self._kept("more")
        return bool(self._library.nowait.msg_more(self._entry[0])) if more is None else more

    @more.setter
    def more(self, more: bool) -> None:
        self._keep(more=more)

    # -- memory -------------------------------------------------------------------------------------------------------

    @property
    def bytes(self) -> bytes_:
        """The frame's bytes; copied when they are first asked for, and then kept.

        What is written to `buffer` afterwards is seen by ``bytes(frame)``, which copies each time.
        """
        data = self._kept("bytes")
        if data is None:
            data = self._read()
            self._keep(bytes=data)
        return data  # type: ignore[no-any-return]

    @property
    def buffer(self) -> memoryview:
        """The frame's memory itself: writable, valid as long as the view lives."""
        weak = self._kept("buffer")
        view: memoryview | None = weak() if weak is not None else None
        if view is None:
            view = self._view()
            # A strong reference would keep large messages alive until the next garbage collection.
            self._keep(buffer=ref(view))
        return view

    def __bytes__(self) -> bytes_:
        # Never the kept ones: the memory may have been written to since.
        return self._read()

    def __buffer__(self, flags: int) -> memoryview:
        return self._view()

    def __copy__(self) -> Frame:
        """Another frame for the same memory."""
        cls = type(self)
        other = cls.__new__(cls)
        Content.__init__(other, self._library)
        self._copied(other)
        for key in ("more", "tracker", "tracker_event", "data"):
            value = self._kept(key)
            if value is not None:
                other._keep(**{key: value})
        return other

    def __reduce__(self) -> Any:
        raise TypeError(f"cannot pickle or deepcopy a {type(self).__name__}: it holds memory of libzmq")

    def __repr__(self) -> str:
        size = len(self)
        shown = bytes(self) if size <= 16 else self.buffer[:12].tobytes()
        text = repr(shown)
        if size > 16:
            text += f"...{_readable_size(size)}"
        cls = type(self)
        name = cls.__dict__.get("_repr_cls", f"{cls.__module__}.{cls.__name__}")
        return f"<{name}({text})>"

    __str__ = __repr__

    # -- properties ---------------------------------------------------------------------------------------------------

    if TYPE_CHECKING:

        @overload
        def get(self, option: int | Literal["routing_id"]) -> int: ...
        @overload
        def get(self, option: bytes_ | Literal["group"]) -> str: ...
        @overload
        def get(self, option: str) -> int | str: ...

    def get(self, option: int | str | bytes_) -> int | str:
        """A property of the message.

        Parameters
        ----------
        option : int or str
            One of `constants.MessageOption`; or a name: ``"Socket-Type"``, ``"User-Id"``, ``"Peer-Address"``
            (libzmq 4.1), ``"Identity"``, metadata of an authenticator; or ``"routing_id"`` and ``"group"`` (draft).

        Raises
        ------
        ZMQError
            ``EINVAL`` if the message has no such property.
        ZMQVersionError
            If the loaded libzmq has no such properties.
        TypeError
            If ``option`` is neither an integer nor a name.
        """
        functions = self._library.functions
        argument = self._entry[0]
        if isinstance(option, (str, bytes)):
            name = option.decode("utf-8") if isinstance(option, bytes) else option
            if name == "routing_id":
                return functions.zmq_msg_routing_id(argument)
            if name == "group":
                return functions.zmq_msg_group(argument).decode("utf-8")
            if "\0" in name:
                raise ValueError(f"option: embedded null character in {name!r}")
            value = functions.zmq_msg_gets(argument, name.encode("utf-8"))
            if value is None:
                raise last_error(f"property {name!r}")
            return value.decode("utf-8")
        try:
            number = option_number(option)
        except TypeError:
            raise TypeError(f"option must be an int or a str, got: {option!r}") from None
        found = functions.zmq_msg_get(argument, number)
        if found < 0:
            raise last_error()
        return found

    if TYPE_CHECKING:

        @overload
        def set(self, option: int | Literal["routing_id"], value: int) -> None: ...
        @overload
        def set(self, option: Literal["group"], value: str | bytes_) -> None: ...

    def set(self, option: int | str, value: Any) -> None:
        """Set a property of the message.

        Parameters
        ----------
        option : int or str
            ``"routing_id"`` or ``"group"`` (draft builds of libzmq 4.2 and later), or the number of a property.
        value : int or str
            Its value.
        """
        functions = self._library.functions
        argument = self._entry[0]
        if option == "routing_id":
            rc = functions.zmq_msg_set_routing_id(argument, integer(value, "routing_id", 0, 2**32 - 1))
        elif option == "group":
            rc = functions.zmq_msg_set_group(argument, group_name(value))
        elif isinstance(option, str):
            raise ZMQError(EINVAL, f"a message has no property {option!r} that can be set")
        else:
            rc = functions.zmq_msg_set(argument, option_number(option), integer(value, "value"))
        if rc < 0:
            raise last_error()

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, key: int | Literal["routing_id"]) -> int: ...
        @overload
        def __getitem__(self, key: bytes_ | Literal["group"]) -> str: ...
        @overload
        def __getitem__(self, key: str) -> int | str: ...

    def __getitem__(self, key: int | str | bytes_) -> int | str:
        return self.get(key)

    @property
    def group(self) -> str:
        """The group of a message of RADIO and DISH (draft)."""
        return self.get("group")

    @group.setter
    def group(self, group: str) -> None:
        self.set("group", group)

    @property
    def routing_id(self) -> int:
        """The peer that a message of SERVER comes from or goes to (draft)."""
        return self.get("routing_id")

    @routing_id.setter
    def routing_id(self, routing_id: int) -> None:
        self.set("routing_id", routing_id)


def group_name(group: str | bytes) -> bytes:
    """The name of a group of RADIO and DISH as C wants it.

    Raises
    ------
    TypeError, ValueError
        If it is no text, or has a NUL inside.
    ZMQError
        ``EINVAL`` if it is longer than the loaded libzmq's groups, which would cut it off and send to another group.
    """
    if isinstance(group, str):
        group = group.encode("utf-8")
    if not isinstance(group, bytes):
        raise TypeError(f"group: expected str, got: {group!r}")
    if b"\0" in group:
        raise ValueError(f"group: embedded null byte in {group!r}")
    longest = 255 if loader.load().version >= (4, 3, 3) else 15
    if len(group) > longest:
        raise ZMQError(EINVAL, f"group: longer than {longest} bytes: {group!r}")
    return group


def _readable_size(size: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.0f}{unit}"
    return f"{size}B"


if version_info < (3, 12):
    from .bufferslot import fill_buffer_slot

    fill_buffer_slot(Frame)

#: The name that frames had in pyzmq 2.1.
Message = Frame
