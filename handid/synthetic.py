"""Draw hands: the embedded data set, laid out on disk exactly as 11k Hands and PolyU HD are.

A person is a set of numbers (bones, breadths, creases, veins, moles); a photograph adds what is
not the person: pose, place, light, camera. Not a model of real people, and no evidence about them:
figures measured on these hands show that the study runs, not how well a method identifies anyone.

How a hand is drawn. A skeleton of 19 bones is posed in millimetres. Capsules along the bones unite
into a signed distance and a height; what belongs to the skin (creases, veins, moles, nails) lies
on an atlas, one chart for the palm and one for each digit, and moves with the bones; the heights
give normals, the normals light. The frame of the hand is that of a right hand seen from the back:
wrist at (0, 0), y towards the fingers, thumb at negative x. Units are mm unless a name says pixels.
"""

import csv
import errno
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm.auto import tqdm

VIEWS = ("dorsal right", "dorsal left", "palmar right", "palmar left")
COLUMNS = (
    "id,age,gender,skinColor,accessories,nailPolish,aspectOfHand,imageName,irregularities".split(
        ","
    )
)
DIGITS = ("thumb", "index", "middle", "ring", "little")

# ---------------------------------------------------------------------------------- anatomy

# Mean bone lengths, Buryanov and Kotiuk 2010 (Proportions of hand segments). The thumb's three
# posed segments are metacarpal, proximal, distal; the fingers' are proximal, middle, distal.
SEGMENTS = np.array(
    [
        [46.2, 31.6, 21.7],
        [39.8, 22.4, 15.8],
        [44.6, 26.3, 17.4],
        [41.4, 25.7, 17.3],
        [32.7, 18.1, 16],
    ]
)
METACARPALS = np.array([68.1, 64.6, 58.0, 53.7])
FINGERTIP = 4.0  # soft tissue beyond the last bone
# What follows is ours, fitted by eye to photographs.
BASES = np.array(
    [[-20, 15], [-15, 27], [-2.5, 28], [9.5, 26], [19, 22]]
)  # wrist end of metacarpals
SPLAY = np.array([-8.5, -1.5, 6.0, 13.0])  # degrees of the metacarpals from the hand's axis
FAN = np.array([-9.0, -2.0, 6.0, 17.0])  # degrees of the fingers in a fully relaxed spread
RADII = np.array([10.6, 9.4, 9.6, 8.9, 7.8])
# Half breadth along a digit in units of RADII: root, middle of bone, joint, ..., centre of the tip.
PROFILE = np.array(
    [[1.45, 1.3, 1.12, 0.95, 1.0, 0.98, 0.74]] + [[1.1, 1, 1.02, 0.92, 0.92, 0.88, 0.72]] * 4
)

# Reflectance (linear RGB) and share of the four classes of 11k; the shares are rounded from the CSV.
SKINS = {
    "very fair": ((0.80, 0.56, 0.45), 0.08),
    "fair": ((0.70, 0.45, 0.33), 0.38),
    "medium": ((0.55, 0.32, 0.21), 0.41),
    "dark": ((0.31, 0.165, 0.10), 0.13),
}
POLISHES = {
    "red": (0.55, 0.02, 0.04),
    "pink": (0.80, 0.30, 0.42),
    "dark": (0.05, 0.01, 0.03),
    "blue": (0.05, 0.10, 0.40),
    "white": (0.85, 0.82, 0.80),
    "nude": (0.68, 0.42, 0.34),
}
METALS = ((0.80, 0.56, 0.20), (0.62, 0.62, 0.64))


@dataclass(frozen=True, eq=False)  # compared by identity, so that the atlas can be cached by person
class Person:
    """Everything that is the person's, for both hands (right first); lengths in mm.

    Attributes:
        subject: number of the person.
        seed: of the population that the person belongs to.
        age: years.
        gender: ``male`` or ``female``.
        skin_color: one of the four words of 11k.
        skin: [3] linear reflectance of the skin.
        stature: size against the mean hand, no unit.
        segments: [2, 5, 3] posed bones of each digit.
        metacarpals: [2, 4] of the fingers.
        radii: [2, 5, 7] half breadths along each digit, at the knots of PROFILE.
        bases: [2, 5, 2] wrist ends of the metacarpals.
        leans: [2, 5, 3] sideways deviation of each bone from the one before, degrees.
        nails: [2, 5, 3] nail length, breadth and moon in units of the half breadth.
        veins: how far the veins of the back show, 0 to 1.
        wrinkles: depth of the creases, about 1.
        ring: (hand, digit) that wears a ring in some photographs, or None.
        polish: whether the nails are polished in some photographs.
    """

    subject: int
    seed: int
    age: int
    gender: str
    skin_color: str
    skin: np.ndarray
    stature: float
    segments: np.ndarray
    metacarpals: np.ndarray
    radii: np.ndarray
    bases: np.ndarray
    leans: np.ndarray
    nails: np.ndarray
    veins: float
    wrinkles: float
    ring: tuple[int, int] | None
    polish: bool


def _both_hands(rng: np.random.Generator, *shape: int, alike: float = 0.8) -> np.ndarray:
    """[2, *shape] standard normals whose two hands correlate by ``alike``."""
    shared = rng.standard_normal(shape)
    return math.sqrt(alike) * shared + math.sqrt(1 - alike) * rng.standard_normal((2, *shape))


def person(seed: int, subject: int) -> Person:
    """One person of the population ``seed``; the same numbers give the same person.

    Men's hands are larger, and women's index finger is longer against the ring finger (Manning);
    the spreads are ours. Skin colour depends on nothing else.

    Args:
        seed: of the population, >= 0.
        subject: number of the person, >= 0.
    """
    rng = np.random.default_rng([seed, subject, 1])
    gender = ("male", "female")[int(rng.random() < 0.5)]
    stature = (0.92 if gender == "female" else 1.0) * math.exp(0.045 * rng.standard_normal())
    breadth = (
        stature * math.exp(0.055 * rng.standard_normal()) * (0.97 if gender == "female" else 1)
    )
    segments = (
        stature * SEGMENTS * np.exp(0.045 * _both_hands(rng, 5, 3) + 0.02 * _both_hands(rng, 5, 1))
    )
    segments[:, 1] *= 1.01 if gender == "female" else 0.995
    radii = np.exp(0.035 * _both_hands(rng, 5, 1) + 0.03 * _both_hands(rng, 5, 7))
    word = rng.choice(list(SKINS), p=[share for _, share in SKINS.values()])
    leans = 2.0 * _both_hands(rng, 5, 3) + np.array(
        [[0, 4, 5], [0, 1, 2], [0, 0, 1], [0, -1, -2], [0, -2, -3]]
    )
    return Person(
        subject=subject,
        seed=seed,
        age=int(np.clip(rng.gamma(4, 4) + 17, 18, 75)),
        gender=gender,
        skin_color=str(word),
        skin=np.array(SKINS[word][0])
        * np.exp(0.10 * rng.standard_normal() + 0.03 * rng.standard_normal(3)),
        stature=stature,
        segments=segments,
        metacarpals=stature * METACARPALS * np.exp(0.03 * _both_hands(rng, 4)),
        radii=breadth * RADII[:, None] * PROFILE * radii,
        bases=stature * BASES + np.array([breadth, 1.0]) * 1.2 * _both_hands(rng, 5, 2),
        leans=leans,
        nails=np.array([1.35, 0.72, 0.3])
        * np.exp(np.array([0.13, 0.08, 0.5]) * _both_hands(rng, 5, 3)),
        veins=float(rng.beta(2, 2)),
        wrinkles=float(0.8 + 0.15 * rng.standard_normal() + rng.random() * 0.4),
        ring=(int(rng.integers(2)), int(rng.choice([2, 3, 3, 4]))) if rng.random() < 0.3 else None,
        polish=bool(rng.random() < (0.25 if gender == "female" else 0.02)),
    )


