"""What all methods on convolutional maps share: losses, rates, recipes, a whole training."""

import math
import re
from copy import deepcopy
from functools import partial
from pathlib import Path

import pytest
import torch

from handid import backbone, checkpoint, method, recipes, train
from handid.image import sampler

SIZE = 32  # pixels: a map of 2 x 2 cells
METHODS = ("cnn_baseline", "gpa_net", "mba_net", "abd_net", "rga_net")
FOLDER = Path(recipes.__file__).parent


@pytest.fixture
def on_map(on_map):
    """Methods on small maps."""
    return partial(on_map, size=SIZE)


@pytest.fixture
def batch(batch):
    """Images of the size that these methods take."""
    return partial(batch, size=SIZE)


# --- losses and rates -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
def test_losses_are_finite_scalars_and_reach_all_that_trains(name, batch, on_map):
    net = on_map(name).train()
    stage = recipes.load(name, "cnn").stages[-1]
    parts = net.losses(*batch())
    assert all(p.ndim == 0 and p.isfinite() for p in parts.values())
    sum(parts.values()).backward()
    trained = {id(p) for group in net.parameter_groups(stage) for p in group["params"]}
    for key, parameter in net.named_parameters():
        assert (id(parameter) in trained) == (parameter.grad is not None), key


@pytest.mark.parametrize("name", METHODS)
def test_the_encoder_and_the_new_layers_train_at_their_own_rates(name, on_map):
    net = on_map(name)
    stage = recipes.load(name, "cnn").stages[-1]
    image_group, new = net.parameter_groups(stage)
    rates = stage.learning_rate
    assert (image_group["lr"], new["lr"]) == (rates.backbone, rates.new)
    groups = [{id(p) for p in group["params"]} for group in (image_group, new)]
    assert not groups[0] & groups[1] and groups[1]
    assert {id(p) for p in net.parameters() if p.requires_grad} == groups[0] | groups[1]


@pytest.mark.parametrize("name", METHODS)
def test_embeddings_are_finite_rows_that_do_not_depend_on_the_batch(name, batch, on_map):
    net = on_map(name).eval()
    images, _ = batch()
    with torch.inference_mode():
        embeddings = net.embed(images)
        assert embeddings.ndim == 2 and len(embeddings) == 6 and embeddings.isfinite().all()
        assert torch.allclose(embeddings[:1], net.embed(images[:1]), atol=1e-4)


@pytest.mark.parametrize("name", [n for n in METHODS if n != "abd_net"])  # its start is larger
def test_a_fresh_method_is_undecided(name, batch, on_map):
    net = on_map(name).eval()
    logs = [
        part.item()
        for key, part in net.losses(*batch()).items()
        if key in ("identity", "identity_global")
    ]
    assert logs and all(abs(value - torch.tensor(5.0).log().item()) < 0.1 for value in logs)


@pytest.mark.parametrize("name", METHODS)
def test_a_backbone_without_a_map_is_refused_in_one_sentence(name, encoder):
    with pytest.raises(ValueError, match="needs a backbone with a feature map, and mini-ViT gives"):
        method.build(name, encoder("mini-ViT", 0), 2)


@pytest.mark.parametrize("name", METHODS)
def test_half_precision_leaves_the_losses_in_float32(name, batch, on_map):
    net = on_map(name).train()
    with torch.autocast("cpu", torch.bfloat16):
        parts = net.losses(*batch())
    assert all(part.isfinite() and part.dtype == torch.float32 for part in parts.values())
    sum(parts.values()).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())


def test_what_no_map_needs_is_frozen_and_not_kept(on_map):
    with torch.device("meta"):  # names alone: VGG19-bn's 140 million numbers take seconds to draw
        encoder = backbone.build("VGG19-bn", last_stride=1, image_size=32)
        gpa_net, net = on_map("gpa_net", deepcopy(encoder)), on_map("cnn_baseline", encoder)
    assert not [key for key in checkpoint.trained_tensors(gpa_net) if "net.classifier." in key]
    assert [key for key in checkpoint.trained_tensors(net) if "net.classifier." in key]


