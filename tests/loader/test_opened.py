"""A libzmq that was opened: its handles, its errno, and what it can do."""

from __future__ import annotations

import ctypes

import pytest

from zmq_ctypes import loader
from zmq_ctypes.loader import open_library, process


def test_both_handles_are_the_same_library():
    found = loader.load()
    assert process.address_of(found.cdll, "zmq_errno") == process.address_of(found.pydll, "zmq_errno")


def test_errno_is_kept():
    found = loader.load()
    found.cdll["zmq_close"](None)
    assert ctypes.get_errno() != 0


def test_capabilities(wheel_library):
    old, new = open_library(wheel_library("4.1.4")), open_library(wheel_library("4.3.5"))
    assert old.has("curve") and new.has("curve")
    assert new.has("ipc")
    assert not new.has("CURVE") and not new.has("no such thing")
    assert not old.draft and not new.draft


def test_capabilities_of_a_library_that_cannot_tell(copy):
    """zmq_has came with 4.1; before, only CURVE can be found out."""
    found = open_library(copy())

    class Older:
        def __init__(self, cdll, *names):
            self.cdll, self.names = cdll, names

        def __getitem__(self, name):
            if name not in self.names:
                raise AttributeError(name)
            return self.cdll[name]

    expected = found.has("curve")
    found.cdll = Older(found.cdll, "zmq_curve_keypair")
    assert found.has("curve") is expected
    assert found.has("ipc") is False
    found.cdll = Older(found.cdll)
    assert found.has("curve") is False


def test_a_capability_is_text_without_null():
    with pytest.raises(TypeError, match="capability must be str, not bytes"):
        loader.load().has(b"curve")
    with pytest.raises(ValueError, match="null"):
        loader.load().has("curve\0")
    assert loader.load().has("\udcff\u00fc") is False
