"""Whose hand is it: questions against enrolled people, as candidates in order of similarity.

Vectors come in, with the name of the model that made them; it decodes and embeds nothing. No torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd

from handid import metric

BLOCK = 2**22  # similarities at a time, which bounds memory: 32 MB beside the vectors
COLUMNS = ("question", "rank", "candidate", "similarity", "photograph")


@dataclass(frozen=True)
class Embedded:
    """Photographs as vectors.

    Attributes:
        vectors: [N, D] of any length above 0.
        names: [N] whose hand it is, for enrolled photographs; what a question is called.
        model: a digest of all that made the vectors; only those of one model are compared.
    """

    vectors: np.ndarray
    names: Sequence[str]
    model: str

    def __post_init__(self) -> None:
        if np.ndim(self.vectors) != 2 or len(self.vectors) != len(self.names):
            raise ValueError(
                f"{len(self.names)} names for embeddings of shape {np.shape(self.vectors)}: give "
                "one row per name."
            )

    @property
    def unit(self) -> np.ndarray:
        """[N, D] of length 1, float64; refuses NaN and infinity."""
        return metric.unit_rows(self.vectors, "searched")


def candidates(questions: Embedded, enrolled: Embedded, top: int = 5) -> pd.DataFrame:
    """For each question the enrolled people who are most like it.

    A person's similarity is the mean cosine over the enrolled photographs: the best of many would
    grow with their number, and no threshold or calibration of single comparisons would hold for it.

    Args:
        questions: what is asked.
        enrolled: of two people or more, whose names come once per photograph.
        top: candidates per question; fewer where fewer people are enrolled.

    Returns:
        COLUMNS, a row per question and candidate, best first: number of the question, rank from 1,
        name, similarity in [-1, 1], and the number of that person's most similar photograph.
        People of equal similarity stand in the order of enrolment.

    Raises:
        ValueError: one sentence, for embeddings of two models, nothing to ask, fewer than two
            people, or top below 1.
    """
    people, codes = _people(questions, enrolled, top)
    gallery, asked = enrolled.unit, questions.unit
    by_person = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[by_person], prepend=-1))
    counts = np.bincount(codes)
    parts = []
    step = max(1, BLOCK // len(gallery))
    for first in range(0, len(asked), step):
        similarity = (asked[first : first + step] @ gallery.T)[:, by_person]
        means = np.add.reduceat(similarity, starts, axis=1) / counts
        best = np.argsort(-means, axis=1, kind="stable")[:, :top]
        for row, chosen in enumerate(best):
            for rank, code in enumerate(chosen, start=1):
                own = slice(starts[code], starts[code] + counts[code])
                nearest = by_person[own][similarity[row, own].argmax()]
                parts.append((first + row, rank, people[code], means[row, code], nearest))
    return pd.DataFrame(parts, columns=list(COLUMNS))


def loners(questions: Embedded, enrolled: Embedded) -> np.ndarray:
    """[Q] whether a question is farther from everyone than any enrolled photograph is from others.

    Such a question is perhaps no hand, or photographed quite differently. "Far" is the highest
    cosine to a photograph of anybody (for an enrolled photograph: of anybody else).

    Raises:
        ValueError: as `candidates`.
    """
    _, codes = _people(questions, enrolled, 1)
    gallery, asked = enrolled.unit, questions.unit
    nearest, among = np.empty(len(asked)), np.empty(len(gallery))
    step = max(1, BLOCK // len(gallery))
    for first in range(0, len(asked), step):
        nearest[first : first + step] = (asked[first : first + step] @ gallery.T).max(axis=1)
    for first in range(0, len(gallery), step):
        similarity = gallery[first : first + step] @ gallery.T
        similarity[codes[first : first + step, None] == codes] = -np.inf
        among[first : first + step] = similarity.max(axis=1)
    return nearest < among.min()


def _people(questions: Embedded, enrolled: Embedded, top: int) -> tuple[np.ndarray, np.ndarray]:
    """Names of the enrolled, in order of enrolment, and [G] the number of each photograph's."""
    if questions.model != enrolled.model:
        raise ValueError(
            "Questions and enrolled photographs were embedded by two models, whose similarities "
            "mean nothing: embed both with one."
        )
    if not len(questions.names):
        raise ValueError("There is no question: give at least one photograph to ask about.")
    if not isinstance(top, Integral) or top < 1:
        raise ValueError(f"top={top!r} shows nobody: use a whole number from 1.")
    codes, people = pd.factorize(np.asarray(enrolled.names, dtype=object))
    if (codes < 0).any():
        raise ValueError("An enrolled photograph has no name: say whose hand it shows.")
    if len(people) < 2:
        raise ValueError(
            f"{len(people)} enrolled {'person' if len(people) == 1 else 'people'}: a search needs "
            "two or more to choose from."
        )
    return np.asarray(people), codes
