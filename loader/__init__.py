"""Finds a shared libzmq at run time, opens it and describes its functions.

It imports nothing but itself and the standard library, and opens nothing until :func:`load` is called.
``python -m`` with the name of this package shows what is found, and where.
"""

if "." not in __name__:
    raise ImportError(
        f"{__name__} is part of another package and works under that package's name only: import that one instead "
        "(a script in this folder's parent sees it by accident)"
    )

from .finder import VARIABLE
from .functions import ZMQVersionError
from .library import Attempt, Library, LibraryNotFound, Loader, load, loaded, open_library

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
