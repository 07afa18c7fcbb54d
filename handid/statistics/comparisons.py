"""Whether two systems differ: sign flips over people, and Holm's correction of several of them."""

from collections.abc import Hashable, Iterable
from itertools import product

import numpy as np

from handid import given
from handid.statistics import people as persons

EXACT = 12  # people up to which every way to flip signs is tried


def sign_flip(
    differences: Iterable[float],
    people: Iterable[Hashable],
    *,
    draws: int = 9999,
    seed: int = 0,
) -> float:
    """Two-sided p value of a mean of paired differences, flipping the sign of whole people.

    If the two systems were exchangeable, each person's differences could as well have the other
    sign. p is the share of flips whose mean is at least as far from zero; up to 12 people who
    differ all flips are tried, beyond them random ones, the observed one counted among them.
    Source: ours (randomisation test, Fisher; over clusters).

    Args:
        differences: [Q] of paired scores of the same queries.
        people: [Q] who is shown.
        draws: random flips, 1 or more.
        seed: 0 or more.

    Returns:
        p in (0, 1]; 1 where nothing differs; NaN when fewer than two people leave nothing to flip.

    Raises:
        ValueError: if lengths differ, there is no value, a value is NaN or infinite, or an option
            is out of range.
    """
    totals, _ = persons.sums(differences, people)
    given.whole("draws", draws, 1)
    given.whole("seed", seed, 0)
    if len(totals) < 2:
        return float("nan")
    sizes = np.sort(np.abs(totals[totals != 0]))
    if len(sizes) == 0:
        return 1.0
    least = abs(totals.sum()) - 1e-9 * sizes.sum()  # equal sums differ in rounding
    if len(sizes) <= EXACT:
        signs = np.array(list(product((-1.0, 1.0), repeat=len(sizes))))
        return float((np.abs(signs @ sizes) >= least).mean())
    flips = np.random.default_rng(seed).integers(0, 2, (draws, len(sizes)), dtype=np.int8)
    further = np.abs((2.0 * flips - 1) @ sizes) >= least
    return float((1 + further.sum()) / (1 + draws))


def holm(p_values: Iterable[float]) -> np.ndarray:
    """Holm's adjusted p values, in the order given: the family's error is held at any level.

    Source: Holm 1979. The smallest p is multiplied by the number of comparisons, the next by one
    less, and so on; none is below an earlier one or above 1.

    Args:
        p_values: [C] in [0, 1]; NaN stays NaN and is no comparison.

    Returns:
        [C] adjusted p values.

    Raises:
        ValueError: if they are no list of numbers, or one lies outside 0 and 1.
    """
    values = given.numbers(p_values, "p values")
    if values.ndim != 1:
        raise ValueError("p values must be a list of numbers")
    known = np.flatnonzero(~np.isnan(values))
    if ((values[known] < 0) | (values[known] > 1)).any():
        raise ValueError("p values must lie between 0 and 1")
    order = known[np.argsort(values[known], kind="stable")]
    adjusted = np.full(len(values), np.nan)
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(factors * values[order]))
    return adjusted
