"""Zero-shot CLIP: the features as they come, at either level."""

from functools import partial

import pytest
import torch


@pytest.fixture
def batch(batch):
    """Batches of the minis' own image size."""
    return partial(batch, size=128)


def test_zero_shot_takes_either_level_and_refuses_others(batch, on_clip):
    net, images = on_clip("clip_zero_shot", level="feat").eval(), batch(2)[0]
    assert torch.equal(net.embed(images), net.backbone(images)["feat"])
    assert torch.equal(on_clip("clip_zero_shot").eval().embed(images), net.backbone(images)["proj"])
    with pytest.raises(ValueError, match="Unknown level 'text': use feat or proj"):
        on_clip("clip_zero_shot", level="text")
