"""What may be said for a server, an endpoint, a port, a key file."""

from __future__ import annotations

import os
import pathlib

import pytest

from zmq_ctypes.ssh import places

SERVERS = {
    "host": (None, "host", None),
    "user@host": ("user", "host", None),
    "user@host:2222": ("user", "host", 2222),
    "ssh://user@host:2222": ("user", "host", 2222),
    "host:22": (None, "host", 22),
    "user@domain@host": ("user@domain", "host", None),
    "DOMAIN\\user@host": ("DOMAIN\\user", "host", None),
    "192.0.2.1:22": (None, "192.0.2.1", 22),
    "::1": (None, "::1", None),
    "user@::1": ("user", "::1", None),
    "[::1]": (None, "::1", None),
    "user@[::1]:22": ("user", "::1", 22),
    "fe80::1%eth0": (None, "fe80::1%eth0", None),
    "an-alias_1": (None, "an-alias_1", None),
    "grüße.example": (None, "grüße.example", None),
}


@pytest.mark.parametrize("text", SERVERS)
def test_servers(text):
    server = places.parse_server(text)
    assert server == SERVERS[text]
    assert places.parse_server(str(server)) == server


@pytest.mark.parametrize(
    "text",
    [
        *("", "@host", "user@", "host:", "host:x", "host:0", "host:65536", "host:²", "[::1", "[::1]22", "[]", "-host"),
        *("a b", "a\nb", "host\n", "host;x", "host`x`", "host$(x)", "host|x", "host&x", "host>x", "host'x", 'host"x', "%h"),
        *("us er@host", "user;x@host", "-user@host", "user\n@host", "us\x00er@host", "user\\@host", "us'er@host", "$u@host"),
    ],
)
def test_what_is_no_server(text):
    with pytest.raises(ValueError, match="server"):
        places.parse_server(text)


@pytest.mark.parametrize("thing", [None, 22, b"host", ["host"]])
def test_what_is_no_text(thing):
    with pytest.raises(TypeError, match="server"):
        places.parse_server(thing)


@pytest.mark.parametrize(
    "addr, place",
    [
        ("tcp://host:5555", ("host", 5555)),
        (b"tcp://host:5555", ("host", 5555)),
        ("tcp://[2001:db8::1]:1", ("2001:db8::1", 1)),
    ],
)
def test_endpoints(addr, place):
    assert places.parse_endpoint(addr) == place


@pytest.mark.parametrize("addr", ["", "host:1", "udp://host:1", "tcp://host", "tcp://host:0", "tcp://*:1", "tcp://a;b:1", "tcp://::1"])
def test_what_is_no_endpoint(addr):
    with pytest.raises(ValueError, match="addr"):
        places.parse_endpoint(addr)


def test_an_endpoint_of_another_type():
    with pytest.raises(TypeError, match="addr"):
        places.parse_endpoint(5555)


def test_key_files(tmp_path, monkeypatch):
    key = tmp_path / "key"
    key.write_text("")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in (str(key), pathlib.Path(key), "key", os.path.join("~", "key")):
        assert places.key_path(name) == str(key)
    assert places.key_path(None) is None
    assert places.key_path("") is None
    with pytest.raises(FileNotFoundError, match="keyfile"):
        places.key_path(str(tmp_path))


@pytest.mark.parametrize("timeout, number", [(60, 60.0), (0.5, 0.5)])
def test_seconds(timeout, number):
    assert places.seconds(timeout) == number


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan")])
def test_what_is_no_time(timeout):
    with pytest.raises(ValueError, match="timeout"):
        places.seconds(timeout)


@pytest.mark.parametrize("timeout", [None, "2", b"2", [2]])
def test_what_is_no_number(timeout):
    with pytest.raises(TypeError, match="timeout"):
        places.seconds(timeout)
