"""alter.py: names of alterations, refusals, seeds, and the pixels on disk."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handid.image import alter
from handid.image.alter import Alteration
from handid.image.decode import decode, fit
from handid.image.segment import segment
from handid.synthetic import VIEWS, person, photograph


@pytest.fixture
def drawn(tmp_path):
    """Two synthetic photographs as files, and one of nothing."""
    paths = []
    for shot in range(2):
        file = tmp_path / f"{shot}.png"
        Image.fromarray(photograph(person(0, 1), VIEWS[0], shot, size=120)[0]).save(file)
        paths.append(str(file))
    Image.new("RGB", (160, 120), "white").save(tmp_path / "empty.png")
    return [*paths, str(tmp_path / "empty.png")]


@pytest.mark.parametrize(
    "text", ["whole", "hand", "background", "grey", "blur 4", "occlusion 0.25"]
)
def test_a_name_is_read_and_written_back(text):
    assert str(Alteration.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("glove", "Unknown image 'glove'"),
        ("blur", "lacks its severity, sigma"),
        ("blur much", "write 'blur NUMBER'"),
        ("blur 4 4", "write 'blur NUMBER'"),
        ("blur -1", "out of range: blur goes from 0 to 50"),
        ("jpeg 0", "out of range"),
        ("", "Unknown image ''"),
        ("occlusion 1", "out of range: occlusion goes from 0 to 0.95"),
        ("hand 3", "hand has no severity"),
        ("noise nan", "out of range"),
        ("grey 1", "grey has no severity"),
    ],
)
def test_what_is_unknown_or_out_of_range_is_refused(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        Alteration.parse(text)


def test_chance_depends_on_the_file_and_not_on_the_order():
    grey, light = (Image.new("RGB", (64, 64), (level,) * 3) for level in (128, 129))
    noise = Alteration.parse("noise 5")
    one, again, renamed, namesake = (
        np.asarray(alter.alter(image, noise, name, None)).astype(int)
        for image, name in ((grey, "a"), (grey, "a"), (grey, "b"), (light, "a"))
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, renamed)
    assert np.abs(namesake - one).max() > 5  # not the same noise on another ground


def test_the_hand_of_what_shows_none_cannot_be_altered(drawn):
    empty = decode(drawn[2])
    with pytest.raises(ValueError, match="empty.png shows no hand"):
        alter.alter(empty, Alteration.parse("hand"), "empty.png", segment(empty))
    with pytest.raises(ValueError, match="was not segmented"):
        alter.alter(empty, Alteration.parse("hand"), "empty.png", None)


def test_pixels_are_altered_before_they_are_resized_and_kept(drawn, tmp_path, monkeypatch):
    both = [Alteration.parse("blur 4"), Alteration.parse("silhouette")]
    shape = ("squash", 32)
    made = {one: alter.pixels(drawn[:2], tmp_path / "cache", shape, one) for one in both}
    for number, path in enumerate(drawn[:2]):
        image = decode(path)
        for one in both:
            expected = fit(alter.alter(image, one, f"{number}.png", segment(image)), shape)
            assert np.array_equal(made[one][number], expected)
    monkeypatch.setattr(alter, "alter", None)  # nothing is made twice
    again = alter.pixels(drawn[1::-1], tmp_path / "cache", shape, both[0])
    assert np.array_equal(again, made[both[0]][::-1])


def test_a_photograph_is_decoded_and_segmented_once_for_all_its_images(
    drawn, tmp_path, monkeypatch
):
    counts = {"decode": 0, "segment": 0}
    for name in counts:
        inner = getattr(alter, name)

        def count(*given, _name=name, _inner=inner):
            counts[_name] += 1
            return _inner(*given)

        monkeypatch.setattr(alter, name, count)
    images = [Alteration.parse(text) for text in ("hand", "hole", "blur 4", "jpeg 20")]
    alter.fill(drawn[:2], tmp_path / "cache", ("squash", 32), images)
    assert counts == {"decode": 2, "segment": 2}
    for one in images:
        alter.pixels(drawn[:2], tmp_path / "cache", ("squash", 32), one)
    assert counts == {"decode": 2, "segment": 2}


def test_a_file_that_another_replaced_at_the_same_time_and_size_is_altered_again(tmp_path):
    file, one = tmp_path / "hand.bmp", Alteration.parse("grey")
    squares = []
    for colour in ("white", "black"):
        Image.new("RGB", (32, 24), colour).save(file)
        os.utime(file, ns=(10**18, 10**18))  # as a copy that keeps the time
        squares.append(alter.pixels([str(file)], tmp_path / "cache", ("squash", 8), one))
    assert squares[0].min() == 255 and squares[1].max() == 0


def test_a_name_that_is_no_utf_8_is_altered_as_any_other(drawn, tmp_path):
    odd = tmp_path / os.fsdecode(b"\xff.png")
    Path(drawn[0]).rename(odd)
    for text in ("hand", "noise 5"):
        one = Alteration.parse(text)
        assert alter.pixels([str(odd)], tmp_path / "cache", ("squash", 8), one).std() > 0


def test_a_damaged_square_is_made_again(drawn, tmp_path):
    one, shape = Alteration.parse("grey"), ("squash", 32)
    first = alter.pixels(drawn[:1], tmp_path / "cache", shape, one)
    (file,) = (tmp_path / "cache").rglob("*.rgb")
    file.write_bytes(file.read_bytes()[:-40])
    assert np.array_equal(alter.pixels(drawn[:1], tmp_path / "cache", shape, one), first)


@pytest.mark.parametrize("damage", ["cut", "noise inside", "another kind of file", "emptied"])
def test_a_damaged_segmentation_is_made_again(drawn, tmp_path, rng, damage):
    expected = alter.doubts(drawn[2:], tmp_path / "cache")
    (file,) = (tmp_path / "cache").rglob("*.npz")
    whole = file.read_bytes()
    half = len(whole) // 2
    damaged = {
        "cut": whole[:half],
        "noise inside": whole[:60] + rng.bytes(half) + whole[60 + half :],
        "another kind of file": b"P" * 900,
        "emptied": b"",
    }
    file.write_bytes(damaged[damage])
    alter._REASONS.clear()  # as in the next run
    assert alter.doubts(drawn[2:], tmp_path / "cache") == expected != {}
    assert file.read_bytes()[:2] == b"PK" and len(file.read_bytes()) == len(whole)


def test_notebooks_side_by_side_alter_the_same_photographs_in_orders_of_their_own(
    drawn, tmp_path, monkeypatch
):
    made = []
    monkeypatch.setattr(alter, "_fill", lambda path, *how: made.append(path))
    monkeypatch.setattr(alter.os, "cpu_count", lambda: 1)
    paths = [str(tmp_path / f"{number}.png") for number in range(20)]
    for path in paths:
        Path(path).touch()
    orders = []
    for process in (1, 2, 1):
        monkeypatch.setattr(alter.os, "getpid", lambda process=process: process)
        alter.fill(paths, tmp_path, ("squash", 32), [Alteration.parse("grey")])
        orders.append(made[-20:])
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(paths)
    assert orders[0] == orders[2] != orders[1]


def test_doubts_name_the_photographs_without_a_hand(drawn, tmp_path):
    for _ in range(2):  # made, then read
        alter._REASONS.clear()
        doubts = alter.doubts(drawn, tmp_path / "cache")
        assert doubts == {drawn[2]: "shows no hand, or one too small"}
