"""The re-identification tool box as options of every method that trains."""

import pytest
import torch

from handid import backbone, loss, method, recipes, train
from handid.method import _reid

ON_CLIP = ("clip_ft", "clip_handid", "clip_reid", "promptsg")
ON_MAPS = ("cnn_baseline", "gpa_net", "mba_net", "abd_net", "rga_net")
TRAINED = (*ON_CLIP, *ON_MAPS)
COMPARING = {
    "triplet": {"triplet_margin": 0.3},
    "centre": {"centre_rate": 0.5},
    "contrastive": {"contrastive_temperature": 0.1},
}


def recipe(name, **changes):
    return recipes.load(name, "vit" if name in ON_CLIP else "cnn", changes)


def built(name, **changes):
    """The method on a mini, its options through the recipe as a study gives them."""
    on_clip = name in ON_CLIP
    net = backbone.build("mini-ViT" if on_clip else "EfficientNet-Lite0", image_size=128)
    torch.manual_seed(0)
    parts = {} if name != "gpa_net" else {"horizontal_parts": 2}
    return method.build(name, net, 3, **recipe(name, **parts, **changes).options)


def batch():
    images = torch.randn(6, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    return images, torch.arange(6) % 3


def heads(net):
    return [module for module in net.modules() if isinstance(module, _reid.IdentityHead)]


def groups(net, name):
    stage = recipe(name).stages[-1]
    return [group for group in net.parameter_groups(stage) if group["params"]]


def test_every_tool_may_be_changed_in_every_recipe():
    assert {*recipes.TOOLS} == {*_reid.TOOLS, "unfreeze_blocks"}
    assert recipe("clip_ft", arcface_scale=20.0).options["arcface_scale"] == 20.0
    with pytest.raises(ValueError, match="did you mean 'arcface_scale'"):
        recipe("clip_ft", arcface_scales=20.0)


def test_a_method_without_training_has_no_tools():
    options = recipes.load("clip_zero_shot", "vit", {"triplet_margin": 0.3}).options
    with pytest.raises(ValueError, match="'clip_zero_shot' has no option 'triplet_margin'"):
        method.build("clip_zero_shot", backbone.build("mini-ViT"), 3, **options)


@pytest.mark.parametrize("tool", COMPARING)
@pytest.mark.parametrize("name", TRAINED)
def test_each_loss_can_be_added_and_reaches_the_image_encoder(name, tool):
    net = built(name, **{"triplet_margin": None} | COMPARING[tool]).train()
    parts = {key: part for key, part in net.losses(*batch()).items() if key.startswith(tool)}
    assert parts and all(part.ndim == 0 and part.isfinite() for part in parts.values())
    for part in parts.values():
        net.zero_grad()
        part.backward(retain_graph=True)
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in net.pretrained())
    without = built(name, triplet_margin=None).train().losses(*batch())
    assert not [key for key in without if key.startswith(tool)]


@pytest.mark.parametrize("name", TRAINED)
def test_centres_move_whatever_the_optimiser_and_are_kept(name):
    net = built(name, centre_rate=0.5).train()
    own = [head for head in heads(net) if head.centres is not None]
    net.losses(*batch())
    assert own and all((head.centres != 0).any() for head in own)
    kept = train._trained_tensors(net)
    assert len([key for key in kept if key.endswith(".centres")]) == len(own)
    before = [head.centres.clone() for head in own]
    net.eval().losses(*batch())
    assert all(torch.equal(a, head.centres) for a, head in zip(before, own, strict=True))


@pytest.mark.parametrize("name", TRAINED)
def test_arcface_takes_the_classifiers_place_and_its_directions_learn(name):
    values = {}
    for margin in (0.0, 0.5):
        net = built(name, arcface_scale=30.0, arcface_margin=margin).eval()
        parts = net.losses(*batch())
        values[margin] = sum(v.item() for k, v in parts.items() if k.startswith("identity"))
        sum(parts.values()).backward()
        first = heads(net)[0].classifier
        assert first.bias is None and first.weight.grad.abs().sum() > 0
        assert first.weight.std().item() == pytest.approx(first.in_features**-0.5, rel=0.1)
    assert values[0.5] > values[0.0] + 1


@pytest.mark.parametrize("name", TRAINED)
def test_the_neck_can_be_put_in_and_left_out(name):
    for neck in (True, False):
        net = built(name, neck=neck)
        kinds = {type(head.neck).__name__ for head in heads(net)}
        assert kinds == {"BatchNorm1d" if neck else "Identity"}
        if neck and name != "clip_reid":  # which embeds before its necks, as published
            images = batch()[0]
            with torch.inference_mode():
                before = net.eval().embed(images)
                for head in heads(net):
                    head.neck.running_mean += 1
                assert (before - net.embed(images) > 0.9).all()


