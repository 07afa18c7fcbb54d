"""One experiment as the papers' public code runs it, beside ours, on the same photographs.

Training on one view of a set like 11k Hands for one epoch of CLIP-HandID, then ten draws of query
and gallery: images in, training, evaluation and all of it, in seconds, in turn. "Images in" is what
opening photographs takes: of the plain way, a pass of its loaders without a network, which its
training and evaluation contain; of ours, the first decoding, which stands before them. Weights are
random, photographs synthetic, 1600 x 1200.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import plain
import torch
from PIL import Image
from results import report

from handid import backbone, data, method, protocol, recipes, synthetic
from handid.study import Study

VIEW = "dorsal right"
PARTS = ("images in", "training", "evaluation", "total")


def draw(folder: Path, people: int, images: int) -> None:
    """A synthetic set in the form of 11k Hands, each photograph enlarged to 11k's size."""
    synthetic.write_11k(folder, subjects=people, images=images, progress=False)
    for file in sorted((folder / "Hands").glob("*.jpg")):
        with Image.open(file) as small:
            large = small.resize((1600, 1200), Image.Resampling.BICUBIC)
        large.save(file, quality=92)


def seconds(task: Callable[[], object]) -> float:
    """How long a task takes."""
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def our_way(folder: Path, options: argparse.Namespace) -> list[float]:
    """Seconds of PARTS: the study's own way, its products in a folder of their own."""
    one_epoch = {"epochs": 1}
    with tempfile.TemporaryDirectory() as work:
        settings = {"work": work, "data": {"11k": str(folder)}, "weights": "random"}
        settings |= {"backbones": [options.backbone], "device": options.device}
        start = time.perf_counter()
        lab = Study(**settings, runs=options.runs)
        given = (options.recipe, options.backbone, lab.targets[0])  # decodes all photographs
        images_in = time.perf_counter() - start
        training = seconds(lambda: lab.experiment(*given, changes=one_epoch))
        experiment = lab.experiment(*given, changes=one_epoch)
        evaluation = seconds(lambda: lab.score(experiment))
    return [images_in, training, evaluation, images_in + training + evaluation]


def plain_way(folder: Path, options: argparse.Namespace) -> list[float]:
    """Seconds of PARTS: the plain way; its images are part of training and evaluation."""
    table = data.read(folder)
    trains, _ = protocol.halves(table, VIEW)
    rows, held_out = protocol.validation(trains, 0)
    splits = list(protocol.monte_carlo(table, VIEW, options.runs))
    plan = recipes.load(options.recipe, backbone.architecture(options.backbone).family)
    base = backbone.build(options.backbone, last_stride=plan.last_stride)
    net = method.build(plan.method, base, rows["identity"].nunique(), **plan.options)
    stage, size, workers = plan.stages[-1], base.image_size, options.workers

    def train() -> None:
        plain.train(net, stage, plain.training_loader(rows, size, stage, workers), options.device)
        plain.embedded(net, held_out, size, options.device, workers)  # validation

    def images() -> None:
        for _ in plain.training_loader(rows, size, stage, workers):
            pass
        for part in (held_out, *(rows for split in splits for rows in split)):
            plain.opened(part, size, workers)

    training = seconds(train)
    evaluation = seconds(lambda: plain.evaluate(net, splits, size, options.device, workers))
    return [seconds(images), training, evaluation, training + evaluation]


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--backbone", default="mini-ViT")
    parser.add_argument("--recipe", default="clip_handid_mini", help="clip_handid for ViT-B/16")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="of torch on the CPU")
    parser.add_argument("--workers", type=int, default=0, help="processes of the plain loaders")
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument("--images", type=int, default=13, help="per person and view; 11k has 13")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "11k"
        draw(folder, options.people, options.images)
        measured = [
            [way(folder, options) for way in (plain_way, our_way)] for _ in range(options.repeats)
        ]
    note = f"{options.recipe}, {options.backbone}, {options.device}, {options.threads} threads, "
    note += f"{options.people} people, {options.images} photographs a view, {options.runs} draws"
    for number, part in enumerate(PARTS):
        names = [f"{part}: {way}" for way in ("public code", "ours")]
        figures = pd.DataFrame([[row[way][number] for way in (0, 1)] for row in measured])
        report("peer", figures.set_axis(names, axis=1), "seconds", reference=names[0], note=note)


if __name__ == "__main__":
    main()
