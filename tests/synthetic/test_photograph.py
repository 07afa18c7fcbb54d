"""Photographs: independent of each other, thumbs on the right side, the hand in its frame."""

import dataclasses
from itertools import combinations

import numpy as np
import pytest

from handid.synthetic.form import build_form
from handid.synthetic.person import VIEWS, person
from handid.synthetic.photograph import develop, mask, photograph, render
from handid.synthetic.scene import HAND_LENGTH, draw_scene
from handid.synthetic.skin import skin_atlas


def test_a_photograph_does_not_depend_on_what_was_drawn_before():
    alone = photograph(person(0, 1), "dorsal left", 1, size=64)[0]
    individual = person(0, 1)
    for view in VIEWS:
        photograph(individual, view, 0, size=128)
    assert np.array_equal(photograph(individual, "dorsal left", 1, size=64)[0], alone)


def test_photographs_of_a_person_differ_while_skin_and_bones_stay():
    individual = person(0, 2)
    bones, skin = individual.bones.copy(), skin_atlas(individual, 0, False, 0).copy()
    shots = [photograph(individual, "dorsal right", shot, size=64) for shot in range(4)]
    for (a, known_a), (b, known_b) in combinations(shots, 2):
        assert np.abs(a.astype(int) - b).mean() > 5
        assert known_a["spread"] != known_b["spread"]
        assert known_a["finger_length"] == known_b["finger_length"]
    assert np.array_equal(individual.bones, bones)
    assert np.array_equal(skin_atlas(individual, 0, False, 0), skin)


def test_all_four_views_of_a_person_differ():
    pictures = [photograph(person(0, 0), view, 0, size=64)[0].astype(int) for view in VIEWS]
    for a, b in combinations(pictures, 2):
        assert np.abs(a - b).mean() > 5


@pytest.mark.parametrize(("field", "worn"), [("ring", 2), ("polish", "red")])
def test_a_ring_and_nail_polish_change_the_picture_only_where_they_are(field, worn):
    individual = person(0, 0)
    bare = dataclasses.replace(
        draw_scene(individual, "dorsal right", 0, 0, "11k"), ring=None, polish=None, sleeve=None
    )
    pictures = [
        render(individual, scene, 128, np.random.default_rng(0))[0]
        for scene in (bare, dataclasses.replace(bare, **{field: worn}))
    ]
    changed = np.abs(pictures[0] - pictures[1]).max(axis=2) > 0.02
    assert 0.0005 < changed.mean() < 0.03


def test_hd_lies_on_a_darker_ground():
    grounds = {
        camera: np.median([photograph(person(0, i), VIEWS[0], 0, size=64, camera=camera)[0][-6:, :6]
                           for i in range(8)])
        for camera in ("11k", "hd")
    }  # fmt: skip
    assert grounds["hd"] < 180 < 220 < grounds["11k"]


def hand_mask(image):
    """Where a photograph differs from its ground, the corner that no hand reaches."""
    image = image.astype(int)
    return np.abs(image - np.median(image[-8:, :8], axis=(0, 1))).sum(axis=2) > 90


def thumb_side(mask):
    """-1 if the thumb is at the image's left, 1 if at its right, from the outline alone.

    Fingers down, the thumb ends far above the little finger: compare how far down the outermost
    fifths of the hand reach.
    """
    columns = np.flatnonzero(mask.sum(axis=0) > 2)
    lowest = [np.flatnonzero(mask[:, column])[-1] for column in columns]
    fifth = len(columns) // 5
    return 1 if max(lowest[-fifth:]) < max(lowest[:fifth]) else -1


@pytest.mark.parametrize(
    ("view", "side"),
    [("dorsal right", 1), ("dorsal left", -1), ("palmar right", -1), ("palmar left", 1)],
)
def test_the_thumb_is_on_the_side_that_the_view_says(view, side):
    sides = [thumb_side(hand_mask(outstretched(person(3, i), view))) for i in range(15)]
    assert np.mean(np.array(sides) == side) > 0.9


