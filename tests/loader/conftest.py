"""Copies of a libzmq to be opened, broken and refused, and fresh processes to do it in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest


@pytest.fixture(scope="session")
def libzmq():
    """The file of the libzmq that this process finds."""
    from zmq_ctypes import loader

    return os.path.realpath(loader.load().path)


@pytest.fixture
def copy(libzmq, tmp_path):
    """Copy libzmq, with what lies beside it if it comes out of a wheel, into a folder; return the new file."""

    def make(name=None, folder="copy"):
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        beside = os.listdir(os.path.dirname(libzmq))
        for other in beside if len(beside) < 20 else ():
            if ".so" in other or other.endswith((".dylib", ".dll")):
                shutil.copy(os.path.join(os.path.dirname(libzmq), other), place)
        return os.fspath(shutil.copy(libzmq, place / (name or os.path.basename(libzmq))))

    return make


@pytest.fixture
def root():
    """What has to be in sys.path to import the package: a folder or an archive."""
    import zmq_ctypes

    return os.path.dirname(list(zmq_ctypes.__path__)[0])


@pytest.fixture
def given():
    """The variable that names the library of this run, for children that need one and not its search."""
    return {name: os.environ[name] for name in ("ZMQ_CTYPES_LIBRARY",) if os.environ.get(name)}


@pytest.fixture
def run(root):
    """Run code in a fresh process and return what it printed as JSON.

    ``run(code, *arguments, python=(), **variables)``: options of Python, variables of the environment.
    """

    def start(code, *arguments, python=(), **variables):
        known = {name: value for name, value in os.environ.items() if name != "ZMQ_CTYPES_LIBRARY"}
        done = subprocess.run(
            [sys.executable, *python, "-c", code, *map(str, arguments)],
            env={**known, "PYTHONPATH": root, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=50,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return json.loads(done.stdout)

    return start
