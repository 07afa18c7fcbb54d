"""From similarities to ranks: cumulative match characteristic and two average precisions.

It neither embeds images nor draws splits nor plots; it needs numpy and pandas and no torch.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd

DECIMALS = 12  # so many equal decimals are a tie: rounding parts equal embeddings by about 1e-16
BLOCK = 1024  # queries ranked at a time, which bounds memory: 100 MB at 1,600 gallery images


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` returns: one row per query, and the curve over all of them.

    Attributes:
        per_query: [Q rows] `identity`; `first_hit`, the rank of its first match, 1 is best; `ap`
            and `ap_trapezoid` in (0, 1].
        cmc: [G] share of queries whose first match is at rank 1, 2, ... G; in [0, 1], never falls,
            ends at 1.
    """

    per_query: pd.DataFrame
    cmc: np.ndarray

    def rank(self, k: int) -> float:
        """Share of queries, in [0, 1], with a match among their first k; 1 beyond the gallery.

        Args:
            k: 1 or more.

        Raises:
            ValueError: if k is not a whole number of 1 or more.
        """
        if not isinstance(k, Integral) or k < 1:
            raise ValueError(f"rank {k} does not exist: ask for a whole number from 1")
        return float(self.cmc[min(int(k), len(self.cmc)) - 1])

    @property
    def mAP(self) -> float:
        """Mean over queries of the standard average precision, in (0, 1]."""
        return float(self.per_query["ap"].mean())

    @property
    def mAP_trapezoid(self) -> float:
        """Mean over queries of the trapezoid average precision, in (0, 1]."""
        return float(self.per_query["ap_trapezoid"].mean())


def evaluate(
    query: np.ndarray,
    gallery: np.ndarray,
    query_ids: Iterable[Hashable],
    gallery_ids: Iterable[Hashable],
) -> Evaluation:
    """Rank the gallery for each query by cosine similarity and score the ranks.

    Ties (equal to 12 decimals) count against us: at equal similarity, images of others rank before
    matches. A zero embedding has similarity 0 to all. Standard AP: mean over matches of the
    precision at their rank, as scikit-learn's average_precision_score. Trapezoid AP: mean over
    matches of half the precision at their rank plus half the precision one rank earlier (1 before
    rank 1): with one match, 1 at rank 1 and 0.5 / rank below. Source: CLIP-HandID and
    MBA-Net, evaluation_metrics.py, after layumi's baseline.

    Args:
        query: [Q, D] embeddings of any length; array, nested list or CPU tensor.
        gallery: [G, D] embeddings.
        query_ids: [Q] identities of any hashable type.
        gallery_ids: [G] identities; several images may share one.

    Returns:
        An Evaluation; every mean is over all Q queries.

    Raises:
        ValueError: if shapes or lengths do not fit, a set is empty, an embedding is NaN or
            infinite, or a query's identity is not in the gallery.
    """
    query, gallery = _unit_rows(query, "query"), _unit_rows(gallery, "gallery")
    if query.shape[1] != gallery.shape[1]:
        raise ValueError(
            f"query embeddings have {query.shape[1]} numbers and gallery ones {gallery.shape[1]}: "
            "use one encoder for both"
        )
    names = _as_list(query_ids, len(query), "query")
    query_codes, gallery_codes = _codes(names, _as_list(gallery_ids, len(gallery), "gallery"))
    blocks = [slice(start, start + BLOCK) for start in range(0, len(query), BLOCK)]
    scores = [
        _score(query[block] @ gallery.T, query_codes[block], gallery_codes) for block in blocks
    ]
    first_hit, ap, ap_trapezoid = (np.concatenate(column) for column in zip(*scores, strict=True))
    per_query = pd.DataFrame(
        {"identity": names, "first_hit": first_hit, "ap": ap, "ap_trapezoid": ap_trapezoid}
    )
    cmc = np.cumsum(np.bincount(first_hit - 1, minlength=len(gallery))) / len(query)
    return Evaluation(per_query, cmc)


