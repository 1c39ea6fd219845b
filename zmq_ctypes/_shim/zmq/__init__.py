"""What ``import zmq`` finds while the folder around this one is on the search path: it gives out the package around that.

`as_zmq` puts the folder into PYTHONPATH for the processes that a program starts.  Nothing happens in a process that does
not import ``zmq``.  The package is loaded from its own place, whatever else the process would find under its name.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.machinery import PathFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_folder = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_name = os.environ.get("ZMQ_CTYPES_AS_ZMQ", "")
if _name.rpartition(".")[2] != os.path.basename(_folder):
    # The folder was put on the path by hand.
    _name = os.path.basename(_folder)
_root = _folder
for _ in _name.split("."):
    _root = os.path.dirname(_root)


class _Here:
    """Finds the outermost package of that name where the folder is, and nothing else."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        return PathFinder.find_spec(name, [_root]) if name == _name.partition(".")[0] else None


sys.meta_path.insert(0, _Here)
try:
    _package = import_module(_name)
finally:
    sys.meta_path.remove(_Here)
if _root not in sys.path:
    # Pickles name the package by its own name, and a process started by multiprocessing may see them first.
    sys.path.append(_root)
# This module gives way; the import system hands out what stands in its place.
sys.modules.pop(__name__, None)
_package.install_as_zmq()
