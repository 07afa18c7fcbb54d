"""What trains and at which rates; and the tool box as options of every method that trains."""

from types import SimpleNamespace

import pytest
import torch

from handid import checkpoint, loss, method, recipes
from handid.image import sampler
from handid.method import _head, _reid

RATES = SimpleNamespace(backbone=1e-3, new=1e-2, bias=1.0)
FULL = {"triplet_margin": 0.3, "centre_rate": 0.5, "arcface_scale": 30.0, "arcface_margin": 0.5}


class Net(_reid.ReidMethod):
    """A backbone with a head."""

    def __init__(self, encoder, **options):
        super().__init__(encoder)
        self.head = _head.IdentityHead(6, 4, **options)


def test_every_trainable_parameter_is_in_one_group_at_its_own_rate(encoder):
    net = Net(encoder("mini-ViT", 0), **FULL)
    groups = _reid.rate_groups(net, RATES)
    assert [group["lr"] for group in groups] == [1e-3, 1e-2]
    listed = [id(p) for group in groups for p in group["params"]]
    assert len(listed) == len(set(listed))
    assert set(listed) == {id(p) for p in net.parameters() if p.requires_grad}


def test_biases_may_have_a_multiple_of_the_rate(encoder):
    net = Net(encoder("mini-ViT", 0))
    groups = _reid.rate_groups(net, SimpleNamespace(backbone=1e-3, new=1e-2, bias=2.0))
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    trained = {name: p for name, p in net.named_parameters() if p.requires_grad}
    assert rates.keys() == {id(p) for p in trained.values()}
    for name, parameter in trained.items():
        plain = 1e-3 if name.startswith("backbone.") else 1e-2
        assert rates[id(parameter)] == plain * (2 if "bias" in name else 1), name


def test_what_is_left_out_is_in_no_group(encoder):
    net = Net(encoder("mini-ViT", 0))
    groups = _reid.rate_groups(net, RATES, [net.head.neck.weight])
    assert id(net.head.neck.weight) not in {id(p) for g in groups for p in g["params"]}


@pytest.mark.parametrize(("name", "n_blocks"), [("mini-ViT", 6), ("mini-RN", 4)])
@pytest.mark.parametrize("blocks", [0, 2])
def test_only_the_last_blocks_of_an_encoder_train(name, n_blocks, blocks, encoder):
    net = encoder(name, 0)
    all_blocks = net.blocks()
    assert len(all_blocks) == n_blocks
    _reid.unfreeze_last(net, blocks)
    wanted = {id(p) for block in all_blocks[n_blocks - blocks :] for p in block.parameters()}
    assert {id(p) for p in net.parameters() if p.requires_grad} == wanted
    with pytest.raises(ValueError, match=f"Cannot unfreeze 7 blocks: {name} has {n_blocks}"):
        _reid.unfreeze_last(net, 7)


def test_none_leaves_the_whole_encoder_to_train(encoder):
    net = encoder("mini-RN", 0)
    _reid.unfreeze_last(net, None)
    assert all(p.requires_grad for p in net.image_parameters())


def test_the_running_means_of_frozen_norms_stand_still(encoder):
    net = encoder("mini-RN", 0)
    _reid.unfreeze_last(net, 1)
    net.train()
    _reid.keep_frozen_norms(net)
    before = {k: v.clone() for k, v in net.named_buffers() if k.endswith("running_mean")}
    net(torch.randn(2, 3, 128, 128))
    after = dict(net.named_buffers())
    moved = {k.split(".")[2] for k, v in before.items() if not torch.equal(v, after[k])}
    assert moved == {"layer4"}


def test_identities_with_few_images_fill_their_places_with_repeats():
    labels = [0] * 2 + [1] * 3 + [2] * 9
    stage = SimpleNamespace(sampler="balanced", batch_size=12, images_per_identity=4)
    for rows in sampler.order(labels, stage, torch.Generator().manual_seed(0)):
        counts = torch.bincount(torch.tensor(labels)[rows])
        assert counts.tolist() == [4, 4, 4]
        assert {0, 1, 2, 3, 4} <= set(rows.tolist())


# --- the tool box in every method -----------------------------------------------------------------

ON_CLIP = ("clip_ft", "clip_handid", "clip_reid", "promptsg")
ON_MAPS = ("cnn_baseline", "gpa_net", "mba_net", "abd_net", "rga_net")
TRAINED = (*ON_CLIP, *ON_MAPS)
# A map of 2 x 2 cells cannot be cut into 3; narrow heads change nothing but the time.
SMALL = {"gpa_net": {"horizontal_parts": 2}, "mba_net": {"width": 256}, "abd_net": {"width": 256}}
COMPARING = {
    "triplet": {"triplet_margin": 0.3},
    "centre": {"centre_rate": 0.5},
    "contrastive": {"contrastive_temperature": 0.1},
}


