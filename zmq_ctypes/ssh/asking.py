"""Passwords that nobody has given: asked for at the terminal, if somebody sits there."""

from __future__ import annotations

import sys

from .errors import AuthenticationException

__all__ = ["ask"]


def ask(prompt: str, otherwise: str) -> str:
    """Ask for a password.

    Parameters
    ----------
    prompt : str
        What to show.
    otherwise : str
        What to say where there is no terminal.

    Raises
    ------
    AuthenticationException
        If there is no terminal.
    """
    try:
        interactive = sys.stdin.isatty()
    except (AttributeError, ValueError):
        interactive = False  # closed, or a program without a console
    if not interactive:
        raise AuthenticationException(otherwise)
    from getpass import getpass

    return getpass(prompt)
