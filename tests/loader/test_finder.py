"""The order of the search, on invented machines: no library is opened and no real folder is looked at."""

from __future__ import annotations

import ntpath
import os
import posixpath
import re
import types

import pytest
from zmq_ctypes.loader.finder import SEARCHES, VARIABLE, Environment, candidates, data_folder, is_library, platform_tags
from zmq_ctypes.loader.platforms import MACHINES, PLATFORMS

NAMES = [origin for origin, _, _ in SEARCHES]


class Tree:
    """A file system that consists of a list of files; it counts what it is asked."""

    def __init__(self, files=(), links=None, path=posixpath, cwd="/cwd"):
        self.path = path
        self.files = {path.normpath(name) for name in files}
        self.links = links or {}
        self.cwd = cwd
        self.listed = []

    def isfile(self, name):
        return self.abspath(name) in self.files

    def isdir(self, name):
        return any(file.startswith(self.abspath(name) + self.path.sep) for file in self.files)

    def names(self, folder):
        self.listed.append(folder)
        start = self.path.join(self.abspath(folder), "")
        return sorted({file[len(start) :].split(self.path.sep)[0] for file in self.files if file.startswith(start)})

    def realpath(self, name):
        return self.links.get(name, name)

    def abspath(self, name):
        return self.path.normpath(self.path.join(self.cwd, name))


def linux(files=(), **facts):
    settings = {"home": "/home/me", "prefixes": ["/venv", "/usr"], "package": "/site/pkg/loader", "libc": "glibc"}
    return Environment("linux", **{"machine": "x86_64", "files": Tree(files), **settings, **facts})


def windows(files=(), **facts):
    settings = {
        "home": "C:\\Users\\me",
        "prefixes": ["C:\\Py"],
        "package": "C:\\site\\pkg\\loader",
        "machine": "x86_64",
    }
    return Environment("win32", **{**settings, "files": Tree(files, path=ntpath, cwd="C:\\cwd"), **facts})


def darwin(files=(), **facts):
    settings = {"home": "/Users/me", "prefixes": ["/venv"], "package": "/site/pkg/loader", "machine": "aarch64"}
    return Environment("darwin", **{"files": Tree(files), **settings, **facts})


def paths(environment, origin=None, path=None):
    """What would be opened, in order."""
    found = candidates(environment, path)
    return [c.path for c in found if c.reason is None and origin in (None, c.origin)]


def test_the_origins_come_in_the_documented_order():
    everything = linux(
        [
            "/site/pkg/loader/lib/manylinux_x86_64/libzmq-abc.so.5.2.5",
            "/home/me/.local/share/zmq_ctypes/manylinux_x86_64/libzmq.so.5",
            "/app/libzmq.so.5",
            "/venv/lib/libzmq.so.5",
            "/usr/lib/x86_64-linux-gnu/libzmq.so.5",
            "/site/pyzmq.libs/libzmq-def.so.5.2.5",
        ],
        executable="/app/program",
        modules={"zmq.backend.cython._zmq": types.SimpleNamespace(__file__="/else/zmq/_zmq.so")},
        mapped=lambda: ["/lib/libc.so.6", "/opt/x/libzmq.so.5.1.0"],
        search_path=["/site"],
        find_library=lambda name: f"lib{name}.so.99",
    )
    assert [(c.origin, c.path) for c in candidates(everything)] == [
        ("inside the package", "/site/pkg/loader/lib/manylinux_x86_64/libzmq-abc.so.5.2.5"),
        ("the user's data folder", "/home/me/.local/share/zmq_ctypes/manylinux_x86_64/libzmq.so.5"),
        ("the imported pyzmq", "/else/zmq/_zmq.so"),
        ("this process", "/opt/x/libzmq.so.5.1.0"),
        ("this process", None),
        ("beside the program", "/app/libzmq.so.5"),
        ("environment prefix", "/venv/lib/libzmq.so.5"),
        ("the system's own search", "libzmq.so.5"),
        ("the system's own search", "libzmq.so.4"),
        ("the system's own search", "libzmq.so.3"),
        ("the system's own search", "libzmq.so"),
        ("known folder", "/usr/lib/x86_64-linux-gnu/libzmq.so.5"),
        ("an installed pyzmq", "/site/pyzmq.libs/libzmq-def.so.5.2.5"),
        ("find_library", "libzmq.so.99"),
    ]


