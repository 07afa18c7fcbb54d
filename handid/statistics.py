"""Intervals that resample people: of a mean over queries, and of a balanced accuracy.

It neither ranks nor plots; it needs numpy and no torch.
"""

from collections.abc import Hashable, Iterable

import numpy as np


def interval(
    values: Iterable[float],
    people: Iterable[Hashable],
    level: float = 0.95,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of the mean of values, resampling people with replacement.

    A drawn person comes with all of his or her queries, since photographs of one person are not
    independent; an interval over queries covers the truth far less often than it says. For a mean
    over several runs pass the queries of all runs together, so that a person's queries of all runs
    stay together. The result depends neither on the order of the queries nor on what people are
    called. Source: ours (cluster bootstrap, ratio of sums).

    Args:
        values: [Q] scores of queries, such as `ap` or `first_hit <= 1`.
        people: [Q] who is shown, of any hashable type: the person, not the hand.
        level: share of resamples inside, in (0, 1).
        draws: resamples, 1 or more.
        seed: 0 or more.

    Returns:
        Low and high, in the values' unit; both NaN when fewer than two people leave nothing to
        resample.

    Raises:
        ValueError: if lengths differ, there is no value, a value is NaN or infinite, or an option
            is out of range.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise ValueError("values must be a non-empty list of finite numbers, one per query")
    _check_options(draws, seed, level)
    codes = _codes(people, len(values), "value")
    sums, counts = np.bincount(codes, weights=values), np.bincount(codes)
    n_people = len(counts)
    if n_people < 2:
        return float("nan"), float("nan")
    order = np.lexsort((counts, sums))  # frees the draw from the order of the queries
    times = _times(n_people, draws, seed)
    means = (times @ sums[order]) / (times @ counts[order])  # [draws]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def balanced_accuracy(
    right: Iterable[bool],
    answers: Iterable[Hashable],
    people: Iterable[Hashable],
    level: float = 0.95,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Mean over the true answers of the share of their photographs that are answered right.

    Every true answer has the same weight, however rare: a system that always gives the same answer
    is right in 1 / (number of answers) of the cases, like one that guesses. The interval resamples
    people as `interval` does; a draw in which no person shows one of the answers has no balanced
    accuracy and is left out. Source: scikit-learn's balanced_accuracy_score; the interval is ours.

    Args:
        right: [N] whether a photograph was answered right.
        answers: [N] the true answers, of any hashable type.
        people: [N] who is shown.
        level: share of resamples inside, in (0, 1).
        draws: resamples, 1 or more.
        seed: 0 or more.

    Returns:
        Value, low and high, fractions; low and high are NaN when fewer than two people show one of
        the answers, so that there is nothing to resample.

    Raises:
        ValueError: if lengths differ, there is no photograph, or an option is out of range.
    """
    right = np.asarray(right, dtype=np.float64)
    if right.ndim != 1 or len(right) == 0:
        raise ValueError("right must be a non-empty list, one per photograph")
    _check_options(draws, seed, level)
    truth = _codes(answers, len(right), "photograph")
    hits, counts = _by_person_and_answer(right, truth, _codes(people, len(right), "photograph"))
    value = float((hits.sum(axis=0) / counts.sum(axis=0)).mean())
    times = _times(len(counts), draws, seed)
    shown = times @ counts  # [draws, answers]
    whole = (shown > 0).all(axis=1)
    if ((counts > 0).sum(axis=0) < 2).any() or not whole.any():
        return value, float("nan"), float("nan")
    means = ((times @ hits)[whole] / shown[whole]).mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return value, float(low), float(high)


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


def _check_options(draws: int, seed: int, level: float) -> None:
    """Refuse what no resampling can use."""
    if draws < 1 or seed < 0 or not 0 < level < 1:
        raise ValueError(
            f"draws={draws}, seed={seed}, level={level}: use draws from 1, a seed from 0 "
            "and a level between 0 and 1"
        )


def _times(n_people: int, draws: int, seed: int) -> np.ndarray:
    """How often each person is drawn, [draws, people]."""
    shares = np.full(n_people, 1 / n_people)
    return np.random.default_rng(seed).multinomial(n_people, shares, draws)


def _codes(ids: Iterable[Hashable], expected: int, name: str) -> np.ndarray:
    """Whole numbers from 0 in the place of ids, [N], equal where the ids are."""
    # Elements of a tensor would be unequal to each other.
    values = [value.item() if hasattr(value, "item") else value for value in ids]  # pyright: ignore[reportAttributeAccessIssue] (asked just before)
    if len(values) != expected:
        raise ValueError(f"{len(values)} ids for {expected} {name} rows: give one id per row")
    try:
        codes = {value: code for code, value in enumerate(dict.fromkeys(values))}
    except TypeError as error:
        raise ValueError("ids must be hashable, such as whole numbers, texts or tuples") from error
    return np.array([codes[value] for value in values])
