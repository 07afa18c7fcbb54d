"""The CNN lineage: sizes from the papers, attention against plain loops, gradients, refusals."""

import re
from pathlib import Path

import pytest
import torch

from handid import backbone, loss, method, recipes, study, train
from handid.method._attention import ChannelAttention, PositionAttention
from handid.method.mba_net import SpatialAttention
from handid.method.rga_net import Relation, RelationAwareAttention

SIZE = 64  # pixels: a 4 x 4 map, or 2 x 2 with stride 2
METHODS = ("cnn_baseline", "gpa_net", "mba_net", "abd_net", "rga_net")
FOLDER = Path(recipes.__file__).parent


def base(name="EfficientNet-Lite0", size=SIZE, last_stride=1):
    return backbone.build(name, last_stride=last_stride, image_size=size)


def built(name, encoder=None, n_identities=5, **options):
    torch.manual_seed(0)
    if name == "gpa_net":
        options = {"horizontal_parts": 2, **options}
    return method.build(name, encoder or base(), n_identities, **options)


def batch(count=6, size=SIZE):
    images = torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))
    return images, torch.arange(count) % 3


def numbers(module):
    return sum(p.numel() for p in module.parameters())


# --- all of them --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
def test_losses_are_finite_scalars_and_reach_all_that_trains(name):
    net = built(name).train()
    stage = recipes.load(name, "cnn").stages[-1]
    parts = net.losses(*batch())
    assert all(p.ndim == 0 and p.isfinite() for p in parts.values())
    sum(parts.values()).backward()
    trained = {id(p) for group in net.parameter_groups(stage) for p in group["params"]}
    for key, parameter in net.named_parameters():
        assert (id(parameter) in trained) == (parameter.grad is not None), key


@pytest.mark.parametrize("name", METHODS)
def test_the_encoder_and_the_new_layers_train_at_their_own_rates(name):
    net = built(name)
    stage = recipes.load(name, "cnn").stages[-1]
    image_group, new = net.parameter_groups(stage)
    rates = stage.learning_rate
    assert (image_group["lr"], new["lr"]) == (rates.backbone, rates.new)
    groups = [{id(p) for p in group["params"]} for group in (image_group, new)]
    assert not groups[0] & groups[1] and groups[1]
    assert {id(p) for p in net.parameters() if p.requires_grad} == groups[0] | groups[1]


@pytest.mark.parametrize("name", METHODS)
def test_embeddings_are_finite_rows_that_do_not_depend_on_the_batch(name):
    net = built(name).eval()
    images, _ = batch()
    with torch.inference_mode():
        found = net.embed(images)
        assert found.ndim == 2 and len(found) == 6 and found.isfinite().all()
        assert torch.allclose(found[:1], net.embed(images[:1]), atol=1e-4)


@pytest.mark.parametrize("name", [n for n in METHODS if n != "abd_net"])  # its start is larger
def test_a_fresh_method_is_undecided(name):
    net = built(name).eval()
    logs = [
        part.item()
        for key, part in net.losses(*batch()).items()
        if key in ("identity", "identity_global")
    ]
    assert logs and all(abs(one - torch.tensor(5.0).log().item()) < 0.1 for one in logs)


@pytest.mark.parametrize("name", METHODS)
def test_a_backbone_without_a_map_is_refused_in_one_sentence(name):
    with pytest.raises(ValueError, match="needs a backbone with a feature map, and mini-ViT gives"):
        method.build(name, backbone.build("mini-ViT"), 2)


@pytest.mark.parametrize("name", ["clip_zero_shot", "clip_handid"])
def test_what_needs_a_clip_is_refused_on_an_imagenet_encoder(name):
    with pytest.raises(ValueError, match="needs a CLIP, and EfficientNet-Lite0 is none"):
        method.build(name, base(), 2)


@pytest.mark.parametrize("name", METHODS)
def test_half_precision_leaves_the_losses_in_float32(name):
    net = built(name).train()
    with torch.autocast("cpu", torch.bfloat16):
        parts = net.losses(*batch())
    assert all(part.isfinite() and part.dtype == torch.float32 for part in parts.values())
    sum(parts.values()).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())