def test_an_argument_is_the_only_candidate():
    environment = linux(["/a/libzmq.so.5", "/venv/lib/libzmq.so.5"], variables={VARIABLE: "/b/libzmq.so"})
    assert [(c.origin, c.path) for c in candidates(environment, "/a/libzmq.so.5")] == [("argument", "/a/libzmq.so.5")]


def test_the_variable_is_the_only_candidate():
    environment = linux(["/b/libzmq.so", "/venv/lib/libzmq.so.5"], variables={VARIABLE: "/b/libzmq.so"})
    assert [(c.origin, c.path) for c in candidates(environment)] == [(VARIABLE, "/b/libzmq.so")]


def test_an_empty_variable_is_no_choice():
    assert "libzmq.so.5" in paths(linux(variables={VARIABLE: ""}))


@pytest.mark.parametrize(
    "files",
    [
        ["/d/libzmq.so.5"],
        ["/d/lib/libzmq.so.5"],
        ["/d/lib64/libzmq-1d1dfb78.so.5.2.5"],
        ["/d/manylinux_x86_64/libzmq-1d1dfb78.so.5.2.5"],
        ["/d/pyzmq.libs/libzmq-1d1dfb78.so.5.2.5"],
        ["/d/zmq/.libs/libzmq-f7ef747e.so.5.1.5"],
    ],
    ids=lambda files: files[0],
)
def test_a_chosen_folder_may_hold_it_in_all_the_usual_places(files):
    assert paths(linux([*files, "/d/readme"]), path="/d") == files
    assert paths(linux([*files, "/d/readme"], variables={VARIABLE: "/d"})) == files


def test_a_chosen_folder_without_a_library_is_refused_and_nothing_else_is_tried():
    (only,) = candidates(linux(["/d/other.so", "/venv/lib/libzmq.so.5"]), "/d")
    assert only.path == "/d"
    assert "folder" in only.reason


def test_a_chosen_relative_path_becomes_absolute():
    assert paths(linux(["/cwd/x/libzmq.so.5"]), path="x/libzmq.so.5") == ["/cwd/x/libzmq.so.5"]
    assert paths(windows(), path="x\\libzmq.dll") == ["C:\\cwd\\x\\libzmq.dll"]


def test_a_bare_name_is_left_to_the_system_before_the_current_folder():
    assert paths(linux(["/cwd/libzmq.so.5"]), path="libzmq.so.5") == ["libzmq.so.5", "/cwd/libzmq.so.5"]
    assert paths(linux(), path="libzmq.so.5") == ["libzmq.so.5"]


def test_each_origin_without_a_candidate_says_where_it_looked():
    silent = [c for c in candidates(linux()) if c.reason is not None]
    assert [c.origin for c in silent] == [n for n in NAMES if n not in ("this process", "the system's own search")]
    reasons = {c.origin: c.reason for c in silent}
    assert "/site/pkg/loader/lib/manylinux_x86_64" in reasons["inside the package"]
    assert "/home/me/.local/share/zmq_ctypes/manylinux_x86_64" in reasons["the user's data folder"]
    assert "/usr/lib/x86_64-linux-gnu" in reasons["known folder"]


def test_later_searches_cost_nothing_when_an_earlier_candidate_is_taken():
    def unexpected(*arguments):
        raise AssertionError("computed too early")

    environment = linux(["/venv/lib/libzmq.so.5"], find_library=unexpected, search_path=["/site"])
    found = candidates(environment)
    assert next(c for c in found if c.origin == "environment prefix").path == "/venv/lib/libzmq.so.5"
    # Only the two folders whose file names cannot be known were listed.
    assert environment.files.listed == [
        "/site/pkg/loader/lib/manylinux_x86_64",
        "/home/me/.local/share/zmq_ctypes/manylinux_x86_64",
    ]
    with pytest.raises(AssertionError, match="too early"):
        list(found)


def test_the_process_is_not_asked_before_it_is_its_turn():
    def unexpected():
        raise AssertionError("asked")

    found = candidates(linux(["/site/pkg/loader/lib/manylinux_x86_64/libzmq.so.5"], mapped=unexpected))
    assert next(found).origin == "inside the package"


@pytest.mark.parametrize("package", [None, "/site/thing.zip/pkg/loader"])
def test_a_package_without_a_folder_is_no_obstacle(package):
    assert "libzmq.so.5" in paths(linux(package=package))


