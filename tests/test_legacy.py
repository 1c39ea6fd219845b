"""Older module paths and names of pyzmq: each leads to what the package has today, lazily, under any name of the package."""

from __future__ import annotations

import importlib
import json
import os
import pickle
import subprocess
import sys
import warnings

import pytest
import vendor
from children import LIMIT, check

import zmq_ctypes as zmq
from zmq_ctypes import _alias, _legacy

REMOVED = sorted(path for path, (_, _, removed) in _legacy.MODULES.items() if removed)
KEPT = sorted(set(_legacy.MODULES) - set(REMOVED))


@pytest.fixture
def anew(monkeypatch):
    """Import an older path as if for the first time."""

    def load(path):
        for name in list(sys.modules):
            if name[len("zmq_ctypes.") :] in _legacy.MODULES:
                monkeypatch.delitem(sys.modules, name)
        return importlib.import_module(f"zmq_ctypes.{path}")

    return load


@pytest.mark.parametrize("path", KEPT)
def test_a_path_of_pyzmq_27_is_imported_without_a_warning(path, anew):
    module = anew(path)
    assert module.__name__ == f"zmq_ctypes.{path}"
    assert module.__spec__.name == module.__name__


@pytest.mark.parametrize("path", REMOVED)
def test_a_path_that_pyzmq_removed_warns_and_says_what_to_do(path, anew):
    steps = path.split(".")
    parents = [".".join(steps[:count]) for count in range(1, len(steps))]
    with pytest.warns(DeprecationWarning) as caught:
        anew(path)
    texts = {str(warning.message).split(" ")[0]: warning for warning in caught}
    assert set(texts) == {f"zmq_ctypes.{name}" for name in [path, *parents] if name in REMOVED}
    told = str(texts[f"zmq_ctypes.{path}"].message)
    assert "was removed in pyzmq " + _legacy.MODULES[path][2] in told and ";" in told


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("path", sorted(_legacy.MODULES))
def test_every_name_that_a_path_exports_is_there(path, anew):
    module = anew(path)
    names = module.__all__
    assert len(set(names)) == len(names)
    assert [name for name in names if not hasattr(module, name)] == []
    assert set(names) <= set(dir(module))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "path, name, today",
    [
        ("sugar", "Context", "Context"),
        ("sugar", "select", "select"),
        ("sugar", "ZMQError", "ZMQError"),
        ("sugar.attrsettr", "AttributeSetter", "options.OptionAttributes"),
        ("sugar.context", "Context", "Context"),
        ("sugar.context", "ContextBase", "Context"),
        ("sugar.context", "cast_int_addr", "utils.interop.cast_int_addr"),
        ("sugar.frame", "Message", "Frame"),
        ("sugar.poll", "POLLIN", "POLLIN"),
        ("sugar.poll", "zmq_poll", "zmq_poll"),
        ("sugar.socket", "Socket", "Socket"),
        ("sugar.socket", "SocketBase", "Socket"),
        ("sugar.socket", "SocketOption", "SocketOption"),
        ("sugar.socket", "_SocketContext", "endpoint.BoundEndpoint"),
        ("sugar.tracker", "_FINISHED_TRACKER", "_FINISHED_TRACKER"),
        ("sugar.version", "VERSION_MAJOR", "version.VERSION_MAJOR"),
        ("sugar.constants", "REQ", "REQ"),
        ("backend", "Frame", "Frame"),
        ("backend", "zmq_version_info", "zmq_version_info"),
        ("backend.constants", "EVENT_ALL", "EVENT_ALL"),
        ("backend.cython", "Socket", "Socket"),
        ("backend.cython._zmq", "Context", "Context"),
        ("backend.cython.constants", "LINGER", "LINGER"),
        ("backend.cython.message", "Frame", "Frame"),
        ("backend.cffi.socket", "IPC_PATH_MAX_LEN", "IPC_PATH_MAX_LEN"),
        ("core", "PUSH", "PUSH"),
        ("core.message", "MessageTracker", "MessageTracker"),
        ("core.pysocket", "Socket", "Socket"),
        ("cffi_core", "Poller", "Poller"),
    ],
)
def test_an_older_name_is_todays_object(path, name, today, anew):
    wanted = zmq
    for step in today.split("."):
        wanted = getattr(wanted, step)
    found = getattr(anew(path), name)
    assert found is wanted or found == wanted
    assert getattr(sys.modules[f"zmq_ctypes.{path}"], name) is found


