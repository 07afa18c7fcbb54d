"""Activation checkpointing: the same losses, gradients and running statistics, and less memory."""

from copy import deepcopy
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from handid import backbone, method, recipes, train
from handid.train.recompute import recomputed

CASES = {
    "clip_handid": ("mini-ViT", 128, {}),
    "clip_reid": ("mini-RN", 128, {}),
    "abd_net": ("EfficientNet-Lite0", 64, {"width": 64, "orthogonal_convs": "first"}),
    "mba_net": ("EfficientNet-Lite0", 64, {"width": 64}),
}


def state_after(net, images, labels, wanted):
    """Losses, gradients, and all tensors after a pass forward and back; bytes kept between them."""
    kept = []
    torch.manual_seed(3)
    with recomputed(net.train(), wanted):
        with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x):
            losses = net.losses(images, labels)
        sum(losses.values()).backward()
    gradients = {n: p.grad for n, p in net.named_parameters() if p.grad is not None}
    sizes = {x.untyped_storage()._cdata: x.untyped_storage().nbytes() for x in kept}
    return losses, gradients, net.state_dict(), sum(sizes.values())


@pytest.mark.parametrize("name", CASES)
def test_gradients_and_running_statistics_are_the_same_and_less_is_kept(name):
    base, size, options = CASES[name]
    encoder = backbone.build(base, image_size=size if base.startswith("Eff") else 0)
    plain = method.build(name, encoder, 3, **options)
    again = deepcopy(plain)
    images = torch.randn(6, 3, size, size, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(6) % 3
    *expected, much = state_after(plain, images, labels, False)
    *given, little = state_after(again, images, labels, True)
    for theirs, ours in zip(expected, given, strict=True):
        assert theirs.keys() == ours.keys()
        for key, value in theirs.items():
            assert torch.allclose(value, ours[key], rtol=1e-4, atol=1e-6), key
    moved = [k for k in given[2] if k.endswith("num_batches_tracked")]
    assert all(int(given[2][k]) == int(expected[2][k]) for k in moved)
    assert little < 0.75 * much


def test_a_training_in_bf16_is_recomputed_too(tmp_path):
    plan = recipes.load("clip_ft_mini", "vit", {"epochs": 1, "select": "last"})
    net = method.build(plan.method, backbone.build("mini-ViT"), 3, **plan.options)
    batch = torch.randn(6, 3, 128, 128), torch.arange(6) % 3
    engine = train.Engine(precision="bf16", recompute=True, progress=False)
    history = train.fit(net, plan, lambda *_: [batch] * 2, None, tmp_path, engine, seed=0)
    assert history["total"].notna().all()


def test_what_was_wrapped_is_as_before():
    net = method.build("clip_ft", backbone.build("mini-ViT"), 3)
    block = net.backbone.blocks()[0]
    with recomputed(net, True):
        assert "forward" in vars(block)
    assert "forward" not in vars(block)


def test_dropout_inside_a_block_is_the_same_in_both_passes():
    class Dropped(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, 8))
            self.backbone = SimpleNamespace(blocks=lambda: [self.inner])

    torch.manual_seed(0)
    nets = [Dropped()]
    nets.append(Dropped())
    nets[1].load_state_dict(nets[0].state_dict())
    x, gradients = torch.randn(4, 8), []
    for net, wanted in zip(nets, (False, True), strict=True):
        torch.manual_seed(5)
        with recomputed(net, wanted):
            net.inner(x).square().sum().backward()
        gradients.append(net.inner[0].weight.grad)
    assert torch.equal(*gradients)
