"""Fetching, with the real pip and invented wheels in a local folder: the whole way without a network."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile

import pytest
from support import need
from zmq_ctypes.loader.fetch import NOTE, WHEELS, FetchError, fetch, platform_tag, unpack

from zmq_ctypes.loader import fetch as module
from zmq_ctypes.loader import finder, process

#: What the wheels are called in the index.
FILES = {
    "manylinux_x86_64": "pyzmq-27.3.0-cp39-cp39-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    "manylinux_i686": "pyzmq-27.3.0-cp39-cp39-manylinux2014_i686.manylinux_2_17_i686.whl",
    "manylinux_aarch64": "pyzmq-27.3.0-cp311-cp311-manylinux_2_26_aarch64.manylinux_2_28_aarch64.whl",
    "manylinux_riscv64": "pyzmq-27.3.0-cp312-abi3-manylinux_2_38_riscv64.manylinux_2_39_riscv64.whl",
    "musllinux_x86_64": "pyzmq-26.4.0-cp311-cp311-musllinux_1_1_x86_64.whl",
    "musllinux_i686": "pyzmq-26.4.0-cp311-cp311-musllinux_1_1_i686.whl",
    "musllinux_aarch64": "pyzmq-26.4.0-cp311-cp311-musllinux_1_1_aarch64.whl",
    "macosx_universal2": "pyzmq-27.3.0-cp311-cp311-macosx_10_15_universal2.whl",
    "win_amd64": "pyzmq-25.1.2-cp312-cp312-win_amd64.whl",
    "win32": "pyzmq-25.1.2-cp312-cp312-win32.whl",
}
#: What is in them.
LIBRARIES = {
    "manylinux": ["pyzmq.libs/libzmq-1d1dfb78.so.5.2.5", "pyzmq.libs/libsodium-d09b6b0e.so.26.4.0"],
    "musllinux": ["pyzmq.libs/libzmq-c725a6b3.so.5.2.5", "pyzmq.libs/libstdc++-a9383cce.so.6.0.28"],
    "macosx": ["zmq/.dylibs/libzmq.5.dylib", "zmq/.dylibs/libsodium.26.dylib"],
    "win": ["pyzmq.libs/libzmq-v141-mt-4_3_4-0a6f51ca.dll", "pyzmq.libs/msvcp140.dll", "pyzmq.libs/.load-order-x"],
}
HERE = finder.platform_tags(process.environment())[-1]


def wheel(folder, tag, extra=(), mark=b""):
    """Write an invented wheel for `tag` into `folder`."""
    name = FILES[tag]
    version = name.split("-")[1]
    info = f"pyzmq-{version}.dist-info"
    members = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: pyzmq\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: false\nTag: cp39-cp39-any\n",
        f"{info}/RECORD": b"",
        f"{info}/licenses/LICENSE.md": b"BSD",
        f"{info}/licenses/licenses/LICENSE.zeromq.txt": b"MPL",
        f"{info}/AUTHORS.md": b"they",
        "zmq/__init__.py": b"raise SystemExit",
        "zmq/backend/cython/_zmq.so": b"an extension module",
    }
    start = tag.partition("_")[0].replace("win32", "win")
    members.update({member: member.encode() + mark for member in LIBRARIES[start]})
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in [*members.items(), *extra]:
            archive.writestr(member, content)
    return path


@pytest.fixture
def index(tmp_path, monkeypatch):
    """Let pip see nothing but a local folder; return it."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def download(monkeypatch, tmp_path):
    """Leave pip out: what would be downloaded is written by `wheel`; counts the downloads."""
    done = []

    def fake(wanted, folder, quiet):
        tag = next(tag for tag, known in WHEELS.items() if known is wanted)
        done.append(tag)
        import pathlib

        return str(wheel(pathlib.Path(folder), tag, mark=str(len(done)).encode()))

    monkeypatch.setattr(module, "_download", fake)
    return done


#: A pip that is asked again and again: most of what one costs is its start.
PIP = """
import json, os, sys
from pip._internal.cli.main import main
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for line in sys.stdin:
    arguments, variables, folder = json.loads(line)
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    print(main(arguments), file=answers, flush=True)
"""


