"""In place of pyzmq: within a process by ``install_as_zmq``, and for whole programs by ``python -m zmq_ctypes.as_zmq``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest
import vendor
from children import LIMIT, check, run

import zmq_ctypes
from zmq_ctypes import as_zmq

SHIM = os.path.join(os.path.dirname(os.path.abspath(zmq_ctypes.__file__)), "_shim")
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(zmq_ctypes.__file__)))


def program(text):
    return textwrap.dedent(text)


@pytest.fixture
def fake(tmp_path):
    """A folder with a ``zmq`` in it that is not ours."""
    folder = tmp_path / "theirs"
    (folder / "zmq").mkdir(parents=True)
    (folder / "zmq" / "__init__.py").write_text("__version__ = 'not ours'\n")
    (folder / "zmq" / "extra.py").write_text("")
    return str(folder)


def start(*arguments, cwd, path=ROOT, module="zmq_ctypes", flags=(), stdin="", **changes):
    """Run ``python -m <module>.as_zmq`` with these arguments; the environment leads to nothing but `path`."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "COV"))}
    variables.update(PYTHONWARNINGS="error", **changes)
    if path is not None:
        variables["PYTHONPATH"] = path
    return subprocess.run(
        [sys.executable, *flags, "-m", f"{module}.as_zmq", *arguments],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=variables,
        cwd=str(cwd),
        timeout=LIMIT,
    )


def output(done, status=0):
    assert done.returncode == status, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.stderr == ""
    return done.stdout


# -- within a process ----------------------------------------------------------------------------------------------------


def test_zmq_is_this_package_and_every_module_of_it_the_same_object():
    out = check(
        """
        import importlib
        assert zmq.install_as_zmq() is zmq
        ours = zmq
        del zmq
        import zmq
        assert zmq is ours
        import zmq.utils.jsonapi, zmq.sugar.socket, zmq.error as error, zmq.loader.finder
        from zmq.constants import REQ
        from zmq import *
        assert Socket is ours.Socket and zmq.sugar.socket.Socket is ours.Socket and REQ is ours.REQ
        for name in ("utils.jsonapi", "utils", "sugar", "sugar.socket", "error", "constants", "poll", "loader.finder"):
            theirs = importlib.import_module("zmq." + name)
            assert theirs is importlib.import_module("zmq_ctypes." + name), name
            assert theirs is sys.modules["zmq." + name] and theirs.__spec__.name == "zmq_ctypes." + name, name
        # Older paths warn at the line that asks for them under this name as well.
        import warnings
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            import zmq.core.message
        assert {warning.filename for warning in caught} == {"<string>"} and len(caught) == 2
        assert zmq.core.message.Frame is ours.Frame
        for name in ("zmq.nothing", "zmq.sugar.nothing"):
            assert importlib.util.find_spec(name) is None
            try:
                importlib.import_module(name)
            except ModuleNotFoundError as error:
                assert error.name == name
            else:
                raise AssertionError(name)
        print("done")
        """
    )
    assert out == "done\n"


def test_a_module_is_loaded_once_whichever_name_comes_first():
    out = check(
        """
        zmq.install_as_zmq()
        assert "zmq_ctypes.utils.jsonapi" not in sys.modules
        import zmq.utils.jsonapi as first
        import zmq_ctypes.utils.jsonapi as second
        assert first is second and zmq.utils.jsonapi is first
        import zmq_ctypes.sugar.poll as first
        import zmq.sugar.poll as second
        assert first is second
        print("done")
        """
    )
    assert out == "done\n"


def test_it_may_be_called_again_and_the_finder_stands_first_once():
    out = check(
        """
        import importlib
        zmq.install_as_zmq()
        sys.meta_path.insert(0, sys.meta_path.pop())
        zmq.install_as_zmq()
        import zmq_ctypes
        kinds = [type(finder).__name__ for finder in sys.meta_path]
        assert kinds.count("AliasFinder") == 1 and kinds[0] == "AliasFinder", kinds
        # Whoever takes it out of sys.modules gets it back.
        del sys.modules["zmq"]
        import zmq
        assert zmq is zmq_ctypes
        print("done")
        """
    )
    assert out == "done\n"


def test_reload():
    out = check(
        """
        import importlib
        zmq.install_as_zmq()
        import zmq, zmq.utils.jsonapi, zmq.sugar.socket
        context = zmq.Context
        for module in (zmq, zmq.utils.jsonapi, zmq.sugar.socket):
            assert importlib.reload(module) is module
        import zmq.utils.jsonapi as again, zmq_ctypes
        assert zmq.Context is context and zmq is zmq_ctypes and again is zmq_ctypes.utils.jsonapi
        print("done")
        """
    )
    assert out == "done\n"


