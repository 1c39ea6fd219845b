"""Stopwatch: how long something took.  Kept for programs of 2010; ``time.perf_counter`` does the same."""

from __future__ import annotations

from time import perf_counter

__all__ = ["Stopwatch"]


class Stopwatch:
    """Measures a time in microseconds.

    Deprecated: use ``time.perf_counter``.
    """

    _start: float | None

    def __init__(self) -> None:
        from warnings import warn

        warn("zmq.Stopwatch is deprecated, use time.perf_counter", DeprecationWarning, stacklevel=2)
        self._start = None

    def start(self) -> None:
        """Start, or start again from zero."""
        self._start = perf_counter()

    def stop(self) -> int:
        """The microseconds since `start`; 0 if that was never called."""
        if self._start is None:
            return 0
        return int((perf_counter() - self._start) * 1e6)
