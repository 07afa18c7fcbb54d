"""Training one experiment: its batches, its validation, its products."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from handid import checkpoint, disk, embed, method, metric, protocol, train
from handid.image import augment, sampler
from handid.recipes import Recipe, Stage
from handid.study import altered
from handid.study import network as networks
from handid.study.experiment import Experiment
from handid.study.photographs import Photographs

if TYPE_CHECKING:
    from handid.backbone import ImageEncoder


def train_experiment(
    experiment: Experiment, photographs: Photographs, engine: train.Engine
) -> None:
    """Train an experiment, unless its products are there; an interrupted training goes on.

    Raises:
        ValueError: one sentence, if products are damaged or another training's.
        MemoryError: one sentence, if a step does not fit the GPU.
    """
    if checkpoint.is_finished(experiment.folder):
        return
    trains, _ = photographs.halves(experiment.target)
    trains = altered.kept(trains, photographs, experiment.recipe.image)
    rows, held_out = protocol.validation(trains, experiment.seed)
    codes = pd.factorize(rows["identity"], sort=True)[0]
    torch.manual_seed(experiment.seed)
    network = networks.build(experiment)
    batches = _OfExperiment(experiment, network, rows, codes, photographs, engine)
    if engine.kind == "cuda" and not engine.compile:  # which keeps less, nobody knows how much
        _weigh(experiment, network, engine)
    validate = _validation(experiment, rows, held_out, photographs, engine)
    with disk.locked(experiment.folder / "training.lock"):
        train.fit(
            network,
            experiment.recipe,
            batches,
            validate,
            experiment.folder,
            engine,
            seed=experiment.seed,
        )


def _weigh(experiment: Experiment, network: method.Method, engine: train.Engine) -> None:
    """Refuse a batch that does not fit the GPU beside the photographs that are there."""
    from handid.study import memory  # its fake tensors take a second to import

    plan, side = experiment.recipe, experiment.image_size
    example = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    shape = augment.normalise(example, plan.mean_std, plan.portrait).shape[1:]
    free, _ = torch.cuda.mem_get_info(engine.device)
    kept = torch.cuda.memory_reserved(engine.device) - torch.cuda.memory_allocated(engine.device)
    memory.check(network, plan.stages, tuple(shape), engine, free + kept)


class Batches:
    """Where train.fit's batches come from: photographs that are augmented anew in each epoch.

    Args:
        images: [N, s, s, 3] uint8.
        codes: [N] identity of each, whole numbers from 0.
        recipe: how they are augmented, and in what colours the network sees them.
        size: side that the network sees, pixels.
        device: where the batches are made.
    """

    def __init__(
        self,
        images: np.ndarray,
        codes: np.ndarray,
        recipe: Recipe,
        size: int,
        device: str | torch.device,
    ):
        self.codes, self.device = codes, device
        self.images = torch.from_numpy(images).to(device)
        self.labels = torch.from_numpy(codes).to(device)
        mean_std, extra = recipe.train_mean_std or recipe.mean_std, recipe.augment
        self.augment = augment.Augmentation(
            size, extra.flip, extra.jitter, extra.erasing, mean_std, recipe.portrait
        )

    def __call__(self, stage: Stage, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """An epoch's (images, labels), or (features, labels) where the encoder stands still.

        See augment.ahead: the CPU never waits for a GPU between two batches.
        """
        order = sampler.order(self.codes.tolist(), stage, generator)
        epoch = (self.draws(stage, chosen, generator) for chosen in order)
        for draws in augment.ahead(epoch, self.device):
            yield self.seen(stage, draws), self.labels[draws["chosen"]]

    def draws(self, _stage: Stage, chosen: Tensor, generator: torch.Generator) -> augment.Draws:
        """All chances of one batch."""
        height, width = self.images.shape[1:3]
        return {"chosen": chosen} | self.augment.draws(len(chosen), height, width, generator)

    def seen(self, _stage: Stage, draws: augment.Draws) -> Tensor:
        """What the method gets of one batch."""
        return self.augment.apply(self.images[draws["chosen"]], draws)


class _OfExperiment(Batches):
    """The same of an experiment: on other backgrounds, or features, if its recipe says so.

    Args:
        experiment: what is trained.
        network: its method.
        rows: photographs to train on.
        codes: identity of each, whole numbers from 0.
        photographs: gives their pixels.
        engine: device and precision.
    """

    def __init__(
        self,
        experiment: Experiment,
        network: method.Method,
        rows: pd.DataFrame,
        codes: np.ndarray,
        photographs: Photographs,
        engine: train.Engine,
    ):
        recipe, size = experiment.recipe, experiment.image_size
        shape = recipe.geometry, round(size * recipe.augment.resize)
        source = altered.pixels(rows["path"], photographs, shape, recipe.image)
        super().__init__(source, codes, recipe, size, engine.device)
        self.other_grounds = recipe.augment.background
        if self.other_grounds:
            pair = altered.grounds(rows, photographs, shape)
            self.covers, self.grounds = (torch.from_numpy(p).to(engine.device) for p in pair)
        mean_std = recipe.train_mean_std or recipe.mean_std

        def features(_stage_name: str) -> Tensor:
            pictures = networks.images(experiment, rows, photographs, recipe.image)
            return _features(experiment, network, pictures, mean_std, engine)

        self.features = cache(features)

    def draws(self, stage: Stage, chosen: Tensor, generator: torch.Generator) -> augment.Draws:
        """No chances where the encoder stands still; else the backgrounds' first."""
        if stage.encode_once:
            return {"chosen": chosen}
        grounds: augment.Draws = {}
        if self.other_grounds:
            share, count = self.other_grounds, len(self.grounds)
            grounds = augment.ground_draws(len(chosen), count, share, generator)
        return grounds | super().draws(stage, chosen, generator)

    def seen(self, stage: Stage, draws: augment.Draws) -> Tensor:
        """Features where the encoder stands still, else images."""
        chosen = draws["chosen"]
        if stage.encode_once:
            return self.features(stage.name)[chosen]
        if not self.other_grounds:
            return super().seen(stage, draws)
        images = augment.on_other_grounds(
            self.images[chosen], self.covers[chosen], self.grounds, draws
        )
        return self.augment.apply(images, draws)


