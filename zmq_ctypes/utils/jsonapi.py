"""JSON as bytes: the standard library's.

``json.dumps`` with options of its own makes an encoder at each call and asks it many things, which for a small message is
most of the time.  Without options the C parts of the standard library are used directly here, and the result is the same.

1. The C part of the encoder is made for each call, because it remembers what it is in the midst of, which threads, signal
   handlers and destructors must not share.  One that does not remember could be kept, but would tell what contains itself
   by running into the limit of recursion only, and going on from there ends the process in Python 3.8.
2. The C part of the decoder reads one value.  What has white space around it, or is no value at all, is left to ``json.loads``.
3. Where an interpreter has no such C parts (PyPy), where they are not as expected, and where a program has put other
   functions in the place of ``json``'s, those of ``json`` are called.
"""

from __future__ import annotations

import json as jsonmod
from json import encoder as _encoder
from json import scanner as _scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

__all__ = ["dumps", "loads"]

_json_dumps = jsonmod.dumps
_json_loads = jsonmod.loads
_JSONEncoder = jsonmod.JSONEncoder
_basestring = _encoder.encode_basestring_ascii
_join = "".join

# A text, and what it stands for.
_TRIAL = '{"a": [1, 2.5, null, true, "\\u2603\\n"], "b": {}}', {"a": [1, 2.5, None, True, "☃\n"], "b": {}}


def _default(o: object) -> Any:
    # Looked up each time: there are programs that give the class another one.
    return jsonmod.JSONEncoder().default(o)


def _maker() -> Callable[..., Callable[[Any, int], Any]] | None:
    """What makes an encoder, which makes the pieces of a text of an object; None where that is not certain."""
    make: Any = getattr(_encoder, "c_make_encoder", None)
    try:
        chunks = make({}, _default, _basestring, None, ": ", ", ", False, False, True)
        return make if _join(chunks(_TRIAL[1], 0)) == _TRIAL[0] else None
    except Exception:
        return None


def _reader() -> Callable[[str, int], tuple[Any, int]] | None:
    """What reads one value from a text, and says where it ends; None where that is not certain."""
    make: Any = getattr(_scanner, "c_make_scanner", None)
    try:
        scan = make(jsonmod.JSONDecoder())
        return scan if scan(_TRIAL[0], 0) == (_TRIAL[1], len(_TRIAL[0])) else None
    except Exception:
        return None


_make = _maker()
_scan = _reader()


def dumps(o: object, **kwargs: Any) -> bytes:
    """An object as JSON in UTF-8.

    Parameters
    ----------
    o : object
        What ``json.dumps`` takes.
    **kwargs
        Handed to ``json.dumps``.
    """
    if not kwargs and _make is not None and jsonmod.dumps is _json_dumps and jsonmod.JSONEncoder is _JSONEncoder:
        return _join(_make({}, _default, _basestring, None, ": ", ", ", False, False, True)(o, 0)).encode()
    return jsonmod.dumps(o, **kwargs).encode("utf-8")


def loads(s: bytes | str, **kwargs: Any) -> Any:
    """An object from JSON.

    Parameters
    ----------
    s : bytes or str
        JSON, in UTF-8 if it is bytes.
    **kwargs
        Handed to ``json.loads``.
    """
    if isinstance(s, bytes):
        s = s.decode()
    if not kwargs and _scan is not None and jsonmod.loads is _json_loads and isinstance(s, str):
        try:
            value, end = _scan(s, 0)
        except StopIteration:
            pass  # white space first, or nothing
        else:
            if end == len(s):
                return value
    return jsonmod.loads(s, **kwargs)
