"""Scores to likelihood ratios: logistic regression on development people, and its bounds."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import numpy as np
from scipy import special

from handid.evidence import likelihood_ratio
from handid.evidence.scores import checked

FEWEST = 20  # people below whom nothing is calibrated


@dataclass(frozen=True)
class Calibration:
    """A line from scores to log10 likelihood ratios, and what it rests on.

    Attributes:
        slope: log10 likelihood ratio per unit of score, above 0.
        intercept: log10 likelihood ratio at score 0.
        low: bound of the log10 ratio (ELUB), at most 0.
        high: bound of the log10 ratio (ELUB), at least 0.
        least: lowest score that it was fitted on.
        most: highest one.
        n_people: people whose mated comparisons it was fitted on.
        n_pairs: pairs of people whose non-mated ones it was.
    """

    slope: float
    intercept: float
    low: float
    high: float
    least: float
    most: float
    n_people: int
    n_pairs: int

    def log10_lr(self, scores: Iterable[float]) -> np.ndarray:
        """[N] log10 likelihood ratios of scores, within the bounds."""
        scores = np.asarray(scores, dtype=np.float64)
        return np.clip(self.slope * scores + self.intercept, self.low, self.high)


def fit(
    mated: Iterable[float],
    nonmated: Iterable[float],
    mated_people: Iterable[Hashable],
    nonmated_pairs: Iterable[Hashable],
) -> Calibration:
    """Fit a calibration on people who are not tested.

    Logistic regression in which mated and non-mated comparisons weigh alike, so that no prior is in
    its log odds; within them each person, and each pair of people, weighs alike, whatever the
    number of their photographs. The bounds are those of one ratio per person and per pair (their
    mean). Source: Morrison 2013; ELUB: likelihood_ratio.elub.

    Args:
        mated: [M] scores of comparisons of the same hand.
        nonmated: [N] scores of comparisons of different hands.
        mated_people: [M] whose hand it is.
        nonmated_pairs: [N] whose hands they are, such as a sorted pair of people.

    Raises:
        ValueError: one sentence for fewer than 20 people, infinite or equal scores, perfect
            separation (one score in common at most), or scores that are not higher for the same
            hand.
    """
    mated, nonmated = checked(mated, "mated"), checked(nonmated, "non-mated")
    people, own = _grouped(mated_people, mated, "mated")
    pairs, other = _grouped(nonmated_pairs, nonmated, "non-mated")
    if own.max() + 1 < FEWEST:
        raise ValueError(
            f"{own.max() + 1} people are too few to calibrate on: {FEWEST} are the least."
        )
    both = np.concatenate([mated, nonmated])
    if np.isinf(both).any():
        count = np.isinf(both).sum()
        raise ValueError(f"Infinite scores ({count}): no line goes through them; leave them out.")
    if np.ptp(both) == 0:
        raise ValueError("All scores are equal: there is nothing to calibrate.")
    if mated.min() >= nonmated.max():
        raise ValueError(
            "The scores of mated and non-mated comparisons do not overlap: with perfect separation "
            "a likelihood ratio has no upper limit that these people could tell."
        )
    weights = np.concatenate([_weights(own), _weights(other)])
    slope, intercept = _logistic(both, np.arange(len(both)) < len(mated), weights)
    if slope <= 0:
        raise ValueError("Mated comparisons do not score higher: these scores are no evidence.")
    bounds = likelihood_ratio.elub(slope * people + intercept, slope * pairs + intercept)
    counts = (int(own.max()) + 1, int(other.max()) + 1)
    return Calibration(slope, intercept, *bounds, float(both.min()), float(both.max()), *counts)


def _grouped(
    names: Iterable[Hashable], scores: np.ndarray, kind: str
) -> tuple[np.ndarray, np.ndarray]:
    """Mean score of each group, and the group of each score, whole numbers from 0."""
    names = list(names)
    if len(names) != len(scores):
        raise ValueError(f"{len(names)} names for {len(scores)} {kind} scores: give one per score.")
    known = {name: code for code, name in enumerate(dict.fromkeys(names))}
    codes = np.array([known[name] for name in names])
    return np.bincount(codes, weights=scores) / np.bincount(codes), codes


def _weights(codes: np.ndarray) -> np.ndarray:
    """Each group alike, all together 1."""
    counts = np.bincount(codes)
    return 1 / counts[codes] / len(counts)


def _logistic(scores: np.ndarray, same: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Slope and intercept of the log10 odds, by Newton's method on standardised scores.

    Raises:
        ValueError: if it does not converge, which only (nearly) separated scores bring about.
    """
    middle, spread = scores.mean(), scores.std()
    design = np.column_stack([(scores - middle) / spread, np.ones(len(scores))])
    line, cost = np.zeros(2), np.inf
    for _ in range(200):
        odds = design @ line
        share = special.expit(odds)
        now = -(weights * special.log_expit(np.where(same, odds, -odds))).sum()
        gradient = design.T @ (weights * (share - same))
        if np.abs(gradient).max() < 1e-13 or now >= cost - 1e-16:
            break
        cost = now
        curvature = (design * (weights * share * (1 - share))[:, None]).T @ design
        step = np.linalg.solve(curvature, gradient)
        line = line - step * min(1.0, 5 / np.abs(step).max())
    else:
        raise ValueError("The calibration does not settle: the scores are all but separated.")
    slope = line[0] / spread / np.log(10)
    return float(slope), float(line[1] / np.log(10) - slope * middle)
