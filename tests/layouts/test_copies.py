"""Copies side by side in one process: of ours, and of pyzmq."""

from __future__ import annotations

import json
import os
import sys

import pytest
import vendor
from layouts.places import HERE, Place, converse, environment, run
from support import need

pytestmark = pytest.mark.timeout(400)


def test_two_copies_under_different_names_talk(tmp_path):
    (tmp_path / "theirlib" / "_vendor").mkdir(parents=True)
    vendor.vendor(str(tmp_path), "zmq")
    vendor.vendor(str(tmp_path / "theirlib" / "_vendor"))
    script = os.path.join(HERE, "two_copies.py")
    variables = environment(PYTHONPATH=str(tmp_path), PYTHONWARNINGS="error")
    told = json.loads(
        run([sys.executable, script, "zmq", "theirlib._vendor.zmq_ctypes"], env=variables, cwd=str(tmp_path))
    )
    assert told["first"] == str(tmp_path / "zmq" / "__init__.py")
    assert told["second"] == str(tmp_path / "theirlib" / "_vendor" / "zmq_ctypes" / "__init__.py")
    assert len(set(told["libraries"])) == 1


def beside(place, pyzmq, sharing, folder, **changes):
    variables = environment(PYTHONPATH=os.pathsep.join([place.folder, pyzmq]), **changes)
    if not changes:
        variables.pop("ZMQ_CTYPES_LIBRARY", None)
    script = os.path.join(HERE, "beside_pyzmq.py")
    told = json.loads(run([sys.executable, script, place.module, sharing], env=variables, cwd=str(folder)))
    assert os.path.realpath(told["pyzmq"]).startswith(os.path.realpath(pyzmq))
    return place.check(told)


def test_an_imported_pyzmq_shares_its_libzmq_and_its_contexts(vendored, pyzmq, tmp_path):
    told = beside(vendored, pyzmq, "shared", tmp_path)
    assert told["pairs"] == 5
    assert told["ours"] == told["theirs"]
    assert len(told["mapped"]) <= 1, "a second libzmq was loaded"
    if sys.platform == "linux":
        assert told["mapped"] == [os.path.realpath(told["library"])]


def test_an_imported_pyzmq_with_another_libzmq_does_not_disturb(vendored, pyzmq, wheel_library, tmp_path):
    told = beside(vendored, pyzmq, "separate", tmp_path, ZMQ_CTYPES_LIBRARY=wheel_library("4.2.5"))
    assert told["pairs"] == 2
    assert told["ours"] == [4, 2, 5]
    assert told["theirs"] >= [4, 3, 5]
    assert len(told["mapped"]) == 2


@pytest.mark.parametrize("ours_serves", [True, False])
def test_a_process_with_pyzmq_at_the_other_end(vendored, pyzmq, tmp_path, ours_serves):
    theirs = Place(pyzmq, "zmq", path=pyzmq)
    need(os.path.isdir(os.path.join(pyzmq, "zmq")), "an installed pyzmq")
    server, client = (vendored, theirs) if ours_serves else (theirs, vendored)
    served, asked = converse(server, client, tmp_path)
    server.check(served)
    client.check(asked)
