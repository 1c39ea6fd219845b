"""Frame: one part of a message, as programs see it; what it holds, and who closes that, is told by `content`.

``zmq_msg_send`` empties the message that it is given.  A frame sends a copy, which libzmq makes by counting references, so
that a frame can be sent many times.
"""

from __future__ import annotations

from errno import EINVAL
from sys import version_info
from weakref import ref

from . import loader
from .buffers import contiguous
from .content import Content
from .error import ZMQError, last_error
from .lending import ledger
from .options import MESSAGE_OPTIONS, OptionAttributes, attributes, hints, integer, option_number
from .tracker import _FINISHED_TRACKER, MessageTracker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from builtins import bytes as bytes_
    from typing import Any, Literal, overload

    from ._option_hints import FrameHints
else:
    FrameHints = hints("FrameHints", attributes(MESSAGE_OPTIONS), object)

__all__ = ["Frame", "Message"]


def default_threshold() -> int:
    """The package's ``COPY_THRESHOLD``, read when it is needed because programs assign to it."""
    from . import COPY_THRESHOLD

    return COPY_THRESHOLD


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
