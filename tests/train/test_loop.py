"""A whole epoch on a GPU that is not there: no step mixes devices, and the CPU waits once."""

from copy import deepcopy
from functools import cache
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from handid import backbone, method, recipes, train
from handid.study import altered, network, training
from handid.train import loop

PEOPLE, IMAGES = 4, 2
TOOLS = {"triplet_margin": 0.3, "centre_rate": 0.5, "contrastive_temperature": 0.1}
TOOLS |= {"jitter": (0.1, 0.1, 0.1), "erasing": 0.5, "flip": 0.5, "background": 0.5}
pristine = cache(backbone.build)


@pytest.fixture(autouse=True)
def pixels(monkeypatch):
    """Black photographs in the place of files."""

    def black(paths, photographs, shape, image="whole"):
        return np.zeros((len(paths), shape[1], shape[1], 3), dtype=np.uint8)

    def apart(rows, photographs, shape):
        pictures = black(rows, photographs, shape)
        return pictures[..., :1], pictures

    monkeypatch.setattr(altered, "pixels", black)
    monkeypatch.setattr(altered, "grounds", apart)
    monkeypatch.setattr(
        network, "images", lambda e, rows, *_: black(rows, None, ("", e.image_size))
    )


@pytest.fixture
def epoch(pretend_gpu):
    """epoch(recipe, base, control="", **changes): (stage, launches of a step, waits) for each.

    Waits are counted from the second step of an epoch to its end: the first one sends constants.
    """

    def run(recipe, base, control="", *, engine=None, size=0, **changes):
        gpu, family = pretend_gpu, backbone.architecture(base).family
        changes = {"epochs": 1, "batch_size": 4, "images_per_identity": 2} | changes
        changes |= {"image_size": size} if size else {}
        plan = recipes.load(recipe, family, changes, control)
        encoder = pristine(base, last_stride=plan.last_stride, image_size=plan.image_size)
        net = method.build(plan.method, deepcopy(encoder), PEOPLE, **plan.options)
        gpu.take(net)
        rows = pd.DataFrame({"path": [str(i) for i in range(PEOPLE * IMAGES)]})
        experiment = SimpleNamespace(
            recipe=plan, image_size=encoder.image_size, options=plan.options
        )
        engine = engine or train.Engine(device="gpu", precision="bf16")
        with gpu:
            codes = np.arange(len(rows)) // IMAGES
            batches = training._OfExperiment(experiment, net, rows, codes, None, engine)
            stages = {s.encode_once: s for s in plan.stages}.values()  # the last of each kind
            return [_counted(gpu, loop._Loop(net, s, engine, {}), s, batches) for s in stages]

    return run


def _counted(gpu, one, stage, batches):
    steps, launches = [], []

    def counted(*given):
        for batch in batches(*given):
            launches.append(sum(gpu.launches.values()))
            steps.append(batch)
            if len(steps) == 2:
                gpu.clear()
            yield batch

    one.run_epoch(0, counted, seed=0)
    return stage.name, launches[1] - launches[0], list(gpu.waits)


# --- the instrument ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "wait"),
    [
        (lambda x: x.sum().item(), "item"),
        (lambda x: bool(x.sum() > 0), "item"),
        (lambda x: x.cpu(), "copy to the CPU"),
        (lambda x: x + torch.tensor([1.0, 2.0], device="gpu"), "copy to the GPU"),
    ],
)
def test_a_wait_is_seen(pretend_gpu, act, wait):
    with pretend_gpu:
        x = torch.ones(2, device="gpu")
        pretend_gpu.clear()
        act(x)
    assert pretend_gpu.waits == [wait]


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda x: x[x > 0], "nonzero|index"),
        (lambda x: x.unique(), "unique"),
        (lambda x: x + torch.ones(2), "mixes devices"),
    ],
)
def test_a_size_that_only_the_gpu_knows_and_mixed_devices_are_seen(pretend_gpu, act, said):
    with pretend_gpu, pytest.raises(AssertionError, match=said):
        act(torch.ones(2, device="gpu"))


# --- epochs -----------------------------------------------------------------------------------

LITE0 = ("EfficientNet-Lite0", {"size": 64})
NETWORKS = {
    "clip_ft_mini": ("mini-ViT", TOOLS),
    "clip_handid_mini": ("mini-RN", {"train_text": True}),
    "clip_reid_mini": ("mini-ViT", {}),
    "promptsg_mini": ("mini-RN", {}),
    "cnn_baseline_mini": LITE0,
    "gpa_net_mini": ("EfficientNet-Lite0", {"size": 64, "horizontal_parts": 2}),
    "mba_net_mini": ("EfficientNet-Lite0", {"size": 64, "width": 64}),
    "abd_net_mini": (
        "EfficientNet-Lite0",
        {"size": 64, "width": 64, "orthogonal_convs": "first"},
    ),
    "rga_net_mini": LITE0,
}
MANY_STEPS = ("mba_net_mini", "abd_net_mini", "rga_net_mini")  # of Python, four seconds each


@pytest.mark.parametrize(
    "recipe",
    [pytest.param(n, marks=[pytest.mark.slow] if n in MANY_STEPS else []) for n in NETWORKS],
)
def test_an_epoch_stays_on_its_device_and_the_cpu_waits_once(epoch, recipe):
    base, changes = NETWORKS[recipe]
    for _, _, waits in epoch(recipe, base, **changes):
        assert waits == ["copy to the CPU"]  # of the losses, at the end


def test_no_step_loops_over_images(epoch):
    few, more = (epoch("clip_ft_mini", "mini-ViT", **TOOLS, batch_size=n)[0][1] for n in (2, 4))
    assert few == more


FULL_SIZE = {
    "clip": ("ViT-B/16", "RN50", "mini-ViT", "mini-RN"),
    "map": ("ResNet50", "EfficientNet-Lite0"),  # RN50 takes 224 pixels: 14 cells, not 3 parts
    "feature": ("ResNet50", "VGG19-bn"),
    "stages": ("ResNet50", "VGG19-bn", "EfficientNet-Lite0"),
}


def systems():
    """(recipe, control, base): every one that trains, on backbones of every kind that it takes."""
    for recipe in recipes.names():
        content = recipes.files.content(recipe)
        if not content["stages"] or content["method"] == "clip_pretrain":
            continue
        kind = getattr(
            import_module(f"handid.method.{content['method']}"), method.METHODS[content["method"]]
        )
        for control in ("", *content.get("controls", {}), *content.get("ablations", {})):
            if recipe == "gpa_net_mini" and "3" in control:
                continue  # 128 pixels: 8 cells, not 3 parts
            bases = (
                FULL_SIZE[kind.needs or "clip"]
                if not control
                else FULL_SIZE[kind.needs or "clip"][-1:]
            )
            yield from ((recipe, control, base) for base in bases)


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "control", "base"), [*systems()])
def test_every_system_stays_on_its_device(epoch, recipe, control, base):
    for _, _, waits in epoch(recipe, base, control):
        assert waits == ["copy to the CPU"]
