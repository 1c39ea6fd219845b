"""What pyzmq up to version 22 knew of options as lists of names and sets of numbers, made from the enums of today."""

from __future__ import annotations

from . import constants
from .constants import ContextOption, MessageOption, SocketOption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_KINDS = {
    name: "int64" if option._opt_type.name == "uint64" else option._opt_type.name
    for name, option in SocketOption.__members__.items()
}


def _names(kind: str) -> list[str]:
    return [name for name, its in _KINDS.items() if its == kind]


def _numbers(names: list[str]) -> set[Any]:
    return {getattr(constants, name) for name in names}


int_sockopt_names = _names("int")
int64_sockopt_names = _names("int64")
bytes_sockopt_names = _names("bytes")
fd_sockopt_names = _names("fd")
ctx_opt_names = list(ContextOption.__members__)
msg_opt_names = list(MessageOption.__members__)
#: Options that libzmq 2 had as 64 bits and later ones have as an ``int``.
switched_sockopt_names = ["RATE", "RECOVERY_IVL", "SNDBUF", "RCVBUF", "RCVMORE"]

all_names = [name for name in constants.__all__ if not isinstance(getattr(constants, name), type)]
_options = {*_KINDS, *ctx_opt_names, *msg_opt_names}
base_names = [name for name in all_names if name not in _options]

int_sockopts = _numbers(int_sockopt_names)
int64_sockopts = _numbers(int64_sockopt_names)
bytes_sockopts = _numbers(bytes_sockopt_names)
fd_sockopts = _numbers(fd_sockopt_names)
ctx_opts = _numbers(ctx_opt_names)
msg_opts = _numbers(msg_opt_names)


def no_prefix(name: str) -> bool:
    """Whether a constant has no ``ZMQ_`` before its name in C: the error numbers, except libzmq's own."""
    return name.startswith("E") and not name.startswith("EVENT")


new_in: dict[tuple[int, int, int], list[str]] = {}
draft_in: dict[tuple[int, int, int], list[str]] = {}
for _name in all_names:
    _first = getattr(getattr(constants, _name), "first", None)
    if _first is not None:
        (draft_in if getattr(constants, _name).draft else new_in).setdefault(_first, []).append(_name)
del _name, _first
