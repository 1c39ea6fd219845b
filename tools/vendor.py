#!/usr/bin/env python3
"""Copy zmq_ctypes with its loader as one folder (or one zip file) that needs nothing else.

    python tools/vendor.py src/theirlib/_vendor                  makes src/theirlib/_vendor/zmq_ctypes/
    python tools/vendor.py src/theirlib/_vendor --as zmq         makes src/theirlib/_vendor/zmq/
    python tools/vendor.py plugins --zip                         makes plugins/zmq_ctypes.zip, for sys.path
    python tools/vendor.py plugins --library libzmq.so.5         puts a libzmq into the copy as well

The same command renews a copy.  Each copy holds a file that lists its contents with their checksums: a folder
without one is somebody else's and is never touched, and one whose files were edited is replaced with ``--force`` only.
docs/vendoring.md says how to import the copy.
"""

import argparse
import hashlib
import io
import keyword
import os
import re
import shutil
import sys
import tempfile
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGE = "zmq_ctypes"
LOADER = "loader"
#: The list of contents; also the sign by which a copy is recognised as ours.
MARKER = "VENDORED"
CAPTION = "# zmq_ctypes {version}, copied by tools/vendor.py; the same command renews it.  SHA-256 of what was copied:"
NO_CODE = ("__pycache__", ".pyc", ".pyo")
#: Zip files cannot hold an earlier date; a constant one makes equal contents equal files.
EPOCH = (1980, 1, 1, 0, 0, 0)


class Refused(Exception):
    """The copy cannot be made; the text is for the user."""


def below(folder):
    """Relative paths (with ``/``) of the files below `folder`, without what Python compiled there."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.endswith(NO_CODE))
        for name in sorted(names):
            if not name.endswith(NO_CODE):
                yield os.path.relpath(os.path.join(parent, name), folder).replace(os.sep, "/")


def sources(libraries=(), tag=None):
    """What a copy consists of: path inside the copy -> the file it comes from."""
    found = {}
    for folder, inside in ((PACKAGE, ""), (LOADER, LOADER + "/")):
        origin = os.path.join(ROOT, folder)
        for path in below(origin):
            # A library that was put into the checkout's own loader is for this machine: it is copied when asked for.
            if not (inside and path.startswith("lib/")):
                found[inside + path] = os.path.join(origin, path)
    found["LICENSE"] = os.path.join(ROOT, "LICENSE")
    for library in libraries:
        found[f"{LOADER}/lib/{tag}/{os.path.basename(library)}"] = library
    return dict(sorted(found.items()))


def version():
    """Our version, read without importing anything."""
    with open(os.path.join(ROOT, PACKAGE, "version.py"), encoding="utf-8") as file:
        return re.search(r"""^__version__ = ["'](.+?)["']""", file.read(), re.MULTILINE).group(1)


def contents(files):
    """What a copy consists of, read: path inside the copy -> bytes, the list of contents included."""
    held = {}
    for path, origin in files.items():
        with open(origin, "rb") as file:
            held[path] = file.read()
    lines = [CAPTION.format(version=version())]
    lines += [f"{hashlib.sha256(data).hexdigest()}  {path}" for path, data in held.items()]
    held[MARKER] = ("\n".join(lines) + "\n").encode()
    return held


def listed(marker):
    """The checksums in a list of contents, or None if it is not one of ours."""
    lines = marker.decode("utf-8", "replace").splitlines()
    if not lines or lines[0].split()[:2] != CAPTION.split()[:2]:
        return None
    return {path: digest for digest, _, path in (line.partition("  ") for line in lines[1:]) if path}


def present(target, zipped):
    """The files of the copy that stands at `target` (path inside it -> bytes); None if there is nothing.

    Raises
    ------
    Refused
        What stands there is not a copy of ours.
    """
    if not os.path.lexists(target):
        return None
    held = {}
    if os.path.islink(target):
        pass
    elif zipped:
        top = os.path.basename(target)[: -len(".zip")] + "/"
        try:
            with zipfile.ZipFile(target) as archive:
                for name in archive.namelist():
                    held[name[len(top) :] if name.startswith(top) else "/" + name] = archive.read(name)
        except (OSError, zipfile.BadZipFile):
            held = {}
    elif os.path.isdir(target):
        if not os.listdir(target):
            return None
        for path in below(target):
            with open(os.path.join(target, path), "rb") as file:
                held[path] = file.read()
    if listed(held.get(MARKER, b"")) is None:
        raise Refused(f"{target} exists and was not made by this tool: move it away, or choose another name with --as")
    return held


def edited(held):
    """Paths of the files in a copy that are not as they were when it was made."""
    digests = listed(held[MARKER])
    return [
        path for path, data in held.items() if path != MARKER and digests.get(path) != hashlib.sha256(data).hexdigest()
    ]


def write_folder(target, held):
    """Put the copy in place of what stands there: complete, or not at all."""
    parent, name = os.path.split(target)
    fresh = tempfile.mkdtemp(prefix=f".{name}-", dir=parent)
    old = None
    try:
        # mkdtemp makes folders for the owner only.
        os.chmod(fresh, 0o755)
        for path, data in held.items():
            place = os.path.join(fresh, *path.split("/"))
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "wb") as file:
                file.write(data)
        if os.path.lexists(target):
            old = tempfile.mkdtemp(prefix=f".{name}-", dir=parent)
            os.rename(target, os.path.join(old, name))
        try:
            os.rename(fresh, target)
        except OSError:
            if old:
                os.rename(os.path.join(old, name), target)
            raise
    finally:
        for leftover in (fresh, old):
            if leftover and os.path.isdir(leftover):
                shutil.rmtree(leftover)


