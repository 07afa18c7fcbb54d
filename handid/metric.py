"""From similarities to ranks: cumulative match characteristic and two average precisions.

It neither embeds images nor draws splits nor plots; it needs numpy and pandas and no torch.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from handid import given

DECIMALS = 12  # so many equal decimals are a tie: rounding parts equal embeddings by about 1e-16
BLOCK = 2**22  # similarities at a time, which bounds memory: 36 MB beside the embeddings
FEW = 8  # matches of a query up to which a count for each is faster than one search for all


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
        k = given.whole("rank", k, 1)
        return float(self.cmc[min(k, len(self.cmc)) - 1])

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
    query, gallery = _units(query, gallery)
    names = given.ids(query_ids, len(query), "query")
    query_codes, gallery_codes = _codes(names, given.ids(gallery_ids, len(gallery), "gallery"))
    scores = _scores(query, gallery, query_codes, gallery_codes)
    first_hit = scores[0].astype(np.int64)
    per_query = pd.DataFrame(
        {"identity": names, "first_hit": first_hit, "ap": scores[1], "ap_trapezoid": scores[2]}
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
    query, gallery = _units(query, gallery)
    names = given.ids(query_ids, len(query), "query")
    query_codes, gallery_codes = _codes(names, given.ids(gallery_ids, len(gallery), "gallery"))
    similarity = query @ gallery.T
    match = query_codes[:, None] == gallery_codes[None, :]
    # By similarity; of equals, matches last.
    order = np.lexsort((match, -np.round(similarity, DECIMALS)))
    return order, np.take_along_axis(similarity, order, axis=1)


def _scores(
    query: np.ndarray, gallery: np.ndarray, query_codes: np.ndarray, gallery_codes: np.ndarray
) -> np.ndarray:
    """First hit, standard AP and trapezoid AP, [3, Q], from unit embeddings [Q, D] and [G, D]."""
    by_code = np.argsort(gallery_codes, kind="stable")
    n_images = np.bincount(gallery_codes)
    starts = np.cumsum(n_images) - n_images
    scores = np.empty((3, len(query)))
    step = max(1, BLOCK // len(gallery))
    for first in range(0, len(query), step):
        codes = query_codes[first : first + step]
        similarity = query[first : first + step] @ gallery.T
        for n in np.unique(n_images[codes]):
            rows = np.flatnonzero(n_images[codes] == n)
            matches = by_code[starts[codes[rows], None] + np.arange(n)]
            block = similarity if len(rows) == len(codes) else similarity[rows]
            scores[:, first + rows] = _score(_ranks(block, matches))
    return scores


def _ranks(similarity: np.ndarray, matches: np.ndarray) -> np.ndarray:
    """Ranks of each query's matches, [Q, n] ascending, without a sort of the gallery.

    A match's rank is one plus the matches before it plus the others that are at least as similar.

    Args:
        similarity: [Q, G]; its entries of matches are overwritten.
        matches: [Q, n] positions of each query's matches in the gallery.
    """
    rows, n = np.arange(len(similarity))[:, None], matches.shape[1]
    bounds = np.sort(_least_tie(similarity[rows, matches]), axis=1)  # the best match is last
    similarity[rows, matches] = -np.inf
    if n <= FEW:
        counts = [np.count_nonzero(similarity >= bound[:, None], axis=1) for bound in bounds.T]
        others = np.stack(counts[::-1], axis=1)
    else:
        n_met = map(partial(np.searchsorted, side="right"), bounds, similarity)
        others = np.stack([np.bincount(met, minlength=n + 1)[:0:-1].cumsum() for met in n_met])
    return others + np.arange(1, n + 1)


def _least_tie(similarity: np.ndarray) -> np.ndarray:
    """The least number that rounds to at least as much, so that one comparison needs no rounding.

    numpy.round multiplies, takes the nearest whole number (of two, the even one) and divides; the
    bound lies half a unit below that number, give or take two neighbours in float64.
    """
    unit = 10.0**DECIMALS
    whole = np.rint(similarity * unit)
    bound = np.nextafter(np.nextafter((whole - 0.5) / unit, -np.inf), -np.inf)
    for _ in range(4):
        bound = np.where(np.rint(bound * unit) < whole, np.nextafter(bound, np.inf), bound)
    return bound


def _score(ranks: np.ndarray) -> np.ndarray:
    """First hit, standard AP and trapezoid AP, [3, Q], from the ranks [Q, n] of the matches."""
    so_far = np.arange(1, ranks.shape[1] + 1)
    precision = so_far / ranks
    earlier = np.ones_like(precision)  # one rank before a match; 1 before rank 1
    np.divide(so_far - 1, ranks - 1, out=earlier, where=ranks > 1)
    ap_trapezoid = (precision + earlier).sum(axis=1) / 2 / ranks.shape[1]
    return np.stack([ranks[:, 0], precision.mean(axis=1), ap_trapezoid])


def unit_rows(embeddings: Any, name: str) -> np.ndarray:
    """Rows of length 1 in float64, [N, D]; zero rows stay zero.

    Args:
        embeddings: [N, D] of any length; array, nested list or CPU tensor.
        name: what they are, for a refusal.

    Raises:
        ValueError: one sentence, if it is no table of finite numbers.
    """
    rows = given.table(embeddings)
    if rows is None:
        raise ValueError(f"{name} embeddings are not a table of numbers in main memory")
    if rows.ndim != 2 or 0 in rows.shape:
        raise ValueError(
            f"{name} embeddings have shape {rows.shape}: expected (images, numbers), none of them 0"
        )
    largest = np.maximum(rows.max(axis=1, keepdims=True), -rows.min(axis=1, keepdims=True))
    if not np.isfinite(largest).all():
        row = int((~np.isfinite(largest)).argmax())
        raise ValueError(
            f"{name} embedding {row} is NaN or infinite: lower the learning rate of the training "
            "that made this network, or use precision fp32; its weights may also be damaged"
        )
    # The largest number is divided out first, so that no square overflows or vanishes.
    rows = rows / np.where(largest == 0, 1, largest)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, np.where(length == 0, 1, length), out=rows)


def _units(query: Any, gallery: Any) -> tuple[np.ndarray, np.ndarray]:
    """Both as rows of length 1; refuses what cannot be compared."""
    query, gallery = unit_rows(query, "query"), unit_rows(gallery, "gallery")
    if query.shape[1] != gallery.shape[1]:
        raise ValueError(
            f"query embeddings have {query.shape[1]} numbers and gallery ones {gallery.shape[1]}: "
            "use one encoder for both"
        )
    return query, gallery


def _codes(query_ids, gallery_ids):
    """Whole numbers instead of ids, [Q] and [G]; refuses a query without a match."""
    code_of = given.codes(gallery_ids)
    try:
        return tuple(np.array([code_of[i] for i in ids]) for ids in (query_ids, gallery_ids))
    except (KeyError, TypeError):
        given.codes(query_ids)  # refuses what can be no id
    lost = [identity for identity in query_ids if identity not in code_of]
    raise ValueError(
        f"{len(lost)} of {len(query_ids)} queries have no match in the gallery, "
        f"the first is {lost[0]!r}: add an image of that identity or leave the query out"
    )
