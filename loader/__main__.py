"""Show which libzmq is found and how; fetch one.  The first is what belongs into a report of a bug."""

from __future__ import annotations

import os
import platform
import sys

from . import process
from .advice import advice
from .attempts import LibraryNotFound
from .finder import VARIABLE, data_folder, platform_tags
from .library import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Sequence

    from .attempts import Attempt
    from .opened import Library

_PACKAGE = __spec__.parent if __spec__ is not None and __spec__.parent else __package__

#: What ``zmq_has`` may be asked, in any version.
CAPABILITIES = ("curve", "draft", "gssapi", "ipc", "norm", "pgm", "tipc", "vmci", "vsock", "WS", "WSS")

#: Variables that change what is found, besides our own.
_VARIABLES = (VARIABLE, "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "CONDA_PREFIX", "VIRTUAL_ENV")


def describe(library: Library | None, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """Return everything that ``--json`` prints."""
    environment = process.environment()
    return {
        "library": library
        and {
            "path": library.path,
            "origin": library.origin,
            "version": ".".join(map(str, library.version)),
            "capabilities": [name for name in CAPABILITIES if library.has(name)],
            "draft": library.draft,
        },
        "attempts": [{"origin": a.origin, "path": a.path, "reason": a.reason} for a in attempts],
        "advice": [] if library else advice(environment, str(_PACKAGE)),
        "platform": {
            "system": environment.platform,
            "machine": environment.machine,
            "bits": environment.bits,
            "libc": environment.libc or None,
            "tags": list(platform_tags(environment)),
            "release": platform.platform(),
        },
        "python": {
            "implementation": platform.python_implementation(),
            "version": platform.python_version(),
            "executable": sys.executable,
            "prefix": sys.prefix,
        },
        "package": {"name": _PACKAGE, "folder": environment.package},
        "variables": {name: os.environ[name] for name in _VARIABLES if name in os.environ},
    }


def _text(facts: dict[str, Any]) -> str:
    taken = facts["library"]
    lines = ["No usable libzmq was found."]
    if taken:
        lines = [
            f"libzmq {taken['version']} from {taken['path'] or 'this process'}",
            f"  found through  {taken['origin']}",
            f"  capabilities   {', '.join(taken['capabilities']) or 'none that it tells'}",
            f"  draft API      {'yes' if taken['draft'] else 'no'}",
        ]
    lines += ["", "Tried, in this order:"]
    width = max(len(attempt["origin"]) for attempt in facts["attempts"])
    for number, attempt in enumerate(facts["attempts"], 1):
        what = ": ".join(part for part in (attempt["path"], attempt["reason"] or "taken") if part)
        lines.append(f"  {number:2}  {attempt['origin']:{width}}  {what}")
    if not taken:
        lines += ["", "What to do, whichever suits:"]
        lines += [f"  - {line}" for line in facts["advice"]]
    system, python, package = facts["platform"], facts["python"], facts["package"]
    libc = f", {system['libc']}" if system["libc"] else ""
    lines += [
        "",
        f"Platform   {system['tags'][0]}: {system['system']} {system['machine']}, {system['bits']} bit{libc}",
        f"System     {system['release']}",
        f"Python     {python['implementation']} {python['version']}, {python['executable']}",
        f"Package    {package['name']} in {package['folder']}",
    ]
    lines += [f"Variable   {name}={value}" for name, value in facts["variables"].items()]
    return "\n".join(lines)


def _show(as_json: bool) -> int:
    try:
        library = load()
        attempts = library.attempts
    except LibraryNotFound as error:
        library, attempts = None, error.attempts
    facts = describe(library, attempts)
    if as_json:
        import json

        print(json.dumps(facts, indent=2))
    else:
        print(_text(facts))
    return 0 if library else 1


def _fetch(platforms: list[str] | None, dest: str | None) -> int:
    from .fetch import NOTE, FetchError, fetch

    try:
        found = fetch(platforms, dest)
    except (FetchError, OSError) as error:
        print(f"{type(error).__name__}: {error}" if isinstance(error, OSError) else error, file=sys.stderr)
        return 1
    for tag, path in found.items():
        folder, name = os.path.split(path)
        beside = [other for other in sorted(os.listdir(folder)) if other not in (name, NOTE)]
        print(f"{tag}: {path}")
        print(f"  beside it: {', '.join(beside)}; where it came from: {NOTE}")
    environment = process.environment()
    if dest is None and set(found) & set(platform_tags(environment)):
        print(f"This user's programs find it from now on; `python -m {_PACKAGE}` shows it.")
    elif dest is None:
        print(f"A machine of that platform finds it in the same place ({data_folder(environment)} here).")
    else:
        inside = os.path.join(environment.package or "the loader's folder", "lib")
        print(f"To use it, set {VARIABLE}={os.path.abspath(dest)} or copy what is in that folder into {inside}.")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.
    """
    import argparse

    parser = argparse.ArgumentParser(
        prog=f"python -m {_PACKAGE}", description="Show which libzmq is found, and everything that was tried."
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    commands = parser.add_subparsers(dest="command", metavar="fetch")
    fetch = commands.add_parser("fetch", help="download a libzmq with pip and unpack it for this user")
    fetch.add_argument(
        "--platform",
        action="append",
        metavar="TAG",
        help="platform to fetch for, such as manylinux_aarch64 or win_amd64; may be repeated (default: this one)",
    )
    fetch.add_argument("--dest", metavar="DIR", help="folder below which it is put (default: the user's data folder)")
    options = parser.parse_args(arguments)
    if hasattr(sys.stdout, "reconfigure"):
        # A path need not be text in the encoding of the terminal; it is shown all the same.
        sys.stdout.reconfigure(errors="backslashreplace")
    if options.command == "fetch":
        return _fetch(options.platform, options.dest)
    return _show(options.json)


if __name__ == "__main__":
    sys.exit(main())
