"""Whose hand is it: questions against enrolled people, as candidates in order of similarity.

Vectors come in, with the name of the model that made them; it decodes and embeds nothing. No torch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd

from handid import given, metric
from handid.gallery import Gallery

BLOCK = 2**22  # similarities at a time, which bounds memory: 32 MB beside the vectors
NEAREST = 1000  # photographs of a gallery on disk whose people are compared
COLUMNS = ("question", "rank", "candidate", "similarity", "photograph")


@dataclass(frozen=True)
class Embedded:
    """Photographs as vectors.

    Attributes:
        vectors: [N, D] of any length; one of zeros is like nobody.
        names: [N] whose hand it is, for enrolled photographs; what a question is called.
        model: a digest of all that made the vectors; only those of one model are compared.
    """

    vectors: np.ndarray
    names: Sequence[str]
    model: str

    def __post_init__(self) -> None:
        if isinstance(self.names, str) or not hasattr(self.names, "__len__"):
            raise ValueError(f"The names are {given.shown(self.names)}: give one per row.")
        if np.ndim(self.vectors) != 2 or len(self.vectors) != len(self.names):
            raise ValueError(
                f"{len(self.names)} names for embeddings of shape {np.shape(self.vectors)}: give "
                "one row per name."
            )

    @property
    def unit(self) -> np.ndarray:
        """[N, D] of length 1 (zeros stay zeros), float64; refuses NaN and infinity."""
        return metric.unit_rows(self.vectors, "searched")


_refusing = given.guarded({Embedded: "embeddings with their names, as search.Embedded"})


@_refusing
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
        ValueError: one sentence, for embeddings of two models or widths, nothing to ask, fewer than
            two people, or no such top.
    """
    people, codes = _people(questions, enrolled, top)
    rows = _ranked(questions.unit, enrolled.unit, codes, top)
    parts = [(number, rank, people[code], *rest) for number, rank, code, *rest in rows]
    return pd.DataFrame(parts, columns=list(COLUMNS))


@_refusing
def among(
    questions: Embedded, enrolled: Gallery, names: Sequence[str], top: int = 5
) -> pd.DataFrame:
    """As `candidates`, in a gallery on disk of any size.

    The gallery names the NEAREST photographs of each question; all photographs of their people are
    then compared. Where it compares with every embedding, a person is missed only whose mean is at
    most the similarity of the last of those photographs.

    Args:
        questions: what is asked.
        enrolled: photographs of two people or more.
        names: of the people, once per photograph, in the order in which these were written.
        top: candidates per question.

    Raises:
        ValueError: as `candidates`, or for another number of names than of photographs.
    """
    known = Embedded(enrolled.vectors, names, enrolled.model)
    people, codes = _people(questions, known, top)
    by_person, counts = np.argsort(codes, kind="stable"), np.bincount(codes)
    starts = np.cumsum(counts) - counts
    parts = []
    found = enrolled.nearest(questions.vectors, NEAREST).places
    for number, (asked, places) in enumerate(zip(questions.unit, found, strict=True)):
        named = np.unique(codes[places[places >= 0]])
        own = [by_person[starts[code] : starts[code] + counts[code]] for code in named]
        rows = np.concatenate(own)
        alike = np.repeat(np.arange(len(named)), list(map(len, own)))
        gallery = metric.unit_rows(enrolled.vectors[rows], "searched")
        for _, rank, code, mean, nearest in _ranked(asked[None], gallery, alike, top):
            parts.append((number, rank, people[named[code]], mean, rows[nearest]))
    return pd.DataFrame(parts, columns=list(COLUMNS))


def _ranked(
    asked: np.ndarray, gallery: np.ndarray, codes: np.ndarray, top: int
) -> Iterator[tuple[int, int, int, float, int]]:
    """Number of a question, rank, person's code, mean similarity, and nearest photograph.

    Args:
        asked: [Q, D] of length 1.
        gallery: [G, D] of length 1.
        codes: [G] whose each is, 0 to K - 1.
        top: people per question.
    """
    by_person = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[by_person], prepend=-1))
    counts = np.bincount(codes)
    step = max(1, BLOCK // len(gallery))
    for first in range(0, len(asked), step):
        similarity = (asked[first : first + step] @ gallery.T)[:, by_person]
        means = np.add.reduceat(similarity, starts, axis=1) / counts
        best = np.argsort(-means, axis=1, kind="stable")[:, :top]
        for row, chosen in enumerate(best):
            for rank, code in enumerate(chosen, start=1):
                own = slice(starts[code], starts[code] + counts[code])
                nearest = by_person[own][similarity[row, own].argmax()]
                yield first + row, rank, code, means[row, code], nearest


@_refusing
def loners(questions: Embedded, enrolled: Embedded) -> np.ndarray:
    """[Q] whether a question is farther from everyone than any enrolled photograph is from others.

    Such a question is perhaps no hand, or photographed quite differently. "Far" is the highest
    cosine to a photograph of anybody (for an enrolled photograph: of anybody else).

    Raises:
        ValueError: as `candidates`.
    """
    _, codes = _people(questions, enrolled, 1)
    gallery, asked = enrolled.unit, questions.unit
    nearest, others = np.empty(len(asked)), np.empty(len(gallery))
    step = max(1, BLOCK // len(gallery))
    for first in range(0, len(asked), step):
        nearest[first : first + step] = (asked[first : first + step] @ gallery.T).max(axis=1)
    for first in range(0, len(gallery), step):
        similarity = gallery[first : first + step] @ gallery.T
        similarity[codes[first : first + step, None] == codes] = -np.inf
        others[first : first + step] = similarity.max(axis=1)
    return nearest < others.min()


def _people(questions: Embedded, enrolled: Embedded, top: int) -> tuple[np.ndarray, np.ndarray]:
    """Names of the enrolled, in order of enrolment, and [G] the number of each photograph's."""
    if questions.model != enrolled.model:
        raise ValueError(
            "Questions and enrolled photographs were embedded by two models, whose similarities "
            "mean nothing: embed both with one."
        )
    if not len(questions.names):
        raise ValueError("There is no question: give at least one photograph to ask about.")
    widths = [np.shape(each.vectors)[1] for each in (questions, enrolled)]
    if widths[0] != widths[1]:
        raise ValueError(
            f"Questions have {widths[0]} numbers and enrolled photographs {widths[1]}: embed both "
            "with one model."
        )
    if isinstance(top, bool) or not isinstance(top, Integral) or top < 1:
        raise ValueError(f"top={top} shows nobody: use a whole number from 1.")
    codes, people = pd.factorize(np.asarray(enrolled.names, dtype=object))
    if (codes < 0).any():
        raise ValueError("An enrolled photograph has no name: say whose hand it shows.")
    if len(people) < 2:
        raise ValueError(
            f"{len(people)} enrolled {'person' if len(people) == 1 else 'people'}: a search needs "
            "two or more to choose from."
        )
    return np.asarray(people), codes
