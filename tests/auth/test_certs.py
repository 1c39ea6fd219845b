"""Certificates: written so that nobody reads half of one, or a secret; read with suspicion."""

from __future__ import annotations

import os
import stat
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import need

import zmq_ctypes as zmq
from zmq_ctypes import auth
from zmq_ctypes.auth import certs

SECRET = b"JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"
PUBLIC = b"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"

PYZMQ = b"""\
#   ****  Generated on 2024-05-06 07:08:09.123456 by pyzmq  ****
#   ZeroMQ CURVE **Secret** Certificate
#   DO NOT PROVIDE THIS FILE TO OTHER USERS nor change its permissions.

metadata
    name = somebody
curve
    public-key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
    secret-key = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"
"""


@pytest.fixture(autouse=True)
def curve():
    need(zmq.has("curve"), "a libzmq with CURVE")


def test_create_and_load(tmp_path):
    public_file, secret_file = auth.create_certificates(tmp_path, "bob", {"name": "Bob", b"city": b"K\xc3\xb6ln"})
    assert (public_file, secret_file) == (str(tmp_path / "bob.key"), str(tmp_path / "bob.key_secret"))
    assert sorted(os.listdir(tmp_path)) == ["bob.key", "bob.key_secret"]
    public, secret = auth.load_certificate(secret_file)
    assert auth.load_certificate(public_file) == (public, None)
    assert len(public) == len(secret) == 40
    if zmq.zmq_version_info() >= (4, 2):
        assert zmq.curve_public(secret) == public
    with open(secret_file, encoding="utf-8") as file:
        assert "\n    city = Köln\n" in file.read()
    assert secret not in (tmp_path / "bob.key").read_bytes()
    assert auth.load_certificates(tmp_path) == {public: True}


def test_who_may_read_them(tmp_path):
    need(sys.platform != "win32", "a system with permissions of files")
    old = os.umask(0)
    try:
        public_file, secret_file = auth.create_certificates(str(tmp_path), "bob")
        # One that could be read by others is replaced by one that cannot.
        os.chmod(secret_file, 0o666)
        auth.create_certificates(str(tmp_path), "bob")
    finally:
        os.umask(old)
    assert stat.S_IMODE(os.stat(secret_file).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(public_file).st_mode) == 0o644


def test_a_secret_can_be_read_by_its_owner_only_from_the_beginning(tmp_path, monkeypatch):
    need(sys.platform != "win32", "a system with permissions of files")
    modes = []
    replace = os.replace

    def watched(source, target):
        modes.append((os.path.basename(target), stat.S_IMODE(os.stat(source).st_mode)))
        replace(source, target)

    def chmod(path, mode):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        os_chmod(path, mode)

    os_chmod = os.chmod
    monkeypatch.setattr(os, "replace", watched)
    monkeypatch.setattr(os, "chmod", chmod)
    old = os.umask(0)
    try:
        auth.create_certificates(tmp_path, "bob")
    finally:
        os.umask(old)
    assert modes == [("bob.key_secret", 0o600), ("bob.key", 0o644)]


