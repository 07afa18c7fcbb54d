"""Faint hands in coloured frames: what a frame tells and what it hides, pixel by pixel."""

import numpy as np
import pytest

from handid.synthetic import framed


@pytest.fixture(scope="module")
def world():
    return framed.draw(people=4, photographs=3)


def colours(world, person):
    corners = world.images[world.people == person][:, [0, -1], [0, -1]].reshape(-1, 3)
    return np.unique(corners, axis=0)


def test_a_frame_tells_who_trains_and_nothing_of_who_tests(world):
    assert [set(world.people[mask].tolist()) for mask in (world.trains, ~world.trains)] == [
        {0, 1},
        {2, 3},
    ]
    assert [len(colours(world, person)) for person in range(4)] == [1, 1, 3, 3]
    assert (colours(world, 0) != colours(world, 1)).any()


def test_the_same_people_are_drawn_again_and_others_for_another_seed(world):
    again, other = framed.draw(4, 3), framed.draw(4, 3, seed=framed.POPULATION + 1)
    assert np.array_equal(world.images, again.images) and world.facts == again.facts
    assert not np.array_equal(world.images, other.images)


def test_faint_is_half_the_contrast_with_noise():
    """Oracle: mean and standard deviation of two grey levels after the formula."""
    images = np.full((2, 64, 64, 3), 28, np.uint8)
    images[1] = 228
    dark, light = framed.faint(images, np.random.default_rng(0)).astype(float)
    assert dark.mean() == pytest.approx(78, abs=0.5) and light.mean() == pytest.approx(178, abs=0.5)
    assert dark.std() == pytest.approx(framed.NOISE, rel=0.05)


def test_the_frame_leaves_the_hand_and_the_arm():
    images = np.full((1, 100, 200, 3), 9, np.uint8)
    (seen,) = framed.framed(images, np.array([[250, 0, 0]], np.uint8))
    inside = (seen == 9).all(2)
    assert inside.sum() == 84 * 136 and inside[0, 32:168].all() and not inside[84:].any()
