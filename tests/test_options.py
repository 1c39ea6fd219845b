"""Options of sockets: each has the type of the table, in every way to spell it."""

from __future__ import annotations

import ast
import errno
import os
import threading
import warnings
from unittest import mock

import pytest
from children import check

import zmq_ctypes as zmq

#: option, first version, values that it keeps
NUMBERS = [
    ("RATE", (3, 2), [1, 500]),
    ("RECOVERY_IVL", (3, 2), [0, 9000]),
    ("SNDBUF", (3, 2), [0, 4096]),
    ("RCVBUF", (3, 2), [0, 4096]),
    ("LINGER", (3, 2), [-1, 0, 7, 2**31 - 1]),
    ("RECONNECT_IVL", (3, 2), [-1, 0, 50]),
    ("RECONNECT_IVL_MAX", (3, 2), [0, 50]),
    ("BACKLOG", (3, 2), [1, 50]),
    ("SNDHWM", (3, 2), [0, 1, 5000]),
    ("RCVHWM", (3, 2), [0, 1, 5000]),
    ("MULTICAST_HOPS", (3, 2), [1, 5]),
    ("RCVTIMEO", (3, 2), [-1, 0, 50]),
    ("SNDTIMEO", (3, 2), [-1, 0, 50]),
    ("IPV4ONLY", (3, 2), [0, 1]),
    ("TCP_KEEPALIVE", (3, 2), [-1, 0, 1]),
    ("TCP_KEEPALIVE_CNT", (3, 2), [-1, 3]),
    ("TCP_KEEPALIVE_IDLE", (3, 2), [-1, 3]),
    ("TCP_KEEPALIVE_INTVL", (3, 2), [-1, 3]),
    ("IMMEDIATE", (3, 2), [0, 1]),
    ("IPV6", (4, 0), [0, 1]),
    ("TOS", (4, 1), [0, 8]),
    ("HANDSHAKE_IVL", (4, 1), [0, 50]),
    ("CONNECT_TIMEOUT", (4, 2), [0, 50]),
    ("TCP_MAXRT", (4, 2), [0, 50]),
    ("MULTICAST_MAXTPDU", (4, 2), [1, 9000]),
    ("HEARTBEAT_IVL", (4, 2), [0, 50]),
    ("HEARTBEAT_TIMEOUT", (4, 2), [0, 50]),
    ("HEARTBEAT_TTL", (4, 2), [0, 500]),
    ("USE_FD", (4, 2), [-1]),
]


@pytest.mark.parametrize(("name", "since", "values"), NUMBERS, ids=[row[0] for row in NUMBERS])
def test_numbers(make_socket, name, since, values):
    socket = make_socket(zmq.DEALER)
    option = getattr(zmq, name)
    assert option is getattr(zmq.SocketOption, name)
    for value in values:
        if zmq.zmq_version_info() >= since:
            socket.set(option, value)
            assert socket.get(option) == value
            assert type(socket.get(option)) is int
            assert getattr(socket, name.lower()) == getattr(socket, name) == value
        else:
            with pytest.raises(zmq.ZMQError) as caught:
                socket.set(option, value)
            assert caught.value.errno == errno.EINVAL
            with pytest.raises(zmq.ZMQError) as caught:
                socket.get(option)
            assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("value", [-1, 0, 1, 2**31, 2**40, 2**63 - 1])
def test_maxmsgsize_has_64_bits(make_socket, value):
    socket = make_socket(zmq.DEALER)
    socket.maxmsgsize = value
    assert socket.maxmsgsize == socket.get(zmq.MAXMSGSIZE) == value


@pytest.mark.parametrize("value", [0, 1, 2**31, 2**32, 2**63 - 1])
def test_affinity_has_64_bits(make_socket, value):
    socket = make_socket(zmq.DEALER)
    socket.affinity = value
    assert socket.affinity == socket.get(zmq.AFFINITY) == value


@pytest.mark.parametrize("value", [2**63, 2**64 - 1])
def test_affinity_has_no_sign(make_socket, value):
    """pyzmq 27.3 answers OverflowError, so its 64th I/O thread cannot be chosen."""
    socket = make_socket(zmq.DEALER)
    socket.affinity = value
    assert socket.affinity == value


