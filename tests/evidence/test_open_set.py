"""open_set.py: by hand, by loops, and its laws."""

import numpy as np
import pytest

from handid.evidence import open_set
from handid.evidence.open_set import fnir, fpir


def test_rates_are_worked_by_hand():
    ranks, scores = [1, 1, 2, 1], [0.9, 0.4, 0.8, np.nan]
    # Found: the first; below 0.5: the second; not first: the third; failed: the fourth.
    assert fnir(ranks, scores, 0.5) == 0.75
    assert fnir(ranks, scores, 0.5, rank=2) == 0.5
    assert fnir(ranks, scores, -np.inf) == 0.5  # the closed set: 1 - rank-1, failures missed
    assert fpir([0.6, 0.5, 0.2, np.nan], 0.5) == 0.5


def test_a_mate_without_a_rank_is_not_found():
    ranks, scores, best = [1, np.nan], [0.9, 0.8], [0.1]
    assert fnir(ranks, scores, -np.inf, rank=5) == 0.5
    assert open_set.curve(ranks, scores, best, rank=5)["fnir"].tolist() == [0.5, 0.5, 1.0]


@pytest.fixture
def searches(rng):
    """Similarities of 60 enrolled and 80 other searches to 30 enrolled people."""
    mates = rng.integers(0, 30, 60)
    inside, outside = rng.normal(0, 1, (60, 30)), rng.normal(0, 1, (80, 30))
    inside[np.arange(60), mates] += 2.5
    return inside, mates, outside


def figures(inside, mates, outside):
    own = inside[np.arange(len(mates)), mates]
    return (inside >= own[:, None]).sum(axis=1), own, outside.max(axis=1)


@pytest.mark.parametrize("rank", [1, 3])
def test_the_curve_is_that_of_loops(searches, rank):
    inside, mates, outside = searches
    curve = open_set.curve(*figures(*searches), rank=rank)
    for threshold, false, missed in curve.iloc[::7].itertuples(index=False):
        lists = [np.argsort(-row)[:rank] for row in inside]
        answers = zip(inside, mates, lists, strict=True)
        hits = [m in found and row[m] >= threshold for row, m, found in answers]
        assert missed == pytest.approx(1 - np.mean(hits))
        assert false == pytest.approx(np.mean([(row >= threshold).any() for row in outside]))
    ranks, scores, best = figures(*searches)
    assert curve["fnir"].tolist() == pytest.approx(
        [fnir(ranks, scores, t, rank) for t in curve["threshold"]]
    )
    assert curve["fpir"].tolist() == pytest.approx([fpir(best, t) for t in curve["threshold"]])


def test_the_order_of_the_gallery_and_a_monotone_map_do_not_matter(searches, rng):
    inside, mates, outside = searches
    order = rng.permutation(30)
    mixed = figures(inside[:, order], np.argsort(order)[mates], outside[:, order])
    np.testing.assert_array_equal(open_set.curve(*figures(*searches)), open_set.curve(*mixed))
    mapped = figures(np.exp(inside), mates, np.exp(outside))
    for name in ("fpir", "fnir"):
        np.testing.assert_array_equal(
            open_set.curve(*figures(*searches))[name], open_set.curve(*mapped)[name]
        )


def test_more_people_in_the_gallery_lower_no_rate(searches, rng):
    inside, mates, outside = searches
    larger = (np.hstack([part, rng.normal(0, 1, (len(part), 40))]) for part in (inside, outside))
    more_inside, more_outside = larger
    few, many = figures(*searches), figures(more_inside, mates, more_outside)
    for threshold in (-1.0, 1.0, 2.0, 3.0):
        assert fpir(many[2], threshold) >= fpir(few[2], threshold)
        assert fnir(*many[:2], threshold) >= fnir(*few[:2], threshold)


def test_what_cannot_be_searched_is_refused():
    with pytest.raises(ValueError, match="2 ranks for 1 scores"):
        fnir([1, 2], [0.5], 0.1)
    with pytest.raises(ValueError, match="rank=0 must be a whole number from 1"):
        fnir([1], [0.5], 0.1, rank=0)
    with pytest.raises(ValueError, match="no non-mated search's score"):
        fpir([], 0.1)


@pytest.mark.parametrize("threshold", [np.nan, None, "0.5", [0.5, 0.6], {}])
def test_a_threshold_with_which_nothing_can_be_compared_is_refused(threshold):
    with pytest.raises(ValueError, match="is no number: give one similarity"):
        fnir([1], [0.5], threshold)
    with pytest.raises(ValueError, match="is no number: give one similarity"):
        fpir([0.5], threshold)
    assert fpir([0.5], np.float32(0.4)) == 1.0


@pytest.mark.parametrize("rank", [None, "1", 1.5, [1], np.nan, 0])
def test_a_rank_that_is_no_whole_number_is_refused(rank):
    with pytest.raises(ValueError, match="rank=.* must be a whole number from 1"):
        fnir([1], [0.5], 0.1, rank)
    with pytest.raises(ValueError, match="2 ranks for 1 scores"):
        fnir([1, 2], [0.5], 0.1)
