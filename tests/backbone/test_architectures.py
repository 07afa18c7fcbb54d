"""CLIPs by name: activation, colours and family are those of the weights or of the architecture."""

import subprocess
import sys

import open_clip
import pytest

from handid import backbone

OPENAIS = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@pytest.mark.parametrize(
    ("name", "quick"),
    [
        ("ViT-B/16", True),
        ("ViT-B-16:random", False),
        ("ViT-B-16-quickgelu:random", True),
        ("ViT-B-32:openai", True),  # the tag knows it, the architecture's name does not
        ("ViT-B-32:laion400m_e32", True),
        ("ViT-B-32:laion2b_s34b_b79k", False),
        ("RN50:yfcc15m", True),
        ("RN50-gelu:random", False),
        ("mini-ViT:random", True),
    ],
)
def test_the_activation_is_that_of_the_weights_or_else_of_the_architecture(name, quick):
    assert backbone.architecture(name).config["quick_gelu"] is quick


@pytest.mark.parametrize(
    ("name", "family", "size", "colours"),
    [
        ("ViT-B/16", "vit", 224, OPENAIS),
        ("RN101:openai", "resnet", 224, OPENAIS),
        ("ViT-L-14-336:openai", "vit", 336, OPENAIS),
        ("convnext_base:laion400m_s13b_b51k", "resnet", 224, OPENAIS),
        ("ViT-B-16-SigLIP-384:webli", "vit", 384, HALF),
        ("ViT-B-16-SigLIP2:random", "vit", 224, HALF),
        ("MobileCLIP-S1:datacompdr", "resnet", 256, ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))),
        (
            "timm:vit_small_patch14_dinov2",
            "vit",
            518,
            ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ),
        ("timm:convnext_tiny:random", "resnet", 224, None),
    ],
)
def test_size_and_colours_are_the_models_own(name, family, size, colours):
    shape = backbone.architecture(name)
    assert (shape.family, shape.image_size) == (family, size)
    assert colours is None or shape.colours == colours


def test_the_papers_shapes_and_colours_are_those_of_open_clip():
    for name, theirs in (("ViT-B/16", "ViT-B-16"), ("RN50", "RN50")):
        ours = backbone.ARCHITECTURES[name]
        assert ours.config == {**(open_clip.get_model_config(theirs) or {}), "quick_gelu": True}
        assert ours.colours == (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)


def test_nothing_of_the_libraries_of_networks_is_loaded_before_a_network_is_built():
    seen = "from handid import report, study; study.Study(work='w', data={'11k': '', 'HD': ''})"
    seen += "; import sys; print({'torch._dynamo', 'transformers', 'sklearn'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
