"""Draw hands: the embedded data set, laid out on disk exactly as 11k Hands and PolyU HD are.

A person is a set of numbers (bones, breadths, creases, veins, moles); a photograph adds what is
not the person: pose, place, light, camera. Not a model of real people, and no evidence about them:
figures measured on these hands show that a study runs, not how well a method identifies anyone.
Beside real photographs these look drawn: the skin lacks pores and its finest lines, the thumb never
turns out of the plane, no finger bends towards the camera, the webs between spread fingers and the
sleeves are too plain, and the folds of the thenar that a moving thumb makes are missing.

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
# Lengths and breadths of women's and men's hands against the mean of both, and their spread:
# Gordon et al. 1989, Anthropometric Survey of U.S. Army Personnel: hand length 180.5 and 193.8 mm,
# breadth 79.4 and 90.4 mm. The spread is rounded; a breadth here is against the length.
LENGTHS, BREADTHS_BY_GENDER, SPREAD = (0.965, 1.035), (0.97, 1.03), 0.05
# From here on ours, fitted by eye to photographs.
FINGERTIP = 4.0  # soft tissue beyond the last bone
BASES = np.array([[-19, 8], [-15, 20], [-2.5, 21], [10, 19], [20, 15]])  # metacarpals begin here
SPLAY = np.array([-8.5, -1.5, 6.0, 13.0])  # degrees of the metacarpals from the hand's axis
CLOSED = np.array([3.5, 0.5, -3.0, -5.0])  # degrees of the fingers when spread is 0
FAN = np.array([-9.0, -2.0, 6.0, 15.0])  # degrees of the fingers when spread is 1
LEANS = np.array([[0, 4, -8], [0, 1, 2], [0, 0, 1], [0, -1, -2], [0, -2, -3]])  # degrees
BREADTHS = np.array([9.2, 8.9, 9.1, 8.5, 7.4])  # half breadths of the digits; the thumb's sidewise
# Seven knots along a digit, in half breadths: root, mid-bone, joint, mid-bone, joint, pulp, tip.
THUMB, FINGER = [1.5, 1.3, 1.1, 0.96, 1, 0.98, 0.72], [1.06, 0.99, 1.03, 0.97, 0.98, 0.96, 0.82]
PROFILE = np.array([THUMB, *4 * [FINGER]])
# What a frame is fitted to; the point that `centre` places; the tip of a mean hand's middle finger.
HAND_LENGTH, HAND_MIDDLE, HAND_TIP = 188.0, 84.0, 178.0

# Linear reflectance of the back (medians of a sample of 11k), and the share of the word in 11k.
SKINS = {
    "very fair": ((0.75, 0.50, 0.38), 0.08),
    "fair": ((0.66, 0.415, 0.285), 0.38),
    "medium": ((0.53, 0.325, 0.19), 0.41),
    "dark": ((0.36, 0.19, 0.11), 0.13),
}
CUTS = (-0.45, 0.45)  # of z, for words: a third of the people below, between and above
LOOKS = ("redness", "knuckles", "veins", "creases", "hair", "texture")
# Mean and spread of what `_measures` measures, over 20,000 people: what z-scores are taken against.
POPULATION = {
    "finger_length": (0.2634, 0.0479), "finger_width": (-3.6532, 0.0915),
    "palm_width": (-1.4545, 0.0663), "thumb_length": (-0.8982, 0.0598),
    "index_against_ring": (-0.0257, 0.0203), "little_finger_length": (-1.3239, 0.0492),
    "skin_lightness": (-0.9612, 0.2809), "skin_redness": (0.0, 1.0), "knuckle_darkness": (0.0, 1.0),
    "nail_length": (0.2988, 0.1641), "nail_width": (-0.274, 0.1023), "vein_visibility": (0.0, 1.0),
    "crease_depth": (0.0, 1.0), "hairiness": (0.0, 1.0), "texture": (0.0, 1.0),
}  # fmt: skip


@dataclass(frozen=True, eq=False)  # compared by identity, so that the atlas can be cached by person
class Person:
    """Everything that is the person's; the first axis of an array is the hand, right then left.

    Attributes:
        seed: of the population that the person belongs to.
        subject: number of the person in it.
        age: years.
        gender: ``male`` or ``female``.
        skin_color: one of the four words of 11k.
        skin: [3] linear reflectance of the skin of the back.
        stature: size against the mean hand, no unit.
        bones: [2, 5, 3] lengths of the posed bones of each digit.
        metacarpals: [2, 4] lengths, of the fingers.
        palms: [2] breadth of the palm against the mean, no unit.
        breadths: [2, 5, 7] half breadths along each digit, at the knots of PROFILE.
        bases: [2, 5, 2] where the metacarpals begin.
        leans: [2, 5, 3] sideways deviation of each bone from the one before, degrees.
        nails: [2, 5, 3] length, half breadth and moon of each nail, in half breadths of the digit.
        look: for each of LOOKS, how much of it the skin shows; standard normal.
        freckled: whether freckles cover the backs.
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
    palms: Array
    breadths: Array
    bases: Array
    leans: Array
    nails: Array
    look: dict[str, float]
    freckled: bool
    ring: tuple[int, int] | None
    polish: bool


def _both_hands(rng: Rng, *shape: int, alike: float = 0.8) -> Array:
    """[2, *shape] standard normals; those of the two hands correlate by ``alike``."""
    shared = rng.standard_normal(shape)
    return math.sqrt(alike) * shared + math.sqrt(1 - alike) * rng.standard_normal((2, *shape))


