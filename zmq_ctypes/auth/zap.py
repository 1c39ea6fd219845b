"""The protocol in which libzmq asks who may connect: frames to a request, and an answer to frames.

The rules are those of https://rfc.zeromq.org/spec/27/.

1. A part of a request comes from the peer, who is a stranger: a name, a password, a key.  What does not fit is refused
   here, before anybody looks for it in a table, and the reason that is given never shows it.
2. **libzmq 4.2.3 to 4.3.5 lets in clients of GSSAPI whatever the answer is**: it tells its monitor of a refusal and goes
   on (https://github.com/zeromq/libzmq/issues/4912).  It does close the connection when the answer is none that the
   protocol knows, so that is what `refusal` gives it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Sequence

__all__ = ["ENDPOINT", "LONGEST", "Malformed", "Request", "VERSION", "parse", "refusal", "reply", "request_id"]

#: Where libzmq looks for whom to ask; each context has its own.
ENDPOINT = "inproc://zeromq.zap.01"
VERSION = b"1.0"
#: Bytes that a field may have: its length is one byte where it travels in a ZMTP command.
LONGEST = 255

#: Bytes of a client's public key.
_KEY = 32

# The first version that heeds a refusal of GSSAPI in no other way.
_IGNORES_REFUSAL = (4, 2, 3)
_NO_CODE = b"refused"

# version, request id, domain, address, routing id, mechanism
_FRAMES = 6

# What a mechanism sends after those: the name of each frame.
_CREDENTIALS = {
    b"NULL": (),
    b"PLAIN": ("username", "password"),
    b"CURVE": ("client key",),
    b"GSSAPI": ("principal",),
}


class Malformed(ValueError):
    """A request that cannot be judged, and is therefore refused.

    Parameters
    ----------
    reason : str
        Why, without any of the request's contents: these may be secrets.
    peer : bool, optional
        Whether a peer's credentials are at fault; everything else comes from this process.
    """

    def __init__(self, reason: str, peer: bool = False) -> None:
        super().__init__(reason)
        self.peer = peer

    @property
    def status_text(self) -> bytes:
        """The reason as the answer has it."""
        return str(self).encode("ascii", "replace")[:LONGEST]


class Request:
    """What libzmq wants to know.

    Attributes
    ----------
    domain : str
        The server socket's ZAP_DOMAIN; may be empty.
    address : str
        Where the peer is: its IP address; may be empty for other transports.
    routing_id : bytes
        The server socket's ROUTING_ID.
    mechanism : str
        ``"NULL"``, ``"PLAIN"``, ``"CURVE"`` or ``"GSSAPI"``.
    credentials : tuple
        PLAIN: name and password, each a str.  CURVE: the public key, 32 bytes.  GSSAPI: the principal, bytes.  NULL: nothing.
    """

    __slots__ = ("address", "credentials", "domain", "mechanism", "routing_id")

    def __init__(
        self, domain: str, address: str, routing_id: bytes, mechanism: str, credentials: tuple[Any, ...]
    ) -> None:
        self.domain = domain
        self.address = address
        self.routing_id = routing_id
        self.mechanism = mechanism
        self.credentials = credentials

    def __repr__(self) -> str:
        # Without the credentials: a request may be shown in a log.
        return f"<ZAP request: {self.mechanism} domain={self.domain!r} address={self.address!r}>"


def _bytes(frame: Any) -> bytes:
    try:
        return bytes(memoryview(frame))
    except (TypeError, ValueError):
        raise Malformed("a frame is not bytes") from None


def _text(field: bytes, name: str, encoding: str, peer: bool = False) -> str:
    try:
        return field.decode(encoding)
    except UnicodeError:
        # The error's own text, and its context, would show the field.
        pass
    raise Malformed(f"{name} is not {encoding}", peer)


def request_id(frames: Sequence[Any]) -> bytes:
    """The number of a request, which the answer has to repeat; empty where the request has none."""
    try:
        return _bytes(frames[1])
    except (IndexError, KeyError, TypeError, Malformed):
        return b""


def _is_gssapi(frames: Any) -> bool:
    try:
        return _bytes(frames[_FRAMES - 1]) == b"GSSAPI"
    except (IndexError, KeyError, TypeError, Malformed):
        # Not from libzmq.
        return False


def refusal(frames: Any, status_code: bytes, version: tuple[int, ...]) -> bytes:
    """The status code with which this libzmq refuses a request.

    Parameters
    ----------
    frames : sequence of bytes
        The request.
    status_code : bytes
        What the protocol has for it.
    version : tuple of int
        That of the loaded libzmq.
    """
    return _NO_CODE if version >= _IGNORES_REFUSAL and _is_gssapi(frames) else status_code


def parse(frames: Sequence[Any], encoding: str = "utf-8") -> Request:
    """A request out of its frames.

    Parameters
    ----------
    frames : sequence of bytes
        What the socket received.
    encoding : str, optional
        Of names, passwords and domains.

    Raises
    ------
    Malformed
        If it breaks a rule, whatever it is.
    """
    try:
        parts = [_bytes(frame) for frame in frames]
    except TypeError:
        raise Malformed("a request is a list of frames") from None
    if len(parts) < _FRAMES:
        raise Malformed(f"not enough frames: {len(parts)}")
    version, _, domain, address, routing_id, mechanism = parts[:_FRAMES]
    if version != VERSION:
        raise Malformed("unknown version of ZAP")
    for name, field in zip(("request id", "domain", "address", "routing id"), parts[1:]):
        if len(field) > LONGEST:
            raise Malformed(f"{name} is too long: {len(field)} bytes")
    fields = _CREDENTIALS.get(mechanism)
    if fields is None:
        raise Malformed("unknown mechanism")
    credentials = parts[_FRAMES:]
    name = mechanism.decode("ascii")
    if len(credentials) != len(fields):
        raise Malformed(f"wrong number of {name} credentials: {len(credentials)}")
    for what, field in zip(fields, credentials):
        if mechanism == b"PLAIN" and len(field) > LONGEST:
            raise Malformed(f"{what} is too long", peer=True)
        if mechanism == b"CURVE" and len(field) != _KEY:
            raise Malformed(f"{what} has {len(field)} bytes instead of {_KEY}")
    found: tuple[Any, ...] = tuple(credentials)
    if mechanism == b"PLAIN":
        found = tuple(_text(field, what, encoding, peer=True) for what, field in zip(fields, credentials))
    return Request(_text(domain, "domain", encoding), _text(address, "address", encoding), routing_id, name, found)


def reply(number: bytes, status_code: bytes, status_text: bytes, user_id: bytes = b"") -> list[bytes]:
    """The frames of an answer.

    Parameters
    ----------
    number : bytes
        What `request_id` says.
    status_code : bytes
        ``b"200"``: may come in; ``b"400"``: may not; ``b"500"``: may not, since whoever had to decide has failed.
    status_text : bytes
        Why.
    user_id : bytes, optional
        Who it is, for the metadata ``"User-Id"`` of the peer's messages.

    Raises
    ------
    ValueError
        If the user id is longer than 255 bytes, or has a NUL, after which C would not read on: it could be taken for
        somebody else's.
    """
    if len(user_id) > LONGEST:
        raise ValueError(f"a user id has {LONGEST} bytes at most, not {len(user_id)}")
    if b"\0" in user_id:
        raise ValueError("a user id has no NUL")
    return [VERSION, number, status_code, status_text[:LONGEST], user_id, b""]
