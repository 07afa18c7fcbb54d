"""What the best of some trials of a tuning is expected to reach; nothing is tuned here."""

from collections.abc import Iterable

import numpy as np

from handid import given


def expected_best(values: Iterable[float]) -> np.ndarray:
    """Expected best validation of n trials drawn from those that were done, for each n up to N.

    The largest of n draws with replacement from the empirical distribution: E[max] is the sum over
    the trials in order of v_i (F_i^n - F_{i-1}^n), with F_i = i / N. Source: Dodge et al. 2019,
    Show Your Work, section 3.1.

    Args:
        values: [N] validation of every trial, one that diverged with the worst that there can be.

    Returns:
        [N] expected best of 1 to N trials; it never falls, and the last is at most the best of all.

    Raises:
        ValueError: if there is no value, or one is not finite.
    """
    ordered = np.sort(given.numbers(values, "validations"), axis=None)
    if not len(ordered) or not np.isfinite(ordered).all():
        raise ValueError("give the validation of every trial, each a finite number")
    shares = np.arange(len(ordered) + 1) / len(ordered)
    numbers = np.arange(1, len(ordered) + 1)[:, None]
    return np.diff(shares**numbers, axis=1) @ ordered
