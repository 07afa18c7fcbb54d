"""The skin of one side of one hand: height, pigments and nails on the atlas.

The skin belongs to the person and is the same in every photograph. No pose and no light here.
"""

import math
from functools import lru_cache
from itertools import pairwise

import numpy as np

from handid.synthetic import strokes
from handid.synthetic.arrays import Array, blur, clouds
from handid.synthetic.charts import (
    BLOOD,
    COLUMNS,
    MELANIN,
    NAIL,
    PALM_COLUMNS,
    PALM_CORNER,
    RELIEF,
    RESOLUTION,
    ROWS,
    VEIN,
    digit_chart,
    lines,
    on_digit,
    on_palm,
    splat,
)
from handid.synthetic.person import FINGERTIP, Person

# Mounds of the palm: centre x, y, half width, half height, size; in a mean hand.
MOUNDS = (
    (-18, 34, 13, 19, 5.0), (24, 30, 10, 22, 3.6), (3, 48, 12, 16, -3.5), (-24, 80, 8, 7, 1.8),
    (-4, 82, 7, 6, 1.6), (15, 76, 7, 6, 1.7), (31, 66, 7, 7, 1.9),
)  # fmt: skip


def _hill(at: Array, wide: float, tall: float, person: Person) -> Array:
    """[ROWS, PALM_COLUMNS] a hill of height 1 on the palm's chart; its size is of a mean hand."""
    x = (np.arange(PALM_COLUMNS, dtype=np.float32) / RESOLUTION + PALM_CORNER[0]) - at[0]
    y = (np.arange(ROWS, dtype=np.float32) / RESOLUTION + PALM_CORNER[1]) - at[1]
    column = np.exp(-((y / np.float32(tall * person.stature)) ** 2))
    return column[:, None] * np.exp(-((x / np.float32(wide * person.stature)) ** 2))


def _mounds(person: Person, hand: int, palmar: bool) -> Array:
    """[ROWS, PALM_COLUMNS] heights of the large forms: the palm's mounds or the back's knuckles."""
    forms = list(MOUNDS)
    if not palmar:
        heads = person.knuckles(hand) / person.stature
        forms = [(-24, 46, 9, 14, 1.6), (0, 34, 22, 24, 1.5)]
        forms += [(*(head - [0, 2]), 6.5, 8.0, 2.6) for head in heads]
        forms += [(*((a + b) / 2 - [0, 6]), 3.6, 12.0, -1.4) for a, b in pairwise(heads)]
    hills = [
        size * _hill(np.array([x, y]) * person.stature, wide, tall, person)
        for x, y, wide, tall, size in forms
    ]
    return sum(hills[1:], start=hills[0])


def _tint_digits(atlas: Array, person: Person, hand: int, palmar: bool) -> None:
    """Redden the fingertips; narrow the digit at its joints in front, darken them on the back."""
    dark = 0.0 if palmar else 0.22 * math.exp(0.6 * person.look["knuckles"])
    for digit in range(5):
        chart, along, across = digit_chart(atlas, digit)
        ends = np.cumsum(person.bones[hand, digit])
        tip = np.exp(-(((along - ends[2]) / 9) ** 2))
        narrow = sum(np.exp(-(((along - at) / 2.0) ** 2)) for at in ends[:2])
        oval = np.exp(-(((along - ends[0]) / 6.5) ** 2)) + 0.7 * np.exp(
            -(((along - ends[1]) / 4.0) ** 2)
        )
        oval = oval * np.exp(-((across / 8) ** 4)) * (0.5 if digit == 0 else 1)
        chart[..., RELIEF] -= 0.6 * palmar * narrow
        chart[..., MELANIN] += dark * oval
        chart[..., BLOOD] += 0.28 * tip if palmar else 0.12 * tip + 0.07 * oval


def _tint_palm(atlas: Array, person: Person, hand: int, palmar: bool) -> None:
    """Redden the mounds of the palm, or redden and darken the knuckles of the back."""
    mounds = np.clip(atlas[:, :PALM_COLUMNS, RELIEF], 0, 3)
    atlas[:, :PALM_COLUMNS, BLOOD] += (0.06 if palmar else 0.02) * mounds
    if not palmar:
        knots = sum(_hill(head - [0, 1], 6.0, 6.0, person) for head in person.knuckles(hand))
        atlas[:, :PALM_COLUMNS, MELANIN] += 0.13 * math.exp(0.6 * person.look["knuckles"]) * knots
        atlas[:, :PALM_COLUMNS, BLOOD] += 0.10 * knots


def place_moles(person: Person, hand: int, palmar: bool) -> tuple[Array, Array]:
    """Which chart (-1 is the palm's) each of N moles lies on, and its [N, 2] place there in mm."""
    rng = np.random.default_rng([person.seed, person.subject, 6 + palmar, hand])
    charts = rng.integers(-4, 5, rng.poisson(0.7 if palmar else 5)).clip(-1)
    places = person.stature * rng.uniform([-24, -30], [32, 76], (len(charts), 2))
    digit = rng.uniform([0.35, -0.5], [1.3, 0.5], (len(charts), 2))
    digit *= np.stack([person.bones[hand, charts, 0], person.breadths[hand, charts, 1]], axis=1)
    return charts, np.where(charts[:, None] < 0, places, digit)


