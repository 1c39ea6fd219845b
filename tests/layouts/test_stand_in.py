"""zmq_ctypes/loader.py: finds the loader in a checkout, nothing else, and says what is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from layouts.places import ROOT, environment, run

SOURCES = shutil.ignore_patterns("__pycache__")


def fails(code, **variables):
    """What a program that has to fail wrote to its standard error."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        cwd=os.path.dirname(sys.executable),
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr


@pytest.mark.parametrize("name", ["zmq_ctypes", "renamed"])
def test_a_copy_without_its_loader_says_what_to_copy(tmp_path, name):
    shutil.copytree(os.path.join(ROOT, "zmq_ctypes"), tmp_path / name, ignore=SOURCES)
    told = fails(f"import {name}", PYTHONPATH=str(tmp_path)).splitlines()[-1]
    assert told.startswith(f"ImportError: this copy of {name} has no loader: copy the folder loader/")
    assert str(tmp_path / name) in told
    assert "tools/vendor.py" in told


@pytest.mark.parametrize(
    "files", [("loader/__init__.py",), ("loader/__init__.py", "setup.cfg"), ("loader.py", "setup.cfg")]
)
def test_a_strangers_loader_is_not_taken(tmp_path, files):
    shutil.copytree(os.path.join(ROOT, "zmq_ctypes"), tmp_path / "zmq_ctypes", ignore=SOURCES)
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("" if name.endswith(".cfg") else "raise SystemExit('the stranger was run')\n")
    assert "has no loader" in fails("import zmq_ctypes", PYTHONPATH=str(tmp_path))


def test_following_what_it_says_helps(tmp_path):
    shutil.copytree(os.path.join(ROOT, "zmq_ctypes"), tmp_path / "zmq_ctypes", ignore=SOURCES)
    shutil.copytree(os.path.join(ROOT, "loader"), tmp_path / "zmq_ctypes" / "loader", ignore=SOURCES)
    code = "import zmq_ctypes; print(zmq_ctypes.loader.__file__, zmq_ctypes.zmq_version())"
    told = run([sys.executable, "-c", code], env=environment(PYTHONPATH=str(tmp_path)), cwd=str(tmp_path))
    assert told.startswith(str(tmp_path / "zmq_ctypes" / "loader" / "__init__.py"))


def test_the_bare_loader_is_refused():
    told = fails("import loader", PYTHONPATH=ROOT).splitlines()[-1]
    assert told.startswith("ImportError: loader is part of another package")
    assert "has no" not in fails("import loader.finder", PYTHONPATH=ROOT)


def test_in_a_checkout_it_is_a_package_like_any_other():
    code = (
        "import importlib.util, pickle, zmq_ctypes.loader as loader, zmq_ctypes.loader.finder as finder\n"
        "print(loader.__name__, loader.__package__, loader.__spec__.parent, loader.__spec__.name, finder.__package__)\n"
        "assert importlib.util.find_spec('zmq_ctypes.loader').submodule_search_locations == loader.__path__\n"
        "assert pickle.loads(pickle.dumps(loader.Attempt)) is loader.Attempt\n"
        "assert loader.load.__module__ == 'zmq_ctypes.loader.library'\n"
    )
    told = run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment(PYTHONPATH=ROOT),
        cwd=os.path.dirname(sys.executable),
    )
    assert told.split() == ["zmq_ctypes.loader"] * 5


def test_nothing_is_written_beside_a_read_only_copy(tmp_path):
    """A folder that cannot be written to, and no byte code: the copy runs all the same."""
    shutil.copytree(os.path.join(ROOT, "zmq_ctypes"), tmp_path / "zmq_ctypes", ignore=SOURCES)
    shutil.copytree(os.path.join(ROOT, "loader"), tmp_path / "zmq_ctypes" / "loader", ignore=SOURCES)
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    run(
        [sys.executable, "-B", "-c", "import zmq_ctypes; zmq_ctypes.Context().term()"],
        env=environment(PYTHONPATH=str(tmp_path)),
        cwd=str(tmp_path),
    )
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before
