"""Finds a shared libzmq at run time, opens it and describes its functions.

It imports nothing but itself and the standard library, and opens nothing until :func:`load` is called.
``python -m`` with the name of this package shows what is found, and where.
"""

if "." not in __name__:
    raise ImportError(
        f"{__name__} is part of another package and works under that package's name only: import that one instead "
        "(a script in this folder's parent sees it by accident)"
    )

from .attempts import Attempt, LibraryNotFound
from .functions import ZMQVersionError
from .library import Loader, load, loaded, open_library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .finder import VARIABLE
    from .opened import Library

__all__ = [
    "load",
    "loaded",
    "open_library",
    "Library",
    "LibraryNotFound",
    "Loader",
    "Attempt",
    "VARIABLE",
    "ZMQVersionError",
]

# The search, and what describes a library, are not needed before something is loaded: name -> module.
_LATER = {"Library": "opened", "VARIABLE": "finder"}


def __getattr__(name: str) -> "Any":
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    globals()[name] = found = getattr(import_module(f".{_LATER[name]}", __name__), name)
    return found
