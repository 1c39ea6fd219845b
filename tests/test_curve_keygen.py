"""``python -m zmq_ctypes.curve_keygen``."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from children import LIMIT, environment

import zmq_ctypes as zmq
from zmq_ctypes import curve_keygen

needs_public = pytest.mark.libzmq("4.2.0")

SECRET = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"


def test_as_a_program():
    done = subprocess.run(
        [sys.executable, "-m", "zmq_ctypes.curve_keygen", "--json"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stderr
    keys = json.loads(done.stdout)
    assert sorted(keys) == ["public", "secret"]
    assert len(keys["public"]) == len(keys["secret"]) == 40


def test_text(capsys):
    assert curve_keygen.main([]) == 0
    title1, public, empty, title2, secret = capsys.readouterr().out.splitlines()
    assert (title1, empty, title2) == ("== CURVE PUBLIC KEY ==", "", "== CURVE SECRET KEY ==")
    assert len(public) == len(secret) == 40
    if zmq.zmq_version_info() >= (4, 2):
        assert zmq.curve_public(secret).decode() == public


@needs_public
def test_the_public_key_of_a_secret_one(capsys):
    assert curve_keygen.main(["--json", "--secret", SECRET]) == 0
    keys = json.loads(capsys.readouterr().out)
    # The pair of the specification's example.
    assert keys == {"public": "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7", "secret": SECRET}


@needs_public
@pytest.mark.parametrize("secret", ["short", "#" * 40, " " * 40, "é" * 20])
def test_what_is_no_secret_key(capsys, secret):
    with pytest.raises(SystemExit) as caught:
        curve_keygen.main(["--secret", secret])
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == "" and "secret_key" in err and "Traceback" not in err


def test_no_library(tmp_path):
    missing = str(tmp_path / "libzmq.so")
    done = subprocess.run(
        [sys.executable, "-m", "zmq_ctypes.curve_keygen"],
        env={**environment(), "ZMQ_CTYPES_LIBRARY": missing},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 1
    assert missing in done.stderr and "Traceback" not in done.stderr
