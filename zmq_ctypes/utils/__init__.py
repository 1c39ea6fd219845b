"""Small helpers that are part of the public interface."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def __getattr__(name: str) -> Any:
    # pyzmq imports it from the start, so programs use it as an attribute; it costs the import of json.
    if name == "jsonapi":
        from importlib import import_module

        return import_module(f"{__name__}.jsonapi")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
