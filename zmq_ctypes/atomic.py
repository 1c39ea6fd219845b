"""A counter that several threads, of Python and of C, may change at once: libzmq's ``zmq_atomic_counter``."""

from __future__ import annotations

from ctypes import byref, c_void_p

from . import loader
from .error import last_error
from .options import integer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["AtomicCounter"]


class AtomicCounter:
    """A counter that is changed in one step, by however many threads (libzmq 4.2 and later).

    Parameters
    ----------
    value : int, optional
        What it begins with.

    Raises
    ------
    ZMQVersionError
        If the loaded libzmq has no such counters.

    Notes
    -----
    C code that is given its address (`underlying`) can count with the same functions of libzmq.

    .. versionadded:: 27.3

    Examples
    --------
    >>> tickets = AtomicCounter(2)
    >>> tickets.dec(), tickets.dec()
    (True, False)
    """

    __slots__ = ("__weakref__", "_address", "_functions")

    def __init__(self, value: int = 0) -> None:
        self._address: int | None = None
        self._functions = loader.load().functions
        number = integer(value, "value", 0)
        self._address = self._functions.zmq_atomic_counter_new()
        if self._address is None:
            raise last_error()
        if number:
            self.set(number)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self.value}) at {hex(id(self))}>"

    @property
    def underlying(self) -> int:
        """The address of libzmq's counter; valid as long as this object is."""
        return self._address or 0

    @property
    def value(self) -> int:
        """What has been counted so far."""
        return self._functions.zmq_atomic_counter_value(self._address)

    def set(self, value: int) -> None:
        """Begin again at a value, which is not safe while other threads count.

        Parameters
        ----------
        value : int
            From 0 to 2**31 - 1.

        Raises
        ------
        TypeError, OverflowError
            If it is no such number.
        """
        self._functions.zmq_atomic_counter_set(self._address, integer(value, "value", 0))

    def inc(self) -> int:
        """Count one more.

        Returns
        -------
        int
            The value before.
        """
        return self._functions.zmq_atomic_counter_inc(self._address)

    def dec(self) -> bool:
        """Count one less.

        Returns
        -------
        bool
            Whether something is left: False for the one who made it 0.  Whoever counts below that finds it true again.
        """
        return bool(self._functions.zmq_atomic_counter_dec(self._address))

    def __reduce__(self) -> Any:
        raise TypeError(f"cannot pickle a {type(self).__name__}: it lives in this process only")

    def __del__(self) -> None:
        address = getattr(self, "_address", None)
        if address is not None:
            self._functions.zmq_atomic_counter_destroy(byref(c_void_p(address)))
