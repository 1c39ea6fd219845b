"""One libzmq for the whole process: searched for once under a lock, with a log that says how it was found."""

from __future__ import annotations

import ctypes
import os
import threading

from . import process
from .advice import advice
from .direct import DirectCalls
from .finder import VARIABLE, candidates
from .functions import Functions
from .inline import find_inline, find_more
from .messages import Messages
from .probe import Refused, dlopen, open_candidate, probe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable, Sequence, Union

    from .finder import Candidate, Environment

    PathLike = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]

#: Each came with a draft API and is still one; stable builds export none of them.
_DRAFTS = ("zmq_msg_set_routing_id", "zmq_join", "zmq_poller_new", "zmq_socket_monitor_versioned")


class Attempt:
    """One line of the log: what was tried and why it was not taken.

    Attributes
    ----------
    origin : str
        Why it was a candidate.
    path : str or None
        File or bare name; None if there was nothing to open, or for the process itself.
    reason : str or None
        Why it was refused; None for the one that was taken.
    """

    __slots__ = ("origin", "path", "reason")

    def __init__(self, origin: str, path: str | None, reason: str | None) -> None:
        self.origin = origin
        self.path = path
        self.reason = reason

    def __repr__(self) -> str:
        return f"Attempt({self.origin!r}, {self.path!r}, {self.reason!r})"

    def __str__(self) -> str:
        return ": ".join(part for part in (self.origin, self.path, self.reason or "taken") if part)


class LibraryNotFound(ImportError):
    """No usable libzmq: the message lists what was tried, why each was refused and what to do next.

    Attributes
    ----------
    attempts : sequence of Attempt
        The same as data, in the order tried.
    """

    attempts: Sequence[Attempt] = ()