def test_what_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    with pytest.raises(OSError):
        auth.create_certificates(tmp_path / "missing", "bob")

    def fail(source, target):
        raise OSError("full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="full"):
        auth.create_certificates(tmp_path, "bob")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("notes", [{"name": "a\n    public-key = b"}, {"a\nb": "c"}, {"a": "b\r"}, {"a": "b\x85c"}])
def test_notes_of_several_lines(tmp_path, notes):
    with pytest.raises(ValueError, match="one line"):
        auth.create_certificates(tmp_path, "bob", notes)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("notes", [{"a": 5}, {None: "b"}])
def test_notes_that_are_no_text(tmp_path, notes):
    with pytest.raises(TypeError, match="metadata"):
        auth.create_certificates(tmp_path, "bob", notes)


@pytest.mark.parametrize("name", [None, 5, b"bob"])
def test_names_that_are_no_text(tmp_path, name):
    with pytest.raises(TypeError, match="name: expected str"):
        auth.create_certificates(tmp_path, name)


def test_a_note_that_looks_like_a_key(tmp_path):
    _, secret_file = auth.create_certificates(tmp_path, "bob", {"public-key": PUBLIC.decode()})
    assert auth.load_certificate(secret_file)[0] != PUBLIC


@pytest.mark.parametrize(
    "text",
    [
        PYZMQ,
        PYZMQ.replace(b"\n", b"\r\n"),
        b"public-key='" + PUBLIC + b"'\nsecret-key=" + SECRET,
        b'curve\n\tpublic-key\t= "' + PUBLIC + b'"\n\tsecret-key = "' + SECRET + b'"',
    ],
)
def test_what_others_wrote(tmp_path, text):
    file = tmp_path / "cert"
    file.write_bytes(text)
    assert auth.load_certificate(file) == auth.load_certificate(str(file)) == (PUBLIC, SECRET)


@pytest.mark.parametrize(
    "text, reason",
    [
        (b"", "No public key"),
        (b"nonsense", "No public key"),
        (b"#public-key = " + PUBLIC, "No public key"),
        (b"metadata\n    public-key = " + PUBLIC, "No public key"),
        (b"secret-key = " + SECRET, "No public key"),
        (b"public-key = ", "The public-key"),
        (b"public-key = " + PUBLIC[:-1], "The public-key"),
        (b"public-key = " + PUBLIC[:35], "The public-key"),
        (b"public-key = " + PUBLIC + b"x", "The public-key"),
        (b"public-key = " + b"\xff" * 40, "The public-key"),
        (b"public-key = " + b"#" * 40, "The public-key"),
        (b"public-key = " + PUBLIC + b"\npublic-key = " + SECRET, "more than one public-key"),
        (b"public-key = " + PUBLIC + b"\nsecret-key = " + SECRET[:-2], "The secret-key"),
        (b"x" * 2**17, "too long"),
    ],
)
def test_what_is_not_whole(tmp_path, text, reason):
    file = tmp_path / "bad.key"
    file.write_bytes(text)
    with pytest.raises(ValueError, match=reason) as caught:
        auth.load_certificate(file)
    assert "bad.key" in str(caught.value)
    # A part of a secret is a secret.
    assert SECRET[:10].decode() not in str(caught.value) and caught.value.__context__ is None
    with pytest.raises(ValueError, match=reason):
        auth.load_certificates(tmp_path)


@given(st.integers(0, len(PYZMQ)))
def test_cut_off_anywhere(length):
    try:
        public, secret = certs.parse(PYZMQ[:length], "some file")
    except ValueError as error:
        assert "some file" in str(error)
        return
    assert public == PUBLIC and secret in (None, SECRET)


@given(st.binary())
def test_anything(data):
    try:
        public, _ = certs.parse(data, "some file")
    except ValueError:
        return
    assert len(public) == 40


def test_what_is_no_file(tmp_path):
    with pytest.raises(OSError):
        auth.load_certificate(tmp_path / "missing")
    with pytest.raises(OSError):
        auth.load_certificate(tmp_path)
    with pytest.raises(OSError):
        auth.load_certificates(tmp_path / "missing")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.key")
        with pytest.raises(OSError, match="ordinary file"):
            auth.load_certificate(tmp_path / "pipe.key")
    with pytest.raises(OSError):
        auth.load_certificates(tmp_path / "pipe.key")


def test_which_files_count(tmp_path):
    folder = tmp_path / "a [folder]"
    folder.mkdir()
    keys = set()
    for name in ("one", "two"):
        keys.add(auth.load_certificate(auth.create_certificates(folder, name)[0])[0])
    for name in (".hidden.key", "other.txt", "three.key.new", "four.key_secret"):
        (folder / name).write_bytes(b"public-key = " + PUBLIC)
    assert auth.load_certificates(folder) == dict.fromkeys(keys, True)
    assert auth.load_certificates(str(folder)) == dict.fromkeys(keys, True)
