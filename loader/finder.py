"""Where a libzmq may lie: candidates, best first, each with the origin that explains it.

This module is pure.  It opens no library, imports nothing that it finds and asks neither :mod:`os` nor :mod:`sys`:
everything it may know stands in an :class:`Environment`, so that the order for Windows can be tested on Linux.
The candidates are generated lazily, because the later ones cost something (listing folders, starting ``ldconfig``)
and are rarely reached.

The order is a policy: what somebody chose; what somebody put there for us; what this process already has (two copies of
libzmq in one process cannot share contexts); what belongs to this environment; the system's; what other packages carry.
"""

from __future__ import annotations

import ntpath
import os
import posixpath

from .platforms import LINUX_TAGS, MACHINES, PLATFORMS, UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

#: Environment variable that names the library to use: a file, or a folder that holds one.
VARIABLE = "ZMQ_CTYPES_LIBRARY"
#: Name of the folder below the user's data folder.  It is the same for renamed copies: they share what was fetched.
SHARED_FOLDER = VARIABLE.rpartition("_")[0].lower()


class Files:
    """The few questions that the search asks a file system; tests answer them from an invented tree."""

    def isfile(self, path: str) -> bool:
        return os.path.isfile(path)

    def isdir(self, path: str) -> bool:
        return os.path.isdir(path)

    def names(self, folder: str) -> Sequence[str]:
        """Return the names in `folder`; none if it cannot be listed."""
        try:
            return os.listdir(folder)
        except OSError:
            return ()

    def realpath(self, path: str) -> str:
        return os.path.realpath(path)

    def abspath(self, path: str) -> str:
        return os.path.abspath(path)


class Candidate:
    """One place to try.

    Parameters
    ----------
    origin : str
        Why it is a candidate; one of the origins listed in ``SEARCHES``, ``"argument"`` or the variable's name.
    path : str or None
        File, or bare name that is left to the system's own search.  None, without a reason, is the process itself.
    reason : str or None
        Set when the search already knows that there is nothing to open.
    """

    __slots__ = ("origin", "path", "reason")

    def __init__(self, origin: str, path: str | None, reason: str | None = None) -> None:
        self.origin = origin
        self.path = path
        self.reason = reason

    def __repr__(self) -> str:
        return f"Candidate({self.origin!r}, {self.path!r}, {self.reason!r})"


