"""Reading what the user says: servers, endpoints, ports, key files.

Everything that ends up among the arguments of ``ssh`` passes through here.  No shell sees those arguments, but ``ssh``
takes a leading dash for an option, expands percent signs in names of files, and puts the names of hosts and users into the
``ProxyCommand`` of its configuration, which a shell runs.  So names consist of what names consist of.
"""

from __future__ import annotations

import os
import re
from math import isfinite
from operator import index
from typing import NamedTuple

__all__ = ["Server", "host_name", "key_path", "parse_endpoint", "parse_server", "port_number", "seconds"]

_HOST = re.compile(r"[\w:.](?:[\w:.-]|%(?=[\w.-]+$))*")
# As OpenSSH itself decides, and no white space.
_NO_USER = re.compile(r"""^-|\\$|[\s\0-\x1f\x7f'"`;&<>|(){}$]""")


class Server(NamedTuple):
    """An ssh server as its user names it; what is left out is for the configuration to say."""

    user: str | None
    host: str
    port: int | None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (f"{self.user}@" if self.user else "") + host + (f":{self.port}" if self.port else "")


def port_number(port: object, what: str, low: int = 1) -> int:
    """A TCP port.

    Raises
    ------
    TypeError
        If it is no integer.
    ValueError
        If there is no such port.
    """
    try:
        number = index(port)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{what}: expected int, got: {port!r}") from None
    if not low <= number <= 65535:
        raise ValueError(f"{what}: {number} is not between {low} and 65535")
    return number


def host_name(host: object, what: str) -> str:
    """The name or the address of a host.

    Raises
    ------
    TypeError
        If it is no str.
    ValueError
        If it has characters that no host has.
    """
    if not isinstance(host, str):
        raise TypeError(f"{what}: expected str, got: {host!r}")
    if not _HOST.fullmatch(host):
        raise ValueError(f"{what}: {host!r} is not the name or the address of a host")
    return host


def _split_host(text: str, what: str) -> tuple[str, int | None]:
    """A host and a port, of ``host``, ``host:port``, ``[address]``, ``[address]:port`` or an IPv6 address alone."""
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise ValueError(f"{what}: a bracket is not closed in {text!r}")
        colon, port = port[:1], port[1:]
    elif text.count(":") > 1:
        host, colon, port = text, "", ""
    else:
        host, colon, port = text.partition(":")
    if not colon:
        return host_name(host, what), None
    if not (port.isascii() and port.isdigit()):
        raise ValueError(f"{what}: {port!r} is not a port, in {text!r}")
    return host_name(host, what), port_number(int(port), what)


def parse_server(server: object) -> Server:
    """Read ``user@host:port``, where user and port may be left out and ``ssh://`` may stand before it.

    An IPv6 address with a port is in brackets: ``user@[::1]:22``.

    Raises
    ------
    TypeError
        If it is no str.
    ValueError
        If it is not such a server.
    """
    if not isinstance(server, str):
        raise TypeError(f"server: expected str, got: {server!r}")
    user, at, place = server[len("ssh://") if server.startswith("ssh://") else 0 :].rpartition("@")
    if at and (not user or _NO_USER.search(user)):
        raise ValueError(f"server: {user!r} is not the name of a user, in {server!r}")
    return Server(user or None, *_split_host(place, "server"))


def parse_endpoint(addr: object) -> tuple[str, int]:
    """The host and the port of a ``tcp://`` endpoint.

    Raises
    ------
    TypeError
        If it is neither str nor bytes.
    ValueError
        If it is of another transport, or has no host or no port.
    """
    text = addr.decode("utf-8") if isinstance(addr, bytes) else addr
    if not isinstance(text, str):
        raise TypeError(f"addr: expected str, got: {addr!r}")
    transport, _, place = text.partition("://")
    if transport != "tcp":
        raise ValueError(f"addr: only tcp goes through a tunnel, got: {text!r}")
    host, port = _split_host(place, "addr")
    if port is None:
        raise ValueError(f"addr: no port in {text!r}")
    return host, port


def key_path(keyfile: object) -> str | None:
    """The absolute path of a key file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If it is no path.
    """
    if keyfile is None or keyfile == "":
        return None
    if not isinstance(keyfile, (str, os.PathLike)):
        raise TypeError(f"keyfile: expected a path, got: {keyfile!r}")
    path = os.path.abspath(os.path.expanduser(os.fspath(keyfile)))
    if not os.path.isfile(path):
        raise FileNotFoundError(f"keyfile: there is no file {path!r}")
    return path


def seconds(timeout: object) -> float:
    """A time-out in seconds.

    Raises
    ------
    TypeError
        If it is no number.
    ValueError
        If it is not positive.
    """
    if not isinstance(timeout, (int, float)):
        raise TypeError(f"timeout: expected a number of seconds, got: {timeout!r}")
    number = float(timeout)
    if not (number > 0 and isfinite(number)):
        raise ValueError(f"timeout: {timeout!r} is not a positive number of seconds")
    return number
