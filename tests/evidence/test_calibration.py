"""calibration.py: against scikit-learn, on simulated people, and what it refuses."""

from dataclasses import astuple

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from handid.evidence import likelihood_ratio as lr
from handid.evidence.calibration import fit


def test_the_line_is_scikit_learns_with_people_and_pairs_weighing_alike(simulated, rng):
    mated, people, nonmated, pairs = simulated(rng, 30)
    keep = rng.random(len(mated)) < 0.7  # people differ in their number of comparisons
    mated, people = mated[keep], people[keep]
    found = fit(mated, nonmated, people, pairs)
    counts = np.bincount(people)
    weights = 1 / counts[people] / len(np.unique(people))
    kinds = np.repeat([1, 0], [len(mated), len(nonmated)])
    weights = 1000 * np.concatenate([weights, np.full(len(nonmated), 1 / len(nonmated))])
    scores = np.concatenate([mated, nonmated])[:, None]
    theirs = LogisticRegression(C=1e12, tol=1e-12, max_iter=10000)
    theirs.fit(scores, kinds, sample_weight=weights)
    line = np.array([theirs.coef_[0, 0], theirs.intercept_[0]]) / np.log(10)
    assert (found.slope, found.intercept) == pytest.approx(tuple(line), rel=1e-4)


def test_calibrated_ratios_are_honest_on_new_people(simulated):
    """Fitted on 45, checked on 200, five times: little is lost, and few ratios mislead by much.

    Half a hundredth of the cost is the bounds' (45 people), some is cllr_min's optimism.
    """
    lost = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        mated, people, nonmated, pairs = simulated(rng, 45)
        found = fit(mated, nonmated, people, pairs)
        new_mated, _, new_nonmated, _ = simulated(rng, 200, images=3)
        same, other = found.log10_lr(new_mated), found.log10_lr(new_nonmated)
        lost.append(lr.cllr_cal(same, other))
        for bound in (2, 5, 10, 20, 50, 100):
            assert (other > np.log10(bound)).mean() <= 1 / bound
            assert (same < -np.log10(bound)).mean() <= 1 / bound
        assert same.max() <= found.high and other.min() >= found.low
    assert np.mean(lost) <= 0.02


def test_the_lines_errors_are_the_jackknifes(simulated):
    """Each person left out with all comparisons of his or hers, and the line fitted anew."""
    mated, people, nonmated, pairs = simulated(np.random.default_rng(2), 30)
    found, both = fit(mated, nonmated, people, pairs), np.array(pairs)
    at = np.array([0.3, 0.5, 0.7])
    without = []
    for person in range(30):
        own, other = people != person, (both != person).all(axis=1)
        some = [tuple(pair) for pair in both[other].tolist()]
        line = fit(mated[own], nonmated[other], people[own].tolist(), some)
        without.append(line.slope * at + line.intercept)
    errors = np.sqrt(29 / 30 * ((without - np.mean(without, axis=0)) ** 2).sum(axis=0))
    ours = np.hypot(found.error, found.slope_error * (at - found.middle))
    assert ours == pytest.approx(errors, rel=1e-3)


def test_the_interval_of_a_ratio_covers_what_many_people_give(simulated):
    many = fit(*_arranged(simulated(np.random.default_rng(1), 150, images=2)))
    covered, widths = 0, []
    for seed in range(30):
        found = fit(*_arranged(simulated(np.random.default_rng(100 + seed), 25, images=3)))
        (line,) = many.log10_lr([0.45])
        low, high = found.interval(0.45)
        assert found.low <= low <= found.log10_lr([0.45])[0] <= high <= found.high
        covered += low <= line <= high
        widths.append(high - low)
    assert covered >= 27 and np.ptp(many.interval(0.45)) < np.mean(widths)


def _arranged(found):
    mated, people, nonmated, pairs = found
    return mated, nonmated, people, pairs


def test_bounds_grow_with_people_and_not_with_photographs(simulated):
    """The same people with every comparison three times support no more."""
    mated, people, nonmated, pairs = simulated(np.random.default_rng(1), 30)
    once = fit(mated, nonmated, people, pairs)
    thrice = fit(np.tile(mated, 3), np.tile(nonmated, 3), np.tile(people, 3), pairs * 3)
    assert astuple(thrice) == pytest.approx(astuple(once))
    assert once.n_people == 30 and once.n_pairs == 435


def test_a_calibration_knows_neither_the_order_nor_a_change_of_unit(simulated, rng):
    mated, people, nonmated, pairs = simulated(rng, 25)
    plain = fit(mated, nonmated, people, pairs)
    order = rng.permutation(len(mated))
    mixed = fit(mated[order], nonmated, people[order], pairs)
    assert astuple(mixed) == pytest.approx(astuple(plain))
    percent = fit(100 * mated - 7, 100 * nonmated - 7, people, pairs)
    np.testing.assert_allclose(percent.log10_lr(100 * mated - 7), plain.log10_lr(mated), atol=1e-6)


@pytest.mark.parametrize(
    ("n_people", "mated", "nonmated", "message"),
    [
        (19, lambda m: m, lambda n: n, "19 people are too few to calibrate on: 20 are the least"),
        (20, lambda m: 0 * m, lambda n: 0 * n, "All scores are equal"),
        (20, lambda m: m + 9, lambda n: n, "perfect separation"),
        (20, lambda m: m.clip(min=0.5), lambda n: n.clip(max=0.5), "perfect separation"),
        (20, lambda m: np.append(m[1:], np.inf), lambda n: n, "Infinite scores \\(1\\)"),
        (20, lambda m: -m, lambda n: -n, "Mated comparisons do not score higher"),
        (20, lambda m: m[:-1], lambda n: n, "ids for"),
        (20, lambda m: m * np.nan, lambda n: n, "mated scores are NaN"),
        (20, lambda m: m[:0], lambda n: n, "There is no mated score"),
    ],
)
def test_what_cannot_be_calibrated_is_refused_in_a_sentence(
    simulated, rng, n_people, mated, nonmated, message
):
    same, people, other, pairs = simulated(rng, n_people)
    with pytest.raises(ValueError, match=message):
        fit(mated(same), nonmated(other), people, pairs)


def test_people_may_be_called_by_tuples(simulated, rng):
    """A hand, (person, side), as well as a number: the same line and the same errors."""
    mated, people, nonmated, pairs = simulated(rng, 20)
    named = [("hand", person) for person in people]
    both = [(("hand", one), ("hand", other)) for one, other in pairs]
    assert fit(mated, nonmated, named, both) == fit(mated, nonmated, people, pairs)


@pytest.mark.parametrize("of", [lambda pair: pair[0], lambda pair: (*pair, 0)])
def test_pairs_that_are_none_are_refused(simulated, rng, of):
    mated, people, nonmated, pairs = simulated(rng, 20)
    with pytest.raises(ValueError, match="is of two people: give a tuple of both"):
        fit(mated, nonmated, people, [of(pair) for pair in pairs])


@pytest.mark.parametrize(
    ("score", "level", "message"),
    [(np.nan, 0.95, "score=nan"), (np.inf, 0.95, "score=inf"), (0.5, 95, "level=95")],
)
def test_an_interval_of_no_score_is_refused(simulated, rng, score, level, message):
    mated, people, nonmated, pairs = simulated(rng, 20)
    with pytest.raises(ValueError, match=message):
        fit(mated, nonmated, people, pairs).interval(score, level)