@pytest.fixture(scope="module")
def one_pip():
    """Let one pip do what is asked of many: ``one_pip(command, ...)`` in place of ``subprocess.run``."""
    (python, *start), variables = module._pip()
    need(start == ["-m", "pip"], "pip as a module of a Python")
    child = subprocess.Popen(
        [python, "-c", PIP], env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )

    def run(command, cwd, env, **details):
        assert command[:3] == [python, *start]
        print(json.dumps([command[3:], env, cwd]), file=child.stdin, flush=True)
        return subprocess.CompletedProcess(command, int(child.stdout.readline()), "see above")

    run.command = [python, *start]
    yield run
    child.communicate()
    assert child.returncode == 0


def test_every_wheel_of_the_table_has_a_name_here():
    assert set(FILES) == set(WHEELS)


@pytest.mark.parametrize("tag", sorted(WHEELS))
def test_pip_finds_the_wheel_for_any_platform_from_any_python(index, one_pip, monkeypatch, tmp_path, tag):
    # The tests below start a pip each, as programs do.
    monkeypatch.setattr(module, "_pip", lambda: ([*one_pip.command], dict(os.environ)))
    monkeypatch.setattr(subprocess, "run", one_pip)
    for other in FILES:
        wheel(index, other)
    (found,) = fetch([tag], dest=tmp_path / "dest", quiet=True).items()
    assert found[0] == tag
    folder = tmp_path / "dest" / tag
    assert os.path.dirname(found[1]) == str(folder)
    start = tag.partition("_")[0].replace("win32", "win")
    expected = {os.path.basename(member) for member in LIBRARIES[start]} - {".load-order-x"}
    assert set(os.listdir(folder)) == expected | {"licenses", NOTE}
    assert set(os.listdir(folder / "licenses")) == {"LICENSE.md", "LICENSE.zeromq.txt", "AUTHORS.md"}
    # Nothing is left of the work.
    assert os.listdir(tmp_path / "dest") == [tag]


def test_the_note_of_origin(index, tmp_path):
    made = wheel(index, "win_amd64")
    path = fetch(["win_amd64"], dest=str(tmp_path / "dest"), quiet=True)["win_amd64"]
    folder = tmp_path / "dest" / "win_amd64"
    note = json.loads((folder / NOTE).read_text())
    assert note["package"] == "pyzmq"
    assert note["version"] == "25.1.2"
    assert note["wheel"] == made.name
    assert note["sha256"] == hashlib.sha256(made.read_bytes()).hexdigest()
    assert note["library"] == os.path.basename(path)
    for name, digest in note["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert set(note["files"]) >= {os.path.basename(path), "msvcp140.dll", "licenses/LICENSE.md"}


def test_what_pip_says_is_in_the_error(index, tmp_path):
    with pytest.raises(FetchError) as caught:
        fetch(["win32"], dest=tmp_path / "dest", quiet=True)
    assert "25.1.2" in str(caught.value)
    assert "No matching distribution" in str(caught.value)
    assert os.listdir(tmp_path / "dest") == []


def test_a_policy_for_installing_does_not_matter(monkeypatch, tmp_path):
    """Outside of a virtual environment pip would refuse even to download."""
    script = tmp_path / "pip.py"
    script.write_text(
        "import os, sys\n"
        "if '--version' in sys.argv: print('pip 23.0 from here')\n"
        "else: sys.exit('virtualenv: ' + os.environ['PIP_REQUIRE_VIRTUALENV'])\n"
    )
    monkeypatch.setattr(module, "_pips", lambda: iter([([sys.executable, str(script)], {})]))
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "1")
    with pytest.raises(FetchError, match="virtualenv: 0"):
        fetch(["win32"], dest=tmp_path, quiet=True)


