"""zmq_ctypes/constants.py: the enums of pyzmq's names, made when they are asked for, and what ours know beyond them."""

from __future__ import annotations

import copy
import enum
import errno
import importlib
import os
import pickle
import subprocess
import sys
import threading
import types

import pytest

import zmq_ctypes as zmq
from zmq_ctypes import _numbers, constants
from zmq_ctypes.constants import (
    ContextOption,
    DeviceType,
    Errno,
    Event,
    Flag,
    MessageOption,
    NormMode,
    PollEvent,
    ReconnectStop,
    RouterNotify,
    SecurityMechanism,
    SocketOption,
    SocketType,
)

FILE = constants.__file__
with open(FILE + "i", encoding="utf-8") as _file:
    STUB = _file.read()
#: Enum -> (members of their own value, names); pyzmq has the same but for ContextOption.ZERO_COPY_RECV.
SIZES = {
    Errno: (25, 25),
    ContextOption: (10, 11),
    SocketType: (21, 23),
    SocketOption: (114, 119),
    MessageOption: (3, 3),
    Flag: (2, 3),
    RouterNotify: (2, 2),
    NormMode: (5, 5),
    SecurityMechanism: (4, 4),
    ReconnectStop: (3, 3),
    Event: (39, 40),
    PollEvent: (4, 4),
    DeviceType: (3, 3),
}
PREFIXES = {RouterNotify: "NOTIFY_", NormMode: "NORM_", ReconnectStop: "RECONNECT_STOP_", Event: "EVENT_"}
ENUMS = sorted(SIZES, key=lambda kind: kind.__name__)
FLAGS = (Flag, Event, PollEvent)


def flat(kind, name: str) -> str:
    """The name of a member in the module."""
    return name if name.startswith("PROTOCOL_ERROR_") else PREFIXES.get(kind, "") + name


# -- the enums --------------------------------------------------------------------------------------------------------


def test_these_are_all_the_enums() -> None:
    found = [getattr(constants, name) for name in dir(constants)]
    kinds = {value for value in found if isinstance(value, type) and value.__module__ == constants.__name__}
    assert kinds - {constants._OptType, constants._Known} == set(SIZES)


@pytest.mark.parametrize("kind", ENUMS)
def test_sizes_and_bases(kind) -> None:
    own, names = SIZES[kind]
    assert len({member.value for member in kind.__members__.values()}) == own
    assert len(kind.__members__) == names
    assert issubclass(kind, enum.IntFlag if kind in FLAGS else enum.IntEnum)
    assert kind.__doc__
    assert kind.__doc__ != enum.IntEnum.__doc__


@pytest.mark.parametrize("kind", ENUMS)
def test_every_member_is_a_name_of_the_module(kind) -> None:
    for name, member in kind.__members__.items():
        short = flat(kind, name)
        assert getattr(constants, short) is member
        assert short in constants.__all__
        assert getattr(zmq, short) is member
        assert getattr(_numbers, short) == member
        assert type(getattr(_numbers, short)) is int
        assert f"\n{short}: {kind.__name__}\n" in STUB
        assert isinstance(member, int)
        assert type(member.value) is int
        assert kind(member.value) is member
        assert kind[name] is member
        assert getattr(kind, name) is member
        assert repr(member) == f"<{kind.__name__}.{member.name}: {member.value}>"


@pytest.mark.parametrize("kind", ENUMS)
def test_global_names(kind) -> None:
    if kind in PREFIXES:
        for name in kind.__members__:
            assert kind._global_name(name) == flat(kind, name)
            assert kind.__members__[name]._global_name(name) == flat(kind, name)
    else:
        assert not hasattr(kind, "_global_name")


def test_all_is_complete_and_without_repetition() -> None:
    assert len(set(constants.__all__)) == len(constants.__all__)
    assert {"Enum", "IntEnum", "IntFlag"} <= set(constants.__all__), "stray names that pyzmq exports as well"
    for name in constants.__all__:
        assert hasattr(constants, name)
    public = {name for name in vars(constants) if not name.startswith("_")}
    assert public - set(constants.__all__) == {"annotations", "sys", "TYPE_CHECKING"}
    assert set(constants.__all__) <= set(dir(constants))
    assert set(constants.__all__) <= set(zmq.__all__)


def test_type_checkers_see_what_is_there() -> None:
    seen: dict[str, object] = {}
    assert STUB.index("__all__") > 0
    exec(STUB[STUB.index("__all__") :].replace(": list[str]", ""), seen)
    assert seen["__all__"] == constants.__all__
    for name in _numbers.plain:
        assert f"\n{name}: {type(getattr(constants, name)).__name__}\n" in STUB


