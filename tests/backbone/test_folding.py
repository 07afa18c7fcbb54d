"""Batch norms folded into convolutions. Oracle: the same network before it was folded."""

import pytest
import torch
from torch import nn

from handid import backbone
from handid.backbone.folding import FOLDED, fold_norms

FULL_SIZE = ("ResNet50", "VGG19-bn", "RN50")
SIDES = {"RN50": 224, "mini-RN": 128}  # their positions are learned; for others 64 will do


def norms(net):
    return [layer for layer in net.network.modules() if isinstance(layer, nn.BatchNorm2d)]


def moved(name):
    """An encoder whose batch norms do something, each to each channel something else."""
    net = backbone.build(name, image_size=SIDES.get(name, 64))
    draw = torch.Generator().manual_seed(1)
    for norm in norms(net):
        for numbers, low, high in (
            (norm.weight.data, 0.7, 1.3),
            (norm.bias.data, -0.2, 0.2),
            (norm.running_mean, -0.2, 0.2),
            (norm.running_var, 0.5, 1.5),
        ):
            numbers.uniform_(low, high, generator=draw)
    return net.eval()


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] if n in FULL_SIZE else []) for n in FOLDED],
)
def test_folded_it_is_the_same_function_and_no_norm_is_left(name):
    net = moved(name)
    images = torch.randn(2, 3, *[net.image_size] * 2, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        before = net(images)
        fold_norms(net)
        after = net(images)
        for norm in norms(net):  # what no longer decides anything
            norm.running_mean.fill_(torch.nan)
        fold_norms(net)  # once is enough
        again = net(images)
    for level, features in before.items():
        scale = features.norm(dim=1).max()
        assert scale > 0 and (after[level] - features).norm(dim=1).max() < 1e-4 * scale
        assert torch.equal(again[level], after[level])


def test_a_network_that_is_not_known_stays_as_it_is():
    net = backbone.build("timm:resnet10t:random", image_size=64).eval()
    before = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    fold_norms(net)
    after = net.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[k], after[k]) for k in before)
