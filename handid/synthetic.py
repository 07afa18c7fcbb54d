"""Draw hands: the embedded data set, laid out on disk exactly as 11k Hands and PolyU HD are.

A person is a set of numbers (bones, breadths, creases, veins, moles); a photograph adds what is
not the person: pose, place, light, camera. Not a model of real people, and no evidence about them:
figures measured on these hands show that a study runs, not how well a method identifies anyone.

How a hand is drawn. A skeleton of 19 bones is posed. Capsules along the bones unite into a signed
distance and a height. What belongs to the skin (creases, veins, moles, nails) lies on an atlas, one
chart for the palm and one for each digit, and moves with the bones. Heights give normals, normals
give light. The frame of the hand is that of a right hand seen from the back: wrist at (0, 0), y
towards the fingers, thumb at negative x. Lengths are mm unless a name says pixels.
"""

import csv
import errno
import math
import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

Array = np.ndarray
Rng = np.random.Generator

VIEWS = ("dorsal right", "dorsal left", "palmar right", "palmar left")
HEADER = "id,age,gender,skinColor,accessories,nailPolish,aspectOfHand,imageName,irregularities"
DIGITS = ("thumb", "index", "middle", "ring", "little")

# ------------------------------------------------------------------------------------ the person

# Mean bone lengths: Buryanov and Kotiuk 2010, Proportions of hand segments. The thumb's three posed
# bones are metacarpal, proximal, distal; those of the fingers are proximal, middle, distal.
BONES = np.array([
    [46.2, 31.6, 21.7],
    [39.8, 22.4, 15.8],
    [44.6, 26.3, 17.4],
    [41.4, 25.7, 17.3],
    [32.7, 18.1, 16.0],
])  # fmt: skip
METACARPALS = np.array([68.1, 64.6, 58.0, 53.7])  # same source; of the four fingers
# From here on ours, fitted by eye to photographs.
FINGERTIP = 4.0  # soft tissue beyond the last bone
BASES = np.array([[-21, 10], [-16, 20], [-2.5, 21], [10, 19], [20, 15]])  # metacarpals begin here
SPLAY = np.array([-10.0, -1.5, 7.0, 15.0])  # degrees of the metacarpals from the hand's axis
FAN = np.array([-9.0, -2.0, 6.0, 17.0])  # degrees of the fingers when spread is 1
LEANS = np.array([[0, 4, 5], [0, 1, 2], [0, 0, 1], [0, -1, -2], [0, -2, -3]])  # degrees
BREADTHS = np.array([11.2, 9.9, 10.1, 9.4, 8.3])  # half breadths of the digits
# Seven knots along a digit, in half breadths: root, mid-bone, joint, mid-bone, joint, pulp, tip.
THUMB, FINGER = [1.45, 1.3, 1.12, 0.95, 1, 0.98, 0.75], [1.1, 1, 1.02, 0.93, 0.92, 0.89, 0.72]
PROFILE = np.array([THUMB, *4 * [FINGER]])
HAND_LENGTH, HAND_MIDDLE = 188.0, 84.0  # what a frame is fitted to, and the point at its centre

# Linear reflectance, and the share of the word in 11k, rounded.
SKINS = {
    "very fair": ((0.80, 0.56, 0.45), 0.08),
    "fair": ((0.70, 0.45, 0.33), 0.38),
    "medium": ((0.55, 0.32, 0.21), 0.41),
    "dark": ((0.31, 0.165, 0.10), 0.13),
}


@dataclass(frozen=True, eq=False)  # compared by identity, so that the atlas can be cached by person
class Person:
    """Everything that is the person's; the first axis of an array is the hand, right then left.

    Attributes:
        seed: of the population that the person belongs to.
        subject: number of the person in it.
        age: years.
        gender: ``male`` or ``female``.
        skin_color: one of the four words of 11k.
        skin: [3] linear reflectance of the skin.
        stature: size against the mean hand, no unit.
        bones: [2, 5, 3] lengths of the posed bones of each digit.
        metacarpals: [2, 4] lengths, of the fingers.
        breadths: [2, 5, 7] half breadths along each digit, at the knots of PROFILE.
        bases: [2, 5, 2] where the metacarpals begin.
        leans: [2, 5, 3] sideways deviation of each bone from the one before, degrees.
        nails: [2, 5, 3] length, half breadth and moon of each nail, in half breadths of the digit.
        veins: how far the veins of the back show, 0 to 1.
        wrinkles: depth of the creases, about 1.
        ring: (hand, digit) that wears a ring in some photographs, or None.
        polish: whether the nails are polished in some photographs.
    """

    seed: int
    subject: int
    age: int
    gender: str
    skin_color: str
    skin: Array
    stature: float
    bones: Array
    metacarpals: Array
    breadths: Array
    bases: Array
    leans: Array
    nails: Array
    veins: float
    wrinkles: float
    ring: tuple[int, int] | None
    polish: bool


def _both_hands(rng: Rng, *shape: int, alike: float = 0.8) -> Array:
    """[2, *shape] standard normals; those of the two hands correlate by ``alike``."""
    shared = rng.standard_normal(shape)
    return math.sqrt(alike) * shared + math.sqrt(1 - alike) * rng.standard_normal((2, *shape))


def person(seed: int, subject: int) -> Person:
    """One person of the population ``seed``; the same two numbers always give the same person.

    Men's hands are larger and their index finger shorter against the ring finger (Manning's 2D:4D);
    the size of all spreads is ours. Skin colour depends on nothing else.

    Args:
        seed: of the population, >= 0.
        subject: number of the person, >= 0.
    """
    rng = np.random.default_rng([seed, subject, 1])
    female = bool(rng.random() < 0.5)
    stature = (0.92 if female else 1.0) * math.exp(0.045 * rng.standard_normal())
    breadth = stature * (0.97 if female else 1.0) * math.exp(0.06 * rng.standard_normal())
    bones = np.exp(0.045 * _both_hands(rng, 5, 3) + 0.025 * _both_hands(rng, 5, 1))
    bones = stature * BONES * bones
    bones[:, 1] *= 1.01 if female else 0.995
    breadths = np.exp(0.035 * _both_hands(rng, 5, 1) + 0.03 * _both_hands(rng, 5, 7))
    word = str(rng.choice(list(SKINS), p=[share for _, share in SKINS.values()]))
    tone = np.exp(0.12 * rng.standard_normal() + 0.04 * rng.standard_normal(3))
    nails = np.exp(np.array([0.13, 0.08, 0.5]) * _both_hands(rng, 5, 3))
    return Person(
        seed=seed,
        subject=subject,
        age=int(np.clip(rng.gamma(4, 4) + 17, 18, 75)),
        gender="female" if female else "male",
        skin_color=word,
        skin=np.array(SKINS[word][0]) * tone,
        stature=stature,
        bones=bones,
        metacarpals=stature * METACARPALS * np.exp(0.03 * _both_hands(rng, 4)),
        breadths=breadth * BREADTHS[:, None] * PROFILE * breadths,
        bases=stature * BASES + 1.2 * _both_hands(rng, 5, 2),
        leans=LEANS + 1.7 * _both_hands(rng, 5, 3),
        nails=np.array([1.35, 0.72, 0.3]) * nails,
        veins=float(rng.beta(2, 2)),
        wrinkles=float(0.8 + 0.4 * rng.random() + 0.15 * rng.standard_normal()),
        ring=(int(rng.integers(2)), int(rng.choice([2, 3, 3, 4]))) if rng.random() < 0.3 else None,
        polish=bool(rng.random() < (0.25 if female else 0.02)),
    )