def person(seed: int, subject: int) -> Person:
    """One person of the population ``seed``; the same two numbers always give the same person.

    Men's hands are larger, broader and hairier, and their index finger is shorter against the ring
    finger (Manning's 2D:4D); the size of most spreads is ours. Skin colour depends on nothing else.

    Args:
        seed: of the population, >= 0.
        subject: number of the person, >= 0.
    """
    rng = np.random.default_rng([seed, subject, 1])
    male = bool(rng.random() < 0.5)
    stature = LENGTHS[male] * math.exp(SPREAD * rng.standard_normal())
    breadth = stature * BREADTHS_BY_GENDER[male] * math.exp(0.07 * rng.standard_normal())
    bones = np.exp(0.04 * _both_hands(rng, 5, 3) + 0.035 * _both_hands(rng, 5, 1))
    bones = stature * BONES * bones * np.exp(0.04 * _both_hands(rng, 1, 1))
    bones[:, 1] *= 0.995 if male else 1.01
    palms = BREADTHS_BY_GENDER[male] * np.exp(SPREAD * _both_hands(rng))
    bases = stature * BASES * np.stack([palms, np.ones(2)], axis=1)[:, None]
    bases += 1.2 * _both_hands(rng, 5, 2)
    breadths = np.exp(0.035 * _both_hands(rng, 5, 1) + 0.03 * _both_hands(rng, 5, 7))
    word = str(rng.choice(list(SKINS), p=[share for _, share in SKINS.values()]))
    look = dict(zip(LOOKS, rng.standard_normal(len(LOOKS)).tolist(), strict=True))
    look["hair"] = 0.8 * look["hair"] + (0.6 if male else -0.6)  # mean 0 and spread 1 over both
    tone = 0.12 * rng.standard_normal() + look["redness"] * np.array([0.02, -0.05, 0.03])
    nails = np.array([0.08, 0.05, 0.3]) * _both_hands(rng, 5, 3)
    nails += np.array([0.16, 0.10, 0.4]) * _both_hands(rng, 1, 3)
    ring = (int(rng.integers(2)), int(rng.choice([2, 3, 3, 4]))) if rng.random() < 0.3 else None
    return Person(
        seed=seed, subject=subject, age=int(np.clip(rng.gamma(4, 4) + 17, 18, 75)),
        gender="male" if male else "female", skin_color=word,
        skin=np.array(SKINS[word][0]) * np.exp(tone), stature=stature, bones=bones,
        metacarpals=stature * METACARPALS * np.exp(0.03 * _both_hands(rng, 4)), palms=palms,
        breadths=breadth * BREADTHS[:, None] * PROFILE * breadths, bases=bases,
        leans=LEANS + np.array([1.7, 1.7, 2.2]) * _both_hands(rng, 5, 3),
        nails=np.array([1.35, 0.76, 0.3]) * np.exp(nails), look=look,
        freckled=bool(rng.random() < (0.3 if "fair" in word else 0.05)), ring=ring,
        polish=bool(rng.random() < (0.02 if male else 0.25)),
    )  # fmt: skip


def _measures(who: Person, hand: int) -> dict[str, float]:
    """What can be seen of a hand, in numbers without a unit; ``_z`` compares them with others'."""
    bones, palm = who.bones[hand].sum(axis=1), who.metacarpals[hand].sum()
    heads, nails = _knuckles(who, hand), np.log(who.nails[hand]).mean(axis=0)
    return {
        "finger_length": math.log(bones[1:].sum() / palm),
        "finger_width": math.log(who.breadths[hand, 1:].mean() / bones[1:].sum()),
        "palm_width": math.log((heads[3, 0] - heads[0, 0]) / palm),
        "thumb_length": math.log(bones[0] / palm),
        "index_against_ring": (bones[1] - bones[3]) / palm,
        "little_finger_length": math.log(bones[4] / bones[1:4].sum()),
        "skin_lightness": math.log(who.skin @ [0.21, 0.72, 0.07]),
        "skin_redness": who.look["redness"],
        "knuckle_darkness": who.look["knuckles"],
        "nail_length": nails[0],
        "nail_width": nails[1],
        "vein_visibility": who.look["veins"],
        "crease_depth": who.look["creases"],
        "hairiness": who.look["hair"],
        "texture": who.look["texture"],
    }


def _z(who: Person, hand: int) -> dict[str, float]:
    """The measures of a hand against the population: 0 is the mean, 1 a standard deviation."""
    seen = {name: (value, *POPULATION[name]) for name, value in _measures(who, hand).items()}
    return {name: round(float((value - mean) / sd), 3) for name, (value, mean, sd) in seen.items()}


def _knuckles(who: Person, hand: int) -> Array:
    """[4, 2] heads of the fingers' metacarpals in the hand's frame."""
    splay = np.radians(SPLAY * who.palms[hand])
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
    (9, (4.0, 3.4, 2.2), (0.62, 0.14), 0.9, (0.0, 1.0, 0.6), 0.65),
    (3, (1.3, 0.9, 0.7), (0.8, 0.18), 1.0, (0.8, 1.0, 0.8), 0.45),
)
# Heart, head, life and fate line and two lines across the wrist: control points in a mean hand.
PALM_LINES = np.array([
    [[44, 62], [24, 54], [4, 62], [-13, 87]], [[-35, 70], [-14, 69], [8, 60], [27, 38]],
    [[-35, 67], [-8, 64], [6, 38], [-9, 8]], [[2, 13], [5, 32], [0, 52], [-2, 70]],
    [[-27, 0], [-8, -4], [8, -4], [27, 1]], [[-26, -7], [-8, -11], [8, -11], [26, -6]],
])  # fmt: skip
PALM_DEPTHS = np.array([1.1, 1.0, 1.15, 0.35, 0.6, 0.45])
VEIN_ROOTS = np.array([[-22, -45], [-9, -50], [4, -50], [14, -45], [22, -40]])
VEIN_GOALS = np.array([[-24, 66], [-13, 83], [6, 81], [24, 71], [33, 53]])
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
    """A digit's part of the atlas (a view), how far along [H, 1] and across [1, W] pixels lie."""
    first = PALM_COLUMNS + digit * DIGIT_COLUMNS
    along = (np.arange(ROWS, dtype=np.float32) - 4) / RESOLUTION
    across = (np.arange(DIGIT_COLUMNS, dtype=np.float32) - DIGIT_COLUMNS / 2) / RESOLUTION
    return atlas[:, first : first + DIGIT_COLUMNS], along[:, None], across[None]


def _bezier(control: Array, n_points: int) -> Array:
    """[K, n_points, 2] points on K cubic curves given by [K, 4, 2] control points."""
    t = np.linspace(0, 1, n_points)[:, None]
    basis = np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3])
    return np.einsum("tc,kcd->ktd", basis, control)