def test_a_name_that_is_none() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'LINGERR'"):
        constants.LINGERR  # type: ignore[attr-defined]  # noqa: B018
    with pytest.raises(ImportError, match="LINGERR"):
        from zmq_ctypes.constants import LINGERR  # type: ignore[attr-defined]  # noqa: F401


@pytest.mark.parametrize("kind", ENUMS)
def test_members_travel(kind) -> None:
    for member in kind.__members__.values():
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(member, protocol)) is member
        assert copy.copy(member) is member
        assert copy.deepcopy(member) is member
        assert hash(member) == hash(member.value)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("IDENTITY", "ROUTING_ID"),
        ("CONNECT_RID", "CONNECT_ROUTING_ID"),
        ("DELAY_ATTACH_ON_CONNECT", "IMMEDIATE"),
        ("FAIL_UNROUTABLE", "ROUTER_MANDATORY"),
        ("ROUTER_BEHAVIOR", "ROUTER_MANDATORY"),
        ("XREQ", "DEALER"),
        ("XREP", "ROUTER"),
        ("NOBLOCK", "DONTWAIT"),
        ("THREAD_PRIORITY", "SOCKET_LIMIT"),
        ("EVENT_ALL", "EVENT_ALL_V1"),
    ],
)
def test_aliases(alias: str, name: str) -> None:
    assert getattr(constants, alias) is getattr(constants, name)
    assert getattr(constants, alias).name == (name if not name.startswith("EVENT_") else name[6:])


def test_every_other_name_is_canonical() -> None:
    aliases = {name for kind in ENUMS for name, member in kind.__members__.items() if member.name != name}
    assert len(aliases) == 10


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PAIR", 0),
        ("CHANNEL", 20),
        ("AFFINITY", 4),
        ("NORM_PUSH", 124),
        ("HWM", 1),
        ("EVENT_DISCONNECTED", 0x200),
        ("EVENT_ALL_V2", 0x1FFFF),
        ("PROTOCOL_ERROR_WS_UNSPECIFIED", 0x30000000),
        ("NOTIFY_DISCONNECT", 2),
        ("NORM_CCE_ECNONLY", 4),
        ("RECONNECT_STOP_AFTER_DISCONNECT", 4),
        ("POLLPRI", 8),
        ("GSSAPI", 3),
        ("QUEUE", 3),
        ("SRCFD", 2),
        ("ZERO_COPY_RECV", 10),
        ("HAUSNUMERO", 156384712),
        ("ETERM", 156384765),
        ("GSSAPI_NT_KRB5_PRINCIPAL", 2),
        ("MSG_PROPERTY_PEER_ADDRESS", "Peer-Address"),
        ("GROUP_MAX_LENGTH", 255),
        ("MAX_SOCKETS_DFLT", 1023),
        ("THREAD_SCHED_POLICY_DFLT", -1),
    ],
)
def test_values(name: str, value: object) -> None:
    assert getattr(constants, name) == value


def test_order_of_definition() -> None:
    names = list(Event.__members__)
    errors = [name for name in names if name.startswith("PROTOCOL_ERROR_")]
    assert names[: len(errors)] == errors, "so that repr() of a number shows the error, not a sum of events"
    assert list(MessageOption) == [1, 3, 2]
    assert list(SocketOption.__members__)[:4] == ["HWM", "AFFINITY", "ROUTING_ID", "SUBSCRIBE"]
    assert list(Errno.__members__)[-4:] == ["EFSM", "ENOCOMPATPROTO", "ETERM", "EMTHREAD"]


# -- flags ------------------------------------------------------------------------------------------------------------


def test_flags_combine() -> None:
    both = Flag.SNDMORE | Flag.DONTWAIT
    assert type(both) is Flag
    assert both == 3
    assert Flag.SNDMORE in both
    assert both & Flag.SNDMORE is Flag.SNDMORE
    assert ~PollEvent.POLLIN & PollEvent.POLLIN == 0
    assert type(PollEvent.POLLIN | PollEvent.POLLOUT) is PollEvent
    assert Event(0x10000001) is Event.PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND
    assert Event.ALL_V1 | Event.PIPES_STATS == Event.ALL_V2


@pytest.mark.parametrize("value", [0, 3, 0x30, 0x8001, 0x1FFFE, 111, 0x10000021, -1, -2, 1 << 40])
def test_any_number_is_an_event(value: int) -> None:
    """A monitor reports file descriptors and errno values through the same field."""
    assert int(Event(value)) in (value, Event(value).value)
    assert repr(Event(value)).startswith("<Event")


