"""Pre-train a small CLIP on captioned synthetic hands, which are drawn for it alone and streamed.

The people come from populations that no study draws from, so that all people of a study are unknown
to these weights.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from handid import (
    backbone,
    disk,
    embed,
    fingerprint,
    given,
    method,
    metric,
    recipes,
    synthetic,
    train,
)
from handid.image.augment import Window
from handid.image.sampler import plain_order
from handid.study import locked, notes
from handid.study.experiment import REGISTRIES
from handid.study.hands import (
    GROUP,
    RENDERER,
    SHARD_PEOPLE,
    SHOTS,
    TRAINED,
    WATCHED,
    Hands,
    Shard,
)
from handid.study.machine import environment
from handid.synthetic import caption

# Of mini-Lite0, whose image encoder is ImageNet's; all others begin with random weights.
RECIPES = {"mini-Lite0": "clip_lit"}
# All code that makes the weights, as fingerprint.code names it.
TRAINING = (
    "study.hands.Hands",
    "study.locked.lock",
    "study.pretrain._groups",
    "image.augment.Window",
    "image.sampler.plain_order",
    "method.clip_pretrain",
    "backbone.clip.Backbone",
    "train.fit",
)


@dataclass(frozen=True)
class Pretraining:
    """A finished pre-training.

    Attributes:
        history: one row per epoch, see train.fit; `validation` is the mAP of hands of other people.
        weights: the small file that backbone.build reads.
        card: data, steps, seed, hardware and sha256.
    """

    history: pd.DataFrame
    weights: Path
    card: dict


def pretrain(  # noqa: PLR0913 - one argument for each thing a user may want to choose
    name: str,
    work: str | Path,
    *,
    shards: int,
    shards_per_epoch: int,
    changes: dict | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str = "fp32",
    workers: int | None = None,
) -> Pretraining:
    """Pre-train a backbone as its recipe says, or resume an interrupted call.

    Args:
        name: a key of backbone.ARCHITECTURES.
        work: folder for drawn hands, checkpoints and the finished weights.
        shards: how many shards of 32 people there are to draw from.
        shards_per_epoch: how many of them, chosen at random, make an epoch.
        changes: values of the recipe (RECIPES, else clip_pretrain) to replace.
        seed: of weights, order, windows and captions.
        device: as torch names it, or "auto".
        precision: "auto", "fp32", "bf16" or "fp16".
        workers: processes that draw.

    Raises:
        ValueError: one sentence for a count, a recipe value or a backbone that does not fit, or
            ImageNet's weights of mini-Lite0 that are not installed.
    """
    given.whole("shards", shards, 1)
    if not 1 <= given.whole("shards_per_epoch", shards_per_epoch, 1) <= shards:
        raise ValueError(f"shards_per_epoch={shards_per_epoch} must lie between 1 and {shards}.")
    plan = _plan(name, changes)
    notes.into_page()
    engine = train.Engine((device := train.device(device)), train.precision(precision, device))
    is_locked = bool(plan.options.get("locked"))
    camera = "both" if is_locked else "wild"  # no window stands in for a camera there
    hands = Hands(Path(work) / "pretrain" / "hands", TRAINED, camera, workers)
    teacher, teacher_card = _teacher(plan.teacher, engine)
    key = [name, plan.model_dump(), shards, shards_per_epoch, seed, engine.precision, teacher_card]
    key = fingerprint.digest([*key, fingerprint.code(*TRAINING, stop=REGISTRIES)])
    folder = Path(work) / "pretrain" / f"{name.replace('/', '-')}-{key}"
    base = backbone.build(name, "random", last_stride=plan.last_stride, seed=seed)
    assert isinstance(base, backbone.Backbone)  # as the recipe's families in ARCHITECTURES are
    network = _network(plan, base, teacher, seed)
    window = Window(base.image_size, jitter=plan.augment.jitter, mean_std=plan.mean_std)
    source = locked.lock(base, hands, plan, engine) if is_locked else hands
    look = locked.as_encoded if is_locked else window
    batches = _batches(source, shards, shards_per_epoch, look, engine.device)
    others = Hands(hands.folder.parent, WATCHED, "11k", workers)
    validate = _validation(others, base.image_size, plan)
    validate = cache(validate) if is_locked else validate  # what is locked is seen as before
    history = train.fit(network, plan, batches, validate, folder, engine, seed=seed)
    weights = folder / f"{name}.safetensors"
    told = locked.view_in_words(base, others, plan, engine) if is_locked else {}
    card = {
        "sha256": backbone.save(base, _words(hands), weights),
        **_drawn(hands, shards),
        "seed": seed,
        **teacher_card,
        **_summary(history),
        **told,
        "renderer": fingerprint.code(*RENDERER),
        "precision": engine.precision,
        **environment(engine.device),
    }
    disk.write_json(folder / f"{name}.json", card)
    return Pretraining(history, weights, card)


def _plan(name: str, changes: dict | None) -> recipes.Recipe:
    """The recipe of a backbone's pre-training."""
    family = backbone.architecture(name).family
    plan = recipes.load(RECIPES.get(name, "clip_pretrain"), family, changes)
    if name not in backbone.ARCHITECTURES:
        known = ", ".join(backbone.ARCHITECTURES)
        raise ValueError(f"'{backbone.label(name)}' is not pre-trained here: use one of {known}.")
    return plan