@pytest.mark.parametrize(
    ("name", "value"),
    [("AFFINITY", 2**64), ("MAXMSGSIZE", 2**63), ("LINGER", 2**31), ("LINGER", -(2**31) - 1), ("SNDHWM", 2**64)],
)
def test_numbers_that_do_not_fit(make_socket, name, value):
    socket = make_socket(zmq.DEALER)
    before = socket.get(getattr(zmq, name))
    with pytest.raises(OverflowError):
        socket.set(getattr(zmq, name), value)
    assert socket.get(getattr(zmq, name)) == before


def test_a_number_that_libzmq_refuses(make_socket):
    with pytest.raises(zmq.ZMQError) as caught:
        make_socket(zmq.DEALER).set(zmq.SNDHWM, -1)
    assert caught.value.errno == errno.EINVAL


def test_booleans_are_numbers(make_socket):
    socket = make_socket(zmq.DEALER)
    socket.immediate = True
    assert socket.immediate == 1 and type(socket.immediate) is int
    socket.set(zmq.IMMEDIATE, False)
    assert socket.immediate == 0


def test_enums_are_numbers(make_socket):
    socket = make_socket(zmq.DEALER)
    socket.set(int(zmq.LINGER), zmq.PollEvent.POLLIN)
    assert socket.get(int(zmq.LINGER)) == 1


# --- bytes


def test_a_number_and_a_member_are_the_same_option(make_socket):
    for first, second in ((17, zmq.LINGER), (zmq.LINGER, 17)):
        socket = make_socket(zmq.PUSH)
        for value in (3, 4):
            socket.set(first, value)
            assert (socket.get(first), socket.get(second), socket.linger) == (value, value, value)
            socket.set(second, value + 5)
            assert (socket.get(second), socket.get(first)) == (value + 5, value + 5)


@pytest.mark.parametrize("option", [17.0, 17 + 0j, "LINGER", None, [17], {}])
@pytest.mark.parametrize("known", [17, zmq.LINGER])
def test_what_is_no_integer_is_no_option(make_socket, option, known):
    """Not even if it is equal to one that was used before."""
    socket = make_socket(zmq.PUSH)
    socket.set(known, 3)
    assert socket.get(known) == 3
    with pytest.raises(TypeError, match="option must be an int"):
        socket.get(option)
    with pytest.raises(TypeError, match="option must be an int"):
        socket.set(option, 4)
    assert socket.get(known) == 3


def test_a_subclass_is_given_members(context):
    class Noting(zmq.Socket):
        seen: list = []

        def get(self, option):
            self.seen.append(option)
            return super().get(option)

        def set(self, option, optval):
            self.seen.append(option)
            super().set(option, optval)

    with context.socket(zmq.SUB, socket_class=Noting) as socket:
        del socket.seen[:]
        socket.linger = socket.LINGER
        socket.subscribe("a")
        socket.UNSUBSCRIBE = b"a"
        socket.hwm = socket.hwm
    wanted = "LINGER LINGER SUBSCRIBE UNSUBSCRIBE SNDHWM SNDHWM RCVHWM".split()
    assert [option.name for option in socket.seen] == wanted
    assert {type(option) for option in socket.seen} == {zmq.SocketOption}


def test_defaults_of_a_context_are_members():
    with zmq.Context() as context:
        context.linger = 0
        context.Sndhwm = 5
        assert repr(context.sockopts) == "{<SocketOption.LINGER: 17>: 0, <SocketOption.SNDHWM: 23>: 5}"


@pytest.mark.parametrize("value", [b"a", b"abc", b"x" * 255, b"a\0b", b"x\0\0", b"\x01\0\xff"])
def test_a_routing_id_is_any_bytes(make_socket, value):
    socket = make_socket(zmq.DEALER)
    socket.routing_id = value
    assert socket.routing_id == socket.identity == socket.get(zmq.ROUTING_ID) == socket.IDENTITY == value
    assert type(socket.routing_id) is bytes
    assert zmq.IDENTITY is zmq.ROUTING_ID


