"""A loop of tornado's for the tests of this folder, which must be silent at the end."""

from __future__ import annotations

import asyncio
import logging

import pytest
from support import need_package


@pytest.fixture(autouse=True)
def has_tornado():
    need_package("tornado")


@pytest.fixture
def run():
    """Run a coroutine in a loop of its own, for 30 seconds at most."""

    def run(coroutine):
        return asyncio.run(asyncio.wait_for(coroutine, 30))

    return run


@pytest.fixture
def messages(caplog):
    """What was logged, as text; a test that does not ask must log nothing."""
    caplog.set_level(logging.WARNING)
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.fixture(autouse=True)
def silent(request, caplog):
    caplog.set_level(logging.WARNING)
    yield
    if "messages" not in request.fixturenames:
        assert [record.getMessage() for record in caplog.get_records("call")] == []
