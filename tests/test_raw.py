"""The C functions: every one of zmq.h is there, with its types, and calling it is calling C."""

from __future__ import annotations

import ctypes
import json
import os
import sys

import children
import pytest
from zmq_ctypes.loader.functions import C_TYPES
from zmq_ctypes.loader.prototypes import PROTOTYPES

import zmq_ctypes as zmq
from zmq_ctypes import loader, raw

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
#: What our tables are made from, and the measurements that it began with, which may lie beside a checkout.
FACTS = [
    os.path.join(ROOT, "tools", "libzmq_api.json"),
    os.path.join(ROOT, os.pardir, "shared", "facts", "libzmq_functions.json"),
]


def present():
    return [name for name in PROTOTYPES if raw.has(name)]


def absent():
    return [name for name in PROTOTYPES if not raw.has(name)]


def test_every_function_of_zmq_h_is_reachable():
    reachable = [name for name in PROTOTYPES if callable(getattr(raw, name))]
    assert len(reachable) == len(PROTOTYPES) >= 97
    assert set(PROTOTYPES) <= set(raw.__all__)
    assert set(PROTOTYPES) <= set(dir(raw))


@pytest.mark.parametrize("path", [path for path in FACTS if os.path.exists(path)], ids=os.path.basename)
def test_they_are_all_that_there_are(path):
    with open(path, encoding="utf-8") as file:
        facts = json.load(file)
    if isinstance(facts, dict):
        facts = facts["functions"]
    names = set(facts) if isinstance(facts, dict) else {function["name"] for function in facts}
    assert {name for name in names if hasattr(raw, name)} == names
    assert names == set(PROTOTYPES)


def test_the_loaded_library_has_what_its_version_and_its_drafts_promise():
    library = loader.load()
    for name, (_, _, first, stable) in PROTOTYPES.items():
        if stable is not None and library.version >= stable:
            assert raw.has(name), name
        elif library.version < first:
            assert not raw.has(name), name
        else:
            assert raw.has(name) == library.draft, name


def test_all_have_their_types():
    for name in present():
        result, arguments, _, _ = PROTOTYPES[name]
        function = getattr(raw, name)
        assert function.restype is C_TYPES[result], name
        for kind, argument in zip(function.argtypes, arguments):
            # ctypes' own takes text for an address, except PyPy's.
            assert kind is C_TYPES[argument] or C_TYPES[argument] is ctypes.c_void_p, name
        assert len(function.argtypes) == len(arguments), name


def test_all_say_what_they_are():
    for name in PROTOTYPES:
        function = getattr(raw, name)
        assert function.__name__ == name
        assert function.__doc__.startswith(raw.prototype(name)), name


def test_prototypes():
    assert raw.prototype("zmq_msg_group").startswith("const char *zmq_msg_group(zmq_msg_t *)\n\nA draft since libzmq 4.2.0")
    assert raw.prototype("zmq_errno") == "int zmq_errno(void)\n\nlibzmq 3.2.0 and later."
    assert raw.prototype("zmq_timers_new").endswith("libzmq 4.3.0 and later; a draft since 4.2.0.")
    with pytest.raises(KeyError):
        raw.prototype("zmq_nothing")


def test_a_function_that_is_missing_says_what_it_would_need():
    for name in absent():
        assert "does not have this function" in getattr(raw, name).__doc__
        with pytest.raises(zmq.ZMQVersionError, match=f"{name} requires libzmq >= .*, have {zmq.zmq_version()}"):
            getattr(raw, name)()


def test_calling_is_calling_c():
    context = raw.zmq_ctx_new()
    first, second = (raw.zmq_socket(context, raw.ZMQ_PAIR) for _ in range(2))
    assert raw.zmq_bind(first, b"inproc://raw") == 0
    assert raw.zmq_connect(second, b"inproc://raw") == 0
    assert raw.zmq_send(second, b"hello", 5, 0) == 5
    message = raw.zmq_msg_t()
    assert raw.zmq_msg_init(ctypes.byref(message)) == 0
    assert raw.zmq_msg_recv(ctypes.byref(message), first, 0) == 5
    data = raw.zmq_msg_data(ctypes.byref(message))
    assert ctypes.string_at(data, raw.zmq_msg_size(ctypes.byref(message))) == b"hello"
    assert raw.zmq_msg_close(ctypes.byref(message)) == 0
    assert raw.zmq_recv(first, None, 0, raw.ZMQ_DONTWAIT) == -1
    assert raw.zmq_errno() == zmq.EAGAIN
    assert raw.zmq_close(first) == raw.zmq_close(second) == 0
    assert raw.zmq_ctx_destroy(context) == 0


def test_they_work_on_the_sockets_of_the_package(make_socket):
    socket = make_socket(zmq.PUSH)
    value, size = ctypes.c_int(), ctypes.c_size_t(4)
    assert raw.zmq_getsockopt(socket.underlying, raw.ZMQ_TYPE, ctypes.byref(value), ctypes.byref(size)) == 0
    assert value.value == zmq.PUSH


def test_parts_in_one_call(bound_pair):
    """``zmq_sendiov``: what no object of the package uses."""
    sender, receiver = bound_pair(zmq.PUSH, zmq.PULL)
    parts = [ctypes.create_string_buffer(text, len(text)) for text in (b"one", b"two", b"three")]
    vector = (raw.iovec * 3)(*((ctypes.addressof(part), len(part)) for part in parts))
    assert raw.zmq_sendiov(sender.underlying, vector, 3, raw.ZMQ_SNDMORE) >= 0
    sender.send(b"")
    assert receiver.recv_multipart()[:3] == [b"one", b"two", b"three"]


