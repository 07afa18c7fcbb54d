"""Doubt about people and about seeds in one interval, and which part is which."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy import special

from handid import given
from handid.statistics.people import LARGEST


class WithSeeds(NamedTuple):
    """An interval over people and seeds.

    Attributes:
        low: in the figure's unit.
        high: likewise.
        part: share of the variance that is between seeds, in [0, 1]; NaN for a single one, and
            without an interval.
    """

    low: float
    high: float
    part: float


def with_seeds(values: Iterable[float], low: float, high: float, level: float = 0.95) -> WithSeeds:
    """Widen an interval over people by what several trainings differ.

    People and seeds are crossed: every training answers the same people. The variance of the mean
    over S seeds is that over people, which the given interval has, and that between the seeds'
    means divided by S; so few seeds know their variance badly, which Student's t pays, with
    degrees of freedom after Satterthwaite (1946). What a seed does to single people is in both
    parts, so the sum errs to the large side. Simulated, it covers 93 to 96 % with three trainings
    or five, and with two, where these differ more than people make doubtful, 88 %. Each side of the
    interval keeps its own width.

    Args:
        values: [S] the figure of each training; NaN for one leaves no interval.
        low: of the interval over people of their mean; NaN for none.
        high: likewise.
        level: in (0, 1), that of the given interval.

    Raises:
        ValueError: if there is no value, one is infinite, or the bounds are no interval.
    """
    values = given.numbers(values, "values of the seeds")
    bounds = given.numbers([low, high], "bounds of the interval over people")
    if bounds.shape != (2,) or bounds[0] > bounds[1]:
        raise ValueError(
            f"{given.shown(low)} to {given.shown(high)} is no interval: give low and high."
        )
    low, high = bounds
    if (np.abs([*values.flat, low, high]) > LARGEST).any():
        raise ValueError(f"Values and bounds must be finite numbers up to {LARGEST:g}.")
    given.between("level", level, 0, 1)
    if values.ndim != 1 or not len(values):
        raise ValueError("There is no training: give one value per seed.")
    if len(values) == 1 or np.isnan(low) or np.isnan(high):
        return WithSeeds(float(low), float(high), float("nan"))
    mean, normal = float(values.mean()), float(special.ndtri((1 + level) / 2))
    between = float(values.var(ddof=1)) / len(values)
    sides, parts = [], []
    for side in (mean - low, high - mean):
        own = (max(0.0, side) / normal) ** 2
        total = own + between
        # People are many: only the seeds' degrees of freedom count.
        freedom = (len(values) - 1) * (total / between) ** 2 if between > 0 else np.inf
        factor = special.stdtrit(freedom, (1 + level) / 2) if np.isfinite(freedom) else normal
        sides.append(float(factor * np.sqrt(total)))
        parts.append(0.0 if total == 0 else between / total)
    return WithSeeds(mean - sides[0], mean + sides[1], float(np.mean(parts)))
