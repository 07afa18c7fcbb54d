"""Searches for people who may not be in the list: FPIR and FNIR by threshold and rank.

Source: ISO/IEC 19795-1. Both depend on the size of the gallery, which belongs beside every figure.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from handid import given
from handid.evidence.scores import as_never, checked


def fnir(
    mated_rank: Iterable[float], mated_score: Iterable[float], threshold: float, rank: int = 1
) -> float:
    """False negative identification rate: the person is enrolled and is not returned.

    Args:
        mated_rank: [S] rank of the mate in each search of somebody enrolled, 1 is best; NaN for
            one that is not in the list, which counts as missed.
        mated_score: [S] its score; NaN for a search that failed, which counts as missed.
        threshold: candidates below it are not returned; -inf returns `rank` of them always.
        rank: candidates that are looked at, 1 or more.

    Returns:
        Share of searches whose mate is not among the first `rank` or is below the threshold.

    Raises:
        ValueError: if lengths differ, there is no search, rank is below 1, or the threshold is NaN
            or no number.
    """
    scores = as_never(checked(mated_score, "mated search's", failures=True))
    ranks = given.numbers(mated_rank, "ranks")
    if ranks.shape != scores.shape:
        raise ValueError(f"{ranks.size} ranks for {len(scores)} scores: give one of each.")
    given.whole("rank", rank, 1)
    given.real("threshold", threshold, "give one similarity")
    failed = np.isneginf(scores)
    return float((~(ranks <= rank) | (scores < threshold) | failed).mean())


def fpir(nonmated_best: Iterable[float], threshold: float) -> float:
    """False positive identification rate: nobody is enrolled, and somebody is returned.

    Args:
        nonmated_best: [S] highest score of each search of somebody who is not enrolled; NaN for a
            search that failed, which returns nobody.
        threshold: candidates below it are not returned.

    Raises:
        ValueError: if there is no search, or the threshold is NaN or no number.
    """
    best = checked(nonmated_best, "non-mated search's", failures=True)
    given.real("threshold", threshold, "give one similarity")
    return float((best >= threshold).mean())


def curve(
    mated_rank: Iterable[float],
    mated_score: Iterable[float],
    nonmated_best: Iterable[float],
    rank: int = 1,
) -> pd.DataFrame:
    """FPIR and FNIR at every threshold that tells two searches apart.

    Args:
        mated_rank: as of `fnir`.
        mated_score: as of `fnir`.
        nonmated_best: as of `fpir`.
        rank: as of `fnir`.

    Returns:
        Columns threshold, ascending and ending in infinity, fpir, fnir.
    """
    ranks = given.numbers(mated_rank, "ranks")
    scores = as_never(checked(mated_score, "mated search's", failures=True))
    fnir(ranks, scores, np.inf, rank)  # refuses what it cannot use
    best = np.sort(as_never(checked(nonmated_best, "non-mated search's", failures=True)))
    found = np.sort(np.where(ranks <= rank, scores, -np.inf))
    both = np.unique(np.concatenate([found, best]))
    thresholds = np.append(both[np.isfinite(both)], np.inf)
    missed = np.searchsorted(found, thresholds, side="left") / len(found)
    returned = 1 - np.searchsorted(best, thresholds, side="left") / len(best)
    return pd.DataFrame({"threshold": thresholds, "fpir": returned, "fnir": missed})
