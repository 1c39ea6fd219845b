"""What differs between systems, as tables: file names, folders, words for machines.

The entries for Debian and for wheels were checked against the real files; the folders of other systems are their
documented conventions.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence


class Platform:
    """What differs between systems, as data.

    Parameters
    ----------
    names : sequence of str
        File names that the system's own search knows, best first.
    marks : sequence of (str, str)
        Beginnings and extensions of file names that hold a libzmq under a name that cannot be known beforehand.
    inside : sequence of str
        Folders of libraries below a prefix.
    folders : sequence of str
        Well-known folders.  ``{NAME}`` stands for an environment variable (for each of its entries, if it is a path),
        ``{name}`` for a fact of the environment; a folder whose variable is missing is left out.
    data : sequence of str
        The user's data folder, the first that can be expanded.
    bundles : sequence of str
        Where the wheels of pyzmq keep their libraries, seen from ``site-packages``; new layouts before old ones.
    listed : bool
        Names vary so much (``libzmq-v143-mt-4_3_5.dll``) that folders have to be listed.
    beside : sequence of str
        Where a packed application keeps its libraries, seen from the folder of the program.
    short : str
        What ``ctypes.util.find_library`` wants to be asked.
    """

    def __init__(
        self,
        names: Sequence[str],
        marks: Sequence[tuple[str, str]],
        inside: Sequence[str] = ("lib",),
        folders: Sequence[str] = (),
        data: Sequence[str] = ("{XDG_DATA_HOME}", "{home}/.local/share"),
        bundles: Sequence[str] = ("pyzmq.libs", "zmq/.libs"),
        beside: Sequence[str] = ("", "lib"),
        listed: bool = False,
        short: str = "zmq",
    ) -> None:
        self.names = names
        self.marks = marks
        self.inside = inside
        self.folders = folders
        self.data = data
        self.bundles = bundles
        self.beside = beside
        self.listed = listed
        self.short = short


# libzmq 4.1 and later, 4.0, 3.2; the plain name is a development link, or all there is on Android.
_ELF_NAMES = ("libzmq.so.5", "libzmq.so.4", "libzmq.so.3", "libzmq.so")
_ELF_MARKS = (("libzmq", ".so"),)
_BSD = Platform(_ELF_NAMES, _ELF_MARKS, folders=("/usr/local/lib", "/usr/pkg/lib", "/usr/lib"))

PLATFORMS: dict[str, Platform] = {
    "linux": Platform(
        _ELF_NAMES,
        _ELF_MARKS,
        inside=("lib", "lib64"),
        folders=(
            "/usr/lib/{multiarch}",
            "/usr/lib64",
            "/usr/lib",
            "/lib/{multiarch}",
            "/lib64",
            "/lib",
            "/usr/local/lib",
            "/usr/local/lib64",
            "{HOMEBREW_PREFIX}/lib",
            "/home/linuxbrew/.linuxbrew/lib",
            "{home}/.nix-profile/lib",
            "/run/current-system/sw/lib",
            "{NIX_LD_LIBRARY_PATH}",
            "{GUIX_ENVIRONMENT}/lib",
            "{home}/.guix-profile/lib",
            "{LIBRARY_PATH}",
        ),
    ),
    "darwin": Platform(
        ("libzmq.5.dylib", "libzmq.4.dylib", "libzmq.3.dylib", "libzmq.dylib"),
        # Up to pyzmq 20 the library was disguised as an extension module.
        (("libzmq", ".dylib"), ("libzmq", ".so")),
        folders=(
            "{HOMEBREW_PREFIX}/lib",
            "/opt/homebrew/lib",
            "/usr/local/lib",
            "/opt/local/lib",
            "{home}/lib",
            "{home}/.nix-profile/lib",
            "/run/current-system/sw/lib",
        ),
        data=("{home}/Library/Application Support",),
        bundles=("zmq/.dylibs", "zmq"),
        beside=("", "../Frameworks", "lib"),
    ),
    "ios": Platform(
        ("libzmq.framework/libzmq", "ZeroMQ.framework/ZeroMQ", "libzmq.fwork"),
        (("libzmq", ".dylib"), ("libzmq", ".fwork")),
        inside=("lib", "Frameworks"),
        bundles=(),
        beside=("", "Frameworks"),
    ),
    "win32": Platform(
        ("libzmq.dll",),
        # The second is the same disguise; it is linked to one interpreter version and of use to that one alone.
        (("libzmq", ".dll"), ("libzmq.{abi}", ".pyd")),
        inside=("Library/bin", "bin", "DLLs"),
        folders=(
            "{VCPKG_ROOT}/installed/{vcpkg}-windows/bin",
            "C:/vcpkg/installed/{vcpkg}-windows/bin",
            "{ProgramFiles}/ZeroMQ*/bin",
            "C:/msys64/{msys}/bin",
            "{PATH}",
        ),
        data=("{LOCALAPPDATA}", "{home}/AppData/Local"),
        bundles=("pyzmq.libs", "zmq"),
        listed=True,
        short="libzmq",
    ),
    "cygwin": Platform(
        ("cygzmq-5.dll",),
        (("cygzmq", ".dll"),),
        inside=("bin", "lib"),
        folders=("/usr/bin", "/usr/local/bin"),
    ),
    "android": Platform(
        ("libzmq.so", "libzmq.so.5"),
        # pyzmq's wheels carry libzmq inside the extension module, which exports it.
        (("libzmq", ".so"), ("_zmq.{cpython}", ".so")),
        folders=("{PREFIX}/lib", "/data/data/com.termux/files/usr/lib"),
        bundles=("pyzmq.libs", "zmq/backend/cython"),
    ),
    "freebsd": _BSD,
    "dragonfly": _BSD,
    "openbsd": _BSD,
    "netbsd": _BSD,
}
#: Systems whose linker binds a symbol to the first global definition, whichever library refers to it.
FLAT_NAMESPACE = ("linux", "android", "freebsd", "dragonfly", "openbsd", "netbsd")
UNKNOWN = Platform(_ELF_NAMES, _ELF_MARKS, inside=("lib", "lib64"), folders=("/usr/local/lib", "/usr/lib", "/lib"))

#: machine -> the words for it in: wheels for Linux and macOS, Debian's multiarch folders, wheels for Android and for
#: Windows, vcpkg, MSYS2
MACHINES: dict[str, dict[str, str]] = {
    "x86_64": {
        "wheel": "x86_64",
        "multiarch": "x86_64-linux-gnu",
        "android": "x86_64",
        "windows": "win_amd64",
        "vcpkg": "x64",
        "msys": "ucrt64",
    },
    "i686": {
        "wheel": "i686",
        "multiarch": "i386-linux-gnu",
        "android": "x86",
        "windows": "win32",
        "vcpkg": "x86",
        "msys": "mingw32",
    },
    "aarch64": {
        "wheel": "aarch64",
        "multiarch": "aarch64-linux-gnu",
        "android": "arm64_v8a",
        "windows": "win_arm64",
        "vcpkg": "arm64",
        "msys": "clangarm64",
    },
    "arm": {"wheel": "armv7l", "multiarch": "arm-linux-gnueabihf", "android": "armeabi_v7a", "windows": "win_arm32"},
    "ppc64le": {"multiarch": "powerpc64le-linux-gnu"},
    "riscv64": {"multiarch": "riscv64-linux-gnu"},
    "s390x": {"multiarch": "s390x-linux-gnu"},
    "loongarch64": {"multiarch": "loongarch64-linux-gnu"},
}
#: C library -> how wheels for Linux begin
LINUX_TAGS = {"glibc": "manylinux", "musl": "musllinux"}
