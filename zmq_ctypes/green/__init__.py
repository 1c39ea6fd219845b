"""The package for gevent: ``from zmq_ctypes import green as zmq``, and what would wait lets other greenlets run.

`Context`, `Socket`, `Poller`, `select`, `zmq_poll`, `proxy` and `device` are other ones than those of the package; all other
names are the same objects.  It works with gevent's monkey-patching and without it.
"""

from __future__ import annotations

import sys

try:
    import gevent as _gevent  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: F401
except ImportError as _error:
    if getattr(_error, "name", None) != "gevent":
        raise
    raise ImportError(f"{__name__} needs gevent: pip install gevent", name="gevent") from None

from ..options import exports_constants
from .core import _Context, _Socket
from .device import device, proxy
from .poll import _Poller, select, zmq_poll

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..constants import *  # noqa: F403

_zmq = sys.modules[__name__.rpartition(".")[0]]

Context = _Context
Socket = _Socket
Poller = _Poller

__all__ = [*_zmq.__all__, "device", "proxy", "select", "zmq_poll"]
exports_constants(__all__)


def __getattr__(name: str) -> Any:
    # What the package finds on demand, and what may be assigned to it, is asked for there.
    return getattr(_zmq, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *dir(_zmq)})