@pytest.mark.parametrize("path", ["sugar", "sugar.socket", "backend", "backend.select"])
def test_a_name_that_never_was_is_an_attribute_error(path, anew):
    with pytest.raises(AttributeError, match=rf"'zmq_ctypes\.{path}' has no attribute 'nothing'"):
        anew(path).nothing  # noqa: B018
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(f"zmq_ctypes.{path}.nothing")


def test_submodules_are_attributes_but_those_that_warn(anew):
    sugar = anew("sugar")
    assert sugar.socket is sys.modules["zmq_ctypes.sugar.socket"]
    assert anew("backend").select.public_api == anew("backend").__all__
    # To look at a module does not warn; with pyzmq there is nothing either.
    assert not hasattr(anew("backend"), "message")


def test_star_import_from_an_older_path(anew):
    scope = {}
    with pytest.warns(DeprecationWarning):
        anew("sugar.constants")
    exec("from zmq_ctypes.sugar.constants import *", scope)
    assert scope["REQ"] is zmq.REQ and zmq.LINGER in scope["int_sockopts"]


def test_the_warning_names_the_line_that_imports(anew):
    with pytest.warns(DeprecationWarning) as caught:
        anew("utils.initthreads")
    assert [warning.filename for warning in caught] == [__file__]
    with pytest.warns(DeprecationWarning) as caught:
        zmq.UPSTREAM  # noqa: B018
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("name", ["UPSTREAM", "DOWNSTREAM", "ENODEV", "ENOMEM"])
def test_constants_of_old(name):
    import errno

    with pytest.warns(DeprecationWarning, match=rf"zmq_ctypes\.{name} was removed in pyzmq 23\.0; use "):
        value = getattr(zmq, name)
    wanted = {"UPSTREAM": zmq.PULL, "DOWNSTREAM": zmq.PUSH, "ENODEV": errno.ENODEV, "ENOMEM": errno.ENOMEM}
    assert value == wanted[name]


def test_the_version_as_constants():
    with pytest.warns(DeprecationWarning, match="zmq_version_info"):
        numbers = zmq.VERSION_MAJOR, zmq.VERSION_MINOR, zmq.VERSION_PATCH
        whole = zmq.VERSION
    assert numbers == zmq.zmq_version_info()
    assert whole == numbers[0] * 10000 + numbers[1] * 100 + numbers[2]


def test_constants_that_mean_nothing_any_more_stay_away():
    for name in ("SWAP", "MCAST_LOOP", "RECOVERY_IVL_MSEC", "nothing"):
        assert not hasattr(zmq, name)
    with pytest.raises(AttributeError, match="module 'zmq_ctypes' has no attribute 'nothing'"):
        zmq.nothing  # noqa: B018


def test_lists_of_options_agree_with_the_enums(anew):
    with pytest.warns(DeprecationWarning):
        names = anew("utils.constant_names")
        numbers = anew("sugar.constants")
    kinds = {"int": "int", "int64": "int64", "bytes": "bytes", "fd": "fd"}
    for kind in kinds:
        its = getattr(names, f"{kind}_sockopt_names")
        assert getattr(numbers, f"{kind}_sockopts") == {getattr(zmq, name) for name in its}
    assert {"LINGER", "RCVMORE"} <= set(names.int_sockopt_names)
    assert {"AFFINITY", "MAXMSGSIZE"} <= set(names.int64_sockopt_names)
    assert {"ROUTING_ID", "IDENTITY", "SUBSCRIBE"} <= set(names.bytes_sockopt_names)
    assert names.fd_sockopt_names == ["FD"]
    assert "IO_THREADS" in names.ctx_opt_names and "MORE" in names.msg_opt_names
    assert set(names.base_names).isdisjoint(names.ctx_opt_names)
    assert "STREAM" in names.new_in[4, 0, 0] or "STREAM" in names.new_in[4, 0, 1]
    assert any("DISH" in found for found in names.draft_in.values())
    assert names.no_prefix("EAGAIN") and not names.no_prefix("EVENT_ALL") and not names.no_prefix("REQ")


def test_functions_of_old(anew):
    backend = anew("backend.select")
    assert backend.select_backend("cython")["Socket"] is zmq.Socket
    assert set(backend.select_backend("zmq.backend.cffi")) == {*backend.public_api, "monitored_queue"}
    with pytest.raises(ImportError):
        backend.select_backend("no_such_backend_here")
    with pytest.warns(DeprecationWarning):
        assert anew("utils.initthreads").init_threads() is None
        reraise = anew("utils.sixcerpt").reraise
    try:
        raise KeyError("this")
    except KeyError as error:
        with pytest.raises(KeyError) as caught:
            reraise(type(error), error, error.__traceback__)
        assert caught.value is error


