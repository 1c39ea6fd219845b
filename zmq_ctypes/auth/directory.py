"""A folder of certificates that is watched: what is added to it or removed from it counts at the next connection.

Looking is cheap, so nothing runs in the background:

1. A key that is known is let in when its file still is what it was: that takes one ``stat``.
2. For any other key the folder is listed and the state of each file is asked for; only files whose state has changed
   are read.
3. A state does not show a second change within one tick of the file system's clock.  A file that was changed shortly
   before it was read, or that could not be read, is read again the next time.
4. A file that cannot be read lets nobody in, and keeps nobody out who has another.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from time import time

from . import certs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

__all__ = ["ANYONE", "CertificateDirectory"]

#: Seconds after which a file can no longer change without showing it: the clock of FAT ticks every two.
SETTLED_AFTER = 3.0


def _signature(state: os.stat_result) -> tuple[int, ...]:
    return (state.st_mtime_ns, state.st_ctime_ns, state.st_size, state.st_ino, state.st_dev)


class _File:
    """What was found in one file."""

    __slots__ = ("key", "problem", "signature")

    def __init__(self, signature: tuple[int, ...] | None, key: bytes | None, problem: str = "") -> None:
        #: None: to be read again.
        self.signature = signature
        self.key = key
        self.problem = problem


class CertificateDirectory(Mapping):  # type: ignore[type-arg]
    """The public keys of a folder at this moment: key, 40 bytes of Z85 text -> True.

    Parameters
    ----------
    location : path
        The folder.  While it cannot be read there are no keys.
    log : logging.Logger
        Is told of files that cannot be read, once for each state of them.
    """

    def __init__(self, location: str | os.PathLike[str], log: Any) -> None:
        self.location = os.fspath(location)
        self.log = log
        self._files: dict[str, _File] = {}
        self._name_of: dict[bytes, str] = {}
        self._problem = ""

    def __repr__(self) -> str:
        return f"<certificates in {self.location!r}>"

    def __getitem__(self, key: bytes) -> bool:
        if not self._unchanged(key):
            self.refresh()
            if key not in self._name_of:
                raise KeyError(key)
        return True

    def __iter__(self) -> Iterator[bytes]:
        self.refresh()
        return iter(dict(self._name_of))

    def __len__(self) -> int:
        self.refresh()
        return len(self._name_of)

    def _unchanged(self, key: bytes) -> bool:
        """Whether the file that has this key still is what it was."""
        name = self._name_of.get(key)
        file = None if name is None else self._files.get(name)
        if name is None or file is None or file.signature is None:
            return False
        try:
            return _signature(os.stat(os.path.join(self.location, name))) == file.signature
        except OSError:
            return False

    def refresh(self) -> None:
        """Look at the folder, and read what has changed."""
        files: dict[str, _File] = {}
        problem = ""
        try:
            for name in certs.certificate_names(self.location):
                files[name] = self._look(name, self._files.get(name))
        except OSError as error:
            problem = f"{error}"
            files = {}
        if problem and problem != self._problem:
            self.log.error("Cannot read the CURVE certificates in %r: %s", self.location, problem)
        self._problem = problem
        # Another thread may be reading these two: they are replaced, never changed.
        self._files = files
        self._name_of = {file.key: name for name, file in files.items() if file.key is not None}

    def _look(self, name: str, before: _File | None) -> _File:
        path = os.path.join(self.location, name)
        now = time()
        try:
            if before is not None and before.signature == _signature(os.stat(path)):
                return before
            state, contents = certs.read(path)
        except (OSError, ValueError) as error:
            return self._told(name, before, _File(None, None, str(error)))
        age = now - max(state.st_mtime, state.st_ctime)
        signature = _signature(state) if age > SETTLED_AFTER else None
        try:
            return _File(signature, certs.parse(contents, path)[0])
        except ValueError as error:
            return self._told(name, before, _File(signature, None, str(error)))

    def _told(self, name: str, before: _File | None, file: _File) -> _File:
        if before is None or before.problem != file.problem:
            self.log.error("The CURVE certificate %r counts for nobody: %s", name, file.problem)
        return file


class _Anyone(Mapping):  # type: ignore[type-arg]
    """In place of a folder: every key there is."""

    def __getitem__(self, key: bytes) -> bool:
        return True

    def __iter__(self) -> Iterator[bytes]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "<every key>"


#: Lets every client in that has some pair of keys.
ANYONE = _Anyone()
