"""Does the text branch work at all? A world in which language must help, and one in which it lies.

The positive and the negative control of the text encoder and of the losses between image and text,
on the faint and framed hands of synthetic.framed; what makes a word of a photograph (CLIP-HandID's
inversion network) has no part in them. Identity labels are learned from the frame. Sentences tell
of the hand, so that an encoder that is led by them must look there; sentences about somebody else
must not help.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor

from handid import backbone, embed, fingerprint, method, metric, recipes, tasks, train
from handid.backbone import Backbone
from handid.image import decode
from handid.image.alter import WHOLE
from handid.loss import supervised_contrastive
from handid.method.clip_ft import ClipFT
from handid.recipes import Recipe
from handid.report import claims as judge
from handid.report.rows import Score
from handid.study import network as networks
from handid.study.experiment import training_code
from handid.study.score import tidy
from handid.study.study import Study
from handid.study.training import Batches
from handid.synthetic import caption, framed
from handid.synthetic.framed import World

TRUE, OTHERS = "told", "told:others"
PLAIN, SILENT = "clip_ft_mini", "clip_handid_mini:zero_token"
TITLES = {
    PLAIN: "CLIP-FT",
    SILENT: "CLIP-HandID, a word that says nothing",
    TRUE: "CLIP-FT with sentences about the hand",
    OTHERS: "CLIP-FT with sentences about somebody else's hand",
}
CLAIMS = judge.claims(
    [
        ["Sentences about the hand add to identity labels.", TRUE, PLAIN],
        ["Sentences must be about this hand.", TRUE, OTHERS],
        ["Sentences about somebody else's hand add to identity labels.", OTHERS, PLAIN],
        ["A word that says nothing adds to identity labels.", SILENT, PLAIN],
    ]
)
_EXPECTED = dict(
    zip((c.sentence for c in CLAIMS), ("yes", "yes", "no more", "no more"), strict=True)
)
RUNS = 10  # draws of query and gallery
LEAST_PEOPLE = 12  # so that others' sentences are of other people
SENTENCES = 16  # for each person
SHIFT = 5  # whose sentences somebody gets where they are of another: so many people further on
TEXT_WEIGHT = 3.0  # of each loss between image and text
_RECORDED = fingerprint.PACKAGE / "study" / "recorded_control.csv"


class Told(ClipFT):
    """CLIP-FT with CLIP-HandID's losses (eq. 6, 7) towards sentences that it is given.

    Args:
        backbone: a CLIP.
        sentences: of each identity, as many as of every other; a photograph meets one of them.
        temperature: tau of both equations.
        options: of ClipFT.
    """

    texts: Tensor  # [K, S, D]

    def __init__(
        self,
        backbone: Backbone,
        sentences: Sequence[Sequence[str]],
        *,
        temperature: float,
        **options,
    ):
        super().__init__(backbone, len(sentences), **options)
        self.temperature = temperature
        with torch.no_grad():
            texts = torch.stack([backbone.encode_text(list(own)) for own in sentences])
        self.register_buffer("texts", texts.float(), persistent=False)

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The identity losses, `image_to_text` and `text_to_image`."""
        features = self.backbone(images)
        image, one = features["proj"], torch.randint(self.texts.shape[1], labels.shape)
        text = self.texts[labels, one.to(labels.device)]
        return {
            **self._identity_losses(features, labels),
            "image_to_text": supervised_contrastive(image, text, labels, self.temperature),
            "text_to_image": supervised_contrastive(text, image, labels, self.temperature),
        }


def sentences(world: World, shift: int = 0) -> list[list[str]]:
    """SENTENCES about each person who trains.

    Args:
        world: whose facts are told.
        shift: told of the person so many places further on; 0 for the truth.
    """
    rng, people = np.random.default_rng(framed.POPULATION), world.people
    told = []
    for person in np.unique(people[world.trains]):
        rows = rng.choice(np.flatnonzero(people == person), SENTENCES)
        told.append([caption.about_person(world.facts[row], rng) for row in rows])
    return told[shift:] + told[:shift]


def examples(people: int = 6) -> tuple[list[np.ndarray], list[str]]:
    """Two photographs each of some people of the world, and what each is for."""
    world = framed.draw(people, 2)
    roles = np.where(world.trains, "trains", "tests")
    return list(world.images), [
        f"{r}: person {p + 1}" for r, p in zip(roles, world.people, strict=True)
    ]


def verdict(lab: Study, seeds: Sequence[int], people: int, photographs: int = 8) -> pd.DataFrame:
    """What became of CLAIMS: of the two that must hold, and of the two that must not.

    Args:
        lab: see `scores`.
        seeds: one training of each system per seed; none for the table that was recorded with this
            package, see benchmarks/README.md.
        people: drawn, half of whom train: 12 or more.
        photographs: of each, 2 or more.

    Returns:
        As claims.judged, with `expected`: "yes" for a claim that must hold, else "no more".

    Raises:
        ValueError: one sentence, for too few people or photographs, or seeds that are none.
    """
    if not seeds:
        return pd.read_csv(_RECORDED)
    for number, least, name in ((people, LEAST_PEOPLE, "people"), (photographs, 2, "photographs")):
        if type(number) is not int or number < least:
            raise ValueError(f"{number!r} {name} are not enough to ask: draw {least} or more.")
    seeds = lab.having(seeds=list(seeds)).settings.seeds
    judged = judge.judged(scores(lab, seeds, people, photographs), CLAIMS)
    return judged.assign(expected=[_EXPECTED[claim] for claim in judged["claim"]])


