"""Where the similarity of two photographs comes from, and whether that map means anything.

It needs only a function from photographs to embeddings, and knows no network and no file.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from handid import given

CELLS, WINDOW = 8, 3  # cells per side of a map, and of the window that hides some of them
JUDGED = 7  # cells per side in the deletion, and its steps: no inner border is one of the map's
Embed = Callable[[np.ndarray], np.ndarray]  # [N, H, W, 3] uint8 -> [N, D]


@dataclass(frozen=True)
class Explanation:
    """One query and its match.

    Attributes:
        query_map: [CELLS, CELLS], see `occlusion_map`.
        match_map: the same of the match, with the parts exchanged.
        curves: similarity after each share of the query is removed, by the source of the order:
            "map" [1, S], "untrained" [1, S] (the map of a network with random weights), "random"
            [R, S].
    """

    query_map: np.ndarray
    match_map: np.ndarray
    curves: dict[str, np.ndarray]


@dataclass(frozen=True)
class Maps:
    """Where the similarity of queries and their matches comes from.

    Attributes:
        queries: one picture per query, as the method sees it.
        matches: the best right match of each.
        labels: rank and similarity of each match.
        found: the maps and the deletion curves of each pair.
    """

    queries: list[np.ndarray]
    matches: list[np.ndarray]
    labels: list[str]
    found: list[Explanation]

    @property
    def curves(self) -> dict[str, np.ndarray]:
        """By source of the order of removal: [R, S] similarities, means over the queries."""
        names = self.found[0].curves
        return {name: np.mean([pair.curves[name] for pair in self.found], axis=0) for name in names}

    @property
    def areas(self) -> pd.DataFrame:
        """Area below each deletion curve: one row per query, order ("map", ...) and draw."""
        rows = [
            {"query": query, "order": name, "draw": draw, "area": size}
            for query, pair in enumerate(self.found)
            for name, curves in pair.curves.items()
            for draw, size in enumerate(area(curves))
        ]
        return pd.DataFrame(rows)


def explain(
    embed: Embed,
    untrained: Embed,
    query: np.ndarray,
    match: np.ndarray,
    *,
    orders: int = 19,
    seed: int = 0,
) -> Explanation:
    """Maps of a pair, and the deletion curves of the query's map and of its controls.

    Random orders are the first control. Any map that finds the hand beats them, even that of an
    untrained network; hence the second, the map of the same network before it learned anything
    (Adebayo et al. 2018, Sanity checks for saliency maps).

    Args:
        embed: of the method.
        untrained: of the same method with random weights.
        query: [H, W, 3] uint8.
        match: the gallery's photograph, likewise.
        orders: number of random orders; all 19 are worse than the map by chance once in 20.
        seed: of the random orders, 0 or more.

    Raises:
        ValueError: for no orders, no such seed, or a picture too small to be cut.
    """
    given.whole("orders", orders, 1)
    given.whole("seed", seed, 0)
    rng = np.random.default_rng(seed)
    query_map = occlusion_map(embed, query, match)
    ranked = [order(query_map), order(occlusion_map(untrained, query, match))]
    ranked += [rng.permutation(JUDGED**2) for _ in range(orders)]
    rows = deletion_curves(embed, query, match, np.stack(ranked))
    curves = {"map": rows[:1], "untrained": rows[1:2], "random": rows[2:]}
    return Explanation(query_map, occlusion_map(embed, match, query), curves)


def occlusion_map(embed: Embed, picture: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How much similarity to another picture is lost when each place of a picture is hidden.

    A window of 3 x 3 cells slides over the picture in steps of a cell and across its border, so
    that every cell is hidden 9 times. A cell's value is the mean loss of cosine over its windows.
    Source: Zeiler & Fergus 2014 (occlusion), with similarity in the place of a class as Dong et al.
    2019 (Explainability for content-based image retrieval). It needs no gradient and no layer, and
    is therefore the same for every method.

    Args:
        embed: [N, H, W, 3] uint8 -> [N, D].
        picture: [H, W, 3] uint8; hidden places get its mean colour.
        other: [H, W, 3] uint8.

    Returns:
        [CELLS, CELLS] cosine lost, -2 to 2; negative where hiding makes the two more alike.

    Raises:
        ValueError: if the picture has fewer pixels a side than cells.
    """
    starts = np.arange(1 - WINDOW, CELLS)
    inside = (np.arange(CELLS) >= starts[:, None]) & (np.arange(CELLS) < starts[:, None] + WINDOW)
    hidden = inside[:, None, :, None] & inside[None, :, None, :]  # [10, 10, CELLS, CELLS]
    hidden = hidden.reshape(-1, CELLS, CELLS)
    colour = picture.mean((0, 1)).round()
    whole = np.zeros((1, CELLS, CELLS), dtype=bool)
    views = _filled(picture, np.concatenate([whole, hidden]), colour)
    similarity = _similarities(embed, views, other)
    return np.einsum("n,nyx->yx", similarity[0] - similarity[1:], hidden) / hidden.sum(0)