def test_runpy_and_inspect_see_the_modules():
    out = check(
        """
        import inspect, runpy
        zmq.install_as_zmq()
        scope = runpy.run_module("zmq.utils.jsonapi")
        assert scope["__name__"] == "zmq.utils.jsonapi" and scope["dumps"]({}) == b"{}"
        import zmq.utils.interop, importlib.util
        assert "def cast_int_addr" in inspect.getsource(zmq.utils.interop)
        import pkgutil
        names = {name for _, name, _ in pkgutil.walk_packages(zmq.__path__, "zmq.")}
        assert {"zmq.utils.jsonapi", "zmq.context"} <= names
        print("done")
        """
    )
    assert out == "done\n"


def test_pickles_of_pyzmq_are_read():
    out = check(
        """
        import pickle
        zmq.install_as_zmq()
        assert pickle.loads(b"czmq.constants\\nSocketType\\n(I3\\ntR.") is zmq.REQ
        error = pickle.loads(pickle.dumps(zmq.ZMQError(zmq.EINVAL)))
        assert type(error) is zmq.ZMQError and error.errno == zmq.EINVAL
        print("done")
        """
    )
    assert out == "done\n"


@pytest.mark.parametrize("name", ["zmq", "zmq.extra"])
def test_another_zmq_that_was_imported_is_left_alone_and_named(name, fake):
    done = run(
        """
        sys.path.insert(0, sys.argv[1])
        import importlib
        importlib.import_module(sys.argv[2])
        theirs = sys.modules["zmq"]
        finders = list(sys.meta_path)
        try:
            zmq.install_as_zmq()
        except ImportError as error:
            print(error)
            assert error.name == "zmq" and error.path == theirs.__file__
        assert sys.modules["zmq"] is theirs and sys.meta_path == finders
        assert type(zmq) is type(theirs) and zmq is not theirs
        """,
        fake,
        name,
    )
    assert done.stderr == ""
    assert f"zmq is already imported, from {os.path.join(fake, 'zmq', '__init__.py')}" in done.stdout
    assert "before anything imports zmq" in done.stdout and "python -m zmq_ctypes.as_zmq" in done.stdout


def test_a_module_that_was_loaded_twice_is_refused():
    done = run(
        """
        sys.modules["zmq"] = zmq
        import zmq.utils.jsonapi
        zmq.install_as_zmq()
        """
    )
    assert done.returncode == 1
    assert "ImportError: zmq.utils" in done.stderr


# -- whole programs ------------------------------------------------------------------------------------------------------

TALK = program(
    """\
    import multiprocessing
    import os
    import subprocess
    import sys

    import zmq
    import zmq.sugar.socket
    import zmq.utils.jsonapi
    from zmq import *


    def ask(address, kind, answers):
        with Context() as context, context.socket(kind) as socket:
            socket.rcvtimeo = socket.sndtimeo = 20000
            socket.connect(address)
            socket.send(zmq.utils.jsonapi.dumps({"file": zmq.__file__, "name": zmq.__name__}))
            answers.put((socket.recv_string(), zmq.PUSH, ZMQError(EINVAL)))


    CHILD = '''
    import sys, zmq, zmq.utils.jsonapi
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.rcvtimeo = socket.sndtimeo = 20000
        socket.connect(sys.argv[1])
        socket.send(zmq.utils.jsonapi.dumps({"file": zmq.__file__, "name": zmq.__name__}))
        assert socket.recv_string() == "welcome"
    '''

    if __name__ == "__main__":
        assert zmq.sugar.socket.Socket is Socket
        context = Context()
        reply = context.socket(REP)
        reply.rcvtimeo = reply.sndtimeo = 20000
        port = reply.bind_to_random_port("tcp://127.0.0.1")
        address = f"tcp://127.0.0.1:{port}"
        print(sys.argv[1:], zmq.__name__)
        for method in ("spawn", "forkserver"):
            if method not in multiprocessing.get_all_start_methods():
                continue
            kind = multiprocessing.get_context(method)
            answers = kind.Queue()
            child = kind.Process(target=ask, args=(address, REQ, answers))
            child.start()
            print(reply.recv_json())
            reply.send_string("welcome")
            text, constant, error = answers.get(timeout=20)
            assert (text, constant, error.errno) == ("welcome", PUSH, EINVAL) and type(error) is ZMQError
            child.join(20)
            assert child.exitcode == 0
        child = subprocess.Popen([sys.executable, "-c", CHILD, address])
        print(reply.recv_json())
        reply.send_string("welcome")
        assert child.wait(20) == 0
        reply.close()
        context.term()
        sys.exit(7)
    """
)


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "module, zipped",
    [("zmq_ctypes", None), ("zmq", False), ("theirlib._vendor.zmq_ctypes", False), ("renamed", True)],
    ids=["as it is", "called zmq", "deep", "zip"],
)
def test_a_program_and_its_children(module, zipped, tmp_path):
    path = ROOT
    if zipped is not None:
        *packages, last = module.split(".")
        made, _ = vendor.vendor(str(tmp_path.joinpath("place", *packages)), last, zipped)
        path = made if zipped else str(tmp_path / "place")
    script = tmp_path / "program" / "talk.py"
    script.parent.mkdir()
    script.write_text(TALK)
    lines = output(start(str(script), "one", "-m", cwd=tmp_path, path=path, module=module), status=7).splitlines()
    assert lines[0] == f"['one', '-m'] {module}"
    assert len(lines) == (4 if os.name == "posix" else 3)
    for line in lines[1:]:
        told = eval(line)
        assert told["name"] == module
        assert told["file"].startswith(path + os.sep)


