"""Options: what C type each has, how a Python value becomes one, and options as attributes.

Which option has which type is data (`constants.SocketOption`); this module is the one place that acts on it.  Options
that the table does not know, because they are newer than it, are typed by the value that is set, and read as an
integer first.

As attributes, options are descriptors made from the table, in lower and upper case.  A catch-all ``__getattr__``
would be shorter, but a class that has one loses the interpreter's fast attribute access, and with it a third of the
speed of each send.
"""

from __future__ import annotations

from _operator import index  # as operator has it, without that module
from ctypes import byref, c_int, c_int64, c_size_t, c_uint64, create_string_buffer
from errno import EFAULT, EINVAL

from . import _numbers, constants
from .error import ZMQError
from .loader.direct import flags_argument, size_argument
from .loader.prototypes import PROTOTYPES
from .loader.structs import zmq_fd_t

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ctypes import Array, c_char
    from typing import Any, Callable, Iterable

    from .loader import Library
    from .loader.direct import DirectCalls

__all__ = ["OptionAttribute", "OptionAttributes", "attributes", "encode", "learn", "out_buffers"]

SOCKET_OPTIONS = _numbers.members["SocketOption"]
CONTEXT_OPTIONS = _numbers.members["ContextOption"]
MESSAGE_OPTIONS = _numbers.members["MessageOption"]

# kind of option -> (C type, least and greatest value).  AFFINITY is a set of 64 bits; -1 is all of them, as in pyzmq.
_INTEGERS: dict[str, tuple[Any, int, int]] = {
    "int": (c_int, -(2**31), 2**31 - 1),
    "int64": (c_int64, -(2**63), 2**63 - 1),
    "uint64": (c_uint64, -(2**63), 2**64 - 1),
    "fd": (zmq_fd_t, -(2**31), 2**63 - 1),
}

#: option -> kind; an option that is not here is newer than the table.
KINDS: dict[int, str] = {getattr(_numbers, name): "int" for name in SOCKET_OPTIONS}
for _kind, _options in _numbers.option_types.items():
    KINDS.update(dict.fromkeys(_options, _kind))

# Bytes that a getter needs where 255 is not a length that libzmq accepts: a key is asked for as Z85 text and its NUL.
_TEXT_SIZES: dict[int, tuple[int, ...]] = {
    option: (41,) for option in (_numbers.CURVE_PUBLICKEY, _numbers.CURVE_SECRETKEY, _numbers.CURVE_SERVERKEY)
}
_TEXT_SIZES_OTHERWISE = (255, 4096, 65536)

# Binary values, whose last byte may well be a NUL of their own.
_BINARY = frozenset({_numbers.ROUTING_ID})


def option_number(option: object) -> int:
    """An option as the ``int`` that C takes.

    Raises
    ------
    TypeError
        If it is not an integer.
    OverflowError
        If it does not fit in a C ``int``.
    """
    try:
        number = index(option)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"option must be an int, such as zmq.LINGER, got: {option!r}") from None
    if not -(2**31) <= number < 2**31:
        raise OverflowError(f"option {number} does not fit in a C int")
    return number


def integer(value: object, what: str, low: int = -(2**31), high: int = 2**31 - 1) -> int:
    """Check an integer argument that goes to C.

    Raises
    ------
    TypeError
        If it is not an integer; floats are not.
    OverflowError
        If it is out of range.
    """
    try:
        number = index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{what}: expected int, got: {value!r}") from None
    if not low <= number <= high:
        raise OverflowError(f"{what}: {number} is not between {low} and {high}")
    return number


def name_of(option: int) -> str:
    """The name of a socket option, for messages."""
    try:
        return constants.SocketOption(option).name
    except ValueError:
        return f"option {option}"


#: Socket options that are a C ``int``, prepared for the calls of ``loader.direct``.
INT_ARGUMENTS: dict[int, Any] = {option: flags_argument(option) for option, kind in KINDS.items() if kind == "int"}

_INT_SIZE = size_argument(4)
#: Getters write the length that they used into this: 4 again.
INT_LENGTH = byref(c_size_t(4))


def get_int(calls: DirectCalls, handle: Any, argument: Any) -> int | None:
    """Read an option from `INT_ARGUMENTS` without waiting; None if that did not work."""
    value = c_int()
    if calls.getsockopt(handle, argument, byref(value), INT_LENGTH) < 0:
        return None
    return value.value


def set_int(calls: DirectCalls, handle: Any, argument: Any, value: int) -> bool:
    """Set an option from `INT_ARGUMENTS` to an ``int`` in range without waiting; False if that did not work."""
    return calls.setsockopt(handle, argument, byref(c_int(value)), _INT_SIZE) >= 0


def encode(option: int, value: object) -> tuple[Any, int]:
    """A value to set, as something that C can read, and its length in bytes.

    Parameters
    ----------
    option : int
        The socket option.
    value : int or bytes
        What its type wants; None is an empty string for the options that can be cleared.
    """
    kind = KINDS.get(option)
    if kind is None:
        kind = "bytes" if isinstance(value, bytes) else "int"
    if kind == "bytes":
        if isinstance(value, str):
            raise TypeError("unicode not allowed, use setsockopt_string")
        if value is None and option in _CLEARABLE:
            return None, 0
        if not isinstance(value, bytes):
            raise TypeError(f"{name_of(option)}: expected bytes, got: {value!r}")
        return bytes(value), len(value)
    if isinstance(value, str):
        raise TypeError(f"{name_of(option)}: unicode not allowed, expected int, got: {value!r}")
    ctype, low, high = _INTEGERS[kind]
    number = ctype(integer(value, name_of(option), low, high))
    return byref(number), _SIZES[kind]


