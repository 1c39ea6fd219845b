"""What callers hand over as bytes: checked, and made readable for C.

Anything with the buffer protocol whose memory is one block will do, whatever its item size and shape.
"""

from __future__ import annotations

from ctypes import byref, c_char

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["contiguous", "readable", "writable"]


def contiguous(data: Any, what: str = "data") -> memoryview:
    """A view of an object's memory.

    Raises
    ------
    TypeError
        If the object is text, or has no memory to offer.
    BufferError
        If its memory is not one block.
    """
    if isinstance(data, str):
        raise TypeError(f"{what}: unicode not allowed, use send_string")
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(f"{what}: a bytes-like object is required, not {type(data).__name__!r}") from None
    if not view.contiguous:
        raise BufferError(f"{what}: memoryview: underlying buffer is not contiguous")
    return view


def readable(view: memoryview) -> Any:
    """Something that ctypes passes as the address of a view's bytes, and that keeps them in place.

    Read-only memory that is not a whole bytes object is copied: ctypes has no pointer to such memory.
    """
    whole = view.obj
    if type(whole) is bytes and len(whole) == view.nbytes:
        return whole
    if not view.c_contiguous:
        try:
            return view.tobytes("A")  # Fortran's order: the memory as it lies there
        except TypeError:
            raise BufferError("PyPy cannot read memory in Fortran's order: make it C-contiguous") from None
    if view.readonly:
        return view.tobytes()
    return byref(c_char.from_buffer(view)) if view.nbytes else b""


def writable(buffer: Any, what: str = "buffer") -> memoryview:
    """A view of memory that C may write to, as bytes.

    Raises
    ------
    TypeError
        If the object has no memory to offer.
    BufferError
        If its memory is read-only or not one block.
    """
    try:
        view = memoryview(buffer)
    except TypeError:
        raise TypeError(f"{what}: a bytes-like object is required, not {type(buffer).__name__!r}") from None
    if view.readonly:
        raise BufferError(f"{what}: the object is read-only")
    if not view.c_contiguous:
        raise BufferError(f"{what}: memoryview: underlying buffer is not contiguous")
    return view.cast("B") if view.nbytes else memoryview(bytearray())
