"""Intervals of shares: Clopper-Pearson at the number of independent answers that people give."""

import numpy as np
from scipy import special

from handid import given


def effective_size(
    totals: np.ndarray,
    counts: np.ndarray,
    residual: np.ndarray | None = None,
    most: float | None = None,
) -> float:
    """How many independent answers the answers of some people are worth.

    As many as would give the share the variance that it has over people (linearised, as for a ratio
    of sums). Both are estimated as if there were two people more, of mean size, one with every
    answer right and one with every answer wrong: close to 0 or 1 few people err, and an estimate
    that sees no error sees no variance either. With all answers right, K people are worth K - 1.
    Source: Korn and Graubard 1998; the two people are ours (docs/coverage.md: what they do).

    Args:
        totals: [K] right answers of each person, may be fractions of answers.
        counts: [K] answers of each person, in whatever weight.
        residual: [K] each person's part in the error of the share; of a ratio of sums if None.
        most: what the answers are worth at best; the sum of `counts` if None.
    """
    n_people, size = len(counts), counts.sum()
    plain, mean = totals.sum() / size, size / n_people
    share = (totals.sum() + mean) / (size + 2 * mean)
    own = totals - plain * counts if residual is None else residual
    squares = ((own + (plain - share) * counts) ** 2).sum() + mean**2 * (
        share**2 + (1 - share) ** 2
    )
    variance = n_people / (n_people - 1) * squares / (size + 2 * mean) ** 2
    worth = share * (1 - share) / variance * size / (size + 2 * mean)
    return float(min(worth, size if most is None else most))


def share_interval(share: float, size: float, people: int, level: float) -> tuple[float, float]:
    """Clopper-Pearson at an effective size that was estimated from so many people.

    Args:
        share: in [0, 1].
        size: effective number of answers.
        people: 2 or more; fewer people know the design effect less well, which Student's t pays.
        level: in (0, 1).
    """
    tail = (1 - level) / 2
    ratio = special.ndtri(tail) / special.stdtrit(people - 1, tail)
    return clopper_pearson(share * size * ratio**2, size * ratio**2, level)


def clopper_pearson(right: float, size: float, level: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share, both numbers whole or not.

    Args:
        right: 0 to size.
        size: above 0.
        level: in (0, 1).

    Raises:
        ValueError: if a number is out of range.
    """
    right, size = given.real("right", right), given.real("size", size)
    given.between("level", level, 0, 1)
    if not 0 <= right <= size * (1 + 1e-12) or not 0 < size < np.inf:
        raise ValueError(f"{right} right of {size} is no share to bound")
    tail, wrong = (1 - level) / 2, max(0.0, size - right)
    low = 0.0 if right < 1e-9 else float(special.betaincinv(right, wrong + 1, tail))
    high = 1.0 if wrong < 1e-9 else float(special.betaincinv(right + 1, wrong, 1 - tail))
    return low, high
