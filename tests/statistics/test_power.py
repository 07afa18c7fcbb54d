"""power.py: a table by hand, simulated components, and studies that find what it says."""

import numpy as np
import pytest

from handid.statistics import Components, components, smallest_difference
from handid.statistics.power import standard_error

TRUE = Components(people=0.04, seeds=0.01, rest=0.09)


def studies(rng, count, people, seeds, mean=0.0):
    """[count, people, seeds] differences with the components TRUE."""
    parts = [(count, people, 1), (count, 1, seeds), (count, people, seeds)]
    return mean + sum(np.sqrt(v) * rng.standard_normal(s) for v, s in zip(TRUE, parts, strict=True))


def test_a_table_worked_by_hand():
    """Two people 2 apart and two seeds 4 apart: variances 2 and 8, and nothing is left."""
    table = np.array([[1.0, 5.0], [3.0, 7.0]])
    assert components(table) == pytest.approx((2.0, 8.0, 0.0))
    assert components(np.array([[1.0, -1.0], [-1.0, 1.0]])) == pytest.approx((0.0, 0.0, 4.0))


def test_components_are_those_that_the_differences_were_drawn_with(rng):
    found = np.array([components(one) for one in studies(rng, 400, 30, 5)])
    assert found.mean(0) == pytest.approx(TRUE, rel=0.06)


@pytest.mark.parametrize(("people", "seeds"), [(45, 5), (20, 3)])
def test_a_study_finds_the_smallest_difference_four_times_in_five(rng, people, seeds):
    mean = smallest_difference(TRUE, people, seeds)
    error = standard_error(TRUE, people, seeds)
    means = studies(rng, 4000, people, seeds, mean).mean((1, 2))
    assert means.std() == pytest.approx(error, rel=0.04)
    assert (means > 1.959964 * error).mean() == pytest.approx(0.8, abs=0.02)


def test_more_people_cannot_see_what_seeds_hide():
    least = [smallest_difference(TRUE, people, 5) for people in (10, 100, 10**9)]
    assert least[0] > least[1] > least[2] == pytest.approx(2.8016 * np.sqrt(0.01 / 5), rel=1e-3)
    assert smallest_difference(TRUE, 10**9, 10**9) < 1e-4


@pytest.mark.parametrize("table", [np.zeros((1, 3)), np.zeros((3, 1)), np.full((2, 2), np.nan)])
def test_too_small_a_table_is_refused(table):
    with pytest.raises(ValueError, match="two people and two seeds"):
        components(table)


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ValueError, match="people=0 must lie between 1 and inf"):
        smallest_difference(TRUE, 0, 5)
    for variance in (-1, np.nan, "a", None):
        with pytest.raises(ValueError, match="variance of seeds="):
            smallest_difference(TRUE._replace(seeds=variance), 10, 5)


def test_three_variances_are_components_and_anything_else_is_refused():
    parts = Components(1.0, 2.0, 3.0)
    known = smallest_difference(parts, 10, 2)
    assert smallest_difference((1.0, 2.0, 3.0), 10, 2) == known
    for wrong in (None, 1.0, (1.0, 2.0), {"people": 1}):
        with pytest.raises(ValueError, match="no variances: give people, seeds and rest"):
            smallest_difference(wrong, 10, 2)