def _lines(strokes: Strokes, sigma: float) -> Array:
    """[ROWS, COLUMNS] strokes that thin at their ends; blur by ``sigma`` gives their depth."""
    curves, depths = strokes
    steps = np.linalg.norm(np.gradient(curves, axis=1), axis=2)
    taper = np.sqrt(np.sin(np.linspace(0.12, math.pi - 0.12, curves.shape[1])))
    weights = (steps * taper * depths[:, None]).ravel() * math.sqrt(2 * math.pi) * sigma
    return _splat(curves.reshape(-1, 2), weights)


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
        wide, n = np.moveaxis(np.pad(image, pad, mode="edge"), axis, 0), image.shape[axis]
        image = wide[reach : reach + n] * kernel[reach]
        for i, weight in enumerate(kernel[:reach]):  # the kernel is symmetric
            both = wide[i : i + n] + wide[2 * reach - i : 2 * reach - i + n]
            both *= weight
            image += both
        image = np.moveaxis(image, 0, axis)
    return image


def _clouds(rng: Rng, shape: tuple[int, int], cell: tuple[float, float]) -> Array:
    """Smooth noise of about unit strength whose features measure ``cell`` pixels."""
    coarse = [int(length / size) + 3 for length, size in zip(shape, cell, strict=True)]
    noise = rng.standard_normal(coarse, dtype=np.float32) * np.float32(1.35)
    for axis in (1, 0):
        noise = _stretch(noise, np.arange(shape[axis]) / cell[axis], axis)
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
    offset = np.linspace(-1.6, 1.6, n_strokes) + 0.35 * noise[0]
    offset = np.array(scatter)[:, None] * offset
    half = who.breadths[hand][:, [1, 2, 4], None] * (reach[0] + reach[1] * noise[1])
    bow = (0.5 if palmar else 0.4) * noise[2] + (0 if palmar else 0.3) * offset  # oval whorls
    wave = noise[3][..., None] * np.array([-0.6, 0.5, -0.4, 0.6])
    along = (joints + offset)[..., None] + bow[..., None] * np.array([-0.6, 0.8, 0.8, -0.6]) + wave
    across = half[..., None] * np.array([-1, -0.33, 0.33, 1]) + aside * noise[4][..., None]
    control = _on_digit(np.arange(5).reshape(5, 1, 1, 1), along, across)
    depths = np.array(strength)[:, None] * np.clip(depth + 0.4 * noise[5], 0, 1.4)
    depths[0, 1] *= 0.35  # the thumb's knuckle is smooth
    return _bezier(control.reshape(-1, 4, 2), 48), depths.ravel()


def _palm_lines(who: Person, hand: int, rng: Rng) -> Strokes:
    """The main lines of the palm and the two across the wrist."""
    control = PALM_LINES + 3.2 * _both_hands(rng, 6, 4, 2, alike=0.6)[hand]
    depths = np.clip(PALM_DEPTHS + 0.3 * _both_hands(rng, 6, alike=0.6)[hand], 0.05, 2.0)
    curves, t = _bezier(who.stature * control, 260), np.linspace(0, 1, 260)
    phase, speed = rng.uniform(0, 6.3, (6, 1, 2)), rng.uniform(15, 40, (6, 1, 2))
    curves += 0.2 * np.sin(speed * t[:, None] + phase)
    return _on_palm(curves), depths


def _palm_wrinkles(who: Person, hand: int, rng: Rng) -> Strokes:
    """Many short lines all over the palm."""
    noise = _both_hands(rng, 46, 13, alike=0.35)[hand]
    centres = np.array([2, 44]) + np.array([15, 22]) * noise[:, :2]
    turn, reach = 1.1 + 0.9 * noise[:, 2], np.abs(7 + 5 * noise[:, 3])
    way = np.stack([np.cos(turn), np.sin(turn)], axis=-1) * reach[:, None]
    control = centres[:, None] + way[:, None] * np.array([-1, -0.4, 0.4, 1])[:, None]
    control = control + 1.2 * noise[:, 4:12].reshape(-1, 4, 2)
    return _bezier(_on_palm(who.stature * control), 80), np.clip(0.28 + 0.16 * noise[:, 12], 0, 0.8)


def _knuckle_creases(who: Person, hand: int, rng: Rng) -> Strokes:
    """Short lines across the knuckles, on the palm's chart of the back."""
    noise = _both_hands(rng, 4, 9, 4, alike=0.5)[hand]
    middles = _knuckles(who, hand)[:, None] + np.array([2.2, 4.0]) * noise[..., :2]
    reach = (2.6 + 0.8 * noise[..., 2])[..., None, None] * np.array([-1, -0.3, 0.3, 1])[:, None]
    control = middles[:, :, None] + reach * np.array([1.0, 0.12])
    control[..., 1:3, 1] += 0.6 * noise[..., 3, None]
    return _bezier(_on_palm(control.reshape(-1, 4, 2)), 24), np.full(36, 0.4)


def _veins(who: Person, hand: int, rng: Rng) -> Strokes:
    """Veins of the back: five from the wrist to between the knuckles, three joining neighbours."""
    first, lift = np.append(np.arange(5), rng.integers(0, 4, 3)), rng.uniform(0.35, 0.6, (8, 1))
    last, lift[:5] = np.append(np.arange(5), first[5:] + 1), 0
    start, end = VEIN_ROOTS[first], VEIN_GOALS[last]
    start = start + lift * (VEIN_GOALS[first] - start)
    control = start[:, None] + (end - start)[:, None] * np.array([0, 0.33, 0.67, 1])[:, None]
    control = control + np.array([3.5, 4.0]) * _both_hands(rng, 8, 4, 2, alike=0.4)[hand]
    curves = _bezier(control, 120)
    phase, swing = rng.uniform(0, 6.3, (8, 1)), rng.uniform(0, 1.6, (8, 1))
    curves[..., 0] += swing * np.sin(np.linspace(0, 1, 120) * (9 + phase) + phase)
    strengths = np.clip(0.6 + 0.4 * _both_hands(rng, 8, alike=0.4)[hand], 0.05, 1.3)
    return _on_palm(who.stature * curves), strengths


