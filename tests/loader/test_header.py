"""loader/header.py: headers of every age, the installed one against our tables, and files that are no headers."""

from __future__ import annotations

import errno
import os

import pytest
from support import need
from zmq_ctypes.loader.prototypes import PROTOTYPES

from zmq_ctypes import constants
from zmq_ctypes.loader import header

SYSTEM_HEADER = os.environ.get("ZMQ_CTYPES_TEST_HEADER", "/usr/include/zmq.h")

#: Names of a zmq.h that our tables leave out, and why.
LEFT_OUT = {
    "ZMQ_VERSION_MAJOR": "the version of the header; programs need that of the library: zmq_version_info()",
    "ZMQ_VERSION_MINOR": "as ZMQ_VERSION_MAJOR",
    "ZMQ_VERSION_PATCH": "as ZMQ_VERSION_MAJOR",
    "ZMQ_DEFINED_STDINT": "tells C that the header brings integer types",
    "ZMQ_HAS_CAPABILITIES": "tells C that zmq_has is declared; has() asks the library",
    "ZMQ_HAVE_TIMERS": "tells C that zmq_timers_* are declared",
    "ZMQ_HAVE_POLLER": "tells C that zmq_poller_* are declared",
}
#: Macros without a value that Python could use, and why.
NO_VALUE = {"ZMQ_VERSION": "computed from its three parts by another macro"}
#: Constants that libzmq has given another value: the version that did it, and what happened.
CHANGED = {
    "ZMQ_EVENT_ALL": ((4, 1, 0), "1023 in 3.2 and 2047 in 4.0: the events known then; 65535 since"),
    "ZMQ_MAX_SOCKETS_DFLT": ((4, 0, 2), "1024 before"),
    "ZMQ_GROUP_MAX_LENGTH": ((4, 3, 3), "15 before"),
    "ZMQ_RECONNECT_STOP_AFTER_DISCONNECT": ((4, 3, 5), "3 in 4.3.4, which is no flag of its own"),
}
#: What we offer although no header has it, and why.
NOT_IN_HEADERS = {
    "EAGAIN": "of the C library",
    "EFAULT": "of the C library",
    "EINVAL": "of the C library",
    "HWM": "SNDHWM and RCVHWM in one, a name of pyzmq's",
}

OLD = """\
#ifndef __ZMQ_H_INCLUDED__
#define __ZMQ_H_INCLUDED__
#ifdef __cplusplus
extern "C" {
#endif
#if !defined WINCE
#include <errno.h>
#endif
/*  Handle DSO symbol visibility    */
#if defined _WIN32
#   if defined DLL_EXPORT
#       define ZMQ_EXPORT __declspec(dllexport)
#   else
#       define ZMQ_EXPORT __declspec(dllimport)
#   endif
#else
#   define ZMQ_EXPORT
#endif
#define ZMQ_VERSION_MAJOR 3
#define ZMQ_VERSION_MINOR 2
#define ZMQ_VERSION_PATCH 1
#define ZMQ_MAKE_VERSION(major, minor, patch) \\
    ((major) * 10000 + (minor) * 100 + (patch))
#define ZMQ_VERSION \\
    ZMQ_MAKE_VERSION(ZMQ_VERSION_MAJOR, ZMQ_VERSION_MINOR, ZMQ_VERSION_PATCH)
ZMQ_EXPORT void zmq_version (int *major, int *minor, int *patch);
#define ZMQ_HAUSNUMERO 156384712
#ifndef ENOTSUP
#define ENOTSUP (ZMQ_HAUSNUMERO + 1)
#endif
#define EFSM (ZMQ_HAUSNUMERO + 51)
typedef struct {unsigned char _ [32];} zmq_msg_t;
typedef void (zmq_free_fn) (void *data, void *hint);
ZMQ_EXPORT int zmq_msg_init_data (zmq_msg_t *msg, void *data,
    size_t size, zmq_free_fn *ffn, void *hint);
#define ZMQ_DEALER 5
#define ZMQ_XREQ ZMQ_DEALER
#define ZMQ_EVENT_CONNECTED 1
#define ZMQ_EVENT_LISTENING 8
#define ZMQ_EVENT_ALL ( ZMQ_EVENT_CONNECTED | \\
                        ZMQ_EVENT_LISTENING )
typedef union {
    struct {
        char *addr;
        int fd;
    } connected;
} zmq_event_data_t;
typedef void (zmq_monitor_fn) (void *s, int event, zmq_event_data_t *data);
ZMQ_EXPORT int zmq_ctx_set_monitor (void *context, zmq_monitor_fn *monitor);
ZMQ_EXPORT void *zmq_socket (void *, int type);
ZMQ_EXPORT int zmq_sendiov (void *s, struct iovec *iov, size_t count, int flags);
typedef struct
{
    void *socket;
#if defined _WIN32
    SOCKET fd;
#else
    int fd;
#endif
    short events;
} zmq_pollitem_t;
ZMQ_EXPORT int zmq_poll (zmq_pollitem_t *items, int nitems, long timeout);
ZMQ_EXPORT int zmq_device (int device, void *insocket, void* outsocket);
#undef ZMQ_EXPORT
#ifdef __cplusplus
}
#endif
#endif
"""