class Environment:
    """Everything that decides where to look.

    Parameters
    ----------
    platform : str
        ``sys.platform`` without a version number; ``"android"`` also for Pythons that call it ``"linux"``.
    machine : str
        What this *process* runs as (``"i686"`` for a 32-bit Python on a 64-bit kernel), in the words of ``MACHINES``.
    bits : int
        Width of a pointer: 32 or 64.
    libc : str
        ``"glibc"``, ``"musl"`` or empty.
    variables : mapping
        ``os.environ``.
    home : str
        The user's home folder; empty if there is none.
    prefixes : sequence of str
        ``sys.prefix``, ``sys.base_prefix``, ...
    executable : str or None
        ``sys.executable``.
    frozen : str or None
        Folder into which a frozen application was unpacked (``sys._MEIPASS``).
    package : str or None
        Folder of this package; None, or a folder that does not exist, if it was imported from an archive.
    search_path : sequence of str
        ``sys.path``.
    modules : mapping
        ``sys.modules``.
    python : tuple of (str, int, int)
        Implementation name and version.
    files : Files
        The file system.
    path : module
        :mod:`posixpath` or :mod:`ntpath`; chosen after the platform by default.
    mapped : callable
        Returns the files of all libraries that the process has loaded.
    find_library : callable
        ``ctypes.util.find_library``.
    """

    def __init__(
        self,
        platform: str,
        machine: str,
        bits: int = 64,
        libc: str = "",
        variables: Mapping[str, str] | None = None,
        home: str = "",
        prefixes: Sequence[str] = (),
        executable: str | None = None,
        frozen: str | None = None,
        package: str | None = None,
        search_path: Sequence[str] = (),
        modules: Mapping[str, Any] | None = None,
        python: tuple[str, int, int] = ("cpython", 3, 8),
        files: Files | None = None,
        path: Any = None,
        mapped: Callable[[], Iterable[str]] = tuple,
        find_library: Callable[[str], str | None] = lambda name: None,
    ) -> None:
        self.platform = platform
        self.machine = machine
        self.bits = bits
        self.libc = libc
        self.variables = {} if variables is None else variables
        self.home = home
        self.prefixes = prefixes
        self.executable = executable
        self.frozen = frozen
        self.package = package
        self.search_path = search_path
        self.modules = {} if modules is None else modules
        self.python = python
        self.files = Files() if files is None else files
        self.path = path if path is not None else ntpath if platform == "win32" else posixpath
        self.mapped = mapped
        self.find_library = find_library
        self.traits = PLATFORMS.get(platform, UNKNOWN)

    def join(self, folder: str, *parts: str) -> str:
        return str(self.path.normpath(self.path.join(folder, *parts)))

    def value(self, name: str) -> str:
        """Return the fact or the environment variable that ``{name}`` stands for; empty if there is none."""
        if not name.islower():
            return self.variables.get(name, "")
        implementation, major, minor = self.python
        facts = {
            "home": self.home,
            "abi": f"cp{major}{minor}" if implementation == "cpython" else f"{implementation}{major}{minor}",
            "cpython": f"{implementation}-{major}{minor}",
        }
        return facts.get(name) or MACHINES.get(self.machine, {}).get(name, "")

    def expand(self, template: str) -> list[str]:
        """Return what `template` stands for here: no folder, one, or one for each entry of a list."""
        before, brace, rest = template.partition("{")
        if not brace:
            return [template]
        name, _, after = rest.partition("}")
        value = self.value(name)
        values = value.split(self.path.pathsep) if name.endswith("PATH") else [value]
        return [before + value + tail for value in values if value for tail in self.expand(after)]


def platform_tags(environment: Environment) -> tuple[str, ...]:
    """Return the names of the folders that may hold a library for this platform, the most exact first.

    They are the platform tags of wheels without the version of the system: ``manylinux_x86_64``, ``musllinux_aarch64``,
    ``macosx_arm64``, ``win_amd64``, ``android_arm64_v8a``.
    """
    words = MACHINES.get(environment.machine, {})
    machine = words.get("wheel", environment.machine)
    platform = environment.platform
    if platform == "linux":
        return (f"{LINUX_TAGS.get(environment.libc, platform)}_{machine}",)
    if platform == "darwin":
        return (f"macosx_{'arm64' if machine == 'aarch64' else machine}", "macosx_universal2")
    if platform == "win32":
        return (words.get("windows", f"win_{machine}"),)
    if platform == "android":
        return (f"android_{words.get('android', machine)}",)
    return (f"{platform}_{machine}",)


def data_folder(environment: Environment) -> str | None:
    """Return the folder below which fetched libraries are kept for this user; None if the user has no home."""
    for template in environment.traits.data:
        for folder in environment.expand(template):
            if environment.path.isabs(folder):
                return environment.join(folder, SHARED_FOLDER)
    return None


def _ending(name: str, extension: str) -> str | None:
    """Return what follows `extension` in `name` if that is a version (or nothing), else None."""
    before, found, after = name.rpartition(extension)
    return after if before and found and after.replace(".", "").isdigit() or (found and not after) else None


def is_library(environment: Environment, name: str) -> bool:
    """Tell whether a file of this name (without folder) holds a libzmq on this platform, as far as names go."""
    name = name.lower()
    for beginning, extension in environment.traits.marks:
        for start in environment.expand(beginning):
            if name.startswith(start) and _ending(name, extension) is not None:
                return True
    return False


