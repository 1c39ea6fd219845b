"""Where the things live now that pyzmq, from version 2 on, had under other module paths and names.

Programs say ``zmq.sugar.socket.Socket`` in their annotations, take constants from ``zmq.sugar.constants`` and functions
from ``zmq.backend``.  Each such path is one line of `MODULES`; its module is made when somebody imports it, and takes a
name from where that lives when somebody asks for it.  What pyzmq itself has given up warns.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import spec_from_loader

from .version import zmq_version_info

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

__all__ = ["MODULES", "NAMES", "attribute", "find_spec"]

_PACKAGE = __name__.rpartition(".")[0]

_SUGAR = ("context", "error", "frame", "poll", "socket", "tracker", "version", ":device Stopwatch")
_BACKEND = (
    ":Context Socket Frame Message proxy proxy_steerable zmq_poll strerror zmq_errno has curve_keypair curve_public"
    " zmq_version_info IPC_PATH_MAX_LEN PYZMQ_DRAFT_API"
)
_CONSTANTS = ("constants", "_option_names:int_sockopts int64_sockopts bytes_sockopts fd_sockopts ctx_opts msg_opts")
_LOOPS = "eventloop.ioloop:IOLoop PeriodicCallback ZMQIOLoop ZMQPoller DelayedCallback install"
_EVERYTHING = ""

# Older path -> where the names of its ``__all__`` live, where others are looked for, and the version of pyzmq that
# removed it.  Modules are written as seen from this package, which itself is the empty one, or after a slash, if they are
# another's; the names of a module are its ``__all__`` unless they follow a colon.
MODULES: dict[str, tuple[tuple[str, ...], tuple[str, ...], str | None]] = {
    "sugar": (_SUGAR, (_EVERYTHING,), None),
    "sugar.attrsettr": ((), (), None),
    "sugar.context": (("context",), ("constants", "error", "socket", "utils.interop"), None),
    "sugar.frame": (("frame",), ("tracker", "error", "constants"), None),
    "sugar.poll": (("poll",), ("constants", "error"), None),
    "sugar.socket": (("socket",), ("poll", "constants", "error", "context", "utils.interop"), None),
    "sugar.stopwatch": ((":Stopwatch",), (), None),
    "sugar.tracker": (("tracker",), ("frame", "error"), None),
    "sugar.version": (("version",), (), None),
    "backend": ((_BACKEND,), (), None),
    "backend.select": ((), (), None),
    "backend.cython": ((_BACKEND,), (), None),
    "backend.cython._zmq": ((_BACKEND,), (_EVERYTHING,), None),
    "backend.cffi": ((_BACKEND,), (), None),
    # -- removed by pyzmq ---------------------------------------------------------------------------------------------
    "sugar.constants": (_CONSTANTS, ("_option_names", _EVERYTHING), "23.0"),
    "backend.constants": (_CONSTANTS, ("_option_names",), "23.0"),
    "utils.constant_names": (("_option_names:all_names no_prefix",), ("_option_names",), "23.0"),
    "utils.sixcerpt": ((), (), "21.0"),
    "utils.initthreads": ((), (), "14.2"),
    "sugar.backend": ((_BACKEND,), (_EVERYTHING,), "14.0"),
    "eventloop._deprecated": ((_LOOPS,), ("eventloop.ioloop",), "25.0"),
    "eventloop.minitornado": ((), (), "25.0"),
    "eventloop.minitornado.concurrent": (("/tornado.concurrent:Future",), ("/tornado.concurrent",), "25.0"),
    "eventloop.minitornado.ioloop": ((_LOOPS,), ("eventloop.ioloop",), "25.0"),
    "eventloop.minitornado.log": (("/tornado.log:access_log app_log gen_log",), ("/tornado.log",), "25.0"),
    "eventloop.minitornado.util": (("/tornado.util:Configurable import_object",), ("/tornado.util",), "25.0"),
    "core": ((_EVERYTHING,), (), "14.0"),
    "core.constants": (_CONSTANTS, ("_option_names",), "14.0"),
    "core.context": (("context",), ("error",), "14.0"),
    "core.device": ((":device",), (_EVERYTHING,), "14.0"),
    "core.error": (("error",), (), "14.0"),
    "core.message": (("frame", "tracker"), ("error",), "14.0"),
    "core.poll": (("poll",), ("constants",), "14.0"),
    "core.pysocket": (("socket",), ("constants", "error"), "14.0"),
    "core.socket": (("socket",), ("constants", "error"), "14.0"),
    "core.stopwatch": ((":Stopwatch",), (), "14.0"),
    "core.version": (("version",), (), "14.0"),
    "cffi_core": ((_EVERYTHING,), (), "14.0"),
    # The compiled modules of either backend, before they became one.
    **{
        f"backend.{kind}.{name}": (sources, (_EVERYTHING,), "26.0")
        for kind in ("cython", "cffi")
        for name, sources in {
            "_device": (":device",),
            "_poll": (":zmq_poll",),
            "_proxy_steerable": (":proxy proxy_steerable",),
            "_version": (":zmq_version_info",),
            "constants": _CONSTANTS,
            "context": (":Context",),
            "devices": (":device proxy proxy_steerable",),
            "error": (":strerror zmq_errno",),
            "message": (":Frame Message",),
            "socket": (":Socket IPC_PATH_MAX_LEN",),
            "utils": (":curve_keypair curve_public has",),
        }.items()
    },
}

#: Names that the older modules had and that nothing is called today -> what takes their place.
RENAMED = {
    "AttributeSetter": ".options:OptionAttributes",
    "ContextBase": ".context:Context",
    "DEFAULT_PROTOCOL": "pickle:DEFAULT_PROTOCOL",
    "FrameBase": ".frame:Frame",
    "SocketBase": ".socket:Socket",
    "_SocketContext": ".endpoint:BoundEndpoint",
    "init_threads": "._legacy:init_threads",
    "monitored_queue": ".devices:monitored_queue",
    "public_api": "._legacy:public_api",
    "reraise": "._legacy:reraise",
    "select_backend": "._legacy:select_backend",
}

#: Names of the package itself that pyzmq had once -> what they are, and what to say instead.
NAMES = {
    "DOWNSTREAM": (".constants:PUSH", "PUSH"),
    "UPSTREAM": (".constants:PULL", "PULL"),
    "ENODEV": ("errno:ENODEV", "errno.ENODEV"),
    "ENOMEM": ("errno:ENOMEM", "errno.ENOMEM"),
    "VERSION": ("._legacy:version_number", "zmq_version_info()"),
    "VERSION_MAJOR": ("._legacy:version_major", "zmq_version_info()[0]"),
    "VERSION_MINOR": ("._legacy:version_minor", "zmq_version_info()[1]"),
    "VERSION_PATCH": ("._legacy:version_patch", "zmq_version_info()[2]"),
}

# What to do about an older module, for the warning.
_OTHERWISE = "{} itself has its names"
_ADVICE = {
    "utils.constant_names": "the enums of {}.constants have the names",
    "utils.initthreads": "nothing is needed in its place",
    "eventloop.minitornado.concurrent": "tornado.concurrent has its names",
    "eventloop.minitornado.log": "tornado.log has its names",
    "eventloop.minitornado.util": "tornado.util has its names",
    "eventloop.minitornado.ioloop": "tornado.ioloop has its names",
    "eventloop.minitornado": "tornado itself has its modules",
    "eventloop._deprecated": "tornado.ioloop has its names",
    "utils.sixcerpt": "Python 3 has its own `raise error.with_traceback(...)`",
}

#: Submodules that a plain import of pyzmq leaves as attributes.
_ATTRIBUTES = ("backend", "sugar")

_CHILDREN = {path.rpartition(".")[0] for path in MODULES}


def warn(message: str) -> None:
    """Warn of something old, at the line outside of the caller, this package and the import system that asked for it."""
    from warnings import warn_explicit

    frame: Any = sys._getframe(2)
    while frame.f_back is not None and _is_between(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    scope = frame.f_globals
    warn_explicit(
        message,
        DeprecationWarning,
        frame.f_code.co_filename,
        frame.f_lineno,
        scope.get("__name__") or "__main__",
        scope.setdefault("__warningregistry__", {}),
    )


def _is_between(module: str) -> bool:
    return f"{module}.".startswith(f"{_PACKAGE}.") or module.partition(".")[0] in (
        "importlib",
        "_frozen_importlib",
        "_frozen_importlib_external",
    )


def _resolve(place: str) -> Any:
    """What ``module:name`` stands for."""
    module, _, name = place.partition(":")
    return getattr(import_module(module, _PACKAGE), name)


def _source(module: str) -> Any:
    if module.startswith("/"):
        return import_module(module[1:])
    return import_module(f".{module}" if module else _PACKAGE, _PACKAGE)


def attribute(name: str) -> Any:
    """An older name of the package itself.

    Raises
    ------
    AttributeError
        If there never was one.
    """
    if name in _ATTRIBUTES:
        return import_module(f".{name}", _PACKAGE)
    entry = NAMES.get(name)
    if entry is None:
        raise AttributeError(f"module {_PACKAGE!r} has no attribute {name!r}")
    place, instead = entry
    value = _resolve(place)
    warn(f"{_PACKAGE}.{name} was removed in pyzmq 23.0; use {instead}")
    return value() if place.startswith("._legacy:") else value


def find_spec(fullname: str, path: str) -> ModuleSpec | None:
    """How to make the module of an older path.

    Parameters
    ----------
    fullname : str
        The name to import.
    path : str
        The same without the package's.
    """
    if path not in MODULES:
        return None
    loader: Any = _Loader(path)
    return spec_from_loader(fullname, loader, origin=__file__, is_package=path in _CHILDREN)


class _Loader:
    """Makes the module of an older path."""

    def __init__(self, path: str) -> None:
        self.path = path

    def create_module(self, spec: ModuleSpec) -> None:
        """The import system's own kind of module will do."""

    def exec_module(self, module: ModuleType) -> None:
        exports, others, removed = MODULES[self.path]
        name = module.__name__
        if removed:
            warn(f"{name} was removed in pyzmq {removed}; {_ADVICE.get(self.path, _OTHERWISE).format(_PACKAGE)}")
        where = "; ".join(_described(source) for source in (exports or others)) or _PACKAGE
        module.__doc__ = f"An older path, for what lives in {where} today."
        scope = module.__dict__
        scope["__getattr__"] = lambda attribute: _attribute_of(module, self.path, attribute)
        scope["__dir__"] = lambda: sorted({*scope, *_attribute_of(module, self.path, "__all__")})

    # ``python -m`` and inspect ask for these.

    def get_code(self, name: str) -> None:
        return None

    def get_source(self, name: str) -> None:
        return None

    def is_package(self, name: str) -> bool:
        return self.path in _CHILDREN


