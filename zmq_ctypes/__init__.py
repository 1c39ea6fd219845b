"""ZeroMQ for Python through ctypes: the API of pyzmq on whatever libzmq is there, with nothing to compile.

Importing this package opens no library; the first context, or the first question about libzmq, loads one.  Which file
that is, and how to choose another, tells ``python -m`` with the name of this package followed by ``.loader``.
"""

from __future__ import annotations

from os import environ

from . import constants, loader, options
from . import error as error
from . import utils as utils
from ._alias import LegacyFinder, serve
from .constants import __all__ as _constants
from .context import Context, SyncContext
from .endpoint import IPC_PATH_MAX_LEN
from .error import (
    Again,
    ContextTerminated,
    DraftFDWarning,
    InterruptedSystemCall,
    LibraryNotFound,
    NotDone,
    ZMQBaseError,
    ZMQBindError,
    ZMQError,
    ZMQVersionError,
    strerror,
    zmq_errno,
)
from .frame import Frame, Message
from .poll import Poller, select, zmq_poll
from .socket import Socket, SyncSocket
from .tracker import _FINISHED_TRACKER, MessageTracker
from .version import (
    __revision__,
    __version__,
    pyzmq_version,
    pyzmq_version_info,
    zmq_version,
    zmq_version_info,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from . import raw
    from .atomic import AtomicCounter
    from .constants import *  # noqa: F403
    from .draft_poller import NativePoller, PollerEvent
    from .folders import get_includes, get_library_dirs
    from .ppoll import zmq_ppoll
    from .proxying import device, proxy, proxy_steerable
    from .security import curve_keypair, curve_public
    from .stopwatch import Stopwatch
    from .timers import Timers

    DRAFT_API: bool
    PYZMQ_DRAFT_API: bool

__all__ = [
    # the objects
    "Context",
    "Frame",
    "Message",
    "MessageTracker",
    "Poller",
    "Socket",
    "SyncContext",
    "SyncSocket",
    "_FINISHED_TRACKER",
    "select",
    "zmq_poll",
    # what runs on them
    "Stopwatch",
    "curve_keypair",
    "curve_public",
    "device",
    "proxy",
    "proxy_steerable",
    # errors
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
    "strerror",
    "zmq_errno",
    # the library and this package
    "COPY_THRESHOLD",
    "IPC_PATH_MAX_LEN",
    "__revision__",
    "__version__",
    "get_includes",
    "get_library_dirs",
    "has",
    "pyzmq_version",
    "pyzmq_version_info",
    "zmq_version",
    "zmq_version_info",
    # what pyzmq does not have
    "AtomicCounter",
    "NativePoller",
    "PollerEvent",
    "Timers",
    "raw",
    "zmq_ppoll",
    # every constant of zmq.h
    *_constants,
]
# DRAFT_API and PYZMQ_DRAFT_API are left out: a star import would have to load libzmq for them.

#: With ``copy=False``, data of fewer bytes is copied all the same, since that is faster; assign to change it.
COPY_THRESHOLD = 65536


options.exports_constants(__all__)
if environ.get("ZMQ_CTYPES_HEADER"):
    options.learn_header()

serve(LegacyFinder(__name__))


def has(capability: str) -> bool:
    """Whether the loaded libzmq was built with a capability.

    Parameters
    ----------
    capability : str
        ``"ipc"``, ``"curve"``, ``"gssapi"``, ``"draft"``, ``"WS"``, ...

    Raises
    ------
    TypeError
        If it is not a str.
    """
    return loader.load().has(capability)


def install_as_zmq() -> ModuleType:
    """Make ``import zmq``, and of every ``zmq.<module>``, give this package in this process.

    Programs and libraries written for pyzmq then run on it unchanged.  Call it before anything imports ``zmq``; calling
    it again does nothing.  To have it in child processes as well, start the program with ``python -m`` and the name of
    this package followed by ``.as_zmq``.

    Returns
    -------
    module
        This package.

    Raises
    ------
    ImportError
        If another ``zmq``, such as pyzmq's, is imported already; its file is named, and nothing is changed.

    Examples
    --------
    >>> zmq = install_as_zmq()
    >>> import zmq.utils.jsonapi
    """
    from .as_zmq import install

    return install()


def _draft() -> bool:
    return loader.load().draft


# What only the loaded library knows is asked for when somebody wants it, so that importing this package loads none.
_ON_DEMAND = {"DRAFT_API": _draft, "PYZMQ_DRAFT_API": _draft}

# What few programs use is imported when it is first asked for: name -> module.
_LATER = {
    "AtomicCounter": "atomic",
    "NativePoller": "draft_poller",
    "PollerEvent": "draft_poller",
    "Stopwatch": "stopwatch",
    "Timers": "timers",
    "curve_keypair": "security",
    "curve_public": "security",
    "device": "proxying",
    "get_includes": "folders",
    "get_library_dirs": "folders",
    "proxy": "proxying",
    "proxy_steerable": "proxying",
    "raw": "raw",
    "zmq_ppoll": "ppoll",
}


def _find(name: str) -> Any:
    ask = _ON_DEMAND.get(name)
    if ask is not None:
        return ask()
    where = _LATER.get(name)
    if where is not None:
        from importlib import import_module

        module = import_module(f".{where}", __name__)
        globals()[name] = found = module if name == where else getattr(module, name)
        return found
    try:
        # A constant, whose enum may be made only now, or one of a header that is newer than our table.
        globals()[name] = found = getattr(constants, name)
        return found
    except AttributeError:
        pass
    from ._legacy import attribute

    return attribute(name)


if not TYPE_CHECKING:
    # Type checkers know all names but those of a newer header, and would take each misspelt one for one of these.
    __getattr__ = _find


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ON_DEMAND})
