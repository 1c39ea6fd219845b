"""What somebody without a usable libzmq can do about it on this platform, as sentences."""

from __future__ import annotations

from .finder import SHARED_FOLDER, VARIABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .finder import Environment

_LINUX = (
    "apt install libzmq5 (Debian, Ubuntu), dnf install zeromq (Fedora), "
    "pacman -S zeromq (Arch), zypper install libzmq5 (openSUSE)"
)
_CONDA = "conda install -c conda-forge zeromq"

#: platform, or platform and C library -> commands that install a libzmq which the search finds
INSTALL: dict[str, tuple[str, ...]] = {
    "linux": (_LINUX, _CONDA),
    "linux musl": ("apk add libzmq (Alpine)",),
    "darwin": ("brew install zeromq (Homebrew)", "port install zmq (MacPorts)", _CONDA),
    "win32": (_CONDA, "vcpkg install zeromq", "pacman -S mingw-w64-ucrt-x86_64-zeromq (MSYS2)"),
    "cygwin": ("install the package libzmq5 with Cygwin's setup program",),
    "android": ("pkg install libzmq (Termux)",),
    "ios": ("link libzmq into the application: what is in the process already is used",),
    "freebsd": ("pkg install libzmq4",),
    "dragonfly": ("pkg install libzmq4",),
    "openbsd": ("pkg_add zeromq",),
    "netbsd": ("pkgin install zeromq",),
}
_ANY = ("install ZeroMQ (libzmq 3.2 or later) with the system's package manager",)

#: platforms on which a wheel can be had whose libzmq is a library of its own
_WHEELS = ("linux", "darwin", "win32")


def advice(environment: Environment, package: str) -> list[str]:
    """Return what to do next, one sentence for each way.

    Parameters
    ----------
    environment : Environment
        The platform concerned.
    package : str
        Name under which the loader is imported, for the command that fetches a library.
    """
    platform = environment.platform
    install = INSTALL.get(f"{platform} {environment.libc}") or INSTALL.get(platform, _ANY)
    lines = list(install)
    if platform in _WHEELS:
        lines.append(f"python -m {package} fetch (downloads a wheel that carries one and unpacks it for this user)")
        # On Windows only versions for older Pythons carry a library of its own: fetch gets that for any Python.
        if platform != "win32":
            lines.append(f'pip install "{SHARED_FOLDER.replace("_", "-")}[libzmq]"')
    lines.append(f"set {VARIABLE} to a libzmq, or to a folder that holds one")
    return lines
