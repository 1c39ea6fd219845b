"""Where a libzmq keeps small messages, so that they can be read without asking it.

libzmq stores a message of up to about thirty bytes inside the ``zmq_msg_t`` itself.  Its bytes can then be read straight
out of our own structure, which spares a call of ``zmq_msg_data`` for each.  Where they are, how many fit, and which
byte says that a message is of that kind, is no part of libzmq's interface and differs between versions; so it is found
out from the library at hand, through public functions only: messages of every size and every origin are made, and what
all the small ones have in common and none of the others has, is the mark.  Unless exactly one byte qualifies, nothing
is assumed and ``zmq_msg_data`` is asked each time.
"""

from __future__ import annotations

import sys
from ctypes import addressof, byref, memset, string_at

from .structs import MESSAGE_SIZE, zmq_free_fn, zmq_msg_t

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .functions import Functions

__all__ = ["Inline", "find_inline", "find_more"]

# Small messages hold at least this much in every libzmq; a smaller answer means that the trial went wrong.
_LEAST = 16


class Inline:
    """How one libzmq keeps small messages.

    Attributes
    ----------
    offset : int
        Where in the ``zmq_msg_t`` their bytes begin.
    limit : int
        How many there can be.
    mark : int
        The byte of the ``zmq_msg_t`` that tells small messages from others.
    value : int
        What that byte then is.
    """

    __slots__ = ("limit", "mark", "offset", "value")

    def __init__(self, offset: int, limit: int, mark: int, value: int) -> None:
        self.offset = offset
        self.limit = limit
        self.mark = mark
        self.value = value

    def __repr__(self) -> str:
        return f"Inline(offset={self.offset}, limit={self.limit}, mark={self.mark}, value={self.value})"


def _bytes(message: zmq_msg_t) -> bytes:
    return string_at(addressof(message), MESSAGE_SIZE)


def _small(functions: Functions, size: int, filling: int) -> tuple[int, bytes] | None:
    """Where a new message of a size keeps its bytes, and all of it; None if not inside."""
    message = zmq_msg_t()
    if functions.zmq_msg_init_size(byref(message), size) < 0:
        return None
    try:
        data = functions.zmq_msg_data(byref(message)) or 0
        offset = data - addressof(message)
        if not 0 <= offset <= MESSAGE_SIZE - size:
            return None
        memset(data, filling, size)
        return offset, _bytes(message)
    finally:
        functions.zmq_msg_close(byref(message))


def _others(functions: Functions, limit: int) -> list[bytes]:
    """Messages that keep their bytes elsewhere: allocated, lent, constant, and copies of them."""
    free = zmq_free_fn(lambda data, hint: None)
    found = []
    for size, lent, callback in (
        (limit + 1, False, None),
        (1000, False, None),
        (100000, False, None),
        (1, True, free),
        (limit, True, free),
        (1000, True, free),
        (1, True, None),
        (limit, True, None),
    ):
        memory = zmq_msg_t * (size // MESSAGE_SIZE + 1)
        data = memory()
        message, copy = zmq_msg_t(), zmq_msg_t()
        if lent:
            functions.zmq_msg_init_data(byref(message), byref(data), size, callback, None)
        else:
            functions.zmq_msg_init_size(byref(message), size)
        found.append(_bytes(message))
        functions.zmq_msg_init(byref(copy))
        functions.zmq_msg_copy(byref(copy), byref(message))
        found += [_bytes(message), _bytes(copy)]
        functions.zmq_msg_close(byref(copy))
        functions.zmq_msg_close(byref(message))
    return found


def find_inline(functions: Functions) -> Inline | None:
    """Find out how a libzmq keeps small messages.

    Parameters
    ----------
    functions : Functions
        The library's typed functions.

    Returns
    -------
    Inline or None
        None where that is not certain, and on PyPy, where it would not pay.
    """
    if sys.implementation.name != "cpython":
        return None
    inside: list[bytes] = []
    offsets = set()
    limit = -1
    for size in range(MESSAGE_SIZE):
        tries = [_small(functions, size, filling) for filling in (0x00, 0x5A, 0xFF)]
        if None in tries:
            break
        for offset, whole in filter(None, tries):
            offsets.add(offset)
            inside.append(whole)
        limit = size
    if limit < _LEAST or len(offsets) != 1:
        return None
    offset = offsets.pop()
    outside = _others(functions, limit)
    marks = [
        place
        for place in range(MESSAGE_SIZE)
        if not offset <= place < offset + limit
        and len({whole[place] for whole in inside}) == 1
        and inside[0][place] not in {whole[place] for whole in outside}
    ]
    if len(marks) != 1:
        return None
    return Inline(offset, limit, marks[0], inside[0][marks[0]])


def find_more(functions: Functions) -> tuple[int, int]:
    """Find out where ``zmq_msg_more`` looks, by setting one bit after the other of an empty message.

    Parameters
    ----------
    functions : Functions
        The library's typed functions.

    Returns
    -------
    tuple of (int, int)
        A byte of the ``zmq_msg_t``, and the bit of it that is set if more frames follow; a bit of 0 where that is not
        certain, and on PyPy, where it would not pay.
    """
    if sys.implementation.name != "cpython":
        return 0, 0
    # Never closed: an empty message owns nothing, and a signal handler that raises may leave this one spoilt.
    message = zmq_msg_t()
    functions.zmq_msg_init(byref(message))
    view: Any = memoryview(message).cast("B")
    found = []
    for place in range(MESSAGE_SIZE):
        for bit in (1 << shift for shift in range(8)):
            view[place] ^= bit
            if functions.zmq_msg_more(byref(message)):
                found.append((place, bit))
            view[place] ^= bit
    return found[0] if len(found) == 1 else (0, 0)
