"""CLIP-FT: identity heads on two levels of the image encoder."""

from functools import partial

import pytest
import torch


@pytest.fixture
def batch(batch):
    """Batches of the minis' own image size."""
    return partial(batch, size=128)


def test_a_fresh_classifier_is_undecided(batch, on_clip):
    net = on_clip("clip_ft")
    parts = net.losses(*batch())  # classifier weights are near 0: every class is equally likely
    assert parts["identity_feat"].item() == pytest.approx(torch.tensor(5.0).log().item(), abs=0.02)


@pytest.mark.parametrize("name", ["clip_ft", "clip_handid"])
@pytest.mark.parametrize("heads", ["feat", "proj"])
def test_one_head_classifies_and_embeds_its_own_level_alone(name, heads, batch, on_clip):
    both, single = on_clip(name).eval(), on_clip(name, heads=heads).eval()
    images, labels = batch()
    parts = [*single.losses(images, labels)]
    text = ["image_to_text", "text_to_image"] if name == "clip_handid" else []
    assert parts == [f"identity_{heads}", *text]
    widths = both.backbone.dims
    assert single.embed(images).shape == (6, widths[heads])
    own = slice(0, widths["feat"]) if heads == "feat" else slice(widths["feat"], None)
    assert torch.equal(single.embed(images), both.embed(images)[:, own])  # fresh necks are alike


def test_unknown_heads_are_refused(on_clip):
    with pytest.raises(ValueError, match="Unknown heads 'three': choose one of both, feat, proj"):
        on_clip("clip_ft", heads="three")
