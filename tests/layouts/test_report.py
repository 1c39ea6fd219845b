"""``python -m <package>.loader`` says from every place what it found, and names itself as it is called there."""

from __future__ import annotations

import json
import os

import pytest
from layouts.places import run

pytestmark = pytest.mark.timeout(400)


@pytest.mark.parametrize(
    "name", ["checkout", "editable", "installed", "target", "vendored", "renamed", "deep", "zipped"]
)
def test_the_loader_reports_from_every_place(request, name, tmp_path):
    place = request.getfixturevalue(name)
    command = [*place.python, "-m", f"{place.module}.loader"]
    report = json.loads(run([*command, "--json"], env=place.variables(), cwd=str(tmp_path)))
    assert report["library"]["version"].count(".") == 2
    assert [attempt["reason"] for attempt in report["attempts"]].count(None) == 1
    table = run(command, env=place.variables(), cwd=str(tmp_path))
    assert f"{place.module}.loader" in table
    assert report["library"]["version"] in table


def test_a_library_put_into_the_copy_is_the_one_that_is_used(wheel_library, tmp_path):
    import vendor
    from layouts.places import Place

    # This one needs the libraries beside it, and its run path does not say so.
    library = wheel_library("4.3.4")
    beside = [os.path.join(os.path.dirname(library), name) for name in os.listdir(os.path.dirname(library))]
    vendor.vendor(str(tmp_path), libraries=beside)
    place = Place(str(tmp_path), path=str(tmp_path))
    variables = place.variables()
    variables.pop("ZMQ_CTYPES_LIBRARY", None)
    report = json.loads(run([*place.python, "-m", "zmq_ctypes.loader", "--json"], env=variables, cwd=str(tmp_path)))
    assert report["library"]["version"] == "4.3.4"
    assert report["library"]["origin"] == "inside the package"
    assert os.path.realpath(report["library"]["path"]).startswith(os.path.realpath(str(tmp_path)))
