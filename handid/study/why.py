"""Why text helps or does not: what it knows of a photograph, and how hard each loss pulls.

Asked of drawn hands of people who are in no study, of whom the renderer knows every fact.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from handid import statistics
from handid.backbone import Backbone
from handid.image.augment import Window
from handid.method import Method
from handid.recipes import Recipe, Stage
from handid.study import network as networks
from handid.study.experiment import Experiment
from handid.study.hands import Hands
from handid.study.strangers import POPULATION
from handid.study.study import Study
from handid.study.texts import SpeakingMethod
from handid.synthetic import caption
from handid.train import Engine, loss_weight

_OF_PEOPLE = ("clip_reid",)  # its words belong to a training person, not to a photograph
COLUMNS = ["system", "method", "backbone", "feature", "fact", "photographs"]
COLUMNS += ["correct", "low", "high", "chance"]


def told(
    experiments: Sequence[Experiment], hands: Hands, engine: Engine, shards: int = 1
) -> pd.DataFrame:
    """How often the nearest sentence about a fact is true, by image and by text features.

    The text feature of a photograph is that of the prompt with the word that a method made for it:
    what the text branch can tell the image encoder is no more than what it holds.

    Args:
        experiments: of CLIPs; one whose method makes a word for each photograph has both features.
        hands: drawn for it.
        engine: device and precision.
        shards: how many of the hands, of 32 people each.

    Returns:
        One row per experiment, feature ("image" or "text") and fact of which the photographs show
        two answers or more, with COLUMNS: the mean of each answer's share of right ones, percent,
        with a 95 % interval over people, and chance, one over the number of answers that they show.
    """
    drawn = list(hands.stream(list(range(shards))))
    facts = [one for shard in drawn for one in shard.facts]
    images = torch.from_numpy(np.concatenate([shard.images for shard in drawn]))
    tables = []
    for experiment in experiments:
        network = networks.load(experiment, engine)
        for name, features in _features(network, experiment.recipe, images, engine).items():
            table = _by_fact(features, _sentences(network), facts)
            about = {"system": experiment.system.key, "method": experiment.title}
            about |= {"backbone": experiment.backbone_label, "feature": name}
            tables.append(table.assign(**about))
    return pd.concat(tables, ignore_index=True)[COLUMNS]


def strangers(lab: Study) -> Hands:
    """Drawn hands of people who are in no study and no pre-training, in the study's folder."""
    return Hands(Path(lab.settings.work) / "pretrain" / "hands", POPULATION, "11k")


def _features(
    network: Method, recipe: Recipe, images: Tensor, engine: Engine
) -> dict[str, np.ndarray]:
    """[N, D] projected image features; and of the prompts, where words come from photographs."""
    encoder = network.backbone
    assert isinstance(encoder, Backbone)  # nothing else reads a sentence
    window = Window(encoder.image_size, ((1.0, 1.0), (1.0, 1.0)), mean_std=recipe.mean_std)
    parts: dict[str, list[Tensor]] = {"image": []}
    with torch.inference_mode(), engine.autocast():
        for batch in images.split(32):
            seen = window(batch.to(engine.device), torch.Generator())
            parts["image"].append(encoder(seen)["proj"].float().cpu())
            if isinstance(network, SpeakingMethod) and recipe.method not in _OF_PEOPLE:
                nobody = torch.zeros(len(seen), dtype=torch.long, device=seen.device)
                parts.setdefault("text", []).append(network.spoken(seen, nobody)[1].float().cpu())
    return {name: torch.cat(own).numpy() for name, own in parts.items()}


def _sentences(network: Method) -> dict[str, np.ndarray]:
    """Fact -> [answers, D] unit features of the sentences that are possible."""
    encoder = network.backbone
    assert isinstance(encoder, Backbone)
    with torch.inference_mode():
        return {
            fact: functional.normalize(encoder.encode_text(list(texts)).float(), dim=1)
            .cpu()
            .numpy()
            for fact, texts in caption.CHOICES.items()
        }


