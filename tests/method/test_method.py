"""The registry and the three doors: what holds for every method, and how a new one is added."""

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

import handid
from handid import method, recipes
from handid.image import augment

CNN = ("cnn_baseline", "gpa_net", "mba_net", "abd_net", "rga_net")  # test_cnn.py has these
NAMES = tuple(name for name in method.METHODS if name not in ("clip_pretrain", *CNN))
WIDTHS = {
    "clip_zero_shot": lambda widths: widths["proj"],
    "clip_ft": lambda widths: sum(widths.values()),
    "clip_handid": lambda widths: sum(widths.values()),
    "promptsg": lambda widths: widths["proj"],
    "clip_reid": lambda widths: sum(widths.values()),
    "raw_pixels": lambda widths: 3 * 32 * 32,
    "colour_histogram": lambda widths: 8**3,
}


@pytest.fixture
def batch(batch):
    """Batches of the minis' own image size."""
    return partial(batch, size=128)


# --- the registry ---------------------------------------------------------------------------------


def test_an_unknown_method_is_refused_with_the_known_ones():
    with pytest.raises(
        ValueError, match="Unknown method 'clip_hand': choose one of .*clip_zero_shot, "
    ):
        method.build("clip_hand", None, 2)


def test_an_unknown_option_is_refused_with_the_known_ones():
    with pytest.raises(
        ValueError, match="'clip_handid' has no option 'tau': it has heads, prompts, temp"
    ):
        method.build("clip_handid", None, 2, tau=1.0)


ODD = {
    "clip_ft": [("heads", [], "give a text"), ("neck", 10**400, "give true or false")],
    "clip_handid": [
        ("temperature", float("nan"), "temperature is nan: give 0, or a number from 1e-06 to 1,00"),
        ("temperature", 1e-300, "temperature is 1e-300: give 0, or a number from"),
        ("hidden_factor", 10**400, "give a whole number from 0 to 1,000,000"),
        ("contrastive_temperature", 1e-300, "must be 0, or at least 1e-06"),
        ("contrastive_temperature", 10**400, "give a number from 0 to 1e\\+06"),
        ("train_text", "yes", "train_text is 'yes': give true or false"),
    ],
    "clip_reid": [("levels", None, "levels are None: choose of"), ("levels", [[1]], "levels are")],
    "promptsg": [
        ("attention_heads", 7, "7 attention_heads do not divide"),
        ("attention_heads", 0, "attention_heads=0 must be a whole number from 1"),
        ("inversion_width", 0, "inversion_width=0 must be a whole number from 1"),
        ("reduction", -1, "reduction is -1: give a whole number from 0"),
        ("fixed_prompt", None, "fixed_prompt is None: give a text"),
    ],
    "gpa_net": [("width", 0, "width=0 must be"), ("local_weight", float("inf"), "is inf: give")],
    "mba_net": [("width", 0, "width=0 must be"), ("dropout", "half", "is 'half': give")],
    "abd_net": [("width", 1, "width=1 must be a whole number from 2")],
    "rga_net": [("open_gates", 1, "open_gates is 1: give true or false")],
}


@pytest.mark.parametrize("name", ODD)
def test_an_option_out_of_range_or_of_another_type_is_refused_in_one_sentence(name, encoder):
    for option, value, message in ODD[name]:
        net = encoder("mini-Lite0")
        with pytest.raises(ValueError, match=message) as refusal:
            method.build(name, net, 3, **{option: value})
        assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 300


@pytest.mark.parametrize("count", [0, -1, 2.5, None, "two", True, 10**12])
def test_a_number_of_identities_that_is_none_is_refused(count, encoder):
    with pytest.raises(ValueError, match="^n_identities="):
        method.build("clip_ft", encoder("mini-Lite0"), count)
    assert method.build("clip_zero_shot", encoder("mini-Lite0"), 0).n_classes == 0


