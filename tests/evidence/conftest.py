"""What the tests of the room share: scores of simulated people, from their embeddings."""

from itertools import combinations

import numpy as np
import pytest


def compare(rng, n_people, images=4, width=24, noise=0.75):
    """Cosine similarities of all pairs of photographs of simulated people.

    Returns:
        Scores and people of mated comparisons, scores and pairs of people of non-mated ones.
    """
    centres = rng.standard_normal((n_people, width))
    people = np.repeat(np.arange(n_people), images)
    shots = centres[people] + noise * rng.standard_normal((len(people), width))
    shots /= np.linalg.norm(shots, axis=1, keepdims=True)
    one, other = np.triu_indices(len(people), 1)
    scores, same = (shots[one] * shots[other]).sum(axis=1), people[one] == people[other]
    pairs = list(zip(people[one[~same]], people[other[~same]], strict=True))
    return scores[same], people[one[same]], scores[~same], pairs


@pytest.fixture
def simulated():
    """simulated(rng, n_people, ...): see compare."""
    return compare


@pytest.fixture
def overlapping(rng):
    """Scores of 40 mated and 300 non-mated comparisons, rounded, so that some are equal."""
    return np.round(rng.normal(1, 1, 40), 1), np.round(rng.normal(-1, 1, 300), 1)


@pytest.fixture
def pairs_of():
    """pairs_of(n): all pairs of n people."""
    return lambda n: list(combinations(range(n), 2))
