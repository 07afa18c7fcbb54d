"""How the share of strangers who reach a query's bound varies over queries: two families.

The number who reach it is binomial with a share p of the query's own. Over queries p is a beta, or
the upper tail of a standard normal beyond a normal variate (the binormal model, which the ROC curve
of two normal distributions has, whatever strictly rising function was applied to its scores). They
differ where p is small, which is what decides in a large gallery: the beta is a power of p there,
the binormal falls off faster. One binomial for all queries, with one p, would forget that some
people are easier than others.

So that queries with a large p, who are lost in any large gallery, do not bend the fit where p is
small, a count above the median is only known to be above it (censored).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import optimize, special

UNLIKELY = 1 / 8  # of the best likelihood: less speaks against a family (Royall 1997)
GRID = np.linspace(-10, 10, 2001)  # of the normal variate
LOG_IN, LOG_OUT = special.log_ndtr(-GRID), special.log_ndtr(GRID)  # of reaching and of not


class Fit(NamedTuple):
    """A family that was fitted.

    Attributes:
        log_likelihood: of the counts, those above the median only as that.
        parameters: two of them.
        shares: sizes -> the mean of (1 - p)^size over queries.
    """

    log_likelihood: float
    parameters: tuple[float, float]
    shares: Callable[[np.ndarray], np.ndarray]


class Family(NamedTuple):
    """A family and how it is fitted.

    Attributes:
        name: a key of FAMILIES.
        most: a count above it is only known to be above it.
    """

    name: str
    most: int

    def fit(self, counts: np.ndarray) -> Fit:
        """Fit it to [2, Q] how many strangers reach the bound, and among how many."""
        return FAMILIES[self.name](counts, self.most)


class _Counts(NamedTuple):
    """Queries among equally many strangers.

    Attributes:
        among: strangers.
        above: [K + 1] 0, 1, ... K, how many may reach the bound.
        times: [K + 2] queries with each, and last those with more than K.
    """

    among: int
    above: np.ndarray
    times: np.ndarray


def beta(counts: np.ndarray, most: int) -> Fit:
    """The likeliest beta-binomial; see Family.fit."""
    parts = _censored(counts, most)

    def surprise(logs: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the log-likelihood per query, and its slope."""
        a, b = np.exp(logs)
        total, slope = 0.0, np.zeros(2)
        for among, above, times in parts:
            left = among - above
            each = _log_ways(among, above)
            each = np.exp(each + special.betaln(a + above, b + left) - special.betaln(a, b))
            both = special.psi(a + b) - special.psi(a + b + among)
            slope_a = a * (special.psi(a + above) - special.psi(a) + both)
            slope_b = b * (special.psi(b + left) - special.psi(b) + both)
            slopes = each * np.stack([slope_a, slope_b])
            value, by = _sum(each, slopes, times)
            total, slope = total + value, slope + by
        return -total / counts.shape[1], -slope / counts.shape[1]

    share = np.clip(counts[0].sum() / counts[1].sum(), 1e-6, 1 - 1e-6)
    start = np.log(np.array([0.5, 0.5 * (1 - share) / share]))
    found = _least(surprise, start, [(-14, 7), (-14, 18)])
    a, b = np.exp(found.x)

    def shares(sizes: np.ndarray) -> np.ndarray:
        return np.exp(special.betaln(a, b + sizes) - special.betaln(a, b))

    return Fit(-float(found.fun) * counts.shape[1], (float(a), float(b)), shares)


def binormal(counts: np.ndarray, most: int) -> Fit:
    """The likeliest binomial whose p is the tail beyond a normal variate; see Family.fit."""
    parts = [
        (np.exp(_log_ways(n, k)[:, None] + k[:, None] * LOG_IN + (n - k)[:, None] * LOG_OUT), times)
        for n, k, times in _censored(counts, most)
    ]

    def surprise(where: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the log-likelihood per query, and its slope by the mean and the log of the sd."""
        density, scaled = _density(*where)
        slopes = density * np.stack([scaled / np.exp(where[1]), scaled**2 - 1])
        slopes -= density * slopes.sum(axis=1, keepdims=True)  # the weights sum to 1
        sums = [_sum(given @ density, slopes @ given.T, times) for given, times in parts]
        return (
            -sum(value for value, _ in sums) / counts.shape[1],
            -sum(by for _, by in sums) / counts.shape[1],
        )

    least = np.clip((np.median(counts[0]) + 0.5) / (np.median(counts[1]) + 1), 1e-9, 1 - 1e-9)
    found = _least(surprise, np.array([-special.ndtri(least), 0.0]), [(-6, 8), (-4, 2)])
    density, _ = _density(*found.x)

    def shares(sizes: np.ndarray) -> np.ndarray:
        return np.exp(np.outer(sizes, LOG_OUT)) @ density

    parameters = (float(found.x[0]), float(np.exp(found.x[1])))
    return Fit(-float(found.fun) * counts.shape[1], parameters, shares)


FAMILIES = {"beta": beta, "binormal": binormal}


def supported(counts: np.ndarray) -> list[Family]:
    """The families that the counts do not speak against, the likeliest first."""
    families = [Family(name, max(1, int(np.median(counts[0])))) for name in FAMILIES]
    found = {family: family.fit(counts).log_likelihood for family in families}
    least = max(found.values()) + np.log(UNLIKELY)
    return sorted((one for one in families if found[one] >= least), key=lambda one: -found[one])


def _censored(counts: np.ndarray, most: int) -> list[_Counts]:
    """The counts by the number of strangers, those above `most` together."""
    parts = []
    for among in np.unique(counts[1]):
        own = np.minimum(counts[0][counts[1] == among], most + 1)
        times = np.bincount(own.astype(np.int64), minlength=most + 2)
        parts.append(_Counts(int(among), np.arange(most + 1.0), times.astype(np.float64)))
    return parts


def _log_ways(among: int, above: np.ndarray) -> np.ndarray:
    """Logarithms of binomial coefficients; -inf where more reach the bound than there are."""
    left = np.maximum(among - above, 0)
    ways = special.gammaln(among + 1) - special.gammaln(above + 1) - special.gammaln(left + 1)
    return np.where(above <= among, ways, -np.inf)


def _sum(each: np.ndarray, slopes: np.ndarray, times: np.ndarray) -> tuple[float, np.ndarray]:
    """Log-likelihood and slope from the probability of each count up to the last, with its slopes.

    Args:
        each: [K + 1] probabilities.
        slopes: [2, K + 1] of them.
        times: [K + 2] queries with each, and last those with more.
    """
    each = np.append(each, max(1 - each.sum(), 0))
    slopes = np.column_stack([slopes, -slopes.sum(axis=1)])
    known = times > 0
    each = np.maximum(each[known], 1e-300)
    return float(times[known] @ np.log(each)), (slopes[:, known] / each) @ times[known]


def _density(mean: float, log_spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights of the grid that sum to 1, and the grid in standard deviations from the mean."""
    scaled = (GRID - mean) / np.exp(log_spread)
    weights = np.exp(-(scaled**2) / 2)
    return weights / weights.sum(), scaled


def _least(
    surprise: Callable[[np.ndarray], tuple[float, np.ndarray]],
    start: np.ndarray,
    bounds: Sequence[tuple[float, float]],
) -> optimize.OptimizeResult:
    how = {"ftol": 1e-13, "gtol": 1e-8}
    return optimize.minimize(
        surprise, start, method="L-BFGS-B", jac=True, bounds=bounds, options=how
    )