@pytest.mark.parametrize("name", [name for name in TRAINED if name != "promptsg"])
def test_features_of_length_1_are_those_that_embed(name):
    options = {"rga_net": {"after_neck": False}, "clip_reid": {}}.get(name, {"neck": False})
    with torch.inference_mode():
        found = built(name, unit=True, **options).eval().embed(batch()[0])
    pieces = {"clip_ft": 2, "clip_handid": 2, "clip_reid": 2, "gpa_net": 3, "mba_net": 3}
    pieces |= {"abd_net": 3}
    lengths = found.square().sum(1)
    assert torch.allclose(lengths, torch.full((6,), float(pieces.get(name, 1))), atol=1e-4)


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("blocks", [0, 1])
def test_of_the_image_encoder_only_the_last_blocks_train(name, blocks):
    net = built(name, unfreeze_blocks=blocks).train()
    last = net.backbone.blocks()[-blocks:] if blocks else []
    wanted = {id(p) for block in last for p in block.parameters()}
    if name == "abd_net" and blocks:
        wanted |= {id(p) for p in net.last_stage.parameters()}
    old = {id(p) for p in net.pretrained()}
    trained = {id(p) for group in groups(net, name) for p in group["params"]}
    assert trained & old == wanted
    kept = {k: v.clone() for k, v in net.backbone.state_dict().items() if "running_mean" in k}
    sum(net.losses(*batch()).values()).backward()
    moved = {k for k, v in net.backbone.state_dict().items() if k in kept and (v != kept[k]).any()}
    if name == "abd_net" and not blocks:
        assert not [
            m for m in net.last_stage.modules() if m.training and hasattr(m, "num_features")
        ]
    allowed = "net.stages.3" if blocks else "nothing"
    assert all(key.startswith(allowed) for key in moved)


def test_blocks_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="Cannot unfreeze 5 blocks: EfficientNet-Lite0 has 4"):
        built("gpa_net", unfreeze_blocks=5)
    with pytest.raises(ValueError, match="Cannot unfreeze True blocks"):
        built("gpa_net", unfreeze_blocks=True)


def test_the_weight_of_one_loss_leaves_the_others_and_the_stage_on_cached_features():
    weights = {"centre_feat": 5e-4}
    words, image = recipe("clip_reid", loss_weights=weights, loss_warmup={"centre_feat": 2}).stages
    before = recipe("clip_reid").stages
    assert (words.loss_weights, words.loss_warmup) == (before[0].loss_weights, {})
    assert image.loss_weights == before[1].loss_weights | weights
    assert image.loss_warmup == {"centre_feat": 2}


# --- where the tools stand in a method ----------------------------------------------------------


def test_clip_ft_compares_both_features_before_their_necks():
    net, (images, labels) = built("clip_ft", **COMPARING["triplet"], unit=True).eval(), batch()
    with torch.inference_mode():
        parts, features = net.losses(images, labels), net.backbone(images)
        for level in ("feat", "proj"):
            unit = torch.nn.functional.normalize(features[level], dim=1)
            expected = loss.batch_hard_triplet(unit, labels, 0.3)
            assert torch.allclose(parts[f"triplet_{level}"], expected)


def test_gpa_net_sums_its_parts_and_weighs_them():
    options = COMPARING["contrastive"] | {"local_weight": 0.5}
    net, (images, labels) = built("gpa_net", **options).eval(), batch()
    with torch.inference_mode():
        parts, vectors = net.losses(images, labels), net.pooled(images).unbind(1)
        each = [loss.supervised_contrastive_within(one, labels, 0.1) for one in vectors]
    assert torch.allclose(parts["contrastive_global"], each[0])
    assert torch.allclose(parts["contrastive_local"], 0.5 * (each[1] + each[2]))


def test_abd_net_takes_the_mean_over_its_features():
    net, (images, labels) = built("abd_net", **COMPARING["centre"]).eval(), batch()
    with torch.inference_mode():
        found, centres = net.features(images)[0], [head.centres for head in net.heads]
        each = [loss.centre(f, c, labels) for f, c in zip(found, centres, strict=True)]
        assert torch.allclose(net.losses(images, labels)["centre"], sum(each) / 3)


def test_clip_handid_speaks_through_the_mean_of_its_prompts():
    prompts = ["A photo of a {} hand", "The {} hand of a person"]
    net, (images, labels) = built("clip_handid", prompts=prompts).eval(), batch()
    with torch.inference_mode():
        image = net.backbone(images)["proj"]
        words = net.inversion(image)
        text = sum(net.backbone.encode_prompt(words, prompt) for prompt in prompts) / 2
        expected = loss.supervised_contrastive(image, text, labels, 0.07)
        assert torch.allclose(net.losses(images, labels)["image_to_text"], expected, rtol=1e-4)
    for wrong in ("A {} hand", [1], 5, []):
        with pytest.raises(ValueError, match="prompts is .*: give a list of texts"):
            built("clip_handid", prompts=wrong)


@pytest.mark.parametrize("file", ["clip_ft", "clip_ft_mini"])
@pytest.mark.parametrize("family", ["vit", "resnet"])
def test_every_tool_of_clip_fts_recipe_can_be_trained(file, family):
    plain = recipes.load(file, family)
    assert len(plain.ablations) >= 7
    for name in plain.ablations:
        one = recipes.load(file, family, control=name)
        assert one.title == f"CLIP-FT {name}"
        assert one.options != plain.options or one.stages != plain.stages
        net = backbone.build("mini-ViT" if family == "vit" else "mini-RN")
        net = method.build(one.method, net, 3, **one.options).train()
        parts, (stage,) = net.losses(*batch()), one.stages
        assert stage.loss_weights.keys() <= parts.keys()
        people = stage.batch_size // stage.images_per_identity
        assert stage.sampler == "plain" or (people >= 2 and stage.images_per_identity >= 2)
        sum(parts.values()).backward()
