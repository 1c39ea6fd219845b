"""Comparing passwords without telling how much of one was right.

What is compared is what a keyed hash makes of them, with a key that nobody knows and that each process makes anew: it has the
same length for all, so not even the length of the right one can be measured.
"""

from __future__ import annotations

import hmac
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["same"]

_key = os.urandom(32)


def same(given: str, stored: Any) -> bool:
    """Whether two passwords are the same.

    Parameters
    ----------
    given : str
        What the client says.
    stored : str or None
        What is right; None, or whatever is no str, is the same as nothing, which takes as long to find out.
    """
    known = isinstance(stored, str)
    first, second = (
        hmac.new(_key, text.encode("utf-8", "surrogatepass"), "sha256").digest()
        for text in (given, stored if known else "")
    )
    return hmac.compare_digest(first, second) and known