def _hairs(who: Person, rng: Rng) -> Strokes:
    """Hairs of the back: over its outer half and on the fingers' first bones."""
    much = float(np.clip(who.look["hair"] + 0.2, 0, 2.3))
    n_palm, n_digits = int(260 * much), int(110 * much)
    palm = _on_palm(who.stature * (rng.uniform([-22, -50], [38, 72], (n_palm, 2))))
    digit, aside = rng.integers(1, 5, n_digits), 4.0 * rng.standard_normal(n_digits)
    roots = np.vstack([palm, _on_digit(digit, rng.uniform(14, 31, n_digits), aside)])
    way = RESOLUTION * rng.normal([2.6, 4.6], 1.1, (len(roots), 2))
    curves = roots[:, None] + way[:, None] * np.linspace(0, 1, 8)[:, None]
    return curves, rng.uniform(0.06, 0.28, len(roots))


def _tendons(who: Person, hand: int) -> Strokes:
    """Ridges from the knuckles towards the middle of the wrist."""
    heads = _knuckles(who, hand)
    goals = np.array([[-6, 2], [-2, 2], [2, 2], [6, 2]]) * who.stature
    parts = np.array([0.03, 0.35, 0.65, 0.9])[:, None]
    control = heads[:, None] + (goals - heads)[:, None] * parts
    return _bezier(_on_palm(control), 200), np.full(4, 0.5)


# ---------------------------------------------------------------- what the skin carries: the atlas


def _hill(at: Array, wide: float, tall: float, who: Person) -> Array:
    """[ROWS, PALM_COLUMNS] a hill of height 1 on the palm's chart, in a mean hand's mm."""
    x = (np.arange(PALM_COLUMNS, dtype=np.float32) / RESOLUTION + PALM_CORNER[0]) - at[0]
    y = (np.arange(ROWS, dtype=np.float32) / RESOLUTION + PALM_CORNER[1]) - at[1]
    column = np.exp(-((y / np.float32(tall * who.stature)) ** 2))
    return column[:, None] * np.exp(-((x / np.float32(wide * who.stature)) ** 2))


def _mounds(who: Person, hand: int, palmar: bool) -> Array:
    """[ROWS, PALM_COLUMNS] heights of the large forms: the palm's mounds or the back's knuckles."""
    forms = list(MOUNDS)
    if not palmar:
        heads = _knuckles(who, hand) / who.stature
        forms = [(-24, 46, 9, 14, 1.6), (0, 34, 22, 24, 1.5)]
        forms += [(*(head - [0, 2]), 6.5, 8.0, 2.6) for head in heads]
        forms += [(*((a + b) / 2 - [0, 6]), 3.6, 12.0, -1.4) for a, b in pairwise(heads)]
    return sum(
        size * _hill(np.array([x, y]) * who.stature, wide, tall, who)
        for x, y, wide, tall, size in forms
    )


def _tint_digits(atlas: Array, who: Person, hand: int, palmar: bool) -> None:
    """Redden the fingertips; narrow the digit at its joints in front, darken them on the back."""
    dark = 0.0 if palmar else 0.22 * math.exp(0.6 * who.look["knuckles"])
    for digit in range(5):
        chart, along, across = _digit_chart(atlas, digit)
        ends = np.cumsum(who.bones[hand, digit])
        tip = np.exp(-(((along - ends[2]) / 9) ** 2))
        narrow = sum(np.exp(-(((along - at) / 2.0) ** 2)) for at in ends[:2])
        oval = np.exp(-(((along - ends[0]) / 6.5) ** 2)) + 0.7 * np.exp(
            -(((along - ends[1]) / 4.0) ** 2)
        )
        oval = oval * np.exp(-((across / 8) ** 4)) * (0.5 if digit == 0 else 1)
        chart[..., RELIEF] -= 0.6 * palmar * narrow
        chart[..., MELANIN] += dark * oval
        chart[..., BLOOD] += 0.28 * tip if palmar else 0.12 * tip + 0.07 * oval


def _tint_palm(atlas: Array, who: Person, hand: int, palmar: bool) -> None:
    """Redden the mounds of the palm, or redden and darken the knuckles of the back."""
    mounds = np.clip(atlas[:, :PALM_COLUMNS, RELIEF], 0, 3)
    atlas[:, :PALM_COLUMNS, BLOOD] += (0.06 if palmar else 0.02) * mounds
    if not palmar:
        knots = sum(_hill(head - [0, 1], 6.0, 6.0, who) for head in _knuckles(who, hand))
        atlas[:, :PALM_COLUMNS, MELANIN] += 0.13 * math.exp(0.6 * who.look["knuckles"]) * knots
        atlas[:, :PALM_COLUMNS, BLOOD] += 0.10 * knots


def _moles(who: Person, hand: int, palmar: bool) -> tuple[Array, Array]:
    """Which chart (-1 is the palm's) each of N moles lies on, and its [N, 2] place there in mm."""
    rng = np.random.default_rng([who.seed, who.subject, 6 + palmar, hand])
    charts = rng.integers(-4, 5, rng.poisson(0.7 if palmar else 5)).clip(-1)
    places = who.stature * rng.uniform([-24, -30], [32, 76], (len(charts), 2))
    digit = rng.uniform([0.35, -0.5], [1.3, 0.5], (len(charts), 2))
    digit *= np.stack([who.bones[hand, charts, 0], who.breadths[hand, charts, 1]], axis=1)
    return charts, np.where(charts[:, None] < 0, places, digit)