def test_a_routing_id_is_what_a_router_sees(bound_pair, make_socket, endpoint):
    router, dealer = make_socket(zmq.ROUTER), make_socket(zmq.DEALER)
    router.bind(endpoint("tcp"))
    dealer.routing_id = b"x\0\0"
    dealer.connect(router.last_endpoint)
    dealer.send(b"hello")
    assert router.recv_multipart() == [b"x\0\0", b"hello"]
    router.send_multipart([b"x\0\0", b"back"])
    assert dealer.recv() == b"back"


@pytest.mark.parametrize("value", [b"", b"x" * 256])
def test_a_routing_id_of_wrong_length(make_socket, value):
    with pytest.raises(zmq.ZMQError) as caught:
        make_socket(zmq.DEALER).routing_id = value
    assert caught.value.errno == errno.EINVAL


def test_last_endpoint(make_socket, endpoint):
    socket = make_socket(zmq.DEALER)
    assert socket.last_endpoint == b""
    socket.bind("tcp://127.0.0.1:*")
    assert socket.last_endpoint.startswith(b"tcp://127.0.0.1:")
    assert not socket.last_endpoint.endswith(b"\0")
    socket.bind("inproc://there")
    assert socket.get(zmq.LAST_ENDPOINT) == socket.LAST_ENDPOINT == b"inproc://there"


def test_a_long_last_endpoint(make_socket):
    """Longer than the 255 bytes that pyzmq 27.3 has room for: it answers EINVAL."""
    socket = make_socket(zmq.DEALER)
    address = "inproc://" + "x" * 400
    socket.bind(address)
    assert socket.last_endpoint == address.encode()


@pytest.mark.parametrize("name", ["PLAIN_USERNAME", "PLAIN_PASSWORD"])
def test_text_options(make_socket, name):
    socket = make_socket(zmq.DEALER)
    option = getattr(zmq, name)
    assert socket.get(option) == b""
    socket.set(option, b"somebody")
    assert socket.get(option) == b"somebody"
    assert getattr(socket, name.lower()) == b"somebody"
    assert socket.mechanism == zmq.PLAIN
    socket.set_string(option, "Jürgen")
    assert socket.get_string(option) == "Jürgen"
    assert socket.get(option) == "Jürgen".encode()


def test_strings_for_options(make_socket):
    socket = make_socket(zmq.DEALER)
    socket.set_string(zmq.ROUTING_ID, "ü")
    assert socket.get(zmq.ROUTING_ID) == "ü".encode()
    socket.setsockopt_string(zmq.ROUTING_ID, "ü", encoding="latin-1")
    assert socket.get(zmq.ROUTING_ID) == b"\xfc"
    assert socket.getsockopt_string(zmq.ROUTING_ID, encoding="latin-1") == "ü"
    socket.setsockopt_unicode(zmq.ROUTING_ID, "ö", "utf-8")
    assert socket.getsockopt_unicode(zmq.ROUTING_ID) == socket.get_string(zmq.ROUTING_ID, "utf-8") == "ö"


def test_strings_only_for_options_of_bytes(make_socket):
    socket = make_socket(zmq.DEALER)
    with pytest.raises(TypeError):
        socket.get_string(zmq.LINGER)
    with pytest.raises(TypeError):
        socket.set_string(zmq.LINGER, "5")
    with pytest.raises(TypeError):
        socket.set_string(zmq.ROUTING_ID, b"bytes")


def test_old_names_of_the_methods(make_socket):
    socket = make_socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 7)
    assert socket.getsockopt(zmq.LINGER) == 7
    socket.setsockopt(zmq.IDENTITY, b"me")
    assert socket.getsockopt(zmq.IDENTITY) == b"me"


# --- what only can be read, or only written


def test_what_a_socket_tells_about_itself(make_socket):
    socket = make_socket(zmq.DEALER)
    assert socket.get(zmq.TYPE) == zmq.DEALER
    assert type(socket.fd) is int and socket.fd == socket.FD == socket.get(zmq.FD) == socket.fileno() > 2
    assert socket.get(zmq.EVENTS) == socket.events == 0
    assert socket.rcvmore == 0
    assert socket.mechanism == zmq.NULL


def test_events_follow_what_is_there(bound_pair):
    a, b = bound_pair(zmq.PAIR, zmq.PAIR)
    assert a.events == zmq.POLLOUT
    b.send(b"x")
    assert a.events == zmq.POLLIN | zmq.POLLOUT
    a.recv()
    assert a.events == zmq.POLLOUT


