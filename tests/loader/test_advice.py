"""Everybody who has no libzmq is told something that works on their system."""

from __future__ import annotations

import pytest
from zmq_ctypes.loader.finder import VARIABLE, Environment

from zmq_ctypes.loader import advice, platforms


@pytest.mark.parametrize(
    ("platform", "libc", "words"),
    [
        ("linux", "glibc", ["apt install", "dnf install", "conda", "some.loader fetch", "pip install"]),
        ("linux", "musl", ["apk add", "some.loader fetch"]),
        ("darwin", "", ["brew install", "port install", "some.loader fetch"]),
        ("win32", "", ["vcpkg install", "conda", "MSYS2", "some.loader fetch"]),
        ("android", "", ["Termux"]),
        ("freebsd", "", ["pkg install"]),
        ("haiku", "", ["package manager"]),
    ],
)
def test_what_is_advised(platform, libc, words):
    lines = advice.advice(Environment(platform, "x86_64", libc=libc), "some.loader")
    for word in [*words, VARIABLE]:
        assert word in "\n".join(lines)


def test_no_advice_that_cannot_work():
    windows = "\n".join(advice.advice(Environment("win32", "x86_64"), "some.loader"))
    assert "pip install" not in windows
    android = "\n".join(advice.advice(Environment("android", "aarch64"), "some.loader"))
    assert "fetch" not in android
    alpine = "\n".join(advice.advice(Environment("linux", "x86_64", libc="musl"), "some.loader"))
    assert "apt install" not in alpine


def test_every_known_platform_has_its_own_advice():
    assert [name for name in platforms.PLATFORMS if name not in advice.INSTALL] == []
