"""The constants of libzmq as enums, and each of their members as a name of this module.

An enum is made when it, or one of its members, is first asked for; from then on its names are ordinary names of this
module.  Most programs need two or three of the thirteen, and to make them all, with the 300 members, would be a third of
what importing the package costs.  The package itself works with the plain numbers in `_numbers`.

A member knows the libzmq that brought it (``SocketOption.LINGER.first``) and whether it is still a draft (``.draft``).
Those facts are looked up by value; an alias therefore answers for the oldest name of its value.

What type checkers see stands in ``constants.pyi``.
"""

from __future__ import annotations

import sys

from . import _numbers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._numbers import Version

# Names of the enum module that pyzmq's has as well.
_OF_ENUM = ("Enum", "IntEnum", "IntFlag")

__all__ = [*_OF_ENUM]
for _enum, _names in _numbers.members.items():
    __all__ += (_enum, *_names)
__all__ += _numbers.plain
del _enum, _names

globals().update(_numbers.plain)


def _shares(value: int, flags: tuple[int, ...]) -> bool:
    return any(flag & value == flag and flag & (flag - 1) == 0 for flag in flags)


class _Known:
    """What is known of a constant beside its value."""

    __slots__ = ()

    @property
    def first(self) -> Version:
        """First version of libzmq that has it, as in ``(4, 1, 0)``; ``(3, 2, 0)`` for all that is older.

        A combination of flags needs what the newest of them needs.
        """
        value = int(self)  # type: ignore[call-overload]
        ages = _numbers.first.get(type(self).__name__, ())
        for age, values in ages:
            if value in values:
                return age
        if getattr(self, "name", None) in type(self).__members__:  # type: ignore[attr-defined]
            return _numbers.floor
        return max((age for age, values in ages if _shares(value, values)), default=_numbers.floor)

    @property
    def draft(self) -> bool:
        """Whether libzmq still calls it a draft, so that an ordinary build may refuse it or lack it."""
        value = int(self)  # type: ignore[call-overload]
        values = _numbers.draft.get(type(self).__name__, ())
        if getattr(self, "name", None) in type(self).__members__:  # type: ignore[attr-defined]
            return value in values
        return _shares(value, values)


# What the enum module keeps about a class, in the versions whose books `_enter` can keep.
_BOOKS = frozenset(
    "_all_bits_ _boundary_ _create_pseudo_member_ _flag_mask_ _generate_next_value_ _hashable_values_ _inverted_"
    " _member_map_ _member_names_ _member_type_ _missing_ _new_member_ _singles_mask_ _unhashable_values_"
    " _unhashable_values_map_ _use_args_ _value2member_map_ _value_repr_".split()
)

# The enums that were made.  Where two threads make the same one at the same time, it decides which of them it is: a lock
# might be waited for in vain by a signal handler, or in the child of a fork.
_made: dict[str, Any] = {}


def _make(name: str) -> None:
    """Make an enum, and names of this module for it and its members."""
    from enum import EnumMeta, IntEnum, IntFlag

    base, prefix, text = _numbers.enums[name]
    flat = {key: key[len(prefix) :] if key.startswith(prefix) else key for key in _numbers.members[name]}
    values = {own: getattr(_numbers, key) for key, own in flat.items()}
    quick = sys.version_info < (3, 14) and all(
        book in _BOOKS for kind in (IntEnum, IntFlag) for book in vars(kind) if book[0] == "_" != book[1]
    )

    def global_name(name: str) -> str:
        return name if name.startswith(_numbers.unprefixed) else prefix + name

    bases = (_Known, IntFlag if base == "IntFlag" else IntEnum)
    body: Any = EnumMeta.__prepare__(name, bases)
    body["__module__"], body["__qualname__"], body["__doc__"] = __name__, name, text
    if prefix:
        body["_global_name"] = staticmethod(global_name)
    if not quick:
        for own, value in values.items():
            body[own] = value
    made: Any = EnumMeta(name, bases, body)
    if quick:
        _enter(made, values, base == "IntFlag")
    if name == "SocketOption":
        _give_types(made)
    made = _made.setdefault(name, made)
    scope = globals()
    for key, own in flat.items():
        scope.setdefault(key, made[own])
    scope.setdefault(name, made)


def _enter(cls: Any, values: dict[str, int], flags: bool) -> None:
    """Make the members of an enum that was made without any, in a quarter of the time of the enum module.

    That is ready for members of any kind, and searches those that it has for each new one.  Here all are integers whose
    names collide with nothing, so they are entered into the books of the class in one go.  A Python that keeps books
    unknown to `_BOOKS` takes its own way.
    """
    names, by_name, by_value = cls._member_names_, cls._member_map_, cls._value2member_map_
    sorts = sys.version_info >= (3, 11)
    all_bits = single_bits = 0
    ascending = True
    for key, value in values.items():
        member = by_value.get(value)
        if member is None:
            member = by_value[value] = int.__new__(cls, value)
            member._value_, member._name_, member.__objclass__ = value, key, cls
            if sorts:
                member._sort_order_ = len(names)
            # From 3.11 on, only single bits count as members of their own in a flag.
            single = not value & (value - 1) and value
            all_bits |= value
            ascending = ascending and (single == 0 or single > single_bits)
            single_bits |= single
            if single or not (flags and sorts):
                names.append(key)
        by_name[key] = member
        type.__setattr__(cls, key, member)
    if flags and sorts:
        cls._flag_mask_, cls._all_bits_ = single_bits, (1 << all_bits.bit_length()) - 1
        # From 3.11.4 on the two are kept apart.
        if hasattr(cls, "_singles_mask_"):
            cls._flag_mask_, cls._singles_mask_ = all_bits, single_bits
        if not ascending:
            cls._iter_member_ = cls._iter_member_by_def_
    if hasattr(cls, "_hashable_values_"):
        cls._hashable_values_.extend(by_value)


def _give_types(options: Any) -> None:
    """Tell the options of a socket which C type they have."""
    kinds = __getattr__("_OptType")
    options._opt_type = kinds.int
    for kind, numbers in _numbers.option_types.items():
        for number in numbers:
            options(number)._opt_type = kinds[kind]


def __getattr__(name: str) -> Any:
    scope = globals()
    for enum, names in _numbers.members.items():
        if name == enum or name in names:
            _make(enum)
            return scope[name]
    if name in _OF_ENUM:
        import enum as module

        return scope.setdefault(name, getattr(module, name))
    if name == "_OptType":
        from enum import Enum

        kinds = Enum("_OptType", {kind: kind for kind in ("int", *_numbers.option_types)}, module=__name__)
        kinds.__doc__ = "C types of the values of socket options."
        return scope.setdefault(name, kinds)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