def _network(
    plan: recipes.Recipe, base: backbone.Backbone, teacher: nn.Module | None, seed: int
) -> method.Method:
    """The method that trains the backbone; its head's first values come from the seed."""
    choices = [backbone.tokenise(list(sentences)) for sentences in caption.CHOICES.values()]
    torch.manual_seed(seed)
    given = {"choices": choices, "teacher": teacher, **plan.options}
    return method.build(plan.method, base, n_identities=0, **given)


def _drawn(hands: Hands, shards: int) -> dict[str, int]:
    """The card's lines about what was drawn."""
    people = shards * SHARD_PEOPLE
    pictures = people * SHOTS * len(synthetic.VIEWS)
    return {"people": people, "population": hands.population, "pictures": pictures}


def _teacher(name: str, engine: train.Engine) -> tuple[nn.Module | None, dict[str, str]]:
    """A backbone with the weights that ship, and the card's lines about it."""
    if not name:
        return None, {}
    teacher = backbone.build(name, "mini", last_stride=2).to(engine.device)
    return teacher, {"teacher": name, "teacher_sha256": backbone.shipped()[name]["sha256"]}


def _batches(
    source: Hands | locked.Encoded,
    shards: int,
    per_epoch: int,
    look: Callable[[Tensor, torch.Generator], Tensor],
    device: str,
) -> Callable[[recipes.Stage, torch.Generator], Iterator[tuple[Tensor, Tensor]]]:
    """What train.fit takes: an epoch's images, or features, with their labels."""

    def batches(stage, generator):
        chosen = torch.randperm(shards, generator=generator)[:per_epoch].tolist()
        for images, words in _groups(source, chosen, generator):
            for rows in plain_order(range(len(words)), stage.batch_size, generator):
                batch = images[rows].to(device)
                yield look(batch, generator), words[rows].to(device)

    return batches


def _groups(
    hands: Hands | locked.Encoded, chosen: list[int], generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """[N, H, W, 3] images, or [N, D] features of them, of GROUP shards at a time; and their labels.

    The labels are [N, C + L]; captions are drawn anew.
    """
    group: list[Shard] = []
    for place, shard in enumerate(hands.stream(chosen), start=1):
        group.append(shard)
        if len(group) == GROUP or place == len(chosen):
            rng = np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))
            rows = [facts for member in group for facts in member.facts]
            true = torch.tensor([caption.choices(facts) for facts in rows])
            words = backbone.tokenise([caption.caption(facts, rng) for facts in rows])
            images = torch.from_numpy(np.concatenate([member.images for member in group]))
            yield images, torch.cat([true, words], dim=1)
            group = []


def _validation(hands: Hands, size: int, plan: recipes.Recipe) -> Callable[[method.Method], float]:
    """Query with the second photograph of each hand of 64 people, rank all first ones: mAP."""
    shards = list(hands.stream([0, 1]))
    images = torch.from_numpy(np.concatenate([shard.images for shard in shards]))
    whole = Window(size, ((1.0, 1.0), (1.0, 1.0)), mean_std=plan.mean_std)
    rows = [facts for shard in shards for facts in shard.facts]
    identities = [f"{facts['subject']} {facts['view']}" for facts in rows]

    def prepare(batch):
        return whole(batch, torch.Generator())

    def validate(network: method.Method) -> float:
        embeddings = embed.embed(network, images.numpy(), prepare, flip_average=False)
        query, gallery = slice(1, None, SHOTS), slice(None, None, SHOTS)
        return metric.evaluate(
            embeddings[query], embeddings[gallery], identities[query], identities[gallery]
        ).mAP

    return validate


def _summary(history: pd.DataFrame) -> dict[str, float]:
    """The card's lines about the training."""
    seconds, rates = history["seconds"].to_numpy(), history["images_per_second"].to_numpy()
    return {
        "epochs": len(history),
        "images_seen": round(float((seconds * rates).sum())),
        "training_hours": round(float(seconds.sum()) / 3600, 2),
        "validation_mAP": round(float(history["validation"].iloc[-1]), 4),
    }


def _words(hands: Hands) -> Tensor:
    """[W] the numbers of all tokens of captions, questions and the methods' prompt."""
    rng, texts = np.random.default_rng(0), [backbone.PROMPT.format("")]
    answers = [answer for question in caption.QUESTIONS for answer in question.answers.values()]
    texts += [sentence for answer in answers for sentence in answer]
    texts += [sentence for sentences in caption.CHOICES.values() for sentence in sentences]
    for shard in hands.stream([0]):
        texts += [caption.caption(facts, rng) for facts in shard.facts for _ in range(40)]
    return backbone.tokenise(texts).unique()


def examples(work: str | Path, people: int = 6) -> pd.DataFrame:
    """Some people to pre-train on: columns number, picture ([H, W, 3] uint8), caption."""
    rng, views, rows = np.random.default_rng(0), synthetic.VIEWS, []
    shard = next(Hands(Path(work) / "pretrain" / "hands", TRAINED, "wild").stream([0]))
    for number in range(people):
        row = (number * len(views) + number % len(views)) * SHOTS
        sentence = caption.caption(shard.facts[row], rng)
        rows.append({"number": number + 1, "picture": shard.images[row], "caption": sentence})
    return pd.DataFrame(rows)


def shipped() -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """The weights that ship: a table with one card per row, and each model's history."""
    cards = pd.DataFrame([{"backbone": name} | card for name, card in backbone.shipped().items()])
    names = [] if cards.empty else cards["backbone"]
    return cards, {name: pd.read_csv(backbone.SHIPPED_FOLDER / f"{name}.csv") for name in names}