def test_the_package_needs_to_be_importable_in_the_parent_only(tmp_path):
    """Found in the working directory by ``-m``, it is on no path that children have."""
    vendor.vendor(str(tmp_path / "place"))
    script = tmp_path / "talk.py"
    script.write_text(TALK)
    lines = output(start(str(script), cwd=tmp_path / "place", path=None), status=7).splitlines()
    for line in lines[1:]:
        assert eval(line)["file"].startswith(str(tmp_path / "place") + os.sep)


def test_it_comes_before_another_zmq(fake, tmp_path):
    path = os.pathsep.join([ROOT, fake])
    code = program(
        """
        import subprocess, sys, zmq
        print(zmq.__version__, flush=True)
        sys.exit(subprocess.call([sys.executable, "-c", "import zmq; print(zmq.__version__)"]))
        """
    )
    assert output(start("-c", code, cwd=tmp_path, path=path)).split() == [zmq_ctypes.__version__] * 2


def test_another_zmq_that_is_imported_at_startup_is_refused(fake, tmp_path):
    (tmp_path / "theirs" / "sitecustomize.py").write_text("import zmq\n")
    done = start("-c", "print(1)", cwd=tmp_path, path=os.pathsep.join([fake, ROOT]))
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("zmq_ctypes.as_zmq: zmq is already imported, from ")
    assert "Traceback" not in done.stderr


SHOW = program(
    """
    import json, sys, zmq
    main = sys.modules["__main__"]
    assert main.__dict__ is globals() and __name__ == "__main__"
    spec = main.__spec__
    print(json.dumps({
        "argv": sys.argv, "first": sys.path[0], "file": globals().get("__file__"), "package": main.__package__,
        "spec": spec and spec.name, "names": sorted(name for name in globals() if name[:1] != "_"), "zmq": zmq.__name__,
    }))
    """
)


@pytest.fixture
def shown(tmp_path):
    folder = tmp_path / "program"
    (folder / "inner").mkdir(parents=True)
    (folder / "show.py").write_text(SHOW)
    (folder / "__main__.py").write_text(SHOW)
    (folder / "inner" / "__init__.py").write_text("")
    (folder / "inner" / "__main__.py").write_text(SHOW)

    def show(*arguments, **details):
        """What a program sees under us, and what it sees under Python itself."""
        details.setdefault("cwd", folder)
        ours = json.loads(output(start(*arguments, **details)))
        stdin = details.pop("stdin", "")
        plain = subprocess.run(
            [sys.executable, *details.pop("flags", ()), *arguments],
            input=stdin,
            stdout=subprocess.PIPE,
            text=True,
            cwd=str(details["cwd"]),
            env={**os.environ, "PYTHONPATH": os.pathsep.join([SHIM, ROOT])},
            timeout=LIMIT,
            check=True,
        )
        plain = json.loads(plain.stdout)
        for told in (ours, plain):
            # Whether these are absolute, and how tidy, depends on Python's version.
            for name in ("first", "file"):
                told[name] = told[name] and os.path.normpath(os.path.join(folder, told[name]))
        return ours, plain

    return show


@pytest.mark.parametrize(
    "arguments",
    [
        ["show.py", "-c", "x"],
        [os.path.join("inner", os.pardir, "show.py")],
        [os.path.join(os.curdir, "show.py")],
        ["-m", "show", "a", "-m"],
        ["-mshow", "a"],
        ["-m", "inner", "a"],
        ["-m", "inner.__main__"],
        ["-c", SHOW, "a", "b"],
        ["-c" + SHOW],
        [os.curdir, "a"],
        ["inner"],
    ],
    ids=lambda arguments: " ".join(arguments)[:12].replace("\n", " "),
)
def test_a_program_sees_what_python_itself_shows_it(arguments, shown):
    ours, plain = shown(*arguments)
    assert ours == plain


