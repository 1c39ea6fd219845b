"""Addresses handed over by other bindings of the same library."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["cast_int_addr"]


def cast_int_addr(n: Any) -> int:
    """The address that an object stands for.

    Parameters
    ----------
    n : int, object with ``underlying``, ctypes pointer or cffi pointer
        What another binding calls its context or socket.

    Returns
    -------
    int
        The address.

    Raises
    ------
    ValueError
        If nothing in the object looks like an address.
    """
    if isinstance(n, int) and not isinstance(n, bool):
        return n
    underlying = getattr(n, "underlying", None)
    if isinstance(underlying, int):
        return underlying
    import ctypes

    if isinstance(n, ctypes.c_void_p):
        return n.value or 0
    # A pointer of cffi: only a program that has cffi can have made one.
    import sys

    cffi = sys.modules.get("cffi")
    if cffi is not None:
        ffi = cffi.FFI()
        if isinstance(n, ffi.CData):
            return int(ffi.cast("size_t", n))
    raise ValueError(f"Cannot cast {n!r} to an address")
