"""An experiment's network: built, loaded, and embedding photographs."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from handid import backbone, checkpoint, embed, method
from handid.image import augment
from handid.image.alter import WHOLE
from handid.recipes import Recipe
from handid.study import altered, machine
from handid.study.experiment import Experiment
from handid.study.photographs import Photographs
from handid.train import Engine


def prepared(recipe: Recipe) -> Callable[[Tensor], Tensor]:
    """Pixels of a batch -> what the recipe's network sees at test."""
    return partial(augment.normalise, mean_std=recipe.mean_std, portrait=recipe.portrait)


def encoder(experiment: Experiment) -> backbone.ImageEncoder:
    """The experiment's backbone with the weights that it starts from."""
    recipe = experiment.recipe
    return backbone.build(
        experiment.backbone,
        experiment.weights,
        last_stride=recipe.last_stride,
        image_size=recipe.image_size,
    )


def build(experiment: Experiment) -> method.Method:
    """The experiment's method before its first step; new layers come from torch's generator."""
    base, options = encoder(experiment), experiment.options
    return method.build(experiment.recipe.method, base, experiment.n_identities, **options)


def load(experiment: Experiment, device: str) -> method.Method:
    """The experiment's method with its weights, ready to embed.

    Raises:
        ValueError: one sentence, if the weights are damaged or another training's.
    """
    torch.manual_seed(experiment.seed)  # of new layers that nothing trains
    network = build(experiment)
    if experiment.recipe.stages:
        checkpoint.is_finished(experiment.folder)
        checkpoint.load_weights(network, experiment.folder / "weights.safetensors")
    network.fold()
    return network.to(device).eval()


def images(
    experiment: Experiment, rows: pd.DataFrame, photographs: Photographs, image: str = WHOLE
) -> np.ndarray:
    """[N, s, s, 3] uint8: photographs as the experiment's network is tested on them."""
    shape = (experiment.recipe.geometry, experiment.image_size)
    return altered.pixels(rows["path"], photographs, shape, image)


def embed_images(
    experiment: Experiment, network: method.Method, pictures: np.ndarray, engine: Engine
) -> np.ndarray:
    """[N, D] embeddings of [N, s, s, 3] pictures as at test, nothing kept on disk."""
    recipe = experiment.recipe
    return embed.embed(
        network,
        pictures,
        prepared(recipe),
        flip_average=recipe.flip_average,
        autocast=engine.autocast,
    )


def embed_rows(
    experiment: Experiment,
    rows: pd.DataFrame,
    photographs: Photographs,
    engine: Engine,
    image: str = WHOLE,
    *,
    mirrored: bool = False,
) -> np.ndarray:
    """[rows, D] embeddings of photographs, from the cache on disk where they are in it.

    Args:
        experiment: whose network.
        rows: of a table.
        photographs: of the study.
        engine: device and precision.
        image: what is made of the photographs, see image.alter.Alteration.
        mirrored: left and right exchanged.
    """
    recipe = experiment.recipe
    # The weights are in the cache's key by their content; a view in a prompt is not.
    salt = [experiment.options, recipe.mean_std, recipe.portrait, recipe.last_stride]
    salt += [engine.precision, experiment.code, machine.arithmetic(engine.device)]
    prepare = prepared(recipe)
    pictures = images(experiment, rows, photographs, image)
    if mirrored:
        pictures = np.ascontiguousarray(pictures[:, :, ::-1])
    network = load(experiment, engine.device)
    return embed.embed_once(
        network,
        pictures,
        prepare,
        folder=Path(photographs.work) / "cache" / "embeddings",
        salt=json.dumps(salt),
        flip_average=recipe.flip_average,
        autocast=engine.autocast,
    )
