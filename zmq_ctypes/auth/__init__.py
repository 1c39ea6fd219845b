"""Who may connect: authenticators for NULL, PLAIN, CURVE and GSSAPI, and files for keys.

libzmq asks about each connection that wants to be authenticated, and waits for the answer before it lets anything
through (ZAP, https://rfc.zeromq.org/spec/27/).  Here are those who answer: `thread.ThreadAuthenticator` in a thread of
its own, `asyncio.AsyncioAuthenticator` in an event loop, and `Authenticator`, which both are, for a loop of your own.
"""

from __future__ import annotations

from .base import CURVE_ALLOW_ANY, Authenticator
from .certs import create_certificates, load_certificate, load_certificates

__all__ = [
    "CURVE_ALLOW_ANY",
    "Authenticator",
    "create_certificates",
    "load_certificate",
    "load_certificates",
]
