"""Searches in a growing gallery: counts by hand, the beta found again, intervals that hold."""

from functools import partial
from itertools import combinations

import numpy as np
import pytest

from handid.evidence import growth, mixtures
from handid.evidence.growth import GROUPS, Queries, Strangers, Tally

BETA = mixtures.Family("beta", 10)


def circle(*degrees):
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def of(kind, degrees, people):
    people = np.asarray(people)
    return kind(circle(*degrees), people, people % GROUPS)


@pytest.fixture
def beta_world():
    """A tally of people whose p is drawn from a beta: beta_world(rng, people, strangers, a, b)."""

    def drawn(rng, people, strangers, a=0.4, b=12.0):
        p = rng.beta(a, b, people)
        among = np.full((people, GROUPS), strangers // GROUPS)
        who = np.arange(people)
        queries = Queries(np.empty((people, 0)), who, who % GROUPS)
        return Tally(rng.binomial(among, p[:, None]), among, queries)

    return drawn


def test_strangers_who_reach_a_bound_are_counted_and_the_own_person_is_none():
    queries = of(Queries, [0, 90], [1, 2])
    blocks = [of(Strangers, [10, 20], [1, 7]), of(Strangers, [60, 90], [7 + GROUPS, 9])]
    bounds = np.cos(np.radians([20, 30])) - 1e-12
    found = growth.tally(queries, blocks, bounds)
    assert found.all.tolist() == [[1, 2], [3, 4]]  # 20; 60 and 90
    assert found.above[0, 7] == 1 and found.above[1, 7] == 1 and found.above[1, 9] == 1
    assert found.groups.tolist() == [1, 2, 7, 9]
    assert np.allclose(growth.best(queries, blocks), np.cos(np.radians([20, 0])))


def test_a_similarity_that_equals_the_bound_reaches_it():
    queries = of(Queries, [0], [1])
    found = growth.tally(queries, [of(Strangers, [0], [2])], np.array([1.0]))
    assert found.all.tolist() == [[1], [1]]


def test_a_group_left_out_asks_no_more_and_is_in_no_gallery():
    queries = of(Queries, [0, 90], [1, 2])
    blocks = [of(Strangers, [10, 20, 60], [1, 2, 3])]
    found = growth.tally(queries, blocks, np.array([0.5, 0.5]))
    assert found.without(2).tolist() == [[1], [1]]
    assert found.without(3).tolist() == [[1, 0], [1, 1]]


def test_the_measured_share_is_the_mean_over_every_choice_of_strangers():
    above, among = np.array([0, 1, 3]), 6
    counts = np.stack([above, np.full(3, among)])
    for n in (1, 2, 5, 6):
        shares = [
            np.mean([min(chosen) >= k for chosen in combinations(range(among), n)]) for k in above
        ]
        assert growth.measured(counts, [n])[0] == pytest.approx(np.mean(shares), abs=1e-12)


def test_the_family_that_made_the_counts_foretells_a_larger_gallery(rng, beta_world):
    counts = beta_world(rng, 4000, 400).all
    sizes = [10, 10_000, 1_000_000]
    p = rng.beta(0.4, 12.0, 400_000)
    truth = [np.mean((1 - p) ** n) for n in sizes]
    assert growth.foretold(BETA, counts, sizes) == pytest.approx(truth, rel=0.2)
    assert growth.measured(counts, [10])[0] == pytest.approx(truth[0], abs=0.01)


def test_families_that_the_counts_cannot_tell_apart_widen_the_interval(rng, beta_world):
    def shares(family, counts):
        return growth.foretold(family, counts, [100_000])

    few, many = beta_world(rng, 40, 80), beta_world(rng, 60_000, 400)
    ((value, low, high),), families = growth.over_families(growth.intervals, shares, few)
    fitted = mixtures.supported(few.all)
    assert [one.name for one in fitted] == families
    own = [growth.intervals(lambda c, f=f: shares(f, c), few)[0] for f in fitted]
    assert len(families) == 2 and value == own[0][0]
    assert (low, high) == (min(one[1] for one in own), max(one[2] for one in own))
    assert [one.name for one in mixtures.supported(many.all)] == ["beta"]


def test_where_nobody_errs_nothing_is_foretold_and_the_bound_is_clopper_and_pearsons(beta_world):
    found = beta_world(np.random.default_rng(0), 80, 400)
    found.above[:] = 0
    assert np.isnan(growth.foretold(BETA, found.all, [1000])).all()
    ((value, low, high),) = growth.intervals(lambda c: growth.measured(c, [100]), found)
    assert value == 1 and high == 1
    assert low == pytest.approx(0.025 ** (1 / 80), abs=2e-3)
    ((_, lower, _),) = growth.intervals(lambda c: growth.measured(c, [100]), found, level=0.99)
    assert lower == pytest.approx(0.005 ** (1 / 80), abs=4e-3)


@pytest.mark.slow
def test_intervals_hold_the_truth_in_about_19_of_20_studies(beta_world):
    p = np.random.default_rng(0).beta(0.4, 12.0, 1_000_000)
    held = []
    for study in range(200):
        rng = np.random.default_rng([1, study])
        found = beta_world(rng, 120, 400)
        foretold = partial(growth.foretold, BETA)
        for figure, n in ((growth.measured, 100), (foretold, 10_000)):
            ((_, low, high),) = growth.intervals(lambda c, f=figure, n=n: f(c, [n]), found)
            held.append(low <= np.mean((1 - p) ** n) <= high)
    shares = np.reshape(held, (200, 2)).mean(axis=0)
    assert (shares > 0.9).all() and (shares < 0.99).all()
