"""The older names of tornado's loop; importing this module warns, as `eventloop.ioloop` does."""

from __future__ import annotations

from ...eventloop.ioloop import *  # noqa: F403
