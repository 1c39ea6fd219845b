"""The copies that tools/vendor.py makes, and what it refuses to touch.  tests/layouts asks whether a copy works."""

from __future__ import annotations

import os
import zipfile

import pytest
import vendor


def tree(folder):
    return {
        os.path.relpath(os.path.join(parent, name), folder).replace(os.sep, "/")
        for parent, _, names in os.walk(folder)
        for name in names
    }


def content(folder, path):
    with open(os.path.join(folder, *path.split("/")), "rb") as file:
        return file.read()


@pytest.fixture
def destination(tmp_path):
    return str(tmp_path / "new" / "_vendor")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """An invented checkout, so that files can be added to it and taken away."""
    files = {
        "zmq_ctypes/__init__.py": "",
        "zmq_ctypes/py.typed": "",
        "zmq_ctypes/loader.py": "",
        "zmq_ctypes/version.py": "__version__ = '1.2.3'\n",
        "zmq_ctypes/utils/z85.py": "",
        "zmq_ctypes/utils/__pycache__/z85.cpython-311.pyc": "",
        "zmq_ctypes/old.pyc": "",
        "loader/__init__.py": "",
        "loader/lib/manylinux_x86_64/libzmq.so.5": "",
        "LICENSE": "free",
    }
    for path, text in files.items():
        place = tmp_path / "checkout" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    monkeypatch.setattr(vendor, "ROOT", str(tmp_path / "checkout"))
    return tmp_path / "checkout"


def test_a_copy_holds_the_package_the_loader_and_the_licence_and_nothing_else(checkout, destination):
    target, count = vendor.vendor(destination)
    assert target == os.path.join(destination, "zmq_ctypes")
    assert tree(target) == {
        "__init__.py",
        "py.typed",
        "loader.py",
        "version.py",
        "utils/z85.py",
        "loader/__init__.py",
        "LICENSE",
        "VENDORED",
    }
    assert count == 8
    assert content(target, "LICENSE") == b"free"
    assert os.listdir(destination) == ["zmq_ctypes"]


def test_the_real_thing_is_typed_and_licensed(destination):
    target, _ = vendor.vendor(destination, "zmq")
    assert os.path.basename(target) == "zmq"
    assert {"py.typed", "LICENSE", "__init__.py", "loader/__init__.py", "loader/library.py"} <= tree(target)
    assert not [path for path in tree(target) if "__pycache__" in path or path.endswith(".pyc")]


def test_a_copy_can_be_read_by_others(destination):
    target, _ = vendor.vendor(destination)
    if os.name == "posix":
        assert os.stat(target).st_mode & 0o555 == 0o555


@pytest.mark.parametrize("zipped", [False, True])
def test_renewing_a_copy_leaves_nothing_of_the_old_one(checkout, destination, zipped):
    vendor.vendor(destination, zipped=zipped)
    (checkout / "zmq_ctypes" / "utils" / "z85.py").unlink()
    (checkout / "zmq_ctypes" / "fresh.py").write_text("new = 1\n")
    target, _ = vendor.vendor(destination, zipped=zipped)
    held = vendor.present(target, zipped)
    assert held["fresh.py"] == b"new = 1\n"
    assert "utils/z85.py" not in held
    assert os.listdir(destination) == [os.path.basename(target)]


def test_what_python_compiled_inside_a_copy_is_no_edit(destination):
    target, _ = vendor.vendor(destination)
    os.mkdir(os.path.join(target, "__pycache__"))
    with open(os.path.join(target, "__pycache__", "x.pyc"), "wb"):
        pass
    vendor.vendor(destination)
    assert "__pycache__/x.pyc" not in tree(target)


@pytest.mark.parametrize("edit", ["version.py", "extra.py"])
def test_an_edited_copy_is_replaced_by_force_only(destination, edit):
    target, _ = vendor.vendor(destination)
    with open(os.path.join(target, edit), "a") as file:
        file.write("mine = True\n")
    with pytest.raises(vendor.Refused, match=f"edited.*{edit}"):
        vendor.vendor(destination)
    assert content(target, edit).endswith(b"mine = True\n")
    vendor.vendor(destination, force=True)
    assert edit not in tree(target) or b"mine" not in content(target, edit)