def _preference(environment: Environment, name: str) -> tuple[int, bool, tuple[int, ...]]:
    """Sort key: names known to the system first, release before debug builds, newest first."""
    names = environment.traits.names
    numbers: tuple[int, ...] = ()
    for _, extension in environment.traits.marks:
        version = _ending(name.lower(), extension)
        if version:
            numbers = tuple(int(number) for number in version.split(".") if number)
    for piece in name.lower().replace(".dll", "").split("-"):
        if "_" in piece and piece.replace("_", "").isdigit():
            numbers = tuple(int(number) for number in piece.split("_") if number)
    rank = names.index(name) if name in names else len(names)
    return rank, "-gd-" in name, tuple(-number for number in numbers)


def _in_folder(environment: Environment, folder: str, listed: bool) -> Iterator[str]:
    files = environment.files
    if listed or environment.traits.listed:
        found = [name for name in files.names(folder) if is_library(environment, name)]
        for name in sorted(found, key=lambda name: (_preference(environment, name), name)):
            path = environment.join(folder, name)
            if files.isfile(path):
                yield path
        return
    for name in environment.traits.names:
        path = environment.join(folder, name)
        if files.isfile(path):
            yield path


def _in_folders(
    environment: Environment, folders: Iterable[str], looked: list[str], listed: bool = True
) -> Iterator[str]:
    for folder in folders:
        if folder not in looked and environment.path.isabs(folder):
            looked.append(folder)
            yield from _in_folder(environment, folder, listed)


def _starred(environment: Environment, folder: str) -> list[str]:
    """Return the folders that `folder` stands for if one of its parts ends in a star."""
    before, star, after = folder.partition("*")
    if not star:
        return [folder]
    parent, beginning = environment.path.split(before)
    names = sorted(name for name in environment.files.names(parent) if name.startswith(beginning))
    return [environment.join(parent, name, after.lstrip("/")) for name in reversed(names)]


def _parents(environment: Environment) -> list[str]:
    package = environment.package
    return [package, environment.path.dirname(package)] if package else []


def _inside_package(environment: Environment, looked: list[str]) -> Iterator[str | None]:
    tags = platform_tags(environment)
    folders = [environment.join(package, "lib", tag) for package in _parents(environment)[:1] for tag in tags]
    return _in_folders(environment, folders, looked)


def _fetched(environment: Environment, looked: list[str]) -> Iterator[str | None]:
    folder = data_folder(environment)
    tags = platform_tags(environment) if folder else ()
    return _in_folders(environment, [environment.join(folder or "", tag) for tag in tags], looked)


#: Extension modules of pyzmq through which its libzmq can be reached, newest layout first: a symbol looked up in one is
#: searched in the libraries it is linked to as well, so this finds the very copy that pyzmq uses, wherever that lies.
_PYZMQ_MODULES = (
    "zmq.backend.cython._zmq",
    "zmq.backend.cffi._cffi",
    "zmq.backend.cython.context",
    "zmq.core.context",
)


def _imported(environment: Environment, looked: list[str]) -> Iterator[str | None]:
    # Windows looks a symbol up in the one module only.
    for name in _PYZMQ_MODULES if environment.platform != "win32" else ():
        path = getattr(environment.modules.get(name), "__file__", None)
        # A copy of this package may go by that name; its modules are no libraries.
        if path and not path.endswith((".py", ".pyc")):
            yield path


def _in_process(environment: Environment, looked: list[str]) -> Iterator[str | None]:
    for path in environment.mapped():
        if is_library(environment, environment.path.basename(path)):
            yield path
    # Linked into the program itself.  Windows has no handle for "everything".
    if environment.platform not in ("win32", "cygwin"):
        yield None


def _beside_program(environment: Environment, looked: list[str]) -> Iterator[str | None]:
    folders = [environment.frozen] if environment.frozen else []
    if environment.executable:
        program = environment.path.dirname(environment.executable)
        folders += [environment.join(program, parts) for parts in environment.traits.beside]
    return _in_folders(environment, folders + _parents(environment), looked, listed=bool(environment.frozen))