def _speckle(atlas: Array, who: Person, hand: int, palmar: bool) -> None:
    """Moles, freckles, hairs, mottling and grain; each hand has its own."""
    rng = np.random.default_rng([who.seed, who.subject, 4 + palmar, hand])
    charts, places = _moles(who, hand, palmar)
    points = np.where(charts[:, None] < 0, _on_palm(places), _on_digit(charts, *places.T))
    corners = np.array([[-0.6, 0], [0.6, 0], [0, -0.6], [0, 0.6]])
    points = (points[:, None] + corners).reshape(-1, 2)
    weights = np.repeat(2.2 * np.exp(0.35 * rng.standard_normal(len(charts))), 4)
    n_freckles = 260 if who.freckled and not palmar else 0
    points = np.vstack([points, rng.random((n_freckles, 2)) * [COLUMNS, ROWS]])
    weights = np.append(weights, rng.uniform(0.3, 1.3, n_freckles))
    spots = _splat(points, weights)
    if not palmar:
        spots += _lines(_hairs(who, rng), 0.6)
    atlas[..., MELANIN] += _blur(spots, 0.6)
    fine = _clouds(rng, (ROWS, COLUMNS), (1.3, 2.2))  # the lines of the skin run mostly across
    patches, grain = (_clouds(rng, (ROWS, COLUMNS), (cell, cell)) for cell in (14, 4.5))
    rough = math.exp(0.6 * who.look["texture"])
    atlas[..., MELANIN] += 0.035 * grain + (0.015 if palmar else 0.04) * rough * fine
    atlas[..., BLOOD] += (0.06 if palmar else 0.04) * patches + (0.03 if palmar else 0.03) * grain
    atlas[..., RELIEF] += (0.04 if palmar else 0.085) * rough * fine + 0.05 * grain


def _draw_nails(atlas: Array, who: Person, hand: int) -> None:
    """Lay the five nails on the back's atlas: cover, fold around it, moon, pale free edge."""
    for digit in range(5):
        chart, along, across = _digit_chart(atlas, digit)
        length, breadth, moon = who.nails[hand, digit] * who.breadths[hand, digit, 5]
        if digit == 0:  # the thumb lies on its side
            across, breadth = across + 0.42 * who.breadths[hand, 0, 5], 0.75 * breadth
        middle = who.bones[hand, digit].sum() + FINGERTIP - 0.7 - length / 2
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
def _atlas(who: Person, hand: int, palmar: bool, level: int) -> Array:
    """[rows, columns, 5] the skin of one side of one hand, halved ``level`` times."""
    if level:
        fine = _atlas(who, hand, palmar, level - 1)
        fine = fine[: len(fine) // 2 * 2, : fine.shape[1] // 2 * 2]
        return (fine[::2, ::2] + fine[1::2, ::2] + fine[::2, 1::2] + fine[1::2, 1::2]) / 4
    rng = np.random.default_rng([who.seed, who.subject, 2 + palmar])
    atlas = np.zeros((ROWS, COLUMNS, 5), np.float32)
    atlas[:, :PALM_COLUMNS, RELIEF] = _mounds(who, hand, palmar)
    _tint_palm(atlas, who, hand, palmar)
    _tint_digits(atlas, who, hand, palmar)
    creases = _lines(_joint_creases(who, hand, palmar, rng), 0.6)
    if palmar:
        creases += _lines(_palm_lines(who, hand, rng), 0.75)
        creases += _lines(_palm_wrinkles(who, hand, rng), 0.6)
    else:
        creases += _lines(_knuckle_creases(who, hand, rng), 0.6)
        veins = _blur(_lines(_veins(who, hand, rng), 2.6), 2.6)
        veins *= 0.55 / (1 + math.exp(-1.3 * who.look["veins"]))
        atlas[..., VEIN] = veins
        atlas[..., RELIEF] += 2 * veins + _blur(_lines(_tendons(who, hand), 3.0), 3.0)
    creases = np.minimum(_blur(creases, 0.6), 1.2) * math.exp(0.3 * who.look["creases"])
    strengths = np.array([-0.40, 0.50, 0.15] if palmar else [-0.45, 0.6, 0.15], np.float32)
    atlas[..., : len(strengths)] += creases[..., None] * strengths  # relief, melanin, blood
    _speckle(atlas, who, hand, palmar)
    if not palmar:
        _draw_nails(atlas, who, hand)
    return atlas


# ------------------------------------------------------------------------- what a photograph adds

POLISHES = {
    "red": (0.55, 0.02, 0.04), "pink": (0.80, 0.30, 0.42), "dark": (0.05, 0.01, 0.03),
    "blue": (0.05, 0.10, 0.40), "white": (0.85, 0.82, 0.80), "nude": (0.68, 0.42, 0.34),
}  # fmt: skip
METALS = ((0.80, 0.56, 0.20), (0.62, 0.62, 0.64))
SLEEVES = {"black": (0.02, 0.02, 0.025), "blue": (0.05, 0.08, 0.18), "red": (0.5, 0.03, 0.06)}
# Length of a mean hand and place of its fingertip in frame heights, both over the same range of
# nearness; spread of its turn in degrees; reflectance of the background; and how much of all that a
# photograph adds. At 0.45 the photographs of one person vary as in the real sample (standard
# deviation within a person: area 0.017 of the frame, place 0.030 and 0.025 of its height, log
# luminance 0.034), but nothing is shared by a session, as it is there. "wild" is for pre-training.
CAMERAS = {
    "11k": ((0.78, 1.15), (0.68, 0.96), 6.0, (1.1, 1.6), 0.45),
    "hd": ((1.05, 1.30), (0.85, 0.97), 6.0, (0.22, 0.42), 0.45),
    "wild": ((0.78, 1.15), (0.68, 0.96), 6.0, (1.1, 1.6), 1.0),
}


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
    centre: Array  # [2] where HAND_MIDDLE lies, in frame heights
    length: float  # of a mean hand, in frame heights
    light: Array  # [3] unit vector towards the light
    ambient: float  # share of the light without direction
    shadow: float  # depth of the cast shadow
    gains: Array  # [3] exposure and white balance
    ground: Array  # [3] reflectance of the background
    corners: Array  # [3] how much of it is lost towards the upper corners
    blur: float  # pixels of a frame 240 pixels high
    noise: float  # standard deviation, of full scale
    polish: str | None
    ring: int | None  # digit
    metal: int
    sleeve: str | None
    cuff: float  # where on the forearm the sleeve ends, mm in the hand's frame


def _stage(who: Person, view: str, shot: int, seed: int, camera: str) -> _Scene:
    """Draw pose, place, light and camera of one photograph."""
    rng = np.random.default_rng([seed, who.seed, who.subject, VIEWS.index(view), shot])
    aspect, side = view.split()
    hand, palmar = int(side == "left"), aspect == "palmar"
    lengths, tips, turning, ground, wild = CAMERAS[camera]
    spread, angles, shorten = _pose(rng)
    turn = wild * float(np.clip(rng.normal(0, turning), -2 * turning, 2 * turning))
    near = 0.5 * rng.random() + 0.5 * rng.random(2)  # near hands reach further down
    near = 0.5 + wild * (near - 0.5)
    length, tip = (
        float(np.interp(n, [0, 1], of)) for n, of in zip(near, (lengths, tips), strict=True)
    )
    above = (HAND_TIP - HAND_MIDDLE) / HAND_LENGTH * length * who.stature
    aside = wild * np.clip(rng.normal(0, 0.1), -0.2, 0.2)
    warmth = rng.normal(0, 0.03)
    balance = wild * np.array([warmth, rng.normal(0, 0.015), -1.3 * warmth])
    polish, ring = _adornments(who, hand, shot, rng)
    return _Scene(
        hand=hand, palmar=palmar, spread=spread, angles=angles, shorten=shorten, turn=turn,
        matrix=_orientation(rng, turn, hand, palmar), centre=np.array([2 / 3 + aside, tip - above]),
        length=length, light=_light(rng, wild), ambient=rng.uniform(0.3, 0.5),
        shadow=rng.uniform(0.1, 0.45), gains=np.exp(rng.normal(0.2, 0.09 * wild) + balance),
        ground=rng.uniform(*ground) * np.exp(rng.normal(0, 0.03, 3)),
        corners=rng.uniform(0, 0.4) * np.array([1.3, 0.75, 0.8]),
        blur=rng.uniform(1.2, 2.2) if rng.random() < 0.1 else rng.uniform(0.3, 0.7),
        noise=rng.uniform(0.004, 0.012), polish=polish, ring=ring, metal=int(rng.integers(2)),
        sleeve=str(rng.choice(list(SLEEVES))) if rng.random() < 0.5 else None,
        cuff=rng.uniform(-15, 20) * who.stature,
    )  # fmt: skip


def _pose(rng: Rng) -> tuple[float, Array, Array]:
    """Spread, angles [5, 3] in degrees, and foreshortening [5, 3] of the bones."""
    spread = 1.1 * float(rng.random()) ** 1.3
    angles = np.zeros((5, 3))
    thumb = rng.uniform(-42, -30) - 6 * spread
    angles[0] = thumb + np.array([-4, rng.uniform(0, 12), rng.uniform(0, 10)])
    angles[1:] = (CLOSED + (FAN - CLOSED) * spread + rng.normal(0, 1.2, 4))[:, None]
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


def _light(rng: Rng, wild: float) -> Array:
    """[3] unit vector towards the light, 43 to 77 degrees above the table; a tame one is near."""
    around, above = rng.uniform(0, 2 * math.pi), rng.uniform(0.75, 1.35)
    around = math.pi + wild * (around - math.pi)  # from the left, as in 11k
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
    """The posed hand over the part of the frame that it needs; every array is [H, W] of it."""

    box: tuple[slice, slice]  # that part: rows and columns of the frame
    x: Array  # place of the pixel in the hand's frame
    y: Array
    distance: Array  # to the outline, negative inside
    height: Array
    digit: Array  # the nearest, 0 to 4
    along: Array  # place on that digit
    across: Array
    share: Array  # of the digit's chart against the palm's, 0 to 1
    seam: Array  # how far from where two digits touch


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
        (thumb * 0.75 + bases[0] * 0.25, bases[1] * 0.5 + joints[1, 0] * 0.5, 8 * wide, 12 * wide),
    ]
    heads, roots = joints[1:, 0], joints[1:, 1]
    for row, radius in (
        (heads - 0.1 * (roots - heads), 7.5),
        (heads + 0.13 * (roots - heads), 5),
    ):
        parts += [(first, second, radius * wide, radius * wide) for first, second in pairwise(row)]
    ends = bases[1:] + 0.85 * (heads - bases[1:])
    return parts + [(*line, 11 * wide, 8.5 * wide) for line in zip(bases[1:], ends, strict=True)]


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
    form.seam[box] = np.minimum(form.seam[box], np.abs(distance - form.distance[box]))
    for field, values in ((form.distance, distance), (form.along, along), (form.across, across),
                          (form.share, share)):  # fmt: skip
        np.copyto(field[box], values, where=nearer)


