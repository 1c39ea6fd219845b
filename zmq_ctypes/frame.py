"""Frame: one part of a message, holding libzmq's own memory.

1. A ``zmq_msg_t`` must be closed exactly once, and its memory may be read until then.  The one who closes it, or gives it
   back to be used again (see ``loader.messages``), is `Received`, which both the frame and every view of its memory hold; so
   a ``memoryview`` of a received frame stays valid after the frame itself is gone, and nothing is closed twice.
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
from .options import MESSAGE_OPTION_NAMES, OptionAttributes, add_attributes, integer, option_number
from .tracker import _FINISHED_TRACKER, MessageTracker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from builtins import bytes as bytes_
    from typing import Any, Literal, overload

    from ._option_hints import FrameHints
    from .lending import Loan
    from .loader import Library
else:
    FrameHints = OptionAttributes

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

    content: Received


def _exporter(address: int, size: int, content: Received) -> Any:
    """Memory as something that exports Python buffers, and that keeps the message open as long as one of them lives."""
    memory = _Memory.from_address(address)
    memory.content = content
    return memory


if implementation.name == "pypy":
    # There a memoryview holds what ctypes has inside and not the ctypes object, which would be collected, and with it the
    # message.  cffi, which is part of PyPy, calls a function when its pointer is not used by any buffer any more.
    from _cffi_backend import FFI  # type: ignore[import-not-found,import-untyped,unused-ignore]

    _ffi = FFI()

    def _exporter(address: int, size: int, content: Received) -> Any:  # noqa: F811
        def let_go(_: Any, content: Received = content) -> None:
            pass

        return _ffi.buffer(_ffi.gc(_ffi.cast("char *", address), let_go), size)


class Received:
    """One ``zmq_msg_t`` that was received into, closed when nobody needs it any more.

    Without an ``__init__``, because calling one would cost as much as all the rest: ``Receiving._recv_content`` fills it.
    """

    __slots__ = ("_entry", "argument", "library", "size")

    #: What is lent to libzmq with it: nothing, but for a `Content`.
    loan: Loan | None = None

    if TYPE_CHECKING:
        _entry: Any
        argument: Any
        library: Library
        #: Bytes; negative if that has to be asked.
        size: int

    def sent(self) -> None:
        """Give it back: libzmq has sent it, and left nothing."""
        entry, self._entry = self._entry, None
        self.library.messages.give_fresh(entry)

    def __del__(self) -> None:
        try:
            entry = self._entry
        except AttributeError:
            return  # a signal handler has raised while it was made
        if entry is not None:
            _, _, view, mark, small, used = entry
            # As give, for the most common case; nothing that is lent is small.
            if view[mark] == small and len(used) < MOST:
                used.append(entry)
                return
            self.library.messages.give(entry)
        if self.loan is not None:
            # If this was the last that libzmq knew of it, the memory is free now and not at the next look.
            self.loan.is_set()

    def __len__(self) -> int:
        size = self.size
        return size if size >= 0 else self.library.nowait.msg_size(self.argument)

    def copy(self) -> Content:
        """Another message for the same bytes."""
        other = Content(self.library)
        if self.library.nowait.msg_copy(other.argument, self.argument) < 0:
            raise last_error()
        return other

    def bytes(self) -> bytes_:
        """A copy of the message's memory."""
        return self.library.nowait.msg_data(self.argument)[: len(self)]

    def view(self) -> memoryview:
        """The message's own memory, which stays valid as long as the view does."""
        size = len(self)
        if not size:
            return memoryview(bytearray())
        address = self.library.functions.zmq_msg_data(self.argument)
        return memoryview(_exporter(address, size, self)).cast("B")[:size]


