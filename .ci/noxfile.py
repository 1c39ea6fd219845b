"""The sessions of .ci/run.

    nox -f .ci/noxfile.py --list
    nox -f .ci/noxfile.py -s lint "suite(python='3.8')"

The suites make their environments through ``tools/test`` itself, as every user's do; nox brings the matrix.  A
missing interpreter or library fails the session that needs it.
"""

from __future__ import annotations

import os
import shutil

import nox

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
#: The one that runs what does not depend on the interpreter, and every libzmq.
MAIN = "3.11"
# The sessions stand in the order in which .ci/run starts them: the slowest first, so that the lanes end together.
PYTHONS = ("pypy", "3.8", "3.13", "3.9", "3.10", "3.12")
LIBRARIES = ("4.1.4", "4.1.6", "4.2.5", "4.3.1", "4.3.2", "4.3.3", "draft")
#: The two that have all that the system's has: whole suites run on them, of a Python and of the copy, which would be two more
#: on the system's.  That is what the README's command has, which .ci/run runs beside these, and every other Python.
ON_LIBRARY = {"3.12": "4.3.4", "copy": "4.3.5"}
#: The README's command runs everything; what is long and the same everywhere is left out elsewhere.
LONG = ("tools", "ssh")
#: These have a libzmq of their own, which is always the same.
OWN_LIBZMQ = ("auth/test_gssapi.py", "test_drafts.py")
#: What asks nothing of libzmq, or nothing that depends on its version, runs on one of them.
OF_ANY_LIBZMQ = (
    *(f"loader/test_{name}.py" for name in ("advice", "binary", "fetch", "finder", "header", "process")),
    *(f"test_{name}.py" for name in ("as_zmq", "constants", "decorators", "folders", "legacy", "version")),
    *("utils/test_garbage.py", "utils/test_strtypes.py", "utils/test_win32.py"),
    *OWN_LIBZMQ,
    "test_docs.py",
)

#: What looks for rare accidents has this many messages in each of these sessions, and all that it has with the README's command.
FEWER = {"ZMQ_CTYPES_TEST_MESSAGES": "8000", "ZMQ_CTYPES_TEST_STREAM": "20000"}

nox.options.error_on_missing_interpreters = True
nox.options.error_on_external_run = True
nox.options.reuse_existing_virtualenvs = True
nox.options.default_venv_backend = "venv"


def command(session, python):
    """The interpreter's command, or the end of the session."""
    name = "pypy3" if python == "pypy" else f"python{python}"
    if not shutil.which(name):
        session.error(f"no {name} in PATH")
    return name


def run_suite(session, python, left_out, version=None, **variables):
    """Run the suite as a user does, on the system's libzmq or on this version; the layouts have sessions of their own."""
    left_out = ("layouts", *left_out)
    if version:
        library = session.run(command(session, MAIN), "tests/wheels.py", version, silent=True, external=True)
        variables["ZMQ_CTYPES_LIBRARY"] = library.strip()
    run_tests(session, python, *(f"--ignore=tests/{name}" for name in left_out), **FEWER, **variables)


def run_tests(session, python, *options, **variables):
    """Run what the options choose; each session keeps what has failed for itself, since they run side by side."""
    name = command(session, python)
    cache = f"cache_dir=build/ci/cache/{session.name}"
    session.run(name, "tools/test", "-o", cache, *options, *session.posargs, env=variables, external=True)


@nox.session(venv_backend="none")
@nox.parametrize("python_name", PYTHONS, ids=PYTHONS)
def suite(session, python_name):
    """Every interpreter, on the system's libzmq or one that has as much."""
    session.chdir(ROOT)
    run_suite(session, python_name, LONG, ON_LIBRARY.get(python_name))


@nox.session(venv_backend="none")
@nox.parametrize("version", LIBRARIES, ids=LIBRARIES)
def libzmq(session, version):
    """Every other libzmq, on one interpreter."""
    session.chdir(ROOT)
    run_suite(session, MAIN, (*LONG, *OF_ANY_LIBZMQ), version)


@nox.session(venv_backend="none")
def copy(session):
    """The whole suite on a vendored copy: nothing works only because the checkout is around."""
    session.chdir(ROOT)
    folder = session.create_tmp()
    session.run(command(session, MAIN), "tools/vendor.py", folder, "--force", external=True)
    run_suite(session, MAIN, LONG, ON_LIBRARY["copy"], ZMQ_CTYPES_TEST_PACKAGE_PATH=folder)


@nox.session(venv_backend="none")
@nox.parametrize("python_name", ["3.8", "3.13"], ids=["3.8", "3.13"])
def layouts(session, python_name):
    """From every place a copy can lie; the oldest and the newest Python have the most different installers."""
    session.chdir(ROOT)
    run_tests(session, python_name, "tests/layouts")


@nox.session
def types(session):
    """mypy over a vendored copy: in a checkout the loader is put in its place at run time, which mypy cannot know.

    Then over a program that uses the copy, with no configuration, as its users have it.
    """
    session.chdir(ROOT)
    session.install("mypy")
    copy = session.create_tmp()
    session.run("python", "tools/vendor.py", copy, "--force", silent=True)
    with session.chdir(copy):
        for platform in ("linux", "win32", "darwin"):
            on = ("mypy", "--platform", platform)
            session.run(*on, "--config-file", os.path.join(ROOT, "setup.cfg"), "zmq_ctypes")
            session.run(*on, "--strict", "--config-file=", os.path.join(ROOT, "tests", "typed", "program.py"))


@nox.session
def lint(session):
    """ruff over everything."""
    session.chdir(ROOT)
    session.install("ruff")
    session.run("ruff", "check", "--no-cache")


@nox.session(venv_backend="none")
def generate(session):
    """The generated modules are what tools/generate.py makes of the facts."""
    session.chdir(ROOT)
    session.run(command(session, MAIN), "tools/generate.py", "--check", external=True)


@nox.session(venv_backend="none")
def bench(session):
    """The ratios to pyzmq, printed and kept; .ci/run has this one run alone.  How fast something is fails nothing."""
    session.chdir(ROOT)
    os.makedirs("build/ci", exist_ok=True)
    files = ("--json", "build/ci/bench.json", "--compare", "docs/performance.json")
    session.run(command(session, MAIN), "tools/bench", "--quick", *files, external=True)
