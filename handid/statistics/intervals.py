"""Intervals over people: of a share, of a mean over queries, and of a balanced accuracy."""

from collections.abc import Hashable, Iterable
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from scipy import special

from handid import given
from handid.statistics import people as persons
from handid.statistics import shares

FEW = 10  # people below which Student's t stands in for a bootstrap that would repeat itself
Kind = Literal["", "share", "mean", "difference"]
KINDS = get_args(Kind)[1:]


def interval(
    values: Iterable[float],
    people: Iterable[Hashable],
    level: float = 0.95,
    *,
    kind: Kind = "",
    draws: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Interval of the mean of values for people drawn anew, each with all of his or her queries.

    Photographs of one person are not independent; an interval over queries covers the truth far
    less often than it says. A share is bounded by Clopper and Pearson at its effective number of
    answers (Korn and Graubard 1998, see shares.effective_size); a mean and a difference by a
    bootstrap over people that is studentised (each draw by its own standard error), below 10 people
    by Student's t; where most values are 0 or 1, as average precisions are, it reaches at least as
    far as a share's. For a figure over several runs pass the queries of all runs together: all runs
    have equally many, so the mean of all rows is the mean of the runs, and a person's rows stay
    together. The result depends neither on the order of the queries nor on what people are called.

    Args:
        values: [Q] scores of queries, such as `ap` or `first_hit <= 1`.
        people: [Q] who is shown, of any hashable type: the person, not the hand.
        level: in (0, 1).
        kind: "share" of right answers, also as a mean over runs; "mean" of scores; "difference" of
            paired scores, bounded by nothing. "" takes values that are all 0 or 1 for a share,
            others for a mean.
        draws: resamples of 10 people or more; 20 at least for the level 0.95.
        seed: 0 or more.

    Returns:
        Low and high, in the values' unit, within [0, 1] where all values of a share or mean are;
        both NaN when fewer than two people leave nothing to compare.

    Raises:
        ValueError: if lengths differ, there is no value, a value is NaN or infinite, an option is
            out of range, or draws are too few for the level, which needs half of one beyond each
            bound; those of people who are all alike do not count.
    """
    values = given.numbers(values, "values")
    totals, counts = persons.sums(values, people)
    level = _checked(draws, seed, level)
    if not (isinstance(kind, str) and kind in ("", *KINDS)):
        raise ValueError(f"kind={given.shown(kind)} is unknown: use one of {', '.join(KINDS)}")
    if kind == "share" and ((values < 0) | (values > 1)).any():
        raise ValueError("values of a share must lie between 0 and 1")
    if len(counts) < 2:
        return float("nan"), float("nan")
    if kind == "share" or (not kind and np.isin(values, (0, 1)).all()):
        return _share(totals, counts, level)
    low, high = _studentised(totals, counts, level, draws, seed)
    if kind != "difference" and values.min() >= 0 and values.max() <= 1:
        low, high = max(0.0, low), min(1.0, high)
        if np.isin(values, (0, 1)).mean() > 0.5:
            # Close to 0 or 1 few people vary, and a bootstrap draws only what it has seen.
            least, most = _share(totals, counts, level)
            low, high = min(low, least), max(high, most)
    return low, high


def _share(totals: np.ndarray, counts: np.ndarray, level: float) -> tuple[float, float]:
    """Clopper and Pearson's at the effective number of answers."""
    size = shares.effective_size(totals, counts)
    mean = float(totals.sum() / counts.sum())
    return shares.share_interval(mean, size, len(counts), level)


def _studentised(
    totals: np.ndarray, counts: np.ndarray, level: float, draws: int, seed: int
) -> tuple[float, float]:
    """Bootstrap-t of a ratio of sums over people."""
    n_people, tail = len(counts), (1 - level) / 2
    mean = totals.sum() / counts.sum()
    residual = totals - mean * counts
    factor = n_people / (n_people - 1)
    error = np.sqrt(factor * (residual**2).sum()) / counts.sum()
    if error < 1e-12:
        return float(mean), float(mean)
    quantiles = special.stdtrit(n_people - 1, [1 - tail, tail])
    if n_people >= FEW:
        times = _times(n_people, draws, seed)
        size = times @ counts
        shift = times @ residual / size  # [draws] mean of the draw minus mean
        squares = times @ residual**2 - 2 * shift * (times @ (residual * counts))
        squares += shift**2 * (times @ counts**2)
        errors = np.sqrt(factor * np.maximum(squares, 0)) / size
        known = errors > 1e-6 * error  # a draw of people who are all alike has no error
        if known.sum() * tail < 0.5:
            raise ValueError(f"draws={draws} are too few for level={level:g}: give more of them.")
        quantiles = np.quantile(shift[known] / errors[known], [1 - tail, tail])
    low, high = mean - quantiles * error
    return float(low), float(high)


def balanced_accuracy(
    right: Iterable[bool],
    answers: Iterable[Hashable],
    people: Iterable[Hashable],
    level: float = 0.95,
) -> tuple[float, float, float]:
    """Mean over the true answers of the share of their photographs that are answered right.

    Every true answer has the same weight, however rare: a system that always gives the same answer
    is right in 1 / (number of answers) of the cases, like one that guesses. The interval is that of
    a share whose variance over people is linearised, as `interval` has it; its degrees of freedom
    are those of the answer that the fewest people show. Source: scikit-learn's
    balanced_accuracy_score; the interval is ours.

    Args:
        right: [N] whether a photograph was answered right.
        answers: [N] the true answers, of any hashable type.
        people: [N] who is shown.
        level: in (0, 1).

    Returns:
        Value, low and high, fractions; low and high are NaN when fewer than two people show one of
        the answers, so that there is nothing to compare.

    Raises:
        ValueError: if lengths differ, there is no photograph, one is neither right nor wrong, or
            the level is out of range.
    """
    right = given.numbers(right, "answers")
    if right.ndim != 1 or len(right) == 0 or not np.isin(right, (0, 1)).all():
        raise ValueError("right must be a non-empty list of 0 or 1, one per photograph")
    level = _checked(1, 0, level)
    truth = persons.codes(answers, len(right), "photograph")
    who = persons.codes(people, len(right), "photograph")
    hits, counts = _by_person_and_answer(right, truth, who)
    value = float((hits.sum(axis=0) / counts.sum(axis=0)).mean())
    showing = int((counts > 0).sum(axis=0).min())
    if showing < 2:
        return value, float("nan"), float("nan")
    # Each person's part of the mean: the answers weigh alike, whatever their number.
    weights = 1 / counts.sum(axis=0) / counts.shape[1]
    totals, sizes = (hits * weights).sum(axis=1), (counts * weights).sum(axis=1)
    residual = ((hits - hits.sum(axis=0) / counts.sum(axis=0) * counts) * weights).sum(axis=1)
    size = shares.effective_size(totals, sizes, residual, most=len(right))
    return value, *shares.share_interval(value, size, showing, level)


def _by_person_and_answer(
    right: np.ndarray, truth: np.ndarray, people: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Right answers and all photographs of each person and true answer, [people, answers] each."""
    shape = (people.max() + 1, truth.max() + 1)
    hits, counts = np.zeros(shape), np.zeros(shape)
    np.add.at(hits, (people, truth), right)
    np.add.at(counts, (people, truth), 1)
    columns = np.lexsort((hits.sum(axis=0), counts.sum(axis=0)))
    hits, counts = hits[:, columns], counts[:, columns]
    order = np.lexsort((*hits.T, *counts.T))  # frees the draw from the order of the photographs
    return hits[order], counts[order]


def _checked(draws: int, seed: int, level: float) -> float:
    """The level, after refusing what no resampling can use."""
    given.whole("draws", draws, 1)
    given.whole("seed", seed, 0)
    return given.between("level", level, 0, 1)


@lru_cache(maxsize=4)  # 2,000 draws of 5,000 people are 80 MB
def _times(n_people: int, draws: int, seed: int) -> np.ndarray:
    """How often each person is drawn, [draws, people]; many figures of the same people ask."""
    shares = np.full(n_people, 1 / n_people)
    times = np.random.default_rng(seed).multinomial(n_people, shares, draws)
    times.flags.writeable = False
    return times
