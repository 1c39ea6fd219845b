"""Keys for CURVE, the encryption of ZeroMQ.

libzmq makes keys with a random generator that it sets up at the first use and, in some builds, takes down again; two
threads at once in there have crashed processes.  pyzmq keeps the GIL for that reason; the calls here release it, and a
lock stands in its place.
"""

from __future__ import annotations

import os
from ctypes import create_string_buffer
from threading import Lock

from . import loader
from .constants import Errno
from .error import ZMQError, from_errno
from .utils import z85

__all__ = ["KEY_LENGTH", "curve_keypair", "curve_public"]

#: Bytes of a key as Z85 text; 32 as binary.
KEY_LENGTH = 40

_lock = Lock()


def _renew_lock() -> None:
    # A fork while another thread makes keys leaves the child with a lock that nobody will release.
    global _lock
    _lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def _failure(errno: int) -> ZMQError:
    return from_errno(errno, "this libzmq was built without CURVE" if errno == Errno.ENOTSUP else None)


def curve_keypair() -> tuple[bytes, bytes]:
    """Make a pair of keys for CURVE.

    Returns
    -------
    public, secret : bytes
        Each as 40 bytes of Z85 text, as the options CURVE_PUBLICKEY, CURVE_SECRETKEY and CURVE_SERVERKEY take them.

    Raises
    ------
    ZMQError
        ``ENOTSUP`` if the loaded libzmq was built without CURVE.
    ZMQVersionError
        If it is older than 4.0.1.
    """
    functions = loader.load().functions
    public, secret = create_string_buffer(KEY_LENGTH + 1), create_string_buffer(KEY_LENGTH + 1)
    with _lock:
        if functions.zmq_curve_keypair(public, secret) < 0:
            raise _failure(functions.zmq_errno())
    return public.value, secret.value


def curve_public(secret_key: str | bytes) -> bytes:
    """The public key that belongs to a secret key of CURVE.

    Parameters
    ----------
    secret_key : str or bytes
        40 characters of Z85.

    Returns
    -------
    bytes
        40 bytes of Z85 text.

    Raises
    ------
    ValueError
        If the key is not 40 long.
    ZMQError
        ``EINVAL`` if it is no Z85; ``ENOTSUP`` if the loaded libzmq was built without CURVE.
    ZMQVersionError
        If it is older than 4.2.
    """
    if isinstance(secret_key, str):
        key = secret_key.encode("utf-8")
    elif isinstance(secret_key, (bytes, bytearray)):
        key = bytes(secret_key)
    else:
        raise TypeError(f"secret_key: expected str or bytes, got: {type(secret_key).__name__}")
    if len(key) != KEY_LENGTH:
        raise ValueError(f"secret_key must be {KEY_LENGTH} characters of Z85, not {len(key)}")
    try:
        # Not every version of libzmq looks at what it decodes.
        z85.decode(key)
    except ValueError:
        # The text of that would show a part of the secret.
        raise ZMQError(Errno.EINVAL, "secret_key is not valid Z85") from None
    functions = loader.load().functions
    public = create_string_buffer(KEY_LENGTH + 1)
    with _lock:
        if functions.zmq_curve_public(public, key) < 0:
            raise _failure(functions.zmq_errno())
    return public.value