@pytest.mark.parametrize("name", ["TYPE", "FD", "EVENTS", "RCVMORE", "LAST_ENDPOINT", "MECHANISM"])
def test_read_only_options(make_socket, name):
    socket = make_socket(zmq.DEALER)
    option = getattr(zmq, name)
    value = socket.get(option)
    with pytest.raises(zmq.ZMQError) as caught:
        socket.set(option, value)
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("name", ["SUBSCRIBE", "UNSUBSCRIBE", "XPUB_VERBOSE", "REQ_RELAXED", "CONNECT_ROUTING_ID"])
def test_write_only_options(make_socket, name):
    socket = make_socket(zmq.SUB)
    with pytest.raises(zmq.ZMQError) as caught:
        socket.get(getattr(zmq, name))
    assert caught.value.errno == errno.EINVAL
    with pytest.raises(AttributeError, match="write-only"):
        getattr(socket, name)
    assert not hasattr(socket, name)


@pytest.mark.parametrize("option", [9999, -1, 0])
def test_an_unknown_option(make_socket, option):
    socket = make_socket(zmq.DEALER)
    with pytest.raises(zmq.ZMQError) as caught:
        socket.get(option)
    assert caught.value.errno == errno.EINVAL
    with pytest.raises(zmq.ZMQError) as caught:
        socket.set(option, 1)
    assert caught.value.errno == errno.EINVAL


# --- attributes


@pytest.mark.parametrize("name", ["linger", "LINGER", "Linger"])
def test_attributes_in_any_case(make_socket, name):
    socket = make_socket(zmq.DEALER)
    setattr(socket, name, 7)
    assert getattr(socket, name) == socket.get(zmq.LINGER) == 7


@pytest.mark.parametrize("name", ["no_such_option", "lingerr", "__nothing__"])
def test_unknown_attributes(make_socket, name):
    socket = make_socket(zmq.DEALER)
    with pytest.raises(AttributeError, match="(?i)" + name):
        getattr(socket, name)
    with pytest.raises(AttributeError, match="(?i)" + name):
        setattr(socket, name, 1)
    assert not hasattr(socket, name)


def test_dir_shows_methods_and_options(make_socket):
    listed = dir(make_socket(zmq.DEALER))
    assert {"send", "recv", "bind", "hwm"} <= set(listed)
    assert {"linger", "rcvtimeo", "routing_id"} <= {name.lower() for name in listed}


def test_mocks_can_be_made_of_sockets(make_socket):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it asks for every attribute, the old ones too
        copied = mock.Mock(spec=make_socket(zmq.SUB))
    copied.send(b"x")
    with pytest.raises(AttributeError):
        copied.no_such_thing  # noqa: B018


def test_options_may_be_given_to_patch(make_socket):
    socket = make_socket(zmq.DEALER)
    with mock.patch.object(zmq.Socket, "send", return_value="patched"):
        assert socket.send(b"x") == "patched"


# --- the two high-water marks


@pytest.mark.parametrize("way", ["property", "method"])
def test_hwm_sets_both(make_socket, way):
    socket = make_socket(zmq.DEALER)
    if way == "property":
        socket.hwm = 7
    else:
        socket.set_hwm(7)
    assert socket.sndhwm == socket.rcvhwm == 7
    assert socket.hwm == socket.get_hwm() == 7


def test_hwm_reads_the_one_for_sending(make_socket):
    socket = make_socket(zmq.DEALER)
    socket.sndhwm, socket.rcvhwm = 3, 4
    assert socket.hwm == 3


# --- subscriptions