def test_what_no_map_needs_is_frozen_and_not_kept():
    net = built("gpa_net", base("VGG19-bn", 32))
    kept = train._trained_tensors(net)
    assert not [key for key in kept if "net.classifier." in key]
    assert [key for key in train._trained_tensors(built("cnn_baseline", base("VGG19-bn", 32)))
            if "net.classifier." in key]  # fmt: skip


# --- recipes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in recipes.names() if n.removesuffix("_mini") in METHODS])
def test_every_recipe_builds_its_method(name):
    plan = recipes.load(name, "cnn")
    net = base(size=plan.image_size or 128, last_stride=plan.last_stride)
    assert isinstance(method.build(plan.method, net, 3, **plan.options), method.Method)
    for control in plan.controls:
        plan = recipes.load(name, "cnn", control=control)
        assert isinstance(method.build(plan.method, net, 3, **plan.options), method.Method)


@pytest.mark.parametrize("name", METHODS)
def test_every_hyper_parameter_of_a_published_recipe_names_its_source(name):
    text = (FOLDER / f"{name}.yaml").read_text()
    lines = re.sub(r"(?m)^controls:.*\n(  .*\n)+", "", text).splitlines()
    valued = [line for line in lines if re.match(r"\s*(- )?\w+: *[^\s#]", line)]
    valued = [line for line in valued if not re.match(r"(title|method|\s+- name):", line)]
    source = re.compile(r"\b(paper|code|ours|see above)\b")
    bare = [line for line in valued if not source.search(line.partition("#")[2])]
    assert len(valued) >= 18 and bare == []


@pytest.mark.parametrize("name", METHODS)
def test_a_mini_has_the_published_options_but_for_parts_and_gates(name):
    full, mini = recipes.load(name, "cnn"), recipes.load(f"{name}_mini", "cnn")
    changed = {key for key in full.options if full.options[key] != mini.options[key]}
    assert changed <= {"horizontal_parts", "open_gates"}
    assert (full.controls, full.last_stride) == (mini.controls, mini.last_stride)
    assert (full.select, full.title) == (mini.select, mini.title)
    assert not mini.flip_average and mini.augment.flip == 0  # a mirrored right hand looks left