def _form(who: Person, scene: _Scene, size: int, scale: float) -> _Form:
    """Form of the posed hand over a frame ``size`` pixels high, ``scale`` pixels a mm."""
    matrix, joints = scene.matrix * scale, _joints(who, scene)
    shift = scene.centre * size - matrix @ [0, HAND_MIDDLE * who.stature]
    ends = who.stature * np.array([[-40, -170], [40, -170], [-45, -10], [45, 10]])
    box = _box(np.vstack([joints.reshape(-1, 2), ends]) @ matrix.T + shift, 17 * scale, size)
    shift -= [box[1].start, box[0].start]
    rows, columns = (np.arange(side.stop - side.start, dtype=np.float32) for side in box)
    back = np.linalg.inv(matrix).astype(np.float32)
    dx, dy = columns - np.float32(shift[0]), (rows - np.float32(shift[1]))[:, None]
    x, y = back[0, 0] * dx + back[0, 1] * dy, back[1, 0] * dx + back[1, 1] * dy
    far, zeros = np.full_like(x, 1e3), [np.zeros_like(x) for _ in range(4)]
    digits = np.zeros(x.shape, np.int8)
    form = _Form(box, x, y, far, zeros[0], digits, *zeros[1:], far.copy())
    for digit in range(5):
        margin = (who.breadths[scene.hand, digit].max() + 8) * scale
        part = _box(joints[digit] @ matrix.T + shift, margin, *x.shape)
        _add_digit(form, who, scene.hand, digit, joints[digit], part)
    _add_palm(form, _palm_distance(_palm_parts(who, scene.hand, joints), x, y))
    return form


