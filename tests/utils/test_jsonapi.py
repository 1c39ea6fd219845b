"""JSON as bytes: exactly what json.dumps and json.loads give, whichever way it is made."""

from __future__ import annotations

import collections
import enum
import json
import math
import sys
import threading

import pytest

from zmq_ctypes.utils import jsonapi


def plain(value):
    return json.dumps(value).encode("utf-8")


class Text(str):
    pass


class Real(float):
    def __repr__(self):
        return "not this"


class Level(enum.IntEnum):
    HIGH = 3


class Pairs(dict):
    def items(self):
        return [("made", "up")]


VALUES = [
    None,
    True,
    False,
    0,
    -1,
    2**70,
    1.5,
    1e300,
    math.inf,
    -math.inf,
    "",
    "text",
    "Grüße, ☃ and 𝄞",
    "\ud800",
    '"\\/\b\f\n\r\t\x00\x7f\u2028',
    [],
    {},
    (),
    [[]],
    [{}],
    {"a": {}},
    {"a": []},
    [1, [2, {"a": None}]],
    {"key": ["value", 1], "other": {"b": 2, "a": 1}},
    (1, (2, 3)),
    {2: 1, 1.5: 2, True: 3, False: 4, None: 5, "": 6},
    {Level.HIGH: Level.HIGH},
    [Text("t"), Real(1.5), Level.HIGH],
    collections.OrderedDict(b=1, a=2),
    collections.namedtuple("Point", "x y")(1, 2),
    Pairs(a=1),
    [[[[[["deep"] * 3] * 3] * 3] * 3] * 3],
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20].encode("ascii", "replace").decode())
def test_the_bytes_are_those_of_json(value):
    data = jsonapi.dumps(value)
    assert type(data) is bytes and data == plain(value)
    assert jsonapi.loads(data) == json.loads(data)
    assert type(jsonapi.loads(data)) is type(json.loads(data))


def test_no_number_stays_no_number():
    assert jsonapi.dumps(math.nan) == b"NaN"
    assert math.isnan(jsonapi.loads(b"NaN"))


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="there the functions of json are called")
def test_the_short_way_is_there():
    """Else the tests of this file would compare json with itself."""
    assert jsonapi._make is not None and jsonapi._scan is not None


TEXTS = [
    " 1",
    "1 ",
    "\t{ \"a\" : [ 1 , 2 ] }\r\n",
    '{"a":1,"a":2}',
    '"\\u2603\\ud834\\udd1e"',
    "-0",
    "1E5",
    "[1,2.0,3e1]",
    "Infinity",
    '""',
]


@pytest.mark.parametrize("text", TEXTS, ids=repr)
@pytest.mark.parametrize("kind", [str, str.encode, lambda text: bytearray(text, "utf-8"), Text], ids=str)
def test_what_is_json(text, kind):
    got = jsonapi.loads(kind(text))
    assert got == json.loads(text) and repr(got) == repr(json.loads(text))


WRONG = ["", " ", "{", '{"a"', '{"a":', '{"a":1', "[1,", "[1 2]", "nul", "1 1", '{"a":1} x', '"', '"\n"', "'a'", "\ufeff1", "tru", "-", "[1,]"]


@pytest.mark.parametrize("text", WRONG, ids=repr)
def test_what_is_not_json_fails_as_in_json(text):
    with pytest.raises(json.JSONDecodeError) as expected:
        json.loads(text)
    for data in (text, text.encode()):
        with pytest.raises(json.JSONDecodeError) as caught:
            jsonapi.loads(data)
        assert str(caught.value) == str(expected.value)
        assert caught.value.doc == text and caught.value.pos == expected.value.pos


def test_what_is_no_text():
    with pytest.raises(UnicodeDecodeError):
        jsonapi.loads(b'"\xff"')
    with pytest.raises(UnicodeDecodeError):
        jsonapi.loads('"a"'.encode("utf-16"))
    with pytest.raises(TypeError):
        jsonapi.loads(None)


@pytest.mark.parametrize("wrong", [object(), {1, 2}, b"bytes", [1, {"a": object()}], {(1, 2): 3}, 1j], ids=str)
def test_what_json_cannot_express_fails_as_in_json(wrong):
    with pytest.raises(TypeError) as expected:
        plain(wrong)
    with pytest.raises(TypeError) as caught:
        jsonapi.dumps(wrong)
    assert str(caught.value) == str(expected.value)


def test_what_contains_itself():
    ring, table, far = [], {}, [[]]
    ring.append(ring)
    table["a"] = [1, table]
    far[0].append({"a": far})
    for value in (ring, table, far):
        with pytest.raises(ValueError, match="Circular"):
            jsonapi.dumps(value)
    # What was in the midst of that is not remembered.
    ring[:] = [1]
    table["a"] = 2
    assert (jsonapi.dumps(ring), jsonapi.dumps(table)) == (b"[1]", b'{"a": 2}')


