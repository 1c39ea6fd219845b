"""A program that makes keys for CURVE: ``python -m``, the name of this package, ``.curve_keygen``.

What it prints, as text or with ``--json``, is what pyzmq's prints, since scripts read it.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a pair of keys.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.

    Returns
    -------
    int
        The exit status.
    """
    from argparse import ArgumentParser

    from .error import LibraryNotFound, ZMQError, ZMQVersionError
    from .security import curve_keypair, curve_public

    parser = ArgumentParser(
        prog=f"python -m {__spec__.name}" if __spec__ is not None else None,
        description="Make a pair of keys for CURVE, in Z85.",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object with the keys 'public' and 'secret'")
    parser.add_argument("--secret", metavar="KEY", help="print this secret key and the public key that belongs to it")
    options = parser.parse_args(arguments)
    try:
        if options.secret is None:
            public, secret = (key.decode("ascii") for key in curve_keypair())
        else:
            secret = options.secret
            public = curve_public(secret).decode("ascii")
    except (ValueError, ZMQError) as error:
        parser.error(str(error))
    except (LibraryNotFound, ZMQVersionError) as error:
        print(error, file=sys.stderr)
        return 1
    if options.json:
        import json

        print(json.dumps({"public": public, "secret": secret}, indent=1))
    else:
        print(f"== CURVE PUBLIC KEY ==\n{public}\n\n== CURVE SECRET KEY ==\n{secret}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