def _speckle(atlas: Array, person: Person, hand: int, palmar: bool) -> None:
    """Moles, freckles, hairs, mottling and grain; each hand has its own."""
    rng = np.random.default_rng([person.seed, person.subject, 4 + palmar, hand])
    charts, places = place_moles(person, hand, palmar)
    points = np.where(charts[:, None] < 0, on_palm(places), on_digit(charts, *places.T))
    corners = np.array([[-0.6, 0], [0.6, 0], [0, -0.6], [0, 0.6]])
    points = (points[:, None] + corners).reshape(-1, 2)
    weights = np.repeat(2.2 * np.exp(0.35 * rng.standard_normal(len(charts))), 4)
    n_freckles = 260 if person.freckled and not palmar else 0
    points = np.vstack([points, rng.random((n_freckles, 2)) * [COLUMNS, ROWS]])
    weights = np.append(weights, rng.uniform(0.3, 1.3, n_freckles))
    spots = splat(points, weights)
    if not palmar:
        spots += lines(strokes.hairs(person, rng), 0.6)
    atlas[..., MELANIN] += blur(spots, 0.6)
    fine = clouds(rng, (ROWS, COLUMNS), (1.3, 2.2))  # the lines of the skin run mostly across
    patches, grain = (clouds(rng, (ROWS, COLUMNS), (cell, cell)) for cell in (14, 4.5))
    rough = math.exp(0.6 * person.look["texture"])
    atlas[..., MELANIN] += 0.035 * grain + (0.015 if palmar else 0.04) * rough * fine
    atlas[..., BLOOD] += (0.06 if palmar else 0.04) * patches + 0.03 * grain
    atlas[..., RELIEF] += (0.04 if palmar else 0.085) * rough * fine + 0.05 * grain


def _draw_nails(atlas: Array, person: Person, hand: int) -> None:
    """Lay the five nails on the back's atlas: cover, fold around it, moon, pale free edge."""
    for digit in range(5):
        chart, along, across = digit_chart(atlas, digit)
        length, breadth, moon = person.nails[hand, digit] * person.breadths[hand, digit, 5]
        if digit == 0:  # the thumb lies on its side
            across, breadth = across + 0.42 * person.breadths[hand, 0, 5], 0.75 * breadth
        middle = person.bones[hand, digit].sum() + FINGERTIP - 0.7 - length / 2
        window = (middle + np.array([-1.2, 1.2]) * length) * RESOLUTION + 4
        rows = slice(*np.clip(window, 0, ROWS).astype(int))
        chart, along = chart[rows], along[rows] - middle
        inside = (np.abs(across) / breadth) ** 3 + (np.abs(along) / (length / 2)) ** 3.2
        cover = np.clip((1 - inside) * 2.2 + 0.5, 0, 1)
        fold = np.exp(-((inside - 1.2) ** 2) / 0.07)
        edge = np.clip((along - length / 2 + 1.7) * 1.5, 0, 1) * cover
        pale = np.clip((moon - np.hypot(across, along + length / 2)) * 1.2, 0, 1) * cover
        chart *= (1 - 0.85 * cover)[..., None]
        chart[..., NAIL] = cover
        chart[..., RELIEF] += 0.25 * cover - 0.5 * fold * (along < length * 0.3)
        chart[..., MELANIN] += 0.28 * fold * (1 - cover) - 0.1 * edge
        chart[..., BLOOD] += 0.15 * fold + 0.1 * cover - 0.42 * edge - 0.2 * pale


@lru_cache(maxsize=8)
def skin_atlas(person: Person, hand: int, palmar: bool, level: int) -> Array:
    """[rows, columns, 5] the skin of one side of one hand, halved `level` times.

    The last axis is RELIEF, MELANIN, BLOOD, VEIN and NAIL. The eight latest stay in memory.
    """
    if level:
        fine = skin_atlas(person, hand, palmar, level - 1)
        fine = fine[: len(fine) // 2 * 2, : fine.shape[1] // 2 * 2]
        return (fine[::2, ::2] + fine[1::2, ::2] + fine[::2, 1::2] + fine[1::2, 1::2]) / 4
    rng = np.random.default_rng([person.seed, person.subject, 2 + palmar])
    atlas = np.zeros((ROWS, COLUMNS, 5), np.float32)
    atlas[:, :PALM_COLUMNS, RELIEF] = _mounds(person, hand, palmar)
    _tint_palm(atlas, person, hand, palmar)
    _tint_digits(atlas, person, hand, palmar)
    creases = lines(strokes.joint_creases(person, hand, palmar, rng), 0.6)
    if palmar:
        creases += lines(strokes.palm_lines(person, hand, rng), 0.75)
        creases += lines(strokes.palm_wrinkles(person, hand, rng), 0.6)
    else:
        creases += lines(strokes.knuckle_creases(person, hand, rng), 0.6)
        veins = blur(lines(strokes.veins(person, hand, rng), 2.6), 2.6)
        veins *= 0.55 / (1 + math.exp(-1.3 * person.look["veins"]))
        atlas[..., VEIN] = veins
        atlas[..., RELIEF] += 2 * veins + blur(lines(strokes.tendons(person, hand), 3.0), 3.0)
    creases = np.minimum(blur(creases, 0.6), 1.2) * math.exp(0.3 * person.look["creases"])
    strengths = np.array([-0.40, 0.50, 0.15] if palmar else [-0.45, 0.6, 0.15], np.float32)
    atlas[..., : len(strengths)] += creases[..., None] * strengths  # relief, melanin, blood
    _speckle(atlas, person, hand, palmar)
    if not palmar:
        _draw_nails(atlas, person, hand)
    return atlas