# ------------------------------------------------------------------- what the skin carries: the atlas

RESOLUTION = 1.5  # atlas pixels a mm
PALM_ORIGIN = np.array([-62.0, -62.0])  # hand frame at the palm chart's first pixel
PALM_COLUMNS, DIGIT_COLUMNS, ROWS = 186, 48, 284
RELIEF, MELANIN, BLOOD, VEIN, NAIL = range(5)  # channels: mm, and optical depths; nail cover 0 to 1


def _on_palm(points: np.ndarray) -> np.ndarray:
    """Atlas (column, row) of [..., 2] points in the hand's frame."""
    return (points - PALM_ORIGIN) * RESOLUTION


def _on_digit(digit: np.ndarray | int, along: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Atlas (column, row) of points ``along`` mm beyond a digit's root, ``across`` mm beside it."""
    column = PALM_COLUMNS + DIGIT_COLUMNS * (np.asarray(digit) + 0.5) + across * RESOLUTION
    return np.stack(np.broadcast_arrays(column, along * RESOLUTION + 4), axis=-1)


def _bezier(control: np.ndarray, n_points: int) -> np.ndarray:
    """[K, n_points, 2] points on K cubic curves given as [K, 4, 2] control points."""
    t = np.linspace(0, 1, n_points)[:, None]
    basis = np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3])
    return np.einsum("tc,kcd->ktd", basis, control)


def _ink(curves: np.ndarray, depths: np.ndarray, sigma: float) -> np.ndarray:
    """[ROWS, columns] strokes of peak ``depths`` [K] along [K, T, 2] curves, tapering at the ends."""
    steps = np.linalg.norm(np.gradient(curves, axis=1), axis=2)
    taper = np.sin(np.linspace(0.12, math.pi - 0.12, curves.shape[1])) ** 0.5
    weights = (steps * taper * depths[:, None]).ravel() * math.sqrt(2 * math.pi) * sigma
    return _blur(_splat(curves.reshape(-1, 2), weights), sigma)


