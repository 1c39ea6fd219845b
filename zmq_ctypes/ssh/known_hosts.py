"""Which hosts paramiko may talk to: those of ``~/.ssh/known_hosts``, as OpenSSH reads it.

1. paramiko's own reader stops with an error at the first line with a marker (``@cert-authority``, ``@revoked``).  Here every
   line that cannot be used is passed over, and a key that was revoked is refused, whatever else is said of it.
2. An unknown host is refused, unless the environment variable ``PYZMQ_PARAMIKO_HOST_KEY_POLICY`` says ``Warning`` or
   ``AutoAdd``.
3. For ``AutoAdd``, paramiko would write the whole file anew, without what it has not understood; here a line is added.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

__all__ = ["KNOWN_HOSTS", "POLICY", "prepare"]

POLICY = "PYZMQ_PARAMIKO_HOST_KEY_POLICY"
KNOWN_HOSTS = "~/.ssh/known_hosts"
_POLICIES = ("AutoAdd", "Reject", "Warning")
_REVOKED = "@revoked"


def prepare(paramiko: Any, client: Any) -> None:
    """Give a client the hosts that it may know, and the policy for others.

    Parameters
    ----------
    paramiko : module
        The package.
    client : paramiko.SSHClient
        The client, not connected.

    Raises
    ------
    ValueError
        If ``PYZMQ_PARAMIKO_HOST_KEY_POLICY`` names no policy.
    """
    name = os.environ.get(POLICY) or "Reject"
    if name not in _POLICIES:
        raise ValueError(f"{POLICY}: {name!r} is none of {', '.join(_POLICIES)}")
    path = os.path.expanduser(KNOWN_HOSTS)
    revoked = _read(path, client.get_host_keys())
    then = _adding(path) if name == "AutoAdd" else getattr(paramiko, f"{name}Policy")().missing_host_key

    class Policy(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
        def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
            if key.get_base64() in revoked:
                raise paramiko.SSHException(f"the key of {hostname} was revoked in {KNOWN_HOSTS}")
            then(client, hostname, key)

    client.set_missing_host_key_policy(Policy())


def _read(path: str, keys: Any) -> set[str]:
    """Read known hosts into those of a client, and return the keys that were revoked."""
    parse = import_module("paramiko.hostkeys").HostKeyEntry.from_line
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.strip() for line in file]
    except FileNotFoundError:
        return set()
    revoked = {words[3] for words in map(str.split, lines) if len(words) > 3 and words[0] == _REVOKED}
    for number, line in enumerate(lines, 1):
        if not line or line[0] in "#@":
            continue
        try:
            entry = parse(line, number)
        except Exception:
            continue  # of a kind that this paramiko does not know
        if entry is None or entry.key is None or entry.key.get_base64() in revoked:
            continue
        kind = entry.key.get_name()
        for name in entry.hostnames:
            # The first line counts.
            if kind not in (keys.lookup(name) or ()):
                keys.add(name, kind, entry.key)
    return revoked


def _adding(path: str) -> Any:
    def add(client: Any, hostname: str, key: Any) -> None:
        client.get_host_keys().add(hostname, key.get_name(), key)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "a+b") as file:
            file.seek(0)
            whole = file.read()
            start = "" if not whole or whole.endswith(b"\n") else "\n"
            file.write(f"{start}{hostname} {key.get_name()} {key.get_base64()}\n".encode())

    return add
