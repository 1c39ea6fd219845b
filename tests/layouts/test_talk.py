"""The same two processes talk from wherever the package lies and whatever it is called there."""

from __future__ import annotations

import pytest
from layouts.places import converse

PLACES = ("checkout", "editable", "installed", "target", "vendored", "renamed", "deep", "zipped", "bare")
EMBEDDED = ("subinterpreter", "gdb")
pytestmark = pytest.mark.timeout(400)


@pytest.mark.parametrize("name", PLACES)
def test_two_processes_talk(request, name, tmp_path):
    place = request.getfixturevalue(name)
    served, asked = converse(place, place, tmp_path)
    for told in (served, asked):
        place.check(told)
    assert served["library"] == asked["library"]


@pytest.mark.parametrize("name", EMBEDDED)
def test_an_embedded_interpreter_talks_to_a_plain_one(request, name, vendored, tmp_path):
    place = request.getfixturevalue(name)
    for server, client in ((place, vendored), (vendored, place)):
        served, asked = converse(server, client, tmp_path)
        server.check(served)
        client.check(asked)
