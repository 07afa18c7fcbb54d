"""Raw pixels: the means of blocks, and nothing of the network."""

import numpy as np
import torch


def test_raw_pixels_are_the_means_of_blocks(on_clip, photographs):
    pixels, images = photographs()
    blocks = pixels.reshape(3, 32, 4, 32, 4, 3).mean(axis=(2, 4))  # [B, 32, 32, RGB]
    embeddings = on_clip("raw_pixels").embed(images).reshape(3, 3, 32, 32)
    expected = blocks.transpose(0, 3, 1, 2) / 127.5 - 1
    assert np.allclose(embeddings.numpy(), expected, atol=1e-6)


def test_the_network_changes_nothing(on_clip, photographs):
    _, images = photographs()
    net, other = (on_clip("raw_pixels", name, seed=len(name)) for name in ("mini-ViT", "mini-RN"))
    assert torch.equal(net.embed(images), other.embed(images))
