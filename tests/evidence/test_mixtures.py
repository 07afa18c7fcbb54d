"""Two families of binomial mixtures: each found again where it made the counts, and told apart."""

import numpy as np
import pytest
from scipy import stats

from handid.evidence import mixtures


@pytest.fixture
def drawn():
    """Counts of queries whose p is drawn from a family: drawn(rng, family, people)."""

    def counts(rng, family, people=3000, strangers=400):
        p = rng.beta(0.4, 12, people)
        if family == "binormal":
            p = stats.norm.sf(rng.normal(2.4, 0.7, people))
        return np.stack([rng.binomial(strangers, p), np.full(people, strangers)])

    return counts


MOST = 4


def likelihood(counts, pmf, most=MOST):
    """Log-likelihood by a loop: a count above `most` is only that."""
    total = 0.0
    for above, among in counts.T:
        if above <= most:
            total += np.log(pmf(above, among))
        else:
            total += np.log(1 - sum(pmf(k, among) for k in range(most + 1)))
    return total


def test_the_likeliest_parameters_are_found_and_their_likelihood_is_that_of_a_loop(rng, drawn):
    counts = drawn(rng, "beta", people=60)
    counts[1, :5] += 1  # not all among equally many
    fit = mixtures.beta(counts, MOST)
    own = likelihood(counts, lambda k, n: stats.betabinom.pmf(k, n, *fit.parameters))
    assert fit.log_likelihood == pytest.approx(own, abs=1e-6)
    for near in ((1.1, 1), (0.9, 1), (1, 1.1), (1, 0.9)):
        a, b = np.array(fit.parameters) * near
        assert likelihood(counts, lambda k, n, a=a, b=b: stats.betabinom.pmf(k, n, a, b)) < own


def test_the_likeliest_normal_variate_is_found_and_its_likelihood_is_that_of_a_loop(rng, drawn):
    counts = drawn(rng, "binormal", people=60)
    fit = mixtures.binormal(counts, MOST)
    z = np.linspace(-8, 8, 20_001)

    def pmf(k, n, mean, spread):
        density = stats.norm.pdf(z, mean, spread)
        return stats.binom.pmf(k, n, stats.norm.sf(z)) @ density / density.sum()

    own = likelihood(counts, lambda k, n: pmf(k, n, *fit.parameters))
    assert fit.log_likelihood == pytest.approx(own, abs=1e-4)
    for near in ((1.05, 1), (0.95, 1), (1, 1.1), (1, 0.9)):
        mean, spread = np.array(fit.parameters) * near
        assert likelihood(counts, lambda k, n, m=mean, s=spread: pmf(k, n, m, s)) < own


@pytest.mark.parametrize(("family", "wanted"), [("beta", (0.4, 12)), ("binormal", (2.4, 0.7))])
def test_what_made_many_counts_is_found_again(rng, drawn, family, wanted):
    found = mixtures.FAMILIES[family](drawn(rng, family, people=20_000), 6).parameters
    assert found == pytest.approx(wanted, rel=0.12)


def test_queries_who_are_lost_in_any_gallery_do_not_bend_the_fit(rng, drawn):
    counts = drawn(rng, "beta")
    lost = counts.copy()
    lost[0, lost[0] > np.median(lost[0])] = 400
    for one, other in zip(mixtures.supported(lost), mixtures.supported(counts), strict=True):
        assert one == other
        assert one.fit(lost).parameters == pytest.approx(other.fit(counts).parameters, rel=1e-4)


@pytest.mark.parametrize("family", ["beta", "binormal"])
def test_the_family_that_made_many_counts_is_the_only_one_supported(rng, drawn, family):
    (found,) = mixtures.supported(drawn(rng, family, people=60_000))
    assert found.name == family and found.most > 1
    assert len(mixtures.supported(drawn(rng, family, people=12, strangers=30))) == 2


@pytest.mark.parametrize("family", ["beta", "binormal"])
def test_shares_are_means_over_the_family(rng, drawn, family):
    fit = mixtures.FAMILIES[family](drawn(rng, family), 6)
    p = rng.beta(*fit.parameters, 400_000)
    if family == "binormal":
        p = stats.norm.sf(rng.normal(*fit.parameters, 400_000))
    for n in (1, 100, 10_000):
        truth = np.mean(np.exp(n * np.log1p(-np.minimum(p, 1 - 1e-12))))
        assert fit.shares(np.array([float(n)]))[0] == pytest.approx(truth, abs=3e-3)
