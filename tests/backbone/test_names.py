"""Names of backbones: what they mean, what tables call them, what is near a typo."""

import open_clip
import pytest

from handid import backbone
from handid.backbone import names


@pytest.mark.parametrize(
    ("name", "parts", "weights"),
    [
        ("mini-ViT", ("mini-ViT", ""), "mini"),
        ("ViT-B/16", ("ViT-B/16", ""), "openai"),
        ("RN50", ("RN50", ""), "openai"),
        ("RN50:yfcc15m", ("RN50", "yfcc15m"), "yfcc15m"),
        ("ResNet50", ("ResNet50", ""), "imagenet"),
        ("ResNet50:imagenet-v2", ("ResNet50", "imagenet-v2"), "imagenet-v2"),
        ("ViT-B-32:laion400m_e32", ("ViT-B-32", "laion400m_e32"), "laion400m_e32"),
        ("ViT-L-14:random", ("ViT-L-14", "random"), "random"),
        ("timm:resnet50", ("timm:resnet50", ""), "pretrained"),
        ("timm:resnet50.a1_in1k:random", ("timm:resnet50.a1_in1k", "random"), "random"),
    ],
)
def test_a_name_means_an_architecture_and_weights(name, parts, weights):
    assert names.split(name) == parts
    assert backbone.own_weights(name) == weights
    assert backbone.label(name) == name


def test_every_model_that_open_clip_publishes_is_known():
    published = open_clip.list_pretrained(as_str=True)
    assert len(published) > 100
    for name in published:
        shape = backbone.architecture(name)
        assert shape.has_text and shape.family in ("vit", "resnet") and shape.image_size > 100


def test_a_table_says_of_a_file_its_name_and_no_folder(tmp_path):
    file = tmp_path / "mine.safetensors"
    file.touch()
    name = f"ViT-B-16:{file}"
    assert backbone.label(name) == "ViT-B-16:mine.safetensors"
    assert backbone.own_weights(name) == str(file)
    assert backbone.architecture(name).image_size == 224


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("ViT-B/15", r"Unknown backbone 'ViT-B/15': did you mean ViT-B/16 or ViT-B-16 or .*\?"),
        ("dinov2", r"did you mean timm:.*dinov2.*\?"),
        ("timm:resnet51", "did you mean .*timm:resnet50"),
        ("timm:resnet50.mine", "its published weights are resnet50.a1_in1k, "),
        (
            "what is this",
            "choose one of mini-ViT, .* a model of open_clip as NAME:TAG, or one of",
        ),
        ("ViT-B-32:laion2", "ViT-B-32 has no weights 'laion2': write one of openai, laion400m_e31"),
        ("ViT-B-32:no/such.pt", "'ViT-B-32:such.pt' names no file of weights"),
        ("timm:resnet50:laion", "timm:resnet50 has no weights 'laion': write one of random"),
    ],
)
def test_an_unknown_name_gets_the_nearest_ones_in_one_sentence(name, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        backbone.architecture(name)
    assert "\n" not in str(caught.value)


def test_open_clips_models_must_say_which_weights():
    with pytest.raises(ValueError, match="write ViT-B-32:TAG with one of openai, .*ViT-B-32:PATH"):
        backbone.own_weights("ViT-B-32")
