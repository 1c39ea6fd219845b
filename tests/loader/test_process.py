"""What the running process tells about itself."""

from __future__ import annotations

import ctypes
import os
import sys

import pytest
from support import need

from zmq_ctypes import loader
from zmq_ctypes.loader import finder, platforms, process


@pytest.mark.parametrize(
    ("name", "bits", "machine"),
    [
        ("x86_64", 64, "x86_64"),
        ("AMD64", 64, "x86_64"),
        ("x86_64", 32, "i686"),
        ("i386", 32, "i686"),
        ("i586", 32, "i686"),
        ("arm64", 64, "aarch64"),
        ("aarch64", 64, "aarch64"),
        ("aarch64", 32, "arm"),
        ("armv7l", 32, "arm"),
        ("armv6l", 32, "arm"),
        ("armv8l", 32, "arm"),
        ("riscv64", 64, "riscv64"),
        ("ppc64le", 64, "ppc64le"),
        ("s390x", 64, "s390x"),
        ("vax", 32, "vax"),
    ],
)
def test_one_name_for_each_machine(name, bits, machine):
    assert process.canonical_machine(name, bits) == machine


def test_the_environment_of_this_process():
    found = process.environment()
    assert found.platform in platforms.PLATFORMS
    assert found.bits == 8 * ctypes.sizeof(ctypes.c_void_p)
    assert found.machine in platforms.MACHINES
    assert found.modules is sys.modules
    assert found.variables is os.environ
    assert sys.prefix in found.prefixes
    assert os.path.basename(found.package) == "loader"
    assert finder.platform_tags(found)
    if found.platform == "linux":
        assert found.libc in ("glibc", "musl")


def test_the_machine_is_that_of_this_python():
    """The kernel's word alone would be wrong for a 32-bit Python on a 64-bit kernel."""
    from zmq_ctypes.loader.binary import examine

    image = examine(os.path.realpath(sys.executable))
    assert process.environment().machine in image.machines


def test_a_library_is_mapped_once_it_is_open(run, given):
    code = """
import json
from os.path import basename
from zmq_ctypes.loader import load, process
platform = process.environment().platform
before = [p for p in process.mapped(platform) if "libzmq" in basename(p)]
file = load().path
print(json.dumps([before, file, [p for p in process.mapped(platform) if "libzmq" in basename(p)]]))
"""
    before, file, after = run(code, **given)
    assert before == []
    assert [path for path in after if os.path.samefile(path, file)]


def test_the_linker_tells_the_same_as_the_kernel():
    """Systems without /proc ask the linker; where both are there they must agree."""
    need(hasattr(ctypes.CDLL(None), "dl_iterate_phdr") and os.path.exists("/proc/self/maps"), "Linux or FreeBSD")
    file = os.path.realpath(loader.load().path)
    for ask in (process._mapped_by_proc, process._mapped_by_linker):
        assert file in [os.path.realpath(path) for path in ask()]


def test_a_system_that_tells_nothing_has_nothing_mapped():
    assert process.mapped("a system nobody heard of") == []


def test_an_imported_library_is_used_again(run, copy, tmp_path):
    """A libzmq that something else has opened is taken before the system's."""
    code = """
import json, sys
from zmq_ctypes.loader import load, open_library
other = open_library(sys.argv[1])
print(json.dumps([load().path, load().origin]))
"""
    file = copy()
    path, origin = run(code, file, XDG_DATA_HOME=str(tmp_path), HOME=str(tmp_path))
    assert os.path.samefile(path, file)
    assert origin == "this process"


def test_addresses_and_files():
    found = loader.load()
    assert process.address_of(found.cdll, "zmq_version")
    assert process.address_of(found.cdll, "zmq_no_such_function") is None
    assert os.path.samefile(process.file_of(found.cdll, "zmq_version"), found.path)
    assert process.file_of(found.cdll, "zmq_no_such_function") is None
