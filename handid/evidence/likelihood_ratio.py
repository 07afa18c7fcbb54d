"""Log10 likelihood ratios: what they cost, how they are calibrated, how far they may go.

LR = p(score | same hand) / p(score | different hands). All ratios here are log10; natural
logarithms would change every cost without a warning.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import optimize, special

from handid import given
from handid.evidence.scores import checked

STEP = 0.01  # of the thresholds of ELUB, log10
FARTHEST = 9.0  # log10 of the ratios that stand for infinite ones in ELUB


def cllr(mated: Iterable[float], nonmated: Iterable[float]) -> float:
    """Cost of log likelihood ratios: 0 is perfect, 1 says nothing, above 1 misleads.

    Source: Brummer and du Preez 2006: half the mean of log2(1 + 1/LR) over mated plus half the mean
    of log2(1 + LR) over non-mated comparisons.

    Args:
        mated: [M] log10 likelihood ratios of mated comparisons, may be infinite.
        nonmated: [N] of non-mated ones.

    Raises:
        ValueError: if there is none, or one is NaN.
    """
    mated, nonmated = checked(mated, "mated"), checked(nonmated, "non-mated")
    return float((_bits(-mated).mean() + _bits(nonmated).mean()) / 2)


def _bits(log10_odds: np.ndarray) -> np.ndarray:
    """log2(1 + 10^x) without overflow."""
    return np.logaddexp(0, np.log(10) * log10_odds) / np.log(2)


def pav(mated: Iterable[float], nonmated: Iterable[float]) -> tuple[np.ndarray, np.ndarray]:
    """The best ratios that keep the order of the scores: pool adjacent violators.

    They are fitted on what they are judged on: a bound of what calibration can reach, never a
    calibration. Scores that one kind alone has beyond the other get infinite ratios. Source:
    isotonic regression, both kinds of comparison weighing alike.

    Args:
        mated: [M] scores or log likelihood ratios.
        nonmated: [N] of non-mated comparisons.

    Returns:
        [M] and [N] log10 likelihood ratios.
    """
    mated, nonmated = checked(mated, "mated"), checked(nonmated, "non-mated")
    scores = np.concatenate([mated, nonmated])
    values, place = np.unique(scores, return_inverse=True)
    same = np.bincount(place[: len(mated)], minlength=len(values)) / len(mated)
    other = np.bincount(place[len(mated) :], minlength=len(values)) / len(nonmated)
    fitted = optimize.isotonic_regression(same / (same + other), weights=same + other)
    blocks = np.asarray(fitted.blocks)
    # The odds from the sums themselves: 1 - p would lose what is left of a p near 1.
    sums = [np.add.reduceat(part, blocks[:-1]) for part in (same, other)]
    with np.errstate(divide="ignore"):
        ratios = np.repeat(np.log10(sums[0]) - np.log10(sums[1]), np.diff(blocks))[place]
    return ratios[: len(mated)], ratios[len(mated) :]


def cllr_min(mated: Iterable[float], nonmated: Iterable[float]) -> float:
    """What of the cost no calibration can mend: `cllr` after `pav`; optimistic for few people."""
    return cllr(*pav(mated, nonmated))


def cllr_cal(mated: Iterable[float], nonmated: Iterable[float]) -> float:
    """What calibration costs: `cllr` minus `cllr_min`."""
    mated, nonmated = checked(mated, "mated"), checked(nonmated, "non-mated")
    return cllr(mated, nonmated) - cllr_min(mated, nonmated)


def misleading(mated: Iterable[float], nonmated: Iterable[float]) -> tuple[float, float]:
    """Shares of ratios that point the wrong way: mated ones below 0, non-mated ones above 0."""
    mated, nonmated = checked(mated, "mated"), checked(nonmated, "non-mated")
    return float((mated < 0).mean()), float((nonmated > 0).mean())


def tippett(mated: Iterable[float], nonmated: Iterable[float]) -> pd.DataFrame:
    """Shares of ratios at or above each ratio: what a Tippett plot draws.

    Returns:
        Columns llr, ascending; mated and nonmated, shares at or above it.
    """
    mated, nonmated = np.sort(checked(mated, "mated")), np.sort(checked(nonmated, "non-mated"))
    places = np.unique(np.concatenate([mated, nonmated, [0.0]]))
    above = {
        name: 1 - np.searchsorted(part, places, side="left") / len(part)
        for name, part in (("mated", mated), ("nonmated", nonmated))
    }
    return pd.DataFrame({"llr": places, **above})


def ece(
    mated: Iterable[float], nonmated: Iterable[float], prior_log10_odds: Iterable[float]
) -> np.ndarray:
    """Empirical cross-entropy, in bits, of whoever holds these prior odds; `cllr` at 0.

    Not the expected calibration error of machine learning, which has the same initials. Source:
    Ramos 2007.

    Args:
        mated: [M] log10 likelihood ratios; all 0 gives the neutral reference.
        nonmated: [N] of non-mated comparisons.
        prior_log10_odds: [P] log10 odds that two photographs show the same hand.

    Returns:
        [P] bits.

    Raises:
        ValueError: if there is no ratio, one is NaN, or odds are not finite.
    """
    mated, nonmated = checked(mated, "mated"), checked(nonmated, "non-mated")
    prior = given.numbers(prior_log10_odds, "prior log10 odds").ravel()
    if not np.isfinite(prior).all():
        raise ValueError("Prior odds must be finite numbers: who is certain needs no evidence.")
    prior = np.clip(prior, -300, 300)  # beyond, float64 knows no odds
    share = special.expit(np.log(10) * prior)
    same = _bits(-(mated[None] + prior[:, None])).mean(axis=1)
    other = _bits(nonmated[None] + prior[:, None]).mean(axis=1)
    # A prior may round to 0 or 1; what is infinitely misleading costs without end at any.
    share, rest = np.maximum([share, 1 - share], np.finfo(float).tiny)
    return share * same + rest * other


def elub(mated: Iterable[float], nonmated: Iterable[float]) -> tuple[float, float]:
    """Empirical lower and upper bound of log10 likelihood ratios: beyond them data support nothing.

    A ratio is only as good as the decisions that it leads to; where one more misleading ratio in
    the data would make them worse than decisions without evidence, the ratio is extrapolation.
    Source: Vergeer et al. 2016, Science and Justice 56; as NFI's lir computes it, on a grid of
    0.01. Pass one ratio per person and per pair of people: comparisons of the same people are not
    independent, and more of them would push the bounds out.

    Args:
        mated: [M] log10 likelihood ratios.
        nonmated: [N] of non-mated comparisons.

    Returns:
        Low, at most 0, and high, at least 0.
    """
    mated = np.clip(checked(mated, "mated"), -FARTHEST, FARTHEST)
    nonmated = np.clip(checked(nonmated, "non-mated"), -FARTHEST, FARTHEST)
    both = np.concatenate([mated, nonmated])
    lowest = max(both.min(), -np.log10(len(mated) + 1))
    highest = min(both.max(), np.log10(len(nonmated) + 1))
    first = min(0, int(np.floor_divide(lowest, STEP)))
    last = max(0, int(np.floor_divide(highest, STEP)) + 1)
    places = np.linspace(first * STEP, last * STEP, last - first + 1)
    odds = 10**places
    # One misleading ratio more on each side.
    missed = np.searchsorted(np.sort(10**mated), odds, side="right") + 1
    accepted = (10**nonmated)[None] > odds[:, None]
    system = missed / (len(mated) + 1) + odds * (accepted.sum(axis=1) + 1) / (len(nonmated) + 1)
    neutral = np.where(odds >= 1, 1.0, odds)
    worse = neutral / system < 1
    low = np.max(places[worse & (places <= 0)] + STEP, initial=places.min())
    high = np.min(places[worse & (places >= 0)] - STEP, initial=places.max())
    return min(float(low), 0.0), max(float(high), 0.0)
