"""In place of pyzmq: programs that say ``import zmq`` get this package, without a change to them.

``python -m`` with the name of this module runs a program so, and the processes that it starts.

1. Within a process, ``sys.modules["zmq"]`` is the package, and a finder gives out each of its modules for
   ``zmq.<module>``.  The entry alone would not do: ``import zmq.asyncio`` would load the file again and make a second
   set of classes.
2. Child processes cannot be told from within.  They inherit PYTHONPATH, to which a folder is added that has a ``zmq`` in
   it and nothing else.  That module makes the same call in the child, when the child imports it.  A ``sitecustomize``
   would hide the one that the system has, and would run in every Python whether it uses ``zmq`` or not.
"""

from __future__ import annotations

import os
import sys

from ._alias import AliasFinder, serve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, ModuleType
    from typing import Any, Callable

__all__ = ["install", "main"]

_PACKAGE = __name__.rpartition(".")[0]
_ALIAS = "zmq"

#: Tells a child process the full name of the package.
VARIABLE = "ZMQ_CTYPES_AS_ZMQ"

_USAGE = f"""\
usage: python -m {__name__} [-m MODULE | -c CODE | SCRIPT | -] [ARGUMENT ...]
       python -m {__name__} --path

Runs a program in which `import zmq` gives {_PACKAGE}, and its child processes as well.
What follows is as for python itself:

  -m MODULE   run a module, as python -m does
  -c CODE     run code
  SCRIPT      run a file, or a folder or zip file that has a __main__.py
  -           run what comes from the standard input
  --path      print the folder that does the same when it is put into PYTHONPATH, and end
"""


def install() -> ModuleType:
    """Make ``zmq`` and every ``zmq.<module>`` of this process be this package.

    Returns
    -------
    module
        The package.

    Raises
    ------
    ImportError
        If another ``zmq`` was imported before; nothing is changed then.
    """
    package = sys.modules[_PACKAGE]
    if _PACKAGE == _ALIAS:
        return package
    ours, others = {}, {}
    for name, module in list(sys.modules.items()):
        if name == _PACKAGE or name.startswith(_PACKAGE + "."):
            ours[_ALIAS + name[len(_PACKAGE) :]] = module
        elif module is not None and (name == _ALIAS or name.startswith(_ALIAS + ".")):
            others[name] = module
    # The package first, which is what somebody has imported, and not one of its modules.
    for name, module in sorted(others.items()):
        if module is not ours.get(name):
            raise ImportError(
                f"{name} is already imported, from {_origin(module)}, and {_PACKAGE} cannot take its place any more: "
                f"call {_PACKAGE}.install_as_zmq() before anything imports {_ALIAS}, "
                f"or start the program with python -m {__name__}",
                name=name,
                path=getattr(module, "__file__", None),
            )
    sys.modules.update(ours)
    serve(AliasFinder(_ALIAS, _PACKAGE))
    return package


def _origin(module: ModuleType) -> str:
    path = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
    return path or "an unknown place"


def _places() -> tuple[str, str]:
    """The folder that the package is imported from, and the folder for PYTHONPATH."""
    folder = os.path.dirname(os.path.abspath(sys.modules[_PACKAGE].__file__ or ""))
    root = folder
    for _ in _PACKAGE.split("."):
        root = os.path.dirname(root)
    # Copied under that very name, the package needs nothing to stand for it.
    return root, root if _PACKAGE == _ALIAS else os.path.join(folder, "_shim")


def _share() -> None:
    """Let child processes get this package as ``zmq``, too."""
    root, shim = _places()
    paths = os.environ.get("PYTHONPATH")
    entries = [entry for entry in paths.split(os.pathsep) if entry != shim] if paths else []
    os.environ["PYTHONPATH"] = os.pathsep.join([shim, *entries])
    os.environ[VARIABLE] = _PACKAGE
    # multiprocessing hands its children this list in place of what PYTHONPATH gave them.
    if shim not in sys.path:
        sys.path.insert(1 if _has_first() else 0, shim)
    if root not in sys.path:
        sys.path.append(root)