LABELS = torch.arange(6) % 3


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (LABELS * 0 - 100, "^Labels from -100 to -100 for 3 identities: give 0 to 2, and leave"),
        (torch.tensor([0, 1, 2, 0, 1, -100]), "^Labels from -100 to 2 for 3 identities"),
        (LABELS + 1, "^Labels from 1 to 3 for 3 identities"),
        (LABELS.float(), r"^float32 numbers of shape \(6,\) are no labels: give identity numbers"),
        (LABELS.to(torch.uint8), "^uint8 numbers .* are no labels"),
        (LABELS.tolist(), "^Values of type list are no labels: give identity numbers, int64"),
        (LABELS[:4], "do not fit 6 images: give one label each"),
        (LABELS[:, None], "do not fit 6 images"),
    ],
)
@pytest.mark.parametrize("name", ["clip_handid", "clip_reid", "cnn_baseline"])
def test_what_are_no_labels_is_refused_before_the_network(name, labels, message, encoder, batch):
    net = method.build(name, encoder("mini-Lite0"), 3)
    net.backbone.forward = net.backbone.map = None  # which would be a traceback
    with pytest.raises(ValueError, match=message):
        net.losses(batch(size=64)[0], labels)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda images: None, "^Values of type NoneType are no images: give normalised ones"),
        (lambda images: images.numpy(), "^Values of type ndarray are no images"),
        (lambda images: images.to(torch.uint8), "^uint8 numbers of shape .* are no images"),
        (lambda images: images[0], r"of shape \(3, 64, 64\) are no images: give \[B, 3, H, W\]"),
        (lambda images: images.permute(0, 2, 3, 1), r"of shape \(6, 64, 64, 3\) are no images"),
        (lambda images: images.double(), "^float64 numbers .* of another precision: give float32"),
    ],
)
@pytest.mark.parametrize("name", ["clip_zero_shot", "cnn_baseline"])
def test_what_are_no_images_is_refused_at_both_doors(name, change, message, encoder, batch):
    net, images = method.build(name, encoder("mini-Lite0"), 3), change(batch(size=64)[0])
    for door in (net.embed, lambda given: net.losses(given, LABELS)):
        with pytest.raises(ValueError, match=message):
            door(images)


@pytest.mark.parametrize(
    "name",
    ["clip_handid", "clip_reid", "promptsg", "clip_pretrain"],
)
def test_what_needs_a_clip_is_refused_on_an_imagenet_encoder(name, encoder):
    with pytest.raises(ValueError, match=f"'{name}' needs a CLIP, and EfficientNet-Lite0 is none"):
        method.build(name, encoder(), 2)


@pytest.mark.parametrize("name", ["clip_zero_shot", "clip_ft", "raw_pixels", "colour_histogram"])
def test_what_uses_no_text_takes_an_encoder_without(name, encoder, batch):
    net = method.build(name, encoder(size=128), 2).eval()
    with torch.inference_mode():
        embeddings = net.embed(batch()[0])
    assert embeddings.isfinite().all()
    assert name not in ("clip_zero_shot", "clip_ft") or embeddings.shape == (6, 1280)


def test_a_level_that_an_encoder_does_not_have_is_refused(encoder):
    with pytest.raises(ValueError, match="has no level 'proj': use heads 'feat'"):
        method.build("clip_ft", encoder(), 2, heads="proj")
    with pytest.raises(ValueError, match="Unknown level 'early': use feat or proj"):
        method.build("clip_zero_shot", encoder(), 2, level="early")


# --- the doors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("backbone_name", ["mini-ViT", "mini-RN"])
@pytest.mark.parametrize("name", NAMES)
def test_an_embedding_is_one_finite_row_per_image(name, backbone_name, batch, on_clip):
    net = on_clip(name, backbone_name=backbone_name).eval()
    widths = net.backbone.dims
    expected = WIDTHS.get(name, lambda widths: None)(widths)
    with torch.inference_mode():
        embeddings = net.embed(batch()[0])
    assert embeddings.shape == (6, expected or embeddings.shape[1]) and embeddings.isfinite().all()


@pytest.mark.parametrize("name", ["clip_ft", "clip_handid"])
def test_losses_are_named_finite_scalars_with_gradients(name, batch, on_clip):
    parts = on_clip(name).losses(*batch())
    names = ["identity_feat", "identity_proj"]
    names += ["image_to_text", "text_to_image"] if name == "clip_handid" else []
    assert [*parts] == names
    assert all(p.ndim == 0 and p.isfinite() and p.requires_grad for p in parts.values())


@pytest.mark.parametrize("name", ["clip_zero_shot", "raw_pixels", "colour_histogram"])
def test_zero_shot_and_the_floors_have_nothing_to_train(name, batch, on_clip):
    net = on_clip(name)
    assert net.losses(*batch()) == {} and net.parameter_groups(None) == []


@pytest.mark.parametrize("name", ["clip_ft", "clip_handid"])
def test_image_encoder_and_new_layers_train_at_their_own_rates(name, on_clip):
    stage = recipes.load(name, "vit").stages[0]
    net = on_clip(name)
    image, new = net.parameter_groups(stage)
    assert (image["lr"], new["lr"]) == (5e-6, 5e-5)
    assert {id(p) for p in image["params"]} == {id(p) for p in net.backbone.image_parameters()}
    trained = {id(p) for group in (image, new) for p in group["params"]}
    names = [n for n, p in net.named_parameters() if id(p) not in trained]
    text = [n for n in names if n.startswith("backbone.clip.") and ".visual." not in n]
    assert set(names) - set(text) == {
        "heads.feat.neck.bias",
        "heads.proj.neck.bias",
    }  # frozen at zero
    assert len(text) > 10


