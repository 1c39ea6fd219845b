"""A libzmq that was opened: what it is, what it can do, and the three bindings of its functions."""

from __future__ import annotations

import ctypes

from . import process
from .direct import DirectCalls
from .functions import Functions
from .inline import find_inline, find_more
from .messages import Messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

    from .attempts import Attempt

__all__ = ["Library"]

#: Each came with a draft API and is still one; stable builds export none of them.
_DRAFTS = ("zmq_msg_set_routing_id", "zmq_join", "zmq_poller_new", "zmq_socket_monitor_versioned")

#: What thread-safe sockets and `NativePoller` wait with.
_OFTEN = ("zmq_poller_wait_all",)


class Library:
    """A libzmq that was opened and found usable.

    Attributes
    ----------
    path : str or None
        The file, as the system's linker knows it; None if the system does not tell.
    origin : str
        Why this one was a candidate.
    version : tuple of (int, int, int)
        What ``zmq_version`` says.
    cdll : ctypes.CDLL
        The library; calls release the GIL.  Opened ``RTLD_LOCAL``, keeps ``errno`` for ``ctypes.get_errno``.
    pydll : ctypes.PyDLL
        The same handle; calls keep the GIL (on PyPy, which has no such thing, ``cdll`` itself).
    functions : Functions
        Every function of zmq.h with its types; those that this library lacks raise when they are called.
    nowait, waiting : DirectCalls
        The calls for each message, which take prepared arguments: see ``direct``.
    inline : Inline or None
        Where small messages keep their bytes, if that could be found out: see ``inline``.
    messages : Messages
        Prepared ``zmq_msg_t``, used again and again: see ``messages``.
    attempts : sequence of Attempt
        What was tried, the last being this one.
    draft : bool
        It exports functions of the draft API.
    """

    def __init__(
        self,
        cdll: ctypes.CDLL,
        path: str | None,
        origin: str,
        version: tuple[int, int, int],
        attempts: Sequence[Attempt] = (),
    ) -> None:
        self.path = path
        self.origin = origin
        self.version = version
        self.cdll = cdll
        # PyPy has no PyDLL: its GIL is cheap to release, and every call does.
        self.pydll = ctypes.PyDLL(path, handle=cdll._handle) if hasattr(ctypes, "PyDLL") else cdll
        self.attempts = attempts
        self.functions = Functions(cdll, version, _OFTEN)
        self.nowait = DirectCalls(self.pydll)
        self.waiting = DirectCalls(cdll)
        self.inline = find_inline(self.functions)
        self._more: tuple[int, int] | None = None
        self.messages = Messages(self.nowait, self.inline)
        self.draft = any(process.address_of(cdll, name) for name in _DRAFTS)

    def __repr__(self) -> str:
        return f"<libzmq {'.'.join(map(str, self.version))} from {self.path or 'this process'}>"

    @property
    def more(self) -> tuple[int, int]:
        """The byte of a ``zmq_msg_t`` and the bit of it that say that more frames follow; a bit of 0 if that is not sure."""
        if self._more is None:
            self._more = find_more(self.functions)
        return self._more

    def has(self, capability: str) -> bool:
        """Tell whether this libzmq was built with a capability.

        Parameters
        ----------
        capability : str
            ``"ipc"``, ``"pgm"``, ``"tipc"``, ``"norm"``, ``"curve"``, ``"gssapi"``, ``"vmci"``, ``"draft"``, ``"WS"``
            or ``"WSS"``; case matters.

        Returns
        -------
        bool
            False as well when the library cannot tell: ``zmq_has`` came with libzmq 4.1.  For CURVE, which is older,
            a 4.0 library is asked for a key pair.

        Raises
        ------
        TypeError
            `capability` is no str.
        ValueError
            It contains a null character.
        """
        if not isinstance(capability, str):
            raise TypeError(f"capability must be str, not {type(capability).__name__}")
        if "\0" in capability:
            raise ValueError("capability contains a null character")
        if process.address_of(self.cdll, "zmq_has"):
            ask = self.cdll["zmq_has"]
            ask.argtypes, ask.restype = [ctypes.c_char_p], ctypes.c_int
            return bool(ask(capability.encode("utf-8", "surrogateescape")) == 1)
        if capability == "curve" and process.address_of(self.cdll, "zmq_curve_keypair"):
            make = self.cdll["zmq_curve_keypair"]
            make.argtypes, make.restype = [ctypes.c_char_p, ctypes.c_char_p], ctypes.c_int
            # Two keys of 40 characters and a null.
            return bool(make(ctypes.create_string_buffer(41), ctypes.create_string_buffer(41)) == 0)
        return False
