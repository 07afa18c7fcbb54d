"""seeds.py: a case worked by hand, what it covers, and which part is which."""

import numpy as np
import pytest
from scipy import stats

from handid.statistics import interval, with_seeds


def test_one_training_leaves_the_interval_over_people():
    found = with_seeds([0.9], 0.85, 0.93)
    assert found[:2] == (0.85, 0.93) and np.isnan(found.part)


def test_equal_trainings_add_nothing():
    assert with_seeds([0.5, 0.5, 0.5], 0.4, 0.7) == pytest.approx((0.4, 0.7, 0.0))


def test_two_parts_of_one_size_add_up_as_variances():
    """People: standard error 1; seeds: 9, 10, 11 give 1 / sqrt(3), so a quarter of the variance."""
    z = stats.norm.ppf(0.975)
    found = with_seeds([9, 10, 11], 10 - z, 10 + z)
    freedom = 2 * (4 / 3 * 3) ** 2
    half = stats.t.ppf(0.975, freedom) * np.sqrt(1 + 1 / 3)
    assert found == pytest.approx((10 - half, 10 + half, 0.25))


def test_each_side_keeps_its_own_width():
    found = with_seeds([0.90, 0.92], 0.80, 0.94)
    assert 0.91 - found.low > found.high - 0.91 > 0.03


def test_no_interval_over_people_gives_none():
    found = with_seeds([0.4, 0.6], float("nan"), float("nan"))
    assert np.isnan(found).all()


def test_a_training_without_a_value_leaves_no_interval():
    assert np.isnan(with_seeds([0.4, float("nan")], 0.3, 0.5)).all()


def test_no_training_is_refused():
    with pytest.raises(ValueError, match="no training"):
        with_seeds([], 0, 1)


@pytest.mark.parametrize(
    ("values", "low", "high", "message"),
    [
        ([0.4, 0.6], "low", 1, "bounds of the interval over people are no list of numbers"),
        ([0.4, 0.6], 1, 0, "1 to 0 is no interval: give low and high"),
        ([0.4, 0.6], [0.3], [0.7], r"\[0.3\] to \[0.7\] is no interval"),
        ([0.4, np.inf], 0.3, 0.7, "finite numbers up to 1e\\+100"),
        ([0.4, 0.6], -np.inf, 0.7, "finite numbers up to 1e\\+100"),
        ([1e300, 2e300], 0.3, 0.7, "finite numbers up to 1e\\+100"),
    ],
)
def test_what_is_no_figure_or_no_interval_is_refused(values, low, high, message):
    with pytest.raises(ValueError, match=message):
        with_seeds(values, low, high)


@pytest.mark.parametrize(("n_seeds", "least"), [(2, 0.915), (3, 0.93), (5, 0.93)])
def test_it_covers_where_an_interval_over_people_alone_does_not(rng, n_seeds, least):
    """1,500 studies of 71 people: a training shifts everybody about as much as people vary it."""
    half = stats.t.ppf(0.975, 70) / np.sqrt(71)
    both = alone = 0
    for _ in range(1500):
        people = rng.normal(0, 1 / np.sqrt(71))
        seeds = rng.normal(0, 0.15, n_seeds)
        mean = people + seeds.mean()
        alone += abs(mean) <= half
        found = with_seeds(people + seeds, mean - half, mean + half)
        both += found.low <= 0 <= found.high
    assert both >= least * 1500
    assert alone <= 0.925 * 1500


def test_shares_of_several_trainings_are_covered_too(rng):
    """Rank-1 about 0.9 of 71 people with six queries; 200 studies of three trainings."""
    covered = 0
    for _ in range(200):
        levels = 0.9 + rng.normal(0, 0.03, 3)[:, None]
        own = rng.beta(5 * 0.9, 5 * 0.1, 71)[:, None, None] * levels / 0.9
        right = (rng.random((71, 3, 6)) < own).astype(float)
        low, high = interval(right.ravel(), np.repeat(np.arange(71), 18), kind="share")
        found = with_seeds(right.mean(axis=(0, 2)), low, high)
        covered += found.low <= 0.9 <= found.high
    assert covered >= 0.93 * 200
