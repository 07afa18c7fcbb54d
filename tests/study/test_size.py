"""What networks cost: counted against torch's own counts, measured on the study's photographs."""

import pytest

from handid import backbone
from handid.report import tables
from handid.study import size

COUNT = 6


@pytest.fixture(scope="module")
def few():
    """A few photographs are enough to see that something is measured."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(size, "TIMED", COUNT)
        yield


def test_an_untrained_backbone_is_counted_and_timed(lab, zero_shot, few):
    (row,) = lab.sizes([zero_shot, zero_shot]).to_dict("records")
    encoder = backbone.build("mini-ViT")
    assert row["parameters"] == sum(p.numel() for p in encoder.clip.visual.parameters())
    assert (row["backbone"], row["pixels"], row["trained"]) == ("mini-ViT", 128, 0)
    assert row["images_per_second"] > 0


def test_what_learns_is_the_encoder_and_the_heads_without_their_frozen_biases(lab, tuned, few):
    (row,) = lab.sizes([tuned]).to_dict("records")
    heads = sum(width * tuned.n_identities + width for width in (192, 128))
    assert row["trained"] == row["parameters"] + heads


def test_the_table_says_how_little_lora_learns(lab, tuned, few):
    before = lab.experiments("clip_ft_lora_mini", changes={"epochs": 1})
    table = tables.trained(lab.sizes([tuned, *before]))
    full, lora = table["trained, % of the encoder"].astype(float)
    assert table["method"].tolist() == ["CLIP-FT", "CLIP-FT LoRA"]
    assert full >= 100 > 10 > lora > 0  # rounded, and the new heads are few numbers here