class Content(Received):
    """One ``zmq_msg_t`` to make something of.

    Parameters
    ----------
    library : loader.Library
        The library that the message belongs to.
    """

    __slots__ = ("loan",)

    def __init__(self, library: Library) -> None:
        self.library = library
        self.loan = None
        self.size = -1
        entry = self._entry = library.messages.take()
        self.argument = entry[0]

    def fill(self, data: memoryview) -> None:
        """Become a message that holds a copy of some bytes."""
        size = data.nbytes
        calls = self.library.nowait
        if calls.msg_init_size(self.argument, size_argument(size)) < 0:
            calls.msg_init(self.argument)
            raise MemoryError(f"libzmq could not allocate {size} bytes for a message")
        if size:
            memmove(self.library.functions.zmq_msg_data(self.argument), readable(data), size)

    def lend(self, data: Any) -> Loan:
        """Become a message of the memory of an object, which libzmq reads where it is."""
        try:
            loan = self.loan = ledger.lend(self.library, self.argument, data)
        except BaseException:
            self.library.nowait.msg_init(self.argument)
            raise
        return loan


class Frame(FrameHints):
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

    __slots__ = ("__dict__", "__weakref__", "_content")

    if TYPE_CHECKING:
        _content: Received

    tracker: MessageTracker | None = None
    tracker_event: Any = None
    _data: Any = None
    _bytes: bytes_ | None = None
    _buffer: Any = None
    _repr_cls = "zmq.Frame"

    def __init__(
        self,
        data: Any = None,
        track: bool = False,
        copy: bool | None = None,
        copy_threshold: int | None = None,
        **kwargs: Any,
    ) -> None:
        own = self.__dict__
        content = Content(loader.load())
        hold(self, content)
        loan = None
        if data is not None:
            view = contiguous(data)
            if copy is None:
                threshold = default_threshold() if copy_threshold is None else copy_threshold
                copy = view.nbytes < integer(threshold, "copy_threshold", 0, 2**63 - 1)
            if copy or not ledger.takes(view):
                content.fill(view)
            else:
                del view  # only the loan holds the memory
                own["_data"] = data
                loan = own["tracker_event"] = content.lend(data)
        if track:
            own["tracker"] = _FINISHED_TRACKER if loan is None else MessageTracker(loan)

    @classmethod
    def _holding(cls, content: Received) -> Frame:
        """The frame for a message that is there."""
        frame = cls.__new__(cls)
        hold(frame, content)
        return frame

    @property
    def more(self) -> bool:
        """Whether the message that this frame was received with has further frames."""
        more: bool | None = self.__dict__.get("more")
        if more is None:
            more = bool(self._content.library.nowait.msg_more(self._content.argument))
        return more

    @more.setter
    def more(self, more: bool) -> None:
        self.__dict__["more"] = more

    # -- memory -------------------------------------------------------------------------------------------------------

    @property
    def bytes(self) -> bytes_:
        """The frame's bytes; copied when they are first asked for, and then kept.

        What is written to `buffer` afterwards is seen by ``bytes(frame)``, which copies each time.
        """
        data = self._bytes
        if data is None:
            data = self.__dict__["_bytes"] = self._content.bytes()
        return data

    @property
    def buffer(self) -> memoryview:
        """The frame's memory itself: writable, valid as long as the view lives."""
        view = self._buffer() if self._buffer is not None else None
        if view is None:
            view = self._content.view()
            # A strong reference would keep large messages alive until the next garbage collection.
            self.__dict__["_buffer"] = ref(view)
        return view

    def __bytes__(self) -> bytes_:
        # Never the kept ones: the memory may have been written to since.
        return self._content.bytes()

    def __buffer__(self, flags: int) -> memoryview:
        return self._content.view()

    def __len__(self) -> int:
        return len(self._content)

    def __copy__(self) -> Frame:
        """Another frame for the same memory."""
        other = self._holding(self._content.copy())
        own = other.__dict__
        for key in ("more", "tracker", "tracker_event", "_data"):
            if key in self.__dict__:
                own[key] = self.__dict__[key]
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
        functions = self._content.library.functions
        argument = self._content.argument
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
        functions = self._content.library.functions
        argument = self._content.argument
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


# The slot itself: assigning goes through __setattr__, which looks at what programs assign.
hold = Frame.__dict__["_content"].__set__


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


add_attributes(Frame, MESSAGE_OPTION_NAMES)

if version_info < (3, 12):
    from .bufferslot import fill_buffer_slot

    fill_buffer_slot(Frame)

#: The name that frames had in pyzmq 2.1.
Message = Frame
