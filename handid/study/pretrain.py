"""Pre-train a small CLIP on captioned synthetic hands, drawn for this alone and streamed.

Beside study the one room that knows others. The people come from populations that no study draws
from, so that a study's people are as new to these weights as a stranger.
"""

import json
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from handid import (
    backbone,
    caption,
    disk,
    embed,
    image,
    method,
    metric,
    recipes,
    record,
    synthetic,
    train,
)

# Studies draw population 0. One population to train on, one to watch the training with.
TRAINED, WATCHED = 1_000_003, 1_000_033
SHARD_PEOPLE, SHOTS = 32, 2
HEIGHT = 144  # of a drawn frame, pixels: a little more than the minis see
GROUP = 8  # shards that are mixed, and drawn ahead


@dataclass(frozen=True)
class Shard:
    """Some people's photographs and what the renderer knows of each.

    Attributes:
        images: [N, HEIGHT, W, 3] uint8, on disk until read.
        facts: N dicts, see synthetic.photograph.
    """

    images: np.ndarray
    facts: list[dict]


class Hands:
    """Shards of a population on disk, each drawn when it is first asked for.

    Args:
        folder: gets a folder a population and version of the renderer.
        population: seed of people and photographs.
        camera: see synthetic.photograph.
        workers: processes that draw; all cores if None.
    """

    def __init__(
        self, folder: str | Path, population: int, camera: str, workers: int | None = None
    ):
        code, what = record.code_fingerprint("synthetic.py"), f"{SHARD_PEOPLE}x{SHOTS}-{HEIGHT}"
        self.folder = Path(folder) / f"{population}-{camera}-{what}-{code}"
        self.population, self.camera = population, camera
        self.workers = workers or os.cpu_count()

    def stream(self, numbers: list[int], ahead: int = GROUP) -> Iterator[Shard]:
        """The shards of those numbers in that order; while one is used the next are drawn."""
        context = get_context("forkserver")  # a fork of a process that runs torch may hang
        with ProcessPoolExecutor(self.workers, mp_context=context) as pool:
            drawn: dict[int, Future] = {}
            for place, number in enumerate(numbers):
                for early in numbers[place : place + ahead + 1]:
                    if early not in drawn and not self._facts(early).exists():
                        files = self._images(early), self._facts(early)
                        job = self.population, self.camera, early, *files
                        drawn[early] = pool.submit(_draw_shard, *job)
                if number in drawn:
                    drawn[number].result()
                images = np.load(self._images(number), mmap_mode="r")
                yield Shard(images, json.loads(self._facts(number).read_text(encoding="utf-8")))

    def _images(self, number: int) -> Path:
        return self.folder / f"{number:05d}.npy"

    def _facts(self, number: int) -> Path:
        return self.folder / f"{number:05d}.json"


def _draw_shard(population: int, camera: str, number: int, images: Path, facts: Path) -> None:
    """Draw one shard; its facts are written last and say that it is whole."""
    pictures, known = [], []
    for subject in range(number * SHARD_PEOPLE, (number + 1) * SHARD_PEOPLE):
        who = synthetic.person(population, subject)
        for view in synthetic.VIEWS:
            for shot in range(SHOTS):
                drawn = synthetic.photograph(
                    who, view, shot, size=HEIGHT, seed=population, camera=camera
                )
                pictures.append(drawn[0])
                known.append({"subject": subject, "view": view} | drawn[1])
    with disk.whole(images) as part:
        np.save(part, np.stack(pictures), allow_pickle=False)
    with disk.whole(facts) as part:
        part.write_text(json.dumps(known), encoding="utf-8")


@dataclass(frozen=True)
class Pretraining:
    """A finished pre-training.

    Attributes:
        history: a row an epoch, see train.fit; `validation` is the mAP of strangers' hands.
        weights: the small file that backbone.build reads.
        card: what made it: data, steps, seed, hardware, sha256.
    """

    history: pd.DataFrame
    weights: Path
    card: dict


