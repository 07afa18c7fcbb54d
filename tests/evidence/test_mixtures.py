"""Two families of binomial mixtures: each found again where it made the counts, and told apart."""

import numpy as np
import pytest
from scipy import special, stats

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


def test_the_likeliest_beta_is_found(rng, drawn):
    counts = drawn(rng, "beta")
    a, b = mixtures.beta(counts).parameters
    assert a == pytest.approx(0.4, rel=0.1) and b == pytest.approx(12, rel=0.15)
    own = stats.betabinom.logpmf(*counts, a, b).sum()
    for near in ((1.05, 1), (0.95, 1), (1, 1.05), (1, 0.95)):
        assert stats.betabinom.logpmf(*counts, a * near[0], b * near[1]).sum() < own


def test_the_likeliest_normal_variate_is_found(rng, drawn):
    mean, spread = mixtures.binormal(drawn(rng, "binormal")).parameters
    assert mean == pytest.approx(2.4, abs=0.05) and spread == pytest.approx(0.7, abs=0.05)


def test_likelihoods_are_those_of_the_integral_without_the_binomial_coefficient(rng, drawn):
    counts = drawn(rng, "beta", people=6)
    fit = mixtures.binormal(counts)
    z = np.linspace(-10, 10, 400_001)
    density = stats.norm.pdf(z, *fit.parameters)
    parts = [stats.binom.pmf(*c, stats.norm.sf(z)) @ density / density.sum() for c in counts.T]
    coefficients = -np.log(counts[1] + 1.0) - special.betaln(
        1 + counts[0], 1 + counts[1] - counts[0]
    )
    assert fit.log_likelihood == pytest.approx((np.log(parts) - coefficients).sum(), abs=1e-5)
    fit = mixtures.beta(counts)
    parts = stats.betabinom.logpmf(*counts, *fit.parameters)
    assert fit.log_likelihood == pytest.approx((parts - coefficients).sum(), abs=1e-5)


@pytest.mark.parametrize("family", ["beta", "binormal"])
def test_the_family_that_made_many_counts_is_the_only_one_supported(rng, drawn, family):
    assert mixtures.supported(drawn(rng, family)) == [family]
    assert set(mixtures.supported(drawn(rng, family, people=12, strangers=30))) == {
        "beta",
        "binormal",
    }


@pytest.mark.parametrize("family", ["beta", "binormal"])
def test_shares_are_means_over_the_family(rng, drawn, family):
    fit = mixtures.FAMILIES[family](drawn(rng, family))
    p = rng.beta(*fit.parameters, 400_000)
    if family == "binormal":
        p = stats.norm.sf(rng.normal(*fit.parameters, 400_000))
    for n in (1, 100, 10_000):
        truth = np.mean(np.exp(n * np.log1p(-np.minimum(p, 1 - 1e-12))))
        assert fit.shares(np.array([float(n)]))[0] == pytest.approx(truth, abs=3e-3)
