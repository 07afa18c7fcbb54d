"""regions.py: what each region keeps, and what it must not keep."""

import numpy as np
import pytest
from PIL import Image

from handid.image import regions
from handid.image.decode import fit
from handid.image.segment import HEIGHT, Segmentation

ROWS, COLUMNS = np.indices((HEIGHT, 320))


def hand_at(column, row=110, radius=50):
    hand = np.hypot(ROWS - row, COLUMNS - column) < radius
    return Segmentation(hand, np.zeros_like(hand), "")


def pictured(found, rng):
    """Skin on a slanted light with grain; the grain and light do not depend on the hand."""
    ground = 150 + 40 * (COLUMNS / 320) + 20 * (ROWS / HEIGHT) ** 2
    pixels = np.stack([ground, ground, ground - 10], axis=-1)
    pixels[found.hand] = (190, 120, 90)
    pixels += rng.normal(0, 2, pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def test_the_hand_is_kept_and_the_rest_is_white(rng):
    found = hand_at(160)
    image = pictured(found, rng)
    shown = np.asarray(regions.hand(image, found))
    assert np.array_equal(shown[found.hand], np.asarray(image)[found.hand])
    assert (shown[~found.hand] == 255).all()


def test_the_silhouette_tells_of_no_pixel(rng):
    found = hand_at(160)
    one, other = (regions.silhouette(pictured(found, rng), found) for _ in range(2))
    assert np.array_equal(one, other)
    assert (np.asarray(one)[found.hand] == 0).all() and (np.asarray(one)[~found.hand] == 255).all()


def test_the_hole_is_grey_and_wider_than_the_hand(rng):
    found = hand_at(160)
    image = pictured(found, rng)
    shown = np.asarray(regions.hole(image, found))
    grey = (shown == 128).all(axis=2)
    assert grey[found.hand].all() and grey.sum() > 1.2 * found.hand.sum()
    far = np.hypot(ROWS - 110, COLUMNS - 160) > 70
    assert np.array_equal(shown[far], np.asarray(image)[far])


def test_the_background_shows_neither_place_nor_seam(rng):
    """Two hands at different places leave pictures that differ by their grain alone."""
    one, other = hand_at(100), hand_at(220)
    pair = [
        np.asarray(regions.background(pictured(found, np.random.default_rng(7)), found), float)
        for found in (one, other)
    ]
    smooth = [p.reshape(24, 10, 32, 10, 3).mean((1, 3)) for p in pair]
    assert np.abs(smooth[0] - smooth[1]).max() < 2.5
    grain = [np.diff(picture, axis=1)[one.hand[:, 1:]].std() for picture in pair]
    assert grain[0] == pytest.approx(grain[1], rel=0.25)


def test_light_is_a_quadratic_surface_through_the_background(rng):
    found = hand_at(160)
    shown = np.asarray(regions.light(pictured(found, rng), found), float)
    truth = 150 + 40 * (COLUMNS / 320) + 20 * (ROWS / HEIGHT) ** 2
    assert np.abs(shown[..., 0] - truth).mean() < 1
    y, x = (2 * ROWS / (HEIGHT - 1) - 1).ravel(), (2 * COLUMNS / 319 - 1).ravel()
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    for channel in range(3):
        values = shown[..., channel].ravel()
        left = values - terms @ np.linalg.lstsq(terms, values, rcond=None)[0]
        assert np.abs(left).max() <= 1.1  # half a level of pattern, and half of rounding


def test_light_keeps_what_lies_between_two_levels(rng):
    """Two backgrounds a quarter of a level apart stay apart, also at a network's size."""
    found, shown = hand_at(160), []
    for level in (150.0, 150.25):
        pixels = np.random.default_rng(3).normal(level, 2, (HEIGHT, 320, 3)).round()
        image = Image.fromarray(pixels.astype(np.uint8)).resize((1280, 960), Image.Resampling.BOX)
        shown.append(fit(regions.light(image, found), ("squash", 128)).mean(dtype=float))
    assert shown[1] - shown[0] == pytest.approx(0.25, abs=0.1)


def test_texture_lies_inside_the_hand(rng):
    found = hand_at(160)
    shown = np.asarray(regions.texture(pictured(found, rng), found), float)
    assert shown.shape[0] == shown.shape[1] == pytest.approx(100 / np.sqrt(2), abs=3)
    assert np.abs(shown - [190, 120, 90]).max() < 15


def test_a_hand_of_another_size_of_photograph_is_at_the_same_place(rng):
    found = hand_at(160)
    image = pictured(found, rng)
    large = image.resize((960, 720), Image.Resampling.NEAREST)
    small = regions.silhouette(image, found)
    again = regions.silhouette(large, found).resize((320, 240), Image.Resampling.BOX)
    assert np.abs(np.asarray(small, float) - np.asarray(again, float)).mean() < 3
