"""What libzmq answers when it refuses, as Python exceptions.

Each errno has one class, looked up in a table; every error that the library reports is a `ZMQError` whose ``errno``
can be compared with the constants of `constants.Errno`.
"""

from __future__ import annotations

from errno import EINTR

from . import _numbers, constants, loader
from .loader import LibraryNotFound, ZMQVersionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

__all__ = [
    "Again",
    "ContextTerminated",
    "DraftFDWarning",
    "InterruptedSystemCall",
    "LibraryNotFound",
    "NotDone",
    "ZMQBaseError",
    "ZMQBindError",
    "ZMQError",
    "ZMQVersionError",
]


# What libzmq says of its own numbers, for as long as it cannot be asked.
_OWN_TEXTS: dict[int, str] = {
    _numbers.EFSM: "Operation cannot be accomplished in current state",
    _numbers.ENOCOMPATPROTO: "The protocol is not compatible with the socket type",
    _numbers.ETERM: "Context was terminated",
    _numbers.EMTHREAD: "No thread available",
}


def strerror(errno: int) -> str:
    """The text of an error number.

    Parameters
    ----------
    errno : int
        An error number of the system or of libzmq (``zmq.EFSM``, ``zmq.ETERM``, ...).

    Returns
    -------
    str
        libzmq's text; where no libzmq is loaded, the system's, or that of a known libzmq for its own numbers.
    """
    if isinstance(errno, bool) or not isinstance(errno, int):
        raise TypeError(f"errno must be an int, not {type(errno).__name__}")
    library = loader.loaded()
    if library is None:
        import os

        return _OWN_TEXTS.get(errno) or os.strerror(errno)
    if not -(2**31) <= errno < 2**31:
        raise OverflowError(f"errno {errno} does not fit in a C int")
    return library.functions.zmq_strerror(errno).decode("utf-8", "replace")


def zmq_errno() -> int:
    """The error number of this thread's last call to libzmq; 0 where no library is loaded."""
    library = loader.loaded()
    return library.functions.zmq_errno() if library is not None else 0


class ZMQBaseError(Exception):
    """The base of this package's exceptions."""


class ZMQError(ZMQBaseError):
    """An error that libzmq reported.

    Parameters
    ----------
    errno : int, optional
        The error number; by default that of this thread's last call to libzmq.
    msg : str, optional
        The text; by default libzmq's for the number.

    Attributes
    ----------
    errno : int or None
        The error number; None if the error was made from something that is not a number.
    strerror : str
        The text.
    """

    errno: int | None = None
    strerror: str = ""

    def __init__(self, errno: int | None = None, msg: str | None = None) -> None:
        if errno is None:
            errno = zmq_errno()
        if isinstance(errno, int):
            self.errno = errno
            self.strerror = strerror(errno) if msg is None else msg
        else:
            self.errno = None
            self.strerror = str(errno) if msg is None else msg

    def __str__(self) -> str:
        return self.strerror

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class ZMQBindError(ZMQBaseError):
    """No free port was found by ``bind_to_random_port``."""


class NotDone(ZMQBaseError):
    """libzmq still holds a message after the time that `MessageTracker.wait` was given."""


class _FixedErrno(ZMQError):
    """An error whose class says its number; constructor arguments are ignored, as pyzmq's are."""

    _errno: int


class ContextTerminated(_FixedErrno):
    """The context of the socket was terminated (``ETERM``)."""

    _errno = _numbers.ETERM

    def __init__(self, errno: int | Literal["ignored"] = "ignored", msg: str = "ignored") -> None:
        super().__init__(constants.ETERM)


class Again(_FixedErrno):
    """The call would have had to wait, or has waited for as long as it may (``EAGAIN``)."""

    _errno = _numbers.EAGAIN

    def __init__(self, errno: int | Literal["ignored"] = "ignored", msg: str = "ignored") -> None:
        super().__init__(constants.EAGAIN)


class InterruptedSystemCall(_FixedErrno, InterruptedError):  # type: ignore[misc]
    """A signal interrupted a call that is not made again by itself (``EINTR``)."""

    _errno = EINTR
    errno = EINTR

    def __init__(self, errno: int | Literal["ignored"] = "ignored", msg: str = "ignored") -> None:
        super().__init__(EINTR)

    def __str__(self) -> str:
        return self.strerror


class DraftFDWarning(RuntimeWarning):
    """The ``FD`` of a thread-safe socket was asked for, which takes a draft `zmq_poller` behind the scenes."""

    def __init__(self, msg: str = "") -> None:
        super().__init__(msg or "The FD of a thread-safe socket comes from a zmq_poller, a draft feature of libzmq.")


_CLASS_OF_ERRNO: dict[int, type[_FixedErrno]] = {
    cls._errno: cls for cls in (ContextTerminated, Again, InterruptedSystemCall)
}


def from_errno(errno: int, msg: str | None = None) -> ZMQError:
    """The exception for an error number.

    Parameters
    ----------
    errno : int
        What ``zmq_errno`` answered.
    msg : str, optional
        Added to libzmq's text, for what was being done.
    """
    cls = _CLASS_OF_ERRNO.get(errno)
    error = (cls or ZMQError)(errno)
    if msg:
        error.strerror += f" ({msg})"
    return error


def last_error(msg: str | None = None) -> ZMQError:
    """The exception for the last failed call of the typed or the waiting binding in this thread."""
    return from_errno(zmq_errno(), msg)


# As pyzmq's, for programs that use what it keeps to itself.


def _check_rc(rc: int, errno: int | None = None, error_without_errno: bool = True) -> None:
    """Raise the exception of an error number, by default the last one, if a function of libzmq has returned -1."""
    if rc == -1:
        number = zmq_errno() if errno is None else errno
        if number or error_without_errno:
            raise from_errno(number)


def _check_version(min_version_info: tuple[int, ...], msg: str = "Feature") -> None:
    """Raise `ZMQVersionError` if the loaded libzmq is older."""
    if loader.load().version < min_version_info:
        raise ZMQVersionError(".".join(map(str, min_version_info)), msg)
