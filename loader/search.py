"""The search for a libzmq: candidates are opened and probed, best first, and a log says what became of each.

It is imported with all that it needs when something is loaded for the first time.
"""

from __future__ import annotations

from . import process
from .advice import advice
from .attempts import Attempt, LibraryNotFound
from .finder import candidates
from .opened import Library
from .probe import Refused, dlopen, open_candidate, probe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable

    from .finder import Candidate, Environment

__all__ = ["search", "stands_for"]


def search(environment: Environment, name: str | None) -> Library:
    """Open the first candidate that is usable.

    Parameters
    ----------
    environment : Environment
        Where to search.
    name : str, optional
        The only one to try.

    Raises
    ------
    LibraryNotFound
        Nothing usable was found.
    """
    attempts: list[Attempt] = []
    seen: dict[str, int] = {}
    for candidate in candidates(environment, name):
        reason = candidate.reason or _seen(candidate, environment, seen, len(attempts))
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


def _seen(candidate: Candidate, environment: Environment, seen: dict[str, int], index: int) -> str | None:
    path = candidate.path
    if not path or not environment.path.dirname(path):
        return None
    real = environment.path.normcase(environment.files.realpath(path))
    if real in seen:
        return f"is the file of attempt {seen[real]}"
    seen[real] = index + 1
    return None


def stands_for(environment: Environment, name: str, library: Library) -> bool:
    """Whether a name is that of a library which was opened before."""
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
