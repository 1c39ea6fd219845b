"""Text and bytes of the time when Python 2 and 3 had to be served by one program.  Deprecated: use str and bytes."""

from __future__ import annotations

from builtins import bytes as bytes

__all__ = ["asbytes", "b", "basestring", "bytes", "cast_bytes", "cast_unicode", "u", "unicode"]

unicode = str
basestring = (str,)


def _deprecated() -> None:
    from warnings import warn

    warn("zmq.utils.strtypes is deprecated, use str and bytes", DeprecationWarning, stacklevel=3)


def cast_bytes(s: str | bytes, encoding: str = "utf8", errors: str = "strict") -> bytes:
    """Text encoded; bytes as they are."""
    _deprecated()
    if isinstance(s, bytes):
        return s
    if isinstance(s, str):
        return s.encode(encoding, errors)
    raise TypeError(f"expected str or bytes, got: {s!r}")


def cast_unicode(s: str | bytes, encoding: str = "utf8", errors: str = "strict") -> str:
    """Bytes decoded; text as it is."""
    _deprecated()
    if isinstance(s, bytes):
        return s.decode(encoding, errors)
    if isinstance(s, str):
        return s
    raise TypeError(f"expected str or bytes, got: {s!r}")


b = asbytes = cast_bytes
u = cast_unicode
