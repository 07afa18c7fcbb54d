"""Each photograph is decoded once; what changed or is damaged is decoded again."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handid.image import cache


def test_a_photograph_is_decoded_once_for_all_geometries(photograph, tmp_path, monkeypatch):
    path, calls, decode = photograph(), [], cache.decode
    monkeypatch.setattr(cache, "decode", lambda p: calls.append(p) or decode(p))
    cache.fill([path], tmp_path / "c", [("squash", 8), ("crop", 8)], progress=False)
    first = cache.pixels([path], tmp_path / "c", ("squash", 8), progress=False)
    cache.pixels([path], tmp_path / "c", ("crop", 8), progress=False)
    assert calls == [path]
    assert np.array_equal(first[0], cache.fit(decode(path), ("squash", 8)))


def test_a_changed_file_is_decoded_again(photograph, tmp_path):
    path = photograph(picture=np.zeros((8, 8, 3), np.uint8))
    cache.pixels([path], tmp_path / "c", ("squash", 8), progress=False)
    Image.fromarray(np.full((8, 8, 3), 255, np.uint8)).save(path)
    os.utime(path, ns=(1, 1))
    assert (cache.pixels([path], tmp_path / "c", ("squash", 8), progress=False) == 255).all()


def test_unreadable_files_are_listed_and_the_others_are_kept(photograph, tmp_path, monkeypatch):
    good = photograph()
    (tmp_path / "bad.jpg").write_bytes(b"")
    paths = [good, str(tmp_path / "bad.jpg"), str(tmp_path / "gone.jpg")]
    with pytest.raises(ValueError, match="2 of 3 photographs cannot be used: .*bad.jpg") as caught:
        cache.pixels(paths, tmp_path / "c", ("squash", 8), progress=False)
    assert "gone.jpg is missing" in str(caught.value)
    monkeypatch.setattr(cache, "decode", lambda p: pytest.fail("decoded again"))
    assert cache.pixels([good], tmp_path / "c", ("squash", 8), progress=False).shape == (1, 8, 8, 3)


@pytest.mark.parametrize("how", ["one bit", "noise", "another photograph's"])
def test_a_cache_file_that_is_not_what_was_written_is_made_again(photograph, tmp_path, how):
    folder = tmp_path / "c"
    paths = [photograph("a.png", np.full((8, 8, 3), n, np.uint8)) for n in (7,)]
    paths.append(photograph("b.png", np.full((8, 8, 3), 9, np.uint8)))
    expected = cache.pixels(paths, folder, ("squash", 16), progress=False)
    first = cache._cache_file(paths[0], folder, ("squash", 16))
    content, other = first.read_bytes(), cache._cache_file(paths[1], folder, ("squash", 16))
    spoilt = {
        "one bit": content[:300] + bytes([content[300] ^ 1]) + content[301:],
        "noise": bytes(reversed(content)),
        "another photograph's": other.read_bytes(),
    }
    first.write_bytes(spoilt[how])
    assert np.array_equal(cache.pixels(paths, folder, ("squash", 16), progress=False), expected)
    assert first.read_bytes() == content


def test_a_photograph_replaced_by_one_of_the_same_size_and_date_is_decoded_again(
    photograph, tmp_path
):
    path = photograph("a.bmp", np.zeros((8, 8, 3), np.uint8))
    cache.pixels([path], tmp_path / "c", ("squash", 8), progress=False)
    before = os.stat(path)
    Image.fromarray(np.full((8, 8, 3), 255, np.uint8)).save(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert os.stat(path).st_size == before.st_size
    assert (cache.pixels([path], tmp_path / "c", ("squash", 8), progress=False) == 255).all()


@pytest.mark.parametrize("left", [0, 40, 300])
def test_a_damaged_cache_file_is_made_again(photograph, tmp_path, left):
    path, folder = photograph(), tmp_path / "c"
    expected = cache.pixels([path], folder, ("squash", 16), progress=False)
    (cached,) = folder.rglob("*.rgb")
    cached.write_bytes(cached.read_bytes()[:left])
    assert np.array_equal(cache.pixels([path], folder, ("squash", 16), progress=False), expected)
    assert cached.stat().st_size > 768


def test_a_full_disk_is_one_sentence(photograph, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="is full: free some space"):
        cache.fill([photograph()], tmp_path / "c", [("squash", 8)], progress=False)
