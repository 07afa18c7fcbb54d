"""What the text branch of a trained method learned of its training people.

Words, similarities and retrieval from text to image, on training people: this never says how well
strangers are recognised.
"""

import warnings
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from handid import metric, protocol, statistics
from handid.backbone import Backbone
from handid.study import network as networks
from handid.study.experiment import Experiment
from handid.study.photographs import Photographs
from handid.train import Engine


@runtime_checkable
class SpeakingMethod(Protocol):
    """A method with a text branch, whose words can be looked at.

    It names methods alone: from Python 3.12 on isinstance does not find the parts of a module.
    """

    def spoken(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Words [B, T, token_width] and texts [B, D] of images [B, 3, H, W] and identities [B]."""
        ...


@dataclass(frozen=True)
class Texts:
    """What the texts of some training identities say.

    Attributes:
        nearest: a row per identity and learned word: method, identity, word (its place), and
            nearest: the vocabulary's nearest words with their cosine.
        similarity: [K, K] cosine between the texts of identities.
        rank1: share of texts whose nearest photograph is of their own identity, a fraction; NaN, as
            its bounds, where too few people have a photograph that no text was made from.
        low: of its 95 % interval over people.
        high: of the same.
        chance: what guessing reaches.
    """

    nearest: pd.DataFrame
    similarity: np.ndarray
    rank1: float
    low: float
    high: float
    chance: float


def examine(
    texts: np.ndarray,
    images: np.ndarray | None,
    identities: list,
    subjects: list,
    nearest: pd.DataFrame,
) -> Texts:
    """Judge one text per identity against one photograph per identity.

    Args:
        texts: [K, D] text features.
        images: [K, D] image features of the same identities in the same order, of other photographs
            than any that a text was made from; None if there are none.
        identities: K names.
        subjects: K people, whom the interval resamples.
        nearest: see Texts.
    """
    unit, chance = texts / np.linalg.norm(texts, axis=1, keepdims=True), 1 / len(texts)
    if images is None:
        return Texts(nearest, unit @ unit.T, np.nan, np.nan, np.nan, chance)
    result = metric.evaluate(texts, images, identities, identities)
    right = (result.per_query["first_hit"] == 1).to_numpy(float)
    low, high = statistics.interval(right, subjects)
    return Texts(nearest, unit @ unit.T, float(right.mean()), low, high, chance)


def texts_of(
    experiment: Experiment, photographs: Photographs, engine: Engine, *, shown: int, top: int
) -> Texts:
    """What the texts of a method with a text branch say of its training people.

    The texts are of one training photograph per identity, or of the identity itself; they are to
    find the held-out photograph of the same hand. Where fewer than two identities have one, a
    warning says that nothing is to be found.

    Args:
        experiment: its method has `spoken`.
        photographs: of the study.
        engine: device and precision.
        shown: identities whose words are looked up.
        top: nearest words per learned word.

    Raises:
        ValueError: if the method has no text branch.
    """
    network = networks.load(experiment, engine)
    encoder = network.backbone
    if not (isinstance(network, SpeakingMethod) and isinstance(encoder, Backbone)):
        raise ValueError(
            f"{experiment.title} says nothing in words: ask a method with a text branch."
        )
    trains, _ = photographs.halves(experiment.target)
    rows, held_out = protocol.validation(trains, experiment.seed)
    held_out = held_out.sort_values("identity")
    findable = held_out["identity"].nunique() > 1
    if not findable:
        warnings.warn(
            f"{experiment.target}: fewer than two training people have a second photograph, so "
            "their texts have nothing to find.",
            stacklevel=4,
        )
    first = rows[rows["identity"].isin(held_out["identity"])] if findable else rows
    first = first.groupby("identity").head(1).sort_values("identity")
    labels = np.searchsorted(np.unique(rows["identity"]), first["identity"])
    prepare = networks.prepared(experiment.recipe)
    with torch.inference_mode():
        images, answers = (
            prepare(
                torch.from_numpy(networks.images(experiment, part, photographs)).to(engine.device)
            )
            for part in (first, held_out if findable else first)
        )
        words, texts = network.spoken(images, torch.from_numpy(labels).to(engine.device))
        features = encoder(answers)["proj"]
    identities = first["identity"].tolist()
    nearest = [
        {"method": experiment.title, "identity": identity, "word": place, "nearest": _listed(near)}
        for identity, own in zip(identities[:shown], words[:shown], strict=True)
        for place, near in enumerate(encoder.nearest_words(own, top), start=1)
    ]
    text, image = (part.float().cpu().numpy() for part in (texts, features))
    people, found = first["subject"].tolist(), image if findable else None
    return examine(text, found, identities, people, pd.DataFrame(nearest))


def _listed(candidates: list[tuple[str, float]]) -> str:
    return ", ".join(f"{word} {cosine:.2f}" for word, cosine in candidates)
