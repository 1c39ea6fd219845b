"""A watched folder: what changes in it counts at once, and what has not changed is not read again."""

from __future__ import annotations

import logging
import os
import time

import pytest
from support import need

import zmq_ctypes as zmq
from zmq_ctypes import auth
from zmq_ctypes.auth import certs, directory
from zmq_ctypes.auth.directory import CertificateDirectory

# 2001, long before the suite runs: files of that time are settled.
LONG_AGO = 1_000_000_000


def key(number):
    return zmq.utils.z85.encode(bytes([number]) * 32)


def write(folder, name, number, when=None):
    path = folder / f"{name}.key"
    path.write_bytes(b'curve\n    public-key = "' + key(number) + b'"\n')
    if when is not None:
        os.utime(path, (when, when))
    return path


@pytest.fixture
def reads(monkeypatch):
    """The names of the files that were read."""
    names = []
    read = certs.read

    def counted(path):
        names.append(os.path.basename(path))
        return read(path)

    monkeypatch.setattr(certs, "read", counted)
    return names


@pytest.fixture
def settled(monkeypatch):
    """Time passes quickly: every file is settled as soon as it is written."""
    monkeypatch.setattr(directory, "SETTLED_AFTER", -1e9)


@pytest.fixture
def folder(tmp_path, log):
    made = CertificateDirectory(tmp_path, logging.getLogger("zmq.auth"))
    made.refresh()
    return made


def test_it_is_a_mapping(folder, tmp_path):
    write(tmp_path, "one", 1), write(tmp_path, "two", 2)
    assert dict(folder) == {key(1): True, key(2): True}
    assert len(folder) == 2 and key(1) in folder and key(3) not in folder
    assert folder.get(key(1)) is True and folder.get(key(3)) is None
    with pytest.raises(KeyError):
        folder[key(3)]
    assert str(tmp_path) in repr(folder)


def test_changes_count_at_once(folder, tmp_path):
    assert key(1) not in folder
    path = write(tmp_path, "one", 1)
    assert key(1) in folder
    write(tmp_path, "one", 2)
    assert key(1) not in folder and key(2) in folder
    os.rename(path, tmp_path / "other.key")
    assert key(2) in folder
    os.rename(tmp_path / "other.key", tmp_path / "other.key.disabled")
    assert key(2) not in folder


def test_what_has_not_changed_is_not_read_again(folder, tmp_path, reads, settled):
    for number in range(20):
        write(tmp_path, f"client{number}", number)
    assert key(1) in folder
    assert len(reads) == 20
    del reads[:]
    for number in range(20):
        assert key(number) in folder
    for _ in range(5):
        assert key(99) not in folder
    assert reads == []
    write(tmp_path, "another", 50, LONG_AGO)
    assert key(50) in folder and key(1) in folder
    assert reads == ["another.key"]
    del reads[:]
    # Written over in place: the folder itself has not changed.
    write(tmp_path, "client3", 60, LONG_AGO)
    assert key(3) not in folder and key(60) in folder
    assert reads == ["client3.key"]
    del reads[:]
    os.unlink(tmp_path / "client4.key")
    assert key(4) not in folder
    assert reads == []


def test_keys_set_and_deleted_by_hand(folder, tmp_path, settled):
    write(tmp_path, "one", 1), write(tmp_path, "two", 2)
    folder[key(3)] = True
    del folder[key(1)]
    assert dict(folder) == {key(2): True, key(3): True}
    assert len(folder) == 2 and key(3) in folder and key(1) not in folder
    with pytest.raises(KeyError):
        del folder[key(1)]
    with pytest.raises(KeyError):
        del folder[key(4)]
    # A file does not bring back what was deleted, and takes away nothing that was set.
    write(tmp_path, "again", 1), write(tmp_path, "three", 3)
    os.unlink(tmp_path / "three.key")
    assert set(folder) == {key(2), key(3)}
    folder[key(1)] = "with a value"
    assert folder[key(1)] == "with a value" and folder.pop(key(3)) is True
    folder.update({key(5): False})
    assert not folder.get(key(5)) and set(folder) == {key(1), key(2), key(5)}
    folder.clear()
    assert dict(folder) == {} and (tmp_path / "two.key").exists()
    with pytest.raises(TypeError, match="key"):
        folder[key(1).decode()] = True


def test_another_thread_looks_while_what_was_found_is_replaced(tmp_path, log, settled):
    """At each step of that, a key that is in no file any more is none."""
    steps = []

    class Watched(CertificateDirectory):
        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            if (tmp_path / "one.key").exists():
                # What is found meanwhile is not to mend it.
                seen = CertificateDirectory.__new__(CertificateDirectory)
                seen.__dict__.update(self.__dict__)
                steps.append((name, key(1) in seen))

    folder = Watched(tmp_path, logging.getLogger("zmq.auth"))
    write(tmp_path, "one", 1, LONG_AGO)
    assert key(1) in folder
    del steps[:]
    write(tmp_path, "one", 2)
    folder.refresh()
    assert steps and not any(found for _, found in steps), steps
    assert key(2) in folder