@pytest.mark.parametrize("force", [False, True])
def test_a_strangers_folder_is_never_touched(destination, force):
    target = os.path.join(destination, "zmq")
    os.makedirs(target)
    with open(os.path.join(target, "VENDORED"), "w") as file:
        file.write("# something else, copied by another tool\n")
    with pytest.raises(vendor.Refused, match="not made by this tool"):
        vendor.vendor(destination, "zmq", force=force)
    assert tree(target) == {"VENDORED"}


def test_a_strangers_zip_is_never_touched(destination):
    target = os.path.join(destination, "zmq_ctypes.zip")
    os.makedirs(destination)
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("zmq_ctypes/__init__.py", "")
    with pytest.raises(vendor.Refused, match="not made by this tool"):
        vendor.vendor(destination, zipped=True, force=True)
    with zipfile.ZipFile(target) as archive:
        assert archive.namelist() == ["zmq_ctypes/__init__.py"]


def test_a_file_and_a_link_are_strangers(destination, tmp_path):
    os.makedirs(destination)
    with open(os.path.join(destination, "a_file"), "w"):
        pass
    vendor.vendor(str(tmp_path / "elsewhere"))
    os.symlink(str(tmp_path / "elsewhere" / "zmq_ctypes"), os.path.join(destination, "a_link"))
    for name in ("a_file", "a_link"):
        with pytest.raises(vendor.Refused, match="not made by this tool"):
            vendor.vendor(destination, name)


def test_an_empty_folder_is_filled(destination):
    os.makedirs(os.path.join(destination, "zmq_ctypes"))
    target, _ = vendor.vendor(destination)
    assert "__init__.py" in tree(target)


def test_when_the_new_copy_cannot_be_put_in_place_the_old_one_stays(checkout, destination, monkeypatch):
    target, _ = vendor.vendor(destination)
    (checkout / "zmq_ctypes" / "fresh.py").write_text("")
    rename, calls = os.rename, []

    def failing(old, new):
        calls.append(new)
        if len(calls) == 2:
            raise OSError("the disk is full")
        rename(old, new)

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(OSError, match="the disk is full"):
        vendor.vendor(destination)
    assert "fresh.py" not in tree(target)
    assert "version.py" in tree(target)
    assert os.listdir(destination) == ["zmq_ctypes"]


def test_equal_contents_make_equal_zip_files(destination, tmp_path):
    first, _ = vendor.vendor(destination, zipped=True)
    second, _ = vendor.vendor(str(tmp_path / "second"), zipped=True)
    with open(first, "rb") as one, open(second, "rb") as other:
        assert one.read() == other.read()


def test_a_library_lies_where_the_loader_looks_for_it(destination, tmp_path):
    from zmq_ctypes.loader.finder import platform_tags
    from zmq_ctypes.loader.process import environment

    for name in ("libzmq.so.5", "libsodium.so.23"):
        (tmp_path / name).write_text(name)
    libraries = [str(tmp_path / "libzmq.so.5"), str(tmp_path / "libsodium.so.23")]
    target, _ = vendor.vendor(destination, libraries=libraries)
    folder = f"loader/lib/{platform_tags(environment())[0]}"
    assert content(target, f"{folder}/libzmq.so.5") == b"libzmq.so.5"
    assert content(target, f"{folder}/libsodium.so.23") == b"libsodium.so.23"
    vendor.vendor(destination, libraries=libraries, platform="win_amd64")
    assert {path for path in tree(target) if path.startswith("loader/lib/")} == {
        "loader/lib/win_amd64/libzmq.so.5",
        "loader/lib/win_amd64/libsodium.so.23",
    }


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"name": "zmq-ctypes"}, "not a name that Python can import"),
        ({"name": "../zmq"}, "not a name that Python can import"),
        ({"name": "import"}, "not a name that Python can import"),
        ({"zipped": True, "libraries": [__file__]}, "inside a zip file"),
        ({"libraries": ["/no/such/libzmq.so"]}, "no such file"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_made(destination, arguments, reason):
    with pytest.raises(vendor.Refused, match=reason):
        vendor.vendor(destination, **arguments)
    assert not os.path.exists(destination)


def test_the_command_line(destination, capsys):
    assert vendor.main([destination, "--as", "zmq", "--library", __file__, "--platform", "some_where"]) == 0
    said = capsys.readouterr().out
    assert os.path.join(destination, "zmq") in said
    assert f"loader/lib/some_where/{os.path.basename(__file__)}" in tree(os.path.join(destination, "zmq"))
    assert vendor.main([destination, "--as", "not a name"]) == 1
    assert "not a name that Python can import" in capsys.readouterr().err
