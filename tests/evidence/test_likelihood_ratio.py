"""likelihood_ratio.py: against NFI's lir, scikit-learn, closed forms, and its laws."""

import numpy as np
import pytest
from lir import metrics as nfi
from lir.algorithms import bayeserror
from lir.algorithms.isotonic_regression import IsotonicCalibrator
from lir.data.models import LLRData
from lir.plotting.expected_calibration_error import calculate_ece
from sklearn.isotonic import IsotonicRegression

from handid.evidence import likelihood_ratio as lr


def as_lir(mated, nonmated):
    """The same in lir's form: features and labels, 1 for the same hand."""
    labels = np.repeat([1, 0], [len(mated), len(nonmated)])
    return np.concatenate([mated, nonmated]), labels


@pytest.fixture
def ratios(overlapping):
    """Log10 ratios, some equal, some misleading."""
    return overlapping[0] * 0.7, overlapping[1] * 0.7


def test_costs_are_nfis(ratios):
    data = LLRData(features=as_lir(*ratios)[0], labels=as_lir(*ratios)[1])
    assert lr.cllr(*ratios) == pytest.approx(nfi.cllr(data), abs=1e-9)
    assert lr.cllr_min(*ratios) == pytest.approx(nfi.cllr_min(data), abs=1e-9)
    assert lr.cllr_cal(*ratios) == pytest.approx(nfi.cllr_cal(data), abs=1e-9)


def test_pooled_ratios_are_nfis_and_scikit_learns(ratios):
    llrs, labels = as_lir(*ratios)
    ours = np.concatenate(lr.pav(*ratios))
    with np.errstate(divide="ignore"):
        theirs = IsotonicCalibrator().fit_transform(llrs, labels)
    finite = np.isfinite(ours)
    np.testing.assert_array_equal(ours[~finite], theirs[~finite])
    np.testing.assert_allclose(ours[finite], theirs[finite], atol=1e-9)
    weights = np.where(labels == 1, 1 / 40, 1 / 300)
    share = IsotonicRegression().fit(llrs, labels, sample_weight=weights).predict(llrs)
    np.testing.assert_allclose(1 / (1 + 10.0**-ours), share, atol=1e-9)


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0, -0.5])
def test_bounds_are_nfis(ratios, scale):
    mated, nonmated = (scale * part for part in ratios)
    llrs, labels = as_lir(mated, nonmated)
    assert lr.elub(mated, nonmated) == pytest.approx(bayeserror.elub(llrs.copy(), labels), abs=1e-9)
    np.testing.assert_array_equal(llrs, as_lir(mated, nonmated)[0])  # lir writes into its input


def test_cross_entropy_is_nfis_and_the_cost_at_even_odds(ratios):
    llrs, labels = as_lir(*ratios)
    places = np.linspace(-2.5, 2.5, 11)
    odds = 10**places
    expected = calculate_ece(10**llrs, labels, odds / (1 + odds))
    np.testing.assert_allclose(lr.ece(*ratios, places), expected, atol=1e-9)
    assert lr.ece(*ratios, [0.0])[0] == pytest.approx(lr.cllr(*ratios))


def test_ratios_that_say_nothing_cost_one_bit():
    assert lr.cllr([0, 0], [0, 0, 0]) == 1
    assert lr.cllr_min([0, 0], [0, 0, 0]) == 1
    assert lr.cllr_cal([0, 0], [0, 0, 0]) == 0
    assert lr.ece([0.0], [0.0], [0.0])[0] == 1


def test_perfect_ratios_cost_nothing_and_certain_wrong_ones_all():
    assert lr.cllr([np.inf], [-np.inf]) == 0
    assert lr.cllr([-np.inf], [0.0]) == np.inf
    assert lr.cllr([-400.0], [0.0]) == pytest.approx((400 * np.log2(10) + 1) / 2)  # no overflow


def test_a_factor_of_ten_costs_what_it_says():
    """LR 10 for the same hand, 1/10 for different ones: log2(1.1)."""
    assert lr.cllr([1.0], [-1.0]) == pytest.approx(np.log2(1.1))


def test_well_calibrated_normals_cost_nothing_by_calibration(rng):
    """Scores +-d^2/2 with variance d^2 are their own natural log ratios (Good 1985)."""
    mated, nonmated = rng.normal(2, 2, 200000), rng.normal(-2, 2, 200000)
    mated, nonmated = mated / np.log(10), nonmated / np.log(10)
    assert lr.cllr_cal(mated, nonmated) == pytest.approx(0, abs=0.001)
    for bound in (0.5, 1.0):
        assert (nonmated > bound).mean() <= 10**-bound
    wrong, right = lr.misleading(mated, nonmated)
    assert (wrong, right) == pytest.approx((0.1587, 0.1587), abs=0.003)  # normal beyond one


def test_natural_logarithms_would_be_seen():
    """Taken for log10, the natural logarithm of a factor of ten claims a factor of 200."""
    assert lr.cllr([np.log(10)], [-np.log(10)]) < lr.cllr([1.0], [-1.0]) / 10


def test_discrimination_knows_only_the_order(ratios, rng):
    mated, nonmated = ratios
    plain = lr.cllr_min(mated, nonmated)
    assert lr.cllr_min(np.exp(mated), np.exp(nonmated)) == pytest.approx(plain)
    assert lr.cllr_min(rng.permutation(mated), rng.permutation(nonmated)) == pytest.approx(plain)
    assert plain <= lr.cllr(mated, nonmated)


def test_the_tippett_plot_is_that_of_loops(ratios):
    mated, nonmated = ratios
    table = lr.tippett(mated, nonmated)
    for llr, same, other in table.itertuples(index=False):
        assert same == pytest.approx(sum(r >= llr for r in mated) / len(mated))
        assert other == pytest.approx(sum(r >= llr for r in nonmated) / len(nonmated))
    assert 0 in table["llr"].to_numpy()


def test_ratios_that_are_missing_are_refused():
    with pytest.raises(ValueError, match="no mated score"):
        lr.cllr([], [1.0])
    with pytest.raises(ValueError, match="1 non-mated scores are NaN"):
        lr.cllr([1.0], [np.nan])


@pytest.mark.parametrize("odds", [np.inf, -np.inf, np.nan])
def test_prior_odds_that_are_not_finite_are_refused(odds):
    with pytest.raises(ValueError, match="Prior odds must be finite"):
        lr.ece([1.0], [-1.0], [0.0, odds])


@pytest.mark.parametrize("odds", [20.0, -400.0, 1e300, -1e308])
def test_what_is_infinitely_misleading_costs_without_end_at_any_prior(odds):
    assert lr.ece([-np.inf], [-1.0], [odds])[0] == np.inf
    assert lr.ece([1.0], [np.inf], [odds])[0] == np.inf
    assert lr.ece([np.inf, 5.0], [-np.inf, -5.0], [odds])[0] == pytest.approx(0)
