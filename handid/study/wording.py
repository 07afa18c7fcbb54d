"""What the text of a trained method knows of the people it was trained with.

Words, similarities and retrieval from text to image, on training people: this tells what a text
branch learned, never how well strangers are recognised. Arrays in, tables out.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from handid import metric


@dataclass(frozen=True)
class Wording:
    """What the texts of some training identities say.

    Attributes:
        nearest: a row an identity and learned word: identity, place, and nearest: the vocabulary's
            nearest words with their cosine.
        similarity: [K, K] cosine between the texts of identities.
        rank1: share of texts whose nearest photograph is of their own identity, a fraction.
        low: of its 95 % interval over people.
        high: of the same.
        chance: what guessing reaches.
    """

    nearest: pd.DataFrame
    similarity: np.ndarray
    rank1: float
    low: float
    high: float
    chance: float

    @property
    def words(self) -> str:
        """The figure of similarities in words."""
        other = self.similarity[~np.eye(len(self.similarity), dtype=bool)]
        return (
            f"The texts of {len(self.similarity)} identities have a cosine of {other.mean():.3f} "
            f"with each other on average, {other.min():.3f} at least and {other.max():.3f} at most."
        )

    def answer(self, who: str) -> str:
        """Whether the texts tell the identities apart."""
        if self.low > self.chance:
            verdict = "the texts tell training people apart"
        else:
            verdict = "not above chance: the texts do not tell training people apart"
        return (
            f"**{who}**: {100 * self.rank1:.1f} % of the identities' texts have a photograph of "
            f"their own hand nearest (95 % interval {100 * self.low:.1f} to {100 * self.high:.1f}, "
            f"chance {100 * self.chance:.1f} %): {verdict}. {self.words}"
        )


def examine(
    texts: np.ndarray, images: np.ndarray, identities: list, subjects: list, nearest: pd.DataFrame
) -> Wording:
    """Judge one text an identity against one photograph an identity.

    Args:
        texts: [K, D] text features.
        images: [K, D] image features of the same identities in the same order, other photographs
            than any that a text was made from.
        identities: K names.
        subjects: K people, whom the interval resamples.
        nearest: see Wording.
    """
    result = metric.evaluate(texts, images, identities, identities)
    right = (result.per_query["first_hit"] == 1).to_numpy(float)
    low, high = metric.bootstrap(right, subjects)
    unit = texts / np.linalg.norm(texts, axis=1, keepdims=True)
    return Wording(nearest, unit @ unit.T, right.mean(), low, high, 1 / len(texts))