@pytest.mark.parametrize("name", ["clip_ft", "clip_handid", "clip_reid", "promptsg"])
@pytest.mark.parametrize("backbone_name", ["mini-ViT", "mini-RN"])
def test_every_clip_method_takes_portraits_and_its_positions_learn(
    name, backbone_name, batch, on_clip
):
    net, (images, labels) = on_clip(name, backbone_name=backbone_name).train(), batch()
    sum(net.losses(augment.upright(images), labels).values()).backward()
    tables = ["clip.visual.positional_embedding", "clip.visual.attnpool.positional_embedding"]
    (table,) = [p for n, p in net.backbone.named_parameters() if n in tables]
    assert table.grad.abs().max() > 0


# --- one image encoder for all lineages -----------------------------------------------------------

LINEAGES = {
    "clip_ft_mini": {},
    "clip_handid_mini": {},
    "clip_reid_mini": {},
    "promptsg_mini": {},
    "cnn_baseline_mini": {},
    "gpa_net_mini": {},
    "mba_net_mini": {"width": 64},
    "abd_net_mini": {"width": 64, "orthogonal_convs": "first"},
    "rga_net_mini": {},
}


@pytest.mark.parametrize("name", LINEAGES)
def test_every_lineage_takes_a_step_from_mini_lite0(name, encoder, batch):
    plan = recipes.load(name, "resnet", LINEAGES[name])
    net = method.build(plan.method, encoder("mini-Lite0"), 3, **plan.options)
    trained = {id(p) for group in net.parameter_groups(plan.stages[-1]) for p in group["params"]}
    parts = net.train().losses(*batch(size=64))
    sum(parts.values()).backward()
    assert all(part.isfinite() for part in parts.values())
    for parameter in net.backbone.map_parameters():
        assert id(parameter) in trained and parameter.grad.abs().max() > 0
    with torch.inference_mode():
        assert net.eval().embed(batch(size=64)[0]).isfinite().all()


def test_zero_shot_on_mini_lite0_is_the_average_of_its_map(encoder, batch):
    net = method.build("clip_zero_shot", encoder("mini-Lite0"), 2).eval()
    with torch.inference_mode():
        assert net.embed(batch(size=64)[0]).shape == (6, 1280)


# --- a new method: one file, one recipe and one line, tried on a copy of the package -------------

EXAMPLE = Path(__file__).parent / "example"
LINE = '    "linear_probe": "LinearProbe",\n'
CONTRIBUTING = Path(__file__).parents[2] / "CONTRIBUTING.md"
TRAINED = """
import torch

from handid import backbone, method, recipes, train

changes = {"epochs": 2, "triplet_margin": 0.3}  # every tool comes with the head
plan = recipes.load("linear_probe", "vit", changes)
net = method.build(plan.method, backbone.build("mini-ViT"), 2, **plan.options)
images, labels = torch.randn(4, 3, 128, 128), torch.tensor([0, 0, 1, 1])
before = {name: weight.clone() for name, weight in net.state_dict().items()}
engine = train.Engine(progress=False)
history = train.fit(net, plan, lambda *_: [(images, labels)], lambda _: 0.0, "run", engine, seed=0)
assert {"identity", "triplet"} <= set(history.columns), history.columns
moved = {name for name, weight in net.state_dict().items() if not torch.equal(weight, before[name])}
assert {"linear.weight", "head.classifier.weight"} <= moved, moved
assert not [name for name in moved if name.startswith("backbone.")], moved
print(method.__file__, tuple(net.eval().embed(images).shape), recipes.System("linear_probe").key)
"""


@pytest.fixture
def copied_package(tmp_path):
    """A copy of the package with the example added: two files and one line."""
    package = tmp_path / "handid"
    shutil.copytree(Path(handid.__file__).parent, package)
    shutil.copy(EXAMPLE / "linear_probe.py", package / "method")
    shutil.copy(EXAMPLE / "linear_probe.yaml", package / "recipes")
    registry = package / "method" / "__init__.py"
    first = "METHODS = {\n"
    registry.write_text(registry.read_text().replace(first, first + LINE))
    return tmp_path


def run(code, folder):
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return done.stdout.split(maxsplit=1), done.stderr


@pytest.mark.slow
def test_one_file_one_recipe_and_one_line_make_a_method_that_trains(copied_package):
    (module, result), problems = run(TRAINED, copied_package)
    assert Path(module).is_relative_to(copied_package), problems
    assert result.strip() == "(4, 64) linear_probe"


def test_contributing_shows_this_example():
    text = CONTRIBUTING.read_text(encoding="utf-8")
    for file in ("linear_probe.py", "linear_probe.yaml"):
        assert (EXAMPLE / file).read_text(encoding="utf-8").strip() in text, file
    assert LINE.strip() in text