NEW = """\
#define ZMQ_VERSION_MAJOR 4
#define ZMQ_VERSION_MINOR 3
#define ZMQ_VERSION_PATCH 6
#if defined _WIN32
#if defined _WIN64
typedef unsigned __int64 zmq_fd_t;
#endif
#else
typedef int zmq_fd_t;
#endif
#define ZMQ_THREAD_PRIORITY_DFLT -1
#define ZMQ_EVENT_ALL 0xFFFF
ZMQ_EXPORT int
zmq_setsockopt (void *s_, int option_, const void *optval_, size_t optvallen_);
ZMQ_EXPORT uint8_t *zmq_z85_decode (uint8_t *dest_, const char *string_);
ZMQ_EXPORT unsigned long zmq_stopwatch_stop (void *watch_);
#define ZMQ_HAVE_TIMERS
typedef void(zmq_timer_fn) (int timer_id, void *arg);
ZMQ_EXPORT int
zmq_timers_add (void *timers, size_t interval, zmq_timer_fn handler, void *arg);
ZMQ_EXPORT void zmq_atomic_counter_destroy (void **counter_p_);
typedef void(zmq_thread_fn) (void *);
ZMQ_EXPORT void *zmq_threadstart (zmq_thread_fn *func_, void *arg_);
#ifdef ZMQ_BUILD_DRAFT_API
#define ZMQ_SERVER 12
#define ZMQ_MSG_PROPERTY_ROUTING_ID "Routing-Id"
#define ZMQ_EVENT_PIPES_STATS 0x10000
#define ZMQ_EVENT_ALL_V1 ZMQ_EVENT_ALL
#define ZMQ_EVENT_ALL_V2 ZMQ_EVENT_ALL_V1 | ZMQ_EVENT_PIPES_STATS
typedef struct zmq_poller_event_t
{
    void *socket;
    zmq_fd_t fd;
} zmq_poller_event_t;
ZMQ_EXPORT uint32_t zmq_connect_peer (void *s_, const char *addr_);
ZMQ_EXPORT int zmq_poller_wait_all (void *poller,
                                    zmq_poller_event_t *events,
                                    int n_events,
                                    long timeout);
#if !defined _WIN32
ZMQ_EXPORT int zmq_ppoll (zmq_pollitem_t *items_,
                          int nitems_, long timeout_, const sigset_t *sigmask_);
#else
// Windows has no sigset_t
ZMQ_EXPORT int zmq_ppoll (zmq_pollitem_t *items_,
                          int nitems_, long timeout_, const void *sigmask_);
#endif
#endif // ZMQ_BUILD_DRAFT_API
#define ZMQ_STABLE_AGAIN 1
"""


def types(text: str, name: str) -> tuple[str, tuple[str, ...]]:
    """Result and arguments of a function that a text declares."""
    prototype = header.read(text + "\n").prototypes[name]
    return prototype.result, prototype.arguments


