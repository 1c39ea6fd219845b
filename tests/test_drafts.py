"""The tests of drafts, on a draft build: the library of this process is mostly none, so another process runs them."""

from __future__ import annotations

import os
import subprocess
import sys

import children
import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
FILES = ["test_peers.py", "test_draft_options.py", "test_draft_poller.py", "test_ppoll.py", "test_raw.py", "test_timers.py"]
FILES += ["test_monitor.py", "test_asyncio_drafts.py"]
FILES += [os.path.join("green", name) for name in ("test_core.py", "test_poll.py")]

for_cpython = pytest.mark.skipif(
    sys.implementation.name != "cpython" or "t" in getattr(sys, "abiflags", ""),
    reason="about interpreters for which the index has a draft build",
)


@pytest.mark.stock
@for_cpython
@pytest.mark.timeout(300)
def test_the_tests_of_drafts_pass_on_a_draft_build(draft_library):
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.path.join(ROOT, "setup.cfg"), "--rootdir", ROOT]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *(os.path.join(HERE, name) for name in FILES)],
        env={**children.environment(), "ZMQ_CTYPES_LIBRARY": draft_library},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout, done.stdout
    # What is left out there is only what is about libraries that lack something.
    lacking = ("about stock builds", "about libraries without", "about builds without")
    left_out = [line for line in done.stdout.splitlines() if line.startswith("SKIPPED")]
    assert [line for line in left_out if not any(reason in line for reason in lacking)] == []


@pytest.mark.stock
@for_cpython
def test_the_draft_build_is_known_for_what_it_is(draft_library, monkeypatch):
    monkeypatch.setenv("ZMQ_CTYPES_LIBRARY", draft_library)
    answer = children.check(
        "print(zmq.DRAFT_API, zmq.PYZMQ_DRAFT_API, zmq.has('draft'), zmq.zmq_version_info() >= (4, 3, 6))"
    )
    assert answer.split() == ["True"] * 4
