"""Beside an installed pyzmq: a program written for it runs on us and on it, and whoever has imported it keeps it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import vendor
from layouts.places import LIMIT, environment, run

pytestmark = pytest.mark.timeout(400)

PROGRAM = """
import subprocess
import sys

import zmq
import zmq.sugar.socket
import zmq.utils.jsonapi
from zmq.backend import zmq_version_info

with zmq.Context() as context, context.socket(zmq.REP) as reply, context.socket(zmq.REQ) as request:
    request.connect(f"tcp://127.0.0.1:{reply.bind_to_random_port('tcp://127.0.0.1')}")
    request.rcvtimeo = reply.rcvtimeo = 20000
    request.send_json({"is": isinstance(request, zmq.sugar.socket.Socket)})
    assert zmq.utils.jsonapi.loads(reply.recv()) == {"is": True}
    assert zmq_version_info() == zmq.zmq_version_info()
print(zmq.__file__, flush=True)
if not sys.argv[1:]:
    sys.exit(subprocess.call([sys.executable, __file__, "child"]))
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return str(path)


@pytest.fixture
def copy(tmp_path):
    vendor.vendor(str(tmp_path / "place"))
    return str(tmp_path / "place")


def test_the_same_program_runs_on_pyzmq_and_on_us(program, copy, pyzmq, tmp_path):
    variables = environment(PYTHONPATH=os.pathsep.join([pyzmq, copy]))
    theirs = run([sys.executable, program], env=variables, cwd=str(tmp_path)).split()
    assert theirs == [os.path.join(pyzmq, "zmq", "__init__.py")] * 2
    ours = run([sys.executable, "-m", "zmq_ctypes.as_zmq", program], env=variables, cwd=str(tmp_path)).split()
    assert ours == [os.path.join(copy, "zmq_ctypes", "__init__.py")] * 2


def test_pyzmq_that_was_imported_stays_and_is_named(copy, pyzmq, tmp_path):
    code = """if True:
        import zmq, zmq_ctypes
        try:
            zmq_ctypes.install_as_zmq()
        except ImportError as error:
            print(error)
        import zmq.utils.z85
        assert zmq.Socket is not zmq_ctypes.Socket and zmq.utils.z85.__file__.startswith(zmq.__path__[0])
    """
    out = run([sys.executable, "-c", code], env=environment(PYTHONPATH=os.pathsep.join([pyzmq, copy])), cwd=str(tmp_path))
    assert f"is already imported, from {os.path.join(pyzmq, 'zmq')}" in out


def test_pyzmq_that_is_imported_at_startup_is_refused(program, copy, pyzmq, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import zmq\n")
    done = subprocess.run(
        [sys.executable, "-m", "zmq_ctypes.as_zmq", program],
        env=environment(PYTHONPATH=os.pathsep.join([str(tmp_path), pyzmq, copy])),
        cwd=copy,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        timeout=LIMIT,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert f"is already imported, from {os.path.join(pyzmq, 'zmq')}" in done.stderr
