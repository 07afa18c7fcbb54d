"""A product is whole or absent."""

import errno
import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors import SafetensorError

from handid import disk


def test_a_finished_block_leaves_the_file_and_nothing_else(tmp_path):
    with disk.whole(tmp_path / "new" / "a.txt") as part:
        part.write_text("whole")
    assert [f.name for f in (tmp_path / "new").iterdir()] == ["a.txt"]
    assert (tmp_path / "new" / "a.txt").read_text() == "whole"


def test_a_block_that_fails_keeps_the_old_file(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(RuntimeError, match="halfway"), disk.whole(tmp_path / "a.txt") as part:
        part.write_text("ne")
        raise RuntimeError("halfway")
    assert [f.name for f in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_full_disk_is_one_sentence_and_keeps_the_old_file(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    refusal = pytest.raises(OSError, match="is full: free some space and run again")
    with refusal as caught, disk.whole(tmp_path / "a.txt"), open("/dev/full", "w") as full:
        full.write("x" * 100_000)
    assert caught.value.errno == errno.ENOSPC
    assert (tmp_path / "a.txt").read_text() == "old"


def test_another_error_stays_what_it_is(tmp_path):
    with pytest.raises(PermissionError), disk.whole(tmp_path / "a.txt"):
        raise PermissionError(errno.EACCES, "no")


FULL_IN_ALL_WORDS = [
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EDQUOT, "Disk quota exceeded"),
    OSError("1000 requested and 512 written"),  # numpy.save
    SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    SafetensorError("Error while serializing: I/O error: Disk quota exceeded (os error 122)"),
]


@pytest.mark.parametrize("error", FULL_IN_ALL_WORDS, ids=str)
def test_a_full_disk_is_the_same_sentence_whoever_writes(tmp_path, error):
    refusal = pytest.raises(OSError, match="is full: free some space")
    with refusal as caught, disk.whole(tmp_path / "a"):
        raise error
    assert caught.value.errno == errno.ENOSPC and list(tmp_path.iterdir()) == []


def test_numpy_and_safetensors_say_it_in_these_words():
    array = np.zeros(2_000_000)
    with pytest.raises(OSError) as caught, open("/dev/full", "wb") as full:
        np.save(full, array)
    assert disk.is_full(caught.value)
    assert not disk.is_full(SafetensorError("HeaderTooLarge"))


def test_a_file_and_the_folders_made_for_it_are_the_owners_alone(tmp_path):
    before = os.umask(0o022)
    try:
        disk.write_json(tmp_path / "a" / "b" / "c.json", {})
    finally:
        os.umask(before)
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("a", "a/b", "a/b/c.json")]
    assert modes == [0o700, 0o700, 0o600]


def test_the_content_is_on_the_disk_before_its_name_is(tmp_path, monkeypatch):
    calls, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: calls.append("synced") or fsync(file))
    monkeypatch.setattr(os, "replace", lambda a, b: calls.append("renamed") or replace(a, b))
    disk.write_json(tmp_path / "a.json", {})
    assert calls == ["synced", "renamed", "synced"]  # the file, its name, the folder


@pytest.mark.parametrize("text", ["", "[1]", "{", "[" * 100_000, '"a"', "null"])
def test_what_is_no_object_in_json_reads_as_empty(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    assert disk.read_json(tmp_path / "a.json") == {}


def test_products_that_are_not_what_their_list_says_are_named(tmp_path):
    for name in "ab":
        (tmp_path / name).write_text(name)
    disk.write_products(tmp_path, ["a", "b"])
    assert disk.damaged_product(tmp_path) == ""
    (tmp_path / "b").write_text("c")
    assert disk.damaged_product(tmp_path) == "b"
    for text in ("", "[]", "{}", json.dumps({"products": {"a": 3}})):
        (tmp_path / disk.PRODUCTS).write_text(text)
        assert disk.damaged_product(tmp_path) in (disk.PRODUCTS, "a")


def test_what_is_set_aside_leaves_its_name_free_more_than_once(tmp_path):
    for _ in range(2):
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "x").touch()
        assert disk.set_aside(tmp_path / "a") == tmp_path / "a.damaged"
    assert [p.name for p in tmp_path.iterdir()] == ["a.damaged"]


def test_drafts_of_the_dead_are_swept_and_those_of_the_living_stay(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    names = {"dead": f".part-{dead.pid}-1-a.csv", "own": f".part-{os.getpid()}-1-a.csv"}
    for name in (*names.values(), ".part-of-speech", "a.csv"):
        (tmp_path / name).touch()
    disk.sweep(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {names["own"], ".part-of-speech", "a.csv"}


# --- locks --------------------------------------------------------------------------------------


HOLD = """
import sys, time
from pathlib import Path
from handid import disk
path = Path(sys.argv[1])
with disk.locked(path):
    path.with_suffix(".held").touch()
    time.sleep(float(sys.argv[2]))
    path.with_suffix(".done").touch()
"""


def start_holder(path, seconds):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, path, str(seconds)])
    while not path.with_suffix(".held").exists():
        assert holder.poll() is None
        time.sleep(0.01)
    return holder


def test_one_at_a_time_and_no_lock_is_left(tmp_path):
    path = tmp_path / "a.lock"
    holder = start_holder(path, 0.5)
    with pytest.raises(disk.Locked), disk.locked(path, wait=False):
        pass
    with disk.locked(path):
        assert path.with_suffix(".done").exists()
    assert holder.wait() == 0
    assert not path.exists()
    with disk.locked(path, wait=False):
        assert path.exists()
    assert not path.exists()


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    path = tmp_path / "a.lock"
    holder = start_holder(path, 60)
    holder.kill()
    holder.wait()
    with disk.locked(path, wait=False):
        pass
    assert not path.exists()


def test_a_lock_that_fails_names_its_file(tmp_path, monkeypatch):
    def fails(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(disk.fcntl, "flock", fails)
    with (
        pytest.raises(OSError, match="Input/output error: '.*a.lock'"),
        disk.locked(tmp_path / "a.lock"),
    ):
        raise AssertionError("it was let in")


def test_a_file_system_without_locks_lets_everybody_in(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(disk.fcntl, "flock", no_locks)
    with disk.locked(tmp_path / "a.lock"), disk.locked(tmp_path / "a.lock", wait=False):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_new_folder_can_be_made_and_nothing_of_it_stays(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("a/b", "empty"):
        assert disk.new_folder(tmp_path / name) == (tmp_path / name).resolve()
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
    assert list((tmp_path / "empty").iterdir()) == []
    (tmp_path / "file").write_text("")
    long = "a" * 300
    for name, why in (
        ("", "exists already: name a new folder"),
        ("file", "exists already: name a new folder"),
        ("file/a", r"cannot be made \(Not a directory\): name another"),
        (f"b/{long}", r"cannot be made \(File name too long\): name another"),
    ):
        with pytest.raises(ValueError, match=f"{tmp_path / name} {why}"):
            disk.new_folder(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file"]


def test_a_file_anew_replaces_what_stood_there_and_follows_no_link(tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "log").symlink_to("mine")
    with disk.anew(tmp_path / "log") as file:
        file.write(b"new")
    assert (tmp_path / "mine").read_text() == "mine"
    assert (tmp_path / "log").read_text() == "new"