# -- options ----------------------------------------------------------------------------------------------------------

TYPES = {
    "fd": {"FD"},
    "int64": {"MAXMSGSIZE"},
    # libzmq says uint64_t for all of these; pyzmq takes them as signed.
    "uint64": {"AFFINITY", "VMCI_BUFFER_SIZE", "VMCI_BUFFER_MIN_SIZE", "VMCI_BUFFER_MAX_SIZE"},
    "bytes": set(
        "ROUTING_ID SUBSCRIBE UNSUBSCRIBE LAST_ENDPOINT PLAIN_USERNAME PLAIN_PASSWORD CURVE_PUBLICKEY CURVE_SECRETKEY"
        " CURVE_SERVERKEY ZAP_DOMAIN CONNECT_ROUTING_ID GSSAPI_PRINCIPAL GSSAPI_SERVICE_PRINCIPAL SOCKS_PROXY"
        " XPUB_WELCOME_MSG BINDTODEVICE TCP_ACCEPT_FILTER METADATA SOCKS_USERNAME SOCKS_PASSWORD WSS_KEY_PEM"
        " WSS_CERT_PEM WSS_TRUST_PEM WSS_HOSTNAME HELLO_MSG DISCONNECT_MSG HICCUP_MSG".split()
    ),
}


def test_types_of_options() -> None:
    found: dict[str, set[str]] = {}
    for option in SocketOption:
        found.setdefault(option._opt_type.name, set()).add(option.name)
    assert len(found.pop("int")) == 81
    assert found == TYPES
    assert SocketOption.IDENTITY._opt_type is constants._OptType.bytes
    assert {kind.name: kind.value for kind in constants._OptType} == {
        kind: kind for kind in ("int", "int64", "uint64", "bytes", "fd")
    }


# -- first versions and drafts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ENUMS)
def test_every_member_has_a_first_version(kind) -> None:
    for member in kind.__members__.values():
        assert len(member.first) == 3
        assert (3, 2, 0) <= member.first <= (4, 4, 0)
        assert isinstance(member.draft, bool)


@pytest.mark.parametrize(
    ("name", "first", "draft"),
    [
        ("LINGER", (3, 2, 0), False),
        ("IPV6", (4, 0, 0), False),
        ("STREAM", (4, 0, 0), False),
        ("TOS", (4, 1, 0), False),
        ("HEARTBEAT_IVL", (4, 2, 0), False),
        ("BINDTODEVICE", (4, 2, 3), False),
        ("IDENTITY", (3, 2, 0), False),
        ("ROUTING_ID", (3, 2, 0), False),
        ("METADATA", (4, 2, 4), True),
        ("NORM_MODE", (4, 3, 5), True),
        ("SERVER", (4, 2, 0), True),
        ("PEER", (4, 3, 3), True),
        ("EVENT_ALL", (3, 2, 0), False),
        ("EVENT_HANDSHAKE_SUCCEEDED", (4, 2, 3), False),
        ("EVENT_PIPES_STATS", (4, 3, 2), True),
        ("EVENT_ALL_V2", (4, 3, 2), True),
        ("PROTOCOL_ERROR_WS_UNSPECIFIED", (4, 3, 3), False),
        ("ZERO_COPY_RECV", (4, 2, 4), True),
        ("POLLPRI", (4, 2, 0), False),
        ("NORM_FIXED", (4, 3, 5), True),
        ("NOTIFY_CONNECT", (4, 3, 0), True),
        ("EAGAIN", (3, 2, 0), False),
    ],
)
def test_first_version_and_draft(name: str, first: tuple[int, int, int], draft: bool) -> None:
    member = getattr(constants, name)
    assert (member.first, member.draft) == (first, draft)


def test_a_combination_needs_what_its_newest_flag_needs() -> None:
    assert (Event.CONNECTED | Event.LISTENING).first == (3, 2, 0)
    assert (Event.CONNECTED | Event.HANDSHAKE_SUCCEEDED).first == (4, 2, 3)
    assert (Event.CONNECTED | Event.PIPES_STATS).first == (4, 3, 2)
    assert (Event.CONNECTED | Event.PIPES_STATS).draft
    assert not (Event.CONNECTED | Event.LISTENING).draft


# -- errno ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="the next test has the numbers of Windows")
def test_errno_is_that_of_the_platform() -> None:
    for name, member in Errno.__members__.items():
        assert member == getattr(errno, name, member)
    assert Errno.EAGAIN == errno.EAGAIN
    assert Errno.EADDRINUSE == errno.EADDRINUSE


