"""One libzmq for the whole process: searched for once under a lock, when it is first needed."""

from __future__ import annotations

import os
from _thread import RLock  # as threading has it, without that module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Union

    from .finder import Environment
    from .opened import Library

    PathLike = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]

__all__ = ["Loader", "load", "loaded", "open_library"]


def _checked(path: PathLike | None) -> str | None:
    if path is None:
        return None
    try:
        name = os.fsdecode(os.fspath(path))
    except TypeError:
        raise TypeError(f"path must be str, bytes or os.PathLike, not {type(path).__name__}") from None
    if not name:
        raise ValueError("path is empty")
    if "\0" in name:
        raise ValueError("path contains a null character")
    return name


class Loader:
    """Finds and opens one libzmq, once.

    The module keeps one for the process; :func:`load` is its method.  Tests, and programs that need a second library,
    make their own: instances share nothing.

    Parameters
    ----------
    environment : callable, optional
        Returns the :class:`~.finder.Environment` to search; by default that of this process at the time of the search.
    """

    def __init__(self, environment: Callable[[], Environment] | None = None) -> None:
        self._environment = environment
        self._lock = RLock()
        self._library: Library | None = None

    @property
    def library(self) -> Library | None:
        """The library that was loaded; None before."""
        return self._library

    def load(self, path: PathLike | None = None) -> Library:
        """Return the libzmq of this process, opening it the first time.

        Parameters
        ----------
        path : str, bytes or os.PathLike, optional
            File, folder that holds one, or bare name for the system's own search.  If given, nothing else is tried.
            After something was loaded only the same file is accepted.

        Returns
        -------
        Library
            Always the same object.

        Raises
        ------
        LibraryNotFound
            Nothing usable was found.  Nothing is kept of the failure: the next call searches again.
        RuntimeError
            Another file is already loaded.
        TypeError, ValueError
            `path` is nothing that could name a file.
        """
        library = self._library
        if library is not None and path is None:
            return library
        name = _checked(path)
        with self._lock:
            if self._library is None:
                self._library = self._search(name)
            elif name is not None and not self._is_loaded(name):
                from .finder import VARIABLE

                raise RuntimeError(
                    f"libzmq {'.'.join(map(str, self._library.version))} is already loaded from "
                    f"{self._library.path or 'this process'} ({self._library.origin}); {name} cannot take its place. "
                    f"Load it before anything else uses libzmq, or set {VARIABLE}"
                )
            return self._library

    def _search(self, name: str | None) -> Library:
        with _importing:
            from .search import search

        return search(self._surroundings(), name)

    def _is_loaded(self, name: str) -> bool:
        with _importing:
            from .search import stands_for

        assert self._library is not None
        return stands_for(self._surroundings(), name, self._library)

    def _surroundings(self) -> Environment:
        if self._environment is not None:
            return self._environment()
        with _importing:
            from .process import environment

        return environment()


#: Held while the search is imported, and by whoever forks: a child would wait for ever for an import that another thread of
#: its parent had begun.
_importing = RLock()

_loader = Loader()
load = _loader.load


def _begin_as_child() -> None:
    _importing.release()
    # A fork while another thread was searching leaves the child with a lock that nobody will release.
    _loader._lock = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_importing.acquire, after_in_parent=_importing.release, after_in_child=_begin_as_child
    )


def loaded() -> Library | None:
    """Return the libzmq of this process if it was loaded already, else None; opens nothing."""
    return _loader.library


def open_library(path: PathLike) -> Library:
    """Open a libzmq beside the one of this process, which stays what it is.

    For tests and tools: objects of one library cannot be used with another.

    Parameters
    ----------
    path : str, bytes or os.PathLike
        As for :func:`load`.

    Raises
    ------
    LibraryNotFound
        It is not usable.
    """
    _checked(path)
    return Loader().load(path)
