"""From an experiment to its figures on a target's test people, every image embedded once."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from handid import metric, protocol, statistics, tasks
from handid.data.sets import Target
from handid.image.alter import WHOLE
from handid.report.rows import COLUMNS, METRICS, Score
from handid.study import altered
from handid.study import network as networks
from handid.study.experiment import Experiment
from handid.study.photographs import Photographs, positions
from handid.train import Engine

Splits = list[tuple[pd.DataFrame, pd.DataFrame]]


class Ranking(NamedTuple):
    """The first run of a target, ranked by an experiment.

    Attributes:
        query: [Q rows] of the table.
        gallery: [G rows] of the table.
        best: [Q, G] places in the gallery, best first.
        similarity: [Q, G] cosines in that order.
        same: [Q, G] whether the identity is the query's.
    """

    query: pd.DataFrame
    gallery: pd.DataFrame
    best: np.ndarray
    similarity: np.ndarray
    same: np.ndarray


def score(
    experiment: Experiment,
    target: Target,
    photographs: Photographs,
    engine: Engine,
    *,
    task: str = tasks.PAPERS,
    image: str = WHOLE,
) -> Score:
    """Evaluate an experiment on a target's test people.

    Args:
        experiment: what to evaluate.
        target: whose test people.
        photographs: of the study.
        engine: device and precision.
        task: which query is to find which photograph, a key of tasks.TASKS.
        image: what is made of the photographs, see image.alter.Alteration.

    Raises:
        ValueError: one sentence, if the task or image is unknown or this set cannot show it.
    """
    table, splits = photographs.table(target.set), _splits(target, photographs, task, image)
    about = _about(experiment, target, splits) | {"synthetic": photographs.is_synthetic(target)}
    about |= {"task": task, "image": image, "mirror": experiment.recipe.flip_average}
    embed = partial(_embeddings, experiment, table, photographs, engine, image)
    query_vectors, gallery_vectors = _vectors(embed, splits, tasks.TASKS[task].mirrored)
    match = tasks.TASKS[task].match
    parts, curves = [], []
    for run, (query, gallery) in enumerate(splits):
        result = metric.evaluate(
            query_vectors[positions(table, query)],
            gallery_vectors[positions(table, gallery)],
            query[match],
            gallery[match],
        )
        asked = query[["path", "subject"]].reset_index(drop=True).assign(run=run)
        parts.append(pd.concat([asked, result.per_query], axis=1))
        curves.append(result.cmc)
    per_query = pd.concat(parts, ignore_index=True)
    return Score(_rows(about, per_query), per_query, np.mean(curves, axis=0))


def _splits(target: Target, photographs: Photographs, task: str, image: str) -> Splits:
    """Query and gallery of each run, without photographs that `image` cannot be made of."""
    view, runs = photographs.view(target), photographs.settings.runs
    drawn = tasks.draws(photographs.table(target.set), view, task, runs)
    return altered.trusted(drawn, tasks.TASKS[task].match, photographs, image)


def _vectors(
    embed: Callable[..., np.ndarray], splits: Splits, mirrored: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of a table's rows as queries and as gallery: the same if nothing is mirrored."""
    queries, galleries = ([split[part] for split in splits] for part in (0, 1))
    if not mirrored:
        both = embed([*queries, *galleries])
        return both, both
    return embed(queries), embed(galleries, mirrored=True)


def _embeddings(  # noqa: PLR0913 - what is embedded, by what, and how
    experiment: Experiment,
    table: pd.DataFrame,
    photographs: Photographs,
    engine: Engine,
    image: str,
    parts: Sequence[pd.DataFrame],
    *,
    mirrored: bool = False,
) -> np.ndarray:
    """[rows of the table, D]; rows that are in no part are NaN, so that a slip shows at once."""
    used = sorted({i for rows in parts for i in positions(table, rows)})
    rows = table.iloc[used]
    part = networks.embed_rows(experiment, rows, photographs, engine, image, mirrored=mirrored)
    embeddings = np.full((len(table), part.shape[1]), np.nan, dtype=np.float32)
    embeddings[used] = part
    return embeddings


def _about(experiment: Experiment, target: Target, splits: Splits) -> dict[str, object]:
    """What the rows of a score have in common."""
    query, gallery = splits[0]
    return {
        "system": experiment.system.key,
        "method": experiment.title,
        "backbone": experiment.backbone_label,
        "train_set": str(experiment.target),
        "test_set": str(target),
        "n_queries": len(query),
        "n_gallery": len(gallery),
        "n_subjects": query["subject"].nunique(),
        "seed": experiment.seed,
    }


def _rows(about: dict[str, object], per_query: pd.DataFrame) -> pd.DataFrame:
    """A tidy row per metric, in percent, with its interval over people."""
    first, people = per_query["first_hit"], per_query["subject"]
    values = {f"rank{k}": (first <= k).astype(float) for k in (1, 5, 10)}
    values |= {"mAP": per_query["ap"], "mAP_trapezoid": per_query["ap_trapezoid"]}
    rows = []
    for name in METRICS:
        low, high = statistics.interval(values[name], people)
        figures = {"value": values[name].mean(), "low": low, "high": high}
        rows.append({**about, "metric": name, **{k: 100 * v for k, v in figures.items()}})
    return pd.DataFrame(rows)[[*COLUMNS, "mirror"]]


def pairs(
    experiments: Iterable[Experiment], photographs: Photographs
) -> list[tuple[Experiment, Target]]:
    """Each experiment with every target, its own and the others.

    An experiment without training is the same whatever its target: it is tested on its own.
    Drawings and photographs are not crossed. Within one set, a person who trains in one view may
    test in another: a warning says so.
    """
    _warn_of_shared_people(photographs)
    synthetic = photographs.is_synthetic
    return [
        (experiment, target)
        for experiment in experiments
        for target in (photographs.targets if experiment.recipe.stages else [experiment.target])
        if synthetic(target) == synthetic(experiment.target)
    ]


def _warn_of_shared_people(photographs: Photographs) -> None:
    for name in dict.fromkeys(target.set for target in photographs.targets):
        targets = [target for target in photographs.targets if target.set == name]
        views = [photographs.view(target) for target in targets]
        shared = protocol.person_overlap(photographs.table(name)).loc[views, views]
        if shared.any(axis=None):
            warnings.warn(
                f"Up to {shared.max(axis=None)} people of {name} train in one of these views and "
                "test in another: what is trained in one view and tested in another looks too "
                "good.",
                stacklevel=4,
            )


def ranking(experiment: Experiment, photographs: Photographs, engine: Engine) -> Ranking:
    """The first run of the experiment's own target, ranked."""
    table = photographs.table(experiment.target.set)
    splits = list(photographs.splits(experiment.target, 1))
    embeddings = _embeddings(experiment, table, photographs, engine, WHOLE, splits[0])
    query, gallery = splits[0]
    best, similarity = metric.ranking(
        embeddings[positions(table, query)],
        embeddings[positions(table, gallery)],
        query["identity"],
        gallery["identity"],
    )
    same = gallery["identity"].to_numpy()[best] == query["identity"].to_numpy()[:, None]
    return Ranking(query, gallery, best, similarity, same)
