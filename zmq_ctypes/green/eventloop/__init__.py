"""tornado's loop in a monkey-patched program, where it lets other greenlets run."""

from __future__ import annotations

from ...eventloop import IOLoop

__all__ = ["IOLoop"]
