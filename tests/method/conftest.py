"""What the tests of methods share: small networks, batches of noise, attention as plain loops."""

from copy import deepcopy
from functools import cache

import numpy as np
import pytest
import torch

from handid import backbone, method, recipes
from handid.image import augment

pristine = cache(backbone.build)  # building draws all weights again, which takes longer than a copy


def build_encoder(name="EfficientNet-Lite0", size=64, last_stride=1):
    """An encoder with random weights; 64 pixels give EfficientNet-Lite0 a map of 4 x 4 cells."""
    return deepcopy(pristine(name, last_stride=last_stride, image_size=size))


@pytest.fixture
def encoder():
    """encoder(name="EfficientNet-Lite0", size=64, last_stride=1): with random weights."""
    return build_encoder


@pytest.fixture
def on_clip():
    """on_clip(name, backbone_name="mini-ViT", n_identities=5, seed=0, **options): a method."""

    def built(name, backbone_name="mini-ViT", n_identities=5, seed=0, **options):
        net = deepcopy(pristine(backbone_name))
        torch.manual_seed(seed)
        return method.build(name, net, n_identities, **options)

    return built


@pytest.fixture
def on_map():
    """on_map(name, network=None, n_identities=5, size=64, **options): a method on a feature map.

    Without a network of the test's own it is EfficientNet-Lite0 for images of that size, and the
    heads are narrow, which changes nothing but the time.
    """

    def built(name, network=None, n_identities=5, size=64, **options):
        if name == "gpa_net":  # a map of 4 x 4 or 2 x 2 cells cannot be cut into 3
            options = {"horizontal_parts": 2, **options}
        if network is None and name in ("mba_net", "abd_net"):
            options = {"width": 64, **options}
        network = network or build_encoder(size=size)
        torch.manual_seed(0)
        return method.build(name, network, n_identities, **options)

    return built


@pytest.fixture
def batch():
    """batch(count=6, size=64): normalised noise [count, 3, size, size] and labels of 3 people."""

    def noise(count=6, size=64):
        images = torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))
        return images, torch.arange(count) % 3

    return noise


@pytest.fixture
def count_parameters():
    """count_parameters(module): how many numbers it may learn."""
    return lambda module: sum(parameter.numel() for parameter in module.parameters())


@pytest.fixture
def photographs():
    """photographs(size=128): bytes [3, H, W, 3], dark and bright and with the ends of the scale.

    And the same normalised as the floors' recipes say.
    """

    def draw(size=128):
        noise = np.random.default_rng(0)
        pixels = noise.integers(0, 256, (3, size, size, 3)).astype(np.uint8)
        pixels[0] //= 4
        pixels[1, :4] = 255
        mean_std = recipes.load("raw_pixels", "vit").mean_std
        return pixels, augment.normalise(torch.from_numpy(pixels), mean_std)

    return draw


# --- attention ----------------------------------------------------------------------------------


@pytest.fixture
def drawn():
    """drawn(module): in float64, every parameter and statistic drawn, so that none is 0 or 1."""

    def draw(module, seed=0):
        generator = torch.Generator().manual_seed(seed)
        module = module.double().eval()
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.2)
        return module

    return draw


@pytest.fixture
def some_maps():
    """some_maps(channels=16, side=3, count=2): [count, channels, side, side] in float64."""

    def draw(channels=16, side=3, count=2):
        generator = torch.Generator().manual_seed(2)
        shape = (count, channels, side, side)
        return torch.randn(shape, generator=generator, dtype=torch.float64) / 2

    return draw


@pytest.fixture
def position_by_loop():
    """position_by_loop(module, one_map): query, value and result of PositionAttention, by loops."""

    def attend(module, one_map):
        parts = (module.query, module.key, module.value)
        query, key, value = (part(one_map[None])[0] for part in parts)
        side, out = one_map.shape[1], torch.zeros_like(one_map)
        cells = [(a, b) for a in range(side) for b in range(side)]
        for x, y in cells:
            powers = [torch.exp((query[:, x, y] * key[:, a, b]).sum()) for a, b in cells]
            weights = [power / sum(powers) for power in powers]
            mixed = [w * value[:, a, b] for w, (a, b) in zip(weights, cells, strict=True)]
            out[:, x, y] = sum(mixed)
        return query, value, out

    return attend