# -- headers of every age ---------------------------------------------------------------------------------------------


def test_a_header_of_3_2() -> None:
    found = header.read(OLD)
    assert found.version == (3, 2, 1)
    assert found.defines["ZMQ_HAUSNUMERO"] == 156384712
    assert found.defines["EFSM"] == 156384712 + 51
    assert found.errnos == {"ENOTSUP": 156384712 + 1}
    assert found.defines["ZMQ_EVENT_ALL"] == 9
    assert found.defines["ZMQ_XREQ"] == 5
    assert found.aliases == {"ZMQ_XREQ": "ZMQ_DEALER"}
    assert set(found.prototypes) == {
        "zmq_version",
        "zmq_msg_init_data",
        "zmq_ctx_set_monitor",
        "zmq_socket",
        "zmq_sendiov",
        "zmq_poll",
        "zmq_device",
    }
    assert found.prototypes["zmq_device"].arguments == ("int", "void *", "void *")
    assert found.prototypes["zmq_device"].names == ("device", "insocket", "outsocket")
    assert found.prototypes["zmq_socket"].names == ("", "type")
    assert found.prototypes["zmq_sendiov"].arguments == ("void *", "struct iovec *", "size_t", "int")
    assert found.callbacks["zmq_monitor_fn"].arguments == ("void *", "int", "zmq_event_data_t *")
    assert found.draft == frozenset()
    assert list(found.unread) == ["ZMQ_VERSION"]


def test_a_header_of_4_3() -> None:
    found = header.read(NEW)
    assert found.version == (4, 3, 6)
    assert found.defines["ZMQ_HAVE_TIMERS"] is None
    assert found.defines["ZMQ_THREAD_PRIORITY_DFLT"] == -1
    assert found.defines["ZMQ_MSG_PROPERTY_ROUTING_ID"] == "Routing-Id"
    assert found.defines["ZMQ_EVENT_ALL_V2"] == 0x1FFFF
    assert found.prototypes["zmq_setsockopt"].result == "int"
    assert found.prototypes["zmq_setsockopt"].arguments == ("void *", "int", "const void *", "size_t")
    assert found.prototypes["zmq_setsockopt"].names == ("s", "option", "optval", "optvallen")
    assert found.prototypes["zmq_z85_decode"].result == "uint8_t *"
    assert found.prototypes["zmq_stopwatch_stop"].result == "unsigned long"
    assert found.prototypes["zmq_atomic_counter_destroy"].arguments == ("void **",)
    # A parameter of function type is a pointer, whether the header writes the star or not.
    assert found.prototypes["zmq_timers_add"].arguments[2] == "zmq_timer_fn *"
    assert found.prototypes["zmq_threadstart"].arguments[0] == "zmq_thread_fn *"


def test_drafts_are_told_apart() -> None:
    assert header.read(NEW).draft == {
        "ZMQ_SERVER",
        "ZMQ_MSG_PROPERTY_ROUTING_ID",
        "ZMQ_EVENT_PIPES_STATS",
        "ZMQ_EVENT_ALL_V1",
        "ZMQ_EVENT_ALL_V2",
        "zmq_connect_peer",
        "zmq_poller_wait_all",
        "zmq_ppoll",
    }


@pytest.mark.parametrize(
    ("opening", "first_is_draft"),
    [
        ("#ifdef ZMQ_BUILD_DRAFT_API", True),
        ("#if defined ZMQ_BUILD_DRAFT_API", True),
        ("# if defined(ZMQ_BUILD_DRAFT_API) && !defined(ZMQ_NOTHING)", True),
        ("#ifndef ZMQ_BUILD_DRAFT_API", False),
        ("#if !defined (ZMQ_BUILD_DRAFT_API)", False),
    ],
)
def test_draft_conditions(opening: str, first_is_draft: bool) -> None:
    found = header.read(f"{opening}\n#define ZMQ_ONE 1\n#else\n#define ZMQ_TWO 2\n#endif\n#define ZMQ_THREE 3\n")
    turned = "!" in opening.split("&&")[0] or "ifndef" in opening
    assert ("ZMQ_ONE" in found.draft) is first_is_draft
    assert ("ZMQ_TWO" in found.draft) is turned
    assert "ZMQ_THREE" not in found.draft