def _described(source: str) -> str:
    module = source.partition(":")[0]
    return module[1:] if module.startswith("/") else f"{_PACKAGE}.{module}".rstrip(".")


def _exports(path: str) -> list[str]:
    found: list[str] = []
    for source in MODULES[path][0]:
        module, colon, names = source.partition(":")
        for name in names.split() if colon else _source(module).__all__:
            if name not in found:
                found.append(name)
    return found


def _attribute_of(module: ModuleType, path: str, name: str) -> Any:
    value = _look_up(module.__name__, path, name)
    # Next time the module has it without asking.
    module.__dict__[name] = value
    return value


def _look_up(fullname: str, path: str, name: str) -> Any:
    if name == "__all__":
        return _exports(path)
    # The import system asks modules for names of its own, which must not come from another module.
    if not name.startswith("__") or name in ("__version__", "__revision__"):
        child = MODULES.get(f"{path}.{name}")
        if child is not None and child[2] is None:
            return import_module(f"{fullname}.{name}")
        exports, others, _ = MODULES[path]
        for source in (*exports, *others):
            part, colon, names = source.partition(":")
            if not colon or name in names.split():
                try:
                    return getattr(_source(part), name)
                except AttributeError:
                    continue
        if name in RENAMED:
            try:
                return _resolve(RENAMED[name])
            except ModuleNotFoundError:
                # A copy may have been made without the devices.
                pass
    raise AttributeError(f"module {fullname!r} has no attribute {name!r}")


