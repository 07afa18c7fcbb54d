"""The atlas on which the skin is drawn: one chart for the palm and one for each digit.

Places on a chart are mm and move with the bones; strokes are curves on it. What is drawn there is
the business of `strokes` and `skin`.
"""

import math

import numpy as np

from handid.synthetic.arrays import Array

RESOLUTION = 1.5  # atlas pixels per mm
PALM_CORNER = np.array([-62.0, -62.0])  # where the palm's chart begins, in the hand's frame
PALM_COLUMNS, DIGIT_COLUMNS, ROWS = 186, 48, 284
COLUMNS = PALM_COLUMNS + 5 * DIGIT_COLUMNS
RELIEF, MELANIN, BLOOD, VEIN, NAIL = range(5)  # height in mm, three optical depths, cover 0 to 1

Strokes = tuple[Array, Array]  # [K, T, 2] atlas (column, row) points, and [K] peak depths


def on_palm(points: Array) -> Array:
    """Atlas (column, row) of [..., 2] points in the hand's frame."""
    return (points - PALM_CORNER) * RESOLUTION


def on_digit(digit: Array, along: Array, across: Array) -> Array:
    """Atlas (column, row) of points `along` mm from a digit's root, `across` mm beside it."""
    column = PALM_COLUMNS + DIGIT_COLUMNS * (digit + 0.5) + across * RESOLUTION
    return np.stack(np.broadcast_arrays(column, along * RESOLUTION + 4), axis=-1)


def digit_chart(atlas: Array, digit: int) -> tuple[Array, Array, Array]:
    """A digit's part of the atlas (a view), how far along [H, 1] and across [1, W] pixels lie."""
    first = PALM_COLUMNS + digit * DIGIT_COLUMNS
    along = (np.arange(ROWS, dtype=np.float32) - 4) / RESOLUTION
    across = (np.arange(DIGIT_COLUMNS, dtype=np.float32) - DIGIT_COLUMNS / 2) / RESOLUTION
    return atlas[:, first : first + DIGIT_COLUMNS], along[:, None], across[None]


def bezier(control: Array, n_points: int) -> Array:
    """[K, n_points, 2] points on K cubic curves given by [K, 4, 2] control points."""
    t = np.linspace(0, 1, n_points)[:, None]
    basis = np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3])
    return np.einsum("tc,kcd->ktd", basis, control)


def lines(strokes: Strokes, sigma: float) -> Array:
    """[ROWS, COLUMNS] strokes that thin towards their ends; a blur by `sigma` gives their depth."""
    curves, depths = strokes
    steps = np.linalg.norm(np.gradient(curves, axis=1), axis=2)
    taper = np.sqrt(np.sin(np.linspace(0.12, math.pi - 0.12, curves.shape[1])))
    weights = (steps * taper * depths[:, None]).ravel() * math.sqrt(2 * math.pi) * sigma
    return splat(curves.reshape(-1, 2), weights)


def splat(points: Array, weights: Array) -> Array:
    """[ROWS, COLUMNS] weights [P] shared among the four pixels around each [P, 2] point."""
    points = np.clip(points, 0, [COLUMNS - 1.01, ROWS - 1.01])
    corner = points.astype(int)
    x, y = (points - corner).T
    first = corner[:, 1] * COLUMNS + corner[:, 0]
    index = np.concatenate([first, first + 1, first + COLUMNS, first + COLUMNS + 1])
    share = np.concatenate([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y])
    flat = np.bincount(index, np.tile(weights, 4) * share, ROWS * COLUMNS)
    return flat.reshape(ROWS, COLUMNS).astype(np.float32)