@pytest.mark.parametrize("topic", [b"topic", "topic", b"", "", "☃"], ids=repr)
@pytest.mark.parametrize("way", ["method", "attribute", "upper case", "option"])
def test_subscriptions(bound_pair, topic, way):
    data = topic if isinstance(topic, bytes) else topic.encode()
    publisher, subscriber = bound_pair(zmq.XPUB, zmq.SUB)
    if way == "method":
        subscriber.subscribe(topic)
    elif way == "attribute":
        subscriber.subscribe = topic
    elif way == "upper case":
        subscriber.SUBSCRIBE = topic
    else:
        subscriber.set(zmq.SUBSCRIBE, data)
    assert publisher.recv() == b"\x01" + data
    if way == "method":
        subscriber.unsubscribe(topic)
    elif way == "attribute":
        subscriber.unsubscribe = topic
    elif way == "upper case":
        subscriber.UNSUBSCRIBE = topic
    else:
        subscriber.set(zmq.UNSUBSCRIBE, data)
    assert publisher.recv() == b"\x00" + data


def test_subscribe_stays_a_method(make_socket):
    socket = make_socket(zmq.SUB)
    socket.subscribe = b"a"
    socket.subscribe(b"b")
    assert callable(socket.subscribe) and callable(socket.unsubscribe)


@pytest.mark.parametrize("wrong", [None, 5, 1.5, ["topic"]], ids=repr)
def test_a_topic_is_bytes_or_text(make_socket, wrong):
    with pytest.raises(TypeError):
        make_socket(zmq.SUB).subscribe(wrong)


def test_only_subscribers_subscribe(make_socket):
    with pytest.raises(zmq.ZMQError) as caught:
        make_socket(zmq.PUB).subscribe(b"topic")
    assert caught.value.errno == errno.EINVAL


# --- the names


@pytest.mark.parametrize(
    ("enum", "name", "value"),
    [
        ("SocketType", "PUSH", 8),
        ("SocketOption", "LINGER", 17),
        ("ContextOption", "IO_THREADS", 1),
        ("MessageOption", "MORE", 1),
        ("Flag", "SNDMORE", 2),
        ("PollEvent", "POLLOUT", 2),
        ("SecurityMechanism", "CURVE", 2),
        ("DeviceType", "QUEUE", 3),
    ],
)
def test_constants_are_enums_and_flat_names(enum, name, value):
    member = getattr(getattr(zmq, enum), name)
    assert getattr(zmq, name) is member
    assert getattr(zmq.constants, name) is member
    assert member == value and isinstance(member, int)
    assert name in zmq.__all__ and name in zmq.constants.__all__


def test_events_have_a_prefix():
    assert zmq.EVENT_CONNECTED is zmq.Event.CONNECTED
    assert zmq.EVENT_ALL == 0xFFFF


# --- what type checkers are told


def hints() -> dict[str, dict[str, str]]:
    """Class of hints -> attribute -> its type, its base's attributes included."""
    with open(os.path.join(os.path.dirname(zmq.__file__), "_option_hints.pyi"), encoding="utf-8") as file:
        tree = ast.parse(file.read())
    found: dict[str, dict[str, str]] = {}
    for cls in tree.body:
        if isinstance(cls, ast.ClassDef):
            own = {item.target.id: item.annotation for item in cls.body if isinstance(item, ast.AnnAssign)}
            kinds = {key: "int | bytes" if isinstance(kind, ast.BinOp) else kind.id for key, kind in own.items()}
            inherited = [found.get(base.id, {}) for base in cls.bases]
            found[cls.name] = {**(inherited[0] if inherited else {}), **kinds}
    return found


@pytest.mark.parametrize(
    ("name", "cls", "enums", "declared"),
    [
        ("SocketHints", zmq.Socket, [zmq.SocketOption], {"FD", "fd", "hwm", "type"}),
        ("ContextHints", zmq.Context, [zmq.SocketOption, zmq.ContextOption], {"FD", "fd", "type"}),
        ("FrameHints", zmq.Frame, [zmq.MessageOption], {"more"}),
    ],
)
def test_hints_are_the_attributes(name, cls, enums, declared):
    told = hints()[name]
    assert all(hasattr(cls, attribute) for attribute in told)
    options = {key: option for enum in enums for key, option in enum.__members__.items()}
    missing = {spelling for key in options for spelling in (key, key.lower())} - set(told)
    assert missing - {"SUBSCRIBE", "UNSUBSCRIBE", "subscribe", "unsubscribe"} == declared
    for attribute, kind in told.items():
        option = options[attribute.upper()]
        if isinstance(option, zmq.SocketOption):
            assert kind == ("bytes" if option._opt_type.name == "bytes" else "int"), attribute
        else:
            assert kind.startswith("int"), attribute


