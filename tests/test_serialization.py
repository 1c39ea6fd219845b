"""Strings, JSON, pickles and forms of one's own on top of bytes."""

from __future__ import annotations

import json
import pickle
import zlib

import pytest

import zmq_ctypes as zmq


@pytest.fixture
def pair(bound_pair):
    return bound_pair(zmq.PAIR, zmq.PAIR)


TEXTS = ["", "plain", "Grüße, ☃ and 𝄞", "a\0b", "\n\r\t", "x" * 100000, "☃" * 1000]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text[:10]))
def test_strings(pair, text):
    a, b = pair
    assert a.send_string(text) is None
    got = b.recv_string()
    assert type(got) is str and got == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1", "cp1252"])
def test_encodings(pair, encoding):
    a, b = pair
    a.send_string("Grüße", encoding=encoding)
    assert b.recv_string(encoding=encoding) == "Grüße"
    a.send_string("Grüße", encoding=encoding)
    assert b.recv() == "Grüße".encode(encoding)


def test_strings_are_utf8_on_the_wire(pair):
    a, b = pair
    a.send_string("Grüße")
    assert b.recv() == "Grüße".encode()
    a.send("Grüße".encode())
    assert b.recv_string() == "Grüße"


def test_old_names_of_the_string_methods(pair):
    a, b = pair
    a.send_unicode("Grüße", encoding="latin-1")
    assert b.recv_unicode(encoding="latin-1") == "Grüße"


def test_strings_in_several_parts(pair):
    a, b = pair
    a.send_string("a", zmq.SNDMORE)
    a.send_string("b", flags=0)
    assert b.recv_string(0) == "a"
    assert b.rcvmore
    assert b.recv_string(flags=zmq.DONTWAIT) == "b"


def test_strings_go_on_to_send(pair):
    a, b = pair
    assert isinstance(a.send_string("x", copy=False), zmq.MessageTracker)
    assert b.recv() == b"x"


@pytest.mark.parametrize("wrong", [b"bytes", None, 5, ["x"]], ids=repr)
def test_only_strings_are_strings(pair, wrong):
    a, b = pair
    with pytest.raises(TypeError):
        a.send_string(wrong)
    a.send(b"next")
    assert b.recv() == b"next"


def test_a_string_that_the_encoding_cannot_express(pair):
    a, b = pair
    with pytest.raises(UnicodeEncodeError):
        a.send_string("☃", encoding="latin-1")
    with pytest.raises(LookupError):
        a.send_string("x", encoding="no such encoding")
    a.send(b"next")
    assert b.recv() == b"next"


def test_bytes_that_are_no_string_are_taken_from_the_queue(pair):
    a, b = pair
    a.send(b"\xff\xfe\xfd")
    a.send(b"next")
    with pytest.raises(UnicodeDecodeError):
        b.recv_string()
    assert b.recv_string() == "next"


VALUES = [None, True, 0, -1, 1.5, "text", "☃", [], {}, [1, [2, {"a": None}]], {"key": ["value", 1]}]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_json(pair, value):
    a, b = pair
    assert a.send_json(value) is None
    assert b.recv_json() == value


def test_json_is_utf8_on_the_wire(pair):
    a, b = pair
    a.send_json({"a": "☃"})
    assert json.loads(b.recv().decode("utf-8")) == {"a": "☃"}
    a.send('{"b": "☃"}'.encode())
    assert b.recv_json() == {"b": "☃"}


def test_json_passes_its_options_on(pair):
    a, b = pair
    a.send_json({"b": 1, "a": 2}, sort_keys=True, separators=(",", ":"))
    assert b.recv() == b'{"a":2,"b":1}'
    a.send_json(["☃"], ensure_ascii=False)
    assert "☃".encode() in b.recv()
    a.send_json({"a": 1.5})
    assert b.recv_json(parse_float=str, object_pairs_hook=list) == [("a", "1.5")]


def test_json_flags(pair):
    a, b = pair
    a.send_json(1, zmq.SNDMORE)
    a.send_json(2, flags=0)
    assert (b.recv_json(0), b.recv_json(flags=zmq.DONTWAIT)) == (1, 2)
    with pytest.raises(zmq.Again):
        b.recv_json(zmq.DONTWAIT)