def _knuckles(who: Person, hand: int) -> Array:
    """[4, 2] heads of the fingers' metacarpals in the hand's frame."""
    splay = np.radians(SPLAY)
    way = np.stack([np.sin(splay), np.cos(splay)], axis=1)
    return who.bases[hand, 1:] + who.metacarpals[hand][:, None] * way


# --------------------------------------------------------- what the skin carries: strokes on charts

RESOLUTION = 1.5  # atlas pixels a mm
PALM_CORNER = np.array([-62.0, -62.0])  # where the palm's chart begins, in the hand's frame
PALM_COLUMNS, DIGIT_COLUMNS, ROWS = 186, 48, 284
COLUMNS = PALM_COLUMNS + 5 * DIGIT_COLUMNS
RELIEF, MELANIN, BLOOD, VEIN, NAIL = range(5)  # height in mm, three optical depths, cover 0 to 1

Strokes = tuple[Array, Array]  # [K, T, 2] atlas (column, row) points, and [K] peak depths

# How the creases across the joints look on the back and in front: strokes a joint; their scatter
# along the digit in mm, for root, middle and last joint; mean half length and its spread in half
# breadths; shift to the side in mm; strength at the three joints; mean depth.
JOINTS = (
    (9, (4.0, 3.1, 2.2), (0.50, 0.16), 1.6, (0.12, 1.0, 0.7), 0.45),
    (4, (1.3, 1.6, 1.1), (0.80, 0.15), 0.9, (0.55, 0.9, 0.7), 0.30),
)
# Heart, head, life and fate line and two lines across the wrist: control points in a mean hand.
PALM_LINES = np.array([
    [[44, 62], [24, 54], [4, 62], [-13, 87]], [[-35, 70], [-14, 69], [8, 60], [27, 38]],
    [[-35, 67], [-8, 64], [6, 38], [-9, 8]], [[2, 13], [5, 32], [0, 52], [-2, 70]],
    [[-27, 0], [-8, -4], [8, -4], [27, 1]], [[-26, -7], [-8, -11], [8, -11], [26, -6]],
])  # fmt: skip
PALM_DEPTHS = np.array([0.85, 0.85, 0.95, 0.35, 0.5, 0.35])
VEIN_ROOTS = np.array([[-22, -45], [-9, -50], [4, -50], [14, -45], [22, -40]])
VEIN_GOALS = np.array([[-27, 66], [-14, 83], [5, 81], [24, 71], [34, 53]])
# Mounds of the palm: centre x, y, half width, half height, size; in a mean hand.
MOUNDS = (
    (-18, 34, 13, 19, 5.0), (24, 30, 10, 22, 3.6), (3, 48, 12, 16, -3.5), (-24, 80, 8, 7, 1.8),
    (-4, 82, 7, 6, 1.6), (15, 76, 7, 6, 1.7), (31, 66, 7, 7, 1.9),
)  # fmt: skip


def _on_palm(points: Array) -> Array:
    """Atlas (column, row) of [..., 2] points in the hand's frame."""
    return (points - PALM_CORNER) * RESOLUTION


def _on_digit(digit: Array, along: Array, across: Array) -> Array:
    """Atlas (column, row) of points ``along`` mm from a digit's root, ``across`` mm beside it."""
    column = PALM_COLUMNS + DIGIT_COLUMNS * (digit + 0.5) + across * RESOLUTION
    return np.stack(np.broadcast_arrays(column, along * RESOLUTION + 4), axis=-1)


def _digit_chart(atlas: Array, digit: int) -> tuple[Array, Array, Array]:
    """A digit's part of the atlas (a view), and how far along and across its pixels lie."""
    first = PALM_COLUMNS + digit * DIGIT_COLUMNS
    rows, columns = np.mgrid[:ROWS, :DIGIT_COLUMNS].astype(np.float32)
    along, across = (rows - 4) / RESOLUTION, (columns - DIGIT_COLUMNS / 2) / RESOLUTION
    return atlas[:, first : first + DIGIT_COLUMNS], along, across


def _bezier(control: Array, n_points: int) -> Array:
    """[K, n_points, 2] points on K cubic curves given by [K, 4, 2] control points."""
    t = np.linspace(0, 1, n_points)[:, None]
    basis = np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3])
    return np.einsum("tc,kcd->ktd", basis, control)


def _ink(strokes: Strokes, sigma: float) -> Array:
    """[ROWS, COLUMNS] the strokes as soft lines of ``sigma`` pixels that thin at their ends."""
    curves, depths = strokes
    steps = np.linalg.norm(np.gradient(curves, axis=1), axis=2)
    taper = np.sqrt(np.sin(np.linspace(0.12, math.pi - 0.12, curves.shape[1])))
    weights = (steps * taper * depths[:, None]).ravel() * math.sqrt(2 * math.pi) * sigma
    return _blur(_splat(curves.reshape(-1, 2), weights), sigma)


def _splat(points: Array, weights: Array) -> Array:
    """[ROWS, COLUMNS] weights [P] shared among the four pixels around each [P, 2] point."""
    points = np.clip(points, 0, [COLUMNS - 1.01, ROWS - 1.01])
    corner = points.astype(int)
    x, y = (points - corner).T
    first = corner[:, 1] * COLUMNS + corner[:, 0]
    index = np.concatenate([first, first + 1, first + COLUMNS, first + COLUMNS + 1])
    share = np.concatenate([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y])
    flat = np.bincount(index, np.tile(weights, 4) * share, ROWS * COLUMNS)
    return flat.reshape(ROWS, COLUMNS).astype(np.float32)


