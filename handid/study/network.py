"""An experiment's network: built, loaded, and embedding photographs."""

import json
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from handid import backbone, checkpoint, embed, method
from handid.backbone.folding import fold_norms
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


def restored(experiment: Experiment) -> method.Method:
    """The experiment's method with its weights, its adapters beside the weights that they adapt.

    Raises:
        ValueError: one sentence, if the weights are damaged or another training's.
    """
    torch.manual_seed(experiment.seed)  # of new layers that nothing trains
    network = build(experiment)
    if experiment.recipe.stages or checkpoint.has_weights(experiment.folder):
        checkpoint.is_finished(experiment.folder)
        checkpoint.load_weights(network, experiment.folder / "weights.safetensors")
    return network


def load(experiment: Experiment, engine: Engine) -> method.Method:
    """The experiment's method with its weights, ready to embed.

    Raises:
        ValueError: as `restored`.
    """
    network = restored(experiment).eval()
    network.fold()
    encoder = getattr(network, "backbone", None)  # floors have none
    if isinstance(encoder, backbone.ImageEncoder):
        fold_norms(encoder)
    engine.place(network)
    return network


def images(
    experiment: Experiment, rows: pd.DataFrame, photographs: Photographs, image: str = WHOLE
) -> np.ndarray:
    """[N, s, s, 3] uint8: photographs as the experiment's network is tested on them."""
    shape = (experiment.recipe.geometry, experiment.image_size)
    return altered.pixels(rows["path"], photographs, shape, image)


def embed_images(
    experiment: Experiment,
    network: method.Method,
    pictures: np.ndarray | Tensor,
    engine: Engine,
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


class Embedder:
    """An experiment's network, loaded once, with the cache of what it embedded before.

    Args:
        experiment: whose network.
        photographs: of the study.
        engine: device and precision.
    """

    def __init__(self, experiment: Experiment, photographs: Photographs, engine: Engine):
        self.experiment, self.photographs, self.engine = experiment, photographs, engine

    @cached_property
    def _network(self) -> method.Method:
        return load(self.experiment, self.engine)

    @cached_property
    def model(self) -> str:
        """A digest of the network and all else that makes its embeddings: only such compare."""
        return embed.fingerprint(self._network, self._salt)

    @property
    def _salt(self) -> str:
        """What else decides an embedding: a view in a prompt, say, is not in the weights."""
        recipe, experiment = self.experiment.recipe, self.experiment
        salt = [experiment.options, recipe.mean_std, recipe.portrait, recipe.last_stride]
        salt += [recipe.flip_average, self.engine.precision, experiment.code]
        return json.dumps([*salt, machine.arithmetic(self.engine.device)])

    def fill(self, paths: Mapping[str, Iterable[str]]) -> None:
        """Make altered photographs (image -> files) as the network needs them; see altered."""
        shape = (self.experiment.recipe.geometry, self.experiment.image_size)
        altered.fill(paths, self.photographs, shape)

    def fresh(self, pictures: np.ndarray) -> np.ndarray:
        """[N, D] embeddings of [N, s, s, 3] pictures, nothing of which is kept on disk."""
        return embed_images(self.experiment, self._network, pictures, self.engine)

    def __call__(
        self, rows: pd.DataFrame, image: str = WHOLE, *, mirrored: bool = False
    ) -> np.ndarray:
        """[rows, D] embeddings of photographs, from the cache on disk where they are in it.

        Args:
            rows: of a table.
            image: what is made of the photographs, see image.alter.Alteration.
            mirrored: left and right exchanged.
        """
        recipe, experiment = self.experiment.recipe, self.experiment
        pictures = images(experiment, rows, self.photographs, image)
        if mirrored:
            pictures = np.ascontiguousarray(pictures[:, :, ::-1])
        return embed.embed_once(
            self._network,
            pictures,
            prepared(recipe),
            folder=Path(self.photographs.work) / "cache" / "embeddings",
            salt=self._salt,
            model=self.model,
            flip_average=recipe.flip_average,
            autocast=self.engine.autocast,
        )


def embed_rows(
    experiment: Experiment, rows: pd.DataFrame, photographs: Photographs, engine: Engine
) -> np.ndarray:
    """[rows, D] embeddings of photographs as they are, see Embedder."""
    return Embedder(experiment, photographs, engine)(rows)
