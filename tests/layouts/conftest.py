"""The places, each made once: a copy of the checkout is built, installed, vendored, renamed and zipped."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys

import environments
import pytest
import vendor
from layouts.places import ROOT, Place, embedded, run
from support import need

#: What belongs to the working tree and not to the project.
NOT_SOURCES = shutil.ignore_patterns(
    ".git", "build", "dist", "*.egg-info", "__pycache__", ".*_cache", ".nox", ".hypothesis", "*.py[co]"
)
#: Building and installing takes its time where two cores have other work as well.
SLOW = 300


@pytest.fixture(scope="session")
def pip():
    """Run pip of the Python that runs the tests: ``pip("install", ...)``."""
    need(environments.has("pip"), "pip in the environment of the tests")

    def call(*arguments):
        return run([sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments], timeout=SLOW)

    return call


@pytest.fixture(scope="session")
def sources(tmp_path_factory):
    """A copy of the checkout to build in: what a build leaves behind must not get into the working tree."""
    folder = tmp_path_factory.mktemp("sources") / "checkout"
    shutil.copytree(ROOT, folder, ignore=NOT_SOURCES)
    return str(folder)


@pytest.fixture(scope="session")
def distributions(sources, tmp_path_factory):
    """The files of the sdist and of the wheel built from it, as ``python -m build`` makes them."""
    folder = str(tmp_path_factory.mktemp("dist"))
    need(environments.has("build"), "the package build")
    run([sys.executable, "-m", "build", "--outdir", folder, sources], timeout=SLOW)
    (sdist,) = glob.glob(os.path.join(folder, "*.tar.gz"))
    (wheel,) = glob.glob(os.path.join(folder, "*.whl"))
    return sdist, wheel


@pytest.fixture(scope="session")
def wheel(distributions):
    return distributions[1]


@pytest.fixture(scope="session")
def new_environment(tmp_path_factory):
    """Make an empty virtual environment: its interpreter and its site-packages."""

    def make(name):
        folder = str(tmp_path_factory.mktemp(name))
        run([sys.executable, "-m", "venv", "--without-pip", folder], timeout=SLOW)
        python = os.path.join(folder, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))
        site = run([python, "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip()
        return python, site

    return make


@pytest.fixture(scope="session")
def checkout():
    """The working tree itself, by PYTHONPATH, from somewhere else."""
    return Place(ROOT, path=ROOT)


@pytest.fixture(scope="session")
def editable(sources, new_environment, pip):
    python, _ = new_environment("editable")
    pip("--python", python, "install", "--no-deps", "--quiet", "--editable", sources)
    return Place(sources, python=[python, "-I"], isolated=True)


@pytest.fixture(scope="session")
def installed(wheel, new_environment, pip):
    python, site = new_environment("installed")
    pip("--python", python, "install", "--no-deps", "--no-index", "--quiet", wheel)
    return Place(site, python=[python, "-I"], isolated=True)


@pytest.fixture(scope="session")
def target(wheel, tmp_path_factory, pip):
    """``pip install --target``."""
    folder = str(tmp_path_factory.mktemp("target"))
    pip("install", "--no-deps", "--no-index", "--quiet", "--target", folder, wheel)
    return Place(folder, path=folder)


def vendored_place(tmp_path_factory, name, module, zipped=False, inside=()):
    top = tmp_path_factory.mktemp("vendored")
    destination = top.joinpath(*inside)
    for package in [destination, *destination.parents]:
        if package == top:
            break
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").write_text("")
    made, _ = vendor.vendor(str(destination), name, zipped)
    folder = made if zipped else str(top)
    return Place(folder, module, path=folder)


@pytest.fixture(scope="session")
def vendored(tmp_path_factory):
    return vendored_place(tmp_path_factory, "zmq_ctypes", "zmq_ctypes")


@pytest.fixture(scope="session")
def renamed(tmp_path_factory):
    return vendored_place(tmp_path_factory, "zmq", "zmq")


@pytest.fixture(scope="session")
def deep(tmp_path_factory):
    return vendored_place(tmp_path_factory, "zmq_ctypes", "theirlib._vendor.zmq_ctypes", inside=("theirlib", "_vendor"))


@pytest.fixture(scope="session")
def zipped(tmp_path_factory):
    return vendored_place(tmp_path_factory, "zmq_ctypes", "zmq_ctypes", zipped=True)


@pytest.fixture(scope="session")
def bare(vendored):
    """A vendored copy under ``python -I -S``: no environment variables, no site-packages."""
    return Place(vendored.folder, python=[sys.executable, "-I", "-S"], path=vendored.folder, isolated=True)


def in_subinterpreter(arguments):
    """Run a script in an interpreter with a GIL of its own; an exception there becomes one here."""
    code = (
        "import _interpreters; interpreter = _interpreters.create('isolated')\n"
        f"failure = _interpreters.exec(interpreter, {embedded(arguments)!r})\n"
        "if failure: raise SystemExit(failure.errdisplay)\n"
        "_interpreters.destroy(interpreter)"
    )
    return ["-c", code]


@pytest.fixture(scope="session")
def subinterpreter(vendored):
    here = sys.executable if sys.implementation.name == "cpython" and sys.version_info >= (3, 13) else None
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    known = [
        here,
        shutil.which("python3.13"),
        *glob.glob(os.path.join(pyenv, "versions", "3.13.*", "bin", "python3.13")),
    ]
    # pyenv puts a command into PATH for every version that it has; those that were not chosen say so and fail.
    works = [python for python in known if python and subprocess.run([python, "-c", ""], stderr=-1).returncode == 0]
    need(
        works,
        "CPython 3.13 (python3.13 in PATH): only from there on can ctypes be imported into an own-GIL interpreter",
    )
    python = works[0]
    return Place(vendored.folder, python=[python, "-I"], path=vendored.folder, isolated=True, wrap=in_subinterpreter)


@pytest.fixture(scope="session")
def gdb(vendored):
    """The Python inside gdb, as an example of a program that embeds one and has no packages for it."""
    program = shutil.which("gdb")
    need(program, "gdb with Python (apt install gdb)")
    has_python = subprocess.run([program, "-batch", "-nx", "-ex", "python 1"], stdout=-1, stderr=-1).returncode == 0
    need(has_python, "a gdb that was built with Python")
    command = [program, "-batch", "-nx", "-ex"]
    return Place(
        vendored.folder,
        python=command,
        path=vendored.folder,
        isolated=True,
        wrap=lambda arguments: ["python " + embedded(arguments)],
    )


@pytest.fixture(scope="session")
def pyzmq():
    """Folder with an installed pyzmq for the Python that runs the tests; kept under ``build/``."""
    try:
        python = environments.environment("pyzmq", ["pyzmq >= 26.1"], print)
    except environments.Failure as reason:
        need(False, f"pyzmq: {reason}")
    return run([python, "-I", "-c", "import sysconfig; print(sysconfig.get_path('platlib'))"]).strip()


@pytest.fixture(scope="session")
def their_place(pyzmq):
    return Place(pyzmq, "zmq", path=pyzmq)
