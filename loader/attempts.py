"""What was tried to find a libzmq, and the error that tells it where nothing would do."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

__all__ = ["Attempt", "LibraryNotFound"]


class Attempt:
    """One line of the log: what was tried and why it was not taken.

    Attributes
    ----------
    origin : str
        Why it was a candidate.
    path : str or None
        File or bare name; None if there was nothing to open, or for the process itself.
    reason : str or None
        Why it was refused; None for the one that was taken.
    """

    __slots__ = ("origin", "path", "reason")

    def __init__(self, origin: str, path: str | None, reason: str | None) -> None:
        self.origin = origin
        self.path = path
        self.reason = reason

    def __repr__(self) -> str:
        return f"Attempt({self.origin!r}, {self.path!r}, {self.reason!r})"

    def __str__(self) -> str:
        return ": ".join(part for part in (self.origin, self.path, self.reason or "taken") if part)


class LibraryNotFound(ImportError):
    """No usable libzmq: the message lists what was tried, why each was refused and what to do next.

    Attributes
    ----------
    attempts : sequence of Attempt
        The same as data, in the order tried.
    """

    attempts: Sequence[Attempt] = ()
