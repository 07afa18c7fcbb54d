"""ImageNet encoders: sizes as torchvision's, timm's and the papers', with stride 2 and 1."""

import pytest
import timm
import torch
from torchvision import models

from handid import backbone
from handid.backbone import imagenet

NAMES = tuple(imagenet.ARCHITECTURES)
# Without the 1000 classes: torchvision's published counts less those of the last layer.
COUNTS = {
    "ResNet50": 25_557_032 - 1000 * 2049,
    "VGG19-bn": 143_678_248 - 1000 * 4097,
    "EfficientNet-Lite0": 4_652_008 - 1000 * 1281,  # timm's and Keras's count
}


def noise(side, count=1):
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def shapes_only(name, **settings):
    """A network without numbers: VGG19-bn's 140 million take seconds to draw."""
    with torch.device("meta"):
        return backbone.build(name, **settings)


@pytest.fixture(scope="module")
def vgg():
    return backbone.build("VGG19-bn", last_stride=2, image_size=32)


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_parameters_is_the_published_one(name):
    net = shapes_only(name)
    assert sum(p.numel() for p in net.image_parameters()) == COUNTS[name]
    assert {id(p) for p in net.image_parameters()} == {id(p) for p in net.parameters()}


@pytest.mark.parametrize("last_stride", [1, 2])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [64, 75])
def test_maps_and_feature_have_the_announced_sizes(name, last_stride, size):
    net = shapes_only(name, last_stride=last_stride, image_size=size)
    grid, shapes = noise(size).to("meta"), []
    for stage in net.stages:
        grid = stage(grid)
        shapes.append(tuple(grid.shape[1:]))
    sides = zip(net.widths, net.sides, net.sides, strict=True)
    assert shapes == list(sides) and net.channels == net.widths[-1]
    assert net.map(noise(size).to("meta")).shape == grid.shape
    assert net(noise(size).to("meta"))["feat"].shape == (1, net.dims["feat"])


def test_the_papers_maps():
    gpa = shapes_only("ResNet50", last_stride=1, image_size=384)  # GPA-Net, section 3.2
    assert (gpa.channels, gpa.sides[-1], gpa.dims["feat"]) == (2048, 24, 2048)
    mba = shapes_only("ResNet50", last_stride=1, image_size=324)  # MBA-Net's public code
    assert mba.sides == [81, 41, 21, 21]
    assert shapes_only("VGG19-bn").dims["feat"] == 4096  # GPA-Net, section 3.2: fc7


@pytest.mark.parametrize("name", ["ResNet50", "VGG19-bn"])
def test_with_stride_two_the_networks_are_torchvisions(name, vgg):
    net = vgg if name == "VGG19-bn" else backbone.build(name, last_stride=2)
    make = models.vgg19_bn if name == "VGG19-bn" else models.resnet50
    with torch.device("meta"):
        theirs = make().eval()
    last = theirs.classifier[6] if name == "VGG19-bn" else theirs.fc
    generator = torch.Generator().manual_seed(0)
    classes = {
        f"{imagenet.ARCHITECTURES[name].classes}{key}": torch.randn(v.shape, generator=generator)
        for key, v in last.state_dict().items()
    }
    theirs.load_state_dict(net.net.state_dict() | classes, assign=True)
    with torch.inference_mode():
        features, expected = net(noise(64))["feat"], theirs(noise(64))
        assert torch.equal(net.map(noise(64)), through(net.stages, noise(64)))
        last = theirs.classifier[6] if name == "VGG19-bn" else theirs.fc
        assert torch.allclose(last(features), expected, atol=1e-4, rtol=1e-4)


def through(stages, images):
    for stage in stages:
        images = stage(images)
    return images


def test_the_map_needs_no_fully_connected_layers(vgg):
    assert sum(p.numel() for p in vgg.map_parameters()) < 21e6  # of 140 million
    vgg.map(noise(32)).sum().backward()
    assert all(p.grad is not None for p in vgg.map_parameters())
    assert all(p.grad is None for p in vgg.net.classifier.parameters())


def test_clips_resnet_gives_a_map_too_and_a_vit_none():
    net = backbone.build("mini-RN")
    with torch.inference_mode():
        grid = net.map(noise(128))
        assert torch.equal(grid.mean((2, 3)), net(noise(128))["feat"])
    assert grid.shape[1] == net.channels
    assert backbone.build("mini-ViT").channels == 0


def test_random_weights_come_from_the_seed():
    a, b, c = (backbone.build("EfficientNet-Lite0", seed=s).state_dict() for s in (0, 0, 1))
    key = "net.conv_stem.weight"
    assert torch.equal(a[key], b[key]) and not torch.equal(a[key], c[key])


# --- EfficientNet-Lite0 -------------------------------------------------------------------------


@pytest.mark.parametrize("size", [32, 64, 75, 97])
def test_the_map_is_timms_at_any_size(size):
    theirs = timm.create_model("tf_efficientnet_lite0", num_classes=0).eval()
    theirs.to(memory_format=torch.channels_last)  # as ours; another layout rounds otherwise
    net = backbone.build("EfficientNet-Lite0", last_stride=2, image_size=size)
    theirs.load_state_dict(net.net.state_dict())
    with torch.inference_mode():
        assert torch.equal(net.map(noise(size, 2)), theirs.forward_features(noise(size, 2)))


def test_last_stride_one_doubles_the_map_and_adds_no_weights():
    one, two = (backbone.build("EfficientNet-Lite0", last_stride=s, image_size=64) for s in (1, 2))
    with torch.inference_mode():
        assert [net.map(noise(64)).shape[-1] for net in (one, two)] == [4, 2]
    shapes = [{k: tuple(v.shape) for k, v in net.state_dict().items()} for net in (one, two)]
    assert shapes[0] == shapes[1]


def test_last_stride_one_gives_the_places_that_stride_two_leaves_out_and_is_not_dilated():
    """With TensorFlow's padding, place i of stride 2 is place 2 i + 1 of stride 1."""
    one, two = (backbone.build("EfficientNet-Lite0", last_stride=s) for s in (1, 2))
    layers = [net.net.blocks[5][0].conv_dw for net in (one, two)]
    maps = torch.randn(2, layers[0].in_channels, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        fine, coarse = (layer(maps) for layer in layers)
    assert torch.allclose(fine[..., 1::2, 1::2], coarse, atol=1e-6)
    convolutions = [m for m in one.stages[3].modules() if isinstance(m, torch.nn.Conv2d)]
    assert all(conv.stride == conv.dilation == (1, 1) for conv in convolutions)


def test_random_weights_keep_the_size_of_a_signal():
    """In evaluation, where no batch norm helps; sixteen blocks could shrink it to nothing."""
    net = backbone.build("EfficientNet-Lite0", image_size=64)
    with torch.inference_mode():
        assert 0.05 < net.map(noise(64, 2)).std() < 20
