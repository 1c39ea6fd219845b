"""Open one candidate and see whether it is a libzmq that can be used; refuse in words.

Four things go wrong in practice:

1. The file is for another machine, or was cut short: its header is read before the system's linker gets to see it.
2. It needs libraries that lie beside it but its run path does not say so (wheels of pyzmq 19.0.2 to 26.0): those that
   the linker asks for are opened first.  It then finds them by name among the loaded ones; ``RTLD_LOCAL`` is enough.
3. It is too old, or something else altogether that happens to have the name.
4. Another libzmq is visible to the whole process (linked to the program, or ``LD_PRELOAD``).  The linker of ELF systems
   then binds calls *inside* the second library to the first, and messages cross from one to the other.  Measured with
   4.1.4 beside 4.3.4: nothing arrives, and nothing says why.  So the second one is refused.
"""

from __future__ import annotations

import ctypes
import os
import stat

from . import process
from .binary import examine, judge
from .platforms import FLAT_NAMESPACE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .finder import Environment

#: The oldest libzmq that has the API which everything else is written for.
OLDEST = (3, 2, 0)

#: What came with 3.2, as far as we cannot do without.
NEEDED = (
    "zmq_errno",
    "zmq_strerror",
    "zmq_ctx_new",
    "zmq_ctx_destroy",
    "zmq_ctx_set",
    "zmq_ctx_get",
    "zmq_socket",
    "zmq_close",
    "zmq_setsockopt",
    "zmq_getsockopt",
    "zmq_bind",
    "zmq_unbind",
    "zmq_connect",
    "zmq_disconnect",
    "zmq_socket_monitor",
    "zmq_msg_init",
    "zmq_msg_init_size",
    "zmq_msg_init_data",
    "zmq_msg_send",
    "zmq_msg_recv",
    "zmq_msg_close",
    "zmq_msg_move",
    "zmq_msg_copy",
    "zmq_msg_data",
    "zmq_msg_size",
    "zmq_msg_more",
    "zmq_msg_get",
    "zmq_send",
    "zmq_recv",
    "zmq_poll",
    "zmq_proxy",
)


class Refused(Exception):
    """Why a candidate is not taken."""


def _version(library: ctypes.CDLL) -> tuple[int, int, int]:
    numbers = (ctypes.c_int * 3)()
    # void zmq_version (int *major, int *minor, int *patch);
    ask = library["zmq_version"]
    ask.argtypes, ask.restype = [ctypes.c_void_p] * 3, None
    start = ctypes.addressof(numbers)
    ask(start, start + ctypes.sizeof(ctypes.c_int), start + 2 * ctypes.sizeof(ctypes.c_int))
    return (numbers[0], numbers[1], numbers[2])


def dlopen(path: str | None) -> ctypes.CDLL:
    return ctypes.CDLL(path, mode=ctypes.RTLD_LOCAL, use_errno=True)


def _said(error: BaseException, path: str | None) -> str:
    """Return the words of `error`, which came of opening `path`, in one line."""
    try:
        (path or "").encode("utf-8")
    except UnicodeEncodeError:
        # PyPy repeats the undecodable name in a text that is no text, and dies of using it.
        return "its name is not valid text, nor would be what the system says"
    return " ".join(str(error).split()) or type(error).__name__


def _open_with_siblings(path: str, environment: Environment, opened: set[str]) -> ctypes.CDLL:
    """Open `path`; when the linker misses a library that lies beside it, open that first."""
    opened.add(path)
    folder = environment.path.dirname(path)
    while True:
        try:
            return dlopen(path)
        except OSError as error:
            # It says "libsodium.so.23: cannot open ..." or "not loaded: @loader_path/libsodium.dylib".
            words = {word.strip(":;,.()'\"`").rpartition("/")[2] for word in _said(error, path).split()}
            names = environment.files.names(folder) if folder else ()
            siblings = [environment.join(folder, name) for name in names if name in words]
            missing = [sibling for sibling in siblings if sibling not in opened and examine(sibling).format]
            if not missing:
                raise
            for sibling in missing:
                _open_with_siblings(sibling, environment, opened)


def open_candidate(path: str | None, environment: Environment) -> ctypes.CDLL:
    """Open a file, a bare name or (None) the process itself; refuse in words."""
    if path and environment.path.dirname(path):
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):
                # A named pipe would block the linker for ever.
                raise Refused("is not a regular file")
            reason = judge(examine(path), environment.platform, environment.machine)
        except FileNotFoundError:
            # Some systems keep libraries that are not files (dyld's cache, inside an apk): let the linker look.
            reason = None
        except (OSError, ValueError) as error:
            raise Refused(f"cannot be read: {_said(error, path)}") from None
        if reason:
            raise Refused(reason)
    try:
        if path is None:
            return dlopen(None)
        return _open_with_siblings(path, environment, set())
    except (OSError, ValueError) as error:
        raise Refused(f"cannot be opened: {_said(error, path)}") from None


def probe(cdll: ctypes.CDLL, environment: Environment) -> tuple[int, int, int]:
    """Return the version of a library that will do; refuse in words what will not."""
    here = process.address_of(cdll, "zmq_version")
    if not here:
        raise Refused("is not libzmq: it has no zmq_version" if cdll._name else "the process has none")
    version = _version(cdll)
    said = ".".join(map(str, version))
    if version < OLDEST:
        raise Refused(f"is libzmq {said}, older than {OLDEST[0]}.{OLDEST[1]}")
    lacks = [name for name in NEEDED if not process.address_of(cdll, name)]
    if lacks:
        raise Refused(f"says it is libzmq {said} but lacks {', '.join(lacks)}")
    if environment.platform in FLAT_NAMESPACE:
        everywhere = dlopen(None)
        if process.address_of(everywhere, "zmq_version") not in (None, here):
            other = process.file_of(everywhere, "zmq_version") or "the program itself"
            raise Refused(f"would be mixed up with the libzmq that is visible to the whole process, {other}")
    return version
