"""What the tools need of the machine: an environment with the packages of one purpose, and a libzmq.

Both are kept under ``build/`` in the checkout, made once and found again by the next run.  Only the standard
library is used, and what can be missing from a Python (venv, ensurepip, pip) is said by name.
"""

from __future__ import annotations

import configparser
import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if os.name != "nt":
    # Python makes the name of a script that is run as "src/tools/test" in "/" begin with two slashes.
    ROOT = "/" + ROOT.lstrip("/")
BUILD = os.path.join(ROOT, "build")
VARIABLE = "ZMQ_CTYPES_LIBRARY"

PROBE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from zmq_ctypes.loader import LibraryNotFound, load
try:
    library = load()
except LibraryNotFound as error:
    print(json.dumps({"missing": str(error)}))
else:
    print(json.dumps({"path": library.path or library.origin, "version": ".".join(map(str, library.version))}))
"""


class Failure(Exception):
    """What the tool needs cannot be had; the text is for the user."""


def python_tag():
    """Name of this interpreter for a folder: implementation, version and ABI, such as ``cpython-313t``."""
    return sys.implementation.cache_tag + getattr(sys, "abiflags", "")


def requirements(extra):
    """The requirements of one extra of the distribution, as setup.cfg lists them."""
    configuration = configparser.ConfigParser()
    configuration.read(os.path.join(ROOT, "setup.cfg"), encoding="utf-8")
    return configuration["options.extras_require"][extra].split("\n")[1:]


@contextlib.contextmanager
def locked(path):
    """Keep a second run of the same tool waiting while this one makes what both need."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(command, what, variables=None):
    """The output of a command that is expected to succeed.

    Raises
    ------
    Failure
        It did not; the text ends with what it printed to its standard error.
    """
    done = subprocess.run(command, env=variables, capture_output=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").rstrip()
        raise Failure(f"{what} failed (exit status {done.returncode}):\n{said}")
    return done.stdout.decode(errors="replace")


def has(module):
    return importlib.util.find_spec(module) is not None


def environment(purpose, wanted, say):
    """A Python with some packages: its executable.

    Parameters
    ----------
    purpose : str
        Name of the folder below ``build/``.
    wanted : list of str
        Requirements, as pip understands them.
    say : callable
        Gets one line for each step that takes long.

    Raises
    ------
    Failure
        This Python cannot make an environment, or pip could not install the packages.
    """
    folder = os.path.join(BUILD, purpose, python_tag())
    python = os.path.join(folder, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))
    stamp = os.path.join(folder, "made-for.txt")
    made_for = "\n".join([sys.version, sys.base_prefix, *wanted])
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    with locked(folder + ".lock"):
        with contextlib.suppress(OSError), open(stamp, encoding="utf-8") as file:
            if file.read() == made_for and os.path.exists(python):
                return python
        say(f"making an environment with {', '.join(wanted)} in {os.path.relpath(folder)}")
        shutil.rmtree(folder, ignore_errors=True)
        make(folder, python, wanted)
        with open(stamp, "w", encoding="utf-8") as file:
            file.write(made_for)
    return python


def make(folder, python, wanted):
    """Make a virtual environment that has the packages, with whatever this Python has for it."""
    if not has("venv") or not (has("ensurepip") or has("pip")):
        raise Failure(
            f"{sys.executable} has no {'pip' if has('venv') else 'venv'} and can make no environment: install it "
            "(Debian and Ubuntu: apt install python3-venv), or run this with another Python"
        )
    # Debian splits ensurepip off; pip itself may be there nevertheless, and can install a copy of itself elsewhere.
    complete = has("ensurepip")
    try:
        run([sys.executable, "-m", "venv", folder] + ([] if complete else ["--without-pip"]), "making an environment")
    except Failure:
        if not (complete and has("pip")):
            raise
        complete = False
        run([sys.executable, "-m", "venv", "--clear", "--without-pip", folder], "making an environment")
    install = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    if complete:
        command = [python, *install, *wanted]
    else:
        target = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], "asking the environment")
        command = [sys.executable, *install, "--target", target.strip(), "pip", *wanted]
    run(command, f"pip install {' '.join(wanted)}")


def probe(variables):
    """What the loader finds, asked in a process of its own: a broken library must not end this one.

    Returns
    -------
    dict
        ``path`` and ``version`` of the library, or ``missing``: the loader's own words.
    """
    return json.loads(run([sys.executable, "-c", PROBE, ROOT], "asking the loader", variables))


def obtain_library(say):
    """A libzmq for our processes, fetched through pip into ``build/libzmq`` where none is found.

    Returns
    -------
    tuple of (dict, dict)
        The environment variables for the processes, and what `probe` said of the library.

    Raises
    ------
    Failure
        There is none and none can be fetched, or the one that ``ZMQ_CTYPES_LIBRARY`` names does not work.
    """
    variables = dict(os.environ)
    if os.path.dirname(variables.get(VARIABLE, "")):
        # Our processes work in folders of their own.
        variables[VARIABLE] = os.path.abspath(variables[VARIABLE])
    found = probe(variables)
    if "missing" not in found:
        return variables, found
    if variables.get(VARIABLE):
        raise Failure(found["missing"])
    folder = os.path.join(BUILD, "libzmq")
    fetched = dict(variables, **{VARIABLE: folder})
    if os.path.isdir(folder):
        found = probe(fetched)
        if "missing" not in found:
            return fetched, found
    say(f"no libzmq on this machine: fetching one with pip into {os.path.relpath(folder)}")
    command = [sys.executable, "-m", "zmq_ctypes.loader", "fetch", "--dest", folder]
    paths = [ROOT] + [path for path in [variables.get("PYTHONPATH")] if path]
    if subprocess.run(command, env=dict(variables, PYTHONPATH=os.pathsep.join(paths))).returncode:
        raise Failure(f"no libzmq could be fetched: install one with the system's packages, or name one in {VARIABLE}")
    found = probe(fetched)
    if "missing" in found:
        raise Failure(found["missing"])
    return fetched, found