def recipe(name, **changes):
    return recipes.load(name, "vit" if name in ON_CLIP else "cnn", changes)


@pytest.fixture
def built(encoder):
    """built(name, **changes): on a small network, its options through the recipe as in a study."""

    def of_three(name, **changes):
        on_clip = name in ON_CLIP
        net = encoder("mini-ViT", 0) if on_clip else encoder(size=32)
        torch.manual_seed(0)
        return method.build(name, net, 3, **recipe(name, **SMALL.get(name, {}), **changes).options)

    return of_three


@pytest.fixture
def batch(batch):
    """batch(name, count=6): images of 3 people, of the size that the method's network takes."""
    return lambda name, count=6: batch(count, size=128 if name in ON_CLIP else 32)


def heads(net):
    return [module for module in net.modules() if isinstance(module, _head.IdentityHead)]


def groups(net, name):
    stage = recipe(name).stages[-1]
    return [group for group in net.parameter_groups(stage) if group["params"]]


def test_every_tool_may_be_changed_in_every_recipe():
    assert {*recipes.TOOLS} == {*_head.TOOLS, "unfreeze_blocks", "lora_rank"}
    assert recipe("clip_ft", arcface_scale=20.0).options["arcface_scale"] == 20.0
    with pytest.raises(ValueError, match="did you mean 'arcface_scale'"):
        recipe("clip_ft", arcface_scales=20.0)


def test_a_method_without_training_has_no_tools(encoder):
    options = recipes.load("clip_zero_shot", "vit", {"triplet_margin": 0.3}).options
    with pytest.raises(ValueError, match="'clip_zero_shot' has no option 'triplet_margin'"):
        method.build("clip_zero_shot", encoder("mini-ViT", 0), 3, **options)


@pytest.mark.parametrize("tool", COMPARING)
@pytest.mark.parametrize("name", TRAINED)
def test_each_loss_can_be_added_and_reaches_the_image_encoder(name, tool, batch, built):
    net = built(name, **{"triplet_margin": None} | COMPARING[tool]).train()
    parts = {key: part for key, part in net.losses(*batch(name)).items() if key.startswith(tool)}
    assert parts and all(part.ndim == 0 and part.isfinite() for part in parts.values())
    late = [p for block in net.backbone.blocks()[-2:] for p in block.parameters()]
    late += [*net.last_stage.parameters()] if name == "abd_net" else []
    for part in parts.values():
        gradients = torch.autograd.grad(part, late, retain_graph=True, allow_unused=True)
        assert any(grad is not None and grad.abs().sum() > 0 for grad in gradients)


@pytest.mark.parametrize("name", TRAINED)
def test_without_their_options_there_are_no_such_losses(name, batch, built):
    parts = built(name, triplet_margin=None).train().losses(*batch(name))
    assert parts and not [key for key in parts if key.startswith(tuple(COMPARING))]


@pytest.mark.parametrize("name", TRAINED)
def test_centres_move_whatever_the_optimiser_and_are_kept(name, batch, built):
    net = built(name, centre_rate=0.5).train()
    own = [head for head in heads(net) if head.centres is not None]
    net.losses(*batch(name))
    assert own and all((head.centres != 0).any() for head in own)
    kept = checkpoint.trained_tensors(net)
    assert len([key for key in kept if key.endswith(".centres")]) == len(own)
    before = [head.centres.clone() for head in own]
    net.eval().losses(*batch(name))
    assert all(torch.equal(a, head.centres) for a, head in zip(before, own, strict=True))


@pytest.mark.parametrize("name", TRAINED)
def test_arcface_takes_the_classifiers_place_and_its_directions_learn(name, batch, built):
    values = {}
    for margin in (0.0, 0.5):
        net = built(name, arcface_scale=30.0, arcface_margin=margin).eval()
        parts = net.losses(*batch(name))
        values[margin] = sum(v.item() for k, v in parts.items() if k.startswith("identity"))
        sum(parts.values()).backward()
        first = heads(net)[0].classifier
        assert first.bias is None and first.weight.grad.abs().sum() > 0
        assert first.weight.std().item() == pytest.approx(first.in_features**-0.5, rel=0.1)
    assert values[0.5] > values[0.0] + 1


