"""What a worker of a cluster does for a study: a training, a score, a survey, some people.

A job is a few plain values: the study's settings and the folder of an experiment, which explains
itself. Photographs, weights and products are read from and written to the shared disk.
"""

import json
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from tqdm import tqdm

from handid import checkpoint, cluster, train
from handid.data.sets import Target
from handid.report.rows import Score
from handid.study import altered, asking, crowd, machine, model, network, score, settings, training
from handid.study import experiment as experiments
from handid.study.crowd import Block
from handid.study.experiment import Experiment
from handid.study.photographs import Photographs
from handid.study.settings import Settings

FILES = 50  # photographs that a job alters


class _How(NamedTuple):
    """What all jobs of one call have in common.

    Attributes:
        settings: the study's, as JSON.
        threads: of torch; sums of other parts differ in their last digits.
        call: tells one call from another.
    """

    settings: str
    threads: int
    call: str


def train_all(wanted: Iterable[Experiment], photographs: Photographs, engine: train.Engine) -> None:
    """Train what is not trained yet: one after the other here, or each a job of the cluster."""
    own = [one for one in wanted if one.recipe.stages and not model.is_model(one.system.recipe)]
    if photographs.settings.cluster:
        folders = dict.fromkeys(one.folder for one in own if not checkpoint.is_finished(one.folder))
        jobs = [(str(folder),) for folder in folders]
        _on_cluster(photographs.settings, engine, train_one, jobs, "trainings")
        return
    for one in own:
        training.train_experiment(one, photographs, engine)


def score_all(
    pairs: Sequence[tuple[Experiment, Target]], given: Settings, engine: train.Engine
) -> list[Score]:
    """The score of each experiment on a target, each a job."""
    jobs = [(str(one.folder), target.set, target.view) for one, target in pairs]
    return _on_cluster(given, engine, score_one, jobs, "scores")


def survey_all(
    wanted: Sequence[Experiment],
    splits: Mapping[str, score.Splits],
    images: Sequence[str],
    photographs: Photographs,
    engine: train.Engine,
) -> list[Score]:
    """The scores of experiments on one target, image by image; see survey.survey.

    First photographs are altered, some a job and once for all networks that see them alike; then
    each experiment embeds and ranks them, a job of its own.
    """
    given = photographs.settings
    parts = []
    for one in {(one.recipe.geometry, one.image_size): one for one in wanted}.values():
        paths = score.Scorer(one, one.target, photographs, engine).paths(splits, images)
        files = sorted(set().union(*paths.values()))
        for first in range(0, len(files), FILES):
            some = set(files[first : first + FILES])
            parts.append((str(one.folder), {image: paths[image] & some for image in paths}))
    _on_cluster(given, engine, alter_some, parts, "altered photographs")
    how = (list(splits), list(images))
    own = [(str(one.folder), *how) for one in wanted]
    found = _on_cluster(given, engine, survey_one, own, "surveys")
    return [score for scores in found for score in scores]


def embed_crowd(blocks: Sequence[Block], embedder: network.Embedder) -> None:
    """Draw and embed blocks of people that are absent: one after the other, or each a job."""
    absent = [block for block in blocks if crowd.read(embedder, block) is None]
    given, folder = embedder.photographs.settings, str(embedder.experiment.folder)
    if given.cluster:
        jobs = [(folder, *block) for block in absent]
        _on_cluster(given, embedder.engine, embed_block, jobs, "hundreds of people")
        return
    for block in tqdm(absent, "hundreds of people", mininterval=1, delay=1):
        crowd.embed(embedder, block)


def _on_cluster(
    given: Settings, engine: train.Engine, function: Any, jobs: Sequence[tuple], label: str
) -> list[Any]:
    """Results of jobs; a worker counts with this engine's precision, whatever it would choose."""
    values = json.dumps(given.model_dump() | {"cluster": "", "precision": engine.precision})
    how = _How(values, torch.get_num_threads(), uuid.uuid4().hex)
    places = [given.work, *given.data.values(), given.weights]  # names are no paths, paths absolute
    places = [place for place in places if os.path.isabs(place)]
    return cluster.run(given.cluster, function, [(how, *job) for job in jobs], label, places)


def train_one(how: _How, folder: str) -> None:
    """On a worker: train the experiment of a folder, or go on with it."""
    training.train_experiment(experiments.read(folder), *_tools(how))


def score_one(how: _How, folder: str, name: str, view: str) -> Score:
    """On a worker: the score of the experiment of a folder on a target."""
    one = experiments.read(folder)
    return score.score(one, Target(name, view), *_tools(how))


def alter_some(how: _How, folder: str, paths: Mapping[str, set[str]]) -> None:
    """On a worker: alter photographs as the network of an experiment sees them."""
    one, (photographs, _) = experiments.read(folder), _tools(how)
    altered.fill(paths, photographs, (one.recipe.geometry, one.image_size))


def survey_one(how: _How, folder: str, tasks: list[str], images: list[str]) -> list[Score]:
    """On a worker: the scores of the experiment of a folder on its own target."""
    one, (photographs, engine) = experiments.read(folder), _tools(how)
    splits, _ = asking.splits(one.target, tasks, images, photographs)
    return asking.scores(one, splits, images, photographs, engine)


def embed_block(how: _How, folder: str, *block: int) -> None:
    """On a worker: draw and embed a block of people, with the experiment of a folder."""
    embedder = network.Embedder(experiments.read(folder), *_tools(how))
    crowd.embed(embedder, Block(*block), workers=1)


def _tools(how: _How) -> tuple[Photographs, train.Engine]:
    """The photographs of a study and the engine, its arithmetic as where the job comes from."""
    torch.set_num_threads(how.threads)
    photographs = _photographs(how.settings, how.call)
    engine = machine.engine(photographs.settings)
    if engine.device == "cuda" and torch.cuda.device_count() > 1:
        torch.cuda.set_device(cluster.number() % torch.cuda.device_count())
    return photographs, replace(engine, progress=False)


@lru_cache(maxsize=4)
def _photographs(values: str, _call: str) -> Photographs:
    """Each table is read once a worker and call: files may change while a worker lives."""
    return Photographs(settings.checked(**json.loads(values)))
