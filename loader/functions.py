"""Every function of zmq.h as a Python callable that checks its arguments: the typed binding.

This binding is for everything that is not called for each message.  Its functions release the GIL, convert and check
their arguments, and keep ``errno`` as it was the moment the C function returned, so that a signal handler which Python
runs next cannot change it: ``functions.zmq_errno()`` reads that kept value.  The binding for each message is
``direct``.

A function that the loaded libzmq does not have is there all the same.  It raises when it is called and says what it
would need, so that a program which never calls it never notices.
"""

from __future__ import annotations

from ctypes import POINTER, c_char_p, c_int, c_long, c_short, c_size_t, c_uint32, c_uint64, c_ulong, c_void_p

from . import structs
from .prototypes import PROTOTYPES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ctypes import CDLL
    from typing import Any, Callable, Container, Iterator, NoReturn

    from ._function_hints import FunctionHints
    from .opened import Library
else:
    FunctionHints = object

__all__ = ["C_TYPES", "Functions", "ZMQVersionError"]


def _loaded() -> Library | None:
    from .library import loaded  # it imports this module

    return loaded()


class ZMQVersionError(NotImplementedError):
    """A feature needs a newer libzmq, or a draft build of it, than the one that is loaded.

    Parameters
    ----------
    min_version : str
        The first libzmq that has it, as ``"4.2.0"``.
    msg : str
        What was asked for.

    Attributes
    ----------
    version : str
        The libzmq that is loaded; empty where none is.
    hint : str
        What else it needs, as ``"a draft build"``; usually empty.
    """

    hint = ""
    version = ""

    def __init__(self, min_version: str, msg: str = "Feature") -> None:
        super().__init__(min_version, msg)
        self.msg = msg
        self.min_version = min_version
        library = _loaded()
        if library is not None:
            self.version = ".".join(map(str, library.version))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __str__(self) -> str:
        need = f"libzmq >= {self.min_version}" + (f" and {self.hint}" if self.hint else "")
        return f"{self.msg} requires {need}" + (f", have {self.version}" if self.version else "")


#: How a C type of a prototype is passed.  Pointers to integers take ``byref``; what C writes to, and opaque objects,
#: are addresses: an integer, a ctypes array or ``byref``.
C_TYPES: dict[str, Any] = {
    "void": None,
    "int": c_int,
    "int *": POINTER(c_int),
    "long": c_long,
    "unsigned long": c_ulong,
    "short": c_short,
    "size_t": c_size_t,
    "size_t *": POINTER(c_size_t),
    "uint8_t *": c_void_p,
    "const uint8_t *": c_void_p,
    "uint32_t": c_uint32,
    "uint64_t": c_uint64,
    "char *": c_void_p,
    "const char *": c_char_p,
    "void *": c_void_p,
    "const void *": c_void_p,
    "void **": POINTER(c_void_p),
    "zmq_msg_t *": POINTER(structs.zmq_msg_t),
    "const zmq_msg_t *": POINTER(structs.zmq_msg_t),
    "zmq_pollitem_t *": POINTER(structs.zmq_pollitem_t),
    "zmq_poller_event_t *": POINTER(structs.zmq_poller_event_t),
    "struct iovec *": POINTER(structs.iovec),
    "zmq_fd_t": structs.zmq_fd_t,
    "zmq_fd_t *": POINTER(structs.zmq_fd_t),
    # An address, a callback or None: the callback may be a C function that Python only knows the address of.
    "zmq_free_fn *": c_void_p,
    "const sigset_t *": c_void_p,
    "zmq_timer_fn *": structs.zmq_timer_fn,
    "zmq_thread_fn *": structs.zmq_thread_fn,
}


def _takes_text() -> bool:
    try:
        c_void_p.from_param("")
    except TypeError:
        return False
    return True


class _Address:
    """How an argument is passed that is an address: as ``c_void_p`` does it, which CPython's lets be text as well.

    C would get the address of a buffer of ``wchar_t``, which is never what is meant here.
    """

    @staticmethod
    def from_param(value: Any, convert: Any = c_void_p.from_param) -> Any:
        # What is closed in the interpreter's last moments comes here too, when globals may be None.
        if isinstance(value, str):
            raise TypeError("bytes, an address or None expected instead of str")
        return convert(value)


# PyPy's own refuses text, and is ten times as fast as anything else there.
_ADDRESS: Any = _Address if _takes_text() else c_void_p


class Functions(FunctionHints):
    """The typed functions of one loaded libzmq, each bound when it is first asked for.

    Parameters
    ----------
    cdll : ctypes.CDLL
        The library, opened with ``use_errno=True``.
    version : tuple of int
        Its version, for the errors of functions that it lacks.
    trusted : container of str, optional
        Functions that only get addresses from this package, and so often that looking for text is saved.

    Notes
    -----
    Arguments are those of the C function: handles are integers, strings are bytes, structures go through
    ``ctypes.byref``.  What is none of these, text included, is a `ctypes.ArgumentError`.  Nothing is raised for a result
    of -1; read ``zmq_errno()`` at once, in the same thread.
    """

    def __init__(self, cdll: CDLL, version: tuple[int, int, int], trusted: Container[str] = ()) -> None:
        self._cdll = cdll
        self._version = version
        self._trusted = trusted

    def __getattr__(self, name: str) -> Callable[..., Any]:
        try:
            result, arguments, first, stable = PROTOTYPES[name]
        except KeyError:
            raise AttributeError(f"zmq.h has no function {name!r}") from None
        bound: Any
        try:
            bound = self._cdll[name]
        except AttributeError:
            function: Callable[..., Any] = self._absent(name, first, stable)
        else:
            bound.restype = C_TYPES[result]
            types = [C_TYPES[argument] for argument in arguments]
            if name not in self._trusted:
                types = [_ADDRESS if kind is c_void_p else kind for kind in types]
            bound.argtypes = types
            bound.__name__ = name
            function = bound
        self.__dict__[name] = function
        return function

    def _absent(
        self, name: str, first: tuple[int, int, int], stable: tuple[int, int, int] | None
    ) -> Callable[..., NoReturn]:
        version = ".".join(map(str, self._version))
        needs_draft = self._version >= first and (stable is None or self._version < stable)
        minimum = ".".join(map(str, first))
        hint = "a draft build" if needs_draft or stable is None else ""

        def absent(*args: object, **kwargs: object) -> NoReturn:
            error = ZMQVersionError(minimum, name)
            error.version, error.hint = version, hint
            raise error

        absent.__name__ = absent.__qualname__ = name
        absent.__doc__ = f"The loaded libzmq {version} does not have this function; calling it raises ZMQVersionError."
        return absent

    def has(self, name: str) -> bool:
        """Whether the loaded library has the function ``name``."""
        return name in PROTOTYPES and getattr(self._cdll, name, None) is not None

    def __iter__(self) -> Iterator[str]:
        """The names of all functions of zmq.h, those that the loaded library lacks included."""
        return iter(PROTOTYPES)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *PROTOTYPES})