def test_what_json_cannot_express(pair):
    a, b = pair
    with pytest.raises(TypeError):
        a.send_json(object())
    a.send(b"{ not json")
    with pytest.raises(ValueError):
        b.recv_json()
    a.send_json("next")
    assert b.recv_json() == "next"


class Thing:
    """Something that pickles by its class."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return type(other) is Thing and other.value == self.value


@pytest.mark.parametrize("value", [*VALUES, b"bytes", {1, 2}, (1, 2), Thing(3)], ids=lambda value: type(value).__name__)
def test_objects(pair, value):
    a, b = pair
    assert a.send_pyobj(value) is None
    assert b.recv_pyobj() == value


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_objects_in_every_protocol(pair, protocol):
    a, b = pair
    a.send_pyobj({"a": [1, 2]}, protocol=protocol)
    data = b.recv()
    assert data == pickle.dumps({"a": [1, 2]}, protocol)
    a.send(data)
    assert b.recv_pyobj() == {"a": [1, 2]}


def test_objects_flags(pair):
    a, b = pair
    a.send_pyobj(1, zmq.SNDMORE)
    a.send_pyobj(2, flags=0, protocol=2)
    assert (b.recv_pyobj(0), b.recv_pyobj(flags=zmq.DONTWAIT)) == (1, 2)
    with pytest.raises(zmq.Again):
        b.recv_pyobj(zmq.DONTWAIT)


def test_what_cannot_be_pickled(pair):
    a, b = pair
    with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
        a.send_pyobj(lambda: 0)
    a.send(b"not a pickle")
    with pytest.raises((pickle.UnpicklingError, EOFError, ValueError, KeyError, IndexError)):
        b.recv_pyobj()
    a.send_pyobj("next")
    assert b.recv_pyobj() == "next"


def squeeze(value):
    return [b"z", zlib.compress(json.dumps(value).encode())]


def stretch(parts):
    mark, data = parts
    assert bytes(mark) == b"z"
    return json.loads(zlib.decompress(data))


@pytest.mark.parametrize("copy", [True, False], ids=["copy", "frames"])
def test_a_form_of_ones_own(pair, copy):
    a, b = pair
    a.send_serialized({"a": [1, 2]}, squeeze, copy=copy)
    seen = []
    assert b.recv_serialized(lambda parts: seen.extend(parts) or stretch([bytes(p) for p in parts]), copy=copy) == {
        "a": [1, 2]
    }
    assert all(isinstance(part, bytes if copy else zmq.Frame) for part in seen)


def test_a_form_by_names(pair):
    a, b = pair
    a.send_serialized(msg=7, serialize=squeeze, flags=zmq.DONTWAIT)
    assert b.recv_serialized(deserialize=stretch, flags=zmq.DONTWAIT) == 7


def test_errors_of_such_a_form_come_through(pair):
    a, b = pair

    def fail(value):
        raise LookupError(value)

    with pytest.raises(LookupError):
        a.send_serialized(1, fail)
    a.send(b"x")
    with pytest.raises(LookupError):
        b.recv_serialized(fail)
    a.send(b"next")
    assert b.recv() == b"next"


def test_a_form_must_be_made_of_parts(pair):
    a, b = pair
    with pytest.raises(TypeError):
        a.send_serialized(1, lambda value: ["text"])
    with pytest.raises(TypeError):
        a.send_serialized(1, None)
    a.send(b"next")
    assert b.recv() == b"next"


@pytest.mark.parametrize("name", ["send_string", "send_json", "send_pyobj"])
@pytest.mark.parametrize("flags", [0, zmq.DONTWAIT])
def test_closed_sockets(make_socket, name, flags):
    socket = make_socket(zmq.PUSH)
    socket.close()
    with pytest.raises(zmq.ZMQError) as caught:
        getattr(socket, name)("x", flags)
    assert caught.value.errno == zmq.ENOTSOCK


# --- classes with a send, a receive, or a reading of their own


@pytest.fixture
def own(context):
    """Pairs of sockets of a class of one's own, over inproc."""
    made = []

    def make(cls):
        for _ in range(2):
            made.append(context.socket(zmq.PAIR, socket_class=cls))
            made[-1].linger, made[-1].rcvtimeo, made[-1].sndtimeo = 0, 10_000, 10_000
        a, b = made[-2:]
        a.bind("inproc://own")
        b.connect("inproc://own")
        return a, b

    yield make
    for socket in made:
        socket.close()


