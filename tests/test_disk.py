"""A product is whole or absent."""

import errno

import pytest

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
