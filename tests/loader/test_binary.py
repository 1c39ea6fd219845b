"""Headers of files, patched byte by byte: what is said of libraries for other machines and of files that are none."""

from __future__ import annotations

import os
import struct

import pytest
from zmq_ctypes.loader.binary import examine, judge


def elf(machine=62, bits=64, little=True, kind=3, size=4096, segment=2048):
    """A minimal ELF library: one PT_LOAD segment of `segment` bytes in a file of `size` bytes."""
    order = "<" if little else ">"
    ident = b"\x7fELF" + bytes([{32: 1, 64: 2}[bits], 1 if little else 2, 1]) + bytes(9)
    if bits == 64:
        head = struct.pack(order + "HHIQQQIHHHHHH", kind, machine, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
        head += struct.pack(order + "IIQQQQQQ", 1, 5, 0, 0, 0, segment, segment, 4096)
    else:
        head = struct.pack(order + "HHIIIIIHHHHHH", kind, machine, 1, 0, 52, 0, 0, 52, 32, 1, 0, 0, 0)
        head += struct.pack(order + "IIIIIIII", 1, 0, 0, 0, segment, segment, 5, 4096)
    return (ident + head).ljust(size, b"\0")


def macho(cputype):
    return struct.pack("<IIIIIIII", 0xFEEDFACF, cputype, 0, 6, 0, 0, 0, 0).ljust(4096, b"\0")


def universal(*cputypes):
    head = struct.pack(">II", 0xCAFEBABE, len(cputypes))
    return (head + b"".join(struct.pack(">IIIII", cputype, 0, 4096, 100, 12) for cputype in cputypes)).ljust(
        4096, b"\0"
    )


def pe(machine, characteristics=0x2022):
    head = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x80)
    return (
        head.ljust(0x80, b"\0") + b"PE\0\0" + struct.pack("<HHIIIHH", machine, 0, 0, 0, 0, 0, characteristics)
    ).ljust(512, b"\0")


@pytest.fixture
def image(tmp_path):
    def write(content):
        path = tmp_path / "libzmq.so.5"
        path.write_bytes(content)
        return examine(str(path))

    return write


@pytest.mark.parametrize(
    ("content", "format", "machines"),
    [
        (elf(62), "ELF", ("x86_64",)),
        (elf(183), "ELF", ("aarch64",)),
        (elf(3, bits=32), "ELF", ("i686",)),
        (elf(40, bits=32), "ELF", ("arm",)),
        (elf(62, bits=32), "ELF", ("x32",)),
        (elf(21), "ELF", ("ppc64le",)),
        (elf(21, little=False), "ELF", ("ppc64",)),
        (elf(22, little=False), "ELF", ("s390x",)),
        (elf(243), "ELF", ("riscv64",)),
        (elf(9999), "ELF", ()),
        (macho(0x0100000C), "Mach-O", ("aarch64",)),
        (universal(0x01000007, 0x0100000C), "Mach-O", ("x86_64", "aarch64")),
        (pe(0x8664), "PE", ("x86_64",)),
        (pe(0xAA64), "PE", ("aarch64",)),
        (pe(0x14C), "PE", ("i686",)),
    ],
)
def test_format_and_machine(image, content, format, machines):
    found = image(content)
    assert (found.format, found.machines, found.problem) == (format, machines, None)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"/* GNU ld script */\nINPUT(libzmq.so.5)\n", "text"),
        (b"\0\1\2\3" * 100, "no library|not a library"),
        (elf(kind=1), "not a shared library"),
        (elf()[:20], "cut short"),
        (elf()[:60], "cut short"),
        (elf()[:100], "cut short"),
        (elf(size=1000, segment=2048), "cut short"),
        (elf(3, bits=32, size=1000, segment=2048), "cut short"),
        (b"MZ", "cut short"),
        (b"MZ".ljust(512, b"\0"), "not a DLL"),
        (pe(0x8664, characteristics=0x22), "not a DLL"),
        (b"\xcf\xfa\xed\xfe", "cut short"),
    ],
)
def test_what_is_no_library_is_said_in_words(image, content, words):
    found = image(content)
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(found.problem)
    assert judge(found, "linux", "x86_64") == found.problem


@pytest.mark.parametrize(
    ("content", "platform", "machine", "reason"),
    [
        (elf(183), "linux", "x86_64", "is for aarch64, this Python is x86_64"),
        (elf(62), "linux", "i686", "is for x86_64, this Python is i686"),
        (elf(62), "linux", "x86_64", None),
        (elf(62), "linux", "a machine nobody heard of", None),
        (elf(9999), "linux", "x86_64", None),
        (universal(0x01000007, 0x0100000C), "darwin", "aarch64", None),
        (universal(0x01000007, 7), "darwin", "aarch64", "is for x86_64 and i686, this Python is aarch64"),
        (pe(0x8664), "linux", "x86_64", "is a library in the format PE, this system's is ELF"),
        (elf(62), "darwin", "x86_64", "is a library in the format ELF, this system's is Mach-O"),
        (elf(62), "a system nobody heard of", "x86_64", None),
    ],
)
def test_judgement(image, content, platform, machine, reason):
    assert judge(image(content), platform, machine) == reason


def test_unreadable_file(tmp_path):
    with pytest.raises(OSError):
        examine(os.fspath(tmp_path / "missing"))
