"""How the share of strangers who reach a query's bound varies over queries: two families.

The number who reach it is binomial with a share p of the query's own. Over queries p is a beta, or
the upper tail of a standard normal beyond a normal variate (the binormal model, which the ROC curve
of two normal distributions has, whatever strictly rising function was applied to its scores). They
differ where p is small, which is what decides in a large gallery: the beta is a power of p there,
the binormal falls off faster. One binomial for all queries, with one p, would forget that some
people are easier than others.
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
        log_likelihood: of the counts, without the binomial coefficients, which all share.
        parameters: two of them.
        shares: sizes -> the mean of (1 - p)^size over queries.
    """

    log_likelihood: float
    parameters: tuple[float, float]
    shares: Callable[[np.ndarray], np.ndarray]


def beta(counts: np.ndarray) -> Fit:
    """The likeliest beta-binomial.

    Args:
        counts: [2, Q] how many strangers reach the bound, and among how many.
    """
    above, among, times = _unique(counts)

    def surprise(logs: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the log-likelihood per query, and its slope."""
        a, b = np.exp(logs)
        each = special.betaln(a + above, b + among - above) - special.betaln(a, b)
        both = special.psi(a + b) - special.psi(a + b + among)
        slope_a = a * (special.psi(a + above) - special.psi(a) + both)
        slope_b = b * (special.psi(b + among - above) - special.psi(b) + both)
        return -float(times @ each), -np.array([times @ slope_a, times @ slope_b])

    share = np.clip(times @ above / (times @ among), 1e-6, 1 - 1e-6)
    start = np.log(np.array([0.5, 0.5 * (1 - share) / share]))
    found = _least(surprise, start, [(-14, 7), (-14, 18)])
    a, b = np.exp(found.x)

    def shares(sizes: np.ndarray) -> np.ndarray:
        return np.exp(special.betaln(a, b + sizes) - special.betaln(a, b))

    return Fit(-float(found.fun) * counts.shape[1], (float(a), float(b)), shares)


def binormal(counts: np.ndarray) -> Fit:
    """The likeliest binomial whose p is the tail beyond a normal variate; counts as of `beta`."""
    above, among, times = _unique(counts)
    logs = above[:, None] * LOG_IN + (among - above)[:, None] * LOG_OUT
    highest = logs.max(axis=1)
    given = np.exp(logs - highest[:, None])  # [counts, grid] likelihood of each, up to a factor

    def surprise(where: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the log-likelihood per query, and its slope by the mean and the log of the sd."""
        density, scaled = _density(*where)
        slopes = density * np.stack([scaled / np.exp(where[1]), scaled**2 - 1])
        each = np.maximum(given @ density, 1e-300)
        by = (given @ slopes.T) / each[:, None]
        return -float(times @ (np.log(each) + highest)), -(times @ by)

    spread = special.ndtri(np.clip((above + 0.5) / (among + 1), 1e-9, 1 - 1e-9))
    start = np.array([-(times @ spread), 0.0])
    found = _least(surprise, start, [(-6, 8), (-4, 2)])
    density, _ = _density(*found.x)

    def shares(sizes: np.ndarray) -> np.ndarray:
        return np.exp(np.outer(sizes, LOG_OUT)) @ density

    parameters = (float(found.x[0]), float(np.exp(found.x[1])))
    return Fit(-float(found.fun) * counts.shape[1], parameters, shares)


FAMILIES = {"beta": beta, "binormal": binormal}


def supported(counts: np.ndarray) -> list[str]:
    """The families that the counts do not speak against, the likeliest first."""
    found = {name: fit(counts).log_likelihood for name, fit in FAMILIES.items()}
    least = max(found.values()) + np.log(UNLIKELY)
    return sorted((name for name in found if found[name] >= least), key=lambda n: -found[n])


def _unique(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Different pairs of counts as floats, and the share of queries that have each."""
    pairs, times = np.unique(counts, axis=1, return_counts=True)
    above, among = pairs.astype(np.float64)
    return above, among, times / times.sum()


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
