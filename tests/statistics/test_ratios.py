"""The interval of a ratio: Fieller's where both are symmetric, and the edges."""

from math import inf, isnan, sqrt

import numpy as np
import pytest

from handid.statistics import ratio

Z = 1.96


def around(value, error):
    return value, value - Z * error, value + Z * error


def fieller(part, part_error, whole, whole_error):
    """Fieller 1954: the ratios whose difference part - ratio * whole has an interval with zero."""
    a = whole**2 - Z**2 * whole_error**2
    b, c = -2 * part * whole, part**2 - Z**2 * part_error**2
    root = sqrt(b**2 - 4 * a * c)
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


@pytest.mark.parametrize("figures", [(3, 0.5, 10, 1), (9, 1, 8, 1.2), (30, 2, 60, 3)])
def test_symmetric_intervals_give_fiellers(figures):
    part, part_error, whole, whole_error = figures
    ours = ratio(around(part, part_error), around(whole, whole_error))
    assert ours == pytest.approx(fieller(*figures))


def test_independent_shares_are_covered():
    rng, inside = np.random.default_rng(0), 0
    for _ in range(400):
        part, whole = rng.binomial(200, 0.1) / 200, rng.binomial(200, 0.6) / 200
        errors = (sqrt(p * (1 - p) / 200) for p in (part, whole))
        figures = [around(p, error) for p, error in zip((part, whole), errors, strict=True)]
        low, high = ratio(*((value, max(0, low), high) for value, low, high in figures))
        inside += low <= 0.1 / 0.6 <= high
    assert 0.92 <= inside / 400 <= 0.98


def test_nothing_of_something_is_at_most_a_little():
    low, high = ratio((0, 0, 2), (50, 40, 60))
    assert low == 0 and 2 / 60 < high < 2 / 40


def test_a_part_of_what_may_be_nothing_is_not_bounded():
    low, high = ratio((5, 1, 9), (0.5, 0, 2))
    assert 0 < low < 10 and high == inf


def test_without_an_interval_there_is_none():
    assert all(isnan(end) for end in ratio((5, np.nan, np.nan), (10, 8, 12)))
    assert all(isnan(end) for end in ratio((np.nan, 0, 6), (10, 8, 12)))


@pytest.mark.parametrize(
    "figures", [((1, -1, 2), (5, 4, 6)), ((-1, 0, 1), (5, 4, 6)), ((1, 0, 2), (0, 0, 1))]
)
def test_what_is_no_share_is_refused(figures):
    with pytest.raises(ValueError, match="is no share"):
        ratio(*figures)