@pytest.mark.parametrize("name", TRAINED)
def test_the_neck_can_be_put_in_and_left_out(name, batch, built):
    for neck in (True, False):
        net = built(name, neck=neck)
        kinds = {type(head.neck).__name__ for head in heads(net)}
        assert kinds == {"BatchNorm1d" if neck else "Identity"}
        if neck and name != "clip_reid":  # which embeds before its necks, as published
            images = batch(name)[0]
            with torch.inference_mode():
                before = net.eval().embed(images)
                for head in heads(net):
                    head.neck.running_mean += 1
                assert (before - net.embed(images) > 0.9).all()


@pytest.mark.parametrize("name", [name for name in TRAINED if name != "promptsg"])
def test_features_of_length_1_are_those_that_embed(name, batch, built):
    options = {"rga_net": {"after_neck": False}, "clip_reid": {}}.get(name, {"neck": False})
    with torch.inference_mode():
        embeddings = built(name, unit=True, **options).eval().embed(batch(name)[0])
    pieces = {"clip_ft": 2, "clip_handid": 2, "clip_reid": 2, "gpa_net": 3, "mba_net": 3}
    pieces |= {"abd_net": 3}
    lengths = embeddings.square().sum(1)
    assert torch.allclose(lengths, torch.full((6,), float(pieces.get(name, 1))), atol=1e-4)


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("blocks", [0, 1])
def test_of_the_image_encoder_only_the_last_blocks_train(name, blocks, batch, built):
    net = built(name, unfreeze_blocks=blocks).train()
    last = net.backbone.blocks()[-blocks:] if blocks else []
    wanted = {id(p) for block in last for p in block.parameters()}
    if name == "abd_net" and blocks:
        wanted |= {id(p) for p in net.last_stage.parameters()}
    old = {id(p) for p in net.pretrained()}
    trained = {id(p) for group in groups(net, name) for p in group["params"]}
    assert trained & old == wanted
    means = {key: mean for key, mean in net.backbone.named_buffers() if "running_mean" in key}
    before = {key: mean.clone() for key, mean in means.items()}
    sum(net.losses(*batch(name)).values()).backward()
    moved = {id(mean) for key, mean in means.items() if not torch.equal(mean, before[key])}
    if name == "abd_net" and not blocks:
        assert not [
            m for m in net.last_stage.modules() if m.training and hasattr(m, "num_features")
        ]
    assert moved <= {id(buffer) for block in last for buffer in block.buffers()}
    assert bool(moved) == (blocks == 1 and name in ON_MAPS)


def test_blocks_that_are_not_there_are_refused(built):
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


# --- where the tools stand in a method ------------------------------------------------------------


def test_clip_ft_compares_both_features_before_their_necks(batch, built):
    net = built("clip_ft", **COMPARING["triplet"], unit=True).eval()
    images, labels = batch("clip_ft")
    with torch.inference_mode():
        parts, features = net.losses(images, labels), net.backbone(images)
        for level in ("feat", "proj"):
            unit = torch.nn.functional.normalize(features[level], dim=1)
            expected = loss.batch_hard_triplet(unit, labels, 0.3)
            assert torch.allclose(parts[f"triplet_{level}"], expected)


SEEN_OTHERWISE = ("hand_only", "other_backgrounds")  # photographs, and not the method
TOOLS_OF_CLIP_FT = tuple(
    name for name in recipes.load("clip_ft", "vit").ablations if name not in SEEN_OTHERWISE
)


@pytest.mark.parametrize("name", TOOLS_OF_CLIP_FT)
@pytest.mark.parametrize("family", ["vit", "resnet"])
def test_every_tool_of_clip_fts_recipes_can_be_trained(family, name, batch, encoder):
    published, mini = (recipes.load(f"clip_ft{end}", family, control=name) for end in ("", "_mini"))
    assert published.options == mini.options  # so that one training below stands for both
    net = encoder("mini-ViT" if family == "vit" else "mini-RN", 0)
    parts = method.build("clip_ft", net, 3, **mini.options).train().losses(*batch("clip_ft", 4))
    for changed in (published, mini):
        plain, (stage,) = recipes.load(changed.name, family), changed.stages
        assert changed.title == f"CLIP-FT {name}"
        assert changed.options != plain.options or changed.stages != plain.stages
        assert stage.loss_weights.keys() <= parts.keys()
        people = stage.batch_size // stage.images_per_identity
        assert stage.sampler == "plain" or (people >= 2 and stage.images_per_identity >= 2)
    sum(parts.values()).backward()


def test_clip_fts_two_recipes_try_the_same_tools():
    assert len(TOOLS_OF_CLIP_FT) >= 7
    published, mini = (recipes.load(name, "vit").ablations for name in ("clip_ft", "clip_ft_mini"))
    assert [*published] == [*mini]