def test_a_program_from_the_standard_input(shown):
    ours, plain = shown("-", "a", stdin=SHOW)
    assert {**ours, "file": None} == {**plain, "file": None}


def test_a_program_that_was_compiled_and_one_in_a_zip_file(shown, tmp_path):
    import py_compile
    import zipfile

    compiled = py_compile.compile(str(tmp_path / "program" / "show.py"), cfile=str(tmp_path / "show.pyc"))
    ours, plain = shown(compiled, "a")
    assert ours == plain
    with zipfile.ZipFile(tmp_path / "show.zip", "w") as archive:
        archive.writestr("__main__.py", SHOW)
    ours, plain = shown(str(tmp_path / "show.zip"), "a")
    assert ours == plain


def test_a_module_of_the_package_as_the_program(tmp_path):
    """``python -m zmq.loader`` reports, as it does under its own name."""
    told = json.loads(output(start("-m", "zmq.loader", "--json", cwd=tmp_path)))
    assert told["library"]["version"] == zmq_ctypes.zmq_version()


@pytest.mark.parametrize(
    "code, status", [("raise SystemExit(5)", 5), ("import sys; sys.exit()", 0), ("raise SystemExit('why')", 1), ("1/0", 1)]
)
def test_exit_status(code, status, tmp_path):
    assert start("-c", code, cwd=tmp_path).returncode == status


def test_wrong_command_lines(tmp_path):
    for arguments in ([], ["-m"], ["-c"], ["--nothing"], ["-x", "script"]):
        done = start(*arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert done.stderr.startswith("usage: python -m zmq_ctypes.as_zmq "), arguments
    done = start("missing.py", cwd=tmp_path)
    assert done.returncode == 2 and "can't open file 'missing.py'" in done.stderr
    done = start("-m", "no_such_module_here", cwd=tmp_path)
    assert done.returncode == 1 and "No module named no_such_module_here" in done.stderr
    assert output(start("--help", cwd=tmp_path)).startswith("usage: ")


def test_a_name_of_the_future_is_not_handed_to_the_program(tmp_path):
    """What this module imports from ``__future__`` must not change the code that it compiles."""
    code = "def f(x: 1): pass\nprint(f.__annotations__)"
    (tmp_path / "script.py").write_text(code)
    assert output(start("-c", code, cwd=tmp_path)) == "{'x': 1}\n"
    assert output(start("script.py", cwd=tmp_path)) == "{'x': 1}\n"


def test_the_folder_for_pythonpath_does_it_alone(tmp_path):
    folder = output(start("--path", cwd=tmp_path)).strip()
    assert folder == SHIM and os.listdir(folder) and not os.path.exists(os.path.join(folder, "__init__.py"))
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    code = "import zmq.utils.jsonapi, sys; print(zmq.__name__, zmq is sys.modules['zmq_ctypes'])"
    variables["PYTHONPATH"] = folder
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=variables,
        cwd=str(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
        timeout=LIMIT,
    )
    assert (done.returncode, done.stdout) == (0, "zmq_ctypes True\n")


def test_paths_of_the_user_stay_behind_ours_and_nothing_is_added_twice(tmp_path):
    code = program(
        """
        import os, subprocess, sys
        print(os.environ["PYTHONPATH"], flush=True)
        if sys.argv[1:]:
            sys.exit(subprocess.call([sys.executable, "-m", "zmq_ctypes.as_zmq", "-c", sys.argv[1]]))
        """
    )
    path = os.pathsep.join([ROOT, str(tmp_path)])
    lines = output(start("-c", code, code, cwd=tmp_path, path=path)).splitlines()
    assert lines == [os.pathsep.join([SHIM, path])] * 2


def test_an_isolated_python_gets_no_folder_of_the_program(tmp_path):
    """``-I`` needs the package where it cannot be by PYTHONPATH: its start is made by hand."""
    (tmp_path / "show.py").write_text("import sys, zmq; print(sys.path[0] == sys.argv[1], zmq.__name__)")
    code = program(
        f"""
        import sys
        sys.path.append({ROOT!r})
        from zmq_ctypes import as_zmq
        as_zmq.main(["show.py", {str(tmp_path)!r}])
        """
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        cwd=str(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
        timeout=LIMIT,
    )
    assert done.stdout == "False zmq_ctypes\n"


def test_the_usage_names_this_module():
    assert as_zmq.__name__ in as_zmq._USAGE
