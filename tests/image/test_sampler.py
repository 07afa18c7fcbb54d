"""The order of batches: every image once, or identities in equal shares."""

import numpy as np
import torch

from handid.image import sampler


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_plain_order_shows_every_image_once_but_a_partial_batch():
    rows = torch.cat([*sampler.plain_order([0] * 23, 5, generator())])
    assert len(rows) == 20 and len(rows.unique()) == 20


def test_plain_order_with_too_few_images_is_one_batch():
    assert [len(rows) for rows in sampler.plain_order([0] * 3, 5, generator())] == [3]


def test_balanced_order_gives_p_identities_with_k_images_each():
    labels = np.repeat(np.arange(10), 6)
    batches = [labels[rows] for rows in sampler.balanced_order(labels, 16, generator(), 4)]
    assert len(batches) == 3  # 60 images in batches of 16
    assert all((np.unique(b, return_counts=True)[1] == 4).all() and len(b) == 16 for b in batches)


def test_balanced_order_repeats_images_of_an_identity_with_too_few():
    labels = [0, 1, 1, 1, 1, 1]
    rows = next(iter(sampler.balanced_order(labels, 8, generator(), 4)))
    assert rows[:4].tolist().count(0) + rows[4:].tolist().count(0) == 4
    own = [r for r in rows.tolist() if r != 0]
    assert len(set(own)) == 4  # with enough images, none twice
