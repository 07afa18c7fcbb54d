"""Pre-train a small CLIP on captioned synthetic hands, which are drawn for it alone and streamed.

The people come from populations that no study draws from, so that all people of a study are unknown
to these weights.
"""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from handid import backbone, disk, embed, fingerprint, method, metric, recipes, synthetic, train
from handid.image.augment import Window
from handid.image.sampler import plain_order
from handid.study import notes
from handid.study.experiment import REGISTRIES
from handid.study.machine import environment
from handid.synthetic import caption

# Studies draw population 0. One population to train on, another to validate on.
TRAINED, WATCHED = 1_000_003, 1_000_033
SHARD_PEOPLE, SHOTS = 32, 2
HEIGHT = 144  # of a drawn frame, pixels: a little more than the minis see
GROUP = 8  # shards that are mixed, and drawn ahead
RENDERER = ("synthetic.person.person", "synthetic.photograph.photograph")
# All code that makes the weights, as fingerprint.code names it.
TRAINING = (
    "study.pretrain.Hands",
    "study.pretrain._groups",
    "image.augment.Window",
    "image.sampler.plain_order",
    "method.clip_pretrain",
    "backbone.clip.Backbone",
    "train.fit",
)


@dataclass(frozen=True)
class Shard:
    """The photographs of some people, and the facts of each.

    Attributes:
        images: [N, HEIGHT, W, 3] uint8, on disk until read.
        facts: N dicts, see synthetic.photograph.
    """

    images: np.ndarray
    facts: list[dict]


class Hands:
    """Shards of a population on disk, each drawn when it is first asked for.

    Args:
        folder: gets one folder per population and version of the renderer.
        population: seed of people and photographs.
        camera: see synthetic.photograph.
        workers: processes that draw; all cores if None.
    """

    def __init__(
        self, folder: str | Path, population: int, camera: str, workers: int | None = None
    ):
        code, shape = fingerprint.code(*RENDERER), f"{SHARD_PEOPLE}x{SHOTS}-{HEIGHT}"
        self.folder = Path(folder) / f"{population}-{camera}-{shape}-{code}"
        self.population, self.camera = population, camera
        self.workers = workers or os.cpu_count()

    def stream(self, numbers: list[int], ahead: int = GROUP) -> Iterator[Shard]:
        """The shards of these numbers in this order; while one is used the next are drawn."""
        context = get_context("forkserver")  # a fork of a process that runs torch may hang
        with ProcessPoolExecutor(self.workers, mp_context=context) as pool:
            jobs: dict[int, Future] = {}
            for place, number in enumerate(numbers):
                for early in numbers[place : place + ahead + 1]:
                    if early not in jobs and not self._facts(early).exists():
                        files = self._images(early), self._facts(early)
                        jobs[early] = pool.submit(
                            _draw_shard, self.population, self.camera, early, *files
                        )
                if number in jobs:
                    jobs[number].result()
                images = np.load(self._images(number), mmap_mode="r")
                yield Shard(images, json.loads(self._facts(number).read_text(encoding="utf-8")))

    def _images(self, number: int) -> Path:
        return self.folder / f"{number:05d}.npy"

    def _facts(self, number: int) -> Path:
        return self.folder / f"{number:05d}.json"


def _draw_shard(population: int, camera: str, number: int, images: Path, facts: Path) -> None:
    """Draw one shard; its facts are written last and show that it is complete."""
    pictures, rows = [], []
    for subject in range(number * SHARD_PEOPLE, (number + 1) * SHARD_PEOPLE):
        person = synthetic.person(population, subject)
        for view in synthetic.VIEWS:
            for shot in range(SHOTS):
                picture, row = synthetic.photograph(
                    person, view, shot, size=HEIGHT, seed=population, camera=camera
                )
                pictures.append(picture)
                rows.append({"subject": subject, "view": view} | row)
    with disk.whole(images) as part:
        np.save(part, np.stack(pictures), allow_pickle=False)
    with disk.whole(facts) as part:
        part.write_text(json.dumps(rows), encoding="utf-8")


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
    """Pre-train a backbone from random weights, or resume an interrupted call.

    Args:
        name: a key of backbone.ARCHITECTURES.
        work: folder for drawn hands, checkpoints and the finished weights.
        shards: how many shards of 32 people there are to draw from.
        shards_per_epoch: how many of them, chosen at random, make an epoch.
        changes: values of the recipe clip_pretrain to replace.
        seed: of weights, order, windows and captions.
        device: as torch names it, or "auto".
        precision: "auto", "fp32", "bf16" or "fp16".
        workers: processes that draw.

    Raises:
        ValueError: one sentence for a count, a recipe value or a backbone that does not fit.
    """
    if not 1 <= shards_per_epoch <= shards:
        raise ValueError(f"shards_per_epoch={shards_per_epoch} must lie between 1 and {shards}.")
    notes.into_page()
    engine = train.Engine((device := train.device(device)), train.precision(precision, device))
    plan = recipes.load("clip_pretrain", backbone.architecture(name).family, changes)
    hands = Hands(Path(work) / "pretrain" / "hands", TRAINED, "wild", workers)
    teacher, teacher_card = _teacher(plan.teacher, engine)
    key = [name, plan.model_dump(), shards, shards_per_epoch, seed, engine.precision]
    key = fingerprint.digest([*key, fingerprint.code(*TRAINING, stop=REGISTRIES), teacher_card])
    folder = Path(work) / "pretrain" / f"{name.replace('/', '-')}-{key}"
    base = backbone.build(name, "random", last_stride=plan.last_stride, seed=seed)
    assert isinstance(base, backbone.Backbone)  # the recipe has refused all other families
    choices = [backbone.tokenise(list(sentences)) for sentences in caption.CHOICES.values()]
    torch.manual_seed(seed)  # of the head
    network = method.build(plan.method, base, n_identities=0, choices=choices, teacher=teacher)
    window = Window(base.image_size, jitter=plan.augment.jitter, mean_std=plan.mean_std)

    def batches(stage, generator):
        chosen = torch.randperm(shards, generator=generator)[:shards_per_epoch].tolist()
        for images, words in _groups(hands, chosen, generator):
            for rows in plain_order(range(len(words)), stage.batch_size, generator):
                batch = images[rows].to(engine.device)
                yield window(batch, generator), words[rows].to(engine.device)

    others = Hands(hands.folder.parent, WATCHED, "11k", workers)
    validate = _validation(others, base.image_size, plan)
    history = train.fit(network, plan, batches, validate, folder, engine, seed=seed)
    weights, people = folder / f"{name}.safetensors", shards * SHARD_PEOPLE
    card = {
        "sha256": backbone.save(base, _words(hands), weights),
        **{"people": people, "population": hands.population, "seed": seed},
        **teacher_card,
        "pictures": people * SHOTS * len(synthetic.VIEWS),
        **_summary(history),
        "renderer": fingerprint.code(*RENDERER),
        "precision": engine.precision,
        **environment(engine.device),
    }
    disk.write_json(folder / f"{name}.json", card)
    return Pretraining(history, weights, card)


def _teacher(name: str, engine: train.Engine) -> tuple[nn.Module | None, dict[str, str]]:
    """A backbone with the weights that ship, and the card's lines about it."""
    if not name:
        return None, {}
    teacher = backbone.build(name, "mini", last_stride=2).to(engine.device)
    return teacher, {"teacher": name, "teacher_sha256": backbone.shipped()[name]["sha256"]}


def _groups(
    hands: Hands, chosen: list[int], generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """[N, H, W, 3] images and [N, C + L] labels of GROUP shards at a time; captions drawn anew."""
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
