"""The C functions of libzmq themselves, typed and documented: ``raw.zmq_send(...)`` calls ``zmq_send`` and nothing else.

For what the objects of this package do not offer, and for those who port C code.  Everything is as in C: handles are
integers (``sock.underlying``), strings are bytes, structures go through ``ctypes.byref``, nothing is raised for a result
of -1; ask ``raw.zmq_errno()`` next, in the same thread.  A wrong address ends the process.

The functions are bound when they are first asked for, which loads libzmq.  They are function objects of their own: what
is done to them (``errcheck``, another ``restype``) does not disturb the package.  One that the loaded libzmq does not have
is there as well, and raises `ZMQVersionError` when it is called.

Names in here: each function of zmq.h; its structures and callback types; and its constants, which begin with ``ZMQ_``.
"""

from __future__ import annotations

from . import constants, loader
from .loader.functions import Functions
from .loader.prototypes import PROTOTYPES
from .loader.structs import (
    iovec,
    zmq_event_t,
    zmq_fd_t,
    zmq_free_fn,
    zmq_msg_t,
    zmq_poller_event_t,
    zmq_pollitem_t,
    zmq_thread_fn,
    zmq_timer_fn,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "has",
    "prototype",
    "iovec",
    "zmq_event_t",
    "zmq_fd_t",
    "zmq_free_fn",
    "zmq_msg_t",
    "zmq_poller_event_t",
    "zmq_pollitem_t",
    "zmq_thread_fn",
    "zmq_timer_fn",
    *PROTOTYPES,
]

_functions: Functions | None = None


def _bound() -> Functions:
    global _functions
    if _functions is None:
        library = loader.load()
        _functions = Functions(library.cdll, library.version)
    return _functions


def has(name: str) -> bool:
    """Whether the loaded libzmq has a function.

    Parameters
    ----------
    name : str
        Its name in C, as ``"zmq_poller_new"``.

    Returns
    -------
    bool
        False for names that are no function of zmq.h.
    """
    if not isinstance(name, str):
        raise TypeError(f"name: expected str, got: {name!r}")
    return _bound().has(name)


def prototype(name: str) -> str:
    """A function as zmq.h declares it, and the libzmq that it came with; needs no libzmq.

    Parameters
    ----------
    name : str
        Its name in C.

    Raises
    ------
    KeyError
        If zmq.h has no such function.

    Examples
    --------
    >>> print(prototype("zmq_msg_group"))
    const char *zmq_msg_group(zmq_msg_t *)
    <BLANKLINE>
    A draft since libzmq 4.2.0: draft builds only.
    """
    result, arguments, first, stable = PROTOTYPES[name]
    since = ".".join(map(str, first))
    if stable is None:
        availability = f"A draft since libzmq {since}: draft builds only."
    elif stable > first:
        availability = f"libzmq {'.'.join(map(str, stable))} and later; a draft since {since}."
    else:
        availability = f"libzmq {since} and later."
    declared = result if result.endswith("*") else f"{result} "
    return f"{declared}{name}({', '.join(arguments) or 'void'})\n\n{availability}"


def __getattr__(name: str) -> Any:
    if name in PROTOTYPES:
        functions = _bound()
        function = getattr(functions, name)
        lacking = "" if functions.has(name) else f"\n{function.__doc__}"
        function.__doc__ = prototype(name) + lacking
        globals()[name] = function
        return function
    if name.startswith("ZMQ_"):
        try:
            return int(getattr(constants, name[len("ZMQ_") :]))
        except (AttributeError, TypeError, ValueError):
            pass
    raise AttributeError(f"zmq.h has no {name!r}, module {__name__!r} neither")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
