"""Opening real files: what is taken, what is refused, and in which words."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import shutil
import sys

import pytest
from support import need

from zmq_ctypes.loader import LibraryNotFound, open_library, probe, process


@pytest.fixture
def process_environment():
    return process.environment()


def refusal(path):
    """The one reason why `path` is refused."""
    with pytest.raises(LibraryNotFound) as caught:
        open_library(path)
    (attempt,) = caught.value.attempts
    assert attempt.reason in str(caught.value)
    return attempt.reason


def test_the_file_behind_a_bare_name(run, libzmq):
    """The system searches by itself; we say all the same which file that gave."""
    code = """
import json, sys
from zmq_ctypes.loader import load
found = load(sys.argv[1])
print(json.dumps([found.path, found.attempts[-1].path]))
"""
    name = os.path.basename(libzmq)
    path, tried = run(code, name, LD_LIBRARY_PATH=os.path.dirname(libzmq), DYLD_LIBRARY_PATH=os.path.dirname(libzmq))
    assert tried == name
    assert os.path.samefile(path, libzmq)


def test_a_bundle_whose_run_path_is_broken(run, wheel_library):
    """libsodium lies beside the libzmq of this wheel, which does not know: it is opened first."""
    file = wheel_library("4.3.3")
    code = """
import ctypes, json, sys
from zmq_ctypes.loader import open_library
try:
    ctypes.CDLL(sys.argv[1])
    plain = True
except OSError:
    plain = False
print(json.dumps([plain, open_library(sys.argv[1]).version]))
"""
    assert run(code, file) == [False, [4, 3, 3]]


def test_two_versions_in_one_process_do_not_mix(wheel_library):
    old, new = open_library(wheel_library("4.1.4")), open_library(wheel_library("4.3.5"))
    assert (old.version, new.version) == ((4, 1, 4), (4, 3, 5))
    assert not process.address_of(old.cdll, "zmq_timers_new")
    assert process.address_of(new.cdll, "zmq_timers_new")
    for found in (old, new):
        exchange(found)


def exchange(found):
    """Send a message through inproc with nothing but the C functions."""
    call = found.functions
    context = call.zmq_ctx_new()
    sender, receiver = call.zmq_socket(context, 0), call.zmq_socket(context, 0)
    try:
        assert call.zmq_bind(sender, b"inproc://x") == 0
        assert call.zmq_connect(receiver, b"inproc://x") == 0
        assert call.zmq_send(sender, b"hello", 5, 1) == 5
        buffer = ctypes.create_string_buffer(10)
        assert call.zmq_recv(receiver, buffer, 10, 1) == 5
        assert buffer.value == b"hello"
    finally:
        call.zmq_close(sender)
        call.zmq_close(receiver)
        call.zmq_ctx_destroy(context)


def test_a_missing_file(tmp_path):
    assert "cannot be opened" in refusal(tmp_path / "libzmq.so.5")


def test_a_text_file(tmp_path):
    path = tmp_path / "libzmq.so.5"
    path.write_text("INPUT(libzmq.so.5)\n")
    assert "text file" in refusal(path)


def test_an_empty_folder(tmp_path):
    assert "folder" in refusal(tmp_path)


def test_a_named_pipe_does_not_hang(tmp_path):
    need(hasattr(os, "mkfifo"), "a system with named pipes")
    path = tmp_path / "libzmq.so.5"
    os.mkfifo(path)
    assert refusal(path) == "is not a regular file"


def test_an_unreadable_file(copy):
    file = copy()
    os.chmod(file, 0)
    if os.access(file, os.R_OK):
        # The administrator reads everything; a file that is gone between the search and the reading is as unreadable.
        os.remove(file)
    assert "cannot be" in refusal(file)


@pytest.mark.parametrize("part", [0.02, 0.5, 0.9])
def test_an_incomplete_copy(copy, part):
    """The linker would map what is not there and the process would die of SIGBUS."""
    file = copy()
    os.truncate(file, int(os.path.getsize(file) * part))
    assert "cut short" in refusal(file)


def test_another_architecture(copy):
    need(sys.platform.startswith("linux"), "ELF files")
    file = copy()
    machine, name = (183, "aarch64") if process.environment().machine != "aarch64" else (62, "x86_64")
    with open(file, "r+b") as library_file:
        library_file.seek(18)
        library_file.write(machine.to_bytes(2, sys.byteorder))
    assert refusal(file) == f"is for {name}, this Python is {process.environment().machine}"


def test_a_library_that_is_not_libzmq(tmp_path):
    other = ctypes.util.find_library("m")
    need(other and sys.platform.startswith("linux"), "a mathematics library as a file")
    where = process.file_of(ctypes.CDLL(other), "cos")
    copied = shutil.copy(os.path.realpath(where), tmp_path / "libzmq.so.5")
    assert refusal(copied) == "is not libzmq: it has no zmq_version"


def test_older_than_3_2(copy, monkeypatch):
    monkeypatch.setattr(probe, "_version", lambda cdll: (2, 1, 11))
    assert refusal(copy()) == "is libzmq 2.1.11, older than 3.2"


def test_functions_that_should_be_there(copy, monkeypatch):
    monkeypatch.setattr(probe, "NEEDED", ("zmq_errno", "zmq_no_such_function"))
    assert "lacks zmq_no_such_function" in refusal(copy())


def test_beside_one_that_is_visible_to_the_whole_process(run, libzmq, copy, tmp_path):
    """Calls inside the second would reach the first: the second is refused, and without a choice the first is taken."""
    need(sys.platform.startswith("linux"), "LD_PRELOAD")
    code = """
