"""The search: what is opened, how often, and the error that lists it all."""

from __future__ import annotations

import pickle

import pytest
from zmq_ctypes.loader.finder import VARIABLE, Environment

from zmq_ctypes.loader import LibraryNotFound, Loader, finder, open_library, probe


def nowhere(**facts):
    """An environment without any libzmq."""
    return lambda: Environment(
        **{**{"platform": "linux", "machine": "x86_64", "libc": "glibc", "mapped": tuple}, **facts}
    )


class NoFiles:
    def isfile(self, path):
        return False

    isdir = isfile

    def names(self, folder):
        return []

    def realpath(self, path):
        return path

    abspath = realpath


def test_not_found_lists_every_attempt_and_what_to_do(monkeypatch):
    monkeypatch.setitem(finder.PLATFORMS, "linux", library_platform())
    with pytest.raises(LibraryNotFound) as caught:
        Loader(nowhere(files=NoFiles(), home="/home/me")).load()
    error = caught.value
    assert isinstance(error, ImportError)
    message = str(error)
    assert len(error.attempts) >= 9
    for attempt in error.attempts:
        assert attempt.reason and str(attempt) in message
    for words in ("libnozmq.so.9", "apt install", "-m zmq_ctypes.loader fetch", VARIABLE, "pip install"):
        assert words in message
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), [str(a) for a in again.attempts]) == (message, [str(a) for a in error.attempts])


def library_platform():
    from zmq_ctypes.loader.platforms import Platform

    return Platform(("libnozmq.so.9",), (("libnozmq", ".so"),), data=("{home}/.local/share",))


def test_one_file_under_several_names_is_opened_once(tmp_path, monkeypatch):
    real = tmp_path / "libzmq.so.5.2.4"
    real.write_text("no library\n")
    for name in ("libzmq.so.5", "libzmq.so"):
        (tmp_path / name).symlink_to(real)
    opened = []
    examine = probe.examine
    monkeypatch.setattr(probe, "examine", lambda path: opened.append(path) or examine(path))
    with pytest.raises(LibraryNotFound) as caught:
        open_library(tmp_path)
    assert len(opened) == 1
    reasons = [attempt.reason for attempt in caught.value.attempts]
    assert len(reasons) == 3
    assert reasons[1:] == ["is the file of attempt 1"] * 2
