"""What a plan costs: trainings, embeddings and evaluations by notebook, and hours on so many GPUs.

Lengths of trainings follow from speeds that `benchmarks/gpu.py` measured; whatever else a study
does, such as embedding and ranking, is left out.
"""

import heapq
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from handid import disk, fingerprint, recipes
from handid.runner import rehearsal
from handid.runner.plan import Plan
from handid.runner.rehearsal import Asked, Experiment

MEASURED = fingerprint.PACKAGE.parent / "benchmarks" / "results.csv"
GPUS = (1, 4, 16, 64)
# Training images of the papers' targets (validation left out), as in benchmarks/gpu.py.
IMAGES = {"11k dorsal right": 890, "11k dorsal left": 735, "11k palmar right": 905}
IMAGES |= {"11k palmar left": 928, "HD": 2156}
STAND_IN = {"vit": ("CLIP-HandID", "ViT-B/16"), "resnet": ("CLIP-HandID", "RN50")}
STAND_IN |= {"cnn": STAND_IN["resnet"]}


def asked(plan: Plan) -> dict[str, Asked]:
    """What each selected notebook asks for, in the order in which they run."""
    return {
        stem: rehearsal.rehearse(task.notebook, task.notebook.defaults | task.injected)
        for stem, task in plan.tasks.items()
    }


def lines(plan: Plan, wanted: Mapping[str, Asked]) -> dict[str, str]:
    """By notebook: what it asks for in words; a training that two ask for is the first one's."""
    there, seen, said = found(plan.work), set(), {}
    for stem, own in wanted.items():
        new = {key for key in map(_key, own.trainings) if key not in seen}
        seen |= new
        done = len(new & there)
        said[stem] = (
            f"{'' if own.whole else 'at least '}trainings {len(own.trainings)} (new {len(new)}, of "
            f"these done {done}), embeddings {len(own.embeddings)}, evaluations {own.evaluations}"
        )
    return said


def found(work: Path) -> set[str]:
    """Trainings that lie finished in a folder of products, whatever code and data made them."""
    folders = [file.parent for file in (work / "experiments").glob("*/weights.safetensors")]
    contents = [disk.read_json(folder / "experiment.json") for folder in folders]
    return {
        _same(content | {"target": " ".join(filter(None, content.get("target", [])))})
        for content in contents
        if "recipe" in content
    }


def _key(one: Experiment) -> str:
    recipe = rehearsal.loaded(one.recipe, one.backbone, json.loads(one.changes), one.control)
    own = {"recipe": json.loads(recipe.model_dump_json()) if recipe else {}}
    return _same(own | {"backbone": one.backbone, "target": one.target, "seed": one.seed})


def _same(content: Mapping[str, Any]) -> str:
    """A text that two trainings share where nothing but a name parts them."""
    recipe = {key: value for key, value in content["recipe"].items() if key not in recipes.NAMES}
    return json.dumps([recipe, *(content.get(name) for name in ("backbone", "target", "seed"))])


# --- how long -------------------------------------------------------------------------------------


def speeds(file: Path = MEASURED) -> dict[tuple[str, str], float]:
    """Images a second of a training by method and backbone, the best way that was measured."""
    if not file.is_file():
        return {}
    table = pd.read_csv(file)
    rows = table[(table["benchmark"] == "gpu") & (table["unit"] == "images/s")]
    rows = rows[rows["note"].str.startswith("methods,")]
    best: dict[tuple[str, str], float] = {}
    for variant, speed in zip(rows["variant"], rows["value"], strict=True):
        method, base = variant.partition(":")[0].rsplit(", ", 1)  # "CLIP-FT, RN50: bf16, graph"
        best[method, base] = max(float(speed), best.get((method, base), 0.0))
    return best


def hours(one: Experiment, known: Mapping[tuple[str, str], float]) -> tuple[float, bool] | None:
    """How long a training takes on one GPU, and whether its method's speed was measured.

    None where the number of its photographs is not known here.
    """
    recipe = rehearsal.loaded(one.recipe, one.backbone, json.loads(one.changes), one.control)
    people, images = one.drawn
    n_images = people // 2 * images or IMAGES.get(one.target, 0)
    if recipe is None or n_images <= 0:
        return None
    family = rehearsal.family(one.backbone)
    published = rehearsal.loaded(recipe.full_size or one.recipe, one.backbone)
    speed = known.get((published.title, one.backbone)) if published else None
    epochs = sum(stage.epochs for stage in recipe.stages)
    seconds = n_images * epochs / (speed or known[STAND_IN[family]])
    return seconds / 3600, speed is not None


def makespan(jobs: Iterable[float], workers: int) -> float:
    """Hours until all jobs are done, each begun in order as soon as a worker is free."""
    free = [0.0] * workers
    for length in jobs:
        heapq.heappush(free, heapq.heappop(free) + length)
    return max(free)


def summary(wanted: Mapping[str, Asked], known: Mapping[tuple[str, str], float]) -> list[str]:
    """Lines on all trainings: how many, how long on GPUS, and whose speed is borrowed.

    Two ways: as notebooks run, one after the other, each waiting for the trainings of a call before
    it makes the next; and all trainings as one list, which no plan of so many can beat by much.
    """
    calls = list(_new(call for own in wanted.values() for call in own.calls))
    each = {one: hours(one, known) for call in calls for one in call} if known else {}
    lengths = {one: length for one, length in each.items() if length is not None}
    total = sum(len(call) for call in calls)
    at_least = "" if all(own.whole for own in wanted.values()) else "at least "
    said = [f"{at_least}{total} different trainings"]
    if not lengths:
        return said
    busy = sum(length for length, _ in lengths.values())
    said[0] += f", {busy:.1f} hours on one GPU like the one of benchmarks/results.csv"
    batches = [[lengths[one][0] for one in call if one in lengths] for call in calls]
    for count in GPUS:
        ways = [sum(makespan(call, count) for call in batches)]
        ways.append(makespan([length for call in batches for length in call], count))
        idle = [max(0.0, 100 * (1 - busy / count / way)) for way in ways]
        shown = [f"{way:.2f} h ({idle:.0f} % idle)" for way, idle in zip(ways, idle, strict=True)]
        noun = "GPU" if count == 1 else "GPUs"
        said.append(f"{count} {noun}: {shown[0]} call by call, {shown[1]} as one list")
    return said + _doubts(each)


def _new(calls: Iterable[Sequence[Experiment]]) -> Iterable[list[Experiment]]:
    """Of each call the trainings that no call before it asked for."""
    seen: set[str] = set()
    for call in calls:
        new = {_key(one): one for one in call if _key(one) not in seen}
        seen |= set(new)
        if new:
            yield list(new.values())


def _method(one: Experiment) -> str:
    recipe = rehearsal.loaded(one.recipe, one.backbone)
    return recipe.method if recipe else one.recipe


def _doubts(each: Mapping[Experiment, tuple[float, bool] | None]) -> list[str]:
    """Which trainings have no measured speed, and which could not be counted at all."""
    borrowed = sorted({_method(one) for one, of in each.items() if of and not of[1]})
    unknown = sorted({one.target for one, of in each.items() if of is None})
    said = []
    if borrowed:
        said.append(
            "methods without a speed measured on a GPU, counted with CLIP-HandID's on ViT-B/16 or "
            f"RN50: {', '.join(borrowed)}"
        )
    if unknown:
        said.append(
            f"not counted, for the number of photographs is not known: {', '.join(unknown)}"
        )
    return said