def test_a_bare_machine_is_no_obstacle():
    """No home, no executable, no prefixes, no sys.path, no modules: an embedded Python under -I -S."""
    environment = Environment("linux", "x86_64", files=Tree())
    assert paths(environment) == [None, *PLATFORMS["linux"].names]
    assert data_folder(environment) is None


def test_an_unknown_system_is_searched_like_a_unix():
    environment = Environment("haiku", "x86_64", files=Tree(["/usr/local/lib/libzmq.so.5"]))
    assert "libzmq.so.5" in paths(environment, "the system's own search")
    assert paths(environment, "known folder") == ["/usr/local/lib/libzmq.so.5"]


def test_relative_entries_never_name_the_current_folder():
    files = [
        "/cwd/pyzmq.libs/libzmq.so.5",
        "/cwd/libzmq.so.5",
        "/cwd/lib/libzmq.so.5",
        "/cwd/zmq_ctypes/manylinux_x86_64/libzmq.so.5",
    ]
    environment = linux(
        files,
        search_path=["", "."],
        prefixes=["", "."],
        variables={"LIBRARY_PATH": ":.", "XDG_DATA_HOME": "."},
        home="",
    )
    assert [path for path in paths(environment) if path and "/" in path] == []


# --- which tag


@pytest.mark.parametrize(
    ("platform", "machine", "libc", "tags"),
    [
        ("linux", "x86_64", "glibc", ("manylinux_x86_64",)),
        ("linux", "aarch64", "musl", ("musllinux_aarch64",)),
        ("linux", "arm", "glibc", ("manylinux_armv7l",)),
        ("linux", "s390x", "glibc", ("manylinux_s390x",)),
        ("darwin", "aarch64", "", ("macosx_arm64", "macosx_universal2")),
        ("darwin", "x86_64", "", ("macosx_x86_64", "macosx_universal2")),
        ("win32", "x86_64", "", ("win_amd64",)),
        ("win32", "i686", "", ("win32",)),
        ("win32", "aarch64", "", ("win_arm64",)),
        ("android", "aarch64", "", ("android_arm64_v8a",)),
        ("freebsd", "x86_64", "", ("freebsd_x86_64",)),
    ],
)
def test_platform_tags(platform, machine, libc, tags):
    assert platform_tags(Environment(platform, machine, libc=libc)) == tags


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        (linux(), "/home/me/.local/share/zmq_ctypes"),
        (linux(variables={"XDG_DATA_HOME": "/data"}), "/data/zmq_ctypes"),
        (linux(variables={"XDG_DATA_HOME": "relative"}), "/home/me/.local/share/zmq_ctypes"),
        (darwin(), "/Users/me/Library/Application Support/zmq_ctypes"),
        (windows(variables={"LOCALAPPDATA": "C:\\L"}), "C:\\L\\zmq_ctypes"),
        (windows(), "C:\\Users\\me\\AppData\\Local\\zmq_ctypes"),
    ],
)
def test_the_users_data_folder(environment, folder):
    assert data_folder(environment) == folder


# --- names


@pytest.mark.parametrize(
    ("environment", "yes", "no"),
    [
        (
            linux(),
            ["libzmq.so", "libzmq.so.5", "libzmq-1d1dfb78.so.5.2.5", "libzmq.so.4.2.0"],
            [
                "libzmq.a",
                "libzmq.so.py",
                "libzmq.so.5.debug",
                "czmq.so",
                "libczmq.so.4",
                "libzmqpp.txt",
                "libzmq.5.dylib",
            ],
        ),
        (
            darwin(),
            ["libzmq.5.dylib", "libzmq.dylib", "libzmq.cpython-38-darwin.so"],
            ["libzmq.a", "libzmq.5.dylib.dSYM", "libsodium.26.dylib"],
        ),
        (
            windows(python=("cpython", 3, 8)),
            [
                "libzmq.dll",
                "libzmq-mt-4_3_5.dll",
                "libzmq-v141-mt-4_3_4-0a6f51ca.dll",
                "libzmq.cp38-win_amd64.pyd",
                "LIBZMQ.DLL",
            ],
            ["libzmq.lib", "libzmq.cp37-win_amd64.pyd", "libsodium.dll", "_zmq.cp38-win_amd64.pyd"],
        ),
        (
            Environment("android", "aarch64", python=("cpython", 3, 13)),
            ["libzmq.so", "_zmq.cpython-313-aarch64-linux-android.so"],
            ["_zmq.cpython-314-aarch64-linux-android.so", "_poll.so"],
        ),
    ],
)
def test_names_of_libraries(environment, yes, no):
    assert [name for name in yes if not is_library(environment, name)] == []
    assert [name for name in no if is_library(environment, name)] == []


