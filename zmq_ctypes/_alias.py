"""Finders that let one module be imported under several paths, for `_legacy` and `as_zmq`.

1. A second path must give the same module object.  Python loads a file once for each name under which it is found, and
   two copies of a class fail ``isinstance`` against each other.
2. Each copy of this package in a process has its finders, which know it by its name.  They hold nothing else of it, so a
   package that is reloaded, or removed from ``sys.modules`` and imported again, is not mixed with what it was.
3. Every import of the process may pass through a finder: each first compares a prefix and is done.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

__all__ = ["AliasFinder", "LegacyFinder", "serve"]


class LegacyFinder:
    """Finds the older module paths of a package.

    It stands last on ``sys.meta_path``: what another finder finds never comes here.

    Parameters
    ----------
    package : str
        The name of the package.
    """

    def __init__(self, package: str) -> None:
        self.serves = package + "."

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Called by the import system for what nobody else has found."""
        if not fullname.startswith(self.serves):
            return None
        from ._legacy import find_spec

        return find_spec(fullname, fullname[len(self.serves) :])


class AliasFinder:
    """Finds the modules of a package under another name.

    It stands first on ``sys.meta_path``, since the usual finder would load the package's files again.

    Parameters
    ----------
    alias : str
        The other name.
    package : str
        The name of the package.
    """

    def __init__(self, alias: str, package: str) -> None:
        self.alias = alias
        self.package = package
        self.serves = f"{package} as {alias}"
        self._below = alias + "."

    def find_spec(self, fullname: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Called by the import system."""
        if fullname != self.alias and not fullname.startswith(self._below):
            return None
        from importlib.util import find_spec, spec_from_loader

        name = self.package + fullname[len(self.alias) :]
        real = find_spec(name)
        if real is None:
            return None
        loader: Any = AliasLoader(real)
        spec = spec_from_loader(fullname, loader, origin=real.origin)
        if spec is not None:
            spec.submodule_search_locations = real.submodule_search_locations
            spec.cached = real.cached
        return spec


class AliasLoader:
    """Imports a module under its own name and gives that out.

    The module's own ``__spec__`` is never touched, so that it can be reloaded.
    """

    def __init__(self, real: ModuleSpec) -> None:
        self.real = real

    def create_module(self, spec: ModuleSpec) -> None:
        """An empty module will do; it is replaced before anybody sees it."""

    def exec_module(self, module: ModuleType) -> None:
        # The import system hands out what a module leaves in sys.modules in place of itself.
        __import__(self.real.name)
        sys.modules[module.__name__] = sys.modules[self.real.name]

    # ``python -m`` asks the loader for the code.

    def get_code(self, name: str) -> Any:
        return self.real.loader.get_code(self.real.name)  # type: ignore[union-attr]

    def get_source(self, name: str) -> Any:
        return self.real.loader.get_source(self.real.name)  # type: ignore[union-attr]

    def is_package(self, name: str) -> bool:
        return self.real.submodule_search_locations is not None


def serve(finder: LegacyFinder | AliasFinder) -> None:
    """Put a finder to its place on ``sys.meta_path``, where an earlier one for the same purpose is removed.

    Parameters
    ----------
    finder : LegacyFinder or AliasFinder
        The finder.
    """
    finders: list[Any] = sys.meta_path
    for old in finders[:]:
        if getattr(old, "serves", None) == finder.serves:
            finders.remove(old)
    finders.insert(0 if isinstance(finder, AliasFinder) else len(finders), finder)