def _box(
    points: Array, margin: float, height: int, width: int | None = None
) -> tuple[slice, slice]:
    """Rows and columns of a frame (4:3 if no width is given) that hold [N, 2] points."""
    limits = [width or height * 4 // 3, height]
    left, top = np.clip(points.min(axis=0) - margin, 0, limits).astype(int).tolist()
    right, bottom = np.clip(points.max(axis=0) + margin, 0, limits).astype(int).tolist()
    return slice(top, bottom), slice(left, right)


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
    VEIN: np.array([0.60, 0.22, 0.28], np.float32),
}
PALM_SKIN = np.array([0.71, 0.45, 0.375], np.float32)  # a fair palm; palms carry little melanin

NAIL_BED = np.array([0.84, 0.58, 0.53], np.float32)


def _look_up(form: _Form, atlas: Array, inside: Array, step: int) -> Array:
    """[P, 5] skin at the ``inside`` pixels, from the palm's and the nearest digit's charts."""
    x, y, digit, along, across, share = (
        field.ravel()[inside]
        for field in (form.x, form.y, form.digit, form.along, form.across, form.share)
    )
    skin, on_palm, on_digit = np.zeros((len(x), 5), np.float32), share < 1, share > 0
    palm = _on_palm(np.stack([x[on_palm], y[on_palm]], axis=-1))
    palm[:, 0] = np.clip(palm[:, 0], 1, PALM_COLUMNS - 3)
    palm[:, 1] = np.abs(palm[:, 1])  # the forearm beyond the chart repeats it, mirrored
    skin[on_palm] = _bilinear(atlas, palm, step)
    digit, along, across, share = (field[on_digit] for field in (digit, along, across, share))
    finger = _bilinear(atlas, _on_digit(digit, along, np.clip(across, -15, 15)), step)
    skin[on_digit] += (finger - skin[on_digit]) * share[:, None]
    return skin


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
        base = PALM_SKIN * (base / np.float32(SKINS["fair"][0])) ** 0.4
    base = base + (NAIL_BED - base) * (0.7 * skin[:, NAIL, None])
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
    return np.repeat(np.repeat(open_sky, 2, 0), 2, 1)[: height.shape[0], : height.shape[1]]