def test_of_several_the_system_name_then_the_newest_is_best():
    names = ["libzmq-a.so.5.2.10", "libzmq-b.so.5.2.9", "libzmq.so.4", "libzmq-c.so.5.2.4"]
    environment = linux([f"/d/{name}" for name in names])
    found = [posixpath.basename(path) for path in paths(environment, path="/d")]
    assert found == ["libzmq.so.4", "libzmq-a.so.5.2.10", "libzmq-b.so.5.2.9", "libzmq-c.so.5.2.4"]


def test_on_windows_release_comes_before_debug_and_new_before_old():
    names = ["libzmq-mt-gd-4_3_6.dll", "libzmq-mt-4_3_4.dll", "libzmq-v143-mt-4_3_10.dll", "libzmq-mt-4_3_5.dll"]
    environment = windows([f"C:\\d\\{name}" for name in names])
    found = [ntpath.basename(path) for path in paths(environment, path="C:\\d")]
    assert found == [
        "libzmq-v143-mt-4_3_10.dll",
        "libzmq-mt-4_3_5.dll",
        "libzmq-mt-4_3_4.dll",
        "libzmq-mt-gd-4_3_6.dll",
    ]


# --- single origins


def test_an_imported_pyzmq_is_reached_through_its_extension_module():
    module = types.SimpleNamespace(__file__="/site/zmq/backend/cython/_zmq.cpython-311.so")
    for name in ("zmq.backend.cython._zmq", "zmq.backend.cffi._cffi", "zmq.backend.cython.context", "zmq.core.context"):
        assert paths(linux(modules={name: module}), "the imported pyzmq") == [module.__file__]
    assert paths(windows(modules={"zmq.backend.cython._zmq": module}), "the imported pyzmq") == []
    assert paths(linux(modules={"zmq.backend.cython._zmq": None}), "the imported pyzmq") == []
    ours = types.SimpleNamespace(__file__="/site/zmq/backend/cython/context.py")
    assert paths(linux(modules={"zmq.backend.cython.context": ours}), "the imported pyzmq") == []


def test_what_the_process_has_loaded():
    mapped = ["/usr/lib/libc.so.6", "/x/libzmq-2f02442c.so.5.2.5", "/x/libsodium.so.23", "/y/libzmq.so.5"]
    found = paths(linux(mapped=lambda: mapped), "this process")
    assert found == ["/x/libzmq-2f02442c.so.5.2.5", "/y/libzmq.so.5", None]
    mapped = ["C:\\Windows\\kernel32.dll", "C:\\x\\libzmq-v141-mt-4_3_4-0a6f51ca.dll"]
    assert paths(windows(mapped=lambda: mapped), "this process") == mapped[1:]


def test_a_frozen_application_carries_it():
    files = ["/tmp/_MEI1/libzmq.so.5", "/app/lib/libzmq.so.5"]
    assert paths(linux(files, frozen="/tmp/_MEI1", executable="/app/program"), "beside the program") == files
    files = ["/A.app/Contents/Frameworks/libzmq.5.dylib"]
    assert paths(darwin(files, executable="/A.app/Contents/MacOS/A"), "beside the program") == files


def test_a_library_dropped_into_the_copied_package():
    for file in ("/site/pkg/loader/libzmq.so.5", "/site/pkg/libzmq.so.5"):
        assert paths(linux([file]), "beside the program") == [file]


def test_conda_and_venv_prefixes():
    environment = linux(["/conda/lib/libzmq.so.5"], variables={"CONDA_PREFIX": "/conda"})
    assert paths(environment, "environment prefix") == ["/conda/lib/libzmq.so.5"]
    file = "C:\\conda\\Library\\bin\\libzmq-mt-4_3_5.dll"
    assert paths(windows([file], variables={"CONDA_PREFIX": "C:\\conda"}), "environment prefix") == [file]


