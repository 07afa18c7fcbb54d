"""comparisons.py: sign flips by hand, by scipy and in simulation; Holm by hand."""

import numpy as np
import pytest
from scipy import stats

from handid import statistics


def test_two_people_who_agree_are_worked_by_hand():
    # Flips: ++ 3, -- -3, +- and -+ 1: two of four are as far from zero.
    assert statistics.sign_flip([1, 2], ["a", "b"]) == 0.5
    assert statistics.sign_flip([1, 1, 1, 1], "abcd") == pytest.approx(2 / 16)


def test_few_people_are_scipys_exact_test(rng):
    values = rng.normal(0.5, 1, 9)
    expected = stats.permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert statistics.sign_flip(values, range(9)) == pytest.approx(expected.pvalue)


def test_many_people_are_near_students_t(rng):
    people = np.repeat(np.arange(71), 5)
    values = rng.normal(0, 1, 71)[people] * 0.4 + rng.normal(0.12, 0.4, 355)
    means = [values[people == person].mean() for person in range(71)]
    p = statistics.sign_flip(values, people)
    assert p == pytest.approx(stats.ttest_1samp(means, 0).pvalue, abs=0.02)
    assert p == statistics.sign_flip(-values, people)


def test_a_persons_queries_flip_together():
    """Ten queries of one person are one person: never below what two people can show."""
    assert statistics.sign_flip([1] * 10 + [1], ["a"] * 10 + ["b"]) == 0.5


def test_p_depends_on_neither_the_order_nor_the_names(rng):
    people, values, order = rng.integers(0, 30, 200), rng.normal(0, 1, 200), rng.permutation(200)
    names = [f"person {p}" for p in people[order]]
    assert statistics.sign_flip(values, people) == statistics.sign_flip(values[order], names)


def test_equal_systems_have_p_one_and_one_person_none():
    assert statistics.sign_flip([0, 0, 0], [1, 2, 3]) == 1
    assert np.isnan(statistics.sign_flip([1, 2], ["a", "a"]))


def test_equal_systems_are_told_apart_at_most_six_times_in_a_hundred(rng):
    """71 people of 1 to 45 queries whose own differences vary: 1,000 worlds, no difference."""
    counts = np.round(np.geomspace(1, 45, 71)).astype(int)
    people, errors = np.repeat(np.arange(71), counts), 0
    for world in range(1000):
        own = rng.normal(0, 0.2, 71)[people]
        values = np.sign(rng.normal(own, 1)) * (rng.random(len(people)) < 0.3)
        errors += statistics.sign_flip(values, people, draws=499, seed=world) <= 0.05
    assert errors <= 60


@pytest.mark.parametrize(
    ("values", "people", "options", "message"),
    [
        ([], [], {}, "non-empty list of finite numbers"),
        ([1.0], [1, 2], {}, "2 ids for 1 value rows"),
        ([1.0, 2.0], [1, 2], {"draws": 0}, "draws=0 must be a whole number from 1"),
    ],
)
def test_a_comparison_of_nonsense_is_refused(values, people, options, message):
    with pytest.raises(ValueError, match=message):
        statistics.sign_flip(values, people, **options)


def test_holm_is_worked_by_hand():
    # Sorted 0.01 x 4, 0.02 x 3, 0.03 x 2, 0.04 x 1: 0.04, 0.06, 0.06, 0.06 (none falls).
    np.testing.assert_allclose(statistics.holm([0.04, 0.01, 0.03, 0.02]), [0.06, 0.04, 0.06, 0.06])
    np.testing.assert_allclose(statistics.holm([0.5, 0.6]), [1, 1])


def test_holm_rejects_what_his_steps_reject(rng):
    """Step down: reject while the k-th smallest p is at most level / (C - k + 1)."""
    for _ in range(50):
        p, level = rng.beta(0.4, 2, 7), rng.uniform(0.01, 0.2)
        rejected = np.zeros(7, dtype=bool)
        for step, which in enumerate(np.argsort(p)):
            if p[which] > level / (7 - step):
                break
            rejected[which] = True
        np.testing.assert_array_equal(statistics.holm(p) <= level, rejected)


def test_what_is_unknown_is_no_comparison():
    np.testing.assert_allclose(statistics.holm([np.nan, 0.02, 0.5]), [np.nan, 0.04, 0.5])
    assert len(statistics.holm([])) == 0
    with pytest.raises(ValueError, match="between 0 and 1"):
        statistics.holm([1.5])


@pytest.mark.parametrize("values", [None, 0.5, ["x"], [[0.1, 0.2], [0.3, 0.4]], [1j], {}.get])
def test_what_is_no_list_of_p_values_is_refused(values):
    with pytest.raises(ValueError, match="p values (are no|must be a) list of numbers"):
        statistics.holm(values)
