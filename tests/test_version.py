"""Versions and capabilities: what programs ask before they use something."""

from __future__ import annotations

import os
import socket

import pytest

import zmq_ctypes as zmq


def test_the_librarys_version_comes_as_numbers_and_as_text():
    info = zmq.zmq_version_info()
    assert isinstance(info, tuple) and len(info) == 3
    assert all(type(part) is int for part in info)
    assert info >= (3, 2, 0)
    assert zmq.zmq_version() == "{}.{}.{}".format(*info)


def test_our_version_is_the_api_level():
    assert zmq.pyzmq_version() == zmq.__version__
    assert tuple(int(part) for part in zmq.__version__.split(".")[:2]) == (27, 3)
    assert zmq.pyzmq_version_info()[:3] == tuple(int(part) for part in zmq.__version__.split(".")[:3])
    assert isinstance(zmq.__revision__, str)


@pytest.mark.parametrize("capability", ["ipc", "curve", "draft", "gssapi", "norm", "pgm", "tipc", "vmci", "WS", "WSS"])
def test_every_known_capability_is_yes_or_no(capability):
    assert zmq.has(capability) in (True, False)


def test_capabilities_are_case_sensitive_and_unknown_ones_are_absent():
    assert zmq.has("no such thing") is False or zmq.has("no such thing") == 0
    assert not zmq.has("")
    assert not zmq.has("IPC")


@pytest.mark.parametrize("wrong", [None, 1, 1.5, ["ipc"]])
def test_a_capability_is_a_name(wrong):
    with pytest.raises(TypeError):
        zmq.has(wrong)


def test_ipc_is_there_where_the_platform_has_it():
    if zmq.zmq_version_info() >= (4, 1):
        assert bool(zmq.has("ipc")) == hasattr(socket, "AF_UNIX")
    else:
        assert zmq.has("ipc") in (True, False)


def test_the_draft_flags_agree():
    assert isinstance(zmq.DRAFT_API, bool)
    assert zmq.DRAFT_API == bool(zmq.has("draft") and zmq.PYZMQ_DRAFT_API)


def test_ipc_paths_have_the_length_that_is_promised(make_socket, tmp_path):
    if not hasattr(socket, "AF_UNIX"):
        assert zmq.IPC_PATH_MAX_LEN == 0
        return
    longest = zmq.IPC_PATH_MAX_LEN
    assert 90 < longest < 256
    before = os.getcwd()
    os.chdir(tmp_path)  # a relative path, for the folders of a test are long already
    try:
        a, b = make_socket(zmq.PULL), make_socket(zmq.PUSH)
        address = "ipc://" + "x" * longest
        a.bind(address)
        b.connect(address)
        b.send(b"there")
        assert a.recv() == b"there"
        with pytest.raises(zmq.ZMQError) as caught:
            make_socket(zmq.PULL).bind(address + "x")
        assert caught.value.errno == zmq.Errno.EINVAL or os.strerror(caught.value.errno) == "File name too long"
        assert str(longest) in str(caught.value)
    finally:
        os.chdir(before)
