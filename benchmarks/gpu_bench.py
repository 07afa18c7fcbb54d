"""What the parts of gpu.py share: networks with random weights, batches of noise, ways to run."""

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import torch

from handid import backbone, method, recipes, train
from handid.image import augment, sampler

NETWORKS = [
    *((name, base) for name in ("clip_ft", "clip_handid") for base in ("ViT-B/16", "RN50")),
    *((name, base) for name in ("clip_reid", "promptsg") for base in ("ViT-B/16", "RN50")),
    *(("gpa_net", "ResNet50"), ("mba_net", "ResNet50"), ("abd_net", "ResNet50")),
    *(("rga_net", "ResNet50"), ("cnn_baseline", "ResNet50"), ("cnn_baseline", "VGG19-bn")),
]
MINI = [("clip_ft_mini", "mini-ViT"), ("gpa_net_mini", "EfficientNet-Lite0")]
# Compiling takes a minute or more for each.
COMPILED = [("clip_ft", "ViT-B/16"), ("clip_ft", "RN50"), ("gpa_net", "ResNet50")]
GRAPHS = {"graphs": True}
BOTH = {"compile": True, "graphs": True}
WAYS: dict[str, tuple[str, dict[str, bool]]] = {
    "bf16, graph": ("bf16", GRAPHS),
    "bf16, compiled, graph": ("bf16", BOTH),
    "bf16": ("bf16", {}),
    "fp32": ("fp32", {}),
    "bf16, recomputed": ("bf16", {"recompute": True}),
}
ALONE = {"seconds": 600, "methods": [], "ways": [], "epochs": 0}  # what else a bench is told
N_IDENTITIES = 72  # 11k Hands, dorsal right
Row = tuple[str, float, str]  # variant, value, unit


class Bench:
    """What all parts share.

    Args:
        options: of the command line.
    """

    def __init__(self, options: argparse.Namespace):
        self.mini, self.end = options.mini, time.monotonic() + options.seconds
        self.device = "cpu" if options.mini else "cuda"
        networks = MINI if options.mini else NETWORKS
        wanted = [
            pair for given in options.methods for pair in networks
            if given in (pair[0], "@".join(pair))
        ]  # fmt: skip
        self.networks = wanted or networks
        self.ways, self.epochs = options.ways, options.epochs
        self.steps, self.short = (2, 1) if options.mini else (20, 5)
        self.peaks: dict[str, float] = {}
        self.speeds: dict[tuple[str, str], float] = {}
        self.failures: list[str] = []

    def engine(self, precision: str, **how: bool) -> train.Engine:
        """Where and how a part runs."""
        return train.Engine(self.device, precision, progress=False, **how)

    def chosen_ways(self, name: str, base: str) -> Iterator[tuple[str, str, dict[str, bool]]]:
        """Label, precision and the engine's options, for a method."""
        for label, (precision, how) in WAYS.items():
            if label in self.ways and ("compile" not in how or (name, base) in COMPILED):
                yield label, precision, how

    def fails(self, what: str, error: Exception) -> None:
        """Note a failure and go on."""
        self.failures.append(what)
        reason = str(error).partition("\n")[0]
        print(f"{what} failed: {type(error).__name__}: {reason}", flush=True)

    def wait(self) -> None:
        """Until the GPU has done what it was given."""
        if self.device == "cuda":
            torch.cuda.synchronize()


STEADY = {"warmup_epochs": 0, "milestones": [], "schedule": "step"}


def network(
    name: str, base: str, mini: bool, changes: dict[str, Any] = STEADY
) -> tuple[method.Method, Any, int]:
    """A method with random weights, its recipe, and its images' side."""
    changes = changes | ({"batch_size": 4, "images_per_identity": 2} if mini else {})
    plan = recipes.load(name, backbone.architecture(base).family, changes)
    shape = {"last_stride": plan.last_stride, "image_size": plan.image_size}
    encoder = backbone.build(base, "random", **shape)
    net = method.build(plan.method, encoder, N_IDENTITIES, **plan.options)
    return net, plan, encoder.image_size


def batches(plan: Any, size: int, steps: int, device: str) -> Callable[..., Iterable]:
    """Augmented batches of noise that is on the device, as study.training makes them."""
    side, extra = round(size * plan.augment.resize), plan.augment
    count = plan.stages[-1].batch_size * steps
    pixels = torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, device=device)
    codes = torch.arange(count) % max(2, min(N_IDENTITIES, count // 4))
    labels = codes.to(device)
    change = augment.Augmentation(
        size, extra.flip, extra.jitter, extra.erasing, plan.mean_std, plan.portrait
    )

    def epoch(stage, generator):
        order = islice(sampler.order(codes.tolist(), stage, generator), steps)
        drawn = ({"chosen": r} | change.draws(len(r), side, side, generator) for r in order)
        for chance in augment.ahead(drawn, device):
            yield change.apply(pixels[chance["chosen"]], chance), labels[chance["chosen"]]

    return epoch