_SIZES = {"int": 4, "int64": 8, "uint64": 8, "fd": 8 if zmq_fd_t is not c_int else 4}
_CLEARABLE = frozenset((_numbers.PLAIN_USERNAME, _numbers.PLAIN_PASSWORD, _numbers.SOCKS_PROXY))


def out_buffers(option: int) -> Iterable[tuple[Any, Any, Callable[[Any, Any], Any]]]:
    """What to offer a getter, one after the other while it answers EINVAL: buffer, length, and how to read it."""
    kind = KINDS.get(option)
    if kind != "bytes":
        ctype = _INTEGERS[kind or "int"][0]
        yield ctype(), c_size_t(_SIZES[kind or "int"]), _read_integer
        if kind is not None:
            return
    read = _read_binary if option in _BINARY else _read_text
    for size in _TEXT_SIZES.get(option, _TEXT_SIZES_OTHERWISE):
        yield create_string_buffer(size), c_size_t(size), read


def _read_integer(buffer: c_int, size: c_size_t) -> int:
    return buffer.value


def _read_binary(buffer: Array[c_char], size: c_size_t) -> bytes:
    return buffer.raw[: size.value]


def _read_text(buffer: Array[c_char], size: c_size_t) -> bytes:
    text = buffer.raw[: size.value]
    return text[:-1] if text.endswith(b"\0") else text


class OptionAttribute:
    """An option as an attribute of a socket, a context or a frame.

    Parameters
    ----------
    name : str
        The name of the option among the constants.  The constant is what the object's ``get`` and ``set`` are given; it
        is looked up when that happens first, since to make the enums is most of what an import could cost.
    """

    __slots__ = ("_option", "name")

    def __init__(self, name: str) -> None:
        self._option: int | None = None
        self.name = name

    @property
    def option(self) -> int:
        """The option's number."""
        if self._option is None:
            self._option = getattr(constants, self.name)
        return self._option

    def __get__(self, owner: Any, cls: type | None = None) -> Any:
        if owner is None:
            return self
        try:
            return owner.get(self.option if self._option is None else self._option)
        except ZMQError as error:
            if error.errno in (EINVAL, EFAULT):
                raise AttributeError(f"{self.name} attribute is write-only") from error
            raise

    def __set__(self, owner: Any, value: Any) -> None:
        owner.set(self.option if self._option is None else self._option, value)

    def __delete__(self, owner: Any) -> None:
        raise AttributeError(f"{self.name} is an option of libzmq and cannot be deleted")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} = {int(self.option)}>"


class OptionAttributes:
    """Base of the classes whose options are attributes: refuses to create attributes that nobody declared.

    A misspelt option would otherwise be a silent new attribute.  A subclass declares its own attributes in its body, by
    a value or an annotation.
    """

    __slots__ = ()

    def __setattr__(self, key: str, value: Any) -> None:
        cls = type(self)
        if not hasattr(cls, key):
            # Any other mixture of cases is the same option.
            if hasattr(cls, key.upper()):
                key = key.upper()
            elif key not in self.__dict__ and not _annotated(cls, key):
                raise AttributeError(f"{cls.__name__} has no such option: {key.upper()}")
        object.__setattr__(self, key, value)


def _annotated(cls: type, key: str) -> bool:
    return any(key in getattr(base, "__annotations__", ()) for base in cls.__mro__)


def attributes(names: Iterable[str], attribute: Any = OptionAttribute) -> dict[str, Any]:
    """The attributes for options, in lower, upper and capital case."""
    found = {}
    for name in names:
        found[name.lower()] = found[name] = found[name.capitalize()] = attribute(name)
    return found


def hints(name: str, options: dict[str, Any], base: type = OptionAttributes) -> Any:
    """The base of a class that has options as attributes, besides what it defines itself."""
    return type(name, (base,), {"__slots__": (), "__module__": __name__, **options})


#: Classes that get an attribute for a socket option which a header adds at run time.
_LEARNERS: list[tuple[type, Any]] = []


def learner(cls: type, attribute: Any = OptionAttribute) -> None:
    """Let a class learn the socket options that a newer header has."""
    _LEARNERS.append((cls, attribute))


#: What the modules export that export every constant.
_EXPORTS: list[list[str]] = [constants.__all__]


def exports_constants(names: list[str]) -> None:
    """Let the ``__all__`` of a module learn the constants that a newer header has."""
    _EXPORTS.append(names)


def learn(extra: dict[str, int | str]) -> None:
    """Take over constants of a header that is newer than our table.

    Parameters
    ----------
    extra : dict
        Names without ``ZMQ_`` and their values.  They become attributes of ``constants`` and of the package; those with
        a number become attributes of sockets and contexts as well, since a header does not say what is an option.
    """
    known = set(constants.__all__)
    new = {name: value for name, value in extra.items() if name not in known}
    for name, value in new.items():
        setattr(constants, name, value)
    for names in _EXPORTS:
        names += [name for name in new if name not in names]
    numbers = [name for name, value in new.items() if isinstance(value, int)]
    for cls, attribute in _LEARNERS:
        present = set().union(*map(vars, cls.__mro__))
        for key, made in attributes(numbers, attribute).items():
            if key not in present:
                setattr(cls, key, made)


#: The newest libzmq that our tables know.
NEWEST = max(first for _, _, first, _ in PROTOTYPES.values())


def learn_header(library: Library | None = None) -> None:
    """Take over what the header of a library has and our table does not.

    Parameters
    ----------
    library : loader.Library, optional
        Whose header to look for, where ``ZMQ_CTYPES_HEADER`` names none.

    Raises
    ------
    HeaderError
        If there is a header and it cannot be read.
    """
    from .loader import header

    path = header.find(library.path if library is not None else None)
    if path is not None:
        learn(header.read(path).extra_constants(set(constants.__all__)))