def test_by_default_the_users_data_folder_where_the_search_finds_it(download, tmp_path, monkeypatch):
    need(HERE in WHEELS, "a platform with a wheel")
    for name in ("XDG_DATA_HOME", "HOME", "LOCALAPPDATA", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.delenv(finder.VARIABLE, raising=False)
    path = fetch()[HERE]
    assert path.startswith(str(tmp_path))
    found = [c.path for c in finder.candidates(process.environment()) if c.origin == "the user's data folder"]
    assert found == [path]


def test_a_chosen_folder_is_found_by_the_variable(download, tmp_path, monkeypatch):
    need(HERE in WHEELS, "a platform with a wheel")
    path = fetch([HERE], dest=tmp_path)[HERE]
    monkeypatch.setenv(finder.VARIABLE, str(tmp_path))
    assert [c.path for c in finder.candidates(process.environment())] == [path]


def test_one_fetch_for_both_halves_of_a_universal_library(download, tmp_path):
    found = fetch(["macosx_arm64", "macosx_11_0_x86_64", "macosx_universal2"], dest=tmp_path)
    assert list(found) == ["macosx_universal2"]
    assert download == ["macosx_universal2"]


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("manylinux_x86_64", "manylinux_x86_64"),
        ("manylinux2014_x86_64", "manylinux_x86_64"),
        ("manylinux1_i686", "manylinux_i686"),
        ("manylinux_2_28_aarch64", "manylinux_aarch64"),
        ("musllinux_1_2_aarch64", "musllinux_aarch64"),
        ("macosx_10_15_x86_64", "macosx_universal2"),
        ("macosx_arm64", "macosx_universal2"),
        ("win-amd64", "win_amd64"),
        ("Win32", "win32"),
        ("android_24_arm64_v8a", "android_arm64_v8a"),
        ("solaris_sparc", "solaris_sparc"),
    ],
)
def test_tags_of_wheels_are_understood(name, tag):
    assert platform_tag(name) == tag


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("win_arm64", ["extension module", "vcpkg install", finder.VARIABLE]),
        ("android_24_arm64_v8a", ["extension module", "Termux"]),
        ("manylinux2014_armv7l", ["no wheel", "apt install"]),
        ("musllinux_1_2_ppc64le", ["no wheel", "apk add"]),
        ("ios_13_0_arm64_iphoneos", ["part of the application"]),
        ("solaris_sparc", ["no wheel", "package manager"]),
    ],
)
def test_a_platform_without_a_wheel_is_told_what_else_there_is(download, tmp_path, tag, words):
    with pytest.raises(FetchError) as caught:
        fetch(["win32", tag], dest=tmp_path)
    for word in words:
        assert word in str(caught.value)
    assert " fetch " not in str(caught.value).partition("Instead")[2]
    assert download == [] and os.listdir(tmp_path) == []


def test_a_python_without_pip_uses_another_one(monkeypatch, tmp_path):
    broken = [str(tmp_path / "no such program")]
    failing = [sys.executable, "-c", "import sys; sys.exit(1)"]
    ancient = [sys.executable, "-c", "print('pip 9.0.1 from somewhere')"]
    good = [sys.executable, "-c", "print('pip 20.0 from somewhere')"]
    monkeypatch.setattr(module, "_pips", lambda: iter((command, {}) for command in (broken, failing, ancient, good)))
    assert module._pip()[0] == good
    monkeypatch.setattr(module, "_pips", lambda: iter((command, {}) for command in (broken, failing, ancient)))
    with pytest.raises(FetchError, match="pip"):
        module._pip()


def test_no_program_but_python_is_asked_for_its_pip(monkeypatch):
    """Inside another program, sys.executable is that program: it must not be started."""
    monkeypatch.setattr(sys, "executable", "/usr/bin/gdb")
    assert [command for command, _ in module._pips() if command[0] == "/usr/bin/gdb"] == []
    monkeypatch.setattr(sys, "executable", None)
    assert [command for command, _ in module._pips() if not command[0]] == []


# --- unpacking


