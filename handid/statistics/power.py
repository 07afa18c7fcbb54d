"""How large a difference a study could have seen: from what people and trainings differ.

It compares no systems; see comparisons.py and seeds.py for that.
"""

from typing import NamedTuple

import numpy as np
from scipy import special

from handid import given


class Components(NamedTuple):
    """Variances of a paired difference between two systems, in the square of its unit.

    Attributes:
        people: between people, each answering all trainings.
        seeds: between trainings, each answering for all people.
        rest: what a training does to single people, and their queries.
    """

    people: float
    seeds: float
    rest: float


def components(differences: np.ndarray) -> Components:
    """Variance components of a crossed table, by the method of moments.

    Source: Searle, Casella and McCulloch 1992, Variance Components, section 4.3, two-way crossed
    random effects with one value per cell; a component that would be negative is 0.

    Args:
        differences: [K, S] mean difference of each person in each training.

    Raises:
        ValueError: if there are fewer than two people or two trainings, or a value is not finite.
    """
    table = given.numbers(differences, "differences")
    if table.ndim != 2 or min(table.shape) < 2 or not np.isfinite(table).all():
        raise ValueError("give a finite difference for each of two people and two seeds, or more")
    n_people, n_seeds = table.shape
    by_person, by_seed, mean = table.mean(1), table.mean(0), table.mean()
    left = table - by_person[:, None] - by_seed[None, :] + mean
    rest = (left**2).sum() / ((n_people - 1) * (n_seeds - 1))
    people = n_seeds * by_person.var(ddof=1)
    seeds = n_people * by_seed.var(ddof=1)
    return Components(
        float(max(0.0, people - rest) / n_seeds),
        float(max(0.0, seeds - rest) / n_people),
        float(rest),
    )


def standard_error(parts: Components, people: float, seeds: float) -> float:
    """Of the mean difference over so many people and trainings, which are crossed."""
    return float(np.sqrt(parts.people / people + parts.seeds / seeds + parts.rest / people / seeds))


def smallest_difference(
    parts: Components, people: float, seeds: float, *, level: float = 0.95, power: float = 0.8
) -> float:
    """The true difference that a two-sided comparison finds with a given probability.

    (z of level + z of power) standard errors, variances taken as known: with few trainings an
    interval that must estimate them sees less.

    Args:
        parts: of the differences.
        people: that are tested.
        seeds: trainings of each system.
        level: of the interval that must exclude zero, in (0, 1).
        power: probability of finding it, in (0, 1).

    Returns:
        In the unit of the differences.

    Raises:
        ValueError: if a number is out of range.
    """
    if np.shape(parts) != (3,):
        raise ValueError(f"{given.shown(parts)} are no variances: give people, seeds and rest")
    parts = Components(*parts)
    for name, variance in parts._asdict().items():
        given.between(f"variance of {name}", variance, 0, np.inf, ends=True)
    for name, count in (("people", people), ("seeds", seeds)):
        given.between(name, count, 1, np.inf, ends=True)
    for name, share in (("level", level), ("power", power)):
        given.between(name, share, 0, 1)
    reach = special.ndtri((1 + level) / 2) + special.ndtri(power)
    return float(reach * standard_error(parts, people, seeds))