def test_a_name_inside_and_outside_of_the_drafts_is_stable() -> None:
    found = header.read("#ifdef ZMQ_BUILD_DRAFT_API\nint zmq_x (void);\n#endif\nint zmq_x (void);\n")
    assert "zmq_x" in found.prototypes
    assert not found.draft


@pytest.mark.parametrize(
    "text",
    [
        "#if defined _WIN32\nint zmq_x (SOCKET s);\n#else\nint zmq_x (int s);\n#endif",
        "#if !defined _WIN32\nint zmq_x (int s);\n#else\nint zmq_x (SOCKET s);\n#endif",
        "#ifdef _MSC_VER\nint zmq_x (SOCKET s);\n#elif defined ZMQ_HAVE_AIX\nint zmq_x (int s);\n#endif",
        "#ifndef _WIN32\nint zmq_x (int s);\n#else\nint zmq_x (SOCKET s);\n#endif",
    ],
)
def test_the_branch_outside_windows_wins(text: str) -> None:
    assert types(text, "zmq_x") == ("int", ("int",))


def test_c_enums() -> None:
    found = header.read(
        "#define ZMQ_BASE 0x10\n"
        "typedef enum { ZMQ_A, ZMQ_B = ZMQ_BASE + 1, ZMQ_C, ZMQ_D = ZMQ_B, } zmq_kind_t;\n"
        "enum zmq_other { ZMQ_E = -1 };\n"
        "#define ZMQ_F ZMQ_C\n"
    )
    assert found.enums == {
        "zmq_kind_t": {"ZMQ_A": 0, "ZMQ_B": 17, "ZMQ_C": 18, "ZMQ_D": 17},
        "zmq_other": {"ZMQ_E": -1},
    }
    assert found.defines["ZMQ_F"] == 18
    assert found.constants()["ZMQ_C"] == 18


# -- spelling ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "ZMQ_EXPORT const char *zmq_x (const char *a_, void **b_, unsigned long c_, size_t n);",
        "const char * ZMQ_EXPORT zmq_x(char const*a, void* *b, unsigned long, size_t);",
        "extern ZMQ_EXPORT const char *zmq_x (const char *, void **, unsigned long c, size_t n) ;",
        'extern "C" const char *__cdecl zmq_x (const char a[], void *b[], unsigned long c, const size_t n);',
        "__attribute__ ((visibility (\"default\")))\nconst char *\nzmq_x (const char *const a,\n void **b,"
        " unsigned long c,\n size_t n) __attribute__((nonnull (1)));",
        "__declspec(dllimport) const char *zmq_x (const char *a, void **b, unsigned long c, size_t n);",
        "ZMQ_EXPORT (const char *) zmq_x (_In_z_ const char *a, _Inout_ void **b, unsigned long c,\n"
        " _In_reads_ (n) size_t n);",
    ],
)
def test_one_function_in_many_spellings(text: str) -> None:
    assert types(text, "zmq_x") == ("const char *", ("const char *", "void **", "unsigned long", "size_t"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("int zmq_x (void);", ("int", ())),
        ("int zmq_x ();", ("int", ())),
        ("void zmq_x (int (*compare) (const void *, int b));", ("void", ("int (*)(const void *, int)",))),
        ("int zmq_x (unsigned);", ("int", ("unsigned",))),
        ("int zmq_x (struct iovec *iov, const sigset_t *mask);", ("int", ("struct iovec *", "const sigset_t *"))),
    ],
)
def test_arguments(text: str, expected: tuple[str, tuple[str, ...]]) -> None:
    assert types(text, "zmq_x") == expected