def test_what_is_taken_from_an_older_path_can_be_pickled(anew):
    socket = anew("sugar.socket")
    assert pickle.loads(pickle.dumps(socket.Socket)) is zmq.Socket
    # A pickle of pyzmq's names the older path.
    assert pickle.loads(b"czmq_ctypes.sugar.socket\nSocket\n.") is zmq.Socket


def test_an_older_module_can_be_reloaded(anew):
    socket = anew("sugar.socket")
    assert importlib.reload(socket) is socket
    assert socket.Socket is zmq.Socket


# -- the import itself -------------------------------------------------------------------------------------------------


def test_attributes_after_a_plain_import_and_what_it_does_not_load():
    told = json.loads(
        check(
            """
            import json
            before = [name for name in ("_legacy", "as_zmq", "_option_names", "sugar", "backend", "utils.jsonapi")
                      if f"zmq_ctypes.{name}" in sys.modules]
            there = [zmq.backend, zmq.constants, zmq.error, zmq.sugar, zmq.utils, zmq.sugar.socket, zmq.utils.jsonapi]
            assert not hasattr(zmq, "core")
            print(json.dumps([before, [module.__name__ for module in there]]))
            """
        )
    )
    names = ["backend", "constants", "error", "sugar", "utils", "sugar.socket", "utils.jsonapi"]
    assert told == [[], [f"zmq_ctypes.{name}" for name in names]]


def test_the_finder_stands_last_and_once():
    out = check(
        """
        import importlib
        ours = lambda: [type(finder).__name__ for finder in sys.meta_path].count("LegacyFinder")
        assert ours() == 1 and type(sys.meta_path[-1]).__name__ == "LegacyFinder"
        finder = sys.meta_path[-1]
        importlib.reload(zmq)
        assert ours() == 1
        # Removed and imported again, the package is a new one and its older paths lead to it.
        from zmq_ctypes.sugar.socket import Socket
        for name in [name for name in sys.modules if name.partition(".")[0] == "zmq_ctypes"]:
            del sys.modules[name]
        import zmq_ctypes as again
        from zmq_ctypes.sugar.socket import Socket as New
        assert ours() == 1 and sys.meta_path[-1] is not finder
        assert New is again.Socket and New is not Socket
        print("done")
        """
    )
    assert out == "done\n"


def test_the_finder_leaves_other_names_alone():
    finder = _alias.LegacyFinder("zmq_ctypes")
    for name in ("sugar.socket", "zmq_ctypes", "zmq_ctypes_more.sugar", "zmq_ctypes.nothing", "other.zmq_ctypes.sugar"):
        assert finder.find_spec(name) is None


COPIES = """
import sys
sys.path[:0] = [{path!r}]
import importlib, pickle, warnings
for name in {names!r}:
    package = importlib.import_module(name)
    module = importlib.import_module(name + ".sugar.socket")
    assert module.Socket is package.Socket and package.Socket.__module__ == name + ".socket", module.Socket
    assert pickle.loads(pickle.dumps(module.Socket)) is package.Socket
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        message = importlib.import_module(name + ".core.message")
    assert message.Frame is package.Frame
    texts = [str(warning.message) for warning in caught]
    assert len(texts) == 2 and all(text.startswith(name + ".core") for text in texts), texts
    assert package.backend.zmq_errno is package.zmq_errno
assert len({{importlib.import_module(name + ".sugar").Context for name in {names!r}}}) == len({names!r})
"""


@pytest.mark.parametrize(
    "names, zipped",
    [(["zmq"], False), (["theirlib._vendor.zmq_ctypes"], False), (["renamed"], True), (["one", "deep.er.two"], False)],
    ids=["called zmq", "deep", "zip", "two copies"],
)
def test_copies_under_other_names(names, zipped, tmp_path):
    for name in names:
        *packages, last = name.split(".")
        made, _ = vendor.vendor(str(tmp_path.joinpath(*packages)), last, zipped)
    path = made if zipped else str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", COPIES.format(path=path, names=names)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=os.path.dirname(sys.executable),
        timeout=LIMIT,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_no_older_path_hides_a_module_that_exists():
    folder = os.path.dirname(zmq.__file__)
    for path in _legacy.MODULES:
        place = os.path.join(folder, *path.split("."))
        assert not os.path.isdir(place) and not os.path.exists(place + ".py"), path
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        importlib.import_module("zmq_ctypes.utils.interop")