def _splat(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """[ROWS, columns] weights shared among the four atlas pixels around each [P, 2] point."""
    columns = PALM_COLUMNS + 5 * DIGIT_COLUMNS
    points = np.clip(points, 0, [columns - 1.01, ROWS - 1.01])
    corner = points.astype(int)
    right, down = (points - corner).T
    first = corner[:, 1] * columns + corner[:, 0]
    index = np.concatenate([first, first + 1, first + columns, first + columns + 1])
    share = np.concatenate(
        [(1 - right) * (1 - down), right * (1 - down), (1 - right) * down, right * down]
    )
    flat = np.bincount(index, np.tile(weights, 4) * share, ROWS * columns)
    return flat.reshape(ROWS, columns).astype(np.float32)


def _blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of a [H, W, ...] array, ``sigma`` in pixels; edges repeat."""
    reach = max(1, math.ceil(2.5 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-3)) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    for axis in (0, 1):
        pad = [(reach, reach) if a == axis else (0, 0) for a in range(image.ndim)]
        wide, length = np.pad(image, pad, mode="edge"), image.shape[axis]
        slices = (
            wide[i : i + length] if axis == 0 else wide[:, i : i + length]
            for i in range(2 * reach + 1)
        )
        image = sum(weight * part for weight, part in zip(kernel, slices, strict=True))
    return image


def _clouds(rng: np.random.Generator, shape: tuple[int, int], cell: float) -> np.ndarray:
    """Smooth noise of unit strength with features of ``cell`` pixels."""
    coarse = rng.standard_normal((int(shape[0] / cell) + 3, int(shape[1] / cell) + 3)).astype(
        np.float32
    )
    for axis in (0, 1):
        at = np.arange(shape[axis], dtype=np.float32) / cell
        low = at.astype(int)
        part = at - low
        part = (part * part * (3 - 2 * part)).reshape((-1, 1) if axis == 0 else (1, -1))
        coarse = np.take(coarse, low, axis) * (1 - part) + np.take(coarse, low + 1, axis) * part
    return coarse * 1.35


def _joint_creases(who: Person, hand: int, rng: np.random.Generator, palmar: bool) -> tuple:
    """Strokes across the joints of all digits: ([K, T, 2] curves, [K] depths).

    On the back many short arcs bow away from each joint; in front few lines cross the whole digit.
    """
    n_strokes = 5 if palmar else 9
    noise = [_both_hands(rng, 5, 3, n_strokes, alike=0.5)[hand] for _ in range(6)]
    ends = np.cumsum(who.segments[hand], axis=1)
    joints = np.stack([0.58 * ends[:, 0], ends[:, 0], ends[:, 1]], axis=1)[..., None]
    joints[0, 0] = 0.8 * ends[0, 0]
    spread = np.array([1.3, 1.6, 1.1])[:, None] if palmar else np.array([4.0, 3.1, 2.2])[:, None]
    offset = spread * noise[0]
    half = who.radii[hand][:, [1, 2, 4]][..., None] * (
        0.80 + 0.15 * noise[1] if palmar else 0.50 + 0.16 * noise[1]
    )
    middle = 0.9 * noise[2] if palmar else 1.6 * noise[2]
    bow = 0.5 * noise[3] if palmar else 0.55 * offset + 0.6 * noise[3]
    share = np.array([0.5, 1, 0.8])[:, None] if palmar else np.array([0.12, 1, 0.7])[:, None]
    depths = share * np.clip(0.45 + 0.45 * noise[4], 0, 1.3)
    across = np.stack([-half, -half / 3, half / 3, half], axis=-1) + middle[..., None]
    along = (joints + offset)[..., None] + bow[..., None] * np.array([-0.6, 0.8, 0.8, -0.6])
    along = along + (0.9 * noise[5])[..., None] * np.array([-0.5, 0.4, -0.3, 0.5])
    control = _on_digit(np.arange(5).reshape(5, 1, 1, 1), along, across)
    return _bezier(control.reshape(-1, 4, 2), 48), depths.ravel()


PALM_LINES = np.array(  # heart, head, life, fate and two wrist lines
    [
        [[43, 67], [22, 62], [2, 68], [-13, 91]],
        [[-34, 77], [-14, 76], [8, 66], [27, 44]],
        [[-34, 74], [-10, 71], [4, 42], [-9, 14]],
        [[2, 18], [5, 38], [0, 58], [-2, 76]],
        [[-25, 4], [-8, 0], [8, 0], [25, 5]],
        [[-24, -3], [-8, -7], [8, -7], [24, -2]],
    ],
    dtype=float,
)


def _palm_creases(who: Person, hand: int, rng: np.random.Generator) -> tuple:
    """The palm's lines: ((main curves, depths), (secondary curves, depths))."""
    control = PALM_LINES + 3.2 * _both_hands(rng, 6, 4, 2, alike=0.6)[hand]
    depths = np.array([1.0, 1.0, 1.15, 0.35, 0.6, 0.4])
    depths = np.clip(depths + 0.22 * _both_hands(rng, 6, alike=0.6)[hand], 0.05, 1.4)
    main = _bezier(_on_palm(who.stature * control), 260), depths
    n_lines = 46
    centres = (
        np.array([2, 50]) + np.array([15, 22]) * _both_hands(rng, n_lines, 2, alike=0.35)[hand]
    )
    turn = 1.1 + 0.9 * _both_hands(rng, n_lines, alike=0.35)[hand]
    reach = np.abs(7 + 5 * _both_hands(rng, n_lines, alike=0.35)[hand])
    way = np.stack([np.cos(turn), np.sin(turn)], axis=-1) * reach[:, None]
    lines = centres[:, None] + way[:, None] * np.array([-1, -0.4, 0.4, 1])[:, None]
    lines = lines + 1.2 * _both_hands(rng, n_lines, 4, 2, alike=0.35)[hand]
    depths = np.clip(0.28 + 0.16 * _both_hands(rng, n_lines, alike=0.35)[hand], 0, 0.8)
    return main, (_bezier(_on_palm(who.stature * lines), 80), depths)


def _veins(who: Person, hand: int, rng: np.random.Generator) -> tuple:
    """Veins of the back: ([K, T, 2] curves, [K] strengths), from the wrist to between the knuckles."""
    n_veins = 9
    first, last = rng.integers(0, 5, (2, n_veins))
    roots = np.array([[-22, -45], [-9, -50], [4, -50], [14, -45], [22, -40]])
    goals = np.array([[-27, 70], [-14, 88], [5, 86], [24, 76], [34, 58]])
    start, end = (
        roots[first] + 0.0,
        goals[np.where(np.arange(n_veins) < 5, np.arange(n_veins), last)],
    )
    lift = np.where(np.arange(n_veins) < 5, 0.0, rng.uniform(0.1, 0.6, n_veins))[:, None]
    start = start + lift * (end - start)
    control = start[:, None] + (end - start)[:, None] * np.array([0, 0.33, 0.67, 1])[:, None]
    control = control + np.array([7.0, 5.0]) * _both_hands(rng, n_veins, 4, 2, alike=0.4)[hand]
    curves = _bezier(control, 200)
    t = np.linspace(0, 1, 200)
    phase, size = 6.3 * rng.random((n_veins, 1)), 1.3 * rng.random((n_veins, 1))
    curves[..., 0] += size * np.sin(t * (9 + 8 * phase / 6.3) + phase)
    strengths = np.clip(0.7 + 0.35 * _both_hands(rng, n_veins, alike=0.4)[hand], 0.1, 1.3)
    return _on_palm(who.stature * curves), strengths


def _bumps(who: Person, hand: int, palmar: bool) -> np.ndarray:
    """[ROWS, PALM_COLUMNS] the large forms of the palm chart in mm: mounds, knuckles, tendons."""
    rows, columns = np.mgrid[:ROWS, :PALM_COLUMNS].astype(np.float32) / RESOLUTION
    x = (columns + PALM_ORIGIN[0]) / who.stature
    y = (rows + PALM_ORIGIN[1]) / who.stature
    if palmar:
        forms = [(-18, 40, 13, 19, 5.0), (24, 36, 10, 22, 3.6), (2, 55, 13, 16, -3.5)]
        forms += [
            (-24, 86, 8, 7, 1.8),
            (-4, 88, 7, 6, 1.6),
            (15, 82, 7, 6, 1.7),
            (31, 72, 7, 7, 1.9),
        ]
    else:
        heads = _knuckles(who, hand) / who.stature
        forms = [(hx, hy - 2, 6.5, 8.0, 2.6) for hx, hy in heads]
        forms += [
            ((a[0] + b[0]) / 2, a[1] * 0.5 + b[1] * 0.5 - 6, 3.6, 12, -1.5)
            for a, b in zip(heads, heads[1:])
        ]
        forms += [(-24, 52, 9, 14, 1.6), (0, 40, 22, 24, 1.5)]
    height = np.zeros_like(x)
    for centre_x, centre_y, wide, tall, size in forms:
        height += size * np.exp(-(((x - centre_x) / wide) ** 2) - ((y - centre_y) / tall) ** 2)
    return height


def _knuckles(who: Person, hand: int) -> np.ndarray:
    """[4, 2] heads of the fingers' metacarpals in the hand's frame."""
    splay = np.radians(SPLAY)
    way = np.stack([np.sin(splay), np.cos(splay)], axis=1)
    return who.bases[hand][1:] + who.metacarpals[hand][:, None] * way


def _tendons(who: Person, hand: int) -> np.ndarray:
    """[4, T, 2] ridges from the knuckles towards the middle of the wrist, on the atlas."""
    heads = _knuckles(who, hand)
    goal = np.array([[-6, 8], [-2, 8], [2, 8], [6, 8]]) * who.stature
    parts = np.array([0.03, 0.35, 0.65, 0.9])[:, None]
    return _bezier(_on_palm(heads[:, None] + (goal - heads)[:, None] * parts), 200)


def _draw_nails(atlas: np.ndarray, who: Person, hand: int) -> None:
    """Lay the five nails on the back's atlas: cover, fold around it, moon, pale free edge."""
    for digit in range(5):
        length, breadth, moon = who.nails[hand, digit] * who.radii[hand, digit, 5]
        tip = who.segments[hand, digit].sum() + FINGERTIP
        first = PALM_COLUMNS + digit * DIGIT_COLUMNS
        chart = atlas[:, first : first + DIGIT_COLUMNS]
        rows, columns = np.mgrid[:ROWS, :DIGIT_COLUMNS].astype(np.float32)
        across = (columns - DIGIT_COLUMNS / 2) / RESOLUTION + (1.5 if digit == 0 else 0)
        along = (rows - 4) / RESOLUTION - (tip - 1.2 - length / 2)
        inside = (np.abs(across) / breadth) ** 3 + (np.abs(along) / (length / 2)) ** 3.2
        cover = np.clip((1 - inside) * 2.2 + 0.5, 0, 1)
        fold = np.exp(-((inside - 1.15) ** 2) / 0.06)
        edge = np.clip((along - length / 2 + 1.3) * 1.5, 0, 1) * cover
        pale = np.clip((moon - np.hypot(across, along + length / 2)) * 1.2, 0, 1) * cover
        chart[..., NAIL] = cover
        for channel, values in (
            (RELIEF, -0.45 * fold * (along < length * 0.3) + 0.25 * cover),
            (MELANIN, 0.10 * fold - 0.22 * cover - 0.3 * edge),
            (BLOOD, 0.15 * fold + 0.10 * cover - 0.25 * edge - 0.2 * pale),
        ):
            chart[..., channel] = chart[..., channel] * (1 - 0.8 * cover) + values


def _speckle(
    atlas: np.ndarray, who: Person, hand: int, rng: np.random.Generator, palmar: bool
) -> None:
    """Moles, freckles and the mottling of the skin; the hands of one person have their own."""
    n_moles = rng.poisson(1.5 if palmar else 11)
    n_freckles = 0 if palmar else rng.poisson(110 * rng.random() ** 3)
    columns = PALM_COLUMNS + 5 * DIGIT_COLUMNS
    for count, sigma, depth in ((n_moles, 0.95, 1.2), (n_freckles, 0.8, 0.28)):
        points = rng.random((count, 2)) * [columns, ROWS]
        weights = depth * np.exp(0.4 * rng.standard_normal(count)) * 2 * math.pi * sigma**2
        atlas[..., MELANIN] += _blur(_splat(points, weights), sigma)
    shape = atlas.shape[:2]
    patches, grain, fine = (_clouds(rng, shape, cell) for cell in (13, 4.5, 1.7))
    atlas[..., BLOOD] += (0.10 if palmar else 0.05) * patches + (0.07 if palmar else 0.03) * grain
    atlas[..., MELANIN] += 0.04 * _clouds(rng, shape, 20) + 0.02 * fine
    atlas[..., RELIEF] += 0.035 * fine + 0.05 * grain


def _tint_digits(atlas: np.ndarray, who: Person, hand: int, palmar: bool) -> None:
    """Redden fingertips (front) or darken knuckles (back), smoothly along each digit."""
    along = (np.arange(ROWS, dtype=np.float32) - 4) / RESOLUTION
    for digit in range(5):
        first = PALM_COLUMNS + digit * DIGIT_COLUMNS
        chart = atlas[:, first : first + DIGIT_COLUMNS]
        ends = np.cumsum(who.segments[hand, digit])
        blood = 0.30 * np.exp(-(((along - ends[2]) / 9) ** 2))
        if palmar:
            chart[..., RELIEF] -= (
                0.7 * sum(np.exp(-(((along - at) / 2.0) ** 2)) for at in ends[:2])[:, None]
            )
        else:
            dark = sum(np.exp(-(((along - at) / 5.5) ** 2)) for at in ends[:2])
            chart[..., MELANIN] += 0.15 * dark[:, None]
            blood = 0.5 * blood + 0.10 * dark
        chart[..., BLOOD] += blood[:, None]


@lru_cache(maxsize=8)
def _atlas(who: Person, hand: int, palmar: bool, level: int) -> np.ndarray:
    """[rows, columns, 5] the skin of one side of one hand, halved ``level`` times."""
    if level:
        fine = _atlas(who, hand, palmar, level - 1)
        fine = fine[: len(fine) // 2 * 2, : fine.shape[1] // 2 * 2]
        return (fine[::2, ::2] + fine[1::2, ::2] + fine[::2, 1::2] + fine[1::2, 1::2]) / 4
    rng = np.random.default_rng([who.seed, who.subject, 2 + palmar])
    own = np.random.default_rng([who.seed, who.subject, 4 + palmar, hand])
    atlas = np.zeros((ROWS, PALM_COLUMNS + 5 * DIGIT_COLUMNS, 5), np.float32)
    atlas[:, :PALM_COLUMNS, RELIEF] = _bumps(who, hand, palmar)
    _tint_digits(atlas, who, hand, palmar)
    fine = _ink(*_joint_creases(who, hand, rng, palmar), 0.62)
    if palmar:
        main, second = _palm_creases(who, hand, rng)
        fine += 1.0 * _ink(*main, 0.95) + _ink(*second, 0.6)
    else:
        veins = _ink(*_veins(who, hand, rng), 2.0) * who.veins
        atlas[..., VEIN] = 0.5 * veins
        atlas[..., RELIEF] += 0.7 * veins + _ink(_tendons(who, hand), np.full(4, 0.7), 3.0)
    fine = who.wrinkles * np.minimum(fine, 1.6)
    atlas[..., RELIEF] -= 0.40 * fine
    atlas[..., MELANIN] += 0.28 * fine
    atlas[..., BLOOD] += 0.22 * fine
    _speckle(atlas, who, hand, own, palmar)
    if not palmar:
        _draw_nails(atlas, who, hand)
    return atlas


# ------------------------------------------------------------------------- what a photograph adds

# Ranges of (hand length in frames, tilt of the hand in the frame in degrees, background, shadow).
CAMERAS = {
    "11k": {"length": (0.70, 0.90), "turn": 22.0, "ground": (0.75, 1.35), "tint": (1.0, 1.0, 1.0)},
    "hd": {"length": (0.92, 1.12), "turn": 12.0, "ground": (0.22, 0.42), "tint": (0.95, 1.0, 1.04)},
}


@dataclass(frozen=True, eq=False)
class _Scene:
    """All that one photograph adds to the person; angles in degrees, places in frames."""

    hand: int
    palmar: bool
    angles: np.ndarray  # [5, 3] of each bone from the hand's axis, before the person's leans
    shorten: np.ndarray  # [5, 3] foreshortening of each bone
    spread: float
    turn: float
    matrix: np.ndarray  # [2, 2] hand frame to image axes, without scale
    centre: np.ndarray  # [2] where the middle of the hand lies
    length: float  # of a mean hand
    light: np.ndarray  # [3] unit vector towards the light
    ambient: float
    gains: np.ndarray  # [3] exposure and white balance
    ground: np.ndarray  # [3] reflectance of the background
    shadow: float
    blur: float  # in pixels of a 256-pixel frame
    noise: float
    polish: str | None
    ring: int | None
    metal: int


def _stage(who: Person, view: str, shot: int, seed: int, camera: str) -> _Scene:
    """Draw pose, place, light and camera of one photograph."""
    aspect, side = view.split()
    hand, palmar = int(side == "left"), aspect == "palmar"
    rng = np.random.default_rng([seed, who.seed, who.subject, VIEWS.index(view), shot])
    lens = CAMERAS[camera]
    angles, shorten, spread = _pose(rng)
    turn = float(np.clip(rng.normal(0, lens["turn"]), -2 * lens["turn"], 2 * lens["turn"]))
    azimuth, height = rng.uniform(0, 2 * math.pi), rng.uniform(0.75, 1.35)
    light = [
        math.cos(azimuth) * math.cos(height),
        math.sin(azimuth) * math.cos(height),
        math.sin(height),
    ]
    warmth, green = rng.normal(0, 0.13), rng.normal(0, 0.06)
    gains = np.exp(rng.normal(0.12, 0.26) + np.array([warmth, green, -1.3 * warmth]))
    polish, ring = _adornments(who, hand, shot, rng)
    return _Scene(
        hand=hand, palmar=palmar, angles=angles, shorten=shorten, spread=spread, turn=turn,
        matrix=_orientation(rng, turn, hand, palmar),
        centre=0.5 + rng.normal(0, 0.035, 2) + np.array([0, 0.01]),
        length=rng.uniform(*lens["length"]),
        light=np.array(light), ambient=rng.uniform(0.35, 0.6), gains=gains,
        ground=rng.uniform(*lens["ground"]) * np.array(lens["tint"]) * np.exp(rng.normal(0, 0.03, 3)),
        shadow=rng.uniform(0.1, 0.5), blur=rng.uniform(0.3, 0.75), noise=rng.uniform(0.004, 0.014),
        polish=polish, ring=ring, metal=int(rng.integers(2)),
    )  # fmt: skip


def _pose(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """Angles [5, 3] and foreshortening [5, 3] of the posed bones, and the spread, 0 to 1.3."""
    spread = float(rng.uniform(0.1, 1.25))
    angles = np.zeros((5, 3))
    angles[1:] = (FAN * spread + rng.normal(0, 1.6, 4))[:, None]
    thumb = rng.uniform(-50, -24)
    angles[0] = thumb + np.array([0, rng.uniform(-6, 12), rng.uniform(-8, 18)])
    bend = np.abs(rng.normal(0, 9) + rng.normal(0, 6, (5, 1))) * np.array([0.7, 1.4, 2.0])
    return angles, np.cos(np.radians(np.minimum(bend, 40))), spread


def _orientation(rng: np.random.Generator, turn: float, hand: int, palmar: bool) -> np.ndarray:
    """[2, 2] hand frame to image axes (x right, y down): fingers down, as in 11k, turned, tilted.

    Seen from the back with its fingers down, a right hand has its thumb at the image's right.
    """
    mirror = 1.0 if bool(hand) != palmar else -1.0
    turn = math.radians(turn)
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    tilt = np.array([[rng.uniform(0.93, 1.0), rng.normal(0, 0.03)], [0, rng.uniform(0.9, 1.0)]])
    return rotation @ tilt @ np.diag([mirror, 1.0])


def _adornments(who: Person, hand: int, shot: int, rng: np.random.Generator) -> tuple:
    """Nail polish (a colour or None) and ring (a digit or None); the first two shots have no ring."""
    colour, wears = list(POLISHES)[int(rng.integers(len(POLISHES)))], rng.random() < 0.6
    polish = colour if who.polish and rng.random() < 0.6 else None
    ring = who.ring[1] if who.ring and who.ring[0] == hand and wears and shot >= 2 else None
    return polish, ring


# --------------------------------------------------------------------------------- the form


@dataclass
class _Surface:
    """Fields over the frame, each [size, size]; lengths in mm."""

    x: np.ndarray  # place of each pixel in the hand's frame
    y: np.ndarray
    scale: float  # pixels a mm
    distance: np.ndarray  # signed, negative inside
    height: np.ndarray
    digit: np.ndarray  # nearest digit, 0 to 4
    along: np.ndarray  # place on that digit
    across: np.ndarray
    share: np.ndarray  # 0 palm chart, 1 digit chart


def _skeleton(who: Person, scene: _Scene) -> np.ndarray:
    """[5, 4, 2] joints of the posed digits, from root to the end of the last bone."""
    roots = np.vstack([who.bases[scene.hand][:1], _knuckles(who, scene.hand)])
    angles = np.radians(scene.angles + np.cumsum(who.leans[scene.hand], axis=1))
    way = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    bones = way * (who.segments[scene.hand] * scene.shorten)[..., None]
    return np.concatenate([roots[:, None], roots[:, None] + np.cumsum(bones, axis=1)], axis=1)


def _capsule(x: np.ndarray, y: np.ndarray, start: np.ndarray, end: np.ndarray) -> tuple:
    """Distance to a bone's axis, and part of the way along it (0 to 1), at each point."""
    way = end - start
    dx, dy = x - np.float32(start[0]), y - np.float32(start[1])
    part = np.clip(
        (dx * np.float32(way[0]) + dy * np.float32(way[1])) * np.float32(1 / (way @ way)), 0, 1
    )
    dx -= part * np.float32(way[0])
    dy -= part * np.float32(way[1])
    return np.sqrt(dx * dx + dy * dy), part


def _palm_field(
    who: Person, hand: int, joints: np.ndarray, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Signed distance to the palm: forearm, carpus, metacarpals, webs, smoothly united."""
    size, radii, bases = who.stature, who.radii[hand], who.bases[hand]
    breadth = radii[:, 1].mean() / RADII.mean()
    parts = [((0, -160), (0, -8), 29 * breadth, 24 * breadth)]
    parts += [((-9 * size, 12 * size), (10 * size, 12 * size), 15 * breadth, 15 * breadth)]
    for digit in range(1, 5):
        head, web = (
            joints[digit, 0],
            joints[digit, 0] + 0.36 * (joints[digit, 1] - joints[digit, 0]),
        )
        wide = radii[digit, 0]
        parts += [
            (bases[digit], head, 11 * breadth, wide * 0.93),
            (head, web, wide * 0.93, wide * 0.78),
        ]
    parts += [(bases[4] + [3, 0], bases[4] * 0.4 + joints[4, 0] * 0.6, 11 * breadth, 12 * breadth)]
    thumb = joints[0, 1]
    parts += [(joints[0, 0], thumb, radii[0, 0] * 0.92, radii[0, 2] * 0.86)]
    parts += [
        (
            thumb * 0.85 + bases[0] * 0.15,
            bases[1] * 0.4 + joints[1, 0] * 0.6,
            6 * breadth,
            9 * breadth,
        )
    ]
    total = np.zeros_like(x)
    for start, end, first, last in parts:
        away, part = _capsule(x, y, np.asarray(start, float), np.asarray(end, float))
        away -= np.float32(first) + part * np.float32(last - first)
        away *= np.float32(-1 / 3.2)
        total += np.exp(away)
    return np.log(total + np.float32(1e-30)) * np.float32(-3.2)


def _digit_field(
    who: Person, hand: int, digit: int, joints: np.ndarray, x: np.ndarray, y: np.ndarray
) -> tuple:
    """Distance, height, place along and across one digit at each point."""
    lengths, radii = who.segments[hand, digit], who.radii[hand, digit]
    ends = np.concatenate([[0], np.cumsum(lengths)])
    reach = ends[3] + FINGERTIP - radii[6] * 0.95  # centre of the round tip
    last = joints[3] + (joints[3] - joints[2]) * (reach / ends[3] - 1) * ends[3] / lengths[2]
    chain = [joints[0], joints[1], joints[2], last]
    stops = [*ends[:3], reach]
    away = np.full_like(x, 1e6)
    along, across = np.zeros_like(x), np.zeros_like(x)
    for bone in range(3):
        start, end = chain[bone], chain[bone + 1]
        gap, part = _capsule(x, y, start, end)
        nearer = gap < away
        way = (end - start) / np.linalg.norm(end - start)
        side = (x - np.float32(start[0])) * np.float32(way[1]) - (
            y - np.float32(start[1])
        ) * np.float32(way[0])
        forward = (x - np.float32(start[0])) * np.float32(way[0]) + (
            y - np.float32(start[1])
        ) * np.float32(way[1])
        stretch = np.float32((stops[bone + 1] - stops[bone]) / np.linalg.norm(end - start))
        away = np.where(nearer, gap, away)
        along = np.where(nearer, forward * stretch + np.float32(stops[bone]), along)
        across = np.where(nearer, side, across)
    knots = [
        0,
        ends[1] / 2,
        ends[1],
        (ends[1] + ends[2]) / 2,
        ends[2],
        (ends[2] + ends[3]) / 2,
        reach,
    ]
    fine = np.linspace(0, reach, 96)
    smooth = np.convolve(
        np.pad(np.interp(fine, knots, radii), 6, mode="edge"), np.hanning(15)[1:-1] / 7, "valid"
    )
    radius = np.interp(along, fine, smooth).astype(np.float32)
    ratio = np.minimum(away / radius, 1)
    height = 0.85 * radius * np.sqrt(1 - ratio * ratio)
    return away - radius, height, along, across


def _smooth_steps(values: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, smooth between."""
    values = np.clip(values, 0, 1)
    return values * values * (3 - 2 * values)


def _surface(who: Person, scene: _Scene, size: int) -> _Surface:
    """Form of the posed hand over a frame of ``size`` pixels."""
    scale = scene.length * size / 188
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    back = np.linalg.inv(scene.matrix * scale).astype(np.float32)
    dx, dy = columns - np.float32(scene.centre[0] * size), rows - np.float32(scene.centre[1] * size)
    middle = 84 * who.stature
    x, y = back[0, 0] * dx + back[0, 1] * dy, back[1, 0] * dx + back[1, 1] * dy + np.float32(middle)
    joints = _skeleton(who, scene)
    palm = _palm_field(who, scene.hand, joints, x, y)
    form = _Surface(x, y, scale, np.full_like(x, 1e3), np.zeros_like(x), np.zeros(x.shape, np.int8),
                    np.zeros_like(x), np.zeros_like(x), np.zeros_like(x))  # fmt: skip
    for digit in range(5):
        pixels = (joints[digit] - [0, middle]) @ (scene.matrix * scale).T + scene.centre * size
        margin = (who.radii[scene.hand, digit].max() + 10) * scale
        low = np.clip(pixels.min(0) - margin, 0, size).astype(int)
        high = np.clip(pixels.max(0) + margin, 0, size).astype(int)
        if (high > low).all():
            _add_digit(
                form,
                who,
                scene.hand,
                digit,
                joints[digit],
                (slice(low[1], high[1]), slice(low[0], high[0])),
            )
    deep = np.clip(-palm / 13, 0, 1)
    slab = 11.5 * np.sqrt(1 - (1 - deep) ** 2)
    gap = form.height - slab
    form.height = 0.5 * (form.height + slab + np.sqrt(gap * gap + 3.0)) - 0.85
    blend = np.clip(0.5 + 0.5 * (palm - form.distance) / 3, 0, 1)
    form.distance = palm + (form.distance - palm) * blend - 3 * blend * (1 - blend)
    return form


def _add_digit(
    form: _Surface, who: Person, hand: int, digit: int, joints: np.ndarray, box: tuple
) -> None:
    """Unite one digit with the form inside ``box``; the nearer digit owns a pixel."""
    distance, height, along, across = _digit_field(
        who, hand, digit, joints, form.x[box], form.y[box]
    )
    first = who.segments[hand, digit, 0]
    share = _smooth_steps((along / first - (0.72 if digit == 0 else 0.25)) / 0.3)
    nearer = distance < form.distance[box]
    form.height[box] = np.maximum(form.height[box], height)
    for field, values in (
        (form.distance, distance),
        (form.along, along),
        (form.across, across),
        (form.share, share),
        (form.digit, digit),
    ):
        field[box] = np.where(nearer, values, field[box])


# ------------------------------------------------------------------------------- light and camera


def _look_up(form: _Surface, atlas: np.ndarray, inside: np.ndarray, step: int) -> np.ndarray:
    """[P, 5] skin at the ``inside`` pixels, from the palm's and the nearest digit's charts."""
    palm = _on_palm(np.stack([form.x.ravel()[inside], form.y.ravel()[inside]], axis=-1))
    across = np.clip(form.across.ravel()[inside], -15, 15)
    digit = _on_digit(form.digit.ravel()[inside], form.along.ravel()[inside], across)
    palm[:, 0] = np.clip(palm[:, 0], 1, PALM_COLUMNS - 3)
    share = form.share.ravel()[inside][:, None]
    return _bilinear(atlas, palm, step) * (1 - share) + _bilinear(atlas, digit, step) * share


def _bilinear(atlas: np.ndarray, points: np.ndarray, step: int) -> np.ndarray:
    """[P, 5] atlas at [P, 2] full-resolution (column, row) points; ``step`` pixels were pooled."""
    rows, columns = atlas.shape[:2]
    points = (points.astype(np.float32) + 0.5) / step - 0.5
    points = np.clip(points, 0, np.array([columns - 1.01, rows - 1.01], np.float32))
    corner = points.astype(np.int32)
    right, down = (points - corner).T[..., None]
    flat, first = atlas.reshape(-1, atlas.shape[2]), corner[:, 1] * columns + corner[:, 0]
    top = flat[first] * (1 - right) + flat[first + 1] * right
    return (
        top * (1 - down)
        + (flat[first + columns] * (1 - right) + flat[first + columns + 1] * right) * down
    )


ABSORB = np.array([[0.45, 0.75, 1.0], [0.10, 0.75, 0.60], [0.55, 0.22, 0.05]], np.float32)


def _albedo(who: Person, scene: _Scene, skin: np.ndarray) -> np.ndarray:
    """[P, 3] linear reflectance from [P, 5] skin: melanin, blood and veins absorb, polish covers."""
    base = who.skin.astype(np.float32)
    if scene.palmar:  # palms carry little melanin
        base = 0.55 * base + 0.45 * np.array([0.72, 0.44, 0.34], np.float32) * (
            0.5 + 0.5 * base[0] / 0.7
        )
    depth = skin[:, [MELANIN, BLOOD, VEIN]] @ ABSORB
    colour = base * np.exp(-depth)
    if scene.polish:
        cover = skin[:, NAIL, None] * 0.95
        colour = colour * (1 - cover) + np.array(POLISHES[scene.polish], np.float32) * cover
    return colour


def _shade(form: _Surface, scene: _Scene, inside: np.ndarray, gloss: np.ndarray) -> tuple:
    """Diffuse [P, 3] and specular [P, 1] light on the form; skin lets red light through edges."""
    down, right = np.gradient(form.height * np.float32(form.scale))
    down, right = down.ravel()[inside], right.ravel()[inside]
    norm = 1 / np.sqrt(1 + 0.5 * (down * down + right * right))
    light = scene.light.astype(np.float32)
    lambert = np.clip((light[2] - 0.7 * (right * light[0] + down * light[1])) * norm, -0.3, 1)
    size = form.scale * 188 / 256
    hollow = _blur(form.height[::2, ::2], 2.2 * size) - form.height[::2, ::2]
    hollow = np.repeat(np.repeat(hollow, 2, 0), 2, 1)[: len(form.x), : len(form.x)].ravel()[inside]
    occlusion = np.exp(-0.16 * np.clip(hollow - 0.3, 0, 5))
    level = (
        scene.ambient * (0.55 + 0.45 * norm) * occlusion
        + (1 - scene.ambient) * (lambert + 0.25) / 1.25
    )
    level = np.clip(level * (0.5 + 0.5 * occlusion), 0.03, None)[:, None]
    half = light + np.array([0, 0, 1], np.float32)
    half /= np.sqrt(half @ half)
    shine = np.clip(
        (half[2] - right * half[0] - down * half[1]) / np.sqrt(1 + right**2 + down**2), 0, 1
    )
    return level ** np.array([0.85, 1.0, 1.08], np.float32), (shine**24 * gloss)[:, None]


def _ground(
    form: _Surface, scene: _Scene, cover: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """[size, size, 3] the background: uneven light, soft contact shadow and cast shadow."""
    size = len(cover)
    small = cover[:: max(1, size // 64), :: max(1, size // 64)]
    step = size / len(small)
    shift = -scene.light[:2] / scene.light[2] * 14 * form.scale / step
    rows, columns = (np.arange(len(small)) for _ in range(2))
    rows = np.clip(np.round(rows - shift[1]), 0, len(small) - 1).astype(int)
    columns = np.clip(np.round(columns - shift[0]), 0, len(small) - 1).astype(int)
    dark = 1 - scene.shadow * _blur(small[rows][:, columns], 2.6) - 0.22 * _blur(small, 1.3)
    dark = dark * (1 + 0.07 * _clouds(rng, small.shape, len(small) / 2.2))
    at = np.minimum((np.arange(size) / step), len(small) - 1.01)
    low = at.astype(int)
    part = (at - low).astype(np.float32)
    dark = dark[low] * (1 - part[:, None]) + dark[low + 1] * part[:, None]
    dark = dark[:, low] * (1 - part) + dark[:, low + 1] * part
    return dark[..., None].astype(np.float32) * scene.ground.astype(np.float32)


def _add_ring(
    form: _Surface, scene: _Scene, who: Person, inside: np.ndarray, colour: np.ndarray
) -> None:
    """Paint a metal band over the proximal bone of the ring's digit into [P, 3] ``colour``."""
    if scene.ring is None:
        return
    place = form.along.ravel()[inside] - 0.62 * who.segments[scene.hand, scene.ring, 0]
    on = (form.digit.ravel()[inside] == scene.ring) & (form.share.ravel()[inside] > 0.3)
    band = np.clip((2.1 - np.abs(place)) * 1.6, 0, 1) * on
    bend = form.across.ravel()[inside] / who.radii[scene.hand, scene.ring, 1]
    gleam = 0.55 + 0.45 * np.cos(5.0 * bend + 3 * scene.light[0]) * np.cos(0.9 * place)
    metal = np.array(METALS[scene.metal], np.float32) * gleam[:, None].astype(np.float32) * 1.2
    colour += (metal - colour) * band[:, None].astype(np.float32)


def _develop(image: np.ndarray, scene: _Scene, rng: np.random.Generator) -> np.ndarray:
    """Camera: exposure, white balance, blur, tone curve, noise, 8 bits."""
    image = _blur(image, scene.blur * len(image) / 256) * scene.gains.astype(np.float32)
    image = np.clip(image, 0, 1.2)
    image = np.sqrt(image) * (0.93 + 0.07 * image)  # close to the sRGB curve, and cheaper
    noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(scene.noise)
    return np.clip((image + noise) * 255 + 0.5, 0, 255).astype(np.uint8)


def photograph(
    person: Person, view: str, shot: int, *, size: int = 256, seed: int = 0, camera: str = "11k"
) -> tuple[np.ndarray, dict]:
    """One photograph of a hand and what the renderer knows of it.

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
        ValueError: for a view or camera that does not exist, a negative shot, or too small a frame.
    """
    _check(view in VIEWS, f"view {view!r} does not exist: choose one of {', '.join(VIEWS)}")
    _check(
        camera in CAMERAS, f"camera {camera!r} does not exist: choose one of {', '.join(CAMERAS)}"
    )
    _check(shot >= 0, f"shot is {shot}: number the photographs from 0")
    _check(size >= 64, f"size is {size}: a hand needs at least 64 pixels")
    scene = _stage(person, view, shot, seed, camera)
    form = _surface(person, scene, size)
    rng = np.random.default_rng([seed, person.seed, person.subject, VIEWS.index(view), shot, 1])
    inside = np.flatnonzero(form.distance < 1.5 / form.scale)
    level = max(0, int(math.log2(max(1.0, RESOLUTION / form.scale))))
    skin = _look_up(form, _atlas(person, scene.hand, scene.palmar, level), inside, 2**level)
    form.height.ravel()[inside] += skin[:, RELIEF]
    diffuse, shine = _shade(form, scene, inside, 0.03 + 0.10 * skin[:, NAIL])
    colour = _albedo(person, scene, skin) * diffuse + shine
    _add_ring(form, scene, person, inside, colour)
    cover = np.clip(0.5 - form.distance * form.scale, 0, 1)
    image = _ground(form, scene, cover, rng)
    image = np.ascontiguousarray(image)
    flat, part = image.reshape(-1, 3), cover.ravel()[inside][:, None]
    flat[inside] += (colour - flat[inside]) * part
    return _develop(image, scene, rng), _caption(person, scene)


def _word(value: float, low: float, high: float, words: tuple[str, str, str]) -> str:
    """The first word below ``low``, the last above ``high``, the middle one between."""
    return words[int(value > low) + int(value > high)]


def _caption(who: Person, scene: _Scene) -> dict:
    """Plain words and numbers that a caption may use."""
    bones = who.segments[scene.hand, 1:].sum(axis=(0, 1)) / who.metacarpals[scene.hand].sum()
    slender = who.radii[scene.hand, 1:, 1].sum() / who.segments[scene.hand, 1:].sum(axis=(0, 1))
    height = _word(scene.light[2], 0.8, 0.95, ("low", "slanting", "high"))
    return {
        "hand": ("right", "left")[scene.hand],
        "aspect": "palmar" if scene.palmar else "dorsal",
        "gender": who.gender,
        "age": who.age,
        "skin_color": who.skin_color,
        "spread": _word(scene.spread, 0.4, 0.9, ("closed", "relaxed", "spread")),
        "spread_value": round(scene.spread, 3),
        "rotation_degrees": round(scene.turn, 1),
        "light": f"{height}, from the {_side(scene.light)}",
        "light_direction": [round(float(v), 3) for v in scene.light],
        "finger_length": _word(bones, 1.25, 1.29, ("short", "medium", "long")),
        "finger_width": _word(slender, 0.108, 0.118, ("slender", "medium", "broad")),
        "veins": _word(who.veins, 0.33, 0.66, ("faint", "visible", "prominent")),
        "creases": _word(who.wrinkles, 0.9, 1.1, ("fine", "clear", "deep")),
        "nail_polish": int(scene.polish is not None),
        "nail_color": scene.polish or "none",
        "accessories": int(scene.ring is not None),
        "ring_finger": DIGITS[scene.ring] if scene.ring is not None else "none",
    }


def _side(light: np.ndarray) -> str:
    """The side of the frame that the light comes from."""
    if abs(light[0]) > abs(light[1]):
        return "right" if light[0] > 0 else "left"
    return "bottom" if light[1] > 0 else "top"


# ------------------------------------------------------------------------------------ on disk


def _check(holds: bool, sentence: str) -> None:
    """Refuse with one sentence."""
    if not holds:
        raise ValueError(sentence)


def _check_counts(subjects: int, images: int, size: int) -> None:
    """Refuse sets too small to study."""
    _check(subjects >= 2, f"subjects is {subjects}: at least 2 people are needed to tell apart")
    _check(
        images >= 2, f"images is {images}: at least 2 are needed, one to find and one to search in"
    )
    _check(size >= 64, f"size is {size}: a hand needs at least 64 pixels")


@contextmanager
def _complete_or_nothing(root: Path):
    """A sibling folder to write into, renamed to ``root`` when all went well and removed if not."""
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise FileExistsError(f"{root} already holds data: remove it or choose another folder")
    draft = root.parent / f".{root.name}.partial-{os.getpid()}"
    try:
        draft.mkdir(parents=True)
        yield draft
        os.replace(draft, root)
    except OSError as error:
        shutil.rmtree(draft, ignore_errors=True)
        if error.errno == errno.ENOSPC:
            raise OSError(errno.ENOSPC, f"the disk is full: free some space for {root}") from error
        raise
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _write_photographs(
    seed: int, subject: int, camera: str, size: int, jobs: list[tuple]
) -> list[tuple]:
    """Write one person's (view, shot, path) photographs; returns (job, caption) pairs."""
    who, done = person(seed, subject), []
    for view, shot, path in jobs:
        image, caption = photograph(who, view, shot, size=size, seed=seed, camera=camera)
        Image.fromarray(image).save(path, quality=92, subsampling=0)
        done.append(((view, shot, path), caption))
    return done


def _write_all(tasks: list[tuple], workers: int | None, progress: bool) -> dict[str, dict]:
    """Run ``_write_photographs`` on all tasks; returns {path: caption}, whatever the order."""
    captions: dict[str, dict] = {}
    total = sum(len(task[4]) for task in tasks)
    workers = min(workers or os.cpu_count() or 1, len(tasks))
    with tqdm(
        total=total, desc="drawing hands", unit="image", mininterval=1, disable=not progress
    ) as bar:
        for done in _results(tasks, workers):
            captions.update({job[2]: caption for job, caption in done})
            bar.update(len(done))
    return captions


def _results(tasks: list[tuple], workers: int) -> Iterable[list[tuple]]:
    """Results of the tasks as they come, from this process or from ``workers`` others."""
    if workers == 1:
        yield from (_write_photographs(*task) for task in tasks)
        return
    # Forked workers need no importable __main__, so that notebooks and piped scripts work too.
    context = get_context("fork" if sys.platform == "linux" else None)
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        futures = [pool.submit(_write_photographs, *task) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def write_11k(
    root: str | Path, *, subjects: int, images: int, size: int = 256, seed: int = 0,
    workers: int | None = None, progress: bool = True,
) -> Path:  # fmt: skip
    """Write a data set as 11k Hands lies on disk: HandInfo.csv and Hands/Hand_0000001.jpg onwards.

    Args:
        root: folder to make; its parents are made too.
        subjects: number of people, >= 2.
        images: photographs a person and view on average, >= 2; two at least wear no ring.
        size: of the square photographs in pixels, >= 64.
        seed: of people and photographs.
        workers: processes; all cores if None. The files do not depend on it.
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
                for shot in range(images + (int(rng.integers(-1, 2)) if images > 2 else 0)):
                    number += 1
                    jobs.append((view, shot, str(draft / "Hands" / f"Hand_{number:07d}.jpg")))
            tasks.append((seed, subject, "11k", size, jobs))
        captions = _write_all(tasks, workers, progress)
        _write_table(draft / "HandInfo.csv", tasks, captions)
    return root


def _write_table(path: Path, tasks: list[tuple], captions: dict[str, dict]) -> None:
    """Write HandInfo.csv: words quoted and numbers not, as in the original."""
    with path.open("w", newline="") as file:
        file.write(",".join(COLUMNS) + "\n")
        table = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        for _, subject, _, _, jobs in tasks:
            for view, _, image in jobs:
                known = captions[image]
                words = [f"{subject:07d}", known["age"], known["gender"], known["skin_color"]]
                words += [known["accessories"], known["nail_polish"], view, Path(image).name, 0]
                table.writerow(words)


def write_hd(
    root: str | Path, *, subjects: int, distractors: int, images: int, size: int = 256, seed: int = 0,
    workers: int | None = None, progress: bool = True,
) -> Path:  # fmt: skip
    """Write a data set as PolyU HD lies on disk: Original Images/1-501 and Original Images/502-712.

    Other people than ``write_11k`` draws, backs of mostly right hands, closer and on a grey ground.
    The later half of the subjects (54 at most) is numbered from 448, the real set's cut-off.

    Args:
        root: folder to make; its parents are made too.
        subjects: people to find, 2 to 501.
        distractors: people who only fill the gallery, 0 to 211.
        images: photographs a person, >= 2.
        size: of the square photographs in pixels, >= 64.
        seed: of people and photographs.
        workers: processes; all cores if None. The files do not depend on it.
        progress: whether to show a bar.

    Returns:
        ``root``.

    Raises:
        ValueError: if a count is out of range or the size too small.
        FileExistsError: if ``root`` already holds something.
        OSError: if the disk is full; nothing is left then.
    """
    _check_counts(subjects, images, size)
    _check(subjects <= 501, f"subjects is {subjects}: HD numbers its subjects from 1 to 501")
    _check(0 <= distractors <= 211, f"distractors is {distractors}: HD has places for 0 to 211")
    late = min(subjects // 2, 54)
    numbers = [
        *range(1, subjects - late + 1),
        *range(448, 448 + late),
        *range(502, 502 + distractors),
    ]
    root, tasks = Path(root), []
    with _complete_or_nothing(root) as draft:
        folders = [draft / "Original Images" / name for name in ("1-501", "502-712")]
        for folder in folders:
            folder.mkdir(parents=True)
        for number in numbers:
            view = VIEWS[int(np.random.default_rng([seed, number, 8]).random() < 0.1)]
            folder = folders[number > 501]
            jobs = [
                (view, shot, str(folder / f"{number}_{shot + 1}.jpg")) for shot in range(images)
            ]
            tasks.append((seed, 1_000_000 + number, "hd", size, jobs))
        _write_all(tasks, workers, progress)
    return root
