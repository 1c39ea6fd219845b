"""What can be learned about the running process: the live environment of the search, and whose symbol it is.

Everything here asks the operating system; the decisions are made elsewhere.
"""

from __future__ import annotations

import ctypes
import os
import sys

from .finder import Environment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MACHINES = {
    "amd64": "x86_64",
    "x64": "x86_64",
    "x86": "i686",
    "i86pc": "i686",
    "arm64": "aarch64",
    "armv8l": "arm",
    "powerpc64le": "ppc64le",
    "powerpc64": "ppc64",
}
#: What a 32-bit process is on a kernel that calls itself so.
_NARROW = {"x86_64": "i686", "aarch64": "arm", "ppc64": "ppc", "riscv64": "riscv32", "s390x": "s390", "mips64": "mips"}


def canonical_machine(name: str, bits: int) -> str:
    """Return the usual name of a machine that `name` stands for in a process with pointers of `bits` bits."""
    name = name.lower()
    if name.startswith("i") and name.endswith("86"):
        name = "i686"
    elif name.startswith("armv") and not name.startswith("armv8") or name == "armv8l":
        name = "arm"
    name = _MACHINES.get(name, name)
    return _NARROW.get(name, name) if bits == 32 else name


def _machine(bits: int) -> str:
    if os.name == "nt":
        # On an ARM machine the kernel speaks of ARM also to emulated programs; the compiler's note does not.
        built = sys.version.lower()
        for mark, name in (("(arm64)", "aarch64"), ("(arm)", "arm"), ("(amd64)", "x86_64"), ("(intel)", "i686")):
            if mark in built:
                return name
        return canonical_machine(os.environ.get("PROCESSOR_ARCHITECTURE", ""), bits)
    return canonical_machine(os.uname().machine, bits)  # type: ignore[attr-defined,unused-ignore]


def _libc(platform: str) -> str:
    if platform != "linux":
        return ""
    try:
        return "glibc" if (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc") else "musl"  # type: ignore[attr-defined,unused-ignore]
    except (AttributeError, OSError, ValueError):
        return "musl"


def _find_library(name: str) -> str | None:
    from ctypes.util import find_library

    return find_library(name)


def environment() -> Environment:
    """Return what the search for libzmq has to know about this process, as it is now."""
    platform = "android" if hasattr(sys, "getandroidapilevel") else sys.platform.rstrip("0123456789")
    platform = "win32" if platform == "win" else platform
    bits = 64 if sys.maxsize > 2**32 else 32
    here = globals().get("__file__")
    home = os.path.expanduser("~")
    return Environment(
        platform=platform,
        machine=_machine(bits),
        bits=bits,
        libc=_libc(platform),
        variables=os.environ,
        home=home if home != "~" else "",
        prefixes=[p for p in (sys.prefix, sys.exec_prefix, sys.base_prefix) if p],
        executable=sys.executable or None,
        frozen=getattr(sys, "_MEIPASS", None),
        package=os.path.dirname(os.path.abspath(here)) if here else None,
        search_path=[entry for entry in sys.path if isinstance(entry, str)],
        modules=sys.modules,
        python=(sys.implementation.name, *sys.version_info[:2]),
        path=os.path,
        mapped=lambda: mapped(platform),
        find_library=_find_library,
    )


def _mapped_by_proc() -> list[str]:
    found: dict[str, None] = {}
    with open("/proc/self/maps", "rb") as lines:
        for line in lines:
            start = line.find(b"/")
            if start >= 0 and b"zmq" in line:
                found[os.fsdecode(line[start:].rstrip(b"\n"))] = None
    return list(found)


def _mapped_by_linker() -> list[str]:
    # struct dl_phdr_info { ElfW(Addr) dlpi_addr; const char *dlpi_name; ...
    prototype = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_void_p), ctypes.c_size_t, ctypes.c_void_p)
    found: list[str] = []

    def visit(info: Any, size: int, data: Any) -> int:
        name = ctypes.cast(info[1], ctypes.c_char_p).value
        if name:
            found.append(os.fsdecode(name))
        return 0

    ctypes.CDLL(None)["dl_iterate_phdr"](prototype(visit), None)
    return found


def _mapped_by_dyld() -> list[str]:
    process = ctypes.CDLL(None)
    name_of = process["_dyld_get_image_name"]
    name_of.argtypes, name_of.restype = [ctypes.c_uint32], ctypes.c_char_p
    names = (name_of(index) for index in range(process["_dyld_image_count"]()))
    return [os.fsdecode(name) for name in names if name]


def _module_file(handle: int) -> str:
    buffer = ctypes.create_unicode_buffer(32768)
    name_of = ctypes.WinDLL("kernel32")["GetModuleFileNameW"]  # type: ignore[attr-defined,unused-ignore]
    name_of.argtypes = [ctypes.c_void_p, ctypes.c_wchar_p, ctypes.c_uint32]
    return buffer.value if name_of(handle, buffer, len(buffer)) else ""


def _mapped_by_modules() -> list[str]:
    kernel = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined,unused-ignore]
    current, modules_of = kernel["GetCurrentProcess"], kernel["K32EnumProcessModules"]
    current.restype = ctypes.c_void_p
    modules_of.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p]
    handles = (ctypes.c_void_p * 4096)()
    needed = ctypes.c_uint32()
    if not modules_of(current(), handles, ctypes.sizeof(handles), ctypes.byref(needed)):
        return []
    count = min(needed.value // ctypes.sizeof(ctypes.c_void_p), len(handles))
    return [_module_file(handle) for handle in handles[:count] if handle]


_MAPPED = {
    "linux": _mapped_by_proc,
    "android": _mapped_by_proc,
    "darwin": _mapped_by_dyld,
    "win32": _mapped_by_modules,
    "freebsd": _mapped_by_linker,
    "dragonfly": _mapped_by_linker,
    "openbsd": _mapped_by_linker,
    "netbsd": _mapped_by_linker,
}


def mapped(platform: str) -> list[str]:
    """Return the files of the libraries that this process has loaded; none where the system does not tell."""
    try:
        return [path for path in _MAPPED[platform]() if path]
    except (KeyError, OSError, AttributeError):
        return []


class _SymbolInfo(ctypes.Structure):
    # Dl_info of <dlfcn.h>
    _fields_ = [
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    ]


def address_of(library: ctypes.CDLL, name: str) -> int | None:
    """Return the address that `name` has in `library`; None if it has no such symbol."""
    try:
        return ctypes.cast(library[name], ctypes.c_void_p).value
    except (AttributeError, UnicodeDecodeError):
        # The second is CPython's way to say the first of a library whose name is not valid text.
        return None


def file_of(library: ctypes.CDLL, name: str) -> str | None:
    """Return the file in which `library` found the function `name`, which need not be the file that was opened."""
    try:
        if os.name == "nt":
            return _module_file(library._handle) or None
        locate = ctypes.CDLL(None)["dladdr"]
        locate.argtypes = [ctypes.c_void_p, ctypes.POINTER(_SymbolInfo)]
        info = _SymbolInfo()
        if locate(address_of(library, name), ctypes.byref(info)) and info.file:
            return os.fsdecode(info.file)
    except (AttributeError, OSError):
        pass
    return None
