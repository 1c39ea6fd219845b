"""What a frame holds: one ``zmq_msg_t``, and who closes it.

1. A ``zmq_msg_t`` must be closed exactly once, and its memory may be read until then.  The one who closes it, or gives it
   back to be used again (see ``loader.messages``), is `Content`, which a frame is and which every view of its memory holds; so
   a ``memoryview`` of a received frame stays valid when nobody has the frame itself any more, and nothing is closed twice.
2. Closing a message does not wait for anything, and may happen in any thread and after a fork: it is only memory.
"""

from __future__ import annotations

from ctypes import c_ubyte, memmove
from sys import implementation, maxsize

from .buffers import readable
from .error import last_error
from .lending import ledger
from .loader.direct import size_argument
from .loader.messages import MOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .lending import Loan
    from .loader import Library

__all__ = ["Content"]


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

    def _read(self) -> bytes:
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