def test_another_thread_has_looked_before_a_change_and_is_done_after_it(tmp_path, log, settled):
    class Overtaken(CertificateDirectory):
        def refresh(self):
            found = dict(self.__dict__)
            result = super().refresh()
            self.__dict__.update(found)
            return result

    folder = Overtaken(tmp_path, logging.getLogger("zmq.auth"))
    path = write(tmp_path, "one", 1)
    CertificateDirectory.refresh(folder)
    assert key(1) in folder
    os.unlink(path)
    assert key(1) not in folder


def test_a_known_key_takes_no_listing(folder, tmp_path, settled, monkeypatch):
    write(tmp_path, "one", 1)
    assert key(1) in folder

    def fail(path):
        raise AssertionError("listed")

    monkeypatch.setattr(certs, "certificate_names", fail)
    assert key(1) in folder
    with pytest.raises(AssertionError, match="listed"):
        folder[key(2)]


def test_a_second_change_in_the_same_tick(folder, tmp_path, monkeypatch):
    """Same name, same size, same time: only reading shows it."""
    now = time.time()
    state = {}
    real = directory._signature
    monkeypatch.setattr(directory, "_signature", lambda s: state.get("frozen", real(s)))
    write(tmp_path, "one", 1, now)
    state["frozen"] = (1, 1, 1, 1, 1)
    assert key(1) in folder
    write(tmp_path, "one", 2, now)
    assert key(1) not in folder
    assert key(2) in folder


def test_a_time_to_come(folder, tmp_path, reads):
    write(tmp_path, "one", 1, time.time() + 1e6)
    assert key(1) in folder and key(1) in folder
    assert len(reads) > 1


def test_the_same_key_twice(folder, tmp_path, settled):
    write(tmp_path, "one", 1), write(tmp_path, "two", 1)
    assert key(1) in folder
    os.unlink(tmp_path / "two.key")
    assert key(1) in folder
    os.unlink(tmp_path / "one.key")
    assert key(1) not in folder


@pytest.mark.parametrize("when", [None, LONG_AGO])
def test_files_that_cannot_be_read_count_for_nobody(folder, tmp_path, log, when):
    write(tmp_path, "good", 1, when)
    (tmp_path / "half.key").write_bytes(b'curve\n    public-key = "' + key(2)[:20])
    (tmp_path / "folder.key").mkdir()
    names = {"half.key", "folder.key"}
    if hasattr(os, "symlink"):
        os.symlink(tmp_path / "nothing", tmp_path / "dangling.key")
        os.symlink(tmp_path / "loop.key", tmp_path / "loop.key")
        names |= {"dangling.key", "loop.key"}
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.key")
        names |= {"pipe.key"}
    for _ in range(3):
        assert key(1) in folder and key(2) not in folder
    # Each is told of once.
    assert len(log.lines) == len(names)
    for name in names:
        assert f"{name}" in log.text
    assert key(2)[:20].decode() not in log.text
    # Whoever wrote it comes to an end.
    write(tmp_path, "half", 2)
    assert key(2) in folder
    # And begins again.
    (tmp_path / "half.key").write_bytes(b'curve\n    public-key = "' + key(2)[:20])
    assert key(2) not in folder and key(1) in folder
    assert len(log.lines) == len(names) + 1


def test_permissions(folder, tmp_path, log):
    need(hasattr(os, "geteuid"), "a system with permissions of files")
    path = write(tmp_path, "one", 1)
    path.chmod(0)
    if os.access(path, os.R_OK):
        # The administrator reads everything; the same answer of the system comes from elsewhere.
        def refuse(name):
            raise PermissionError(13, "Permission denied", name)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(certs, "read", refuse)
            assert key(1) not in folder
    else:
        assert key(1) not in folder
    assert "Permission denied" in log.text
    path.chmod(0o600)
    assert key(1) in folder


def test_the_folder_itself(tmp_path, log):
    where = tmp_path / "later"
    folder = CertificateDirectory(where, logging.getLogger("zmq.auth"))
    for _ in range(3):
        assert key(1) not in folder
    assert len(log.lines) == 1 and log.lines[0].startswith("ERROR Cannot read") and "later" in log.lines[0]
    where.mkdir()
    write(where, "one", 1)
    assert key(1) in folder
    os.rename(where, tmp_path / "gone")
    assert key(1) not in folder
    assert len(log.lines) == 2
    os.rename(tmp_path / "gone", where)
    assert key(1) in folder


def test_through_an_authenticator(context, log, tmp_path):
    authenticator = auth.Authenticator(context)
    authenticator.configure_curve("*", str(tmp_path / "missing"))
    assert "ERROR Cannot read the CURVE certificates" in log.text
    authenticator.configure_curve("*", tmp_path)
    assert isinstance(authenticator.certs["*"], CertificateDirectory)
    write(tmp_path, "one", 1)
    assert authenticator.certs["*"].get(key(1))
