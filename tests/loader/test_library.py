"""One process has one library: loading it once, again, elsewhere, in vain."""

from __future__ import annotations

import os
import pathlib
import threading

import pytest
from support import need
from zmq_ctypes.loader.finder import VARIABLE, Environment

from zmq_ctypes import loader
from zmq_ctypes.loader import Library, LibraryNotFound, Loader, open_library, opened, process

# --- what is taken


def test_the_loaded_library():
    found = loader.load()
    assert found.version >= (3, 2, 0)
    assert os.path.isfile(found.path)
    assert found.attempts[-1].reason is None
    assert found.attempts[-1].origin == found.origin
    assert [a for a in found.attempts if a.reason is None] == [found.attempts[-1]]
    assert ".".join(map(str, found.version)) in repr(found)
    assert found.path in repr(found)


def test_loading_twice_gives_the_same_object():
    assert loader.load() is loader.load() is loader.loaded()


def test_open_library_leaves_the_process_wide_one_alone(copy):
    before = loader.load()
    other = open_library(copy())
    assert isinstance(other, Library)
    assert other is not before and loader.load() is before
    assert process.address_of(other.cdll, "zmq_version") != process.address_of(before.cdll, "zmq_version")


@pytest.mark.parametrize("kind", [str, os.fsencode, pathlib.Path])
def test_kinds_of_path(copy, kind):
    file = copy()
    assert os.path.samefile(open_library(kind(file)).path, file)


def test_a_folder(copy):
    file = copy()
    assert os.path.samefile(open_library(os.path.dirname(file)).path, file)


def test_a_folder_whose_name_is_not_ascii(copy):
    file = copy(folder="zmq \u00fc\u4e2d %s{home}")
    assert os.path.samefile(open_library(file).path, file)


def test_a_relative_path(copy, monkeypatch):
    file = copy()
    monkeypatch.chdir(os.path.dirname(os.path.dirname(file)))
    assert os.path.samefile(open_library(os.path.relpath(file)).path, file)


@pytest.mark.parametrize("path", [1, 1.5, object(), ["libzmq.so"]])
def test_what_is_no_path_at_all(path):
    with pytest.raises(TypeError, match="path must be"):
        loader.load(path)
    with pytest.raises(TypeError, match="path must be"):
        open_library(path)


@pytest.mark.parametrize("path", ["", b"", "a\0b", b"a\0b"])
def test_what_cannot_name_a_file(path):
    with pytest.raises(ValueError, match="^path "):
        loader.load(path)
    with pytest.raises(ValueError, match="^path "):
        open_library(path)


# --- once


def test_the_same_file_again_is_fine(copy, tmp_path):
    file = copy()
    mine = Loader()
    found = mine.load(file)
    link = tmp_path / "link.so"
    link.symlink_to(file)
    for name in (file, os.fsencode(file), link, os.path.dirname(file), os.path.relpath(file)):
        assert mine.load(name) is found
    assert mine.load() is found


def test_another_file_is_an_error_that_says_what_is_loaded(copy, libzmq):
    file = copy()
    mine = Loader()
    found = mine.load(file)
    for other in (libzmq, "/nonexistent/libzmq.so.5", "libnonexistent.so.5"):
        with pytest.raises(RuntimeError) as caught:
            mine.load(other)
        for words in (os.path.basename(file), ".".join(map(str, found.version)), other, found.origin, VARIABLE):
            assert words in str(caught.value)
    assert mine.load() is found


def test_a_failure_leaves_nothing_behind(tmp_path, copy):
    mine = Loader()
    with pytest.raises(LibraryNotFound):
        mine.load(tmp_path / "missing.so")
    assert mine.library is None
    file = copy()
    assert os.path.samefile(mine.load(file).path, file)


def test_a_failure_while_binding_leaves_nothing_behind(copy, monkeypatch):
    mine = Loader()
    file = copy()
    with monkeypatch.context() as patch:
        patch.setattr(opened, "Functions", None)
        with pytest.raises(TypeError):
            mine.load(file)
    assert mine.library is None
    assert mine.load(file).functions


