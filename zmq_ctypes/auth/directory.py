"""A folder of certificates that is watched: what is added to it or removed from it counts at the next connection.

Looking is cheap, so nothing runs in the background:

1. A key that is known is let in when its file still is what it was: that takes one ``stat``.
2. For any other key the folder is listed and the state of each file is asked for; only files whose state has changed
   are read.
3. A state does not show a second change within one tick of the file system's clock.  A file that was changed shortly
   before it was read, or that could not be read, is read again the next time.
4. A file that cannot be read lets nobody in, and keeps nobody out who has another.
5. Several threads may look at once.  What was found is replaced as one thing, and each of them judges by what it has found
   itself: one that has listed the folder before a change may be done after it.
6. What is set or deleted by hand counts more than the folder: whoever deletes a key wants it gone, whatever files there are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from time import time

from . import certs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

__all__ = ["ANYONE", "CertificateDirectory"]

#: Seconds after which a file can no longer change without showing it: the clock of FAT ticks every two.
SETTLED_AFTER = 3.0


# By hand, in place of the value of a key that was deleted.
_DELETED = object()


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


class CertificateDirectory(MutableMapping):  # type: ignore[type-arg]
    """The public keys of a folder at this moment: key, 40 bytes of Z85 text -> True.

    Keys may be set and deleted, which leaves the folder as it is, and lasts as long as this object.

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
        # The files, and which of them has a key.  Another thread may be reading them: they are replaced, never changed.
        self._found: tuple[dict[str, _File], dict[bytes, str]] = {}, {}
        self._by_hand: dict[bytes, Any] = {}
        self._problem = ""

    def __repr__(self) -> str:
        return f"<certificates in {self.location!r}>"

    def __getitem__(self, key: bytes) -> Any:
        value = self._by_hand.get(key, self)
        if value is self:
            if self._unchanged(key) or key in self.refresh():
                return True
        elif value is not _DELETED:
            return value
        raise KeyError(key)

    def __setitem__(self, key: bytes, value: Any) -> None:
        if not isinstance(key, bytes):
            raise TypeError(f"key: expected 40 bytes of Z85 text, got: {type(key).__name__}")
        self._by_hand[key] = value

    def __delitem__(self, key: bytes) -> None:
        self[key]
        self._by_hand[key] = _DELETED

    def __iter__(self) -> Iterator[bytes]:
        everything = {**dict.fromkeys(self.refresh(), True), **self._by_hand}
        return iter([key for key, value in everything.items() if value is not _DELETED])

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _unchanged(self, key: bytes) -> bool:
        """Whether the file that has this key still is what it was."""
        files, name_of = self._found
        name = name_of.get(key)
        if name is None or files[name].signature is None:
            return False
        try:
            return _signature(os.stat(os.path.join(self.location, name))) == files[name].signature
        except OSError:
            return False

    def refresh(self) -> dict[bytes, str]:
        """Look at the folder, and read what has changed.

        Returns
        -------
        dict of bytes to str
            The keys that were found, and the name of a file that has each.
        """
        files: dict[str, _File] = {}
        before = self._found[0]
        problem = ""
        try:
            for name in certs.certificate_names(self.location):
                files[name] = self._look(name, before.get(name))
        except OSError as error:
            problem = f"{error}"
            files = {}
        if problem and problem != self._problem:
            self.log.error("Cannot read the CURVE certificates in %r: %s", self.location, problem)
        self._problem = problem
        name_of = {file.key: name for name, file in files.items() if file.key is not None}
        self._found = files, name_of
        return name_of

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
ANYONE: Any = _Anyone()
