"""ImageNet encoders: sizes as torchvision's and the papers', weights files, refusals."""

import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from handid import backbone, imagenet

NAMES = tuple(imagenet.ARCHITECTURES)
# Without the 1000 classes: torchvision's published counts less those of the last layer.
COUNTS = {
    "ResNet50": 25_557_032 - 1000 * 2049,
    "VGG19-bn": 143_678_248 - 1000 * 4097,
    "EfficientNet-Lite0": 4_652_008 - 1000 * 1281,
}


def noise(side, count=1):
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_parameters_is_the_published_one(name):
    net = backbone.build(name)
    assert sum(p.numel() for p in net.image_parameters()) == COUNTS[name]
    assert {id(p) for p in net.image_parameters()} == {id(p) for p in net.parameters()}


@pytest.mark.parametrize("last_stride", [1, 2])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [64, 75])
def test_maps_and_feature_have_the_announced_sizes(name, last_stride, size):
    net = backbone.build(name, last_stride=last_stride, image_size=size)
    grid, shapes = noise(size), []
    with torch.inference_mode():
        for stage in net.stages:
            grid = stage(grid)
            shapes.append(tuple(grid.shape[1:]))
        feat = net(noise(size))["feat"]
        assert torch.equal(net.map(noise(size)), grid)
    sides = zip(net.widths, net.sides, net.sides, strict=True)
    assert shapes == list(sides) and net.channels == net.widths[-1]
    assert feat.shape == (1, net.dims["feat"])


def test_the_papers_maps():
    gpa = backbone.build("ResNet50", last_stride=1, image_size=384)  # GPA-Net, section 3.2
    assert (gpa.channels, gpa.sides[-1], gpa.dims["feat"]) == (2048, 24, 2048)
    mba = backbone.build("ResNet50", last_stride=1, image_size=324)  # MBA-Net's public code
    assert mba.sides == [81, 41, 21, 21]
    assert backbone.build("VGG19-bn").dims["feat"] == 4096  # GPA-Net, section 3.2: fc7


def test_with_stride_two_the_networks_are_torchvisions():
    for name, make in (("ResNet50", models.resnet50), ("VGG19-bn", models.vgg19_bn)):
        theirs, net = make().eval(), backbone.build(name, last_stride=2)
        state = theirs.state_dict()
        net.net.load_state_dict({key: state[key] for key in net.net.state_dict()})
        last = theirs.fc if name == "ResNet50" else theirs.classifier[6]
        with torch.inference_mode():
            assert torch.allclose(last(net(noise(64))["feat"]), theirs(noise(64)), atol=1e-4)


def test_the_map_needs_no_fully_connected_layers():
    net = backbone.build("VGG19-bn", image_size=32)
    assert sum(p.numel() for p in net.map_parameters()) < 21e6  # of 140 million
    net.map(noise(32)).sum().backward()
    assert all(p.grad is not None for p in net.map_parameters())
    assert all(p.grad is None for p in net.net.classifier.parameters())


def test_clips_resnet_gives_a_map_too_and_a_vit_none():
    net = backbone.build("mini-RN")
    with torch.inference_mode():
        grid = net.map(noise(128))
        assert torch.equal(grid.mean((2, 3)), net(noise(128))["feat"])
    assert grid.shape[1] == net.channels
    assert backbone.build("mini-ViT").channels == 0


def test_random_weights_come_from_the_seed():
    a, b, c = (backbone.build("EfficientNet-Lite0", seed=s).state_dict() for s in (0, 0, 1))
    key = "net.stages.0.0.weight"
    assert torch.equal(a[key], b[key]) and not torch.equal(a[key], c[key])


@pytest.mark.parametrize("end", [".pth", ".safetensors"])
def test_a_file_of_torchvisions_loads_without_its_classes(tmp_path, end):
    state = models.resnet50().state_dict()
    file = tmp_path / f"ResNet50{end}"
    if end == ".pth":
        state = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
        torch.save(state, file)  # as the files of 2017 are
    else:
        save_file(state, file)
    for weights in (file, tmp_path):
        net = backbone.build("ResNet50", str(weights))
        assert torch.equal(
            net.net.state_dict()["layer4.0.conv2.weight"], state["layer4.0.conv2.weight"]
        )


def test_torchvisions_weights_are_asked_for_by_their_name(monkeypatch):
    asked = []
    monkeypatch.setattr(imagenet, "_fetch", lambda name: asked.append(name) or {})
    for weights in ("imagenet", "imagenet-v2"):
        with pytest.raises(ValueError, match="These weights are not those of ResNet50"):
            backbone.build("ResNet50", weights)
    known = {name for one in imagenet.ARCHITECTURES.values() for _, name in one.published}
    assert asked == ["ResNet50_Weights.IMAGENET1K_V1", "ResNet50_Weights.IMAGENET1K_V2"]
    assert {str(models.get_weight(name)) for name in known} == known


def test_weights_that_cannot_be_fetched_are_told_in_one_sentence(monkeypatch):
    def offline(name):
        raise OSError("no network")

    monkeypatch.setattr(imagenet.models, "get_weight", offline)
    with pytest.raises(ValueError, match=r"cannot be fetched \(no network\): give a weights file"):
        backbone.build("ResNet50", "imagenet")


def test_a_pickle_that_would_run_something_is_refused(tmp_path):
    class Runs:
        def __reduce__(self):
            return print, ("it ran",)

    torch.save({"conv1.weight": Runs()}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match="is no file of weights, or is damaged"):
        backbone.build("ResNet50", str(tmp_path / "w.pth"))


def test_what_is_no_state_dict_of_the_network_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "list.pth")
    (tmp_path / "w.safetensors").write_bytes(b"damaged")
    torch.save(models.resnet18().state_dict(), tmp_path / "resnet18.pth")
    for file, sentence in (
        ("list.pth", "holds something else than a state dict"),
        ("w.safetensors", "is no file of weights, or is damaged"),
        ("resnet18.pth", "These weights are not those of ResNet50"),
    ):
        with pytest.raises(ValueError, match=sentence):
            backbone.build("ResNet50", str(tmp_path / file))


def test_unknown_weights_and_sizes_are_refused():
    for name, weights, sentence in (
        ("ResNet50", "openai", "Unknown weights 'openai' of ResNet50: use 'random', 'imagenet', "),
        ("ResNet50", "mini", "No weights 'mini' of ResNet50 ship"),
        ("VGG19-bn", "imagenet-v2", "use 'random', 'imagenet' or a file"),
    ):
        with pytest.raises(ValueError, match=sentence):
            backbone.build(name, weights)
    with pytest.raises(ValueError, match="mini-ViT takes images of 128 pixels, not 384"):
        backbone.build("mini-ViT", image_size=384)
    with pytest.raises(ValueError, match="VGG19-bn needs larger images than 8 pixels"):
        backbone.build("VGG19-bn", image_size=8)
    with pytest.raises(ValueError, match="Unknown backbone 'ResNet51': .*EfficientNet-Lite0"):
        backbone.build("ResNet51")