def outstretched(individual, view):
    """A photograph neither turned nor shadowed, with the thumb spread: its side is clear."""
    scenes = (draw_scene(individual, view, shot, 0, "11k") for shot in range(1000))
    fits = (s for s in scenes if abs(s.turn) < 4 and s.angles[0, 0] < -40 and 0.3 < s.spread < 0.9)
    plain = {"shadow": 0.0, "sleeve": None, "corners": np.zeros(3), "blur": 0.5}
    scene = dataclasses.replace(next(fits), **plain)
    rng = np.random.default_rng(0)
    return develop(render(individual, scene, 128, rng)[0], scene, rng)


@pytest.mark.parametrize("camera", ["11k", "hd"])
def test_the_frame_is_landscape_and_the_hand_hangs_in_from_its_top(camera):
    image = photograph(person(0, 0), VIEWS[0], 0, camera=camera)[0]
    assert (image.shape, image.dtype) == ((240, 320, 3), np.uint8)
    for subject in range(8):
        individual, zooms = person(0, subject), []
        for view in VIEWS:
            scene = draw_scene(individual, view, subject, 0, camera)
            form = build_form(individual, scene, 96, scene.length * 96 / HAND_LENGTH)
            inside = form.distance < 0
            assert form.box[0].start == 0
            assert inside[0].any()
            lowest = np.flatnonzero(inside.any(axis=1))[-1] / 96
            assert 0.5 < lowest < 0.999
            zooms.append(photograph(individual, view, subject, size=64, camera=camera)[1]["zoom"])
            assert zooms[-1] == pytest.approx(scene.length * individual.stature, abs=1e-3)
        assert len(set(zooms)) == 4


def test_unknown_views_cameras_and_shots_are_refused():
    individual = person(0, 0)
    with pytest.raises(
        ValueError, match="view 'dorsal' does not exist: choose one of dorsal right"
    ):
        photograph(individual, "dorsal", 0)
    with pytest.raises(ValueError, match="camera 'phone' does not exist: choose 11k, hd, wild"):
        photograph(individual, VIEWS[0], 0, camera="phone")
    with pytest.raises(ValueError, match="shot is -1"):
        photograph(individual, VIEWS[0], -1)
    with pytest.raises(ValueError, match="size is 8"):
        photograph(individual, VIEWS[0], 0, size=8)


def test_the_mask_is_where_hand_and_sleeve_change_the_ground():
    for subject in range(3):
        where = mask(person(0, subject), VIEWS[0], 0, size=128)
        image = photograph(person(0, subject), VIEWS[0], 0, size=128)[0]
        assert where.shape == image.shape[:2] and where.min() == 0 and where.max() == 1
        seen = hand_mask(image)
        assert (seen & (where > 0.5)).sum() / (seen | (where > 0.5)).sum() > 0.9


def test_a_burst_shares_the_table_the_light_and_nearly_the_pose():
    individual = person(0, 2)
    free, burst = (
        [
            photograph(individual, VIEWS[0], shot, size=96, first=first, camera="hd")[0]
            for shot in (3, 4)
        ]
        for first in (None, 3)
    )
    assert np.array_equal(free[0], burst[0])  # the first of a burst is as it would be alone
    away = [np.abs(a.astype(int) - b).mean() for a, b in (free, burst)]
    assert 0 < away[1] < 0.4 * away[0]
    corners = [[picture[-8:, :8].mean((0, 1)) for picture in pair] for pair in (free, burst)]
    steps = [np.abs(a - b).max() for a, b in corners]
    assert steps[1] < 3 and steps[1] < steps[0]


def test_a_burst_cannot_begin_after_its_photograph():
    with pytest.raises(ValueError, match="a burst begins at 0 or later, before 1"):
        photograph(person(0, 2), VIEWS[0], 1, size=64, first=2)