def pretrain(  # noqa: PLR0913 - one argument for each thing a user may want to choose
    name: str,
    work: str | Path,
    *,
    shards: int,
    shards_an_epoch: int,
    changes: dict | None = None,
    seed: int = 0,
    device: str = "auto",
    precision: str = "fp32",
    workers: int | None = None,
) -> Pretraining:
    """Pre-train a backbone from random weights, or go on where an earlier call was stopped.

    Args:
        name: a key of backbone.ARCHITECTURES.
        work: folder for drawn hands, checkpoints and the finished weights.
        shards: how many shards of 32 people there are to draw from.
        shards_an_epoch: how many of them, chosen at random, make an epoch.
        changes: values of the recipe clip_pretrain to replace.
        seed: of weights, order, windows and captions.
        device: as torch names it, or "auto".
        precision: "fp32", "bf16" or "fp16".
        workers: processes that draw.

    Raises:
        ValueError: one sentence for a count or a recipe value that does not fit.
    """
    if not 1 <= shards_an_epoch <= shards:
        raise ValueError(f"shards_an_epoch={shards_an_epoch} must lie between 1 and {shards}.")
    engine = train.Engine(train.device(device), precision)
    plan = recipes.load("clip_pretrain", backbone.architecture(name).family, changes)
    hands = Hands(Path(work) / "pretrain" / "hands", TRAINED, "wild", workers)
    code = record.code_fingerprint("method/clip_pretrain.py", "caption.py", "synthetic.py")
    teacher, taught = _teacher(plan.teacher, engine)
    content = [name, plan.model_dump(), shards, shards_an_epoch, seed, engine.precision, code]
    content += [taught]
    folder = Path(work) / "pretrain" / f"{name.replace('/', '-')}-{record.digest(content)}"
    base = backbone.build(name, "random", last_stride=plan.last_stride, seed=seed)
    choices = [backbone.tokenise(list(sentences)) for sentences in caption.CHOICES.values()]
    torch.manual_seed(seed)  # of the head
    network = method.build(plan.method, base, n_identities=0, choices=choices, teacher=teacher)
    window = image.Window(base.image_size, jitter=plan.augment.jitter, mean_std=plan.mean_std)

    def batches(stage, generator):
        chosen = torch.randperm(shards, generator=generator)[:shards_an_epoch].tolist()
        for images, words in _groups(hands, chosen, generator):
            for rows in image.plain_order(words, stage.batch_size, generator):
                batch = images[rows].to(engine.device)
                yield window(batch, generator), words[rows].to(engine.device)

    strangers = Hands(hands.folder.parent, WATCHED, "11k", workers)
    validate = _watch(strangers, base.image_size, plan)
    history = train.fit(network, plan, batches, validate, folder, engine, seed=seed)
    made = {"people": shards * SHARD_PEOPLE, "population": hands.population, "seed": seed} | taught
    return _finish(name, base, hands, folder, history, made, engine)


def _teacher(name: str, engine: train.Engine) -> tuple[nn.Module | None, dict]:
    """A backbone with the weights that ship, and what the card says of it."""
    if not name:
        return None, {}
    teacher = backbone.build(name, "mini", last_stride=2).to(engine.device)
    return teacher, {"teacher": name, "teacher_sha256": backbone.shipped()[name]["sha256"]}


def _groups(hands: Hands, chosen: list[int], generator: torch.Generator) -> Iterator[tuple]:
    """[N, H, W, 3] images and [N, C + L] labels of GROUP shards at a time; captions drawn anew."""
    group: list[Shard] = []
    for place, shard in enumerate(hands.stream(chosen), start=1):
        group.append(shard)
        if len(group) == GROUP or place == len(chosen):
            rng = np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))
            known = [facts for one in group for facts in one.facts]
            true = torch.tensor([caption.choices(facts) for facts in known])
            words = backbone.tokenise([caption.caption(facts, rng) for facts in known])
            images = torch.from_numpy(np.concatenate([one.images for one in group]))
            yield images, torch.cat([true, words], dim=1)
            group = []


def _watch(hands: Hands, size: int, plan: recipes.Recipe):
    """Rank the first photograph of each hand of 64 strangers for its second one: mAP."""
    shards = list(hands.stream([0, 1]))
    images = torch.from_numpy(np.concatenate([one.images for one in shards]))
    whole = image.Window(size, ((1.0, 1.0), (1.0, 1.0)), mean_std=plan.mean_std)
    identity = [f"{facts['subject']} {facts['view']}" for one in shards for facts in one.facts]

    def prepare(batch):
        return whole(batch, torch.Generator())

    def validate(network: nn.Module) -> float:
        found = embed.embed(network, images.numpy(), prepare, flip_average=False)
        return metric.evaluate(
            found[1::SHOTS], found[::SHOTS], identity[1::SHOTS], identity[::SHOTS]
        ).mAP

    return validate


def _finish(name, base, hands, folder, history, made, engine) -> Pretraining:  # noqa: PLR0913
    """Write the small weights and their card."""
    weights = folder / f"{name}.safetensors"
    card = {
        "sha256": backbone.save(base, _words(hands), weights),
        **made,
        "pictures": made["people"] * SHOTS * len(synthetic.VIEWS),
        "epochs": len(history),
        "images_seen": int((history["seconds"] * history["images_per_second"]).sum().round()),
        "training_hours": round(float(history["seconds"].sum()) / 3600, 2),
        "validation_mAP": round(float(history["validation"].iloc[-1]), 4),
        "renderer": record.code_fingerprint("synthetic.py"),
        "precision": engine.precision,
        **record.environment(engine.device),
    }
    with disk.whole(folder / f"{name}.json") as part:
        part.write_text(json.dumps(card, indent=1), encoding="utf-8")
    return Pretraining(history, weights, card)


def _words(hands: Hands) -> torch.Tensor:
    """[W] the numbers of all tokens that captions, questions and the methods' prompt hold."""
    rng, texts = np.random.default_rng(0), [backbone.PROMPT.format("")]
    texts += [said for q in caption.QUESTIONS for answer in q.answers.values() for said in answer]
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
    """What is known of the weights that ship: a card a row, and each model's history."""
    cards = pd.DataFrame([{"backbone": name} | card for name, card in backbone.shipped().items()])
    names = [] if cards.empty else cards["backbone"]
    return cards, {n: pd.read_csv(backbone.SHIPPED_FOLDER / f"{n}.csv") for n in names}
