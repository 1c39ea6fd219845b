"""Where the sides stand: the libzmq out of the installed pyzmq, the program in C, and the machine under all of it."""

from __future__ import annotations

import glob
import os
import platform
import shutil
import sys

from environments import BUILD, ROOT, Failure, python_tag, run

PYZMQ = "pyzmq >= 26, < 28"

#: Where the wheels of pyzmq keep libzmq, seen from site-packages; the first match counts.
BUNDLES = (
    "pyzmq.libs/libzmq*.so*",
    "zmq/.libs/libzmq*.so*",
    "zmq/.dylibs/libzmq*.dylib",
    "pyzmq.libs/libzmq*.dll",
)

SITE = "import importlib.util as u, os; print(os.path.dirname(os.path.dirname(u.find_spec('zmq').origin)))"


def processor():
    """The name of the processor, where the system tells."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor()


def machine():
    """What a reader of the figures has to know of the machine."""
    return {
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "processor": processor(),
        "cores": os.cpu_count(),
    }


def interpreter():
    """The same of the interpreter."""
    return {"implementation": platform.python_implementation(), "version": platform.python_version()}


def variables(library=None):
    """The environment variables for a process of either side: both get the same."""
    env = dict(os.environ, PYTHONPATH=ROOT)
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    if library:
        env["ZMQ_CTYPES_LIBRARY"] = library
    return env


def bundled_library(python):
    """The file of libzmq inside the pyzmq that this interpreter has."""
    site = run([python, "-c", SITE], "looking for the installed pyzmq", variables()).strip()
    for pattern in BUNDLES:
        found = sorted(glob.glob(os.path.join(glob.escape(site), *pattern.split("/"))))
        if found:
            return found[0]
    raise Failure(
        f"the pyzmq in {site} keeps no libzmq that can be opened on its own (its Windows wheels since 26 do not), "
        "so the two sides cannot be put on the same library here"
    )


def compiled():
    """``(path of the program in C, "")`` or ``(None, why there is none)``."""
    compiler = os.environ.get("CC") or next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if os.name == "nt":
        return None, "the program in C needs dlopen"
    if not compiler:
        return None, "no C compiler"
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers.c")
    folder = os.path.join(BUILD, "bench")
    os.makedirs(folder, exist_ok=True)
    program = os.path.join(folder, f"peers-{python_tag()}")
    failed = ""
    # dlopen has a library of its own on some systems and lives in libc on others.
    for libraries in (["-ldl"], []):
        try:
            run([*compiler.split(), "-O2", "-o", program, source, *libraries], "compiling peers.c")
            return program, ""
        except (Failure, OSError) as error:
            failed = failed or str(error)
    return None, "no zmq.h" if "fatal error: zmq.h" in failed or "'zmq.h' file not found" in failed else failed


def reexecute(python, script, arguments):
    """Run this script once more under another interpreter, and end with its exit status."""
    command = [python, script, *arguments]
    if os.name == "nt":
        import subprocess

        sys.exit(subprocess.call(command))
    os.execv(shutil.which(python) or python, command)
