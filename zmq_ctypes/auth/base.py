"""What all authenticators have in common: the rules, and the answers to libzmq's questions.

Whatever goes wrong, nobody is let in by it:

1. libzmq waits for an answer without limit of its own, and a REP socket that gave none takes no further question.  So
   each question is answered, once, also if it makes no sense, if the code that decides raises anything at all, or if the
   authenticator is stopped meanwhile.
2. **libzmq lets clients of CURVE in when there is nobody whom it could ask**, and so for NULL.  So `Authenticator.stop`
   leaves the socket where it is: libzmq asks, nobody answers, and nobody comes in.  The next authenticator of the
   context takes that socket over; it is closed when the context's end has begun.
3. Nothing of a password gets into the log: not the frames of a request, and not the text of an exception that was
   raised over one.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, MutableMapping
from inspect import isawaitable
from threading import current_thread, main_thread

from .. import loader
from ..constants import SocketType
from ..context import Context
from ..error import ContextTerminated, ZMQError, ZMQVersionError
from ..socket import Socket
from ..utils import z85
from . import zap
from .addresses import canonical, spellings
from .certs import load_certificates as load_certificates
from .directory import ANYONE, CertificateDirectory
from .passwords import same
from .zap import VERSION as VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Sequence

__all__ = ["CURVE_ALLOW_ANY", "Authenticator"]

#: In place of a folder of certificates: every client that has some pair of keys may connect.
CURVE_ALLOW_ANY = "*"

_EVERY_DOMAIN = "*"
_OLDEST = (4, 0)


def _domain(domain: Any) -> str:
    if not isinstance(domain, str):
        raise TypeError(f"domain: expected str, got: {type(domain).__name__}")
    return domain or _EVERY_DOMAIN


def _addresses(addresses: tuple[Any, ...]) -> set[str]:
    for address in addresses:
        if not isinstance(address, str):
            raise TypeError(f"addresses: expected str, got: {type(address).__name__}")
    return {canonical(address) for address in addresses}


def _is_for_all(error: BaseException) -> bool:
    """Whether an exception is meant for more than the code that it came out of: Ctrl-C, or the end of a greenlet."""
    greenlet = sys.modules.get("greenlet")
    if greenlet is not None and isinstance(error, greenlet.GreenletExit):
        return True
    # Python raises it there only; elsewhere it is some code's own.
    return isinstance(error, KeyboardInterrupt) and current_thread() is main_thread()


def _called(function: Any, *args: Any) -> tuple[Any, BaseException | None]:
    """The result of a call, or what it has raised instead."""
    try:
        return function(*args), None
    except BaseException as error:
        return None, error


class Authenticator:
    """Answers libzmq's questions who may connect to the sockets of a context; the base of all authenticators.

    This one has no loop: receive each question from ``zap_socket`` and give it to `handle_zap_message`.  Those of the
    modules ``thread`` and ``asyncio`` do that by themselves.

    Until there are rules, connections of NULL are let in and those of PLAIN and CURVE are not.  GSSAPI lets in whom
    Kerberos knows.  Sockets of NULL are asked about only if they have a ZAP_DOMAIN.

    Parameters
    ----------
    context : Context, optional
        Whose sockets; by default `Context.instance`.
    encoding : str, optional
        Of names, passwords and domains.
    log : logging.Logger, optional
        By default ``logging.getLogger("zmq.auth")``.  Who was let in is told at level DEBUG, who was not at INFO, and
        what needs somebody's attention at ERROR.

    Attributes
    ----------
    zap_socket : Socket or None
        The REP socket that libzmq asks, from `start` to `stop`.
    passwords : dict
        domain -> the passwords of `configure_plain`
    certs : dict
        domain -> a mapping with the public keys that may connect, as Z85 bytes.  Keys that are set or deleted there count
        more than the folder, until `configure_curve` is called again.
    credentials_providers : dict
        domain -> the object of `configure_curve_callback`

    Raises
    ------
    ZMQVersionError
        If the loaded libzmq is older than 4.0.
    """

    context: Any
    encoding: str
    credentials_providers: dict[str, Any]
    zap_socket: Any = None
    passwords: dict[str, Mapping[str, str]]
    certs: dict[str, MutableMapping[bytes, Any]]
    log: Any

    # The question that was received and not answered yet.
    _unanswered: Any = None
    # The process in which it was started; in the child of a fork there is nothing to stop.
    _pid = 0

    def __init__(self, context: Context[Any] | None = None, encoding: str = "utf-8", log: Any = None) -> None:
        if loader.load().version < _OLDEST:
            raise ZMQVersionError("4.0", "security")
        if context is not None and not isinstance(context, Context):
            raise TypeError(f"context: expected a Context, got: {type(context).__name__}")
        "".encode(encoding)
        self.context = Context.instance() if context is None else context
        self.encoding = encoding
        self.log = logging.getLogger("zmq.auth") if log is None else log
        self.credentials_providers = {}
        self.passwords = {}
        self.certs = {}
        self._allowed: set[str] = set()
        self._denied: set[str] = set()

    # -- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin: from now on libzmq asks this authenticator.

        Raises
        ------
        ZMQError
            ``EADDRINUSE`` if the context has an authenticator already; ``ENOTSUP`` if it was terminated.
        """
        socket = self.context._give_back(zap.ENDPOINT)
        if socket is None:
            socket = self.context.socket(SocketType.REP, socket_class=Socket)
            try:
                socket.linger = 1
                socket.bind(zap.ENDPOINT)
            except BaseException:
                socket.close(0)
                raise
        self.zap_socket = socket
        self._pid = os.getpid()
        self.log.debug("Starting")

    def stop(self) -> None:
        """End: from now on nobody comes in whom libzmq would have asked about, until another authenticator is started.

        Nothing happens if it was not started.  Connections that were let in go on.
        """
        socket = self.zap_socket
        if socket is None:
            return
        if self._pid == os.getpid():
            try:
                self._refuse(self._unanswered)
            except ZMQError:
                pass  # the context was terminated
        self.zap_socket = None
        if not socket.closed and not self.context._keep(zap.ENDPOINT, socket):
            socket.close()
        self.log.debug("Stopped: connections that have to be asked about are refused from now on")

    def __del__(self) -> None:
        try:
            self.stop()
        except Exception:
            pass  # half made, or the interpreter is taking its modules apart

    # -- rules --------------------------------------------------------------------------------------------------------

    def allow(self, *addresses: str) -> None:
        """Let in from these addresses only; passwords and keys count all the same.

        Parameters
        ----------
        *addresses : str
            IP addresses, added to those of earlier calls.

        Raises
        ------
        ValueError
            If there are denied ones.
        """
        if self._denied:
            raise ValueError("Only use allow or deny, not both")
        found = _addresses(addresses)
        self.log.debug("Allowing %s", ",".join(addresses))
        self._allowed |= found

    def deny(self, *addresses: str) -> None:
        """Let nobody in from these addresses.

        Parameters
        ----------
        *addresses : str
            IP addresses, added to those of earlier calls.

        Raises
        ------
        ValueError
            If there are allowed ones.
        """
        if self._allowed:
            raise ValueError("Only use allow or deny, not both")
        found = _addresses(addresses)
        self.log.debug("Denying %s", ",".join(addresses))
        self._denied |= found

    def configure_plain(self, domain: str = "*", passwords: Mapping[str, str] | None = None) -> None:
        """Let in with a name and its password.

        Parameters
        ----------
        domain : str, optional
            The ZAP_DOMAIN of the server's socket; ``"*"`` covers those that have no passwords of their own.
        passwords : dict of str to str, optional
            user name -> password.  It is not copied: what is changed in it counts at the next connection.  None leaves
            the domain as it is.
        """
        name = _domain(domain)
        if passwords is not None:
            if not isinstance(passwords, Mapping):
                raise TypeError(f"passwords: expected a dict, got: {type(passwords).__name__}")
            self.passwords[name] = passwords
        self.log.debug("Configure plain: %s", domain)

    def configure_curve(self, domain: str = "*", location: str | os.PathLike[str] = ".") -> None:
        """Let in with a key of which there is a certificate.

        Parameters
        ----------
        domain : str, optional
            The ZAP_DOMAIN of the server's socket; ``"*"`` covers those that have no keys of their own.
        location : path, optional
            A folder with the clients' public certificates, files that end with ``.key``.  One that is added or removed
            counts at the next connection.  `CURVE_ALLOW_ANY` lets every key in.
        """
        name = _domain(domain)
        if not isinstance(location, (str, os.PathLike)):
            raise TypeError(f"location: expected a path, got: {type(location).__name__}")
        self.log.debug("Configure curve: %s[%s]", domain, location)
        self.credentials_providers.pop(name, None)
        if location == CURVE_ALLOW_ANY:
            self.certs[name] = ANYONE
        else:
            folder = self.certs[name] = CertificateDirectory(location, self.log)
            # Files that cannot be read are better told of now than at the first connection.
            folder.refresh()

    def configure_curve_callback(self, domain: str = "*", credentials_provider: Any = None) -> None:
        """Let in with a key that some code of yours knows.

        Parameters
        ----------
        domain : str, optional
            The ZAP_DOMAIN of the server's socket; ``"*"`` covers those that have no keys of their own.
        credentials_provider : object
            Has a method ``callback(domain, key)``, the key being 40 bytes of Z85 text, which says whether that one may
            connect; it may be a coroutine function.  It is called in the authenticator's thread or loop, and all
            others wait for it.  If it raises, whatever that is, the client is refused; a KeyboardInterrupt in the main
            thread goes on from there.
        """
        name = _domain(domain)
        if credentials_provider is None:
            self.log.error("None credentials_provider provided for domain:%s", domain)
        elif not callable(getattr(credentials_provider, "callback", None)):
            raise TypeError(f"credentials_provider: {type(credentials_provider).__name__} has no method callback")
        else:
            self.certs.pop(name, None)
            self.credentials_providers[name] = credentials_provider

    def configure_gssapi(self, domain: str = "*", location: str | None = None) -> None:
        """Nothing: Kerberos has decided already who it is, and the principal becomes the user id.

        To let in some principals only, overwrite ``_authenticate_gssapi(domain, principal)``, which returns a bool and
        the reason in bytes.
        """

    @property
    def allow_any(self) -> bool:
        """Whether there is a domain in which every key of CURVE is let in; True makes ``"*"`` one."""
        return any(keys is ANYONE for keys in self.certs.values())

    @allow_any.setter
    def allow_any(self, value: bool) -> None:
        self.certs = {domain: keys for domain, keys in self.certs.items() if keys is not ANYONE}
        if value:
            self.configure_curve(_EVERY_DOMAIN, CURVE_ALLOW_ANY)

    def curve_user_id(self, client_public_key: bytes) -> str:
        """The user id of a client that was let in; overwrite it to give others than the key.

        Parameters
        ----------
        client_public_key : bytes
            32 bytes.

        Returns
        -------
        str
            255 bytes at most, without NUL: the metadata ``"User-Id"`` of the client's messages.
        """
        return z85.encode(client_public_key).decode("ascii")

    # -- decisions ----------------------------------------------------------------------------------------------------

    async def handle_zap_message(self, msg: list[bytes]) -> None:
        """Answer a question of libzmq.

        Parameters
        ----------
        msg : list of bytes
            What ``zap_socket.recv_multipart()`` gave.

        Raises
        ------
        ContextTerminated
            If the context was terminated.  No other error: what cannot be judged is refused.
        """
        self._unanswered = msg
        number = zap.request_id(msg)
        try:
            answer = await self._judge(msg)
            if self._unanswered is msg:
                self._send_zap_reply(number, *answer)
        except zap.Malformed as error:
            self._refuse(msg, b"400", error.status_text)
            self._tell("info" if error.peer else "error", "DENIED: malformed ZAP request: %s", error)
        except ContextTerminated:
            raise
        except (Exception, SystemExit) as error:
            self._tell_failure(error)
        finally:
            # Also if the task is cancelled.
            self._refuse(msg)

    async def _judge(self, msg: Sequence[Any]) -> tuple[bytes, bytes, Any]:
        """Status code, status text and user id for a question."""
        request = zap.parse(msg, self.encoding)
        who = f"{request.mechanism} domain={request.domain!r} address={request.address!r}"
        user: Any = "anonymous"
        allowed, reason = self._judge_address(request.address)
        if allowed and request.mechanism == "PLAIN":
            user, password = request.credentials
            allowed, reason = self._authenticate_plain(request.domain, user, password)
        elif allowed and request.mechanism == "CURVE":
            (key,) = request.credentials
            who += f" client_key={z85.encode(key).decode('ascii')}"
            allowed, reason = await self._authenticate_curve(request.domain, key)
            user = self.curve_user_id(key) if allowed else ""
        elif allowed and request.mechanism == "GSSAPI":
            (principal,) = request.credentials
            who += f" principal={principal!r}"
            allowed, reason = self._authenticate_gssapi(request.domain, principal)
            user = principal
        if not allowed:
            self.log.info("DENIED %s: %s", who, reason.decode("utf-8", "replace"))
            return b"400", reason, ""
        self.log.debug("ALLOWED %s", who)
        return b"200", b"OK", user

    def _judge_address(self, address: str) -> tuple[bool, bytes]:
        names = spellings(address)
        if self._allowed and not names & self._allowed:
            return False, b"Address not allowed"
        if self._denied and names & self._denied:
            return False, b"Address denied"
        return True, b"OK"

    def _domains(self, domain: str) -> tuple[str, ...]:
        """Where to look for the rules of a domain."""
        return (domain, _EVERY_DOMAIN) if domain else (_EVERY_DOMAIN,)

    def _authenticate_plain(self, domain: str, username: str, password: str) -> tuple[bool, bytes]:
        for name in self._domains(domain):
            known = self.passwords.get(name)
            if known is not None:
                stored = known.get(username)
                # A name that nobody has takes as long as a wrong password.
                if same(password, stored):
                    return True, b"OK"
                return False, b"Invalid username" if stored is None else b"Invalid password"
        return False, b"Invalid domain"

    async def _authenticate_curve(self, domain: str, client_key: bytes) -> tuple[bool, bytes]:
        key = z85.encode(client_key)
        for name in self._domains(domain):
            provider, known = self.credentials_providers.get(name), self.certs.get(name)
            if provider is not None:
                allowed = await self._ask(provider, domain or name, key)
            elif known is not None:
                allowed = known.get(key)
            else:
                continue
            return (True, b"OK") if allowed else (False, b"Unknown key")
        return False, b"Unknown domain"

    async def _ask(self, provider: Any, domain: str, key: bytes) -> Any:
        found, failure = _called(provider.callback, domain, key)
        if failure is None and isawaitable(found):
            found, failure = await self._settled(found)
        if failure is None:
            return found
        if _is_for_all(failure):
            raise failure
        # There is no secret in it: what was asked about is a public key.
        self.log.error("The credentials provider %r has failed", type(provider).__name__, exc_info=failure)
        return False

    async def _settled(self, awaitable: Any) -> tuple[Any, BaseException | None]:
        """The result of something awaitable, or what it has raised instead."""
        try:
            return await awaitable, None
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            # Anything else may be the end of whoever waits here.
            return None, error

    def _authenticate_gssapi(self, domain: str, principal: bytes) -> tuple[bool, bytes]:
        return True, b"OK"

    # -- answers ------------------------------------------------------------------------------------------------------

    def _send_zap_reply(
        self, request_id: bytes, status_code: bytes, status_text: bytes, user_id: Any = "anonymous"
    ) -> None:
        """Answer; the user id counts with the status code 200 only."""
        if status_code != b"200":
            status_code = zap.refusal(self._unanswered, status_code, loader.load().version)
            user_id = b""
        elif isinstance(user_id, str):
            user_id = user_id.encode(self.encoding)
        frames = zap.reply(request_id, status_code, status_text, user_id)
        self._unanswered = None
        if self.zap_socket is not None:
            self.zap_socket.send_multipart(frames)

    def _refuse(self, msg: Any, status_code: bytes = b"500", status_text: bytes = b"Internal error") -> None:
        """Answer that nobody comes in, unless the question was answered already."""
        if msg is not None and self._unanswered is msg:
            Authenticator._send_zap_reply(self, zap.request_id(msg), status_code, status_text)

    def _tell_failure(self, error: BaseException) -> None:
        """Log an exception without its text, which may have a password in it."""
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f" at {place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place is not None else ""
        self._tell("error", "DENIED: the authenticator has failed: %s%s", type(error).__name__, where)

    def _tell(self, level: str, text: str, *args: Any) -> None:
        """Log what has gone wrong already: a log that fails makes it no worse."""
        try:
            getattr(self.log, level)(text, *args)
        except Exception:
            pass