def _blur(image: Array, sigma: float) -> Array:
    """Gaussian blur of [H, W, ...] by ``sigma`` pixels; the edges repeat."""
    reach = max(1, math.ceil(2.5 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    for axis in (0, 1):
        pad = [(reach, reach) if a == axis else (0, 0) for a in range(image.ndim)]
        wide = np.moveaxis(np.pad(image, pad, mode="edge"), axis, 0)
        height = image.shape[axis]
        image = sum(weight * wide[i : i + height] for i, weight in enumerate(kernel))
        image = np.moveaxis(image, 0, axis)
    return image


def _clouds(rng: Rng, shape: tuple[int, int], cell: float) -> Array:
    """Smooth noise of about unit strength whose features measure ``cell`` pixels."""
    coarse = (int(shape[0] / cell) + 3, int(shape[1] / cell) + 3)
    noise = rng.standard_normal(coarse, dtype=np.float32) * np.float32(1.35)
    for axis in (0, 1):
        noise = _stretch(noise, np.arange(shape[axis]) / cell, axis)
    return noise


def _stretch(values: Array, at: Array, axis: int) -> Array:
    """Values at the fractional places ``at`` along an axis, smoothly between their neighbours."""
    low = at.astype(int)
    part = _smooth_step(at - low).astype(np.float32).reshape((-1, 1) if axis == 0 else (1, -1))
    return np.take(values, low, axis) * (1 - part) + np.take(values, low + 1, axis) * part


def _smooth_step(values: Array) -> Array:
    """0 below 0, 1 above 1, smooth between."""
    values = np.clip(values, 0, 1)
    return values * values * (3 - 2 * values)


def _joint_creases(who: Person, hand: int, palmar: bool, rng: Rng) -> Strokes:
    """Creases across the joints: on the back many short arcs, in front few long ones."""
    n_strokes, scatter, reach, aside, strength, depth = JOINTS[palmar]
    noise = _both_hands(rng, 6, 5, 3, n_strokes, alike=0.5)[hand]
    ends = np.cumsum(who.bones[hand], axis=1)
    root = ends[:, 0] * np.array([0.8, 0.58, 0.58, 0.58, 0.58])
    joints = np.stack([root, ends[:, 0], ends[:, 1]], axis=1)[..., None]
    offset = np.array(scatter)[:, None] * noise[0]
    half = who.breadths[hand][:, [1, 2, 4], None] * (reach[0] + reach[1] * noise[1])
    bow = (0.5 if palmar else 0.6) * noise[2] + (0 if palmar else 0.55) * offset
    wave = noise[3][..., None] * np.array([-0.45, 0.36, -0.27, 0.45])
    along = (joints + offset)[..., None] + bow[..., None] * np.array([-0.6, 0.8, 0.8, -0.6]) + wave
    across = half[..., None] * np.array([-1, -0.33, 0.33, 1]) + aside * noise[4][..., None]
    control = _on_digit(np.arange(5).reshape(5, 1, 1, 1), along, across)
    depths = np.array(strength)[:, None] * np.clip(depth + 0.5 * noise[5], 0, 1.2)
    return _bezier(control.reshape(-1, 4, 2), 48), depths.ravel()


def _palm_lines(who: Person, hand: int, rng: Rng) -> Strokes:
    """The main lines of the palm and the two across the wrist."""
    control = PALM_LINES + 3.2 * _both_hands(rng, 6, 4, 2, alike=0.6)[hand]
    depths = np.clip(PALM_DEPTHS + 0.22 * _both_hands(rng, 6, alike=0.6)[hand], 0.05, 1.4)
    return _bezier(_on_palm(who.stature * control), 260), depths


def _palm_wrinkles(who: Person, hand: int, rng: Rng) -> Strokes:
    """Many short lines all over the palm."""
    noise = _both_hands(rng, 46, 13, alike=0.35)[hand]
    centres = np.array([2, 44]) + np.array([15, 22]) * noise[:, :2]
    turn, reach = 1.1 + 0.9 * noise[:, 2], np.abs(7 + 5 * noise[:, 3])
    way = np.stack([np.cos(turn), np.sin(turn)], axis=-1) * reach[:, None]
    control = centres[:, None] + way[:, None] * np.array([-1, -0.4, 0.4, 1])[:, None]
    control = control + 1.2 * noise[:, 4:12].reshape(-1, 4, 2)
    return _bezier(_on_palm(who.stature * control), 80), np.clip(0.28 + 0.16 * noise[:, 12], 0, 0.8)


def _veins(who: Person, hand: int, rng: Rng) -> Strokes:
    """Veins of the back: five from the wrist to between the knuckles, four that cross them."""
    first, last, lift = rng.integers(0, 5, 9), rng.integers(0, 5, 9), rng.uniform(0.1, 0.6, (9, 1))
    last[:5], lift[:5] = np.arange(5), 0
    start, end = VEIN_ROOTS[first], VEIN_GOALS[last]
    start = start + lift * (end - start)
    control = start[:, None] + (end - start)[:, None] * np.array([0, 0.33, 0.67, 1])[:, None]
    control = control + np.array([7.0, 5.0]) * _both_hands(rng, 9, 4, 2, alike=0.4)[hand]
    curves = _bezier(control, 200)
    phase, swing = rng.uniform(0, 6.3, (9, 1)), rng.uniform(0, 1.3, (9, 1))
    curves[..., 0] += swing * np.sin(np.linspace(0, 1, 200) * (9 + phase) + phase)
    strengths = np.clip(0.7 + 0.35 * _both_hands(rng, 9, alike=0.4)[hand], 0.1, 1.3)
    return _on_palm(who.stature * curves), strengths


def _tendons(who: Person, hand: int) -> Strokes:
    """Ridges from the knuckles towards the middle of the wrist."""
    heads = _knuckles(who, hand)
    goals = np.array([[-6, 2], [-2, 2], [2, 2], [6, 2]]) * who.stature
    parts = np.array([0.03, 0.35, 0.65, 0.9])[:, None]
    control = heads[:, None] + (goals - heads)[:, None] * parts
    return _bezier(_on_palm(control), 200), np.full(4, 0.5)


# ---------------------------------------------------------------- what the skin carries: the atlas


def _mounds(who: Person, hand: int, palmar: bool) -> Array:
    """[ROWS, PALM_COLUMNS] heights of the large forms: the palm's mounds, or knuckles and dips."""
    rows, columns = np.mgrid[:ROWS, :PALM_COLUMNS].astype(np.float32) / RESOLUTION
    x, y = (columns + PALM_CORNER[0]) / who.stature, (rows + PALM_CORNER[1]) / who.stature
    forms = list(MOUNDS)
    if not palmar:
        heads = _knuckles(who, hand) / who.stature
        forms = [(-24, 46, 9, 14, 1.6), (0, 34, 22, 24, 1.5)]
        forms += [(*(head - [0, 2]), 6.5, 8.0, 2.6) for head in heads]
        forms += [(*((a + b) / 2 - [0, 6]), 3.6, 12.0, -1.1) for a, b in pairwise(heads)]
    height = np.zeros_like(x)
    for centre_x, centre_y, wide, tall, size in forms:
        height += size * np.exp(-(((x - centre_x) / wide) ** 2) - ((y - centre_y) / tall) ** 2)
    return height


def _tint_digits(atlas: Array, who: Person, hand: int, palmar: bool) -> None:
    """Redden the fingertips; narrow the digit at its joints in front, darken them on the back."""
    for digit in range(5):
        chart, along, _ = _digit_chart(atlas, digit)
        ends = np.cumsum(who.bones[hand, digit])
        tip = np.exp(-(((along - ends[2]) / 9) ** 2))
        narrow = sum(np.exp(-(((along - at) / 2.0) ** 2)) for at in ends[:2])
        wide = sum(np.exp(-(((along - at) / 5.5) ** 2)) for at in ends[:2])
        chart[..., RELIEF] -= 0.7 * palmar * narrow
        chart[..., MELANIN] += 0.20 * (not palmar) * wide
        chart[..., BLOOD] += 0.30 * tip if palmar else 0.15 * tip + 0.10 * wide


def _speckle(atlas: Array, palmar: bool, rng: Rng) -> None:
    """Moles, freckles, mottling and grain; each hand has its own."""
    n_moles = rng.poisson(1.5 if palmar else 11)
    n_freckles = 0 if palmar else rng.poisson(110 * rng.random() ** 3)
    for count, sigma, depth in ((n_moles, 0.95, 1.2), (n_freckles, 0.8, 0.28)):
        points = rng.random((count, 2)) * [COLUMNS, ROWS]
        weights = depth * np.exp(0.4 * rng.standard_normal(count)) * 2 * math.pi * sigma**2
        atlas[..., MELANIN] += _blur(_splat(points, weights), sigma)
    shape = ROWS, COLUMNS
    broad, patches, grain, fine = (_clouds(rng, shape, cell) for cell in (20, 13, 4.5, 1.7))
    atlas[..., MELANIN] += 0.05 * broad + (0.02 if palmar else 0.03) * fine
    atlas[..., BLOOD] += (0.07 if palmar else 0.05) * patches + (0.055 if palmar else 0.03) * grain
    atlas[..., RELIEF] += 0.06 * fine + 0.06 * grain


def _draw_nails(atlas: Array, who: Person, hand: int) -> None:
    """Lay the five nails on the back's atlas: cover, fold around it, moon, pale free edge."""
    for digit in range(5):
        chart, along, across = _digit_chart(atlas, digit)
        length, breadth, moon = who.nails[hand, digit] * who.breadths[hand, digit, 5]
        across = across + (1.5 if digit == 0 else 0)  # the thumb lies on its side
        along = along - (who.bones[hand, digit].sum() + FINGERTIP - 1.2 - length / 2)
        inside = (np.abs(across) / breadth) ** 3 + (np.abs(along) / (length / 2)) ** 3.2
        cover = np.clip((1 - inside) * 2.2 + 0.5, 0, 1)
        fold = np.exp(-((inside - 1.15) ** 2) / 0.06)
        edge = np.clip((along - length / 2 + 1.3) * 1.5, 0, 1) * cover
        pale = np.clip((moon - np.hypot(across, along + length / 2)) * 1.2, 0, 1) * cover
        chart *= (1 - 0.8 * cover)[..., None]
        chart[..., NAIL] = cover
        chart[..., RELIEF] += 0.25 * cover - 0.45 * fold * (along < length * 0.3)
        chart[..., MELANIN] += 0.10 * fold - 0.22 * cover - 0.3 * edge
        chart[..., BLOOD] += 0.15 * fold + 0.10 * cover - 0.25 * edge - 0.2 * pale


@lru_cache(maxsize=8)
def _atlas(who: Person, hand: int, palmar: bool, level: int) -> Array:
    """[rows, columns, 5] the skin of one side of one hand, halved ``level`` times."""
    if level:
        fine = _atlas(who, hand, palmar, level - 1)
        fine = fine[: len(fine) // 2 * 2, : fine.shape[1] // 2 * 2]
        return (fine[::2, ::2] + fine[1::2, ::2] + fine[::2, 1::2] + fine[1::2, 1::2]) / 4
    rng = np.random.default_rng([who.seed, who.subject, 2 + palmar])
    atlas = np.zeros((ROWS, COLUMNS, 5), np.float32)
    atlas[:, :PALM_COLUMNS, RELIEF] = _mounds(who, hand, palmar)
    _tint_digits(atlas, who, hand, palmar)
    creases = _ink(_joint_creases(who, hand, palmar, rng), 0.62)
    if palmar:
        creases += _ink(_palm_lines(who, hand, rng), 0.8)
        creases += _ink(_palm_wrinkles(who, hand, rng), 0.6)
    else:
        veins = who.veins * _ink(_veins(who, hand, rng), 2.0)
        atlas[..., VEIN] = 0.6 * veins
        atlas[..., RELIEF] += 0.7 * veins + _ink(_tendons(who, hand), 3.0)
    creases = who.wrinkles * np.minimum(creases, 1.6)[..., None]
    atlas[..., [RELIEF, MELANIN, BLOOD]] += creases * np.array([-0.45, 0.40, 0.25], np.float32)
    _speckle(atlas, palmar, np.random.default_rng([who.seed, who.subject, 4 + palmar, hand]))
    if not palmar:
        _draw_nails(atlas, who, hand)
    return atlas


# ------------------------------------------------------------------------- what a photograph adds

POLISHES = {
    "red": (0.55, 0.02, 0.04),
    "pink": (0.80, 0.30, 0.42),
    "dark": (0.05, 0.01, 0.03),
    "blue": (0.05, 0.10, 0.40),
    "white": (0.85, 0.82, 0.80),
    "nude": (0.68, 0.42, 0.34),
}
METALS = ((0.80, 0.56, 0.20), (0.62, 0.62, 0.64))
# Length of a mean hand in frames, spread of its turn in degrees, reflectance of the background.
CAMERAS = {"11k": ((0.93, 1.0), 5.0, (0.9, 1.4)), "hd": ((0.98, 1.14), 8.0, (0.22, 0.42))}


@dataclass(frozen=True, eq=False)
class _Scene:
    """All that one photograph adds to the person."""

    hand: int  # 0 right, 1 left
    palmar: bool
    spread: float  # 0 closed to 1.25
    angles: Array  # [5, 3] degrees of each bone from the hand's axis, before the person's leans
    shorten: Array  # [5, 3] foreshortening of each bent bone
    turn: float  # degrees in the image's plane
    matrix: Array  # [2, 2] from the hand's frame to the image's axes, without scale
    centre: Array  # [2] where HAND_MIDDLE lies, in frames
    length: float  # of a mean hand, in frames
    light: Array  # [3] unit vector towards the light
    ambient: float  # share of the light without direction
    shadow: float  # depth of the cast shadow
    gains: Array  # [3] exposure and white balance
    ground: Array  # [3] reflectance of the background
    blur: float  # pixels of a 256-pixel frame
    noise: float  # standard deviation, of full scale
    polish: str | None
    ring: int | None  # digit
    metal: int


def _stage(who: Person, view: str, shot: int, seed: int, camera: str) -> _Scene:
    """Draw pose, place, light and camera of one photograph."""
    rng = np.random.default_rng([seed, who.seed, who.subject, VIEWS.index(view), shot])
    aspect, side = view.split()
    hand, palmar = int(side == "left"), aspect == "palmar"
    length, turning, ground = CAMERAS[camera]
    spread, angles, shorten = _pose(rng)
    turn = float(np.clip(rng.normal(0, turning), -2 * turning, 2 * turning))
    warmth = rng.normal(0, 0.03)
    balance = np.array([warmth, rng.normal(0, 0.015), -1.3 * warmth])
    polish, ring = _adornments(who, hand, shot, rng)
    return _Scene(
        hand=hand, palmar=palmar, spread=spread, angles=angles, shorten=shorten, turn=turn,
        matrix=_orientation(rng, turn, hand, palmar), centre=rng.normal([0.5, 0.45], 0.012),
        length=rng.uniform(*length), light=_light(rng), ambient=rng.uniform(0.35, 0.6),
        shadow=rng.uniform(0.1, 0.5), gains=np.exp(rng.normal(0.16, 0.09) + balance),
        ground=rng.uniform(*ground) * np.exp(rng.normal(0, 0.03, 3)),
        blur=rng.uniform(0.3, 0.75), noise=rng.uniform(0.004, 0.014),
        polish=polish, ring=ring, metal=int(rng.integers(2)),
    )  # fmt: skip


def _pose(rng: Rng) -> tuple[float, Array, Array]:
    """Spread, angles [5, 3] in degrees, and foreshortening [5, 3] of the bones."""
    spread = float(rng.uniform(0.5, 1.1))
    angles = np.zeros((5, 3))
    angles[0] = rng.uniform(-43, -31) + np.array([0, rng.uniform(-2, 7), rng.uniform(-2, 10)])
    angles[1:] = (FAN * spread + rng.normal(0, 1.3, 4))[:, None]
    bend = np.abs(rng.normal(0, 6) + rng.normal(0, 4, (5, 1))) * np.array([0.7, 1.4, 2.0])
    return spread, angles, np.cos(np.radians(np.minimum(bend, 40)))


def _orientation(rng: Rng, turn: float, hand: int, palmar: bool) -> Array:
    """[2, 2] from the hand's frame to image axes (x right, y down): fingers down, as in 11k.

    Seen from the back with its fingers down, a right hand has its thumb at the image's right.
    """
    mirror = 1.0 if bool(hand) != palmar else -1.0
    cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    tilt = np.array([[rng.uniform(0.96, 1.0), rng.normal(0, 0.015)], [0, rng.uniform(0.95, 1.0)]])
    return np.array([[cosine, -sine], [sine, cosine]]) @ tilt @ np.diag([mirror, 1.0])


def _light(rng: Rng) -> Array:
    """[3] unit vector towards the light, 43 to 77 degrees above the table."""
    around, above = rng.uniform(0, 2 * math.pi), rng.uniform(0.75, 1.35)
    flat = math.cos(above)
    return np.array([flat * math.cos(around), flat * math.sin(around), math.sin(above)])


def _adornments(who: Person, hand: int, shot: int, rng: Rng) -> tuple[str | None, int | None]:
    """Nail polish (its colour) and ring (its digit), or None; the first two shots have no ring."""
    colour = list(POLISHES)[int(rng.integers(len(POLISHES)))]
    is_polished, wears_ring = rng.random(2) < 0.6
    ring = who.ring[1] if who.ring and who.ring[0] == hand and wears_ring and shot >= 2 else None
    return (colour if who.polish and is_polished else None), ring


# --------------------------------------------------------------------------------------- the form


@dataclass
class _Form:
    """The posed hand over a frame; every field is [size, size]."""

    x: Array  # place of the pixel in the hand's frame
    y: Array
    distance: Array  # to the outline, negative inside
    height: Array
    digit: Array  # the nearest, 0 to 4
    along: Array  # place on that digit
    across: Array
    share: Array  # of the digit's chart against the palm's, 0 to 1


def _joints(who: Person, scene: _Scene) -> Array:
    """[5, 4, 2] joints of the posed digits, from the root to the end of the last bone."""
    roots = np.vstack([who.bases[scene.hand, :1], _knuckles(who, scene.hand)])
    angles = np.radians(scene.angles + np.cumsum(who.leans[scene.hand], axis=1))
    way = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    bones = way * (who.bones[scene.hand] * scene.shorten)[..., None]
    return np.concatenate([roots[:, None], roots[:, None] + np.cumsum(bones, axis=1)], axis=1)


def _to_bone(x: Array, y: Array, start: Array, end: Array) -> tuple[Array, Array, Array]:
    """Distance to a bone's axis, place along it (0 to 1 on the bone), signed place across."""
    start, way = np.asarray(start, np.float32), np.asarray(end - start, np.float32)
    square = way @ way
    dx, dy = x - start[0], y - start[1]
    along = (dx * way[0] + dy * way[1]) / square
    across = (dx * way[1] - dy * way[0]) / np.sqrt(square)
    beyond = (along - np.clip(along, 0, 1)) * np.sqrt(square)
    return np.sqrt(across * across + beyond * beyond), along, across


def _palm_parts(who: Person, hand: int, joints: Array) -> list[tuple[Array, Array, float, float]]:
    """Tapered capsules that make the palm: (start, end, half breadth at the start, at the end)."""
    breadths, bases = who.breadths[hand], who.bases[hand]
    size, wide = who.stature, (breadths[:, 1] / BREADTHS).mean()
    thumb = joints[0, 1]
    parts = [
        (np.array([0, -160.0]), np.array([0, -16.0]), 30 * wide, 28 * wide),  # forearm
        (size * np.array([-8, 4.0]), size * np.array([10, 4.0]), 20 * wide, 20 * wide),  # carpus
        (bases[4] + [3, 0], bases[4] * 0.4 + joints[4, 0] * 0.6, 11 * wide, 12 * wide),  # its edge
        (joints[0, 0], thumb, breadths[0, 0] * 0.92, breadths[0, 2] * 0.86),
        (thumb * 0.85 + bases[0] * 0.15, bases[1] * 0.4 + joints[1, 0] * 0.6, 6 * wide, 9 * wide),
    ]
    for digit in range(1, 5):
        head, root = joints[digit, 0], breadths[digit, 0]
        web = head + 0.36 * (joints[digit, 1] - head)
        parts.append((bases[digit], head, 11 * wide, root * 0.93))
        parts.append((head, web, root * 0.93, root * 0.78))
    return parts


def _palm_distance(parts: list[tuple[Array, Array, float, float]], x: Array, y: Array) -> Array:
    """Signed distance to the smooth union of the capsules: -k log(sum(exp(-d / k))), k = 3.2 mm."""
    total = np.full_like(x, 1e-30)
    for start, end, first, last in parts:
        gap, along, _ = _to_bone(x, y, start, end)
        gap -= np.float32(first) + np.clip(along, 0, 1) * np.float32(last - first)
        total += np.exp(gap * np.float32(-1 / 3.2))
    return np.log(total) * np.float32(-3.2)


def _half_breadths(who: Person, hand: int, digit: int, reach: float) -> Array:
    """[96] half breadths from root to ``reach``, smooth between the knots."""
    first, second, third = np.cumsum(who.bones[hand, digit])
    knots = [0, first / 2, first, (first + second) / 2, second, (second + third) / 2, reach]
    values = np.interp(np.linspace(0, reach, 96), knots, who.breadths[hand, digit])
    window = np.hanning(15)[1:-1] / np.hanning(15).sum()
    return np.convolve(np.pad(values, 6, mode="edge"), window, "valid")


def _digit_field(who: Person, hand: int, digit: int, joints: Array, grid: tuple) -> tuple:
    """Distance, height, place along and across one digit on the (x, y) grid."""
    x, y = grid
    ends = np.concatenate([[0], np.cumsum(who.bones[hand, digit])])
    reach = ends[3] + FINGERTIP - 0.95 * who.breadths[hand, digit, 6]  # centre of the round tip
    ends[3], stretch = reach, (reach - ends[2]) / (ends[3] - ends[2])
    joints = np.vstack([joints[:3], joints[2] + (joints[3] - joints[2]) * stretch])
    away, along, across = np.full_like(x, 1e6), np.zeros_like(x), np.zeros_like(x)
    for bone in range(3):
        gap, part, aside = _to_bone(x, y, joints[bone], joints[bone + 1])
        place = part * np.float32(ends[bone + 1] - ends[bone]) + np.float32(ends[bone])
        nearer = gap < away
        for field, values in ((away, gap), (along, place), (across, aside)):
            np.copyto(field, values, where=nearer)
    radius = np.interp(along, np.linspace(0, reach, 96), _half_breadths(who, hand, digit, reach))
    radius = radius.astype(np.float32)
    ratio = np.minimum(away / radius, 1)
    return away - radius, 0.92 * radius * np.sqrt(1 - ratio * ratio), along, across


def _add_digit(form: _Form, who: Person, hand: int, digit: int, joints: Array, box: tuple) -> None:
    """Unite one digit with the form inside ``box``; the nearest digit owns a pixel."""
    grid = form.x[box], form.y[box]
    distance, height, along, across = _digit_field(who, hand, digit, joints, grid)
    part = along / np.float32(who.bones[hand, digit, 0])
    share = _smooth_step((part - (0.72 if digit == 0 else 0.25)) / 0.3)
    share *= _smooth_step(1 - distance / 5)  # beside the digit lies the palm
    nearer = distance < form.distance[box]
    form.height[box] = np.maximum(form.height[box], height)
    form.digit[box][nearer] = digit
    for field, values in ((form.distance, distance), (form.along, along), (form.across, across),
                          (form.share, share)):  # fmt: skip
        np.copyto(field[box], values, where=nearer)


def _form(who: Person, scene: _Scene, size: int, scale: float) -> _Form:
    """Form of the posed hand over ``size`` pixels a side, ``scale`` pixels a mm."""
    middle, centre = np.array([0, HAND_MIDDLE * who.stature]), scene.centre * size
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    back = np.linalg.inv(scene.matrix * scale).astype(np.float32)
    dx, dy = columns - np.float32(centre[0]), rows - np.float32(centre[1])
    x, y = back[0, 0] * dx + back[0, 1] * dy, back[1, 0] * dx + back[1, 1] * dy
    y += np.float32(middle[1])
    zeros = [np.zeros_like(x) for _ in range(4)]
    form = _Form(x, y, np.full_like(x, 1e3), zeros[0], np.zeros(x.shape, np.int8), *zeros[1:])
    joints = _joints(who, scene)
    for digit in range(5):
        pixels = (joints[digit] - middle) @ (scene.matrix * scale).T + centre
        margin = (who.breadths[scene.hand, digit].max() + 10) * scale
        left, top = np.clip(pixels.min(axis=0) - margin, 0, size).astype(int)
        right, bottom = np.clip(pixels.max(axis=0) + margin, 0, size).astype(int)
        box = slice(top, bottom), slice(left, right)
        _add_digit(form, who, scene.hand, digit, joints[digit], box)
    _add_palm(form, _palm_distance(_palm_parts(who, scene.hand, joints), x, y))
    return form


def _add_palm(form: _Form, distance: Array) -> None:
    """Unite the palm, a slab with a round edge, with the digits."""
    depth = np.clip(-distance / 9, 0, 1)
    slab = 10.5 * np.sqrt(1 - (1 - depth) ** 2)
    gap = form.height - slab
    form.height = 0.5 * (form.height + slab + np.sqrt(gap * gap + 4)) - 1
    blend = np.clip(0.5 + 0.5 * (distance - form.distance) / 3, 0, 1)
    form.distance = distance + (form.distance - distance) * blend - 3 * blend * (1 - blend)


# ------------------------------------------------------------------------------- light and camera

ABSORB = {  # red, green and blue light that a unit of each takes away, as optical depth
    MELANIN: np.array([0.45, 0.75, 1.0], np.float32),
    BLOOD: np.array([0.10, 0.75, 0.60], np.float32),
    VEIN: np.array([0.55, 0.22, 0.05], np.float32),
}
PALM_SKIN = np.array([0.72, 0.44, 0.34], np.float32)  # palms carry little melanin


def _look_up(form: _Form, atlas: Array, inside: Array, step: int) -> Array:
    """[P, 5] skin at the ``inside`` pixels, from the palm's and the nearest digit's charts."""
    x, y, digit, along, across, share = (
        field.ravel()[inside]
        for field in (form.x, form.y, form.digit, form.along, form.across, form.share)
    )
    palm = _on_palm(np.stack([x, y], axis=-1))
    palm[:, 0] = np.clip(palm[:, 0], 1, PALM_COLUMNS - 3)
    palm[:, 1] = np.abs(palm[:, 1])  # the forearm beyond the chart repeats it, mirrored
    finger = _on_digit(digit, along, np.clip(across, -15, 15))
    skin = _bilinear(atlas, palm, step)
    return skin + (_bilinear(atlas, finger, step) - skin) * share[:, None]


def _bilinear(atlas: Array, points: Array, step: int) -> Array:
    """[P, 5] atlas at [P, 2] full (column, row) points; ``step`` of them make one pixel."""
    rows, columns = atlas.shape[:2]
    points = (points.astype(np.float32) + 0.5) / step - 0.5
    points = np.clip(points, 0, np.array([columns - 1.01, rows - 1.01], np.float32))
    corner = points.astype(np.int32)
    x, y = (points - corner).T[..., None]
    flat, first = atlas.reshape(rows * columns, -1), corner[:, 1] * columns + corner[:, 0]
    above = flat[first] * (1 - x) + flat[first + 1] * x
    below = flat[first + columns] * (1 - x) + flat[first + columns + 1] * x
    return above * (1 - y) + below * y


def _albedo(who: Person, scene: _Scene, skin: Array) -> Array:
    """[P, 3] linear reflectance of [P, 5] skin: melanin, blood and veins absorb, polish covers."""
    base = who.skin.astype(np.float32)
    if scene.palmar:
        base = 0.55 * base + 0.45 * PALM_SKIN * (0.5 + 0.5 * base[0] / 0.7)
    depth = sum(skin[:, channel, None] * absorbed for channel, absorbed in ABSORB.items())
    colour = base * np.exp(-depth)
    if scene.polish:
        cover = 0.95 * skin[:, NAIL, None]
        colour += (np.array(POLISHES[scene.polish], np.float32) - colour) * cover
    return colour


def _occlusion(height: Array, sigma: float) -> Array:
    """How much of the sky each point sees, 0 to 1: less where the form around it is higher."""
    small = height[::2, ::2]
    hollow = np.clip(_blur(small, sigma) - small - 0.3, 0, 5)
    open_sky = np.exp(-0.16 * hollow)
    return np.repeat(np.repeat(open_sky, 2, 0), 2, 1)[: len(height), : len(height)]


def _shade(height: Array, scene: _Scene, inside: Array, scale: float) -> tuple[Array, Array]:
    """Diffuse [P, 3] and glossy [P] light on the form; red light scatters into the dark sides."""
    down, right = (slope.ravel()[inside] for slope in np.gradient(height * np.float32(scale)))
    soften = 1 / np.sqrt(1 + 0.3 * (down * down + right * right))  # outlines would turn black
    down, right = down * soften, right * soften
    light = scene.light.astype(np.float32)
    facing = 1 / np.sqrt(1 + 0.5 * (down * down + right * right))
    lambert = np.clip((light[2] - 0.7 * (right * light[0] + down * light[1])) * facing, -0.3, 1)
    sky = _occlusion(height, 2.2 * scale * HAND_LENGTH / 256).ravel()[inside]
    level = scene.ambient * (0.55 + 0.45 * facing) * sky
    level += (1 - scene.ambient) * (lambert + 0.25) / 1.25
    level = np.clip(level * (0.5 + 0.5 * sky), 0.03, None)[:, None]
    half = (light + np.array([0, 0, 1], np.float32)) / np.sqrt(2 + 2 * light[2])
    gloss = (half[2] - right * half[0] - down * half[1]) / np.sqrt(1 + right * right + down * down)
    return level ** np.array([0.85, 1.0, 1.08], np.float32), np.clip(gloss, 0, 1) ** 24


def _wear_ring(colour: Array, form: _Form, scene: _Scene, who: Person, inside: Array) -> None:
    """Paint a metal band around the ring's digit into [P, 3] ``colour``."""
    along = form.along.ravel()[inside] - np.float32(0.62 * who.bones[scene.hand, scene.ring, 0])
    on = (form.digit.ravel()[inside] == scene.ring) & (form.share.ravel()[inside] > 0.3)
    band = np.clip((2.1 - np.abs(along)) * 1.6, 0, 1) * on
    bend = form.across.ravel()[inside] / np.float32(who.breadths[scene.hand, scene.ring, 1])
    gleam = 0.66 + 0.54 * np.cos(5 * bend + np.float32(3 * scene.light[0])) * np.cos(0.9 * along)
    metal = np.array(METALS[scene.metal], np.float32) * gleam[:, None]
    colour += (metal - colour) * band[:, None]


def _background(cover: Array, scene: _Scene, scale: float, rng: Rng) -> Array:
    """[size, size, 3] the table: uneven light, contact shadow and cast shadow."""
    size = len(cover)
    step = max(1, size // 64)
    small = cover[::step, ::step]
    places = np.arange(len(small))
    shift = scene.light[:2] / scene.light[2] * 14 * scale / step
    columns, rows = (np.clip(np.rint(places + by), 0, len(small) - 1).astype(int) for by in shift)
    light = 1 - scene.shadow * _blur(small[rows][:, columns], 2.6) - 0.22 * _blur(small, 1.3)
    light *= 1 + 0.07 * _clouds(rng, small.shape, len(small) / 2.2)
    at = np.minimum(np.arange(size) / step, len(small) - 1.01)
    light = _stretch(_stretch(light, at, 0), at, 1)
    return np.ascontiguousarray(light[..., None] * scene.ground.astype(np.float32))


def _develop(image: Array, scene: _Scene, rng: Rng) -> Array:
    """Camera: blur, exposure and white balance, tone curve, noise, 8 bits."""
    image = _blur(image, scene.blur * len(image) / 256) * scene.gains.astype(np.float32)
    image = np.clip(image, 0, 1.2)
    image = np.sqrt(image) * (0.93 + 0.07 * image)  # close to the sRGB curve, and cheaper
    image += rng.standard_normal(image.shape, dtype=np.float32) * np.float32(scene.noise)
    return np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)


def photograph(
    person: Person, view: str, shot: int, *, size: int = 256, seed: int = 0, camera: str = "11k"
) -> tuple[Array, dict]:
    """One photograph of a hand, and what the renderer knows of it.

    Args:
        person: whose hand.
        view: one of VIEWS.
        shot: number of the photograph, >= 0; the first two wear no ring.
        size: of the square frame in pixels, >= 64.
        seed: of what the photograph adds, >= 0.
        camera: ``11k`` or ``hd``.

    Returns:
        [size, size, 3] uint8 RGB, and a dict of plain words and numbers for captions.

    Raises:
        ValueError: for a view or camera that does not exist, a negative shot, too small a frame.
    """
    _check(view in VIEWS, f"view {view!r} does not exist: choose one of {', '.join(VIEWS)}")
    _check(camera in CAMERAS, f"camera {camera!r} does not exist: choose 11k or hd")
    _check(shot >= 0, f"shot is {shot}: number the photographs from 0")
    _check(size >= 64, f"size is {size}: a hand needs at least 64 pixels")
    scene = _stage(person, view, shot, seed, camera)
    rng = np.random.default_rng([seed, person.seed, person.subject, VIEWS.index(view), shot, 1])
    return _develop(_picture(person, scene, size, rng), scene, rng), _caption(person, scene)


def _picture(who: Person, scene: _Scene, size: int, rng: Rng) -> Array:
    """[size, size, 3] linear light that reaches the camera."""
    scale = scene.length * size / HAND_LENGTH
    form = _form(who, scene, size, scale)
    inside = np.flatnonzero(form.distance < 1.5 / scale)
    level = int(math.log2(max(1.0, RESOLUTION / scale)))
    skin = _look_up(form, _atlas(who, scene.hand, scene.palmar, level), inside, 2**level)
    form.height.ravel()[inside] += skin[:, RELIEF]
    diffuse, gloss = _shade(form.height, scene, inside, scale)
    colour = _albedo(who, scene, skin) * diffuse + (gloss * (0.03 + 0.10 * skin[:, NAIL]))[:, None]
    if scene.ring is not None:
        _wear_ring(colour, form, scene, who, inside)
    cover = np.clip(0.5 - form.distance * scale, 0, 1)
    image = _background(cover, scene, scale, rng)
    flat = image.reshape(-1, 3)
    flat[inside] += (colour - flat[inside]) * cover.ravel()[inside][:, None]
    return image


def _caption(who: Person, scene: _Scene) -> dict:
    """Plain words and numbers that a caption may use."""
    fingers = who.bones[scene.hand, 1:].sum()
    across, down, above = (float(part) for part in scene.light)
    side = ("left", "right")[across > 0] if abs(across) > abs(down) else ("top", "bottom")[down > 0]
    long = fingers / who.metacarpals[scene.hand].sum()
    slender = who.breadths[scene.hand, 1:, 1].sum() / fingers
    return {
        "hand": ("right", "left")[scene.hand],
        "aspect": "palmar" if scene.palmar else "dorsal",
        "gender": who.gender,
        "age": who.age,
        "skin_color": who.skin_color,
        "pose": _word(scene.spread, (0.45, 0.85), "closed relaxed spread"),
        "spread": round(scene.spread, 3),
        "rotation_degrees": round(scene.turn, 1),
        "light": f"{_word(above, (0.82, 0.915), 'low slanting high')} light from the {side}",
        "light_direction": [round(part, 3) for part in (across, down, above)],
        "finger_length": _word(long, (1.29, 1.318), "short medium long"),
        "finger_width": _word(slender, (0.113, 0.12), "slender medium broad"),
        "veins": _word(who.veins, (0.39, 0.62), "faint visible prominent"),
        "creases": _word(who.wrinkles, (0.9, 1.1), "fine clear deep"),
        "nail_polish": int(scene.polish is not None),
        "nail_color": scene.polish or "none",
        "accessories": int(scene.ring is not None),
        "ring_finger": "none" if scene.ring is None else DIGITS[scene.ring],
    }


def _word(value: float, limits: tuple[float, float], words: str) -> str:
    """The first of three words below the lower limit, the last above the upper one."""
    return words.split()[int(value > limits[0]) + int(value > limits[1])]


# ---------------------------------------------------------------------------------------- on disk


def _check(holds: bool, sentence: str) -> None:
    """Refuse with one sentence."""
    if not holds:
        raise ValueError(sentence)


def _check_counts(subjects: int, images: int, size: int) -> None:
    """Refuse sets too small to study."""
    _check(subjects >= 2, f"subjects is {subjects}: at least 2 people are needed to tell apart")
    _check(images >= 2, f"images is {images}: at least 2 are needed, to search for and to be found")
    _check(size >= 64, f"size is {size}: a hand needs at least 64 pixels")


@contextmanager
def _complete_or_nothing(root: Path) -> Iterator[Path]:
    """A sibling folder to write into: renamed to ``root`` if all went well, removed if not."""
    taken = f"{root} already holds data: remove it or choose another folder"
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise FileExistsError(taken)
    draft = root.parent / f".{root.name}.partial-{os.getpid()}"
    try:
        draft.mkdir(parents=True)
        yield draft
        os.replace(draft, root)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise OSError(errno.ENOSPC, f"the disk is full: make room to write {root}") from error
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):  # another process was faster
            raise FileExistsError(taken) from error
        raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_person(seed: int, subject: int, camera: str, size: int, jobs: list) -> dict[str, dict]:
    """Write one person's (view, shot, path) photographs; returns {path: caption}."""
    who, captions = person(seed, subject), {}
    for view, shot, path in jobs:
        image, captions[path] = photograph(who, view, shot, size=size, seed=seed, camera=camera)
        Image.fromarray(image).save(path, quality=92, subsampling=0)
    return captions


def _write_people(tasks: list[tuple], workers: int | None, progress: bool) -> dict[str, dict]:
    """Run ``_write_person`` on every task; returns {path: caption}, whatever the order."""
    captions: dict[str, dict] = {}
    total = sum(len(task[-1]) for task in tasks)
    hidden = {"mininterval": 1, "disable": not progress}
    with tqdm(total=total, desc="drawing hands", unit="image", **hidden) as bar:
        for done in _results(tasks, min(workers or os.cpu_count() or 1, len(tasks))):
            captions.update(done)
            bar.update(len(done))
    return captions


def _results(tasks: list[tuple], workers: int) -> Iterator[dict[str, dict]]:
    """Results of the tasks as they come, from this process or from ``workers`` others."""
    if workers == 1:
        yield from (_write_person(*task) for task in tasks)
        return
    # Forked workers need no importable __main__: notebooks and piped scripts work too.
    context = get_context("fork" if sys.platform == "linux" else None)
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = [pool.submit(_write_person, *task) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def write_11k(  # noqa: PLR0913 - one argument for each thing a user may want to choose
    root: str | Path,
    *,
    subjects: int,
    images: int,
    size: int = 256,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Write a data set as 11k Hands lies on disk: HandInfo.csv and Hands/Hand_0000001.jpg onwards.

    Args:
        root: folder to make, with its parents.
        subjects: number of people, >= 2.
        images: photographs a person and view on average, >= 2; two at least wear no ring.
        size: of the square photographs in pixels, >= 64.
        seed: of people and photographs, >= 0.
        workers: processes, all cores if None; the files do not depend on it.
        progress: whether to show a bar.

    Returns:
        ``root``.

    Raises:
        ValueError: if a count or the size is too small.
        FileExistsError: if ``root`` already holds something.
        OSError: if the disk is full; nothing is left then.
    """
    _check_counts(subjects, images, size)
    root, number, tasks = Path(root), 0, []
    with _complete_or_nothing(root) as draft:
        (draft / "Hands").mkdir()
        for subject in range(subjects):
            rng, jobs = np.random.default_rng([seed, subject, 9]), []
            for view in VIEWS:
                n_shots = images + (int(rng.integers(-1, 2)) if images > 2 else 0)
                for shot in range(n_shots):
                    number += 1
                    jobs.append((view, shot, str(draft / "Hands" / f"Hand_{number:07d}.jpg")))
            tasks.append((seed, subject, "11k", size, jobs))
        captions = _write_people(tasks, workers, progress)
        _write_table(draft / "HandInfo.csv", tasks, captions)
    return root


def _write_table(path: Path, tasks: list[tuple], captions: dict[str, dict]) -> None:
    """Write HandInfo.csv, words quoted and numbers not, as the original is."""
    with path.open("w", newline="") as file:
        file.write(HEADER + "\n")
        table = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        for _, subject, _, _, jobs in tasks:
            for view, _, image in jobs:
                known = captions[image]
                row = [f"{subject:07d}", known["age"], known["gender"], known["skin_color"]]
                row += [known["accessories"], known["nail_polish"], view, Path(image).name, 0]
                table.writerow(row)


def write_hd(  # noqa: PLR0913 - one argument for each thing a user may want to choose
    root: str | Path,
    *,
    subjects: int,
    distractors: int,
    images: int,
    size: int = 256,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Write a data set as PolyU HD lies on disk: Original Images/1-501 and Original Images/502-712.

    Backs of mostly right hands of other people than ``write_11k`` draws, closer, on a grey ground.
    The later half of the subjects (54 at most) is numbered from 448, the real set's cut-off.

    Args:
        root: folder to make, with its parents.
        subjects: people to find, 2 to 501.
        distractors: people who only fill the gallery, 0 to 211.
        images: photographs a person, >= 2.
        size: of the square photographs in pixels, >= 64.
        seed: of people and photographs, >= 0.
        workers: processes, all cores if None; the files do not depend on it.
        progress: whether to show a bar.

    Returns:
        ``root``.

    Raises:
        ValueError: if a count is out of range or the size too small.
        FileExistsError: if ``root`` already holds something.
        OSError: if the disk is full; nothing is left then.
    """
    _check_counts(subjects, images, size)
    _check(subjects <= 501, f"subjects is {subjects}: HD has places for 2 to 501")
    _check(0 <= distractors <= 211, f"distractors is {distractors}: HD has places for 0 to 211")
    late = min(subjects // 2, 54)
    early = range(1, subjects - late + 1)
    root, tasks = Path(root), []
    with _complete_or_nothing(root) as draft:
        folders = [draft / "Original Images" / name for name in ("1-501", "502-712")]
        for folder in folders:
            folder.mkdir(parents=True)
        for number in [*early, *range(448, 448 + late), *range(502, 502 + distractors)]:
            view = VIEWS[int(np.random.default_rng([seed, number, 8]).random() < 0.1)]
            folder = folders[number > 501]
            files = [str(folder / f"{number}_{shot + 1}.jpg") for shot in range(images)]
            jobs = [(view, shot, file) for shot, file in enumerate(files)]
            tasks.append((seed, 1_000_000 + number, "hd", size, jobs))
        _write_people(tasks, workers, progress)
    return root
