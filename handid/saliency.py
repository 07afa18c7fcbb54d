"""Where the similarity of two photographs comes from, and whether that map means anything.

Works through a method's one door, photographs in and embeddings out; knows no network and no file.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

CELLS, WINDOW = 8, 3  # a map's cells a side, and the cells a side that one window hides
JUDGED = 7  # cells a side of the deletion, and its steps: no border of theirs is one of the map's
Embed = Callable[[np.ndarray], np.ndarray]  # [N, H, W, 3] uint8 -> [N, D]


@dataclass(frozen=True)
class Explanation:
    """One query and its match.

    Attributes:
        query_map: [CELLS, CELLS], see `occlusion_map`.
        match_map: the same of the match, with the parts exchanged.
        curves: similarity after each share of the query is removed, by what gives the order:
            "map" [1, S], "untrained" [1, S] (a network's map that has learned nothing), "random"
            [R, S].
    """

    query_map: np.ndarray
    match_map: np.ndarray
    curves: dict[str, np.ndarray]


@dataclass(frozen=True)
class Maps:
    """Where the similarity of queries and their matches comes from.

    Attributes:
        queries: a picture a query, as the method sees it.
        matches: its best right match.
        labels: of each match, its rank and similarity.
        found: the maps and the deletion curves of each pair.
    """

    queries: list[np.ndarray]
    matches: list[np.ndarray]
    labels: list[str]
    found: list[Explanation]

    @property
    def curves(self) -> dict[str, np.ndarray]:
        """By what gives the order of removal: [R, S] similarities, means over the queries."""
        names = self.found[0].curves
        return {name: np.mean([one.curves[name] for one in self.found], axis=0) for name in names}

    @property
    def areas(self) -> pd.DataFrame:
        """Area below each deletion curve: a row a query, order ("map", ...) and draw of it."""
        rows = [
            {"query": query, "order": name, "draw": draw, "area": size}
            for query, one in enumerate(self.found)
            for name, curves in one.curves.items()
            for draw, size in enumerate(area(curves))
        ]
        return pd.DataFrame(rows)

    @property
    def words(self) -> str:
        """The figure in words."""
        means = {name: area(curves).mean() for name, curves in self.curves.items()}
        shown = ", ".join(f"{name} {mean:.2f}" for name, mean in means.items())
        return f"{len(self.found)} queries and their matches with maps; deletion areas: {shown}."


def explain(
    embed: Embed,
    untrained: Embed,
    query: np.ndarray,
    match: np.ndarray,
    *,
    orders: int = 19,
    seed: int = 0,
) -> Explanation:
    """Maps of a pair, and the deletion curves of the query's map beside those it has to beat.

    Random orders are the first control. A map need only find the hand to beat them, and any
    network's does; hence the second, the map of the same network before it learned anything
    (Adebayo et al. 2018, Sanity checks for saliency maps).

    Args:
        embed: of the method.
        untrained: of the same method with random weights.
        query: [H, W, 3] uint8.
        match: the same of what the gallery answered.
        orders: how many random ones; 19 all worse than the map are chance once in 20.
        seed: of the random orders.

    Raises:
        ValueError: for no orders, or a picture too small to be cut.
    """
    if orders < 1:
        raise ValueError(f"orders={orders} must be at least 1.")
    rng = np.random.default_rng(seed)
    query_map = occlusion_map(embed, query, match)
    ranked = [order(query_map), order(occlusion_map(untrained, query, match))]
    ranked += [rng.permutation(JUDGED**2) for _ in range(orders)]
    found = deletion_curves(embed, query, match, np.stack(ranked))
    curves = {"map": found[:1], "untrained": found[1:2], "random": found[2:]}
    return Explanation(query_map, occlusion_map(embed, match, query), curves)


def occlusion_map(embed: Embed, picture: np.ndarray, other: np.ndarray) -> np.ndarray:
    """What hiding each place of a picture costs of its similarity to another.

    A window of 3 x 3 cells slides over the picture, a cell a step and half over its border, so that
    every cell is hidden 9 times. A cell's value is the mean loss of cosine over its windows.
    Source: Zeiler & Fergus 2014 (occlusion), with similarity in the place of a class as Dong et al.
    2019 (Explainability for content-based image retrieval). No gradient and no layer is asked for,
    hence it is the same for every method.

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

    A cell there has the mean of the map over its area; of equals the upper left goes first.
    """
    fine = np.kron(values, np.ones((JUDGED, JUDGED)))
    means = fine.reshape(JUDGED, CELLS, JUDGED, CELLS).mean((1, 3))
    return np.argsort(-means, axis=None, kind="stable")


def deletion_curves(
    embed: Embed, picture: np.ndarray, other: np.ndarray, orders: np.ndarray
) -> np.ndarray:
    """Similarity to another picture while one is removed, cell by cell, in given orders.

    Source: Petsiuk et al. 2018 (RISE), deletion. A map made by hiding places and judged by removing
    them is judged by its own kind of question. So that it is not by the same pictures, the cells
    are others and what is removed becomes background (the border's median), not mean colour; what
    remains in common is shared by the untrained network's map, which is why `explain` has it.

    Args:
        embed: [N, H, W, 3] uint8 -> [N, D].
        picture: [H, W, 3] uint8.
        other: [H, W, 3] uint8.
        orders: [R, JUDGED ** 2] cells, the first to go first.

    Returns:
        [R, JUDGED + 1] cosine after 0, 1/7, ... and all of the picture is removed.

    Raises:
        ValueError: if the picture has fewer pixels a side than cells.
    """
    turns = np.argsort(orders, axis=1)  # when each cell goes
    counts = np.arange(JUDGED + 1) * JUDGED
    removed = turns[:, None] < counts[:, None]  # [R, JUDGED + 1, JUDGED ** 2]
    # All orders begin and end alike: what is the same is embedded once.
    views, which = np.unique(removed.reshape(-1, JUDGED**2), axis=0, return_inverse=True)
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    views = _filled(picture, views.reshape(-1, JUDGED, JUDGED), np.median(border, axis=0))
    return _similarities(embed, views, other)[which.ravel()].reshape(len(orders), -1)


def area(curves: np.ndarray) -> np.ndarray:
    """[..., S] similarities at evenly spaced shares -> [...] area below: small if it falls fast."""
    return np.trapezoid(curves, dx=1 / (curves.shape[-1] - 1), axis=-1)


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
    found = np.asarray(embed(np.concatenate([views, other[None]])), dtype=np.float64)
    unit = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
    return unit[:-1] @ unit[-1]
