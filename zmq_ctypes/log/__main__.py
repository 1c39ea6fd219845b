"""``python -m`` with the name of the package above: watch the records that a `PUBHandler` publishes."""

from __future__ import annotations

import sys

from .watch import watch

__all__ = ["main"]


def main() -> None:
    """Run the command with the arguments of the process."""
    sys.exit(watch(sys.argv[1:]))


if __name__ == "__main__":
    main()
