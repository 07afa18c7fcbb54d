"""jackknife.py: a closed form, and what it covers where two people stand behind a comparison."""

import numpy as np
import pytest
from scipy import stats

from handid import evidence
from handid.evidence.jackknife import intervals


def test_a_mean_over_people_has_students_interval(rng):
    mated = rng.normal(0, 1, 12)
    pairs = np.array([[0, 1]])
    figures = intervals(lambda m, n: [m.mean()], (mated, np.arange(12)), (np.zeros(1), pairs))
    expected = stats.t.interval(0.95, 11, mated.mean(), stats.sem(mated))
    assert figures[0] == pytest.approx((mated.mean(), *expected))


def test_two_people_leave_no_interval():
    mated, nonmated = (np.ones(2), np.arange(2)), (np.ones(1), np.array([[0, 1]]))
    found = intervals(lambda m, n: [1.0], mated, nonmated)
    assert found[0][0] == 1 and np.isnan(found[0][1:]).all()


def test_a_level_in_percent_is_refused():
    mated, nonmated = (np.ones(3), np.arange(3)), (np.ones(1), np.array([[0, 1]]))
    with pytest.raises(ValueError, match="level=95 must lie between 0 and 1"):
        intervals(lambda m, n: [1.0], mated, nonmated, level=95)


def test_it_covers_false_match_and_equal_error_rates_of_people_who_are_alike(rng):
    """45 people, some of whom resemble everybody; 150 simulated studies."""
    one, other = np.triu_indices(45, 1)
    pairs, who = np.column_stack([one, other]), np.repeat(np.arange(45), 6)

    def study(n):
        first, second = np.triu_indices(n, 1)
        alike = rng.normal(0, 0.5, n)
        nonmated = alike[first] + alike[second] + rng.normal(0, 1, len(first))
        return rng.normal(rng.normal(2.5, 0.5, n)[:, None], 1, (n, 6)).ravel(), nonmated

    def statistic(mated, nonmated):
        return [(nonmated >= 1.5).mean(), evidence.verification.eer(mated, nonmated)]

    truth = np.mean([statistic(*study(300)) for _ in range(30)], axis=0)
    covered, pooled = np.zeros(2), 0
    for _ in range(150):
        mated, nonmated = study(45)
        found = intervals(statistic, (mated, who), (nonmated, pairs))
        covered += [low <= true <= high for true, (_, low, high) in zip(truth, found, strict=True)]
        low, high = stats.binomtest(int((nonmated >= 1.5).sum()), 990).proportion_ci()
        pooled += low <= truth[0] <= high
    assert (covered >= 0.9 * 150).all()
    assert pooled < 0.8 * 150  # an interval over comparisons


def test_lists_are_taken_as_arrays_are():
    def means(mated, nonmated):
        return [mated.mean(), nonmated.mean()]

    lists = ([1.0, 2.0, 4.0], [0, 1, 2]), ([0.0, 0.5, 0.25], [[0, 1], [0, 2], [1, 2]])
    arrays = (tuple(map(np.array, both)) for both in lists)
    assert intervals(means, *lists) == intervals(means, *arrays)
