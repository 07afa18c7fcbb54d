"""Intervals over people of figures that compare pairs of people: each person left out in turn."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import special

from handid import given

Statistic = Callable[[np.ndarray, np.ndarray], Sequence[float] | np.ndarray]


def intervals(
    statistic: Statistic,
    mated: tuple[np.ndarray, np.ndarray],
    nonmated: tuple[np.ndarray, np.ndarray],
    level: float = 0.95,
) -> list[tuple[float, float, float]]:
    """Value, low and high of figures of mated and non-mated scores.

    Two people stand behind each non-mated comparison, so neither comparisons nor pairs are
    independent. Each person is left out with all comparisons that he or she is part of; what the
    figures then vary gives their standard error (the delete-one jackknife), and Student's t the
    interval. Source: Efron and Stein 1981 (its variance errs to the large side).

    Args:
        statistic: mated scores and non-mated scores -> figures, as many each time.
        mated: [M] scores and [M] people.
        nonmated: [N] scores and [N, 2] people.
        level: in (0, 1).

    Returns:
        One (value, low, high) per figure; low and high are NaN below three people, or where
        one of them has all mated comparisons.

    Raises:
        ValueError: for a level out of range; what the statistic says of no scores, where one person
            is part of all non-mated comparisons.
    """
    given.between("level", level, 0, 1)
    mated = np.asarray(mated[0]), np.asarray(mated[1])
    nonmated = np.asarray(nonmated[0]), np.asarray(nonmated[1])
    values = np.asarray(statistic(mated[0], nonmated[0]), dtype=np.float64)
    people = np.unique(np.concatenate([mated[1], nonmated[1].ravel()]))
    if len(people) < 3 or len(np.unique(mated[1])) < 2:
        return [(float(value), float("nan"), float("nan")) for value in values]
    without = []
    for person in people:
        own, other = mated[1] != person, (nonmated[1] != person).all(axis=1)
        without.append(statistic(mated[0][own], nonmated[0][other]))
    spread = np.asarray(without) - np.mean(without, axis=0)
    error = np.sqrt((len(people) - 1) / len(people) * (spread**2).sum(axis=0))
    half = error * special.stdtrit(len(people) - 1, (1 + level) / 2)
    return [(float(v), float(v - h), float(v + h)) for v, h in zip(values, half, strict=True)]
