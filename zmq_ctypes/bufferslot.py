"""The buffer protocol for a Python class, on CPython before 3.12.

Since 3.12 a class that defines ``__buffer__`` can be handed to ``memoryview`` and to everything else that reads buffers.
Before, only C could fill the type's ``bf_getbuffer`` slot.  ctypes is C enough: for a class defined in Python
(a heap type) the table of buffer functions lies inside the type object itself, and its place has been the same in every
release from 3.8 to 3.11, which will not change any more.

Where the table is, is checked before it is touched: the pointer at the expected place must lead into the type object.
Otherwise nothing is done, and ``memoryview`` refuses the class as it would without us.

ctypes lets no exception out of a callback: a ``__buffer__`` that raises is a ``SystemError`` for the caller.
"""

from __future__ import annotations

import ctypes
import sys
from ctypes import PYFUNCTYPE, c_int, c_void_p, py_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["fill_buffer_slot"]

_HEAP_TYPE = 1 << 9
# From tp_name to tp_setattro: what stands between the type's head and its tp_as_buffer.
_POINTERS_BEFORE = 17

_getbuffer_t = PYFUNCTYPE(c_int, py_object, c_void_p, c_int)

# Callbacks that C holds the address of; classes may come and go, these stay.
_callbacks: list[Any] = []


def fill_buffer_slot(cls: type) -> bool:
    """Make a class offer the buffer that its ``__buffer__`` method returns.

    Parameters
    ----------
    cls : type
        Defined in Python, with ``__buffer__(self, flags)`` returning a memoryview.  Classes derived from it later offer
        it too.

    Returns
    -------
    bool
        Whether that worked; the interpreter itself does it from 3.12 on.
    """
    if sys.implementation.name != "cpython" or sys.version_info >= (3, 12):
        return sys.version_info >= (3, 12)
    pointer = ctypes.sizeof(c_void_p)
    # ob_refcnt and ob_type, then ob_size.
    # type and object describe themselves as types: mypy sees their descriptors.
    head: Any = object.__basicsize__
    place = id(cls) + head + pointer * (1 + _POINTERS_BEFORE)
    size: Any = type.__basicsize__
    table = c_void_p.from_address(place).value or 0
    if not cls.__flags__ & _HEAP_TYPE or not id(cls) < table < id(cls) + size - pointer:
        return False
    # A function object of our own: an attribute of pythonapi is shared with everybody.
    fill = ctypes.pythonapi["PyObject_GetBuffer"]
    fill.argtypes, fill.restype = [py_object, c_void_p, c_int], c_int

    def getbuffer(exporter: Any, view: int, flags: int) -> int:
        # The memoryview becomes the owner of the filled buffer, so releasing it is its business.
        try:
            return fill(exporter.__buffer__(flags), view, flags)  # type: ignore[no-any-return,unused-ignore]
        except BaseException:
            return -1

    callback = _getbuffer_t(getbuffer)
    _callbacks.append(callback)
    c_void_p.from_address(table).value = ctypes.cast(callback, c_void_p).value
    return True