@pytest.mark.parametrize(
    ("environment", "file"),
    [
        (linux, "/usr/lib64/libzmq.so.5"),
        (linux, "/home/linuxbrew/.linuxbrew/lib/libzmq.so.5"),
        (linux, "/home/me/.nix-profile/lib/libzmq.so.5"),
        (darwin, "/opt/homebrew/lib/libzmq.5.dylib"),
        (darwin, "/opt/local/lib/libzmq.5.dylib"),
        (windows, "C:\\vcpkg\\installed\\x64-windows\\bin\\libzmq-mt-4_3_5.dll"),
        (windows, "C:\\msys64\\ucrt64\\bin\\libzmq.dll"),
    ],
)
def test_known_folders(environment, file):
    assert paths(environment([file]), "known folder") == [file]


@pytest.mark.parametrize(
    ("environment", "variables", "file"),
    [
        (linux, {"LIBRARY_PATH": "/a:/b"}, "/b/libzmq.so.5"),
        (linux, {"GUIX_ENVIRONMENT": "/gnu"}, "/gnu/lib/libzmq.so.5"),
        (darwin, {"HOMEBREW_PREFIX": "/brew"}, "/brew/lib/libzmq.5.dylib"),
        (windows, {"PATH": "C:\\a;C:\\b"}, "C:\\b\\libzmq.dll"),
        (
            windows,
            {"ProgramFiles": "C:\\Program Files"},
            "C:\\Program Files\\ZeroMQ 4.0.4\\bin\\libzmq-v100-mt-4_0_4.dll",
        ),
        (windows, {"VCPKG_ROOT": "D:\\vcpkg"}, "D:\\vcpkg\\installed\\x64-windows\\bin\\libzmq-mt-4_3_5.dll"),
    ],
)
def test_known_folders_named_by_variables(environment, variables, file):
    assert paths(environment([file], variables=variables), "known folder") == [file]
    assert paths(environment([file]), "known folder") == []


def test_termux():
    environment = Environment("android", "aarch64", files=Tree(["/data/data/com.termux/files/usr/lib/libzmq.so"]))
    assert paths(environment, "known folder") == ["/data/data/com.termux/files/usr/lib/libzmq.so"]


@pytest.mark.parametrize(
    ("environment", "entry", "file"),
    [
        (linux, "/site", "/site/pyzmq.libs/libzmq-2f02442c.so.5.2.5"),
        (linux, "/site", "/site/zmq/.libs/libzmq-f7ef747e.so.5.1.5"),
        (darwin, "/site", "/site/zmq/.dylibs/libzmq.5.dylib"),
        (darwin, "/site", "/site/zmq/libzmq.cpython-37m-darwin.so"),
        (windows, "C:\\site", "C:\\site\\pyzmq.libs\\libzmq-v141-mt-4_3_4-0a6f51ca.dll"),
        (windows, "C:\\site", "C:\\site\\zmq\\libzmq.cp38-win_amd64.pyd"),
    ],
)
def test_layouts_of_an_installed_pyzmq(environment, entry, file):
    assert paths(environment([file], search_path=["/other", entry]), "an installed pyzmq") == [file]


def test_find_library_is_asked_for_what_the_system_calls_it():
    asked = []
    list(candidates(linux(find_library=asked.append)))
    list(candidates(windows(find_library=asked.append)))
    assert asked == ["zmq", "libzmq"]


def test_every_machine_has_the_words_its_platforms_need():
    for machine in ("x86_64", "i686", "aarch64"):
        assert set(MACHINES[machine]) == {"wheel", "multiarch", "android", "windows", "vcpkg", "msys"}


def test_finding_touches_no_operating_system(monkeypatch):
    """The finder is pure: with the environment given, os and sys are not asked."""
    from zmq_ctypes.loader import finder

    monkeypatch.setattr(finder, "os", None)
    for environment in (linux(), darwin(), windows()):
        assert list(candidates(environment))


def test_every_origin_and_variable_is_documented_in_order():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with open(os.path.join(root, "docs", "finding-libzmq.md"), encoding="utf-8") as file:
        text = file.read()
    rows = [line.split("|")[2].strip() for line in text.splitlines() if line.startswith("| ") and line[2].isdigit()]
    assert rows == ["argument", f"`{VARIABLE}`", *NAMES]
    templates = " ".join(str(vars(traits)) for traits in PLATFORMS.values())
    for name in {*re.findall(r"{([A-Za-z_]*[A-Z][A-Za-z_]*)}", templates), VARIABLE, "CONDA_PREFIX"}:
        assert f"`{name}`" in text