def _shade(form: _Form, scene: _Scene, inside: Array, scale: float) -> tuple[Array, Array]:
    """Diffuse [P, 3] and glossy [P] light on the form; red light scatters into the dark sides."""
    down, right = (slope.ravel()[inside] for slope in np.gradient(form.height * np.float32(scale)))
    soften = 1 / np.sqrt(1 + 0.3 * (down * down + right * right))  # outlines would turn black
    down, right = down * soften, right * soften
    light = scene.light.astype(np.float32)
    facing = 1 / np.sqrt(1 + 0.5 * (down * down + right * right))
    lambert = np.clip((light[2] - 0.7 * (right * light[0] + down * light[1])) * facing, -0.3, 1)
    sky = _occlusion(form.height, 1.6 * scale).ravel()[inside]
    wide = np.float32(0.7 + 1.0 / scale)  # at least a pixel, or the line would be dotted
    closed = form.share.ravel()[inside] * np.exp(-((form.seam.ravel()[inside] / wide) ** 2))
    sky = sky * (1 - 0.85 * closed)  # fingers that touch leave a dark line
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
    """[H, W, 3] the table: uneven light, tinted corners, contact shadow and cast shadow."""
    step = max(1, len(cover) // 60)
    small = cover[::step, ::step]
    shift = scene.light[:2] / scene.light[2] * 14 * scale / step
    columns, rows = (
        np.clip(np.rint(np.arange(n) + by), 0, n - 1).astype(int)
        for n, by in zip(small.shape[::-1], shift, strict=True)
    )
    light = 1 - scene.shadow * _blur(small[rows][:, columns], 3.0) - 0.22 * _blur(small, 1.3)
    light *= 1 + 0.05 * _clouds(rng, small.shape, (28, 28))
    down, right = (np.linspace(-1, 1, n, dtype=np.float32) for n in small.shape)
    far = (np.abs(right - scene.light[0]) ** 3 / 4 + np.clip(0.5 - down, 0, 2)[:, None] ** 2) / 2
    light = light[..., None] * np.exp(-far[..., None] * scene.corners.astype(np.float32))
    light = light * scene.ground.astype(np.float32)
    channels = np.ascontiguousarray(np.moveaxis(light, 2, 0), np.float32)
    bicubic = Image.Resampling.BICUBIC
    large = [Image.fromarray(channel).resize(cover.shape[::-1], bicubic) for channel in channels]
    return np.stack(large, axis=-1)


def _develop(image: Array, scene: _Scene, rng: Rng) -> Array:
    """Camera: exposure and white balance, tone curve, sharpening, noise, 8 bits."""
    image = np.clip(image * scene.gains.astype(np.float32), 0, 1.2)
    image = np.sqrt(image) * (0.93 + 0.07 * image)  # close to the sRGB curve, and cheaper
    image += 0.10 * image * (1 - image) * (2 * image - 1)  # phones deepen the shadows
    grey = image[..., 1]
    detail = 0.7 * (grey - _blur(grey, 1.3 * len(image) / 240))  # and sharpen
    detail += rng.standard_normal(grey.shape, dtype=np.float32) * np.float32(scene.noise)
    return np.clip((image + detail[..., None]) * 255 + 0.5, 0, 255).astype(np.uint8)


def photograph(
    person: Person, view: str, shot: int, *, size: int = 240, seed: int = 0, camera: str = "11k"
) -> tuple[Array, dict]:
    """One photograph of a hand, and what the renderer knows of it.

    Args:
        person: whose hand.
        view: one of VIEWS.
        shot: number of the photograph, >= 0; the first two wear no ring.
        size: height of the frame in pixels, >= 64; its width is ``size * 4 // 3``.
        seed: of what the photograph adds, >= 0.
        camera: ``11k``, ``hd`` or ``wild``, whose photographs differ more than a session's.

    Returns:
        [size, size * 4 // 3, 3] uint8 RGB, and a dict of plain words and numbers for captions.

    Raises:
        ValueError: for a view or camera that does not exist, a negative shot, too small a frame.
    """
    _check(view in VIEWS, f"view {view!r} does not exist: choose one of {', '.join(VIEWS)}")
    _check(camera in CAMERAS, f"camera {camera!r} does not exist: choose {', '.join(CAMERAS)}")
    _check(shot >= 0, f"shot is {shot}: number the photographs from 0")
    _check(size >= 64, f"size is {size}: a hand needs at least 64 pixels")
    scene = _stage(person, view, shot, seed, camera)
    rng = np.random.default_rng([seed, person.seed, person.subject, VIEWS.index(view), shot, 1])
    image, n_moles = _picture(person, scene, size, rng)
    return _develop(image, scene, rng), _caption(person, scene, n_moles)


def _picture(who: Person, scene: _Scene, size: int, rng: Rng) -> tuple[Array, int]:
    """[size, size * 4 // 3, 3] linear light that reaches the camera, and the moles seen in it."""
    scale = scene.length * size / HAND_LENGTH
    form = _form(who, scene, size, scale)
    inside = np.flatnonzero(form.distance < 1.5 / scale)
    level = int(math.log2(max(1.0, RESOLUTION / scale)))
    skin = _look_up(form, _atlas(who, scene.hand, scene.palmar, level), inside, 2**level)
    form.height.ravel()[inside] += skin[:, RELIEF]
    diffuse, gloss = _shade(form, scene, inside, scale)
    colour = _albedo(who, scene, skin) * diffuse + (gloss * (0.03 + 0.10 * skin[:, NAIL]))[:, None]
    if scene.ring is not None:
        _wear_ring(colour, form, scene, who, inside)
    cover = np.clip(0.5 - form.distance * scale, 0, 1)
    cloth = _sleeve_cover(form, scene, scale)
    whole = np.zeros((size, size * 4 // 3), np.float32)
    whole[form.box] = np.maximum(cover, cloth)
    image = _background(whole, scene, scale, rng)
    part = image[form.box]
    at = np.divmod(inside, cover.shape[1])
    part[at] += (colour - part[at]) * cover[at][:, None]
    if scene.sleeve:
        fold = 0.75 + 0.25 * np.clip(-form.distance / 15, -0.4, 1)
        part += (fold[..., None] * np.float32(SLEEVES[scene.sleeve]) - part) * cloth[..., None]
    image[form.box] = _blur(part, scene.blur * size / 240)  # the rest is smooth
    return image, _count_moles(who, scene, form, cover - cloth > 0.5)


def _sleeve_cover(form: _Form, scene: _Scene, scale: float) -> Array:
    """[H, W] how much of each pixel the sleeve covers: a little wider than the forearm."""
    if not scene.sleeve:
        return np.zeros_like(form.x)
    ends = np.clip((np.float32(scene.cuff) - form.y) * scale + 0.5, 0, 1)
    return ends * np.clip(0.5 - (form.distance - 4) * np.float32(scale), 0, 1)


def _count_moles(who: Person, scene: _Scene, form: _Form, seen: Array) -> int:
    """How many moles lie on skin that the picture shows, pixels where ``seen``."""
    count = 0
    for chart, place in zip(*_moles(who, scene.hand, scene.palmar), strict=True):
        if chart < 0:
            first, second, holds = form.x, form.y, form.share < 0.4
        else:
            first, second, holds = form.along, form.across, form.share > 0.6
            holds = holds & (form.digit == chart)
        aside, beyond = first - np.float32(place[0]), second - np.float32(place[1])
        near = aside * aside + beyond * beyond < 1.2**2
        count += bool((near & holds & seen).any())
    return count


def _caption(who: Person, scene: _Scene, n_moles: int) -> dict:
    """Plain words and numbers that a caption may use; the words of a person follow ``z``."""
    across, down, above = (float(part) for part in scene.light)
    side = ("left", "right")[across > 0] if abs(across) > abs(down) else ("top", "bottom")[down > 0]
    z = _z(who, scene.hand)
    top = scene.centre[1] / scene.length * HAND_LENGTH  # mm of forearm and palm above the middle
    sleeved = scene.sleeve and HAND_MIDDLE * who.stature - top < scene.cuff - 3
    return {
        "hand": ("right", "left")[scene.hand],
        "aspect": "palmar" if scene.palmar else "dorsal",
        "gender": who.gender,
        "age": who.age,
        "skin_color": who.skin_color,
        "pose": _word(scene.spread, (0.35, 0.75), "closed relaxed spread"),
        "spread": round(scene.spread, 3),
        "rotation_degrees": round(scene.turn, 1),
        "light": f"{_word(above, (0.82, 0.915), 'low slanting high')} light from the {side}",
        "light_direction": [round(part, 3) for part in (across, down, above)],
        "finger_length": _word(z["finger_length"], CUTS, "short medium long"),
        "finger_width": _word(z["finger_width"], CUTS, "slender medium broad"),
        "veins": _word(z["vein_visibility"], CUTS, "faint visible prominent"),
        "creases": _word(z["crease_depth"], CUTS, "fine clear deep"),
        "nail_polish": int(scene.polish is not None),
        "nail_color": scene.polish or "none",
        "accessories": int(scene.ring is not None),
        "ring_finger": "none" if scene.ring is None else DIGITS[scene.ring],
        "z": z,
        "moles": n_moles,
        "freckles": who.freckled,
        "sleeve": scene.sleeve if sleeved else "none",
        "zoom": round(float(scene.length * who.stature), 3),
        "blurred": scene.blur > 1,
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
    size: int = 240,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Write a data set as 11k Hands lies on disk: HandInfo.csv and Hands/Hand_0000001.jpg onwards.

    Args:
        root: folder to make, with its parents.
        subjects: number of people, >= 2.
        images: photographs a person and view on average, >= 2; two at least wear no ring.
        size: height of the 4:3 photographs in pixels, >= 64.
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
    size: int = 240,
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
        size: height of the 4:3 photographs in pixels, >= 64.
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