# -- what has no place of its own -------------------------------------------------------------------------------------

#: The names of a backend.
public_api = _BACKEND[1:].split()


def select_backend(name: str) -> dict[str, Any]:
    """The names of a backend, of which there is one only.

    Parameters
    ----------
    name : str
        ``"cython"``, ``"cffi"`` or the path of either stands for it; otherwise a module that has them.
    """
    if name.rpartition(".")[2] in ("cython", "cffi"):
        module = _source("backend")
    else:
        module = import_module(name)
    names = {key: getattr(module, key) for key in public_api}
    names["monitored_queue"] = getattr(module, "monitored_queue", None)
    return names


def init_threads() -> None:
    """Nothing: Python threads are always there today."""


def reraise(tp: Any, value: Any, tb: Any = None) -> None:
    """Raise an exception with a traceback, which Python 2 and 3 spelt differently."""
    raise (tp() if value is None else value).with_traceback(tb)


def version_number() -> int:
    """The version of the loaded libzmq as C writes it: 40305 for 4.3.5."""
    major, minor, patch = zmq_version_info()
    return major * 10000 + minor * 100 + patch


def version_major() -> int:
    return zmq_version_info()[0]


def version_minor() -> int:
    return zmq_version_info()[1]


def version_patch() -> int:
    return zmq_version_info()[2]
