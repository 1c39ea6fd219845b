"""Certificates: files with a key of CURVE, or with a pair, in the form that czmq and pyzmq use.

    metadata
        name = somebody
    curve
        public-key = "..."
        secret-key = "..."

A file is written under another name first, which nobody reads, and renamed when it is complete; one with a secret can be
read by its owner alone from its first byte on.  Files that others wrote may be cut off anywhere: a key counts when all of
it is there.
"""

from __future__ import annotations

import os
from stat import S_ISREG

from ..security import KEY_LENGTH, curve_keypair
from ..utils import z85

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Mapping

__all__ = ["create_certificates", "load_certificate", "load_certificates"]

#: How the names of files with public keys end.
SUFFIX = ".key"
#: Bytes of the longest file that is read.
LARGEST = 2**16

_PUBLIC = """\
#   ZeroMQ CURVE public certificate, made on {date}
#   Give it to others in a way that lets them check that it is yours.

"""
_SECRET = """\
#   ZeroMQ CURVE **secret** certificate, made on {date}
#   Give it to nobody, and leave its permissions as they are.

"""


def _metadata_lines(metadata: Mapping[Any, Any] | None) -> list[str]:
    lines = []
    for pair in (metadata or {}).items():
        words = []
        for word in pair:
            text = word.decode("utf-8") if isinstance(word, bytes) else word
            if not isinstance(text, str):
                raise TypeError(f"metadata: names and values are str, got: {type(text).__name__}")
            if len(text.splitlines()) > 1 or text != text.rstrip("\r\n"):
                raise ValueError("metadata: names and values are one line each")
            words.append(text)
        lines.append(f"    {words[0]} = {words[1]}\n")
    return lines


def _write(path: str, text: str, permissions: int) -> None:
    from tempfile import mkstemp

    # Only its owner may read what mkstemp makes.
    descriptor, unfinished = mkstemp(prefix=".", suffix=".new", dir=os.path.dirname(path) or ".")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.chmod(unfinished, permissions)
        os.replace(unfinished, path)
    except BaseException:
        os.unlink(unfinished)
        raise


def create_certificates(
    key_dir: str | os.PathLike[str], name: str, metadata: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """Make a pair of keys and write it to two files; files of those names are replaced.

    Parameters
    ----------
    key_dir : path
        The folder, which must be there.
    name : str
        The files become ``<name>.key``, with the public key, and ``<name>.key_secret``, with both.
    metadata : dict of str to str, optional
        Notes for the second file: ``{"name": ..., "email": ...}``.  One line each; nothing here reads them.

    Returns
    -------
    public_file, secret_file : str
        The paths.  The second can be read by its owner only (on Windows: by whoever may read the folder).

    Raises
    ------
    OSError
        If a file cannot be written.
    ValueError
        If a note has more than one line.
    ZMQError
        ``ENOTSUP`` if the loaded libzmq was built without CURVE.
    """
    from time import strftime

    if not isinstance(name, str):
        raise TypeError(f"name: expected str, got: {type(name).__name__}")
    notes = _metadata_lines(metadata)
    public, secret = (key.decode("ascii") for key in curve_keypair())
    date = strftime("%Y-%m-%d %H:%M:%S")
    base = os.path.join(os.fspath(key_dir), name)
    public_file, secret_file = base + SUFFIX, base + SUFFIX + "_secret"
    curve = f'curve\n    public-key = "{public}"\n'
    # A public key may be in use as soon as it is there, so its secret is saved before.
    _write(
        secret_file,
        "".join([_SECRET.format(date=date), "metadata\n", *notes, curve, f'    secret-key = "{secret}"\n']),
        0o600,
    )
    _write(public_file, "".join([_PUBLIC.format(date=date), "metadata\n", curve]), 0o644)
    return public_file, secret_file


def _key(value: bytes, name: str, filename: Any) -> bytes:
    key = value.strip(b" \t'\"")
    try:
        if len(key) == KEY_LENGTH:
            z85.decode(key)
            return key
    except ValueError:
        # Its text would show a part of what may be a secret.
        pass
    raise ValueError(f"The {name} in {os.fspath(filename)!r} is not {KEY_LENGTH} characters of Z85")


def read(filename: str | os.PathLike[str]) -> tuple[os.stat_result, bytes]:
    """The state and the contents of a file, which must be an ordinary one of reasonable size."""
    # A named pipe would be waited for, if it were opened otherwise.
    with open(filename, "rb", opener=lambda path, flags: os.open(path, flags | getattr(os, "O_NONBLOCK", 0))) as file:
        state = os.fstat(file.fileno())
        if not S_ISREG(state.st_mode):
            raise OSError(f"Invalid certificate file: {os.fspath(filename)!r} is not an ordinary file")
        contents = file.read(LARGEST + 1)
    if len(contents) > LARGEST:
        raise ValueError(f"{os.fspath(filename)!r} is too long for a certificate")
    return state, contents


def parse(contents: bytes, filename: Any) -> tuple[bytes, bytes | None]:
    """The keys in the text of a certificate; ``filename`` is for messages."""
    found: dict[bytes, bytes] = {}
    section = b""
    for line in contents.splitlines():
        item = line.strip()
        if not item or item.startswith(b"#"):
            continue
        name, equals, value = item.partition(b"=")
        name = name.strip()
        if not equals:
            section = item
        elif name in (b"public-key", b"secret-key") and (section != b"metadata" or not line[:1].isspace()):
            key = _key(value, name.decode("ascii"), filename)
            if found.setdefault(name, key) != key:
                raise ValueError(f"{os.fspath(filename)!r} has more than one {name.decode('ascii')}")
    if b"public-key" not in found:
        raise ValueError(f"No public key found in {os.fspath(filename)!r}")
    return found[b"public-key"], found.get(b"secret-key")


def load_certificate(filename: str | os.PathLike[str]) -> tuple[bytes, bytes | None]:
    """The keys that a file has.

    Parameters
    ----------
    filename : path
        A file of `create_certificates`, of pyzmq or of czmq.

    Returns
    -------
    public : bytes
        40 bytes of Z85 text.
    secret : bytes or None
        The same; None if the file has a public key only.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it has no public key, or a key in it is not complete.
    """
    return parse(read(filename)[1], filename)


def certificate_names(directory: str | os.PathLike[str]) -> list[str]:
    """The names of the files with public keys in a folder."""
    return sorted(name for name in os.listdir(directory) if name.endswith(SUFFIX) and not name.startswith("."))


def load_certificates(directory: str | os.PathLike[str] = ".") -> dict[bytes, bool]:
    """The public keys of all certificates in a folder: of the files whose names end with ``.key``.

    Parameters
    ----------
    directory : path, optional
        The folder.

    Returns
    -------
    dict
        public key, 40 bytes of Z85 text -> True

    Raises
    ------
    OSError
        If the folder, or one of the files, cannot be read.
    ValueError
        If one of the files has no complete public key.
    """
    return {load_certificate(os.path.join(directory, name))[0]: True for name in certificate_names(directory)}