def ranking(
    query: np.ndarray,
    gallery: np.ndarray,
    query_ids: Iterable[Hashable],
    gallery_ids: Iterable[Hashable],
) -> tuple[np.ndarray, np.ndarray]:
    """The order in which `evaluate` ranks the gallery, ties against us, to show its answers.

    Args:
        query: as of `evaluate`, and so are the others.
        gallery: [G, D].
        query_ids: [Q].
        gallery_ids: [G].

    Returns:
        [Q, G] positions in the gallery, best first, and [Q, G] their cosine similarities.

    Raises:
        ValueError: as `evaluate`.
    """
    query, gallery = _unit_rows(query, "query"), _unit_rows(gallery, "gallery")
    names = _as_list(query_ids, len(query), "query")
    query_codes, gallery_codes = _codes(names, _as_list(gallery_ids, len(gallery), "gallery"))
    similarity = query @ gallery.T
    order, _ = _order(similarity, query_codes, gallery_codes)
    return order, np.take_along_axis(similarity, order, axis=1)


def _order(
    similarity: np.ndarray, query_codes: np.ndarray, gallery_codes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Ranks of the gallery and where it matches, [Q, G] each, from similarities [Q, G]."""
    match = query_codes[:, None] == gallery_codes[None, :]
    # By similarity; of equals, matches last.
    return np.lexsort((match, -np.round(similarity, DECIMALS))), match


def _score(
    similarity: np.ndarray, query_codes: np.ndarray, gallery_codes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First hit, standard AP and trapezoid AP, [Q] each, from similarities [Q, G]."""
    order, match = _order(similarity, query_codes, gallery_codes)
    hits = np.take_along_axis(match, order, axis=1)
    so_far = hits.cumsum(axis=1)  # matches down to each rank
    ranks = np.arange(1, hits.shape[1] + 1)
    n_matches = so_far[:, -1]
    precision = so_far / ranks
    earlier = np.ones_like(precision)  # at a hit, the precision one rank earlier; 1 before rank 1
    earlier[:, 1:] = (so_far[:, 1:] - 1) / ranks[:-1]
    ap = (hits * precision).sum(axis=1) / n_matches
    ap_trapezoid = (hits * (precision + earlier)).sum(axis=1) / 2 / n_matches
    return hits.argmax(axis=1) + 1, ap, ap_trapezoid


def _unit_rows(embeddings, name):
    """Rows of length 1 in float64, [N, D]; zero rows stay zero."""
    if hasattr(embeddings, "detach"):
        embeddings = embeddings.detach().double()  # numpy has no bfloat16
    try:
        rows = np.asarray(embeddings, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} embeddings are not a table of numbers in main memory") from error
    if rows.ndim != 2 or 0 in rows.shape:
        raise ValueError(
            f"{name} embeddings have shape {rows.shape}: expected (images, numbers), none of them 0"
        )
    if not np.isfinite(rows).all():
        row = int((~np.isfinite(rows)).any(axis=1).argmax())
        raise ValueError(
            f"{name} embedding {row} is NaN or infinite: lower the learning rate of the training "
            "that made this network, or use precision fp32; its weights may also be damaged"
        )
    # The largest number is divided out first, so that no square overflows or vanishes.
    largest = np.abs(rows).max(axis=1, keepdims=True)
    rows = rows / np.where(largest == 0, 1, largest)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(length == 0, 1, length)


def _as_list(ids, expected, name):
    """Ids as plain Python values (a tensor's own elements would be unequal to each other)."""
    ids = ids.tolist() if hasattr(ids, "tolist") else list(ids)
    ids = [value.item() if hasattr(value, "item") else value for value in ids]
    if len(ids) != expected:
        raise ValueError(f"{len(ids)} ids for {expected} {name} rows: give one id per row")
    return ids


def _codes(query_ids, gallery_ids):
    """Whole numbers instead of ids, [Q] and [G]; refuses a query without a match."""
    try:
        code_of = {identity: code for code, identity in enumerate(dict.fromkeys(gallery_ids))}
        lost = [identity for identity in query_ids if identity not in code_of]
    except TypeError as error:
        raise ValueError("ids must be hashable, such as whole numbers, texts or tuples") from error
    if lost:
        raise ValueError(
            f"{len(lost)} of {len(query_ids)} queries have no match in the gallery, "
            f"the first is {lost[0]!r}: add an image of that identity or leave the query out"
        )
    return np.array([code_of[i] for i in query_ids]), np.array([code_of[i] for i in gallery_ids])
