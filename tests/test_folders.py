"""Folders for compilers."""

from __future__ import annotations

import os

import pytest

import zmq_ctypes as zmq
from zmq_ctypes import folders, loader

PACKAGE = os.path.dirname(os.path.abspath(zmq.__file__))


def test_includes():
    found = zmq.get_includes()
    assert found[:2] == [os.path.dirname(PACKAGE), os.path.join(PACKAGE, "utils")]
    assert all(os.path.isdir(folder) for folder in found)


def test_the_header_of_the_library(tmp_path, monkeypatch):
    (tmp_path / "zmq.h").write_text("#define ZMQ_VERSION_MAJOR 4\n")
    monkeypatch.setenv("ZMQ_CTYPES_HEADER", str(tmp_path / "zmq.h"))
    assert zmq.get_includes()[2:] == [str(tmp_path)]


def test_library_folders():
    found = zmq.get_library_dirs()
    assert found[0] == PACKAGE
    path = loader.load().path
    assert found[1:] == ([os.path.dirname(path)] if path else [])


@pytest.mark.parametrize("path", [None, "libzmq.so.5"])
def test_a_library_that_is_no_file(monkeypatch, path):
    monkeypatch.delenv("ZMQ_CTYPES_HEADER", raising=False)
    monkeypatch.setattr(folders, "_library_path", lambda: path)
    assert zmq.get_library_dirs() == [PACKAGE]
    assert len(zmq.get_includes()) == 2


def test_no_library_at_all(monkeypatch):
    def load():
        raise loader.LibraryNotFound("none")

    monkeypatch.setattr(folders.loader, "load", load)
    assert zmq.get_library_dirs() == [PACKAGE]
