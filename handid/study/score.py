"""From an experiment to its figures on a target's test people, every image embedded once."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
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


class _Side(NamedTuple):
    """What is made of photographs before they are embedded."""

    image: str
    mirrored: bool


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
        image: what is made of the photographs, see image.alter.Alteration; "A against B" for
            queries and gallery that differ.

    Raises:
        ValueError: one sentence, if the task or image is unknown or this set cannot show it.
    """
    view, runs = photographs.view(target), photographs.settings.runs
    drawn = tasks.draws(photographs.table(target.set), view, task, runs)
    splits = altered.trusted(drawn, tasks.TASKS[task].match, photographs, [image])
    (one,) = Scorer(experiment, target, photographs, engine)({task: splits}, image)
    return one


class Scorer:
    """Scores of an experiment on a target, its network loaded once.

    Args:
        experiment: what to evaluate.
        target: whose test people.
        photographs: of the study.
        engine: device and precision.
    """

    def __init__(
        self, experiment: Experiment, target: Target, photographs: Photographs, engine: Engine
    ):
        self.experiment, self.target = experiment, target
        self.table = photographs.table(target.set)
        self.synthetic = photographs.is_synthetic(target)
        self._embed = networks.Embedder(experiment, photographs, engine)

    def __call__(self, splits: Mapping[str, Splits], image: str) -> list[Score]:
        """The score in each of several tasks, every photograph embedded once.

        Args:
            splits: of each task, query and gallery of each run.
            image: what is made of the photographs, see altered.sides.
        """
        sides = self.sides(splits, image)
        parts: dict[_Side, list[pd.DataFrame]] = {}
        for task, pair in sides.items():
            for number, side in enumerate(pair):
                parts.setdefault(side, []).extend(split[number] for split in splits[task])
        vectors = {side: self.embeddings(rows, side) for side, rows in parts.items()}
        return [
            self._score(splits[task], task, image, [vectors[side] for side in pair])
            for task, pair in sides.items()
        ]

    def fill(self, splits: Mapping[str, Splits], images: Iterable[str]) -> None:
        """Make the altered photographs that `images` will ask for, each decoded once."""
        self._embed.fill(self.paths(splits, images))

    def paths(self, splits: Mapping[str, Splits], images: Iterable[str]) -> dict[str, set[str]]:
        """The files of which `images` will ask for something, by what is made of them."""
        paths: dict[str, set[str]] = {}
        for image in images:
            for task, pair in self.sides(splits, image).items():
                for number, side in enumerate(pair):
                    shown = (path for split in splits[task] for path in split[number]["path"])
                    paths.setdefault(side.image, set()).update(shown)
        return paths

    def sides(self, tasks_: Iterable[str], image: str) -> dict[str, tuple[_Side, _Side]]:
        """What is made of each task's queries, and of its gallery."""
        query, gallery = altered.sides(image)
        return {
            task: (_Side(query, False), _Side(gallery, tasks.TASKS[task].mirrored))
            for task in tasks_
        }

    def embeddings(self, parts: Sequence[pd.DataFrame], side: _Side) -> np.ndarray:
        """[rows of the table, D]; rows in no part are NaN, so that a slip shows at once."""
        used = sorted({i for rows in parts for i in positions(self.table, rows)})
        part = self._embed(self.table.iloc[used], side.image, mirrored=side.mirrored)
        embeddings = np.full((len(self.table), part.shape[1]), np.nan, dtype=np.float32)
        embeddings[used] = part
        return embeddings

    def _score(self, splits: Splits, task: str, image: str, vectors: Sequence[np.ndarray]) -> Score:
        head = about(self.experiment, self.target) | _sizes(*splits[0])
        head |= {"synthetic": self.synthetic, "task": task, "image": image}
        head |= {"mirror": self.experiment.recipe.flip_average}
        match = tasks.TASKS[task].match
        asked, searched = self._centred(splits, vectors)
        parts, curves = [], []
        for run, (query, gallery) in enumerate(splits):
            result = metric.evaluate(
                asked[positions(self.table, query)],
                searched[positions(self.table, gallery)],
                query[match],
                gallery[match],
            )
            lines = query[["path", "subject"]].reset_index(drop=True).assign(run=run)
            parts.append(pd.concat([lines, result.per_query], axis=1))
            curves.append(result.cmc)
        per_query = pd.concat(parts, ignore_index=True)
        return Score(tidy(head, per_query), per_query, _mean_curve(curves))

    def _centred(self, splits: Splits, vectors: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Queries and gallery, each minus its mean, where the recipe asks for it.

        Where both are made alike, their mean is one.
        """
        if not self.experiment.recipe.centred:
            return list(vectors)
        used = [
            sorted({i for split in splits for i in positions(self.table, split[part])})
            for part in (0, 1)
        ]
        if vectors[0] is vectors[1]:
            used = [sorted({*used[0], *used[1]})] * 2
        return [v - v[rows].mean(axis=0) for v, rows in zip(vectors, used, strict=True)]


def _mean_curve(curves: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of CMCs; a gallery that lacks photographs ends earlier, with every query found."""
    longest = max(map(len, curves))
    return np.mean([np.pad(one, (0, longest - len(one)), mode="edge") for one in curves], axis=0)


def about(experiment: Experiment, target: Target) -> dict[str, object]:
    """What tidy rows say of an experiment and of the target that it is tested on."""
    return {
        "system": experiment.system.key,
        "method": experiment.title,
        "backbone": experiment.backbone_label,
        "train_set": str(experiment.target),
        "test_set": str(target),
        "image": WHOLE,
        "seed": experiment.seed,
    }


def _sizes(query: pd.DataFrame, gallery: pd.DataFrame) -> dict[str, int]:
    """The sizes of a draw, as tidy rows have them."""
    counts = {"n_queries": len(query), "n_gallery": len(gallery)}
    return counts | {"n_subjects": query["subject"].nunique()}


def tidy(head: dict[str, object], per_query: pd.DataFrame) -> pd.DataFrame:
    """A tidy row per metric, in percent, with its interval over people.

    Args:
        head: what the rows say beside it, and `mirror`.
        per_query: of metric.Evaluation, with `subject`.
    """
    first, people = per_query["first_hit"], per_query["subject"]
    values = {f"rank{k}": (first <= k).astype(float) for k in (1, 5, 10)}
    values |= {"mAP": per_query["ap"], "mAP_trapezoid": per_query["ap_trapezoid"]}
    rows = []
    for name in METRICS:
        low, high = statistics.interval(values[name], people)
        figures = {"value": values[name].mean(), "low": low, "high": high}
        rows.append({**head, "metric": name, **{k: 100 * v for k, v in figures.items()}})
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
                stacklevel=5,
            )


def ranking(experiment: Experiment, photographs: Photographs, engine: Engine) -> Ranking:
    """The first run of the experiment's own target, ranked."""
    table = photographs.table(experiment.target.set)
    query, gallery = next(photographs.splits(experiment.target, 1))
    scorer = Scorer(experiment, experiment.target, photographs, engine)
    embeddings = scorer.embeddings([query, gallery], _Side(WHOLE, mirrored=False))
    best, similarity = metric.ranking(
        embeddings[positions(table, query)],
        embeddings[positions(table, gallery)],
        query["identity"],
        gallery["identity"],
    )
    same = gallery["identity"].to_numpy()[best] == query["identity"].to_numpy()[:, None]
    return Ranking(query, gallery, best, similarity, same)
