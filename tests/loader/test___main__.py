"""The command: what it prints, as text and as JSON, and what it exits with."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from zmq_ctypes.loader.finder import VARIABLE

from zmq_ctypes import loader
from zmq_ctypes.loader import __main__ as command
from zmq_ctypes.loader import fetch as fetching


@pytest.fixture
def start(root, tmp_path):
    """Run the command in a process of its own, in a folder that has nothing to do with us."""

    def run(*arguments, **variables):
        return subprocess.run(
            [sys.executable, "-m", loader.__name__, *arguments],
            env={**os.environ, "PYTHONPATH": root, **variables},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=50,
        )

    return run


def test_text(start):
    done = start()
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    found = loader.load()
    for words in (".".join(map(str, found.version)), found.path, "draft API", loader.__name__, sys.executable, "taken"):
        assert words in text
    for attempt in found.attempts:
        assert attempt.origin in text
    assert done.stderr == b""


def test_json(start):
    done = start("--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    found = loader.load()
    assert facts["library"]["path"] == found.path
    assert facts["library"]["version"] == ".".join(map(str, found.version))
    assert facts["library"]["draft"] is found.draft
    assert facts["library"]["capabilities"] == [name for name in command.CAPABILITIES if found.has(name)]
    assert facts["attempts"][-1]["reason"] is None
    assert facts["python"]["version"].startswith(f"{sys.version_info[0]}.{sys.version_info[1]}")
    assert facts["package"]["name"] == loader.__name__
    assert facts["platform"]["tags"]


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_nothing_found(start, tmp_path, arguments):
    bad = tmp_path / "libzmq.so.5"
    bad.write_text("no library")
    done = start(*arguments, **{VARIABLE: str(bad)})
    assert done.returncode == 1
    text = done.stdout.decode()
    for words in ("text file", str(bad), VARIABLE, f"{loader.__name__} fetch"):
        assert words in text
    if arguments:
        assert json.loads(text)["library"] is None
    assert done.stderr == b""


def test_a_path_that_is_not_text(start, tmp_path):
    """Names of files are bytes; the report shows them on any terminal."""
    done = start(**{VARIABLE: os.fsdecode(os.fsencode(str(tmp_path)) + b"/\xff\xc3\xa4"), "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 1, done.stderr
    assert VARIABLE.encode() in done.stdout


def test_a_mistyped_option(start):
    done = start("--jsno")
    assert done.returncode == 2
    assert f"python -m {loader.__name__}".encode() in done.stderr


def test_fetch_for_a_platform_without_a_wheel(capsys):
    assert command.main(["fetch", "--platform", "win_arm64"]) == 1
    told = capsys.readouterr()
    assert "win_arm64" in told.err and "vcpkg" in told.err
    assert told.out == ""


def test_fetch_says_what_it_did(monkeypatch, capsys, tmp_path):
    asked = []

    def fake(platforms, dest):
        asked.append((platforms, dest))
        for name in ("libzmq.dll", "libsodium.dll", fetching.NOTE):
            (tmp_path / name).write_text("")
        return {"win32": str(tmp_path / "libzmq.dll")}

    monkeypatch.setattr(fetching, "fetch", fake)
    assert command.main(["fetch", "--platform", "win32", "--platform", "win_amd64", "--dest", str(tmp_path)]) == 0
    assert asked == [(["win32", "win_amd64"], str(tmp_path))]
    told = capsys.readouterr().out
    for words in ("win32", str(tmp_path / "libzmq.dll"), "libsodium.dll", fetching.NOTE, f"{VARIABLE}={tmp_path}"):
        assert words in told
    assert command.main(["fetch"]) == 0
    assert asked[1] == (None, None)


def test_fetch_that_cannot_write(monkeypatch, capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert command.main(["fetch", "--platform", "win32", "--dest", str(tmp_path / "file")]) == 1
    assert "file" in capsys.readouterr().err