# --- recipes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in recipes.names() if n.removesuffix("_mini") in METHODS])
def test_every_recipe_builds_its_method(name, encoder):
    plan = recipes.load(name, "cnn")
    net = encoder(size=plan.image_size or 128, last_stride=plan.last_stride)
    assert isinstance(method.build(plan.method, net, 3, **plan.options), method.Method)
    for control in plan.controls:
        plan = recipes.load(name, "cnn", control=control)
        assert isinstance(method.build(plan.method, net, 3, **plan.options), method.Method)


@pytest.mark.parametrize("name", METHODS)
def test_every_hyper_parameter_of_a_published_recipe_names_its_source(name):
    text = (FOLDER / f"{name}.yaml").read_text()
    lines = re.sub(r"(?m)^(controls|ablations):.*\n(  .*\n)+", "", text).splitlines()
    valued = [line for line in lines if re.match(r"\s*(- )?\w+: *[^\s#]", line)]
    valued = [line for line in valued if not re.match(r"(title|method|\s+- name):", line)]
    source = re.compile(r"\b(paper|code|ours|see above)\b")
    bare = [line for line in valued if not source.search(line.partition("#")[2])]
    assert len(valued) >= 18 and bare == []


@pytest.mark.parametrize("name", METHODS)
def test_a_mini_has_the_published_options_but_for_parts_and_gates(name):
    full, mini = recipes.load(name, "cnn"), recipes.load(f"{name}_mini", "cnn")
    changed = {key for key in full.options if full.options[key] != mini.options[key]}
    assert changed <= {"horizontal_parts", "open_gates"}
    assert (full.controls, full.last_stride) == (mini.controls, mini.last_stride)
    assert (full.select, full.title) == (mini.select, mini.title)
    assert not mini.flip_average and mini.augment.flip == 0  # a mirrored right hand looks left


# --- a whole training -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
def test_a_mini_recipe_trains_and_a_second_run_finds_its_weights(name, tmp_path, batch, encoder):
    changes = {"epochs": 1, "image_size": SIZE, "batch_size": 4}
    plan = recipes.load(f"{name}_mini", "cnn", changes)
    (images, labels), stages_run = batch(8), []

    def batches(stage, generator):
        stages_run.append(stage.name)
        for rows in sampler.order(labels.tolist(), stage, generator):
            yield images[rows], labels[rows]

    def fitted():
        options = (
            plan.options if name not in ("mba_net", "abd_net") else plan.options | {"width": 64}
        )
        net = method.build(name, encoder(size=SIZE), 3, **options)
        engine = train.Engine(progress=False)
        return net, train.fit(net, plan, batches, lambda net: 0.5, tmp_path, engine, seed=0)

    net, history = fitted()
    assert len(history) == len(plan.stages) == len(stages_run)
    assert history["total"].map(math.isfinite).all()
    again, second = fitted()
    assert len(stages_run) == len(plan.stages) and second.equals(history)
    with torch.inference_mode():
        assert torch.equal(net.eval().embed(images), again.eval().embed(images))


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_a_full_size_step_trains_on_the_cpu(name, batch, encoder):
    plan = recipes.load(name, "cnn")
    net = encoder("ResNet50", plan.image_size, plan.last_stride)
    net = method.build(name, net, 72, **plan.options).train()
    optimiser = torch.optim.SGD(net.parameter_groups(plan.stages[-1]))
    before = [p.clone() for p in net.parameters() if p.requires_grad]
    parts = net.losses(*batch(4, size=plan.image_size))
    sum(plan.stages[-1].loss_weights.get(k, 1.0) * part for k, part in parts.items()).backward()
    optimiser.step()
    moved = [p for p in net.parameters() if p.requires_grad]
    same = [torch.equal(a, b) for a, b in zip(before, moved, strict=True)]
    assert sum(same) <= len(same) // 2  # gamma 0 keeps what is behind it still in the first step
    assert all(p.isfinite().all() for p in moved)
    with torch.inference_mode():
        assert net.eval().embed(batch(1, size=plan.image_size)[0]).isfinite().all()
