"""What goes wrong with a tunnel, under the same names whichever program or package makes it."""

from __future__ import annotations

__all__ = ["AuthenticationException", "MaxRetryExceeded", "SSHException"]


class SSHException(RuntimeError):
    """A tunnel could not be opened; the text says at what.

    With paramiko, what is raised is a ``paramiko.SSHException`` as well.
    """


class AuthenticationException(SSHException):
    """The server let nobody in: a wrong password, a key that it does not know, or none at all.

    With paramiko, what is raised is a ``paramiko.AuthenticationException`` as well.
    """


class MaxRetryExceeded(Exception):
    """What pyzmq raises when ssh says nothing for a second; nothing here does, for logging in may take longer than that."""
