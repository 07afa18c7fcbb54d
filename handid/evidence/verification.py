"""Error rates of one-to-one comparisons by threshold: FMR, FNMR, DET, equal error rate, floors.

A comparison is accepted if its score is at least the threshold. A photograph that could not be
decoded or compared has the score NaN: it is never accepted, so it is an error where the two are
mated (generalised FNMR) and none where they are not.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy import optimize, special

from handid import given
from handid.evidence.scores import as_never, checked


def error_rates(mated: Iterable[float], nonmated: Iterable[float]) -> pd.DataFrame:
    """False match and false non-match rate at every threshold that tells two scores apart.

    Source: ISO/IEC 19795-1 (FMR, FNMR); as scikit-learn's det_curve.

    Args:
        mated: [M] scores of comparisons of the same hand; NaN for a failure.
        nonmated: [N] scores of comparisons of different hands; NaN for a failure.

    Returns:
        Columns threshold, ascending and ending in infinity; fmr, share of non-mated scores at or
        above it; fnmr, share of mated scores below it.

    Raises:
        ValueError: if there is no mated or no non-mated score.
    """
    mated = np.sort(as_never(checked(mated, "mated", failures=True)))
    nonmated = np.sort(as_never(checked(nonmated, "non-mated", failures=True)))
    both = np.unique(np.concatenate([mated, nonmated]))
    thresholds = np.append(both[np.isfinite(both)], np.inf)
    below = np.searchsorted(mated, thresholds, side="left") / len(mated)
    accepted = 1 - np.searchsorted(nonmated, thresholds, side="left") / len(nonmated)
    return pd.DataFrame({"threshold": thresholds, "fmr": accepted, "fnmr": below})


def eer(mated: Iterable[float], nonmated: Iterable[float]) -> float:
    """Equal error rate on the convex hull of the ROC.

    Between two operating points every mixture of them can be had by drawing lots, so the hull is
    what the system can do; the plain step function crosses FMR = FNMR at no point of its own.
    Source: Brummer and de Villiers, The BOSARIS toolkit (ROCCH-EER).

    Args:
        mated: as of `error_rates`.
        nonmated: as of `error_rates`.

    Returns:
        In [0, 0.5]: scores that tell the wrong way round have 0.5, as guessing has.
    """
    hull = _hull(
        as_never(checked(mated, "mated", failures=True)),
        as_never(checked(nonmated, "non-mated", failures=True)),
    )
    above = int(np.argmax(hull[:, 1] <= hull[:, 0]))  # the first corner past FMR = FNMR
    (x0, y0), (x1, y1) = hull[above - 1], hull[above]
    return float(x0 + (x1 - x0) * (y0 - x0) / ((y0 - x0) - (y1 - x1)))


def _hull(mated: np.ndarray, nonmated: np.ndarray) -> np.ndarray:
    """[C, 2] corners (FMR, FNMR) of the lower convex hull, from FNMR 1 to FMR 1.

    They lie between the blocks that pooling adjacent violators makes of the scores.
    """
    values, place = np.unique(np.concatenate([mated, nonmated]), return_inverse=True)
    same = np.bincount(place[: len(mated)], minlength=len(values)) / len(mated)
    other = np.bincount(place[len(mated) :], minlength=len(values)) / len(nonmated)
    pooled = optimize.isotonic_regression(same / (same + other), weights=same + other)
    starts = np.asarray(pooled.blocks)
    below, accepted = (np.append(0, np.cumsum(part))[starts] for part in (same, other))
    return np.column_stack([1 - accepted, below])[::-1]


def det(mated: Iterable[float], nonmated: Iterable[float], least: float = 1e-6) -> pd.DataFrame:
    """The DET curve on normal-deviate axes: straight for two normal distributions.

    Args:
        mated: as of `error_rates`.
        nonmated: as of `error_rates`.
        least: rates outside least to 1 - least are left out, in (0, 0.5): the rates' floor.

    Returns:
        `error_rates` with x and y, the normal deviates of fmr and fnmr.
    """
    given.between("least", least, 0, 0.5)
    rates = error_rates(mated, nonmated)
    inside = rates[["fmr", "fnmr"]].ge(least).all(axis=1)
    inside &= rates[["fmr", "fnmr"]].le(1 - least).all(axis=1)
    rates = rates[inside].reset_index(drop=True)
    return rates.assign(x=special.ndtri(rates["fmr"]), y=special.ndtri(rates["fnmr"]))


def threshold_at(nonmated: Iterable[float], fmr: float) -> float:
    """The lowest threshold at which a false match rate is not exceeded.

    Take it from development people: a threshold that was chosen on the people who are tested
    promises too much.

    Args:
        nonmated: [N] scores of development people; NaN for a failure.
        fmr: the rate, in [0, 1].

    Returns:
        Just above one of the scores; -inf if all may be accepted.

    Raises:
        ValueError: if the rate is out of range, there is no score, or more are infinite than may be
            accepted.
    """
    given.between("fmr", fmr, 0, 1, ends=True)
    scores = np.sort(as_never(checked(nonmated, "development", failures=True)))
    allowed = int(np.floor(fmr * len(scores) + 1e-9))
    if allowed >= len(scores):
        return -np.inf
    highest = scores[len(scores) - allowed - 1]  # of those that may not be accepted
    if np.isposinf(highest):
        raise ValueError("Infinite scores reach every threshold: leave them out.")
    return float(np.nextafter(highest, np.inf))


def fnmr_at(mated: Iterable[float], threshold: float) -> float:
    """Share of mated comparisons below a threshold, failures (NaN) among them."""
    given.real("threshold", threshold, "give one similarity")
    return float((~(checked(mated, "mated", failures=True) >= threshold)).mean())


def fmr_at(nonmated: Iterable[float], threshold: float) -> float:
    """Share of non-mated comparisons at or above a threshold."""
    given.real("threshold", threshold, "give one similarity")
    return float((checked(nonmated, "non-mated", failures=True) >= threshold).mean())


def floor(n_people: int, level: float = 0.95) -> float:
    """The lowest error rate that so many people can support: the bound where none of them errs.

    The rule of three: with no error among n independent people the one-sided 95 % upper bound is
    1 - 0.05^(1/n), about 3/n. It is over people, not over comparisons: a person's are not
    independent. No rate below it is to be printed.

    Args:
        n_people: 1 or more.
        level: in (0, 1).

    Raises:
        ValueError: if nobody is there, or the level is out of range.
    """
    given.between("n_people", n_people, 1, np.inf, ends=True)
    given.between("level", level, 0, 1)
    return 1 - (1 - level) ** (1 / n_people)