def test_many_threads_search_once(copy):
    file = copy()
    searches = []

    def environment():
        searches.append(threading.get_ident())
        return Environment(**{**vars_of(process.environment()), "variables": {VARIABLE: file}})

    mine = Loader(environment)
    found = []
    start = threading.Barrier(8)

    def work():
        start.wait(10)
        found.append(mine.load())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 8
    assert len(set(map(id, found))) == 1
    assert len(searches) == 1


def vars_of(environment):
    """The arguments that made `environment`."""
    return {name: value for name, value in vars(environment).items() if name != "traits"}


def test_a_fork_during_the_search_does_not_lock_the_child(run, given):
    need(hasattr(os, "fork"), "fork")
    code = """
import json, os, threading
from zmq_ctypes.loader import library, load, process
entered, go = threading.Event(), threading.Event()
real = process.environment
def slow():
    entered.set()
    go.wait(30)
    return real()
library._loader._environment = slow
thread = threading.Thread(target=load)
thread.start()
entered.wait(30)
import warnings
warnings.simplefilter("ignore")
child = os.fork()
if child == 0:
    library._loader._environment = real
    load()
    os._exit(7)
status = os.waitpid(child, 0)[1]
go.set()
thread.join()
print(json.dumps(os.WEXITSTATUS(status)))
"""
    assert run(code, **given) == 7


def test_a_fork_during_the_import_of_the_search_does_not_lock_the_child(run, given):
    need(hasattr(os, "fork"), "fork")
    code = """
import importlib.util, json, os, sys, threading, time, warnings
from zmq_ctypes.loader import load
entered = threading.Event()

class Slow:
    def find_spec(self, name, path=None, target=None):
        if not name.endswith(".loader.search"):
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module

        def run_slowly(module):
            entered.set()
            time.sleep(0.5)
            run(module)

        spec.loader.exec_module = run_slowly
        return spec

sys.meta_path.insert(0, Slow())
thread = threading.Thread(target=load)
thread.start()
entered.wait(30)
warnings.simplefilter("ignore")
child = os.fork()
if child == 0:
    load()
    os._exit(7)
print(json.dumps(os.WEXITSTATUS(os.waitpid(child, 0)[1])))
thread.join()
"""
    assert run(code, **given) == 7


# --- the package


def test_import_opens_nothing(run):
    code = """
import json
import zmq_ctypes.loader
from zmq_ctypes.loader import loaded, process
print(json.dumps([loaded() is None, [p for p in process.mapped(process.environment().platform) if "libzmq" in p]]))
"""
    assert run(code) == [True, []]


def test_import_brings_nothing_of_the_search(run):
    """It costs as much as the rest of the loader, and is needed when something is loaded."""
    code = """
import json, sys
import zmq_ctypes
print(json.dumps(sorted(name.rpartition(".")[2] for name in sys.modules if name.startswith("zmq_ctypes.loader."))))
"""
    assert run(code) == ["attempts", "direct", "functions", "library", "messages", "prototypes", "structs"]


def test_it_works_isolated_and_without_site(run, root, libzmq):
    code = """
import sys
sys.path.insert(0, sys.argv[1])
import json, os
from zmq_ctypes.loader import load
print(json.dumps(load().version))
"""
    for python in (["-I", "-S"], ["-S"], ["-I"]):
        assert tuple(run(code, root, python=python, **{VARIABLE: libzmq})) == loader.load().version


def test_the_loader_refuses_its_bare_name(run):
    folder = os.path.dirname(loader.__path__[0])
    need(os.path.isdir(folder), "a package that is not in an archive")
    code = """
import json, sys
sys.path.insert(0, sys.argv[1])
try:
    import loader
    print(json.dumps("imported"))
except ImportError as error:
    print(json.dumps(str(error)))
"""
    assert "part of another package" in run(code, folder)
