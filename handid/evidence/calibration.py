"""Scores to likelihood ratios: logistic regression on development people, and its bounds."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from scipy import special

from handid import given
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
        middle: score at which the line is known best.
        error: standard error of the log10 ratio there, over people.
        slope_error: standard error of the slope, over people.
    """

    slope: float
    intercept: float
    low: float
    high: float
    least: float
    most: float
    n_people: int
    n_pairs: int
    middle: float
    error: float
    slope_error: float

    def log10_lr(self, scores: Iterable[float]) -> np.ndarray:
        """[N] log10 likelihood ratios of scores, within the bounds."""
        scores = given.numbers(scores, "scores")
        return np.clip(self.slope * scores + self.intercept, self.low, self.high)

    def interval(self, score: float, level: float = 0.95) -> tuple[float, float]:
        """What other people to fit on would have given for the log10 ratio, within the bounds.

        Raises:
            ValueError: if the score is not finite, or the level not in (0, 1).
        """
        given.between("score", score, -np.inf, np.inf)
        given.between("level", level, 0, 1)
        off = score - self.middle
        error = np.hypot(self.error, self.slope_error * off)
        half = special.stdtrit(self.n_people - 1, (1 + level) / 2) * error
        line = self.slope * score + self.intercept
        low, high = np.clip([line - half, line + half], self.low, self.high)
        return float(low), float(high)


def fit(
    mated: Iterable[float],
    nonmated: Iterable[float],
    mated_people: Iterable[Hashable],
    nonmated_pairs: Iterable[tuple[Hashable, Hashable]],
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
        nonmated_pairs: [N] whose hands they are, each pair of people in one order.

    Raises:
        ValueError: one sentence for fewer than 20 people, infinite or equal scores, perfect
            separation (one score in common at most), scores that are not higher for the same hand,
            or a pair that is no tuple of two people.
    """
    mated, nonmated = checked(mated, "mated"), checked(nonmated, "non-mated")
    mated_people = given.ids(mated_people, len(mated), "mated")
    nonmated_pairs = given.ids(nonmated_pairs, len(nonmated), "non-mated")
    members = _members(mated_people, nonmated_pairs)
    people, own = _grouped(mated_people, mated)
    pairs, other = _grouped(nonmated_pairs, nonmated)
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
    same = np.arange(len(both)) < len(mated)
    slope, intercept = _logistic(both, same, weights)
    if slope <= 0:
        raise ValueError("Mated comparisons do not score higher: these scores are no evidence.")
    bounds = likelihood_ratio.elub(slope * people + intercept, slope * pairs + intercept)
    return Calibration(
        *(slope, intercept, *bounds, float(both.min()), float(both.max())),
        *(int(own.max()) + 1, int(other.max()) + 1),
        *_errors((slope, intercept), both, same, members),
    )


def _members(people: list, pairs: list) -> list[tuple[Hashable, Hashable]]:
    """The two people of each comparison, mated ones first: there one person twice."""
    if not all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
        raise ValueError("Each non-mated comparison is of two people: give a tuple of both.")
    return [*((person, person) for person in people), *pairs]


def _errors(
    line: tuple[float, float], scores: np.ndarray, same: np.ndarray, members: list
) -> tuple[float, float, float]:
    """Where the line is known best, its standard error there, and that of its slope.

    Each person is left out with all comparisons that he or she is part of (as in
    jackknife.intervals), and the line fitted again. Where it rests on one person alone, so that
    nothing is left to fit without, the error is that of no line at all.

    Args:
        line: slope and intercept.
        scores: [C] of all comparisons.
        same: [C] which are mated.
        members: [C] see `_members`.
    """
    known = {name: code for code, name in enumerate(dict.fromkeys(chain.from_iterable(members)))}
    first, second = np.array([[known[name] for name in pair] for pair in members]).T
    code = first * len(known) + second  # one per person and per pair
    without = []
    for person in range(len(known)):
        kept = (first != person) & (second != person)
        numbers = np.bincount(code[kept])
        weights = 1 / numbers[code[kept]]
        mated = same[kept]
        for kind in (mated, ~mated):
            weights[kind] /= weights[kind].sum()
        try:
            without.append(_logistic(scores[kept], mated, weights, line))
        except (ValueError, np.linalg.LinAlgError):
            return float(scores.mean()), likelihood_ratio.FARTHEST, 0.0
    spread = np.asarray(without) - np.mean(without, axis=0)
    (steep, both), (_, level) = (len(spread) - 1) / len(spread) * spread.T @ spread
    least = max(0.0, level - both**2 / steep)
    return float(-both / steep), float(np.sqrt(least)), float(np.sqrt(steep))


def _grouped(names: Sequence[Hashable], scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean score of each group, and the group of each score, whole numbers from 0."""
    known = given.codes(names)
    codes = np.array([known[name] for name in names])
    return np.bincount(codes, weights=scores) / np.bincount(codes), codes


def _weights(codes: np.ndarray) -> np.ndarray:
    """Each group alike, all together 1."""
    counts = np.bincount(codes)
    return 1 / counts[codes] / len(counts)


def _logistic(
    scores: np.ndarray,
    same: np.ndarray,
    weights: np.ndarray,
    start: tuple[float, float] = (0.0, 0.0),
) -> tuple[float, float]:
    """Slope and intercept of the log10 odds, by Newton's method on standardised scores.

    Args:
        scores: [C] of all comparisons.
        same: [C] which are mated.
        weights: [C], 1 in all for each kind.
        start: slope and intercept to begin with.

    Raises:
        ValueError: if it does not converge, which only (nearly) separated scores bring about.
    """
    middle, spread = scores.mean(), scores.std()
    design = np.column_stack([(scores - middle) / spread, np.ones(len(scores))])
    line = np.log(10) * np.array([start[0] * spread, start[1] + start[0] * middle])
    cost = np.inf
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
