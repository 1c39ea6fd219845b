"""Get a libzmq for those who have none: through pip, out of a wheel that carries one as a library of its own.

Wheels of pyzmq are the only packages that do.  Within one platform the library is the same file in the wheels for all
interpreters, so one wheel serves CPython, PyPy and versions that it was not made for: it is downloaded and unpacked,
never installed.  pip is only asked to download; it checks what it got against the index.  Nothing is compiled.

A fetched folder appears in one step, by a rename: a process that searches meanwhile sees the old folder, the new
one or none, but never half of one.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile

from . import process
from .advice import advice
from .finder import Environment, data_folder, is_library, platform_tags
from .platforms import LINUX_TAGS, MACHINES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Iterator, Sequence

#: Name of the note beside an unpacked library that says where it came from.
NOTE = "origin.json"

_PACKAGE = "pyzmq"


class Wheel:
    """A wheel that is known to carry a libzmq which can be opened on its own."""

    __slots__ = ("abi", "platform", "python", "version")

    def __init__(self, version: str, python: str, abi: str, platform: str) -> None:
        self.version = version
        self.python = python
        self.abi = abi
        self.platform = platform


#: platform tag -> wheel.  Chosen for the lowest demands on the system among those whose libraries find each other.
WHEELS: dict[str, Wheel] = {
    "manylinux_x86_64": Wheel("27.3.0", "3.9", "cp39", "manylinux2014_x86_64"),
    "manylinux_i686": Wheel("27.3.0", "3.9", "cp39", "manylinux2014_i686"),
    "manylinux_aarch64": Wheel("27.3.0", "3.11", "cp311", "manylinux_2_28_aarch64"),
    "manylinux_riscv64": Wheel("27.3.0", "3.12", "abi3", "manylinux_2_39_riscv64"),
    # Up to 26.0 they do not find the libsodium beside them and musl takes it from nowhere else; those for musllinux_1_2
    # bring a C++ library that crashes before musl 1.2.4.
    "musllinux_x86_64": Wheel("26.4.0", "3.11", "cp311", "musllinux_1_1_x86_64"),
    "musllinux_i686": Wheel("26.4.0", "3.11", "cp311", "musllinux_1_1_i686"),
    "musllinux_aarch64": Wheel("26.4.0", "3.11", "cp311", "musllinux_1_1_aarch64"),
    "macosx_universal2": Wheel("27.3.0", "3.11", "cp311", "macosx_10_15_universal2"),
    # From 26.0 on libzmq is inside the extension module, which exports nothing of it.
    "win_amd64": Wheel("25.1.2", "3.12", "cp312", "win_amd64"),
    "win32": Wheel("25.1.2", "3.12", "cp312", "win32"),
}

#: beginning of a platform tag -> why there is nothing to fetch
_NONE: tuple[tuple[str, str], ...] = (
    ("win_", "the wheels for Windows on ARM have libzmq inside an extension module, from which it cannot be used"),
    ("android_", "the wheels for Android have libzmq inside an extension module, which works only when installed"),
    ("ios_", "iOS opens no library that is not part of the application"),
    ("", "no wheel that carries a libzmq was ever published for it"),
)

#: Folders of a wheel whose files are taken.
_FOLDERS = ("pyzmq.libs/", "zmq/.dylibs/")


class FetchError(Exception):
    """A library could not be had; the message says why and what else can be done."""


def platform_tag(name: str) -> str:
    """Return our name of a platform for `name`, which may be a wheel's (``manylinux_2_28_x86_64``).

    Both halves of a universal macOS are one: ``macosx_arm64`` gives ``macosx_universal2``.
    """
    name = name.strip().lower().replace("-", "_")
    for start in (*LINUX_TAGS.values(), "macosx", "android", "ios"):
        if name.startswith(start):
            # The digits and underscores between are the version of the system.
            machine = name[len(start) :].lstrip("0123456789_")
            return "macosx_universal2" if start == "macosx" else f"{start}_{machine}"
    return name


def _environment_of(tag: str) -> Environment:
    """Return an invented environment of the platform with this tag, for what is known about platforms."""
    for platform, start, libc in (
        *(("linux", start, libc) for libc, start in LINUX_TAGS.items()),
        ("darwin", "macosx", ""),
        ("win32", "win", ""),
        ("android", "android", ""),
        ("ios", "ios", ""),
    ):
        if tag.startswith(start):
            words = [m for m, w in MACHINES.items() for word in w.values() if tag.endswith(f"_{word}") or tag == word]
            return Environment(platform, words[0] if words else tag.partition("_")[2], libc=libc)
    return Environment(*(tag.partition("_")[::2]))


def _pips() -> Iterator[tuple[list[str], dict[str, str]]]:
    """Generate ways to start a pip, each with the environment variables it needs."""
    executable = sys.executable or ""
    ours = os.path.basename(executable).lower().startswith(("python", "pypy"))
    if ours:
        yield [executable, "-m", "pip"], {}
        # Python brings a pip for new environments; it runs from its wheel without being installed.
        folders = [os.path.join(os.path.dirname(os.__file__), "ensurepip", "_bundled"), "/usr/share/python-wheels"]
        for folder in folders:
            for name in sorted(os.listdir(folder) if os.path.isdir(folder) else ()):
                if name.startswith("pip-") and name.endswith(".whl"):
                    yield [executable, "-m", "pip"], {"PYTHONPATH": os.path.join(folder, name)}
    for name in ("python3", "python", "py", "pip3", "pip"):
        found = shutil.which(name)
        if found:
            yield [found] if name.startswith("pip") else [found, "-m", "pip"], {}


def _pip() -> tuple[list[str], dict[str, str]]:
    for command, extra in _pips():
        variables = {**os.environ, **extra}
        try:
            answer = subprocess.run(
                [*command, "--version"],
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=120,
                check=False,
                encoding="utf-8",
                errors="replace",
            )
        except (OSError, subprocess.SubprocessError):
            continue
        words = answer.stdout.split()
        # Older ones know neither the tags nor the indexes of today.
        if answer.returncode == 0 and words[:1] == ["pip"] and int(words[1].partition(".")[0]) >= 20:
            return command, variables
    raise FetchError(
        "fetching needs pip (20 or later), and neither this Python nor a command on PATH has it; "
        "install pip, or fetch on another machine with --platform and --dest and copy the folder"
    )


def _download(wheel: Wheel, folder: str, quiet: bool) -> str:
    """Let pip download `wheel` into `folder`; return the file."""
    command, variables = _pip()
    command += ["download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--dest", folder]
    command += ["--implementation", "cp", "--python-version", wheel.python, "--abi", wheel.abi]
    command += ["--platform", wheel.platform, f"{_PACKAGE}=={wheel.version}"]
    # A policy for installing; nothing is installed here.
    variables["PIP_REQUIRE_VIRTUALENV"] = "0"
    # pip shows its progress itself, on whatever our standard output is.
    if sys.stdout:
        sys.stdout.flush()
    done = subprocess.run(
        command,
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        check=False,
        encoding="utf-8",
        errors="replace",
    )
    files = [name for name in os.listdir(folder) if name.endswith(".whl")]
    if done.returncode or not files:
        said = f":\n{done.stdout.strip()}" if quiet else f" (see above; exit status {done.returncode})"
        raise FetchError(f"pip could not download {_PACKAGE} {wheel.version} for {wheel.platform}{said}")
    return os.path.join(folder, files[0])


def _target(name: str) -> str | None:
    """Return where a member of a wheel goes, relative to the folder of the library; None if it is left out."""
    parts = name.split("/")
    if "\\" in name or ":" in name or name.startswith("/") or ".." in parts:
        raise FetchError(f"the wheel has a member with a dangerous name: {name!r}")
    if not parts[-1] or parts[-1].startswith("."):
        return None
    for folder in _FOLDERS:
        if name.startswith(folder):
            return "/".join(parts[folder.count("/") :])
    if parts[0].endswith(".dist-info"):
        if "licenses" in parts[1:-1]:
            return "licenses/" + parts[-1]
        if parts[-1].startswith(("LICENSE", "COPYING", "AUTHORS")):
            return "licenses/" + parts[-1]
    return None


def unpack(wheel: str, folder: str) -> dict[str, str]:
    """Unpack the shared libraries of a wheel, and the licences, into a new folder.

    Parameters
    ----------
    wheel : str
        The wheel's file.
    folder : str
        Where to; it must not exist.

    Returns
    -------
    dict
        Name in `folder` -> SHA-256 of what was written, in hexadecimal digits.

    Raises
    ------
    FetchError
        A member of the wheel would be written elsewhere.
    """
    os.mkdir(folder)
    hashes = {}
    with zipfile.ZipFile(wheel) as archive:
        targets = [(member, _target(member.filename)) for member in archive.infolist()]
        for member, target in targets:
            if target is None:
                continue
            path = os.path.join(folder, *target.split("/"))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            data = archive.read(member)
            with open(path, "wb") as file:
                file.write(data)
            hashes[target] = hashlib.sha256(data).hexdigest()
    return hashes


#: What systems answer when a folder is to be renamed to one that is there.
_OCCUPIED = (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES)


def _replace(new: str, old: str, aside: str) -> None:
    """Put the folder `new` in the place of `old`, whoever else does the same; what was there ends up in `aside`."""
    for attempt in range(100):
        try:
            os.rename(new, old)
            return
        except OSError as error:
            if error.errno not in _OCCUPIED:
                raise
        try:
            os.rename(old, os.path.join(aside, f"old{attempt}"))
        except FileNotFoundError:
            # Another process moved it first and may have put its own there since.
            continue
    raise FetchError(f"{old} cannot be replaced: other processes keep replacing it")


def _fetch_one(tag: str, parent: str, quiet: bool) -> str:
    wheel = WHEELS[tag]
    environment = _environment_of(tag)
    os.makedirs(parent, exist_ok=True)
    # Beside its destination, so that the last step is a rename within one file system.
    with tempfile.TemporaryDirectory(prefix=f".{tag}.", dir=parent) as work:
        os.mkdir(os.path.join(work, "download"))
        file = _download(wheel, os.path.join(work, "download"), quiet)
        new = os.path.join(work, tag)
        hashes = unpack(file, new)
        libraries = sorted(name for name in hashes if is_library(environment, name))
        if not libraries:
            raise FetchError(f"{os.path.basename(file)} holds no libzmq of its own")
        with open(file, "rb") as stream:
            digest = hashlib.sha256(stream.read()).hexdigest()
        note = {
            "package": _PACKAGE,
            "version": wheel.version,
            "wheel": os.path.basename(file),
            "sha256": digest,
            "platform": tag,
            "library": libraries[0],
            "files": hashes,
        }
        with open(os.path.join(new, NOTE), "w", encoding="utf-8") as stream:
            json.dump(note, stream, indent=2, sort_keys=True)
            stream.write("\n")
        destination = os.path.join(parent, tag)
        try:
            _replace(new, destination, work)
        except PermissionError as error:
            raise FetchError(f"{destination} cannot be replaced, a program is using it: {error}") from None
    return os.path.join(destination, libraries[0])


def _missing(tag: str) -> FetchError:
    reason = next(reason for start, reason in _NONE if tag.startswith(start))
    package = __name__.rpartition(".")[0]
    # Advice for a platform that can be fetched for in general would send them here again.
    others = [line for line in advice(_environment_of(tag), package) if " fetch " not in line and "pip " not in line]
    known = ", ".join(sorted(WHEELS))
    return FetchError(
        f"there is no libzmq to fetch for {tag}: {reason}.\nThere is one for: {known}.\nInstead:\n"
        + "\n".join(f"  - {line}" for line in others)
    )


def fetch(platforms: Iterable[str] | None = None, dest: str | None = None, quiet: bool = False) -> dict[str, str]:
    """Download libzmq and unpack it where the search finds it.

    Parameters
    ----------
    platforms : iterable of str, optional
        Platform tags, ours or a wheel's: ``manylinux_x86_64``, ``musllinux_1_2_aarch64``, ``macosx_arm64``,
        ``win_amd64``.  By default the platform of this Python.
    dest : str, optional
        Parent of the folders that are made, one for each platform; by default the user's data folder.
    quiet : bool
        Do not show what pip says, unless it fails.

    Returns
    -------
    dict
        Platform tag -> file of libzmq.  The libraries it needs lie beside it, licences in a folder ``licenses``, and a
        note of its origin in ``origin.json``.

    Raises
    ------
    FetchError
        There is none for a platform (known before anything is downloaded), pip is missing or failed, or the folder
        cannot be replaced.
    OSError
        The destination cannot be written.
    """
    environment = process.environment()
    wanted: Sequence[str] = platform_tags(environment)[:1] if platforms is None else list(platforms)
    tags = list(dict.fromkeys(platform_tag(name) for name in wanted))
    for tag in tags:
        if tag not in WHEELS:
            raise _missing(tag)
    parent = os.path.abspath(dest) if dest is not None else data_folder(environment)
    if parent is None:
        raise FetchError("this user has no home folder to keep a library in; name one with --dest")
    return {tag: _fetch_one(tag, parent, quiet) for tag in tags}
