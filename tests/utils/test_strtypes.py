"""The helpers of Python 2's time: what they do, and that each says what to use instead."""

from __future__ import annotations

import warnings

import pytest

from zmq_ctypes.utils import strtypes


@pytest.mark.parametrize("name", ["cast_bytes", "asbytes", "b"])
@pytest.mark.parametrize("thing", ["é", b"\xc3\xa9"])
def test_to_bytes(name, thing):
    with pytest.warns(DeprecationWarning, match="str and bytes") as caught:
        assert getattr(strtypes, name)(thing) == b"\xc3\xa9"
    assert caught[0].filename == __file__


@pytest.mark.parametrize("name", ["cast_unicode", "u"])
@pytest.mark.parametrize("thing", ["é", b"\xc3\xa9"])
def test_to_text(name, thing):
    with pytest.warns(DeprecationWarning, match="str and bytes") as caught:
        assert getattr(strtypes, name)(thing) == "é"
    assert caught[0].filename == __file__


@pytest.mark.parametrize("name", ["cast_bytes", "cast_unicode"])
def test_encoding_and_errors(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        cast = getattr(strtypes, name)
        with pytest.raises(TypeError, match="str or bytes"):
            cast(5)
        assert cast("é" if name == "cast_bytes" else b"\xe9", "latin-1") in (b"\xe9", "é")
        with pytest.raises(UnicodeError):
            cast("é" if name == "cast_bytes" else b"\xe9", "ascii")
        assert cast("é" if name == "cast_bytes" else b"\xe9", "ascii", "ignore") in (b"", "")


def test_types():
    assert strtypes.bytes is bytes
    assert strtypes.unicode is str
    assert strtypes.basestring == (str,)