def _has_first() -> bool:
    """Whether Python has put the program's own folder first on the search path."""
    return not (sys.flags.isolated or getattr(sys.flags, "safe_path", False))


def _set_first(path: str) -> None:
    if _has_first():
        sys.path[0] = path


def _fresh_main(**known: Any) -> dict[str, Any]:
    """Make a ``__main__`` for the program, which this module then is no more."""
    import builtins
    from types import ModuleType

    main = ModuleType("__main__")
    main.__dict__.update(__builtins__=builtins, **known)
    sys.modules["__main__"] = main
    return main.__dict__


def _run_module(name: str, arguments: list[str]) -> None:
    import runpy

    sys.argv[:] = ["-m", *arguments]
    _share()
    _fresh_main()
    runpy._run_module_as_main(name)  # type: ignore[attr-defined]


def _run_text(text: str | bytes, shown: str, arguments: list[str]) -> None:
    sys.argv[:] = arguments
    _set_first("")
    _share()
    _exec(compile(text, shown, "exec", dont_inherit=True), _fresh_main())


def _run_code(text: str, arguments: list[str]) -> None:
    _run_text(text, "<string>", ["-c", *arguments])


def _run_stdin(arguments: list[str]) -> None:
    _run_text(sys.stdin.buffer.read(), "<stdin>", ["-", *arguments])


def _run_path(path: str, arguments: list[str]) -> None:
    import pkgutil
    import runpy
    from importlib.machinery import SourceFileLoader

    sys.argv[:] = [path, *arguments]
    if pkgutil.get_importer(path) is not None:
        # A folder or a zip file, which is on the search path whatever Python's options say.
        folder = os.path.abspath(path)
        if not _has_first():
            sys.path.insert(0, folder)
        _set_first(folder)
        _share()
        _fresh_main()
        runpy._run_module_as_main("__main__", False)  # type: ignore[attr-defined]
        return
    try:
        with open(path, "rb") as file:
            code = pkgutil.read_code(file)
            if code is None:
                file.seek(0)
                code = compile(file.read(), path, "exec", dont_inherit=True)
    except OSError as error:
        print(f"{sys.executable}: can't open file {path!r}: {error}", file=sys.stderr)
        sys.exit(2)
    _set_first(os.path.dirname(os.path.realpath(path)))
    _share()
    shown = _shown(path)
    _exec(code, _fresh_main(__file__=shown, __cached__=None, __loader__=SourceFileLoader("__main__", shown)))


def _shown(path: str) -> str:
    """What Python makes of a script's path for ``__file__``."""
    if sys.version_info < (3, 9):
        return path
    if os.name != "posix":
        return os.path.abspath(path)
    return os.path.join(os.getcwd(), path)


def _exec(code: CodeType, scope: dict[str, Any]) -> None:
    exec(code, scope)


_OPTIONS: dict[str, Callable[[str, list[str]], None]] = {"-m": _run_module, "-c": _run_code}


def main(arguments: list[str] | None = None) -> None:
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, optional
        By default those of this process.

    Raises
    ------
    SystemExit
        As the program does; with status 2 for a wrong command line, and 1 if another ``zmq`` is in the way.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    first, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if first in ("-h", "--help"):
        print(_USAGE, end="")
        return
    if first == "--path":
        print(_places()[1])
        return
    option, value = first[:2], first[2:]
    if option in _OPTIONS and not value and rest:
        value, rest = rest[0], rest[1:]
    if not first or (option in _OPTIONS and not value) or (option not in _OPTIONS and first != "-" and first[0] == "-"):
        print(_USAGE, end="", file=sys.stderr)
        sys.exit(2)
    try:
        install()
    except ImportError as error:
        sys.exit(f"{__name__}: {error}")
    if option in _OPTIONS:
        _OPTIONS[option](value, rest)
    elif first == "-":
        _run_stdin(rest)
    else:
        _run_path(first, rest)


if __name__ == "__main__":
    # Under its own name it outlives the program's __main__, and is the module that the program finds.
    from importlib import import_module

    import_module(f"{__package__}.as_zmq").main()
