"""The skin: nails on the back only, moles that move with their finger, traits that are visible."""

import dataclasses
from importlib import import_module
from itertools import combinations

import numpy as np
import pytest

from handid.synthetic.arrays import blur
from handid.synthetic.charts import COLUMNS, MELANIN, NAIL, PALM_COLUMNS, ROWS, on_digit, splat
from handid.synthetic.form import build_form, pose_joints
from handid.synthetic.light import look_up
from handid.synthetic.person import VIEWS, person
from handid.synthetic.photograph import photograph, render
from handid.synthetic.scene import HAND_LENGTH, HAND_MIDDLE, draw_scene
from handid.synthetic.skin import skin_atlas


def test_the_back_has_nails_and_the_palm_has_none():
    atlases = [skin_atlas(person(0, 0), 0, palmar, 0)[..., NAIL] for palmar in (0, 1)]
    charts = np.split(atlases[0][:, PALM_COLUMNS:], 5, axis=1)
    assert all(chart.max() == 1 for chart in charts)
    assert atlases[1].max() == 0


def test_a_mole_moves_with_its_finger():
    """A dark spot on the index finger's chart is found where the posed finger carries it."""
    individual, digit, at = person(0, 1), 1, 55.0
    spot = on_digit(np.array(digit), np.array(at), np.array(0.0))[None]
    atlas = np.zeros((ROWS, COLUMNS, 5), np.float32)
    atlas[..., MELANIN] = blur(splat(spot, np.array([50.0])), 2.0)
    for shot in range(3):
        scene = draw_scene(individual, "dorsal right", shot, 0, "11k")
        scale = scene.length * 256 / HAND_LENGTH
        form = build_form(individual, scene, 256, scale)
        skin = look_up(form, atlas, np.arange(form.x.size), 1)[:, MELANIN]
        row, column = np.unravel_index(skin.argmax(), form.x.shape)
        row, column = row + form.box[0].start, column + form.box[1].start
        joints = pose_joints(individual, scene)[digit]
        ends = np.cumsum(individual.bones[0, digit])
        there = joints[1] + (joints[2] - joints[1]) * (at - ends[0]) / (ends[1] - ends[0])
        middle = [0, HAND_MIDDLE * individual.stature]
        expected = scene.matrix @ (there - middle) * scale + scene.centre * 256
        assert np.hypot(*(expected - [column, row])) < 3  # pixels


def test_each_view_wears_the_skin_of_its_own_hand_and_side(monkeypatch):
    draw, sides = skin_atlas, []
    module = import_module("handid.synthetic.photograph")
    monkeypatch.setattr(module, "skin_atlas", lambda *key: sides.append(key[1:3]) or draw(*key))
    individual = person(0, 0)
    for view in VIEWS:
        photograph(individual, view, 0, size=64)
    sides = list(dict.fromkeys(sides))
    assert sides == [(0, False), (1, False), (0, True), (1, True)]
    skins = [draw(individual, hand, palmar, 0) for hand, palmar in sides]
    assert all(np.abs(a - b).max() > 0.1 for a, b in combinations(skins, 2))


def pictures_with(trait, value, size=192):
    """The same photograph of the same person, but for one thing that the skin shows."""
    individual = person(0, 6)
    other = dataclasses.replace(individual, look={**individual.look, trait: value})
    scene = dataclasses.replace(
        draw_scene(individual, VIEWS[0], 0, 0, "11k"), polish=None, blur=0.5
    )
    return render(other, scene, size, np.random.default_rng(0))[0]


@pytest.mark.parametrize("trait", ["knuckles", "veins", "creases", "hair", "texture"])
def test_what_the_numbers_say_of_the_skin_is_seen_in_the_picture(trait):
    few, many = (pictures_with(trait, value) for value in (-1.5, 1.5))
    assert (np.abs(few - many).max(axis=2) > 0.02).mean() > 0.004