@pytest.mark.parametrize(
    "name", ["../evil.so", "pyzmq.libs/../../evil.so", "/etc/evil.so", "pyzmq.libs\\evil.so", "C:/evil.so", "zmq/../x"]
)
def test_members_that_would_be_written_elsewhere(tmp_path, name):
    made = wheel(tmp_path, "win32", extra=[(zipfile.ZipInfo(name), b"")])
    # Writing an archive cleans some names up; the reader has to see them as they were.
    with pytest.raises(FetchError, match="dangerous"):
        unpack(str(made), str(tmp_path / "out"))
    assert not [file for _, _, files in os.walk(tmp_path / "out") for file in files]


def test_a_wheel_without_a_library(monkeypatch, tmp_path):
    def fake(wanted, folder, quiet):
        path = os.path.join(folder, "pyzmq-26.0.0.whl")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("zmq/backend/cython/_zmq.pyd", b"")
        return path

    monkeypatch.setattr(module, "_download", fake)
    with pytest.raises(FetchError, match="no libzmq of its own"):
        fetch(["win32"], dest=tmp_path)
    assert os.listdir(tmp_path) == []


# --- replacing


def complete(folder):
    """Whether `folder` is whole: every file is there as the note says."""
    try:
        note = json.loads((folder / NOTE).read_text())
        return all(hashlib.sha256((folder / name).read_bytes()).hexdigest() == h for name, h in note["files"].items())
    except FileNotFoundError:
        return False


def test_a_second_fetch_replaces_the_first(download, tmp_path):
    for _ in range(3):
        path = fetch(["win32"], dest=tmp_path)["win32"]
    with open(path, "rb") as file:
        assert file.read().endswith(b"3")
    assert os.listdir(tmp_path) == ["win32"]
    assert complete(tmp_path / "win32")


def test_what_was_left_there_by_hand_goes(download, tmp_path):
    (tmp_path / "win32" / "sub").mkdir(parents=True)
    (tmp_path / "win32" / "sub" / "libzmq-mt-9_9_9.dll").write_text("old")
    fetch(["win32"], dest=tmp_path)
    assert "sub" not in os.listdir(tmp_path / "win32")


def test_fetching_at_the_same_time_tears_nothing(download, tmp_path):
    errors = []

    def work():
        try:
            for _ in range(5):
                fetch(["win32"], dest=tmp_path)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    assert errors == []
    assert os.listdir(tmp_path) == ["win32"]
    assert complete(tmp_path / "win32")


def test_what_another_process_takes_away_first(download, tmp_path, monkeypatch):
    """Between our finding the place occupied and our clearing it."""
    fetch(["win32"], dest=tmp_path)
    real = os.rename
    taken = []

    def rename(source, target):
        if source == str(tmp_path / "win32") and not taken:
            taken.append(target)
            shutil.rmtree(source)
        real(source, target)

    monkeypatch.setattr(os, "rename", rename)
    fetch(["win32"], dest=tmp_path)
    assert taken
    assert complete(tmp_path / "win32")


def test_a_place_that_is_always_taken_again_is_given_up(download, tmp_path, monkeypatch):
    fetch(["win32"], dest=tmp_path)

    def rename(source, target):
        raise OSError(errno.ENOTEMPTY, "occupied") if target == str(tmp_path / "win32") else FileNotFoundError(source)

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(FetchError, match="replaced"):
        fetch(["win32"], dest=tmp_path)


def test_a_destination_that_cannot_be_written(download, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        fetch(["win32"], dest=tmp_path / "file")


def test_no_standard_output(download, tmp_path, monkeypatch):
    """A program with windows has none."""
    monkeypatch.setattr(sys, "stdout", None)
    assert fetch(["win32"], dest=tmp_path)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert fetch(["win32"], dest=tmp_path)


def test_fetched_from_the_real_index_it_can_be_opened(tmp_path):
    from zmq_ctypes.loader import open_library

    need(HERE in WHEELS, "a platform with a wheel")
    try:
        path = fetch(dest=tmp_path, quiet=True)[HERE]
    except FetchError as error:
        need(False, f"a package index that pip can reach: {error}")
    found = open_library(tmp_path)
    assert os.path.samefile(found.path, path)
    assert found.version >= (4, 3, 4)