def test_gpa_nets_recipe_holds_the_papers_values():
    plan = recipes.load("gpa_net", "cnn")
    (stage,) = plan.stages
    assert (plan.image_size, plan.last_stride, stage.epochs, stage.batch_size) == (384, 1, 60, 20)
    assert (stage.optimiser, stage.learning_rate.new, stage.weight_decay) == ("sgd", 0.02, 5e-4)
    assert stage.learning_rate.backbone == pytest.approx(stage.learning_rate.new / 10)
    assert (stage.milestones, stage.decay) == ([30], 0.1)
    twin = recipes.load("cnn_baseline", "cnn")  # "are kept the same"
    assert twin.stages == plan.stages and twin.augment == plan.augment
    assert (twin.image_size, twin.last_stride) == (384, 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_a_full_size_step_trains_on_the_cpu(name):
    plan = recipes.load(name, "cnn")
    net = base("ResNet50", plan.image_size, plan.last_stride)
    net = method.build(name, net, 72, **plan.options).train()
    optimiser = torch.optim.SGD(net.parameter_groups(plan.stages[-1]))
    before = [p.clone() for p in net.parameters() if p.requires_grad]
    parts = net.losses(*batch(4, plan.image_size))
    sum(plan.stages[-1].loss_weights.get(k, 1.0) * part for k, part in parts.items()).backward()
    optimiser.step()
    moved = [p for p in net.parameters() if p.requires_grad]
    same = [torch.equal(a, b) for a, b in zip(before, moved, strict=True)]
    assert sum(same) <= len(same) // 2  # gamma 0 keeps what is behind it still in the first step
    assert all(p.isfinite().all() for p in moved)
    with torch.inference_mode():
        assert net.eval().embed(batch(1, plan.image_size)[0]).isfinite().all()


# --- the baselines ------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "width"), [("ResNet50", 2048), ("VGG19-bn", 4096)])
def test_a_baselines_feature_and_classifier_are_the_papers(name, width):
    net = built("cnn_baseline", base(name, 32), n_identities=72).eval()
    with torch.inference_mode():
        assert net.embed(batch(2, 32)[0]).shape == (2, width)
    assert numbers(net) - numbers(net.backbone) == 72 * (width + 1)


# --- GPA-Net ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 1), (1, 4), (4, 2)])
def test_parts_are_the_means_of_their_cells(rows, columns):
    net = built("gpa_net", horizontal_parts=rows, vertical_parts=columns).eval()
    images = batch(2)[0]
    with torch.inference_mode():
        grid, found = net.backbone.map(images), net.pooled(images)
    expected = [grid.mean((2, 3))]
    high, wide = 4 // rows, 4 // columns
    for row in range(rows * (rows * columns > 1)):
        for column in range(columns):
            cells = [
                grid[:, :, row * high + y, column * wide + x]
                for y in range(high)
                for x in range(wide)
            ]
            expected.append(sum(cells) / len(cells))
    assert torch.allclose(found, torch.stack(expected, 1), atol=1e-5)


def test_gpa_net_has_the_papers_sizes():
    net = built("gpa_net", base("ResNet50", 96), 72, horizontal_parts=3)
    with torch.inference_mode():
        assert net.eval().embed(batch(1, 96)[0]).shape == (1, 8192)  # 4 x 2048
    one = 2048 * 512 + 512 + 2 * 512 + 512 * 72 + 72  # FC, batch norm, classifier
    assert numbers(net) == 23_508_032 + 4 * one
    head = net.heads[0]
    kinds = [type(layer).__name__ for layer in (head.neck, *head.inner, head.classifier)]
    assert kinds == ["Identity", "Linear", "BatchNorm1d", "Dropout", "Linear"]
    assert head.inner[2].p == 0.5


def test_the_loss_is_equation_one():
    net = built("gpa_net", local_weight=0.5).eval()
    images, labels = batch()
    parts = net.losses(images, labels)
    scores = [
        head.classifier(head.inner(vector))
        for head, vector in zip(net.heads, net.pooled(images).unbind(1), strict=True)
    ]
    each = [loss.label_smoothed_cross_entropy(one, labels, 0.1) for one in scores]
    assert parts["identity_global"].item() == pytest.approx(each[0].item(), abs=1e-6)
    assert parts["identity_local"].item() == pytest.approx(
        0.5 * (each[1] + each[2]).item(), abs=1e-6
    )


@pytest.mark.parametrize(
    ("options", "names", "vectors"),
    [
        ({"branches": "global"}, ["identity_global"], 1),
        ({"branches": "local"}, ["identity_local"], 2),
        ({"branches": "both"}, ["identity_global", "identity_local"], 3),
        (
            {"horizontal_parts": 1},
            ["identity_global"],
            1,
        ),  # table 3: "only 1 classifier is trained"
    ],
)
def test_each_branch_can_stand_alone(options, names, vectors):
    net = built("gpa_net", **options)
    assert [*net.losses(*batch())] == names and len(net.heads) == vectors
    assert net.embed(batch()[0]).shape == (6, vectors * 1280)


@pytest.mark.parametrize("encoder", ["mini-RN", "VGG19-bn"])
def test_gpa_net_takes_any_backbone_with_a_map(encoder):
    size = 128 if encoder == "mini-RN" else 32
    net = built("gpa_net", base(encoder, size))
    sum(net.losses(*batch(2, size)).values()).backward()
    assert all(p.grad is not None for p in net.backbone.map_parameters())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"horizontal_parts": 3}, "A map of 4 x 4 cells cannot be cut into 3 x 1 equal parts: use"),
        ({"vertical_parts": 8}, "cannot be cut into 2 x 8 equal parts: use divisors of its sides"),
        ({"horizontal_parts": True}, "Cannot cut a map into True x 1 parts: use whole numbers"),
        ({"horizontal_parts": 0}, "Cannot cut a map into 0 x 1 parts: use whole numbers"),
        ({"vertical_parts": 1.5}, "Cannot cut a map into 2 x 1.5 parts"),
        ({"branches": "part"}, "Unknown branches 'part': choose both, global, local"),
        ({"branches": "local", "horizontal_parts": 1}, "needs at least two parts"),
    ],
)
def test_what_gpa_net_cannot_cut_is_refused_before_training(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        built("gpa_net", **options)


def test_gpa_net_cuts_the_map_that_it_gets_or_refuses_it():
    net = built("gpa_net", vertical_parts=4).eval()
    with torch.inference_mode(), pytest.raises(ValueError, match="A map of 4 x 2 cells cannot"):
        net.embed(batch(1)[0][..., :32])  # a portrait


# --- attention ----------------------------------------------------------------------------------


def drawn(module, seed=0):
    """In float64, every parameter and statistic drawn, so that nothing is 0 or 1 by chance."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double().eval()
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.2)
    return module


def some_map(channels=16, side=3, count=2):
    generator = torch.Generator().manual_seed(2)
    return torch.randn(count, channels, side, side, generator=generator, dtype=torch.float64) / 2


def soft_max(scores):
    powers = [torch.exp(score) for score in scores]
    return [power / sum(powers) for power in powers]


def channel_by_loop(module, image):
    rows = image.flatten(1)
    out = torch.zeros_like(rows)
    for i, row in enumerate(rows):
        energies = [float((row * other).sum()) for other in rows]
        weights = soft_max([torch.tensor(max(energies) - one).double() for one in energies])
        mixed = sum(weight * other for weight, other in zip(weights, rows, strict=True))
        out[i] = module.gamma * mixed + row
    return out.view_as(image)


def position_by_loop(module, image):
    query, key, value = (part(image[None])[0] for part in (module.query, module.key, module.value))
    side, out = image.shape[1], torch.zeros_like(image)
    places = [(a, b) for a in range(side) for b in range(side)]
    for x, y in places:
        scores = [(query[:, x, y] * key[:, a, b]).sum() for a, b in places]
        weights = soft_max(scores)
        mixed = sum(w * value[:, a, b] for w, (a, b) in zip(weights, places, strict=True))
        out[:, x, y] = mixed
    return query, value, out


def norm(layer, grid):
    """Batch norm in evaluation, by its formula."""
    mean, var = layer.running_mean[:, None, None], layer.running_var[:, None, None]
    scale, shift = layer.weight[:, None, None], layer.bias[:, None, None]
    return (grid - mean) / (var + layer.eps).sqrt() * scale + shift


def place_terms_by_loop(module, query, value):
    side = module.side
    rows, columns = torch.zeros_like(value), torch.zeros_like(value)
    for x in range(side):
        for y in range(side):
            own = query[:, x, y]
            if module.kind == "relative":
                for i in range(side):
                    rows[:, x, y] += (own @ module.rows[i - x + side - 1]) * value[:, i, y]
                    columns[:, x, y] += (own @ module.columns[i - y + side - 1]) * value[:, x, i]
            else:  # position k of the map is row a, column b; its entry is b - a
                for a in range(side):
                    for b in range(side):
                        rows[:, x, y] += (own @ module.rows[b - a + side - 1]) * value[:, a, b]
                        columns[:, x, y] += (own @ module.columns[b - a + side - 1]) * value[
                            :, a, b
                        ]
    return norm(module.row_norm, rows) + norm(module.column_norm, columns)


def test_channel_attention_is_the_loop():
    module, maps = drawn(ChannelAttention()), some_map()
    expected = torch.stack([channel_by_loop(module, one) for one in maps])
    assert torch.allclose(module(maps), expected, atol=1e-12)


@pytest.mark.parametrize("normed", [False, True])
def test_position_attention_is_the_loop(normed):
    module, maps = drawn(PositionAttention(16, normed=normed)), some_map()
    with torch.inference_mode():
        mixed = torch.stack([position_by_loop(module, one)[2] for one in maps])
        assert torch.allclose(module(maps), module.gamma * mixed + maps, atol=1e-12)


@pytest.mark.parametrize("kind", ["relative", "flat"])
@pytest.mark.parametrize("side", [1, 3, 4])
def test_the_terms_of_the_places_are_the_loop(kind, side):
    module, maps = drawn(SpatialAttention(16, side, kind)), some_map(side=side)
    expected = []
    with torch.inference_mode():
        for one in maps:
            query, value, mixed = position_by_loop(module, one)
            places = place_terms_by_loop(module, query, value)
            expected.append(module.gamma * (mixed + places) + one)
        assert torch.allclose(module(maps), torch.stack(expected), atol=1e-11)


def test_only_the_relative_terms_move_with_the_map():
    """Far from the borders a shifted map gives shifted terms; the public code's do not shift."""
    value = torch.zeros(1, 16, 9, 9, dtype=torch.float64)
    query = torch.zeros(1, 2, 9, 9, dtype=torch.float64)
    query[:, :, 3:5, 3:5], value[:, :, 3:5, 3:5] = torch.rand(2), torch.rand(16, 1, 1)
    for kind, moves in (("relative", True), ("flat", False)):
        module = drawn(SpatialAttention(16, 9, kind))
        with torch.inference_mode():
            there = module.positions(query.roll((1, 2), (2, 3)), value.roll((1, 2), (2, 3)))
            here = module.positions(query, value).roll((1, 2), (2, 3))
        assert torch.allclose(there[..., 4:6, 5:7], here[..., 4:6, 5:7]) == moves


@pytest.mark.parametrize("kind", ["channel", "position", "spatial", "relation"])
def test_half_precision_hardly_changes_attention(kind):
    modules = {
        "channel": ChannelAttention(),
        "position": PositionAttention(16),
        "spatial": SpatialAttention(16, 3),
        "relation": RelationAwareAttention(16, 3),
    }
    module, maps = drawn(modules[kind]).float(), 5 * some_map().float()
    with torch.inference_mode():
        single = module(maps)
        with torch.autocast("cpu", torch.bfloat16):
            half = module(maps)
    assert (half - single).norm() / single.norm() < 0.02


def test_attention_starts_as_the_identity_and_gamma_has_a_gradient():
    maps = some_map().float()
    for module in (ChannelAttention(), PositionAttention(16), SpatialAttention(16, 3)):
        found = module(maps)
        assert torch.equal(found, maps)
        (found * torch.rand_like(found)).sum().backward()
        assert module.gamma.grad.abs() > 0


# --- MBA-Net ------------------------------------------------------------------------------------


def test_mba_net_has_the_public_codes_sizes():
    net = built("mba_net", base("ResNet50", 324), 72)
    tables = [tuple(one.rows.shape) for one in net.spatial]
    assert tables == [(41, 128), (41, 256)]  # 21 x 21 cells, C / 8
    attention = sum(
        2 * (c * c // 8 + c // 8 + 2 * c // 8) + c * c + c + 2 * c + 2 * 2 * c + 2 * 41 * c // 8 + 1
        for c in (1024, 2048)
    )
    one = 2048 * 2048 + 2048 + 2 * 2048 + 2048 * 72 + 72
    assert numbers(net) == 23_508_032 + attention + 2 + 3 * one
    head = net.heads["global"]
    kinds = [type(layer).__name__ for layer in (head.neck, *head.inner, head.classifier)]
    assert kinds == ["Identity", "Linear", "BatchNorm1d", "LeakyReLU", "Dropout", "Linear"]
    assert head.inner[2].negative_slope == 0.1


@pytest.mark.parametrize("size", [64, 75, 96])
@pytest.mark.parametrize("positions", ["relative", "flat", "none"])
def test_mba_net_takes_any_input_size(positions, size):
    net = built("mba_net", base(size=size), positions=positions).eval()
    with torch.inference_mode():
        assert net.embed(batch(1, size)[0]).shape == (1, 3 * 1280)


def test_the_three_branches_start_alike_share_their_last_stage_and_part():
    net = built("mba_net").eval()
    images = batch(2)[0]
    with torch.inference_mode():
        start = net.pooled(images)
        assert torch.allclose(start["spatial"], start["global"], atol=1e-5)
        assert torch.allclose(start["channel"], start["global"], atol=1e-5)
        for module in (*net.spatial, *net.channel):
            module.gamma.fill_(0.5)
        apart = net.pooled(images)
    assert torch.equal(apart["global"], start["global"])
    assert not torch.allclose(apart["spatial"], apart["global"], atol=1e-3)
    assert not torch.allclose(apart["channel"], apart["global"], atol=1e-3)


def test_the_public_codes_positions_are_a_control_that_differs():
    plan, control = (recipes.load("mba_net", "cnn", control=c) for c in ("", "public_code"))
    assert (plan.options["positions"], control.options["positions"]) == ("relative", "flat")
    relative, flat = (built("mba_net", positions=kind).eval() for kind in ("relative", "flat"))
    for net in (relative, flat):
        for module in net.spatial:
            module.gamma.data.fill_(0.5)
    with torch.inference_mode():
        a, b = (net.pooled(batch(2)[0])["spatial"] for net in (relative, flat))
    assert not torch.allclose(a, b, atol=1e-3)


def test_what_does_not_fit_mba_net_is_refused_in_one_sentence():
    with pytest.raises(ValueError, match="Unknown positions 'absolute': choose relative, flat, n"):
        built("mba_net", positions="absolute")
    with pytest.raises(
        ValueError, match="MbaNet needs a backbone in four stages, and mini-RN is n"
    ):
        method.build("mba_net", backbone.build("mini-RN"), 2)
    with pytest.raises(ValueError, match="built for maps of 4 x 4 cells, not 5 x 5"):
        built("mba_net").embed(batch(2, 80)[0])


# --- ABD-Net ------------------------------------------------------------------------------------


def test_abd_net_has_the_public_codes_sizes():
    net = built("abd_net", base("ResNet50", 64), 72).eval()
    with torch.inference_mode():
        assert net.embed(batch(1)[0]).shape == (1, 3072)  # 1024, and 1024 for each of two parts
    last = numbers(net.backbone.stages[3])
    half, key = 512, 64
    head = 9 * 1024 * half + 9 * half * half + 2 * 2 * half + half * 1024 + 1024
    position = 2 * (half * key + key) + half * half + half + 1
    new = 2048 * 1024 + 1024 + 2 * 1024  # global neck
    new += 2048 * 1024 + 2 * 1024 + 3 * head + position + 1  # reduction, three heads, attention
    new += 1024 * 1024 + 1024 + 3 * (1024 * 72 + 72) + 1  # merge, classifiers, shallow gamma
    assert numbers(net) == 23_508_032 + last + new
    assert net.heads[0].classifier.weight.std().item() == pytest.approx(0.01, rel=0.05)


def test_the_two_branches_train_last_stages_of_their_own_that_start_alike():
    net = built("abd_net")
    one, other = net.backbone.stages[3], net.last_stage
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b) and a is not b


def test_the_parts_of_abd_net_are_stripes_through_one_set_of_heads():
    net = built("abd_net").eval()
    for head in net.attend.values():
        for parameter in head.parameters():
            parameter.data.uniform_(0, 0.05)
    images = batch(2)[0]
    with torch.inference_mode():
        found, maps = net.features(images)
        first, second, third, _ = net.backbone.stages
        grid = net.reduce(net.last_stage(third(second(net.shallow(first(images))))))
        for number, part in enumerate((grid[:, :, :2], grid[:, :, 2:])):
            summed = net.merge(sum(head(part) for head in net.attend.values()))
            assert torch.allclose(found[1 + number], summed.mean((2, 3)), atol=1e-5)
    assert {name: len(parts) for name, parts in maps.items()} == {
        **{"shallow": 1, "before": 2, "channel": 2, "position": 2, "after": 2}
    }


def test_the_losses_of_abd_net_are_means_over_its_features():
    net = built("abd_net").eval()
    images, labels = batch()
    parts, (found, _) = net.losses(images, labels), net.features(images)
    triplet = sum(loss.batch_hard_triplet(one, labels, 1.2) for one in found) / 3
    assert parts["triplet"].item() == pytest.approx(triplet.item(), rel=1e-4)
    identity = [
        loss.label_smoothed_cross_entropy(head.classifier(one), labels, 0.1)
        for head, one in zip(net.heads, found, strict=True)
    ]
    assert parts["identity"].item() == pytest.approx(sum(identity).item() / 3, rel=1e-4)


def test_orthogonality_reaches_every_convolution_and_in_the_control_the_first_alone():
    for convs, reaches in (
        ("all", lambda name: True),
        ("first", lambda name: "stages.0.0." in name),
    ):
        net = built("abd_net", orthogonal_convs=convs)
        net.weight_gaps().backward()
        layers = [(n, m) for n, m in net.named_modules() if isinstance(m, torch.nn.Conv2d)]
        got = [name for name, layer in layers if layer.weight.grad is not None]
        assert len(layers) > 60 and got == [n for n, _ in layers if reaches(f"{n}.")]
    control = recipes.load("abd_net", "cnn", control="public_code").options
    assert control["orthogonal_convs"] == "first"


def test_resnet50_has_53_convolutions_and_the_control_takes_the_stem():
    net = built("abd_net", base("ResNet50", 32))
    inside = [m for m in net.backbone.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(inside) == 53 and inside[0] is net.backbone.net.conv1
    control = built("abd_net", base("ResNet50", 32), orthogonal_convs="first")
    control.weight_gaps().backward()
    assert control.backbone.net.conv1.weight.grad.abs().max() > 0


def test_maps_of_orthogonal_channels_cost_nothing():
    net = built("abd_net")
    flat = torch.linalg.qr(torch.randn(16, 16, generator=torch.Generator().manual_seed(0)))[0]
    even = {"shallow": [flat[:4].view(1, 4, 4, 4)], "after": [flat[4:8].view(1, 4, 4, 4)] * 2}
    assert net.feature_gaps(even).abs().item() < 1e-5
    torch.manual_seed(0)
    uneven = {"after": [torch.rand(1, 4, 4, 4)]}
    assert net.feature_gaps(uneven).item() > 1


def test_in_fixbase_only_what_is_new_trains():
    fixbase, early, late = recipes.load("abd_net", "cnn").stages
    net = built("abd_net")
    (new,) = net.parameter_groups(fixbase)
    old = {id(p) for p in [*net.backbone.parameters(), *net.last_stage.parameters()]}
    assert new["params"] and not {id(p) for p in new["params"]} & old
    assert (fixbase.epochs, early.epochs + late.epochs) == (10, 80)
    assert [s.loss_weights["orthogonal_features"] for s in (fixbase, early, late)] == [0, 0, 3.2e-5]
    # Times 0.1 at 20 and 40 of the 80 epochs.
    rates = [early.learning_rate.new * train.rate_factor(early, e) for e in range(23)]
    rates += [late.learning_rate.new * train.rate_factor(late, e) for e in range(57)]
    expected = [3e-4] * 20 + [3e-5] * 20 + [3e-6] * 40
    assert rates == pytest.approx(expected)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"parts": 3}, "map of 4 x 4 cells cannot be cut into 3 equal stripes: use a divisor of 4"),
        ({"parts": 0}, "cannot be cut into 0 equal"),
        ({"parts": 1.5}, "cannot be cut into 1.5 equal"),
        ({"orthogonal_convs": "stem"}, "Unknown orthogonal_convs 'stem': choose all, first"),
    ],
)
def test_what_abd_net_cannot_do_is_refused_before_training(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        built("abd_net", **options)


# --- RGA-Net ------------------------------------------------------------------------------------


def relation_by_loop(module, one):
    """Weights of the nodes of [features, nodes], node by node."""

    def unit(layers, column):
        conv, layer = layers[0], layers[1]
        mixed = conv.weight[:, :, 0] @ column
        scaled = (mixed - layer.running_mean) / (layer.running_var + layer.eps).sqrt()
        return (scaled * layer.weight + layer.bias).clamp(min=0)

    nodes = [one[:, m] for m in range(one.shape[1])]
    theta, phi = ([unit(layers, node) for node in nodes] for layers in (module.theta, module.phi))
    weights = []
    for m, node in enumerate(nodes):
        out = [theta[m] @ other for other in phi]  # row m of G
        back = [other @ phi[m] for other in theta]  # column m of G
        relations = unit(module.relations, torch.stack([*out, *back]))
        own = unit(module.own, node).mean()
        narrow = unit(module.weigh[:2], torch.cat([own[None], relations]))
        last, layer = module.weigh[3], module.weigh[4]
        score = (last.weight[:, :, 0] @ narrow - layer.running_mean) * layer.weight
        score = score / (layer.running_var + layer.eps).sqrt() + layer.bias
        weights.append(1 / (1 + torch.exp(-score)))
    return torch.stack(weights, 1)


@pytest.mark.parametrize(("features", "nodes"), [(16, 9), (9, 16), (16, 1)])
def test_relations_are_the_loop(features, nodes):
    module = drawn(Relation(features, nodes))
    module.weigh[4].running_mean += 3  # a sigmoid that is not saturated
    generator = torch.Generator().manual_seed(3)
    maps = torch.randn(2, features, nodes, generator=generator, dtype=torch.float64) / 4
    with torch.inference_mode():
        expected = torch.stack([relation_by_loop(module, one) for one in maps])
        assert torch.allclose(module(maps), expected, atol=1e-12)


def test_channel_attention_sees_the_map_that_spatial_attention_left():
    module, maps = drawn(RelationAwareAttention(16, 3)), some_map()
    with torch.inference_mode():
        expected = []
        for one in maps:
            flat = one.flatten(1)
            flat = flat * relation_by_loop(module.spatial, flat)
            flat = flat * relation_by_loop(module.channel, flat.T).T
            expected.append(flat.view_as(one))
        assert torch.allclose(module(maps), torch.stack(expected), atol=1e-12)


@pytest.mark.parametrize(
    ("height", "width", "millions"), [(256, 128, 6.3), (224, 224, 10.1), (384, 384, 60.5)]
)
def test_rga_adds_as_many_parameters_as_the_public_code(height, width, millions):
    added = 0
    with torch.device("meta"):
        for channels, stride in zip((256, 512, 1024, 2048), (4, 8, 16, 16), strict=True):
            places = (height // stride) * (width // stride)
            added += numbers(Relation(channels, places)) + numbers(Relation(places, channels))
    assert added / 1e6 == pytest.approx(millions, abs=0.05)


def test_rga_net_has_the_public_codes_sizes():
    net = built("rga_net", base("ResNet50", 64), 72).eval()
    with torch.inference_mode():
        assert net.embed(batch(1)[0]).shape == (1, 2048)
    rest = numbers(net) - 23_508_032 - numbers(net.attend)
    assert rest == 2 * 2048 + 2048 * 72
    assert not net.head.neck.bias.requires_grad and net.head.classifier.bias is None


def test_the_triplet_loss_is_before_the_neck_and_the_embedding_after_it():
    net, images = built("rga_net").eval(), batch()[0]
    net.head.neck.running_mean.fill_(0.1)
    net.head.neck.running_var.fill_(0.01)  # far from 1, or the two triplet losses would be alike
    labels = batch()[1]
    with torch.inference_mode():
        vectors = net.pooled(images)
        triplet = loss.batch_hard_triplet(vectors, labels, 0.3)
        assert net.losses(images, labels)["triplet"].item() == pytest.approx(triplet.item())
        assert torch.allclose(net.embed(images), net.head.neck(vectors))
        net.after_neck = False
        assert torch.allclose(net.embed(images), vectors)


def test_open_gates_leave_a_pre_trained_backbone_as_it_is_and_learn():
    net, (images, labels) = built("rga_net", open_gates=True).eval(), batch()
    share = torch.tensor(3.0).sigmoid()
    x = torch.randn(2, net.backbone.widths[0], net.backbone.sides[0], net.backbone.sides[0])
    assert torch.allclose(net.attend[0](x), share**2 * x, rtol=1e-5)
    sum(net.train().losses(images, labels).values()).backward()
    gates = [part.weigh[-1] for place in net.attend for part in (place.spatial, place.channel)]
    assert all(gate.weight.grad.abs().max() > 0 for gate in gates)


@pytest.mark.parametrize("size", [48, 75])
def test_rga_net_takes_any_input_size_and_then_no_other(size):
    net = built("rga_net", base(size=size)).eval()
    with torch.inference_mode():
        assert net.embed(batch(1, size)[0]).shape == (1, 1280)
        with pytest.raises(ValueError, match="give it images of the size it was built for"):
            net.embed(batch(1, 96)[0])


# --- end to end ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
def test_a_study_trains_scores_and_finds_it_again(name, make_11k, tmp_path):
    lab = study.Study(
        work=str(tmp_path / "work"),
        data_11k=str(make_11k(tmp_path / "11k", subjects=6, images=3)),
        backbones=["EfficientNet-Lite0"],
        weights="random",
        runs=2,
        device="cpu",
    )
    small = {"epochs": 1, "image_size": SIZE, "batch_size": 4}
    (made,) = lab.experiments(f"{name}_mini", changes=small)
    score = lab.score(made)
    assert len(made.history) == len(made.recipe.stages)
    assert score.rows["value"].between(0, 100).all()
    again = lab.experiments(f"{name}_mini", changes=small)
    assert lab.score(again[0]).rows.equals(score.rows)