class Library:
    """A libzmq that was opened and found usable.

    Attributes
    ----------
    path : str or None
        The file, as the system's linker knows it; None if the system does not tell.
    origin : str
        Why this one was a candidate.
    version : tuple of (int, int, int)
        What ``zmq_version`` says.
    cdll : ctypes.CDLL
        The library; calls release the GIL.  Opened ``RTLD_LOCAL``, keeps ``errno`` for ``ctypes.get_errno``.
    pydll : ctypes.PyDLL
        The same handle; calls keep the GIL (on PyPy, which has no such thing, ``cdll`` itself).
    functions : Functions
        Every function of zmq.h with its types; those that this library lacks raise when they are called.
    nowait, waiting : DirectCalls
        The calls for each message, which take prepared arguments: see ``direct``.
    inline : Inline or None
        Where small messages keep their bytes, if that could be found out: see ``inline``.
    messages : Messages
        Prepared ``zmq_msg_t``, used again and again: see ``messages``.
    attempts : sequence of Attempt
        What was tried, the last being this one.
    draft : bool
        It exports functions of the draft API.
    """

    def __init__(
        self,
        cdll: ctypes.CDLL,
        path: str | None,
        origin: str,
        version: tuple[int, int, int],
        attempts: Sequence[Attempt] = (),
    ) -> None:
        self.path = path
        self.origin = origin
        self.version = version
        self.cdll = cdll
        # PyPy has no PyDLL: its GIL is cheap to release, and every call does.
        self.pydll = ctypes.PyDLL(path, handle=cdll._handle) if hasattr(ctypes, "PyDLL") else cdll
        self.attempts = attempts
        self.functions = Functions(cdll, version)
        self.nowait = DirectCalls(self.pydll)
        self.waiting = DirectCalls(cdll)
        self.inline = find_inline(self.functions)
        self._more: tuple[int, int] | None = None
        self.messages = Messages(self.nowait, self.inline)
        self.draft = any(process.address_of(cdll, name) for name in _DRAFTS)

    def __repr__(self) -> str:
        return f"<libzmq {'.'.join(map(str, self.version))} from {self.path or 'this process'}>"

    @property
    def more(self) -> tuple[int, int]:
        """The byte of a ``zmq_msg_t`` and the bit of it that say that more frames follow; a bit of 0 if that is not sure."""
        if self._more is None:
            self._more = find_more(self.functions)
        return self._more

    def has(self, capability: str) -> bool:
        """Tell whether this libzmq was built with a capability.

        Parameters
        ----------
        capability : str
            ``"ipc"``, ``"pgm"``, ``"tipc"``, ``"norm"``, ``"curve"``, ``"gssapi"``, ``"vmci"``, ``"draft"``, ``"WS"``
            or ``"WSS"``; case matters.

        Returns
        -------
        bool
            False as well when the library cannot tell: ``zmq_has`` came with libzmq 4.1.  For CURVE, which is older,
            a 4.0 library is asked for a key pair.

        Raises
        ------
        TypeError
            `capability` is no str.
        ValueError
            It contains a null character.
        """
        if not isinstance(capability, str):
            raise TypeError(f"capability must be str, not {type(capability).__name__}")
        if "\0" in capability:
            raise ValueError("capability contains a null character")
        if process.address_of(self.cdll, "zmq_has"):
            ask = self.cdll["zmq_has"]
            ask.argtypes, ask.restype = [ctypes.c_char_p], ctypes.c_int
            return bool(ask(capability.encode("utf-8", "surrogateescape")) == 1)
        if capability == "curve" and process.address_of(self.cdll, "zmq_curve_keypair"):
            make = self.cdll["zmq_curve_keypair"]
            make.argtypes, make.restype = [ctypes.c_char_p, ctypes.c_char_p], ctypes.c_int
            # Two keys of 40 characters and a null.
            return bool(make(ctypes.create_string_buffer(41), ctypes.create_string_buffer(41)) == 0)
        return False


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

    def __init__(self, environment: Callable[[], Environment] = process.environment) -> None:
        self._environment = environment
        self._lock = threading.RLock()
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
                raise RuntimeError(
                    f"libzmq {'.'.join(map(str, self._library.version))} is already loaded from "
                    f"{self._library.path or 'this process'} ({self._library.origin}); {name} cannot take its place. "
                    f"Load it before anything else uses libzmq, or set {VARIABLE}"
                )
            return self._library

    def _search(self, name: str | None) -> Library:
        environment = self._environment()
        attempts: list[Attempt] = []
        seen: dict[str, int] = {}
        for candidate in candidates(environment, name):
            reason = candidate.reason or self._seen(candidate, environment, seen, len(attempts))
            if reason is None:
                try:
                    cdll = open_candidate(candidate.path, environment)
                    version = probe(cdll, environment)
                except Refused as refusal:
                    reason = str(refusal)
                else:
                    path = process.file_of(cdll, "zmq_version") or candidate.path
                    if path and ".." in path:
                        # As written in the run path of whoever brought it.
                        path = environment.files.realpath(path)
                    attempts.append(Attempt(candidate.origin, candidate.path, None))
                    return Library(cdll, path, candidate.origin, version, tuple(attempts))
            attempts.append(Attempt(candidate.origin, candidate.path, reason))
        raise _not_found(attempts, environment)

    @staticmethod
    def _seen(candidate: Candidate, environment: Environment, seen: dict[str, int], index: int) -> str | None:
        path = candidate.path
        if not path or not environment.path.dirname(path):
            return None
        real = environment.path.normcase(environment.files.realpath(path))
        if real in seen:
            return f"is the file of attempt {seen[real]}"
        seen[real] = index + 1
        return None

    def _is_loaded(self, name: str) -> bool:
        library = self._library
        assert library is not None
        environment = self._environment()
        real = environment.files.realpath
        for candidate in candidates(environment, name):
            if candidate.path is None or candidate.reason:
                continue
            if not environment.path.dirname(candidate.path):
                # Only the system knows which file a bare name stands for.
                try:
                    found = process.address_of(dlopen(candidate.path), "zmq_version")
                except OSError:
                    continue
                if found == process.address_of(library.cdll, "zmq_version"):
                    return True
            elif library.path and real(candidate.path) == real(library.path):
                return True
        return False


def _not_found(attempts: Iterable[Attempt], environment: Environment) -> LibraryNotFound:
    attempts = tuple(attempts)
    package = __name__.rpartition(".")[0]
    lines = ["no usable libzmq was found. Tried:"]
    lines += [f"  {number}. {attempt}" for number, attempt in enumerate(attempts, 1)]
    lines += ["What to do, whichever suits:"]
    lines += [f"  - {line}" for line in advice(environment, package)]
    error = LibraryNotFound("\n".join(lines), name="libzmq")
    error.attempts = attempts
    return error


_loader = Loader()
load = _loader.load


def _renew_lock() -> None:
    # A fork while another thread was searching leaves the child with a lock that nobody will release.
    _loader._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


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