def test_function_types_with_and_without_a_star() -> None:
    text = (
        "typedef void (zmq_a_fn) (void *);\n"
        "typedef int (*zmq_b_fn) (int x);\n"
        "typedef void zmq_c_fn (void);\n"
        "void zmq_x (zmq_a_fn a, zmq_b_fn b, zmq_c_fn *c, zmq_c_fn d);\n"
    )
    found = header.read(text)
    assert found.callbacks["zmq_b_fn"] == header.Prototype("int", ("int",), ("x",))
    assert found.callbacks["zmq_c_fn"].arguments == ()
    assert found.prototypes["zmq_x"].arguments == ("zmq_a_fn *", "zmq_b_fn", "zmq_c_fn *", "zmq_c_fn *")


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_endings(ending: str) -> None:
    found = header.read(NEW.replace("\n", ending))
    assert found.prototypes == header.read(NEW).prototypes
    assert found.defines == header.read(NEW).defines


def test_comments() -> None:
    found = header.read(
        "#define ZMQ_A 1 /* one */\n"
        "#define ZMQ_B /* two */ 2 // #define ZMQ_C 3\n"
        "/* #define ZMQ_C 3\n#define ZMQ_C 3 */\n"
        '#define ZMQ_D "/* no comment // here */"\n'
        "int zmq_x (int a, // the first; not the end\n  int b /* , int c */);\n"
        "// a comment that goes on \\\n#define ZMQ_C 3\n"
    )
    assert found.defines == {"ZMQ_A": 1, "ZMQ_B": 2, "ZMQ_D": "/* no comment // here */"}
    assert found.prototypes["zmq_x"].arguments == ("int", "int")


def test_continued_lines_keep_what_follows_in_its_section() -> None:
    found = header.read(
        "#define ZMQ_A \\\n  (1 + \\  \n  2)\n#ifdef ZMQ_BUILD_DRAFT_API\nint zmq_x\n(int a);\n#endif\n"
    )
    assert found.defines["ZMQ_A"] == 3
    assert found.draft == {"zmq_x"}


def test_undef_and_dead_code() -> None:
    found = header.read(
        "#define ZMQ_A 1\n#undef ZMQ_A\n#if 0\n#define ZMQ_B 2\nint zmq_x (void);\n#endif\n"
        "#define ZMQ_A 3\nint zmq_y (void);\n"
    )
    assert found.defines == {"ZMQ_A": 3}
    assert set(found.prototypes) == {"zmq_y"}


# -- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x1F", 31),
        ("017", 15),
        ("12UL", 12),
        ("-1", -1),
        ("~0", -1),
        ("(1 << 4) | 1", 17),
        ("1 | 2 + 4 * 2", 11),
        ("7 & ~2 ^ 1", 4),
        ("-7 / 2", -3),
        ("-7 % 4", -3),
        ("((ZMQ_TEN + (1)))", 11),
        ('"Socket" "-Type"', "Socket-Type"),
    ],
)
def test_values(text: str, value: object) -> None:
    assert header.read(f"#define ZMQ_TEN 10\n#define ZMQ_X {text}\n").defines["ZMQ_X"] == value


@pytest.mark.parametrize(
    "text",
    [
        "sizeof (int)",
        "f(1)",
        "ZMQ_X",
        "ZMQ_UNKNOWN + 1",
        "1 << 400",
        "9" * 300,
        "0xFFFFFFFFFFFFFFFF * 0xFFFFFFFFFFFFFFFF",
        "1 / 0",
        "(1",
        "1 2",
        "1 +",
        '"a" + 1',
        '"a\\n"',
        "__import__('os')",
        "(" * 5000 + "1" + ")" * 5000,
        "09",
    ],
)
def test_what_has_no_value(text: str) -> None:
    found = header.read(f"#define ZMQ_X {text}\n#define ZMQ_Y 1\n")
    assert "ZMQ_X" not in found.defines
    assert list(found.unread) == ["ZMQ_X"]
    assert found.defines["ZMQ_Y"] == 1


def test_macros_made_of_each_other_are_computed_once() -> None:
    lines = [f"#define ZMQ_N{n} ZMQ_N{n + 1} | ZMQ_N{n + 1}\n" for n in range(35)]
    found = header.read("".join(lines) + "#define ZMQ_N35 1\n#define ZMQ_P ZMQ_Q\n#define ZMQ_Q ZMQ_P\n")
    assert found.defines["ZMQ_N1"] == 1
    assert sorted(found.unread) == ["ZMQ_P", "ZMQ_Q"]


