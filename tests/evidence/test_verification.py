"""verification.py: by hand, by loops, by scikit-learn, and its laws."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from handid.evidence import verification
from handid.evidence.verification import eer, error_rates


def test_error_rates_are_worked_by_hand():
    rates = error_rates([0.9, 0.6], [0.7, 0.2, 0.2])
    assert rates["threshold"].tolist() == [0.2, 0.6, 0.7, 0.9, np.inf]
    np.testing.assert_allclose(rates["fmr"], [1, 1 / 3, 1 / 3, 0, 0], atol=1e-15)
    np.testing.assert_allclose(rates["fnmr"], [0, 0, 0.5, 0.5, 1], atol=1e-15)


def test_error_rates_are_those_of_loops_and_of_scikit_learn(overlapping):
    mated, nonmated = overlapping
    rates = error_rates(mated, nonmated)
    for threshold, fmr, fnmr in rates.itertuples(index=False):
        assert fmr == pytest.approx(sum(s >= threshold for s in nonmated) / len(nonmated))
        assert fnmr == pytest.approx(sum(s < threshold for s in mated) / len(mated))
    labels = np.repeat([1, 0], [len(mated), len(nonmated)])
    fpr, fnr, thresholds = metrics.det_curve(labels, np.concatenate(overlapping))
    ours = rates.set_index("threshold").loc[thresholds[np.isfinite(thresholds)]]
    np.testing.assert_allclose(ours["fmr"], fpr[np.isfinite(thresholds)], atol=1e-12)
    np.testing.assert_allclose(ours["fnmr"], fnr[np.isfinite(thresholds)], atol=1e-12)


def test_a_failure_is_an_error_where_mated_and_none_where_not():
    rates = error_rates([np.nan, 0.9], [np.nan, 0.1])
    assert rates["fnmr"].min() == 0.5 and rates["fmr"].max() == 0.5
    for threshold in (0.0, -np.inf):  # the lowest accepts whatever was compared, and no failure
        assert verification.fnmr_at([np.nan, 0.9], threshold) == 0.5
        assert verification.fmr_at([np.nan, 0.9], threshold) == 0.5


@pytest.mark.parametrize(
    ("mated", "nonmated", "rate"),
    [
        ([2, 3], [0, 1], 0),
        ([0, 1], [2, 3], 0.5),  # the wrong way round: lots do as well
        ([1, 1], [1, 1], 0.5),
        ([1, 3], [0, 2], 1 / 3),  # hull through (0, 1/2) and (1/2, 0) and (0, 1): at 1/4; see below
    ],
)
def test_the_equal_error_rate_of_few_scores(mated, nonmated, rate):
    expected = 0.25 if rate == 1 / 3 else rate
    assert eer(mated, nonmated) == pytest.approx(expected)


def test_the_equal_error_rate_is_that_of_scipys_convex_hull(overlapping):
    """Where the line FMR = FNMR leaves the hull of all operating points, found by bisection."""
    from scipy.optimize import linprog

    rates = error_rates(*overlapping)[["fmr", "fnmr"]].to_numpy()
    # Mixtures of operating points with equal rates: the one with the smallest.
    n = len(rates)
    found = linprog(
        rates[:, 0],
        A_eq=np.vstack([rates[:, 0] - rates[:, 1], np.ones(n)]),
        b_eq=[0, 1],
    )
    assert eer(*overlapping) == pytest.approx(found.fun, abs=1e-9)


def test_the_equal_error_rate_of_two_normals(rng):
    mated, nonmated = rng.normal(2, 1, 100000), rng.normal(0, 1, 100000)
    assert eer(mated, nonmated) == pytest.approx(stats.norm.cdf(-1), abs=0.003)


def test_neither_the_order_nor_a_monotone_map_of_the_scores_matters(overlapping, rng):
    mated, nonmated = overlapping
    plain = error_rates(mated, nonmated)[["fmr", "fnmr"]]
    mixed = error_rates(rng.permutation(mated), rng.permutation(nonmated))[["fmr", "fnmr"]]
    mapped = error_rates(np.exp(mated), np.exp(nonmated))[["fmr", "fnmr"]]
    np.testing.assert_array_equal(plain, mixed)
    np.testing.assert_array_equal(plain, mapped)
    assert eer(np.exp(mated), np.exp(nonmated)) == eer(mated, nonmated)


def test_every_comparison_twice_changes_no_rate(overlapping):
    mated, nonmated = overlapping
    assert eer(np.tile(mated, 2), np.tile(nonmated, 2)) == pytest.approx(eer(mated, nonmated))


def test_normals_are_a_straight_line_on_normal_deviate_axes(rng):
    curve = verification.det(rng.normal(2, 1, 20000), rng.normal(0, 1, 20000), least=0.01)
    slope, intercept = np.polyfit(curve["x"], curve["y"], 1)
    assert (slope, intercept) == (pytest.approx(-1, abs=0.05), pytest.approx(-2, abs=0.05))
    assert curve[["fmr", "fnmr"]].min(axis=None) >= 0.01


@pytest.mark.parametrize("fmr", [0.0, 0.01, 0.1, 0.5, 0.99])
def test_the_threshold_keeps_the_rate_and_none_below_it_does(overlapping, fmr):
    _, nonmated = overlapping
    threshold = verification.threshold_at(nonmated, fmr)
    assert verification.fmr_at(nonmated, threshold) <= fmr
    lower = nonmated[nonmated < threshold].max()
    assert verification.fmr_at(nonmated, lower) > fmr
    assert verification.threshold_at(nonmated, 1) == -np.inf


def test_the_floor_is_the_rule_of_three_over_people():
    assert verification.floor(71) == pytest.approx(3 / 71, rel=0.03)
    assert verification.floor(5) == pytest.approx(0.4507, abs=1e-4)
    expected = stats.binomtest(0, 30, alternative="less").proportion_ci(0.95).high
    assert verification.floor(30) == pytest.approx(expected)
    with pytest.raises(ValueError, match="n_people=0 must lie between 1 and inf"):
        verification.floor(0)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="no non-mated score"):
        error_rates([1.0], [])
    with pytest.raises(ValueError, match="fmr=2 must lie between 0 and 1"):
        verification.threshold_at([1.0], 2)
    with pytest.raises(ValueError, match="Infinite scores reach every threshold"):
        verification.threshold_at([0.1, np.inf], 0)
