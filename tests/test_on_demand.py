"""Names of the package that are imported, or asked for, when somebody wants them."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import pytest
from children import check

import zmq_ctypes as zmq

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(zmq.__file__)))


def test_each_is_there():
    for name, module in zmq._LATER.items():
        assert name in zmq.__all__
        imported = importlib.import_module(f"zmq_ctypes.{module}")
        assert getattr(zmq, name) is (imported if name == module else getattr(imported, name))


def test_import_leaves_them_alone():
    check(
        """
        import sys
        later = {f"zmq_ctypes.{module}" for module in zmq._LATER.values()}
        assert later and not later & set(sys.modules), later & set(sys.modules)
        assert zmq.loader.loaded() is None
        """
    )


def test_import_needs_little_of_the_standard_library():
    """What is in this list takes longer to import than the package."""
    program = (
        "import ctypes, sys\n"
        "before = set(sys.modules)\n"  # in some versions ctypes itself needs one of them
        f"sys.path.insert(0, {ROOT!r})\n"
        "import zmq_ctypes\n"
        "needed = {'collections', 'enum', 'functools', 'inspect', 're', 'threading', 'typing'}\n"
        "print(needed & set(sys.modules) - before)\n"
    )
    command = [sys.executable, "-I", "-S", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_star_import_brings_them_and_opens_nothing():
    check(
        """
        from zmq_ctypes import *
        assert proxy is zmq.proxy and curve_keypair is zmq.curve_keypair
        assert zmq.loader.loaded() is None
        """
    )


def test_dir_has_them():
    assert set(zmq._LATER) | set(zmq._ON_DEMAND) | set(zmq.__all__) <= set(dir(zmq))


def test_what_is_not_there():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        zmq.nothing  # noqa: B018
