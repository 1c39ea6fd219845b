"""The distributions hold what contents.txt lists: a module that was forgotten, or a file too many, shows here."""

from __future__ import annotations

import os
import tarfile
import zipfile

import pytest
import vendor
from layouts.places import HERE, ROOT

pytestmark = pytest.mark.timeout(400)

#: In the sdist beside the packages and whole folders; the first is what setuptools makes of the metadata.
TOP = {"PKG-INFO", "LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "setup.cfg"}
FOLDERS = ("docs", "tests", "tools")
METADATA = {"LICENSE", "METADATA", "RECORD", "WHEEL", "top_level.txt", "zip-safe"}


@pytest.fixture(scope="module")
def written():
    """What the package consists of, relative to its folder."""
    with open(os.path.join(HERE, "contents.txt"), encoding="utf-8") as file:
        lines = [line.strip() for line in file if not line.startswith("#")]
    assert lines == sorted(set(lines)), "contents.txt is not sorted"
    return set(lines)


@pytest.fixture(scope="module")
def in_checkout(written):
    """Where each of them lies in a checkout."""
    return {path if path.startswith("loader/") else "zmq_ctypes/" + path for path in written}


def test_the_wheel(wheel, written):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = {name.partition("/")[2] for name in names if name.startswith("zmq_ctypes/")}
    assert package == written
    metadata = {name for name in names if ".dist-info/" in name}
    # Where the licence lies there depends on the version of setuptools.
    assert {name.rpartition("/")[2] for name in metadata} == METADATA
    assert names == metadata | {"zmq_ctypes/" + name for name in package}
    assert os.path.basename(wheel) == f"zmq_ctypes-{vendor.version()}-py3-none-any.whl"


def test_the_metadata_of_the_wheel(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        lines = archive.read(name).decode().partition("\n\n")[0].splitlines()
    fields = {line.partition(": ")[0]: line.partition(": ")[2] for line in lines}
    assert (fields["Name"], fields["Version"]) == ("zmq-ctypes", vendor.version())
    assert fields["Requires-Python"] == ">=3.8"
    extras = {line.partition(": ")[2] for line in lines if line.startswith("Provides-Extra")}
    assert extras == {"libzmq", "ssh", "tornado", "green", "test", "docs"}
    required = [line for line in lines if line.startswith("Requires-Dist") and "extra ==" not in line]
    assert required == []


def test_the_sdist(distributions, in_checkout):
    with tarfile.open(distributions[0]) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    names = {name for name in names if not name.startswith("zmq_ctypes.egg-info/")}
    folders = {
        f"{folder}/{path}"
        for folder in FOLDERS
        for path in vendor.below(os.path.join(ROOT, folder))
        if "/." not in "/" + path
    }
    assert {"tests/layouts/test_contents.py", "tools/test", "docs/vendoring.md"} <= folders
    assert names == in_checkout | TOP | folders


def test_the_vendored_copy(vendored, written):
    assert set(vendor.below(os.path.join(vendored.folder, "zmq_ctypes"))) == written | {"LICENSE", vendor.MARKER}


def test_the_zip(zipped, written):
    with zipfile.ZipFile(zipped.folder) as archive:
        names = set(archive.namelist())
    assert names == {f"zmq_ctypes/{path}" for path in written | {"LICENSE", vendor.MARKER}}
