"""Attention over channels and over positions, against plain loops."""

import pytest
import torch

from handid.method._attention import ChannelAttention, PositionAttention
from handid.method.mba_net import SpatialAttention
from handid.method.rga_net import RelationAwareAttention


def channel_by_loop(module, image):
    rows = image.flatten(1)
    out = torch.zeros_like(rows)
    for i, row in enumerate(rows):
        energies = [float((row * other).sum()) for other in rows]
        powers = [torch.tensor(max(energies) - energy).double().exp() for energy in energies]
        weights = [power / sum(powers) for power in powers]
        mixed = sum(weight * other for weight, other in zip(weights, rows, strict=True))
        out[i] = module.gamma * mixed + row
    return out.view_as(image)


def test_channel_attention_is_the_loop(drawn, some_maps):
    module, maps = drawn(ChannelAttention()), some_maps()
    expected = torch.stack([channel_by_loop(module, grid) for grid in maps])
    assert torch.allclose(module(maps), expected, atol=1e-12)


@pytest.mark.parametrize("normed", [False, True])
def test_position_attention_is_the_loop(normed, drawn, position_by_loop, some_maps):
    module, maps = drawn(PositionAttention(16, normed=normed)), some_maps()
    with torch.inference_mode():
        mixed = torch.stack([position_by_loop(module, grid)[2] for grid in maps])
        assert torch.allclose(module(maps), module.gamma * mixed + maps, atol=1e-12)


@pytest.mark.parametrize("kind", ["channel", "position", "spatial", "relation"])
def test_half_precision_hardly_changes_attention(kind, drawn, some_maps):
    modules = {
        "channel": ChannelAttention(),
        "position": PositionAttention(16),
        "spatial": SpatialAttention(16, 3),
        "relation": RelationAwareAttention(16, 3),
    }
    module, maps = drawn(modules[kind]).float(), 5 * some_maps().float()
    with torch.inference_mode():
        single = module(maps)
        with torch.autocast("cpu", torch.bfloat16):
            half = module(maps)
    assert (half - single).norm() / single.norm() < 0.02


def test_attention_starts_as_the_identity_and_gamma_has_a_gradient(some_maps):
    maps = some_maps().float()
    for module in (ChannelAttention(), PositionAttention(16), SpatialAttention(16, 3)):
        attended = module(maps)
        assert torch.equal(attended, maps)
        (attended * torch.rand_like(attended)).sum().backward()
        assert module.gamma.grad.abs() > 0
