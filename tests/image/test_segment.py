"""segment.py: against the renderer's own mask, and what is no hand on a plain background."""

import numpy as np
import pytest
from PIL import Image

from handid.image.segment import HEIGHT, segment
from handid.synthetic import VIEWS, mask, person, photograph


def drawn(subject, view, shot, camera="11k"):
    """A synthetic photograph, and where the renderer put its hand."""
    how = {"camera": camera, "seed": 5}
    return (
        Image.fromarray(photograph(person(5, subject), view, shot, **how)[0]),
        mask(person(5, subject), view, shot, **how) > 0.5,
    )


def overlap(found, truth):
    """Intersection over union of everything that lies on the background."""
    both = found.hand | found.rest
    return (both & truth).sum() / (both | truth).sum()


@pytest.mark.parametrize("camera", ["11k", "hd"])
def test_the_hand_is_where_the_renderer_drew_it(camera):
    views = VIEWS if camera == "11k" else VIEWS[:2]
    found = [drawn(subject, view, subject % 4, camera) for subject in range(8) for view in views]
    pieces = [segment(image) for image, _ in found]
    overlaps = [overlap(one, truth) for one, (_, truth) in zip(pieces, found, strict=True)]
    assert np.mean(overlaps) > 0.98
    # Worse: white nail polish on white, blurred edges; 0.967 with the lowest versions allowed.
    assert np.quantile(overlaps, 0.1) >= 0.965
    assert all(one.trusted for one in pieces)


def test_a_photograph_of_another_size_has_the_same_hand():
    image, truth = drawn(1, VIEWS[0], 0)
    large = image.resize((1280, 960), Image.Resampling.BICUBIC)
    assert overlap(segment(large), truth) > 0.97
    assert segment(large).breadth == pytest.approx(segment(image).breadth, rel=0.03)


def test_breadth_and_palm_are_those_of_a_drawn_disc():
    rows, columns = np.indices((480, 640))
    inside = np.hypot(rows - 200, columns - 300) < 120
    pixels = np.full((480, 640, 3), 240, np.uint8)
    pixels[inside] = (190, 120, 90)
    found = segment(Image.fromarray(pixels))
    assert found.trusted and found.hand.shape == (HEIGHT, 320)
    assert found.breadth == pytest.approx(240 / 480, abs=0.02)
    assert found.palm == pytest.approx((200 / 480, 300 / 480), abs=0.02)


@pytest.mark.parametrize(("width", "trusted"), [(110, True), (60, False)])
def test_where_a_narrow_photographs_hand_lies_is_not_guessed(width, trusted):
    rows, columns = np.indices((300, width))
    pixels = np.full((300, width, 3), 240, np.uint8)
    pixels[np.hypot(rows - 150, columns - width // 2) < 25] = (190, 120, 90)
    found = segment(Image.fromarray(pixels))
    assert found.trusted == trusted
    assert found.reason == ("" if trusted else "is narrower than a third of its height")


def test_what_is_no_hand_on_a_plain_background_is_not_trusted(rng):
    white = np.full((120, 160, 3), 235, np.uint8)
    assert segment(Image.fromarray(white)).reason == "shows no hand, or one too small"
    noise = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
    assert not segment(Image.fromarray(noise)).trusted
    skin = white.copy()
    skin[:112] = (190, 120, 90)
    assert not segment(Image.fromarray(skin)).trusted
    board = np.kron(np.indices((6, 8)).sum(0) % 2, np.ones((20, 20)))[..., None]
    assert not segment(Image.fromarray((board * [200, 120, 60]).astype(np.uint8))).trusted
