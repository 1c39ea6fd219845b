"""What a ``zmq.h`` holds, as `header` reads it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Container

    from .calculator import Value

__all__ = ["Header", "HeaderError", "Prototype"]


class HeaderError(ValueError):
    """A ``zmq.h`` that cannot be read; the message names the file."""


class Prototype:
    """What C promises about one function.

    Attributes
    ----------
    result : str
        C type of the result, as in ``"void *"``.
    arguments : tuple of str
        C types of the arguments; empty for ``(void)``.
    names : tuple of str
        Names of the arguments without libzmq's trailing underscore, ``""`` where the header gives none.
    """

    __slots__ = ("result", "arguments", "names")

    def __init__(self, result: str, arguments: tuple[str, ...], names: tuple[str, ...]) -> None:
        self.result = result
        self.arguments = arguments
        self.names = names

    def __eq__(self, other: object) -> bool:
        """Two prototypes are equal if their types are; argument names are decoration."""
        if not isinstance(other, Prototype):
            return NotImplemented
        return (self.result, self.arguments) == (other.result, other.arguments)

    def __hash__(self) -> int:
        return hash((self.result, self.arguments))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.result!r}, {self.arguments!r})"


class Header:
    """The contents of one ``zmq.h``.

    Attributes
    ----------
    path : str
        Where it was read from, ``"<text>"`` for a string.
    version : tuple of three int, or None
        ``ZMQ_VERSION_MAJOR`` and its companions.
    defines : dict
        Name -> value (``int`` or ``str``) of each object-like macro; ``None`` for one that is merely defined.
    aliases : dict
        Name -> the other macro that it is defined as, for those macros that just name another one.
    enums : dict
        Name of a C enum (``""`` if it has none) -> its members and their values.
    prototypes : dict
        Name of a function -> `Prototype`.
    callbacks : dict
        Name of a function type (``zmq_free_fn`` and others) -> `Prototype`.
    errnos : dict
        Error numbers inside ``#ifndef`` of themselves -> libzmq's stand-in value.
    draft : frozenset of str
        Those names of all the above that stand in a draft section.
    unread : dict
        Macros whose value is no number or string -> their text.
    """

    __slots__ = (
        "path",
        "version",
        "defines",
        "aliases",
        "enums",
        "prototypes",
        "callbacks",
        "errnos",
        "draft",
        "unread",
    )

    def __init__(self, path: str) -> None:
        self.path = path
        self.version: tuple[int, int, int] | None = None
        self.defines: dict[str, Value | None] = {}
        self.aliases: dict[str, str] = {}
        self.enums: dict[str, dict[str, int]] = {}
        self.prototypes: dict[str, Prototype] = {}
        self.callbacks: dict[str, Prototype] = {}
        self.errnos: dict[str, int] = {}
        self.draft: frozenset[str] = frozenset()
        self.unread: dict[str, str] = {}

    def __repr__(self) -> str:
        version = ".".join(map(str, self.version)) if self.version else "of unknown version"
        return f"<zmq.h {version} from {self.path}>"

    def constants(self) -> dict[str, Value]:
        """Every number and string of the header under its C name, error numbers and enum members included.

        Returns
        -------
        dict
            Name -> ``int`` or ``str``.  Macros that are only defined, without a value, are left out.
        """
        found: dict[str, Value] = {name: value for name, value in self.defines.items() if value is not None}
        found.update(self.errnos)
        for members in self.enums.values():
            found.update(members)
        return found

    def extra_constants(self, known: Container[str]) -> dict[str, Value]:
        """The constants that a table does not have, under the names that Python programs use.

        Parameters
        ----------
        known : container of str
            Names without ``ZMQ_``, as in ``zmq.constants``.

        Returns
        -------
        dict
            Name without ``ZMQ_`` -> ``int`` or ``str``.  Version numbers and macros that only describe the header
            itself (``ZMQ_HAVE_...``, ``ZMQ_HAS_...``, ``ZMQ_DEFINED_...``) are no constants of the library and stay
            out, and so do error numbers that the platform has.
        """
        extra: dict[str, Value] = {}
        for name, value in self.constants().items():
            short = name[4:] if name.startswith("ZMQ_") else name
            if short in known or name in self.errnos or short.startswith(("VERSION", "HAVE_", "HAS_", "DEFINED_")):
                continue
            if short.isidentifier():
                extra[short] = value
        return extra