def _features(
    experiment: Experiment,
    network: method.Method,
    pictures: np.ndarray,
    mean_std: str | augment.Colours,
    engine: train.Engine,
) -> Tensor:
    """[N, dims["proj"]] image features of pictures as they are, on the device."""
    encoder = cast("ImageEncoder", network.backbone)
    features = embed.embed(
        method.build("clip_zero_shot", encoder, 0),
        pictures,
        lambda batch: augment.normalise(batch, mean_std, experiment.recipe.portrait),
        flip_average=False,
        autocast=engine.autocast,
    )
    return torch.from_numpy(features).to(engine.device)


def _validation(
    experiment: Experiment,
    rows: pd.DataFrame,
    held_out: pd.DataFrame,
    photographs: Photographs,
    engine: train.Engine,
) -> Callable[[method.Method], float] | None:
    """Rank the first training image of each training identity for its held-out one: mAP."""
    if held_out.empty:
        return None
    first = rows.groupby("identity", sort=True).head(1)
    query, gallery = (
        torch.from_numpy(networks.images(experiment, part, photographs, experiment.recipe.image))
        for part in (held_out, first)
    )
    query, gallery = query.to(engine.device), gallery.to(engine.device)

    def validate(network: method.Method) -> float:
        asked, searched = (
            networks.embed_images(experiment, network, pictures, engine)
            for pictures in (query, gallery)
        )
        return metric.evaluate(asked, searched, held_out["identity"], first["identity"]).mAP

    return validate