def fresh(**changes: object) -> types.ModuleType:
    """The module once more, with nothing made yet, from the tables as they are on this platform."""
    package = types.ModuleType("fresh_package")
    package.__path__ = [os.path.dirname(FILE)]
    names = [package.__name__, f"{package.__name__}._numbers", f"{package.__name__}.constants"]
    sys.modules[package.__name__] = package
    try:
        module = importlib.import_module(f"{package.__name__}.constants")
    finally:
        for name in names:
            sys.modules.pop(name, None)
    vars(module).update(changes)
    return module


def test_errno_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    found = fresh().Errno
    assert {name: found[name].value for name in found.__members__} == {
        "EAGAIN": errno.EAGAIN,
        "EFAULT": errno.EFAULT,
        "EINVAL": errno.EINVAL,
        "ENOTSUP": 129,
        "EPROTONOSUPPORT": 135,
        "ENOBUFS": 119,
        "ENETDOWN": 116,
        "EADDRINUSE": 100,
        "EADDRNOTAVAIL": 101,
        "ECONNREFUSED": 107,
        "EINPROGRESS": 112,
        "ENOTSOCK": 128,
        "EMSGSIZE": 115,
        "EAFNOSUPPORT": 102,
        "ENETUNREACH": 118,
        "ECONNABORTED": 106,
        "ECONNRESET": 108,
        "ENOTCONN": 126,
        "ETIMEDOUT": 138,
        "EHOSTUNREACH": 110,
        "ENETRESET": 117,
        "EFSM": 156384763,
        "ENOCOMPATPROTO": 156384764,
        "ETERM": 156384765,
        "EMTHREAD": 156384766,
    }


def test_errno_that_the_platform_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "haiku")
    monkeypatch.delattr(errno, "ENOTSUP")
    monkeypatch.delattr(errno, "ENETRESET")
    found = fresh().Errno
    assert found.ENOTSUP == 156384712 + 1
    assert found.ENETRESET == 156384712 + 18


# -- the quick way and the ordinary way -------------------------------------------------------------------------------


def books(kind) -> dict[str, object]:
    """All that the enum module keeps about a class, in terms that can be compared."""

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return [(key, member.name) for key, member in value.items()]
        return value if isinstance(value, (int, list, tuple, str)) else repr(value)

    kept = {
        name: plain(value)
        for name, value in vars(kind).items()
        if name[0] == "_" != name[1] and not callable(value) and not isinstance(value, staticmethod)
    }
    kept["members"] = [
        (name, {key: plain(value) for key, value in vars(member).items() if key not in ("_opt_type", "__objclass__")})
        for name, member in kind.__members__.items()
    ]
    kept["own attributes"] = sorted(name for name in vars(kind) if name in kind.__members__)
    kept["iteration"] = [member.name for member in kind]
    kept["length"] = len(kind)
    kept["directory"] = sorted(dir(kind))
    return kept


@pytest.mark.parametrize("kind", ENUMS)
def test_enums_are_what_the_enum_module_makes(kind) -> None:
    theirs, ours = (getattr(fresh(**books), kind.__name__) for books in ({"_BOOKS": frozenset()}, {}))
    assert books(ours) == books(theirs)
    values = [member.value for member in kind.__members__.values()]
    for value in [*values, 0, 3, 5, 0x21, 0x8001, 0x10000021, 0x1FFFE, 77777, -1, -2]:
        assert behaviour(ours, value) == behaviour(theirs, value), value


def behaviour(kind, value: int) -> list[str]:
    """What a program can see of a value."""
    seen = []
    for act in (
        lambda: repr(kind(value)),
        lambda: str(kind(value)),
        lambda: format(kind(value)),
        lambda: kind(value).name,
        lambda: kind(value) in kind,
        # Before 3.12 a bare number there is a warning or an error.
        lambda: sys.version_info >= (3, 12) and value in kind,
        lambda: repr(list(kind(value))),
        lambda: repr(kind(value) | 1),
        lambda: repr(kind(value) & kind(1)),
        lambda: repr(~kind(value)),
    ):
        try:
            seen.append(str(act()))
        except (ValueError, TypeError, AttributeError) as error:
            seen.append(type(error).__name__)
    return seen


def test_a_python_with_unknown_books_takes_the_ordinary_way() -> None:
    def enter(*arguments: object) -> None:
        raise AssertionError("the quick way")

    assert fresh(_BOOKS=constants._BOOKS - {"_member_names_"}, _enter=enter).PUSH == 8  # type: ignore[attr-defined]
    if sys.version_info < (3, 14):
        with pytest.raises(AssertionError, match="the quick way"):
            fresh(_enter=enter).PUSH  # noqa: B018