KINDS = ["string", "json", "pyobj"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_send_and_receive_of_ones_own(own, kind):
    """They are called as pyzmq calls them, so that one which takes its arguments in no other way works here too."""

    class Mine(zmq.Socket):
        def send(self, data, **options):
            sent.append(options)
            return super().send(b"<" + data + b">", **options)

        def recv(self, flags=zmq.DONTWAIT, **options):
            assert flags == 0
            return super().recv(flags, **options)[1:-1]

    sent = []
    a, b = own(Mine)
    assert getattr(a, f"send_{kind}")("value") is None
    assert getattr(b, f"recv_{kind}")() == "value"
    getattr(a, f"send_{kind}")("value", zmq.DONTWAIT)
    assert zmq.Socket.recv(b)[:1] == b"<"
    assert [options["flags"] for options in sent] == [0, zmq.DONTWAIT]


@pytest.mark.parametrize("kind", KINDS)
def test_further_arguments_reach_a_send_of_ones_own(own, kind):
    class Mine(zmq.Socket):
        def send(self, data, flags=0, copy=True, group=None, routing_id=None):
            sent.append((group, routing_id))
            return super().send(data, flags, copy)

    sent = []
    a, b = own(Mine)
    getattr(a, f"send_{kind}")("value", group="g", routing_id=5)
    assert getattr(b, f"recv_{kind}")() == "value"
    assert sent == [("g", 5)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_receive_that_gives_something_else(own, kind):
    class Mine(zmq.Socket):
        def recv(self, flags=0, **options):
            return bytearray(super().recv(flags, **options))

    a, b = own(Mine)
    getattr(a, f"send_{kind}")("value")
    assert getattr(b, f"recv_{kind}")() == "value"


@pytest.mark.parametrize("kind", KINDS)
def test_a_reading_of_ones_own(own, kind):
    class Mine(zmq.Socket):
        def _deserialize(self, recvd, load):
            return ["read", load(recvd)]

    a, b = own(Mine)
    getattr(a, f"send_{kind}")("value")
    assert getattr(b, f"recv_{kind}")() == ["read", "value"]


@pytest.mark.parametrize("kind", KINDS)
def test_methods_that_one_socket_has_for_itself(pair, kind):
    a, b = pair
    sent = []
    a.send = lambda data, flags, **options: sent.append(data)
    getattr(a, f"send_{kind}")("value")
    del a.send
    a.send(sent[0])
    b.recv = lambda flags=0: zmq.Socket.recv(b, flags)
    assert getattr(b, f"recv_{kind}")() == "value"


def test_modules_whose_functions_a_program_replaces(pair, monkeypatch):
    from zmq_ctypes.utils import jsonapi

    a, b = pair
    a.send_pyobj(1)
    a.send_json(1)
    assert (b.recv_pyobj(), b.recv_json()) == (1, 1)
    monkeypatch.setattr(pickle, "dumps", lambda obj, protocol: b"pickled")
    monkeypatch.setattr(pickle, "loads", lambda data: ("unpickled", data))
    monkeypatch.setattr(jsonapi, "dumps", lambda obj, **options: b"dumped")
    monkeypatch.setattr(jsonapi, "loads", lambda data, **options: ("loaded", data))
    a.send_pyobj(1)
    a.send_json(1)
    assert (b.recv_pyobj(), b.recv_json()) == (("unpickled", b"pickled"), ("loaded", b"dumped"))


@pytest.mark.parametrize("data", [b"\xff", b"\xed\xa0\x80", b"\xc3"], ids=repr)
def test_bytes_that_are_no_text(pair, data):
    a, b = pair
    for options in ({}, {"encoding": "utf-8"}, {"encoding": "".join(["utf", "-8"])}):
        a.send(data)
        with pytest.raises(UnicodeDecodeError):
            b.recv_string(**options)
        a.send(data)
        with pytest.raises(UnicodeDecodeError):
            b.recv_json()
    a.send(data)
    assert b.recv_string(encoding="latin-1") == data.decode("latin-1")
