"""libzmq in many versions, each taken out of a wheel of pyzmq that carried it.

    python tests/wheels.py 4.2.5       prints the file, downloading it through pip if need be
    python tests/wheels.py draft       the same for a draft build of 4.3.6, which is of the Python that asks

Nothing is installed: a wheel is a zip file, and the libraries in it are of no particular Python.  That with drafts is
an exception: it is inside an extension module, which opens in the CPython that it was made for.  To run everything on it:

    ZMQ_CTYPES_LIBRARY=$(python tests/wheels.py draft) tools/test
"""

from __future__ import annotations

import glob
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WHEELS = os.path.join(ROOT, "build", "wheels")

#: libzmq -> version of pyzmq, Python and ABI of one of its wheels
CARRIERS = {
    "4.1.4": ("15.2.0", "3.5", "cp35m"),
    "4.1.5": ("15.4.0", "3.5", "cp35m"),
    "4.1.6": ("16.0.4", "3.6", "cp36m"),
    "4.2.5": ("17.1.3", "3.7", "cp37m"),
    "4.3.1": ("18.0.2", "3.7", "cp37m"),
    "4.3.2": ("18.1.1", "3.8", "cp38"),
    "4.3.3": ("20.0.0", "3.9", "cp39"),
    "4.3.4": ("25.1.2", "3.11", "cp311"),
    "4.3.5": ("27.3.0", "3.11", "cp311"),
}
PLATFORMS = ("manylinux1", "manylinux2010", "manylinux2014", "manylinux_2_28")
LAYOUTS = ("zmq/.libs/libzmq*.so*", "pyzmq.libs/libzmq*.so*")

#: An extension module with a libzmq of 4.3.6 in it that has the draft API, WebSockets and CURVE, and exports them.
DRAFTS = ("ingescape", "4.7.0")
DRAFT_MODULE = "ingescape/_ingescape."
DRAFT_LIBRARY = "libzmq-draft.so"


class Unavailable(Exception):
    """No wheel with this libzmq can be had here; the text says why."""


def _find(folder):
    for layout in LAYOUTS:
        for path in glob.glob(os.path.join(folder, *layout.split("/"))):
            return path
    return None


def wheel_library(version):
    """The file of a libzmq of this version, with the libraries that it needs beside it.

    Raises
    ------
    Unavailable
        No wheel is known to carry it, or pip could not download it.
    """
    if version not in CARRIERS:
        raise Unavailable(f"no wheel is known to carry libzmq {version}; known: {', '.join(CARRIERS)}")
    folder = os.path.join(WHEELS, version)
    found = _find(folder)
    if found:
        return found
    if sys.platform != "linux":
        raise Unavailable("the wheels in the list are for Linux")
    carrier, python, abi = CARRIERS[version]
    options = ["--implementation=cp", f"--python-version={python}", f"--abi={abi}"]
    options += [f"--platform={tag}_{platform.machine()}" for tag in PLATFORMS]

    def unpack(archive, unpacked):
        archive.extractall(unpacked, [name for name in archive.namelist() if ".libs/" in name])

    return _unpacked(f"pyzmq=={carrier}", options, folder, unpack, _find)


def draft_library():
    """The file of a libzmq with the draft API, for the Python that runs this.

    Raises
    ------
    Unavailable
        There is none for this Python or this system, or pip could not download it.
    """
    if sys.implementation.name != "cpython" or sys.platform not in ("linux", "darwin"):
        raise Unavailable("the wheels with a draft build are for CPython on Linux and macOS")
    folder = os.path.join(WHEELS, f"draft-{sys.implementation.cache_tag}{getattr(sys, 'abiflags', '')}")

    def find(folder):
        path = os.path.join(folder, DRAFT_LIBRARY)
        return path if os.path.exists(path) else None

    def unpack(archive, unpacked):
        for name in archive.namelist():
            # All in one folder, where the loader looks for what a library needs, and under a name that it looks for.
            goal = DRAFT_LIBRARY if name.startswith(DRAFT_MODULE) and name.endswith(".so") else os.path.basename(name)
            if goal == DRAFT_LIBRARY or ".libs/" in name and goal:
                os.makedirs(unpacked, exist_ok=True)
                with archive.open(name) as source, open(os.path.join(unpacked, goal), "wb") as target:
                    shutil.copyfileobj(source, target)

    return find(folder) or _unpacked("==".join(DRAFTS), [], folder, unpack, find)


def _pip(arguments, **environment):
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environment},
    )


def _unpacked(requirement, options, folder, unpack, find):
    """Download a wheel through pip and unpack of it what is wanted; the file that `find` finds in the folder."""
    os.makedirs(WHEELS, exist_ok=True)
    fresh = tempfile.mkdtemp(dir=WHEELS)
    download = ["download", "--quiet", "--no-deps", "--only-binary=:all:", *options, "--dest", fresh, requirement]
    try:
        done = _pip(download)
        if done.returncode:
            # From 24.1 on pip does not understand what some wheels of pyzmq say of PyPy, such as 20.0.0.
            older = os.path.join(fresh, "pip")
            if not _pip(["install", "--quiet", "--target", older, "pip<24.1"]).returncode:
                done = _pip(download, PYTHONPATH=older)
        if done.returncode:
            raise Unavailable(f"pip could not download {requirement}:\n{done.stdout.decode(errors='replace').rstrip()}")
        unpacked = os.path.join(fresh, "unpacked")
        for wheel in glob.glob(os.path.join(fresh, "*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                unpack(archive, unpacked)
        if not find(unpacked):
            raise Unavailable(f"the wheel of {requirement} holds no libzmq of its own")
        try:
            os.rename(unpacked, folder)
        except OSError:
            # Somebody else was faster; what is there is the same.
            if not find(folder):
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return find(folder)


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        try:
            print(draft_library() if wanted == "draft" else wheel_library(wanted))
        except Unavailable as reason:
            sys.exit(f"wheels.py: {reason}")
