"""What a file is, read from its first bytes.

The system's linker says "wrong ELF class" or "%1 is not a valid Win32 application" and, given a library that was cut
short while it was copied, may kill the process with a bus error.  So the header is read before a file is opened, and
the refusal is said in words.
"""

from __future__ import annotations

import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

#: (e_machine, bits, little-endian) -> machine
_ELF_MACHINES = {
    (62, 64, True): "x86_64",
    (62, 32, True): "x32",
    (3, 32, True): "i686",
    (183, 64, True): "aarch64",
    (40, 32, True): "arm",
    (243, 64, True): "riscv64",
    (243, 32, True): "riscv32",
    (258, 64, True): "loongarch64",
    (21, 64, True): "ppc64le",
    (21, 64, False): "ppc64",
    (20, 32, False): "ppc",
    (22, 64, False): "s390x",
    (22, 32, False): "s390",
    (8, 32, False): "mips",
    (8, 32, True): "mipsel",
    (8, 64, False): "mips64",
    (8, 64, True): "mips64el",
}
_MACHO_MACHINES = {0x01000007: "x86_64", 0x0100000C: "aarch64", 7: "i686", 12: "arm"}
_PE_MACHINES = {0x8664: "x86_64", 0x14C: "i686", 0xAA64: "aarch64", 0x1C4: "arm"}
#: platform -> format of its libraries; platforms that are not here are not judged by format
FORMATS = {"linux": "ELF", "android": "ELF", "freebsd": "ELF", "openbsd": "ELF", "netbsd": "ELF", "dragonfly": "ELF"}
FORMATS.update({"darwin": "Mach-O", "ios": "Mach-O", "win32": "PE", "cygwin": "PE"})


class Image:
    """What the header of a file says.

    Attributes
    ----------
    format : str
        ``"ELF"``, ``"Mach-O"``, ``"PE"``; empty if it is none of them.
    machines : tuple of str
        The machines it has code for; empty if they are unknown to us.
    problem : str or None
        Why no system could open it as a library.
    """

    __slots__ = ("format", "machines", "problem")

    def __init__(self, format: str = "", machines: tuple[str, ...] = (), problem: str | None = None) -> None:
        self.format = format
        self.machines = machines
        self.problem = problem


_CUT = "is cut short (an incomplete copy?)"


def _elf(file: BinaryIO, head: bytes, size: int) -> Image:
    bits, little = {1: 32, 2: 64}.get(head[4], 0), head[5] == 1
    order = "<" if little else ">"
    layout = order + ("HHIQQQIHHH" if bits == 64 else "HHIIIIIHHH")
    if not bits or len(head) < 16 + struct.calcsize(layout):
        return Image("ELF", problem=_CUT)
    kind, machine, _, _, offset, _, _, _, entry, count = struct.unpack_from(layout, head, 16)
    machines = tuple(name for name in [_ELF_MACHINES.get((machine, bits, little))] if name)
    if kind != 3:
        return Image("ELF", machines, "is an ELF file, but not a shared library")
    file.seek(offset)
    headers = file.read(entry * count)
    if len(headers) < entry * count:
        return Image("ELF", machines, _CUT)
    # p_type, p_offset, p_filesz.  The linker maps PT_LOAD (1) segments and touches them even where the file has ended.
    segment = order + ("I4xQ16xQ" if bits == 64 else "II8xI")
    for index in range(count):
        type_, start, length = struct.unpack_from(segment, headers, index * entry)
        if type_ == 1 and start + length > size:
            return Image("ELF", machines, _CUT)
    return Image("ELF", machines)


def _macho(head: bytes) -> Image:
    magic = head[:4]
    if magic in (b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf"):
        step = 20 if magic[3] == 0xBE else 32
        (count,) = struct.unpack_from(">I", head, 4)
        types = [struct.unpack_from(">I", head, 8 + step * i)[0] for i in range(count) if 12 + step * i <= len(head)]
    else:
        types = [struct.unpack_from("<I" if magic[0] in (0xCE, 0xCF) else ">I", head, 4)[0]]
    return Image("Mach-O", tuple(_MACHO_MACHINES[type_] for type_ in types if type_ in _MACHO_MACHINES))


def _pe(head: bytes) -> Image:
    (offset,) = struct.unpack_from("<I", head, 0x3C)
    if head[offset : offset + 4] != b"PE\0\0":
        return Image("PE", problem="is a DOS or Windows file, but not a DLL")
    machine, characteristics = struct.unpack_from("<H16xH", head, offset + 4)
    machines = tuple(name for name in [_PE_MACHINES.get(machine)] if name)
    return Image("PE", machines, None if characteristics & 0x2000 else "is a Windows program, but not a DLL")


_MACHO_MAGICS = (
    b"\xcf\xfa\xed\xfe",
    b"\xce\xfa\xed\xfe",
    b"\xfe\xed\xfa\xcf",
    b"\xfe\xed\xfa\xce",
    b"\xca\xfe\xba\xbe",
    b"\xca\xfe\xba\xbf",
)


def examine(path: str) -> Image:
    """Read the header of a regular file.

    Raises
    ------
    OSError
        It cannot be read.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(4096)
        try:
            if head[:4] == b"\x7fELF":
                return _elf(file, head, size)
            if head[:4] in _MACHO_MAGICS:
                return _macho(head)
            if head[:2] == b"MZ":
                return _pe(head)
        except (struct.error, IndexError):
            return Image(problem=_CUT)
    if not head:
        return Image(problem="is empty")
    if b"\0" not in head:
        return Image(problem="is a text file, not a library (a linker script?)")
    return Image(problem="is not a library of any known format")


def judge(image: Image, platform: str, machine: str) -> str | None:
    """Return why a process of `machine` on `platform` cannot open what `image` describes; None if it may."""
    if image.problem:
        return image.problem
    wanted = FORMATS.get(platform)
    if wanted and image.format != wanted:
        return f"is a library in the format {image.format}, this system's is {wanted}"
    known = (*_ELF_MACHINES.values(), *_MACHO_MACHINES.values())
    if image.machines and machine in known and machine not in image.machines:
        return f"is for {' and '.join(image.machines)}, this Python is {machine}"
    return None
