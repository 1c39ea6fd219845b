"""Z85 against its specification, against libzmq, and with bad input."""

from __future__ import annotations

import ctypes
import os

import pytest

import zmq_ctypes as zmq
from zmq_ctypes import loader
from zmq_ctypes.utils import z85

KNOWN = [
    # The test cases of the specification.
    (b"\x86\x4f\xd2\x6f\xb5\x59\xf7\x5b", b"HelloWorld"),
    (
        b"\x8e\x0b\xdd\x69\x76\x28\xb9\x1d\x8f\x24\x55\x87\xee\x95\xc5\xb0"
        b"\x4d\x48\x96\x3f\x79\x25\x98\x77\xb4\x9c\xd9\x06\x3a\xea\xd3\xb7",
        b"JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6",
    ),
    (b"", b""),
    (b"\0\0\0\0", b"00000"),
    (b"\xff\xff\xff\xff", b"%nSc0"),
]


@pytest.mark.parametrize(("raw", "text"), KNOWN)
def test_known_pairs(raw, text):
    assert z85.encode(raw) == text
    assert z85.decode(text) == raw
    assert z85.decode(text.decode()) == raw
    assert z85.encode(memoryview(raw)) == text
    assert z85.decode(bytearray(text)) == raw


def test_the_same_as_libzmq():
    functions = loader.load().functions
    for size in range(0, 200, 4):
        raw = os.urandom(size)
        text = ctypes.create_string_buffer(size * 5 // 4 + 1)
        assert functions.zmq_z85_encode(text, raw, size)
        assert z85.encode(raw) == text.value
        assert z85.decode(text.value) == raw


def test_the_table():
    assert len(z85.Z85CHARS) == len(set(z85.Z85CHARS)) == len(z85.Z85MAP) == 85
    assert all(z85.Z85CHARS[value] == character for character, value in z85.Z85MAP.items())


@pytest.mark.parametrize("size", [1, 2, 3, 5, 33])
def test_encode_wants_whole_groups(size):
    with pytest.raises(ValueError, match=f"multiple of 4, not {size}"):
        z85.encode(b"x" * size)


@pytest.mark.parametrize("size", [1, 4, 6, 41])
def test_decode_wants_whole_groups(size):
    with pytest.raises(ValueError, match=f"multiple of 5, not {size}"):
        z85.decode(b"x" * size)


@pytest.mark.parametrize("text", ["0000 ", "0000\0", "0000é", "0000☃", "00000000,0", b"0000\xff", b"0000~"])
def test_characters_that_z85_does_not_have(text):
    with pytest.raises(ValueError, match="no character"):
        z85.decode(text)


@pytest.mark.parametrize("text", ["%nSc1", "#####", b"00000#####"])
def test_groups_that_stand_for_too_much(text):
    with pytest.raises(ValueError, match="more than four bytes"):
        z85.decode(text)


@pytest.mark.parametrize("thing", [None, 5, 1.0, ["0"], object()])
def test_neither_text_nor_bytes(thing):
    with pytest.raises(TypeError):
        z85.encode(thing)
    with pytest.raises(TypeError):
        z85.decode(thing)


def test_encode_takes_no_text():
    with pytest.raises(TypeError):
        z85.encode("text")


@pytest.mark.libzmq("4.0.1")
def test_keys():
    public, secret = zmq.curve_keypair()
    assert len(z85.decode(public)) == len(z85.decode(secret)) == 32