@pytest.mark.libzmq("4.3.0")
def test_a_timer_of_c():
    calls = []
    handler = raw.zmq_timer_fn(lambda number, argument: calls.append((number, argument)))
    timers = raw.zmq_timers_new()
    number = raw.zmq_timers_add(timers, 1, handler, 42)
    while not calls:
        assert raw.zmq_timers_execute(timers) == 0
    assert calls[0] == (number, 42)
    assert raw.zmq_timers_destroy(ctypes.byref(ctypes.c_void_p(timers))) == 0


def test_wrong_types_are_refused_by_ctypes():
    with pytest.raises(ctypes.ArgumentError):
        raw.zmq_has("text") if raw.has("zmq_has") else raw.zmq_strerror("text")
    with pytest.raises((TypeError, ctypes.ArgumentError)):
        raw.zmq_ctx_get(None)


#: C type of an argument that is an address -> what may be passed for it.
ADDRESSES = [kind for kind, its in C_TYPES.items() if its is ctypes.c_void_p]


@pytest.mark.parametrize("place", ["raw", "loader"])
def test_text_is_no_address(place):
    functions = raw if place == "raw" else loader.load().functions
    looked_at = set()
    for name in present():
        _, arguments, _, _ = PROTOTYPES[name]
        if functions is not raw and name == "zmq_poller_wait_all":
            continue  # gets nothing but the package's own
        for kind, argument in zip(getattr(functions, name).argtypes, arguments):
            if argument in ADDRESSES:
                looked_at.add(argument)
                with pytest.raises(TypeError, match="str"):
                    kind.from_param("text")
    assert {"void *", "const void *", "char *"} <= looked_at
    with pytest.raises(ctypes.ArgumentError, match="str"):
        functions.zmq_socket("text", raw.ZMQ_PUSH)


def test_what_an_address_may_be(bound_pair):
    sender, receiver = bound_pair(zmq.PAIR, zmq.PAIR)
    array = ctypes.create_string_buffer(b"text", 4)
    for data in (
        b"text",
        array,
        ctypes.byref(array),
        ctypes.pointer(array),
        ctypes.addressof(array),
        ctypes.c_void_p(ctypes.addressof(array)),
    ):
        assert raw.zmq_send(sender.underlying, data, 4, 0) == 4
        assert receiver.recv() == b"text"
    assert raw.zmq_send(ctypes.c_void_p(sender.underlying), None, 0, 0) == 0
    assert receiver.recv() == b""
    release = raw.zmq_free_fn(lambda data, hint: None)
    message = raw.zmq_msg_t()
    for function in (None, 0, ctypes.cast(release, ctypes.c_void_p)):
        assert raw.zmq_msg_init_data(ctypes.byref(message), array, 4, function, None) == 0
        assert raw.zmq_msg_close(ctypes.byref(message)) == 0


def test_the_package_is_not_disturbed(context):
    function = raw.zmq_ctx_get
    before = function.restype
    function.restype = ctypes.c_char
    try:
        assert context.io_threads == 1
    finally:
        function.restype = before


def test_structures_and_callbacks():
    assert ctypes.sizeof(raw.zmq_msg_t) == 64
    assert raw.zmq_free_fn is loader.structs.zmq_free_fn
    assert {name for name in raw.__all__ if name.startswith("zmq_")} <= {*dir(raw)}


def test_constants_have_their_names_of_c():
    assert raw.ZMQ_LINGER == 17 and type(raw.ZMQ_LINGER) is int
    assert raw.ZMQ_EVENT_CONNECTED == 1
    assert raw.ZMQ_IO_THREADS == 1


@pytest.mark.parametrize("name", ["zmq_nothing", "ZMQ_NOTHING", "nothing", "ZMQ___all__"])
def test_what_there_is_not(name):
    with pytest.raises(AttributeError, match=name):
        getattr(raw, name)
    if not name.startswith("ZMQ"):
        assert raw.has(name) is False


def test_a_name_is_text():
    with pytest.raises(TypeError):
        raw.has(b"zmq_send")


def test_nothing_is_loaded_by_importing_it():
    answer = children.check(
        """
        from zmq_ctypes import loader, raw
        raw.prototype("zmq_send"), dir(raw), raw.zmq_msg_t, raw.ZMQ_LINGER
        print(loader.loaded())
        raw.zmq_errno
        print(loader.loaded() is not None)
        """
    )
    assert answer.split() == ["None", "True"]


def test_a_star_import_brings_them_all():
    answer = children.check(
        """
        namespace = {}
        exec("from zmq_ctypes.raw import *", namespace)
        from zmq_ctypes.loader.prototypes import PROTOTYPES
        print(sum(name in namespace for name in PROTOTYPES) - len(PROTOTYPES))
        """
    )
    assert answer.split() == ["0"]


def test_integers_of_64_bits_are_addresses():
    assert raw.zmq_ctx_new.restype is ctypes.c_void_p
    assert (sys.maxsize > 2**32) == (ctypes.sizeof(raw.zmq_ctx_new.restype) == 8)
    context = raw.zmq_ctx_new()
    assert raw.zmq_ctx_get(context, raw.ZMQ_IO_THREADS) == 1
    assert raw.zmq_ctx_destroy(context) == 0