import json, sys
from zmq_ctypes.loader import LibraryNotFound, load
try:
    load(sys.argv[1])
    print(json.dumps("taken"))
except LibraryNotFound as error:
    found = load()
    print(json.dumps([error.attempts[0].reason, found.path, found.origin]))
"""
    # The second variable is for those whose own run path is broken.
    variables = {"LD_PRELOAD": libzmq, "LD_LIBRARY_PATH": os.path.dirname(libzmq), "XDG_DATA_HOME": str(tmp_path)}
    reason, path, origin = run(code, copy(), **variables)
    assert "visible to the whole process" in reason
    assert os.path.samefile(path, libzmq)
    assert origin == "this process"


def test_only_what_the_linker_misses_is_opened_beside_it(copy, monkeypatch, process_environment):
    """Not everything whose name happens to be a word of the system's sentence."""
    file = copy()
    folder = os.path.dirname(file)
    for name in ("cannot", "so", "missing.so.1", "libzmq"):
        with open(os.path.join(folder, name), "w") as other:
            other.write("no library")
    needed = shutil.copy(file, os.path.join(folder, "libneeded.so.1"))
    opened = []

    def pretend(path):
        opened.append(path)
        if path == file and needed not in opened:
            raise OSError(f"libneeded.so.1: cannot open shared object file, nor missing.so.1, needed by {file}")
        return "opened"

    monkeypatch.setattr(probe, "dlopen", pretend)
    assert probe.open_candidate(file, process_environment) == "opened"
    assert opened == [file, needed, file]


def test_a_sibling_that_does_not_help_ends_the_search(copy, monkeypatch, process_environment):
    """As with musl, which does not take what was opened by its path."""
    file = copy()
    needed = shutil.copy(file, os.path.join(os.path.dirname(file), "libneeded.so.1"))
    opened = []

    def pretend(path):
        opened.append(path)
        if path == file:
            raise OSError("Error loading shared library libneeded.so.1: No such file (needed by libzmq.so)")

    monkeypatch.setattr(probe, "dlopen", pretend)
    with pytest.raises(probe.Refused, match=r"libneeded\.so\.1"):
        probe.open_candidate(file, process_environment)
    assert opened == [file, needed, file]


def test_a_name_that_is_not_text(tmp_path):
    need(sys.platform.startswith("linux"), "names of files that are bytes")
    path = os.path.join(os.fsencode(str(tmp_path)), b"\xff\xc3\xa4.so")
    assert "cannot be opened" in refusal(path)
    with open(path, "wb") as file:
        file.write(b"text")
    assert "text file" in refusal(path)


def test_a_library_whose_name_is_not_text(copy):
    need(sys.platform.startswith("linux"), "names of files that are bytes")
    file = os.fsencode(copy())
    renamed = os.path.join(os.path.dirname(file), b"libzmq-\xff.so")
    os.rename(file, renamed)
    assert open_library(renamed).version >= (3, 2, 0)
