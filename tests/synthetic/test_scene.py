"""What a photograph adds: the thumb's side, and how much the cameras vary."""

import dataclasses

import numpy as np

from handid.synthetic.form import pose_joints
from handid.synthetic.person import VIEWS, person
from handid.synthetic.scene import draw_scene


def test_the_geometry_says_the_same_about_the_thumb():
    individual = person(0, 0)
    for view, side in zip(VIEWS, (1, -1, -1, 1), strict=True):
        scene = dataclasses.replace(draw_scene(individual, view, 0, 0, "11k"), turn=0.0)
        thumb, little = (pose_joints(individual, scene)[digit, 3] for digit in (0, 4))
        assert np.sign((scene.matrix @ (thumb - little))[0]) == side


def test_a_wild_camera_varies_more_than_a_session_does():
    spread = {}
    for camera in ("11k", "wild"):
        scenes = [draw_scene(person(0, 1), VIEWS[0], shot, 0, camera) for shot in range(200)]
        measures = ("centre", "length", "turn", "gains", "light")
        spread[camera] = {
            m: np.std([getattr(s, m) for s in scenes], axis=0).mean() for m in measures
        }
    for measure, wild in spread["wild"].items():
        assert 0.2 * wild < spread["11k"][measure] < 0.8 * wild