def test_members_cannot_be_replaced() -> None:
    with pytest.raises(AttributeError):
        SocketType.PUSH = 3  # type: ignore[misc, assignment]
    with pytest.raises(AttributeError):
        del SocketOption.LINGER


# -- on demand --------------------------------------------------------------------------------------------------------


def python(program: str) -> str:
    """What a new interpreter prints that runs a program, which finds the package."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=os.path.dirname(os.path.dirname(FILE)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.strip()


def test_import_makes_no_enum() -> None:
    program = (
        "import zmq_ctypes as zmq\n"
        "print([name for name in zmq.constants.__all__ if name in vars(zmq.constants) or name in vars(zmq)])\n"
        "zmq.PUSH\n"
        "print(list(zmq.constants._made), 'PUSH' in vars(zmq), 'PUSH' in vars(zmq.constants), 'PULL' in vars(zmq.constants))\n"
    )
    bare, one = python(program).splitlines()
    assert bare == repr(list(_numbers.plain))
    assert one == "['SocketType'] True True True"


def test_the_numbers_need_three_modules_of_the_standard_library() -> None:
    program = (
        "import __future__, errno, sys\n"
        "before = set(sys.modules)\n"
        "sys.path.insert(0, 'zmq_ctypes')\n"
        "import _numbers\n"
        "print(sorted(set(sys.modules) - before))\n"
    )
    assert python(program) == "['_numbers']"


@pytest.mark.parametrize("module", ["zmq_ctypes", "zmq_ctypes.constants"])
def test_star_import(module: str) -> None:
    program = (
        "import zmq_ctypes as zmq\n"
        f"from {module} import *\n"
        "print([name for name in zmq.constants.__all__ if globals()[name] is not getattr(zmq.constants, name)],"
        " len(zmq.constants._made), PUSH is zmq.SocketType.PUSH, LINGER is SocketOption.LINGER, IntFlag.__name__)\n"
    )
    assert python(program) == "[] 13 True True IntFlag"


def test_dir_does_not_make_them() -> None:
    program = (
        "import zmq_ctypes as zmq\n"
        "found = dir(zmq), dir(zmq.constants)\n"
        "print([set(zmq.constants.__all__) <= set(names) for names in found], list(zmq.constants._made))\n"
    )
    assert python(program) == "[True, True] []"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_makes_what_it_needs(protocol: int) -> None:
    for thing, made in (
        (SocketOption.LINGER, ["SocketOption"]),
        (Event.CONNECTED | Event.CLOSED, ["Event"]),
        (Flag, ["Flag"]),
    ):
        program = (
            "import pickle\n"
            f"found = pickle.loads({pickle.dumps(thing, protocol)!r})\n"
            "from zmq_ctypes import constants\n"
            "print(repr(found), list(constants._made))\n"
        )
        assert python(program) == f"{thing!r} {made}"


def test_threads_that_ask_at_once_get_the_same() -> None:
    for _ in range(20):
        module = fresh()
        start = threading.Barrier(8)
        found: list[object] = []

        def ask(
            module: types.ModuleType = module, start: threading.Barrier = start, found: list[object] = found
        ) -> None:
            start.wait()
            linger = module.LINGER
            found.append((linger, module.SocketOption, module.SocketOption.LINGER, module.SocketOption.HWM._opt_type))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 8
        for linger, kind, member, hwm in found:  # type: ignore[misc]
            assert (linger, kind, hwm) == (module.LINGER, module.SocketOption, module._OptType.int)  # type: ignore[has-type]
            assert linger is member is module.LINGER  # type: ignore[has-type]


def test_an_enum_that_is_asked_for_while_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a signal handler, or by a finalizer."""
    module = fresh()
    inner: list[object] = []

    class Made(dict):  # type: ignore[type-arg]
        def setdefault(self, name: str, made: object = None) -> object:
            if not inner:
                inner.append(None)
                inner[0] = module.PUSH
            return super().setdefault(name, made)

    monkeypatch.setattr(module, "_made", Made())
    assert module.PULL is module.SocketType.PULL
    assert inner == [module.PUSH]
    assert inner[0] is module.PUSH is module.SocketType.PUSH


def test_what_somebody_assigned_stays() -> None:
    module = fresh()
    module.PUB = "mine"  # type: ignore[attr-defined]
    assert module.SUB == 2
    assert module.PUB == "mine"
    assert module.SocketType.PUB == 1
