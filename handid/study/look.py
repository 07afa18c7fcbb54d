"""Pictures of what an experiment answers, and of where its similarities come from."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from handid import given, method, saliency
from handid.study import network as networks
from handid.study.experiment import Experiment
from handid.study.photographs import GREY, Photographs
from handid.study.score import ranking
from handid.train import Engine

Match = tuple[np.ndarray, bool, float]  # picture, whether it is right, similarity


@dataclass(frozen=True)
class Matches:
    """Pictures of queries and of what the gallery answered.

    Attributes:
        queries: a picture per query.
        matches: for each query its best matches in order of rank.
        labels: a short name per query.
    """

    queries: list[np.ndarray]
    matches: list[list[Match]]
    labels: list[str]


def matches(
    experiment: Experiment,
    photographs: Photographs,
    engine: Engine,
    *,
    queries: int,
    top: int,
    show: bool,
) -> Matches:
    """Some queries of the first run with their best matches; half of them wrong at rank 1.

    Args:
        experiment: whose embeddings rank.
        photographs: of the study.
        engine: device and precision.
        queries: how many; more of one kind where there are fewer of the other.
        top: matches per query.
        show: False puts a grey square in the place of every photograph.

    Raises:
        ValueError: if queries or top is no whole number from 1.
    """
    queries, top = given.whole("queries", queries, 1), given.whole("top", top, 1)
    ranked = ranking(experiment, photographs, engine)
    same = ranked.same[:, :top]
    mixed = np.random.default_rng(0).permutation(len(ranked.query))
    wrong, right = mixed[~same[mixed, 0]], mixed[same[mixed, 0]]
    n_right = min(len(right), queries - min(len(wrong), queries // 2))
    chosen = [*wrong[: queries - n_right], *right[:n_right]]
    answers = [
        photographs.pictures(ranked.gallery["path"].iloc[ranked.best[q, :top]], show)
        for q in chosen
    ]
    return Matches(
        list(photographs.pictures(ranked.query["path"].iloc[chosen], show)),
        [
            list(zip(pictures, same[q].tolist(), ranked.similarity[q, :top].tolist(), strict=True))
            for q, pictures in zip(chosen, answers, strict=True)
        ],
        [f"query {number} of {len(chosen)}" for number in range(1, len(chosen) + 1)],
    )


def similarity_maps(
    experiment: Experiment,
    photographs: Photographs,
    engine: Engine,
    *,
    queries: int,
    orders: int,
    show: bool,
) -> saliency.Maps:
    """Where the similarity of some queries of the first run to their best right match is.

    Queries that are answered right come first; see saliency.explain for maps and controls.

    Args:
        experiment: whose embeddings are compared.
        photographs: of the study.
        engine: device and precision.
        queries: how many.
        orders: random orders of removal per query.
        show: False puts a grey square in the place of every photograph.

    Raises:
        ValueError: if queries or orders is no whole number from 1.
    """
    queries, orders = given.whole("queries", queries, 1), given.whole("orders", orders, 1)
    ranked = ranking(experiment, photographs, engine)
    ranks = ranked.same.argmax(axis=1)  # of the best right match, from 0
    mixed = np.random.default_rng(0).permutation(len(ranked.query))
    chosen = mixed[np.argsort(ranks[mixed] > 0, kind="stable")][:queries]
    answers = ranked.best[chosen, ranks[chosen]]
    asked, answered = (
        networks.images(experiment, rows, photographs)
        for rows in (ranked.query.iloc[chosen], ranked.gallery.iloc[answers])
    )
    trained, untrained = (
        partial(networks.embed_images, experiment, network, engine=engine)
        for network in _with_random(experiment, engine)
    )
    explanations = [
        saliency.explain(trained, untrained, query, match, orders=orders, seed=number)
        for number, (query, match) in enumerate(zip(asked, answered, strict=True))
    ]
    labels = [f"match, rank {ranks[q] + 1}  {ranked.similarity[q, ranks[q]]:.2f}" for q in chosen]
    if not show:
        asked, answered = (np.full_like(pictures, GREY) for pictures in (asked, answered))
    return saliency.Maps(list(asked), list(answered), labels, explanations)


def _with_random(experiment: Experiment, engine: Engine) -> tuple[method.Method, method.Method]:
    """The experiment's method, and the same one with random weights throughout."""
    # No embedding depends on how many identities a classifier knows.
    blank = replace(experiment, weights="random", n_identities=2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(experiment.seed)
        untrained = networks.build(blank)
    engine.place(untrained)
    return networks.load(experiment, engine), untrained


def sample(
    name: str, photographs: Photographs, people: int, show: bool
) -> tuple[list[np.ndarray], list[str]]:
    """Photographs of a few people of a data set, a row per view and a column per person.

    Returns:
        Pictures (white where a person has none) and the view of each.

    Raises:
        ValueError: if people is no whole number from 1.
    """
    people = given.whole("people", people, 1)
    table = photographs.table(name).query("role == 'subject'")
    n_views = table.groupby("subject")["view"].nunique()
    chosen = n_views.sort_values(ascending=False, kind="stable").index[:people]
    first = table[table["subject"].isin(chosen)].drop_duplicates(["subject", "view"])
    grid = first.pivot(index="view", columns="subject", values="path")
    pictures = dict(zip(first["path"], photographs.pictures(first["path"], show), strict=True))
    white = np.full_like(next(iter(pictures.values())), 255)
    labels = [view for view in grid.index for _ in grid.columns]
    return [pictures.get(path, white) for path in grid.to_numpy().ravel()], labels
