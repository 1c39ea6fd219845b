"""Z85: binary data as text, 4 bytes in 5 characters (https://rfc.zeromq.org/spec/32/).

In Python, so that keys can be read and written where no libzmq is loaded.
"""

from __future__ import annotations

from struct import pack, unpack

__all__ = ["Z85CHARS", "Z85MAP", "decode", "encode"]

#: The 85 characters in the order of their values.
Z85CHARS = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
#: byte of a character -> its value
Z85MAP = {character: value for value, character in enumerate(Z85CHARS)}

_POWERS = (85**4, 85**3, 85**2, 85, 1)


def encode(rawbytes: bytes | bytearray | memoryview) -> bytes:
    """Bytes as Z85 text.

    Parameters
    ----------
    rawbytes : bytes-like
        As many bytes as can be divided by 4.

    Raises
    ------
    ValueError
        If they cannot.
    TypeError
        If these are not bytes.
    """
    data = bytes(memoryview(rawbytes))
    if len(data) % 4:
        raise ValueError(f"length must be a multiple of 4, not {len(data)}")
    numbers = unpack(f">{len(data) // 4}I", data)
    return bytes(Z85CHARS[number // power % 85] for number in numbers for power in _POWERS)


def decode(z85bytes: str | bytes | bytearray | memoryview) -> bytes:
    """The bytes that Z85 text stands for.

    Parameters
    ----------
    z85bytes : str or bytes-like
        As many characters as can be divided by 5.

    Raises
    ------
    ValueError
        If they cannot, if there are characters that Z85 does not have, or if five of them stand for more than 4 bytes.
    TypeError
        If this is neither text nor bytes.
    """
    if isinstance(z85bytes, str):
        try:
            text = z85bytes.encode("ascii")
        except UnicodeEncodeError as error:
            raise ValueError(f"Z85 has no character {z85bytes[error.start]!r} (at {error.start})") from None
    else:
        text = bytes(memoryview(z85bytes))
    if len(text) % 5:
        raise ValueError(f"length of Z85 must be a multiple of 5, not {len(text)}")
    numbers = []
    for start in range(0, len(text), 5):
        number = 0
        for place, character in enumerate(text[start : start + 5], start):
            try:
                number = number * 85 + Z85MAP[character]
            except KeyError:
                raise ValueError(f"Z85 has no character {chr(character)!r} (at {place})") from None
        if number >= 2**32:
            raise ValueError(f"the Z85 at {start} stands for more than four bytes")
        numbers.append(number)
    return pack(f">{len(numbers)}I", *numbers)
