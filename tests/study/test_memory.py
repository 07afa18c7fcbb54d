"""What a step needs: the count against an allocator, and a training that a card cannot hold."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from handid import backbone, method, recipes, train
from handid.study import memory, training


def built(plan, base):
    shape = {"last_stride": plan.last_stride, "image_size": plan.image_size}
    encoder = backbone.build(base, "random", **shape)
    return method.build(plan.method, encoder, 72, **plan.options).train()


def measured(network, stage, shape, precision):
    """The most bytes that the processor's allocator handed out at once in a step, and weights."""
    profile = torch.profiler.profile(profile_memory=True)
    memory.steps(network, stage, shape, precision, profile.start)
    profile.stop()
    events = profile.profiler.kineto_results.events()
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    during = max(np.cumsum([size for _, size in changes]))
    kept = sum(tensor.nbytes for tensor in network.state_dict().values())
    trained = [p for group in network.parameter_groups(stage) for p in group["params"]]
    moments = 1 if stage.optimiser == "sgd" else 2  # Adam's
    return during + kept + moments * sum(p.nbytes for p in trained)


@pytest.mark.parametrize(
    ("name", "base", "side", "precision"),
    [
        ("clip_handid_mini", "mini-ViT", 0, "bf16"),
        pytest.param("gpa_net", "ResNet50", 96, "fp32", marks=pytest.mark.slow),
        pytest.param("promptsg_mini", "mini-RN", 0, "fp32", marks=pytest.mark.slow),
        pytest.param("abd_net", "ResNet50", 96, "bf16", marks=pytest.mark.slow),
    ],
)
def test_the_memory_counted_of_a_step_is_what_the_allocator_measures(name, base, side, precision):
    plan = recipes.load(name, backbone.architecture(base).family)
    plan = plan.model_copy(update={"image_size": side})
    side = side or backbone.architecture(base).image_size
    stage, shape = plan.stages[-1], (4, 3, side, side)
    engine = train.Engine(precision=precision)
    counted = memory.count(built(plan, base), stage, shape, engine)
    truth = measured(built(plan, base), stage, shape, precision)
    assert 0.9 * truth <= counted <= 1.02 * truth


# --- a card that is too small --------------------------------------------------------------------

BOTH = {"precision": "bf16", "recompute": True}


def test_bf16_and_recomputation_make_a_step_smaller():
    plan = recipes.load("clip_ft_mini", "vit")
    shape = (plan.stages[0].batch_size, 3, 128, 128)
    most, least = (
        memory.count(built(plan, "mini-ViT"), plan.stages[0], shape, train.Engine(**how))
        for how in ({}, BOTH)
    )
    assert least < 0.6 * most


def test_the_network_is_left_as_it_was():
    plan = recipes.load("clip_ft_mini", "vit")
    network = built(plan, "mini-ViT")
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    memory.check(network, plan.stages, (3, 128, 128), train.Engine(), 2**40)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


@pytest.fixture
def weighed(monkeypatch):
    """Steps of 8 GiB in fp32, half of it in bf16, and half of it with recomputation."""

    def count(network, stage, shape, engine):
        return 2**33 >> (engine.precision == "bf16") + engine.recompute

    monkeypatch.setattr(memory, "count", count)
    plan = recipes.load("clip_ft_mini", "vit")
    return lambda how, free: memory.check(torch.nn.Identity(), plan.stages, (3, 9, 9), how, free)


@pytest.mark.parametrize(
    ("how", "free", "advice"),
    [
        ({}, 4, "use precision bf16, which needs 4.00 GiB"),
        ({}, 3, "use precision bf16 and steps=[recompute], which needs 2.00 GiB"),
        ({"precision": "bf16"}, 3, "use steps=[recompute], which needs 2.00 GiB"),
        (BOTH, 1, "no option makes it fit: use a GPU with more memory"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused_with_what_helps(weighed, how, free, advice):
    with pytest.raises(MemoryError) as refusal:
        weighed(train.Engine(**how), free * 2**30)
    said = str(refusal.value)
    assert advice in said and f"and {free}.00 GiB of the GPU are free: " in said


def test_a_batch_that_fits_and_one_that_cannot_be_counted_are_let_through(weighed, monkeypatch):
    weighed(train.Engine(), 2**33)

    def fail(*_):
        raise RuntimeError("an operation that fake tensors do not know")

    monkeypatch.setattr(memory, "count", fail)
    weighed(train.Engine(), 0)


def test_a_training_on_a_gpu_is_weighed_beside_what_lies_there(weighed, monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (3 * 2**30, 12 * 2**30))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 3 * 2**30)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 2**30)
    experiment = SimpleNamespace(recipe=recipes.load("clip_ft_mini", "vit"), image_size=128)
    with pytest.raises(MemoryError, match="20 images at 128 x 128 .* 5.00 GiB of the GPU are free"):
        training._weigh(experiment, torch.nn.Identity(), train.Engine(device="cuda"))
