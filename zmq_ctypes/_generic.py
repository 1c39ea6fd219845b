"""``Generic`` without ``typing``, whose import would cost a third of this package's own.

Type checkers see the real one; at run time ``Socket[bytes]`` is ``Socket``.
"""

from __future__ import annotations


class Generic:
    """A base that may be subscribed, for nothing."""

    __slots__ = ()

    def __class_getitem__(cls, item: object) -> type:
        return cls
