"""Checks that all of the room share: lists of scores of mated and of non-mated comparisons."""

from collections.abc import Iterable

import numpy as np


def checked(scores: Iterable[float], name: str, *, failures: bool = False) -> np.ndarray:
    """[N] scores as float64.

    Args:
        scores: [N] similarities or log likelihood ratios; may be infinite.
        name: what they are, for the refusal.
        failures: whether NaN stands for a photograph that could not be decoded or compared.

    Raises:
        ValueError: if there is none, or one is NaN where that means nothing.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"There is no {name} score: give a list of at least one number.")
    if not failures and np.isnan(values).any():
        raise ValueError(f"{np.isnan(values).sum()} {name} scores are NaN: leave them out.")
    return values


def as_never(values: np.ndarray) -> np.ndarray:
    """Failures, NaN, as scores that no threshold accepts."""
    return np.where(np.isnan(values), -np.inf, values)