def _by_fact(
    features: np.ndarray, sentences: dict[str, np.ndarray], facts: Sequence[dict]
) -> pd.DataFrame:
    true = np.array([caption.choices(one) for one in facts])
    people = np.array([one["subject"] for one in facts])
    rows = []
    for column, (fact, texts) in enumerate(sentences.items()):
        seen = true[:, column] >= 0
        offered = len(np.unique(true[seen, column]))
        if offered < 2:  # these photographs all show the same
            continue
        answers = (features[seen] @ texts.T).argmax(1)
        right = answers == true[seen, column]
        shares = statistics.balanced_accuracy(right, true[seen, column], people[seen])
        rows.append((fact, int(seen.sum()), *(100 * s for s in shares), 100 / offered))
    return pd.DataFrame(rows, columns=COLUMNS[4:])


def of_losses(lab: Study, experiments: Iterable[Experiment]) -> pd.DataFrame:
    """Share of each loss in the image encoder's gradient, before training and after it.

    On one batch of training photographs, four of each of four identities where there are as many.

    Args:
        lab: the study.
        experiments: trained ones.

    Returns:
        One row per experiment, moment ("before" or "after") and loss: system, method, backbone,
        moment, loss, share (percent).
    """
    rows = []
    for experiment in experiments:
        images, labels = _batch(lab, experiment)
        torch.manual_seed(experiment.seed)  # of new layers, as the training drew them
        states = {"before": networks.build(experiment), "after": networks.restored(experiment)}
        about = [experiment.system.key, experiment.title, experiment.backbone_label]
        for moment, network in states.items():
            lab.engine.place(network)
            shares = pulls(network.eval(), experiment.recipe.stages[-1], images, labels)
            rows += [(*about, moment, name, 100 * share) for name, share in shares.items()]
    columns = ["system", "method", "backbone", "moment", "loss", "share"]
    return pd.DataFrame(rows, columns=columns)


def _batch(lab: Study, experiment: Experiment) -> tuple[Tensor, Tensor]:
    trains, _ = lab.photographs.halves(experiment.target)
    people = sorted(trains["identity"].unique())[:4]
    rows = trains[trains["identity"].isin(people)].groupby("identity").head(4)
    pictures = networks.images(experiment, rows, lab.photographs)
    images = networks.prepared(experiment.recipe)(torch.from_numpy(pictures))
    labels = torch.from_numpy(pd.factorize(rows["identity"], sort=True)[0])
    return images.to(lab.engine.device), labels.to(lab.engine.device)


def pulls(network: Method, stage: Stage, images: Tensor, labels: Tensor) -> dict[str, float]:
    """Share of each loss in the gradient of the image encoder, on one batch.

    The norm of the gradient of each weighted loss by itself, over the sum of these norms: two
    losses that pull against each other are both counted. Of the encoder counts what its map depends
    on, without an attention pool, if any of that trains.

    Args:
        network: in the state to be looked at; nothing of it changes.
        stage: whose weights count, as at its last epoch.
        images: [B, 3, H, W], normalised.
        labels: [B] identity numbers.

    Returns:
        Loss -> share; the shares sum to 1, or are all 0 where no loss has a gradient.
    """
    network.parameter_groups(stage)
    encoder = network.backbone
    assert isinstance(encoder, Backbone)
    moved = [p for p in encoder.map_parameters() if p.requires_grad] or encoder.image_parameters()
    parts = network.losses(images, labels)
    norms = {}
    for name, part in parts.items():
        weighted = loss_weight(stage, name, stage.epochs - 1) * part
        own = torch.autograd.grad(weighted, moved, retain_graph=True, allow_unused=True)
        squares = [gradient.square().sum() for gradient in own if gradient is not None]
        norms[name] = float(torch.stack(squares).sum().sqrt()) if squares else 0.0
    total = sum(norms.values())
    return {name: norm / total if total else 0.0 for name, norm in norms.items()}