def order(values: np.ndarray) -> np.ndarray:
    """[CELLS, CELLS] map -> [JUDGED ** 2] cells of the deletion, largest value first.

    A cell there has the mean of the map over its area; among equals the upper left comes first.
    """
    fine = np.kron(values, np.ones((JUDGED, JUDGED)))
    means = fine.reshape(JUDGED, CELLS, JUDGED, CELLS).mean((1, 3))
    return np.argsort(-means, axis=None, kind="stable")


def deletion_curves(
    embed: Embed, picture: np.ndarray, other: np.ndarray, orders: np.ndarray
) -> np.ndarray:
    """Similarity to another picture while one is removed, cell by cell, in given orders.

    Source: Petsiuk et al. 2018 (RISE), deletion. A map that was computed by hiding places is tested
    here by removing them, which is a similar question. To use other pictures at least, the cells
    differ and what is removed becomes background (the border's median), not mean colour. What
    remains in common favours the untrained network's map as well, which is why `explain` has it.

    Args:
        embed: [N, H, W, 3] uint8 -> [N, D].
        picture: [H, W, 3] uint8.
        other: [H, W, 3] uint8.
        orders: [R, JUDGED ** 2] cells, in the order in which they are removed.

    Returns:
        [R, JUDGED + 1] cosine after 0, 1/7, ... and all of the picture is removed.

    Raises:
        ValueError: if the picture has fewer pixels a side than cells.
    """
    turns = np.argsort(orders, axis=1)  # when each cell is removed
    counts = np.arange(JUDGED + 1) * JUDGED
    removed = turns[:, None] < counts[:, None]  # [R, JUDGED + 1, JUDGED ** 2]
    # All orders begin and end alike: equal pictures are embedded once.
    views, which = np.unique(removed.reshape(-1, JUDGED**2), axis=0, return_inverse=True)
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    views = _filled(picture, views.reshape(-1, JUDGED, JUDGED), np.median(border, axis=0))
    return _similarities(embed, views, other)[which.ravel()].reshape(len(orders), -1)


def area(curves: np.ndarray) -> np.ndarray:
    """[..., S] similarities at evenly spaced shares -> [...] area below: small if it falls fast."""
    step = 1 / (curves.shape[-1] - 1)  # as np.trapezoid, which NumPy 1.26 lacks
    return (step * (curves[..., 1:] + curves[..., :-1]) / 2).sum(axis=-1)


def _filled(picture: np.ndarray, hidden: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """[H, W, 3] and [N, c, c] bool -> [N, H, W, 3]: the picture, each time with cells hidden."""
    cells = hidden.shape[-1]
    height, width = picture.shape[:2]
    if min(height, width) < cells:
        raise ValueError(f"A picture of {width} x {height} pixels has no {cells} x {cells} cells.")
    rows, columns = (np.arange(side) * cells // side for side in (height, width))
    hidden = hidden[:, rows[:, None], columns]  # [N, H, W]
    return np.where(hidden[..., None], colour.astype(np.uint8), picture)


def _similarities(embed: Embed, views: np.ndarray, other: np.ndarray) -> np.ndarray:
    """[N] cosines of views to another picture; 0 for an embedding of zeros, as in handid.metric."""
    embeddings = np.asarray(embed(np.concatenate([views, other[None]])), dtype=np.float64)
    unit = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
    return unit[:-1] @ unit[-1]
