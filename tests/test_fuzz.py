"""Public methods with any object for any argument, in any order: documented exceptions, and never the end of the process."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib

import children
import pytest

import zmq_ctypes as zmq

FUZZING = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fuzzing.py")
#: PyPy compiles little of it and takes ten times as long.
EXAMPLES = 300 if sys.implementation.name == "pypy" else 1000


def seed():
    """Other examples for each Python and each libzmq, and the same in each run: together they try many times as much."""
    return zlib.crc32(f"{sys.implementation.name} {sys.version_info[:2]} {zmq.zmq_version()}".encode())


def fuzz(note, *arguments):
    """Run the examples in a process of their own; its death or its exceptions fail the test, with the steps that led there."""
    done = subprocess.run(
        [sys.executable, FUZZING, *arguments],
        env=children.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=170,
    )
    steps = note.read_text() if note.exists() else "none"
    assert done.returncode == 0, (
        f"status {done.returncode}; the last steps: replay '{steps}'\n{done.stdout}\n{done.stderr}"
    )
    return done.stdout


@pytest.mark.timeout(180)
def test_anything_in_any_order(tmp_path):
    note = tmp_path / "steps"
    examples, steps = map(int, fuzz(note, str(EXAMPLES), str(note), str(seed())).split())
    assert examples >= EXAMPLES and steps > 3 * examples


def test_what_is_found_would_be_told(tmp_path):
    """A mistake in the package fails the run: here one that is put in, in place of a method."""
    broken = "import sys; import zmq_ctypes as zmq\n"
    broken += "def broken(self, *args, **kwargs): raise ZeroDivisionError\n"
    broken += "zmq.Socket.recv = broken\n"
    broken += "sys.path.insert(0, sys.argv[1])\nimport fuzzing\nfuzzing.main(300)\n"
    done = subprocess.run(
        [sys.executable, "-c", broken, os.path.dirname(FUZZING)],
        env=children.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=55,
    )
    assert done.returncode != 0
    assert "ZeroDivisionError" in done.stderr