# -- files ------------------------------------------------------------------------------------------------------------


def test_read_from_a_file(tmp_path) -> None:
    path = tmp_path / "zmq.h"
    path.write_bytes(NEW.encode() + b"// caf\xe9\n")
    found = header.read(path)
    assert found.path == str(path)
    assert found.version == (4, 3, 6)
    assert header.read(str(path)).prototypes == found.prototypes


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "nothing of libzmq"),
        ("<html>\n<p>Not found</p>\n", "nothing of libzmq"),
        ("#ifdef ZMQ_A\n#define ZMQ_A 1\n", "line 1: #if without #endif"),
        ("#define ZMQ_A 1\n#endif\n", "line 2: #endif without #if"),
        ("\n\n/* never ends\n#define ZMQ_A 1\n", "line 3: a comment does not end"),
        ("#define ZMQ_A 1\nstruct x {\n", "a brace is not closed"),
        ("\x7fELF\x02\x01\x01\0\0\n\0\n", "nothing of libzmq"),
        ("#define ZMQ_A 1\n" * 70000, "too large"),
    ],
)
def test_a_file_that_is_no_header(tmp_path, text: str, reason: str) -> None:
    path = tmp_path / "zmq.h"
    path.write_text(text)
    with pytest.raises(header.HeaderError) as caught:
        header.read(str(path))
    assert reason in str(caught.value)
    assert repr(str(path)) in str(caught.value)


@pytest.mark.parametrize("name", ["missing.h", "", "nul\0byte.h"])
def test_a_file_that_cannot_be_opened(tmp_path, name: str) -> None:
    path = os.path.join(str(tmp_path), name)
    with pytest.raises(header.HeaderError) as caught:
        header.read(path)
    assert repr(path) in str(caught.value)


# -- finding it -------------------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_named_header(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own setting must not reach the tests."""
    monkeypatch.delenv("ZMQ_CTYPES_HEADER", raising=False)


@pytest.mark.parametrize(
    ("library", "place"),
    [
        ("lib/libzmq.so.5", "lib/zmq.h"),
        ("lib/libzmq.so.5", "include/zmq.h"),
        ("Library/bin/libzmq-mt-4_3_5.dll", "Library/include/zmq.h"),
        ("usr/lib/x86_64-linux-gnu/libzmq.so.5", "usr/include/zmq.h"),
        ("app/libzmq.so", "app/include/zmq.h"),
    ],
)
def test_a_header_beside_the_library(tmp_path, library: str, place: str) -> None:
    for name in (library, place):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert header.find(str(tmp_path / library)) == str(tmp_path / place)


def test_a_linked_library_is_looked_up_where_it_is(tmp_path) -> None:
    (tmp_path / "real" / "lib").mkdir(parents=True)
    (tmp_path / "real" / "include").mkdir()
    (tmp_path / "real" / "lib" / "libzmq.so.5").write_text("")
    (tmp_path / "real" / "include" / "zmq.h").write_text("")
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "libzmq.so").symlink_to(tmp_path / "real" / "lib" / "libzmq.so.5")
    found = header.find(str(tmp_path / "link" / "libzmq.so"))
    assert found is not None
    assert os.path.samefile(found, str(tmp_path / "real" / "include" / "zmq.h"))


def test_nothing_is_guessed(tmp_path) -> None:
    (tmp_path / "libzmq.so").write_text("")
    assert header.find(str(tmp_path / "libzmq.so")) is None
    assert header.find("libzmq.so.5") is None
    assert header.find(None) is None
    assert header.find("") is None