def _prefixes(environment: Environment, looked: list[str]) -> Iterator[str | None]:
    prefixes = [p for p in (*environment.prefixes, environment.variables.get("CONDA_PREFIX", "")) if p]
    folders = [environment.join(prefix, inside) for prefix in prefixes for inside in environment.traits.inside]
    return _in_folders(environment, folders, looked, listed=False)


def _system(environment: Environment, looked: list[str]) -> Iterator[str | None]:
    yield from environment.traits.names


def _known(environment: Environment, looked: list[str]) -> Iterator[str | None]:
    for template in environment.traits.folders:
        folders = [starred for folder in environment.expand(template) for starred in _starred(environment, folder)]
        yield from _in_folders(environment, [environment.join(folder) for folder in folders], looked, listed=False)


def _installed(environment: Environment, looked: list[str]) -> Iterator[str | None]:
    # Looking for its folders instead of its import specification costs no import machinery and finds it under any name.
    bundles = environment.traits.bundles
    folders = [environment.join(entry, bundle) for entry in environment.search_path if entry for bundle in bundles]
    return _in_folders(environment, [folder for folder in folders if environment.files.isdir(folder)], looked)


def _find_library(environment: Environment, looked: list[str]) -> Iterator[str | None]:
    found = environment.find_library(environment.traits.short)
    if found:
        yield found


#: Origin, search, and what is to be said when there was nothing; the order is the order of preference.
SEARCHES: tuple[tuple[str, Callable[[Environment, list[str]], Iterator[str | None]], str], ...] = (
    ("inside the package", _inside_package, "no libzmq in {}"),
    ("the user's data folder", _fetched, "no libzmq in {}"),
    ("the imported pyzmq", _imported, "pyzmq is not imported"),
    ("this process", _in_process, "the process has none"),
    ("beside the program", _beside_program, "no libzmq in {}"),
    ("environment prefix", _prefixes, "no libzmq in {}"),
    ("the system's own search", _system, "no name to search for"),
    ("known folder", _known, "no libzmq in {}"),
    ("an installed pyzmq", _installed, "no wheel of pyzmq with a libzmq of its own in sys.path"),
    ("find_library", _find_library, "ctypes.util.find_library knows none"),
)


def _named(environment: Environment, name: str, origin: str) -> Iterator[Candidate]:
    """Candidates for a file, a folder or a bare name that somebody chose."""
    files, path = environment.files, environment.path
    if files.isdir(name):
        folder = files.abspath(name)
        inside = ("", *environment.traits.inside, *platform_tags(environment), *environment.traits.bundles)
        looked: list[str] = []
        found = False
        for candidate in _in_folders(environment, [environment.join(folder, part) for part in inside], looked):
            found = True
            yield Candidate(origin, candidate)
        if not found:
            yield Candidate(origin, name, "no libzmq lies in this folder")
        return
    if path.dirname(name):
        # Windows wants an absolute path before it looks beside the file for what the file needs.
        yield Candidate(origin, files.abspath(name))
        return
    yield Candidate(origin, name)
    if files.isfile(name):
        yield Candidate(origin, files.abspath(name))


def candidates(environment: Environment, path: str | None = None) -> Iterator[Candidate]:
    """Generate what is worth trying, best first.

    Parameters
    ----------
    environment : Environment
        What is known about platform, process and files.
    path : str, optional
        File, folder or bare name given by the caller: the only candidates then.

    Yields
    ------
    Candidate
        Those that carry a reason have nothing to open and are there for the record.
    """
    chosen = environment.variables.get(VARIABLE)
    if path is not None:
        yield from _named(environment, path, "argument")
        return
    if chosen:
        yield from _named(environment, chosen, VARIABLE)
        return
    for origin, search, nothing in SEARCHES:
        looked: list[str] = []
        found = False
        for candidate in search(environment, looked):
            found = True
            yield Candidate(origin, candidate)
        if not found:
            yield Candidate(origin, None, nothing.format(", ".join(looked) or "any folder that could be named"))