def test_the_same_twice_is_no_ring():
    shared = {"a": [1]}
    assert jsonapi.dumps([shared, shared, {"b": shared}]) == plain([shared, shared, {"b": shared}])


def test_what_fails_is_not_remembered():
    value = [1, object()]
    for _ in range(3):
        with pytest.raises(TypeError):
            jsonapi.dumps(value)
    value[1] = 2
    assert jsonapi.dumps(value) == b"[1, 2]"


def test_within_itself():
    """A destructor, a signal handler, or an object of the program's may make JSON of the same thing in the middle."""

    class Again(dict):
        def items(self):
            if not seen:
                seen.append(None)
                seen.append(jsonapi.dumps(around))
            return [("a", 1)]

    seen = []
    around = [Again(a=1), "end"]
    assert jsonapi.dumps(around) == b'[{"a": 1}, "end"]'
    assert seen == [None, b'[{"a": 1}, "end"]']


def test_within_itself_without_an_end():
    class Endless(dict):
        def items(self):
            return [("a", jsonapi.dumps(self))]

    with pytest.raises(RecursionError):
        jsonapi.dumps(Endless(a=1))
    assert jsonapi.dumps([1]) == b"[1]"


def test_several_threads_with_one_object():
    value = {"list": [{"a": [1, 2, {"b": None}]}] * 50, "text": "x" * 100}
    expected = plain(value)
    wrong = []

    def work():
        for _ in range(100):
            if jsonapi.dumps(value) != expected or jsonapi.loads(expected) != value:
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_options_are_those_of_json():
    value = {"b": 1, "a": "☃"}
    assert jsonapi.dumps(value, sort_keys=True) == b'{"a": "\\u2603", "b": 1}'
    assert jsonapi.dumps(value, ensure_ascii=False) == '{"b": 1, "a": "☃"}'.encode()
    assert jsonapi.dumps(value, separators=(",", ":")) == json.dumps(value, separators=(",", ":")).encode()
    assert jsonapi.dumps({1j}, default=lambda o: "x") == b'"x"'
    assert jsonapi.dumps({(1, 2): 3, "a": 1}, skipkeys=True) == b'{"a": 1}'
    with pytest.raises(ValueError, match="JSON compliant"):
        jsonapi.dumps(math.nan, allow_nan=False)
    assert jsonapi.loads(b'{"a":1.5}', parse_float=str, object_pairs_hook=list) == [("a", "1.5")]
    assert jsonapi.loads(b"[1]", parse_int=str) == ["1"]
    with pytest.raises(TypeError):
        jsonapi.dumps(1, no_such_option=1)


def test_a_program_may_change_json(monkeypatch):
    class Encoder(json.JSONEncoder):
        def encode(self, o):
            return "encoded"

    with monkeypatch.context() as patch:
        patch.setattr(json.JSONEncoder, "default", lambda self, o: "default")
        assert jsonapi.dumps([object()]) == b'["default"]'
    with monkeypatch.context() as patch:
        patch.setattr(json, "JSONEncoder", Encoder)
        assert jsonapi.dumps([1]) == json.dumps([1]).encode()
        assert jsonapi.dumps([1], sort_keys=True) == b"encoded"
    with monkeypatch.context() as patch:
        patch.setattr(json, "dumps", lambda o, **kwargs: f"dumped {sorted(kwargs)}")
        patch.setattr(json, "loads", lambda s, **kwargs: f"loaded {s}")
        assert jsonapi.dumps(1) == b"dumped []"
        assert jsonapi.loads(b"1") == "loaded 1"
    assert (jsonapi.dumps([1]), jsonapi.loads(b"1")) == (b"[1]", 1)


@pytest.mark.parametrize(
    ("encoder", "scanner"),
    [(None, None), (lambda only: None, lambda: None), (lambda *_: lambda o, level: ("{}",), lambda _: lambda s, i: (None, 0))],
    ids=["missing", "other arguments", "other results"],
)
@pytest.mark.skipif(sys.implementation.name != "cpython", reason="there are none")
def test_without_the_parts_in_c(monkeypatch, encoder, scanner):
    with monkeypatch.context() as patch:
        patch.setattr(jsonapi._encoder, "c_make_encoder", encoder)
        patch.setattr(jsonapi._scanner, "c_make_scanner", scanner)
        assert jsonapi._maker() is None and jsonapi._reader() is None
    monkeypatch.setattr(jsonapi, "_make", None)
    monkeypatch.setattr(jsonapi, "_scan", None)
    assert jsonapi.dumps({"a": [1, "☃"]}) == b'{"a": [1, "\\u2603"]}'
    assert jsonapi.loads(b' {"a":1} ') == {"a": 1}
