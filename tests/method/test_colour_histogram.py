"""The colour histogram: numpy's joint one, without positions and without the network."""

import numpy as np
import pytest
import torch


@pytest.mark.parametrize("size", [128, 224])
def test_the_colour_histogram_is_numpys_joint_one(size, on_clip, photographs):
    pixels, images = photographs(size=size)
    histograms = on_clip("colour_histogram").embed(images).numpy()
    for row, picture in zip(histograms, pixels, strict=True):
        counts, _ = np.histogramdd(picture.reshape(-1, 3) / 255, bins=8, range=[(0, 1)] * 3)
        assert np.allclose(row**2, counts.ravel() / size**2, atol=1e-7)
        assert np.linalg.norm(row) == pytest.approx(1, abs=1e-6)


def test_positions_change_nothing_but_for_raw_pixels(on_clip, photographs):
    _, images = photographs()
    moved = images.roll(40, dims=-1)
    histogram, raw = on_clip("colour_histogram"), on_clip("raw_pixels")
    assert torch.equal(histogram.embed(images), histogram.embed(moved))
    assert not torch.allclose(raw.embed(images), raw.embed(moved), atol=0.1)


def test_the_network_changes_nothing(on_clip, photographs):
    _, images = photographs()
    net, other = (
        on_clip("colour_histogram", name, seed=len(name)) for name in ("mini-ViT", "mini-RN")
    )
    assert torch.equal(net.embed(images), other.embed(images))
