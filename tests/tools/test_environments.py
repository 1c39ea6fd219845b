"""What tools/test does before pytest starts: an environment, and a libzmq."""

from __future__ import annotations

import os
import subprocess
import sys

import environments
import pytest
from support import need

import zmq_ctypes as zmq


@pytest.fixture
def build(tmp_path, monkeypatch):
    """An empty build folder, and what was said and run: no test here may download anything."""
    monkeypatch.setattr(environments, "BUILD", str(tmp_path))
    monkeypatch.delenv(environments.VARIABLE, raising=False)
    return tmp_path


@pytest.fixture
def made(monkeypatch):
    """Stands in for making the environment; the folders that were asked for."""
    folders = []

    def make(folder, python, wanted):
        folders.append(wanted)
        os.makedirs(os.path.dirname(python))
        with open(python, "w"):
            pass

    monkeypatch.setattr(environments, "make", make)
    return folders


def silent(line):
    pass


def test_requirements_are_those_of_setup_cfg():
    wanted = environments.requirements("test")
    assert {"pytest", "pytest-timeout", "hypothesis"} <= set(wanted)
    assert all(line and not line.startswith("#") for line in wanted)


def test_an_environment_is_made_once(build, made):
    lines = []
    python = environments.environment("some", ["one"], lines.append)
    assert environments.environment("some", ["one"], lines.append) == python
    assert os.path.dirname(os.path.dirname(python)) == str(build / "some" / environments.python_tag())
    assert made == [["one"]]
    assert len(lines) == 1 and "one" in lines[0]


def test_other_requirements_make_it_anew(build, made):
    environments.environment("some", ["one"], silent)
    environments.environment("some", ["one", "two"], silent)
    environments.environment("other", ["one", "two"], silent)
    assert made == [["one"], ["one", "two"], ["one", "two"]]


def test_one_that_was_not_finished_is_made_anew(build, made, monkeypatch):
    def fail(folder, python, wanted):
        os.makedirs(folder)
        raise environments.Failure("no network")

    with monkeypatch.context() as patch:
        patch.setattr(environments, "make", fail)
        with pytest.raises(environments.Failure, match="no network"):
            environments.environment("some", ["one"], silent)
    environments.environment("some", ["one"], silent)
    assert made == [["one"]]


@pytest.mark.parametrize(("missing", "named"), [(["venv"], "venv"), (["ensurepip", "pip"], "pip")])
def test_a_python_that_can_make_none_is_told_what_it_lacks(build, monkeypatch, missing, named):
    monkeypatch.setattr(environments, "has", lambda module: module not in missing)
    with pytest.raises(environments.Failure, match=f"has no {named} .*python3-venv"):
        environments.environment("some", ["one"], silent)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("broken", [False, True])
def test_without_ensurepip_the_running_pip_fills_the_environment(build, monkeypatch, broken):
    need(environments.has("pip"), "pip in the environment of the tests")
    has, run = environments.has, environments.run
    monkeypatch.setattr(environments, "has", lambda module: (module != "ensurepip" or broken) and has(module))

    def without_ensurepip(command, what, variables=None):
        if command[1:3] == ["-m", "venv"] and "--without-pip" not in command:
            raise environments.Failure("ensurepip is not available")
        return run(command, what, variables)

    monkeypatch.setattr(environments, "run", without_ensurepip)
    python = environments.environment("some", [], silent)
    assert subprocess.check_output([python, "-m", "pip", "--version"]).startswith(b"pip ")


def test_a_command_that_fails_says_why():
    code = "import sys; print('the reason', file=sys.stderr); sys.exit(3)"
    with pytest.raises(environments.Failure, match=r"counting failed \(exit status 3\):\nthe reason"):
        environments.run([sys.executable, "-c", code], "counting")


def test_a_library_that_is_found_is_taken(build, monkeypatch):
    # The machine may have none but the one that this suite was given.
    path = zmq.loader.load().path
    monkeypatch.setenv(environments.VARIABLE, path)
    variables, found = environments.obtain_library(silent)
    assert variables[environments.VARIABLE] == path and os.path.samefile(found["path"], path)
    assert found["version"].count(".") == 2


def test_a_library_that_was_asked_for_and_does_not_work_is_not_replaced(build, monkeypatch):
    monkeypatch.setenv(environments.VARIABLE, str(build / "none"))
    with pytest.raises(environments.Failure, match="none"):
        environments.obtain_library(silent)


def test_one_is_fetched_where_none_is_found(build, monkeypatch):
    lines, commands, probed = [], [], []

    def probe(variables):
        probed.append(variables.get(environments.VARIABLE))
        return {"path": "x", "version": "4.3.5"} if probed[-1] else {"missing": "none at all"}

    def call(command, env):
        commands.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(environments, "probe", probe)
    monkeypatch.setattr(environments.subprocess, "run", call)
    variables, found = environments.obtain_library(lines.append)
    folder = str(build / "libzmq")
    assert variables[environments.VARIABLE] == folder
    assert found["version"] == "4.3.5"
    assert [command[1:] for command in commands] == [["-m", "zmq_ctypes.loader", "fetch", "--dest", folder]]
    assert "fetching" in lines[0]
    # The next run finds it there.
    os.makedirs(folder)
    environments.obtain_library(lines.append)
    assert len(commands) == 1