def title(seeds: Sequence[int]) -> str:
    """Of a table of controls: says on whose hands, and if they were recorded."""
    return f"synthetic, faint and framed hands{'' if seeds else ', recorded'}"


def scores(lab: Study, seeds: Iterable[int], people: int, photographs: int) -> list[Score]:
    """Train each system of TITLES on the world, and ask it of the people who did not train.

    Args:
        lab: its first backbone, a CLIP of the package; folder, device and precision.
        seeds: one training of each system per seed.
        people: drawn, half of whom train.
        photographs: of each.
    """
    world = framed.draw(people, photographs)
    return [_score(lab, world, key, seed) for seed in seeds for key in TITLES]


def _name(lab: Study) -> str:
    return lab.settings.backbones[0]


def _weights(lab: Study) -> str:
    return lab.settings.weights or backbone.own_weights(_name(lab))


def _plan(lab: Study, key: str) -> Recipe:
    """The recipe that gives options and schedule; all systems have the same schedule."""
    family = backbone.architecture(_name(lab)).family
    if key == PLAIN:
        return recipes.load("clip_ft_mini", family)
    weights = dict.fromkeys(("image_to_text", "text_to_image"), TEXT_WEIGHT)
    return recipes.load("clip_handid_mini", family, {"loss_weights": weights}, "zero_token")


def _score(lab: Study, world: World, key: str, seed: int) -> Score:
    plan, rows = _plan(lab, key), np.flatnonzero(~world.trains)
    network = _trained(lab, world, key, plan, seed)
    size = cast(Backbone, network.backbone).image_size
    vectors = embed.embed(
        network,
        _squares(world, rows, plan, size),
        networks.prepared(plan),
        flip_average=plan.flip_average,
        autocast=lab.engine.autocast,
    )
    answers = pd.concat(list(_answers(vectors, world.people[rows])), ignore_index=True)
    asked, count = f"drawn {framed.VIEW}, faint and framed", answers["subject"].nunique()
    head = {
        **{"system": key, "method": TITLES[key], "backbone": _name(lab), "image": WHOLE},
        **{"train_set": asked, "test_set": asked, "task": tasks.PAPERS, "seed": seed},
        **{"n_queries": len(answers) // RUNS, "n_gallery": count, "n_subjects": count},
        **{"synthetic": True, "mirror": plan.flip_average},
    }
    return Score(tidy(head, answers), answers, np.empty(0))


def _answers(vectors: np.ndarray, people: np.ndarray) -> Iterator[pd.DataFrame]:
    """Per run: one photograph of each person is the gallery, all others ask."""
    rng = np.random.default_rng(framed.POPULATION)
    for run in range(RUNS):
        gallery = [rng.choice(np.flatnonzero(people == one)) for one in np.unique(people)]
        asks = np.setdiff1d(np.arange(len(people)), gallery)
        found = metric.evaluate(vectors[asks], vectors[gallery], people[asks], people[gallery])
        yield found.per_query.assign(run=run, subject=people[asks], path=asks.astype(str))


def _trained(lab: Study, world: World, key: str, plan: Recipe, seed: int) -> method.Method:
    """The system after its training, which goes on where it was stopped."""
    name, rows = _name(lab), np.flatnonzero(world.trains)
    torch.manual_seed(seed)
    base = backbone.build(name, _weights(lab), last_stride=plan.last_stride)
    network = _network(key, plan, cast(Backbone, base), world)
    folder = _folder(lab, world, key, plan, seed)
    images = _squares(world, rows, plan, round(base.image_size * plan.augment.resize))
    batches = Batches(images, world.people[rows], plan, base.image_size, lab.engine.device)
    train.fit(network, plan, batches, None, folder, lab.engine, seed=seed)
    return network


def _folder(lab: Study, world: World, key: str, plan: Recipe, seed: int) -> Path:
    """Where a training is kept: named after all that decides its weights."""
    name = _name(lab)
    made = [key, seed, name, _weights(lab), str(lab.engine.precision), plan.model_dump()]
    made += [world.people.tolist(), fingerprint.code("study.control.scores")]
    made += [training_code(plan, name)]
    return Path(lab.settings.work) / "control" / fingerprint.digest(made)


def _network(key: str, plan: Recipe, base: Backbone, world: World) -> method.Method:
    if key not in (TRUE, OTHERS):
        return method.build(plan.method, base, len(set(world.people[world.trains])), **plan.options)
    told = sentences(world, shift=SHIFT if key == OTHERS else 0)
    options = {k: plan.options[k] for k in ("heads", "label_smoothing", "temperature")}
    return Told(base, told, **options)


def _squares(world: World, rows: np.ndarray, plan: Recipe, side: int) -> np.ndarray:
    """[rows, side, side, 3] uint8."""
    shape = plan.geometry, side
    return np.stack([decode.fit(Image.fromarray(one), shape) for one in world.images[rows]])
