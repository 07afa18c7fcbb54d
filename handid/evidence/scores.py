"""What all of the room share: comparisons of people, and checks of lists of scores."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from handid import given


class Comparisons(NamedTuple):
    """Comparisons of photographs, none with itself; NaN for one that could not be decoded.

    Attributes:
        mated: [M] scores of the same hand (or of the same person's hands, as the task asks).
        people: [M] whose, whole numbers.
        nonmated: [N] scores of different people's hands.
        pairs: [N, 2] whose, the smaller number first.
    """

    mated: np.ndarray
    people: np.ndarray
    nonmated: np.ndarray
    pairs: np.ndarray


def checked(scores: Iterable[float], name: str, *, failures: bool = False) -> np.ndarray:
    """[N] scores as float64.

    Args:
        scores: [N] similarities or log likelihood ratios; may be infinite.
        name: what they are, for the refusal.
        failures: whether NaN stands for a photograph that could not be decoded or compared.

    Raises:
        ValueError: if they are no numbers, there is none, or one is NaN where that means nothing.
    """
    values = given.numbers(scores, f"{name} scores")
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"There is no {name} score: give a list of at least one number.")
    if not failures and np.isnan(values).any():
        raise ValueError(f"{np.isnan(values).sum()} {name} scores are NaN: leave them out.")
    return values


def as_never(values: np.ndarray) -> np.ndarray:
    """Failures, NaN, as scores that no threshold accepts."""
    return np.where(np.isnan(values), -np.inf, values)