def write_zip(target, held):
    """The same as one file."""
    parent, name = os.path.split(target)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in held.items():
            entry = zipfile.ZipInfo(f"{name[: -len('.zip')]}/{path}", EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    handle, fresh = tempfile.mkstemp(prefix=f".{name}-", dir=parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(packed.getvalue())
        os.chmod(fresh, 0o644)
        os.replace(fresh, target)
    except BaseException:
        os.unlink(fresh)
        raise


def vendor(destination, name=PACKAGE, zipped=False, libraries=(), platform=None, force=False):
    """Make or renew a copy.

    Parameters
    ----------
    destination : str
        Folder that gets the copy; made if it does not exist.
    name : str
        What the copy is imported as.
    zipped : bool
        Make ``name.zip`` instead of a folder.
    libraries : sequence of str
        A libzmq and what has to lie beside it.
    platform : str, optional
        Tag of the platform the libraries are for; this one's when left out.
    force : bool
        Also replace a copy of ours that was edited.

    Returns
    -------
    tuple of (str, int)
        What was made, and the number of files in it.

    Raises
    ------
    Refused
        The copy cannot be made as asked, or something else would be lost; nothing was changed.
    OSError
        A file could not be read or written; what stood there before still stands there.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise Refused(f"--as {name}: not a name that Python can import")
    if zipped and libraries:
        raise Refused(
            "--zip with --library: the system opens no library inside a zip file; put it beside the program"
        )
    if not os.path.isfile(os.path.join(ROOT, LOADER, "__init__.py")):
        raise Refused(f"{ROOT} is not a checkout: there is no {LOADER}/ beside {PACKAGE}/")
    for library in libraries:
        if not os.path.isfile(library):
            raise Refused(f"--library {library}: no such file")
    target = os.path.join(os.path.abspath(destination), name + (".zip" if zipped else ""))
    old = present(target, zipped)
    lost = edited(old) if old and not force else []
    if lost:
        raise Refused(f"{target} was edited since it was made; --force replaces it all the same: {', '.join(lost)}")
    held = contents(sources(libraries, (platform or this_platform()) if libraries else None))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    (write_zip if zipped else write_folder)(target, held)
    return target, len(held)


def this_platform():
    """The name that the loader gives to the platform that runs this."""
    sys.path.insert(0, ROOT)
    try:
        from zmq_ctypes.loader.finder import platform_tags
        from zmq_ctypes.loader.process import environment
    finally:
        sys.path.remove(ROOT)
    return platform_tags(environment())[0]


def main(argv=None):
    """Run the command line; the exit status is 1 when nothing was made."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        epilog="The folder (or zip file) works under any name and at any depth of packages.",
    )
    parser.add_argument("destination", metavar="DEST", help="folder that gets the copy")
    parser.add_argument(
        "--as", dest="name", metavar="NAME", default=PACKAGE, help=f"name to import it under (default: {PACKAGE})"
    )
    parser.add_argument(
        "--zip", dest="zipped", action="store_true", help="make NAME.zip, which can be put into sys.path"
    )
    parser.add_argument(
        "--library",
        dest="libraries",
        metavar="FILE",
        nargs="+",
        action="append",
        default=[],
        help="a libzmq for the copy, and the libraries that it needs beside it; preferred to any other of the machine",
    )
    parser.add_argument(
        "--platform", metavar="TAG", help="platform of these libraries, such as manylinux_aarch64 (default: this one)"
    )
    parser.add_argument("--force", action="store_true", help="replace a copy whose files were edited")
    options = parser.parse_args(argv)
    libraries = [file for files in options.libraries for file in files]
    try:
        target, count = vendor(
            options.destination, options.name, options.zipped, libraries, options.platform, options.force
        )
    except (Refused, OSError) as error:
        print(f"vendor.py: {error}", file=sys.stderr)
        return 1
    print(f"{target}: zmq_ctypes {version()}, {count} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
