"""Light: the surface behind a hand, whatever lies on it."""

import numpy as np
import torch

SIDE = 128
Y, X = (axis.astype(np.float64) for axis in np.indices((SIDE, SIDE)) / (SIDE - 1) * 2 - 1)


def lit(slope=0.1, hand=None):
    """[1, 3, 128, 128] a slanted light per colour, with a disc of skin on it."""
    surface = np.stack([0.5 + slope * X - 0.1 * Y**2, 0.4 + 0.1 * X, 0.3 - slope * X * Y])
    if hand is not None:
        disc = np.hypot(X - hand[0], Y - hand[1]) < 0.4
        surface[:, disc] = np.array([-0.1, -0.4, -0.6])[:, None]
    return torch.from_numpy(surface[None]).float()


def test_a_hand_changes_nothing_and_the_light_does(on_clip):
    light = on_clip("light")
    empty, left, right, darker = (
        light.embed(lit(**how))[0]
        for how in ({}, {"hand": (-0.2, 0)}, {"hand": (0.3, -0.2)}, {"slope": 0.2})
    )
    assert empty.shape == (18,)
    assert torch.dist(empty, left) < 0.05 * torch.dist(empty, darker)
    assert torch.dist(left, right) < 0.05 * torch.dist(empty, darker)


def test_products_are_those_of_the_surfaces_as_pictures(on_clip):
    one, other = lit(), lit(slope=0.3)
    light = on_clip("light")
    ours = (light.embed(one) * light.embed(other)).sum()
    shrunk = [torch.nn.functional.adaptive_avg_pool2d(image, 32) for image in (one, other)]
    assert torch.isclose(ours, (shrunk[0] * shrunk[1]).sum(), rtol=1e-3)


def test_the_network_changes_nothing(on_clip, photographs):
    _, images = photographs()
    net, other = (on_clip("light", name, seed=len(name)) for name in ("mini-ViT", "mini-RN"))
    assert torch.equal(net.embed(images), other.embed(images))