# --- constants of a newer header

NEWER = """
#define ZMQ_PATIENCE 17
#define ZMQ_MOTTO "no hurry"
"""


def test_a_newer_headers_constants_are_exported(tmp_path):
    header = tmp_path / "zmq.h"
    header.write_text(NEWER)
    check(
        """
        from zmq_ctypes import *
        assert PATIENCE == zmq.PATIENCE == 17 and MOTTO == "no hurry"
        for module in (zmq, zmq.constants):
            assert {"PATIENCE", "MOTTO"} <= set(module.__all__), module
            assert {"PATIENCE", "MOTTO"} <= set(dir(module)), module
            assert len(set(module.__all__)) == len(module.__all__), module
        assert zmq.loader.loaded() is None
        """,
        ZMQ_CTYPES_HEADER=str(header),
    )


def test_constants_that_are_learnt_later_are_exported():
    check(
        """
        from zmq_ctypes import options
        options.learn({"PATIENCE": 17, "LINGER": 99})
        options.learn({"PATIENCE": 17})
        from zmq_ctypes import *
        assert PATIENCE == 17 and LINGER is zmq.SocketOption.LINGER
        assert zmq.__all__.count("PATIENCE") == zmq.constants.__all__.count("PATIENCE") == 1
        """
    )


# --- prepared calls


def test_each_socket_and_option_has_its_own_value(make_socket):
    """What was read last is read again by a prepared call."""
    first, second = make_socket(zmq.DEALER), make_socket(zmq.DEALER)
    wanted = {(socket, option): 0 for socket in (first, second) for option in (zmq.SNDHWM, zmq.RCVHWM, zmq.BACKLOG)}
    for number, (socket, option) in enumerate(wanted, 10):
        wanted[socket, option] = number
        socket.set(option, number)
    for _ in range(3):
        for (socket, option), number in wanted.items():
            assert socket.get(option) == getattr(socket, option.name.lower()) == number
        for socket, option in wanted:
            wanted[socket, option] += 1
            setattr(socket, option.name, wanted[socket, option])


def test_options_through_a_shadow(make_socket):
    socket = make_socket(zmq.DEALER)
    shadow = zmq.Socket.shadow(socket)
    for value in (1, 2, 3):
        shadow.linger = value
        assert socket.linger == socket.get(zmq.LINGER) == shadow.linger == value
    shadow.close()
    for one in (socket, shadow):
        for read in (lambda one=one: one.linger, lambda one=one: one.get(zmq.LINGER), lambda one=one: one.get(zmq.EVENTS)):
            with pytest.raises(zmq.ZMQError) as caught:
                read()
            assert caught.value.errno == zmq.ENOTSOCK


@pytest.mark.parametrize("option", [float(zmq.LINGER), str(int(zmq.LINGER)), None, [], b"linger"], ids=repr)
def test_what_equals_an_option_is_none(make_socket, option):
    socket = make_socket(zmq.DEALER)
    for _ in range(2):
        assert socket.get(zmq.LINGER) == socket.get(int(zmq.LINGER)) == socket.linger
        with pytest.raises(TypeError):
            socket.get(option)


def test_a_class_with_a_get_of_its_own(context):
    class Other(zmq.Socket):
        def get(self, option):
            return super().get(option) + 1

    with Other(context, zmq.DEALER) as socket, context.socket(zmq.DEALER) as plain:
        socket.linger = plain.linger = 5
        for _ in range(3):
            assert socket.linger == socket.LINGER == socket.get(zmq.LINGER) == 6
            assert plain.linger == plain.LINGER == plain.get(zmq.LINGER) == 5


def test_after_the_end_of_the_context(make_socket):
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.linger = 0
    assert socket.events == socket.get(zmq.EVENTS)
    thread = threading.Thread(target=context.term)
    thread.start()
    try:
        for _ in range(2):
            with pytest.raises(zmq.ContextTerminated):
                while True:
                    assert isinstance(socket.events, int)
            with pytest.raises(zmq.ContextTerminated):
                socket.get(zmq.EVENTS)
    finally:
        socket.close()
        thread.join(30)
    assert not thread.is_alive()
