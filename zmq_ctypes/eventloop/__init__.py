"""Sockets in tornado's loop: callbacks for messages (`zmqstream`), and sockets that are awaited (`future`)."""

from __future__ import annotations

try:
    from tornado.ioloop import IOLoop  # type: ignore[import-not-found,import-untyped,unused-ignore]
except ImportError as _error:
    if (getattr(_error, "name", None) or "").partition(".")[0] != "tornado":
        raise
    raise ImportError(f"{__name__} needs tornado 6.1 or later: pip install tornado", name="tornado") from None

__all__ = ["IOLoop"]
