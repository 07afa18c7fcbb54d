"""GPU memory of a training step of every method at its recipe's batch: the table of docs/speed.md.

Counted without a GPU by handid/study/memory.py.
"""

import argparse
import warnings
from typing import Any

import torch

from handid import backbone, method, recipes, train
from handid.image import augment
from handid.recipes import Recipe
from handid.study import memory

METHODS = {
    "clip_ft": ("ViT-B/16", "RN50"),
    "clip_handid": ("ViT-B/16", "RN50"),
    "clip_reid": ("ViT-B/16", "RN50"),
    "promptsg": ("ViT-B/16", "RN50"),
    "cnn_baseline": ("ResNet50", "VGG19-bn"),
    "gpa_net": ("ResNet50",),
    "mba_net": ("ResNet50",),
    "abd_net": ("ResNet50",),
    "rga_net": ("ResNet50",),
}
PRECISIONS = ("fp32", "bf16")
N_IDENTITIES = 72  # 11k Hands, dorsal right
GIB = 2**30


def needs(name: str, base: str) -> dict[str, Any]:
    """A row of the table: the stage of a method that needs most."""
    plan = recipes.load(name, backbone.architecture(base).family)
    side = plan.image_size or backbone.architecture(base).image_size
    example = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    pixels = augment.normalise(example, plan.mean_std, plan.portrait).shape[1:]
    stages = [stage for stage in plan.stages if not stage.encode_once]
    row: dict[str, Any] = {"method": f"{plan.title}, {base}"}
    row["batch"] = max(stage.batch_size for stage in stages)
    row["pixels"] = " x ".join(str(length) for length in pixels[1:])
    for precision in PRECISIONS:
        engine = train.Engine(precision=precision)
        most = max(
            memory.count(build(plan, base), stage, (stage.batch_size, *pixels), engine)
            for stage in stages
        )
        row[f"{precision}, GiB"] = f"{most / GIB:.1f}"
    return row


def build(plan: Recipe, base: str) -> method.Method:
    """The method of a recipe on a backbone with random weights."""
    shape = {"last_stride": plan.last_stride, "image_size": plan.image_size}
    encoder = backbone.build(base, "random", **shape)
    return method.build(plan.method, encoder, N_IDENTITIES, **plan.options).train()


def main() -> None:
    argparse.ArgumentParser(description=str(__doc__).splitlines()[0]).parse_args()
    warnings.filterwarnings("ignore")
    for number, (name, base) in enumerate(
        (n, base) for n, all_ in METHODS.items() for base in all_
    ):
        row = needs(name, base)
        if number == 0:
            print("| " + " | ".join(row) + " |\n|" + "---|" * len(row))
        print("| " + " | ".join(str(value) for value in row.values()) + " |", flush=True)


if __name__ == "__main__":
    main()
