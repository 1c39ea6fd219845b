"""The source distribution: what a packager wants besides the packages, without a MANIFEST.in at top level.

setup.cfg names this class for the ``sdist`` command of setuptools.
"""

from __future__ import annotations

import os

from setuptools.command.sdist import sdist as Command

FILES = ("CHANGELOG.md",)
FOLDERS = ("docs", "tests", "tools")


class sdist(Command):
    """Adds the documentation, the tests and the tools to what builds the packages."""

    def make_distribution(self) -> None:
        self.filelist.extend([name for name in FILES if os.path.exists(name)])
        for folder in FOLDERS:
            for parent, folders, names in os.walk(folder):
                folders[:] = sorted(name for name in folders if name != "__pycache__" and not name.startswith("."))
                self.filelist.extend([os.path.join(parent, name) for name in sorted(names)])
        self.filelist.remove_duplicates()
        super().make_distribution()
