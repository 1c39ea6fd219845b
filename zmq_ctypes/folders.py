"""Where a compiler finds this package's files and those of libzmq."""

from __future__ import annotations

from os.path import abspath, dirname, isdir, join

from . import loader

__all__ = ["get_includes", "get_library_dirs"]

_PACKAGE = dirname(abspath(__file__))


def _library_path() -> str | None:
    try:
        return loader.load().path
    except loader.LibraryNotFound:
        return None


def get_includes() -> list[str]:
    """Folders for a compiler's include path.

    Returns
    -------
    list of str
        The folder that this package is in and the one of its ``utils``, as pyzmq has it; then the one of the loaded
        libzmq's ``zmq.h``, if there is one.
    """
    from .loader import header

    folders = [dirname(_PACKAGE), join(_PACKAGE, "utils")]
    path = header.find(_library_path())
    if path is not None:
        folders.append(dirname(abspath(path)))
    return folders


def get_library_dirs() -> list[str]:
    """Folders for a linker's library path.

    Returns
    -------
    list of str
        The folder of this package, as pyzmq has it; then the one of the loaded libzmq, if it is a file.
    """
    folders = [_PACKAGE]
    path = _library_path()
    if path and isdir(dirname(path)):
        folders.append(dirname(path))
    return folders
