"""shares.py: Clopper-Pearson against scipy's, and effective sizes by hand."""

import numpy as np
import pytest
from scipy import stats

from handid.statistics import clopper_pearson, shares


@pytest.mark.parametrize(("right", "size"), [(0, 5), (3, 7), (7, 7), (150, 971)])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_clopper_and_pearson_is_scipys(right, size, level):
    expected = stats.binomtest(right, size).proportion_ci(level, "exact")
    assert clopper_pearson(right, size, level) == pytest.approx(tuple(expected), abs=1e-12)


def test_no_error_among_ten_leaves_the_closed_form():
    low, high = clopper_pearson(10, 10)
    assert (low, high) == (pytest.approx(0.025 ** (1 / 10)), 1)


@pytest.mark.parametrize(("right", "size", "level"), [(-1, 4, 0.95), (5, 4, 0.95), (0, 0, 0.95)])
def test_what_is_no_share_is_refused(right, size, level):
    with pytest.raises(ValueError, match="no share to bound"):
        clopper_pearson(right, size, level)


@pytest.mark.parametrize("n_people", [2, 10, 71])
def test_people_with_every_answer_right_are_worth_one_less_than_they_are(n_people):
    counts = np.full(n_people, 13.0)
    assert shares.effective_size(counts, counts) == pytest.approx(n_people - 1)


def test_the_effective_size_is_that_of_two_people_more_in_a_loop(rng):
    counts = rng.integers(1, 40, 30).astype(float)
    totals = rng.binomial(counts.astype(int), rng.beta(3, 1, 30)).astype(float)
    mean = counts.mean()
    more, sizes = np.append(totals, [mean, 0]), np.append(counts, [mean, mean])
    share = more.sum() / sizes.sum()
    variance = 30 / 29 * sum((t - share * n) ** 2 for t, n in zip(more, sizes, strict=True))
    effect = variance / sizes.sum() ** 2 / (share * (1 - share) / sizes.sum())
    found = shares.effective_size(totals, counts)
    assert found == pytest.approx(counts.sum() / effect)
    assert found < counts.sum()


def test_no_answer_is_worth_more_than_one():
    """People who are all right in every second of their answers look more alike than chance."""
    counts = np.full(40, 10.0)
    assert shares.effective_size(counts / 2, counts) == 400
