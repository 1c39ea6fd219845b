"""Our version, which is the level of the pyzmq API that we offer.

Programs split ``zmq.__version__`` to decide what they may call, so the first two numbers are pyzmq's.
"""

from __future__ import annotations

__version__ = "27.3.0"
__revision__ = ""

__all__ = [
    "__revision__",
    "__version__",
    "pyzmq_version",
    "pyzmq_version_info",
    "zmq_version",
    "zmq_version_info",
]

VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH = map(int, __version__.split("."))
VERSION_EXTRA = ""
version_info = (VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH)


def pyzmq_version() -> str:
    """The version of this package, which is the level of the pyzmq API that it offers, as ``"27.3.0"``."""
    return __version__


def pyzmq_version_info() -> tuple[int, int, int]:
    """The version of this package as numbers."""
    return version_info


def zmq_version_info() -> tuple[int, int, int]:
    """The version of the loaded libzmq as numbers, as ``(4, 3, 5)``; loads it."""
    # Imported here so that tools can read the numbers above from this file alone.
    from . import loader

    return loader.load().version


def zmq_version() -> str:
    """The version of the loaded libzmq, as ``"4.3.5"``; loads it."""
    return "{}.{}.{}".format(*zmq_version_info())