def test_the_named_header_comes_first(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zmq.h").write_text("")
    (tmp_path / "libzmq.so").write_text("")
    monkeypatch.setenv("ZMQ_CTYPES_HEADER", "/elsewhere/newer.h")
    assert header.find(str(tmp_path / "libzmq.so")) == "/elsewhere/newer.h"
    monkeypatch.setenv("ZMQ_CTYPES_HEADER", str(tmp_path))
    assert header.find(None) == os.path.join(str(tmp_path), "zmq.h")
    monkeypatch.setenv("ZMQ_CTYPES_HEADER", "")
    assert header.find(None) is None


def test_extra_constants() -> None:
    found = header.read(
        NEW
        + "#ifndef ENEWPOSIX\n#define ENEWPOSIX (156384712 + 19)\n#endif\n"
        + "#define ENEWNATIVE (156384712 + 55)\n"
        + '#define ZMQ_NEW_OPTION 130\n#define ZMQ_NEW_NAME "New-Name"\n#define ZMQ_HAS_NEWS 1\n#define ZMQ_3D 3\n'
        + "enum { ZMQ_NEW_KIND = 21 };\n"
    )
    assert found.extra_constants({"STABLE_AGAIN", *dir(constants)}) == {
        "ENEWNATIVE": 156384712 + 55,
        "NEW_OPTION": 130,
        "NEW_NAME": "New-Name",
        "NEW_KIND": 21,
    }


# -- the installed header against our tables --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def system() -> header.Header:
    """The zmq.h of this machine, or the one named by ZMQ_CTYPES_TEST_HEADER."""
    need(os.path.isfile(SYSTEM_HEADER), f"{SYSTEM_HEADER} (install libzmq's headers or set ZMQ_CTYPES_TEST_HEADER)")
    return header.read(SYSTEM_HEADER)


def test_every_prototype_is_ours(system: header.Header) -> None:
    assert system.version is not None
    assert len(system.prototypes) >= 43
    for name, prototype in system.prototypes.items():
        result, arguments, first, stable = PROTOTYPES[name]
        # No ABI ever changed, but `const` came later to some messages.
        plain = [kind.replace("const zmq_msg_t", "zmq_msg_t") for kind in prototype.arguments]
        assert (name, prototype.result, plain) == (
            name,
            result,
            [kind.replace("const zmq_msg_t", "zmq_msg_t") for kind in arguments],
        )
        assert first <= system.version, name
        assert (name in system.draft) == (stable is None or stable > system.version), name


def test_every_prototype_of_ours_is_there(system: header.Header) -> None:
    assert system.version is not None
    missing = {name for name, row in PROTOTYPES.items() if row[2] <= system.version} - set(system.prototypes)
    assert missing == set()


def test_every_constant_is_ours(system: header.Header) -> None:
    assert system.version is not None
    assert set(system.unread) == set(NO_VALUE)
    assert len(system.defines) > 100
    for name, value in system.defines.items():
        if name in LEFT_OUT:
            assert not hasattr(constants, name[4:]), name
            continue
        ours = getattr(constants, name[4:] if name.startswith("ZMQ_") else name)
        change, _ = CHANGED.get(name, (system.version, ""))
        if change <= system.version:
            assert ours == value, name
        first = getattr(ours, "first", (0, 0, 0))
        assert first <= system.version, name
        if getattr(ours, "draft", False):
            assert name in system.draft, name
    for name, value in system.errnos.items():
        assert constants.Errno[name].value == getattr(errno, name, value)


def test_what_is_left_out_is_really_there(system: header.Header) -> None:
    """Otherwise the list would grow stale."""
    if system.version is not None and system.version >= (4, 3, 0):
        assert set(LEFT_OUT) - set(system.defines) == set()


def test_every_constant_of_ours_is_there(system: header.Header) -> None:
    assert system.version is not None
    known = set(system.constants())
    for name in constants.__all__:
        value = getattr(constants, name)
        if name in NOT_IN_HEADERS or isinstance(value, type) or not hasattr(value, "first"):
            continue
        c_name = name if isinstance(value, constants.Errno) else f"ZMQ_{name}"
        # An alias answers for its oldest name, so a younger name may be missing from an old header.
        if value.first <= system.version and name == getattr(type(value), "_global_name", str)(value.name):
            if system.version >= (4, 2, 3):
                assert c_name in known, name


def test_the_callbacks_are_those_of_structs(system: header.Header) -> None:
    assert system.callbacks["zmq_free_fn"] == header.Prototype("void", ("void *", "void *"), ())
