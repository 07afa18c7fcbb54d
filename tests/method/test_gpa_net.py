"""GPA-Net: parts of the map, its sizes and its loss, and the paper's ablations by name."""

import pytest
import torch

from handid import loss, method, recipes


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


PARTS = [(rows, columns) for rows in (1, 2, 3, 4) for columns in (1, 2, 3)]


@pytest.mark.parametrize("name", ["gpa_net", "gpa_net_mini"])
def test_each_cell_of_table_3_is_an_ablation_with_the_published_title(name):
    plain = recipes.load(name, "cnn")
    cells = [ablation for ablation in plain.ablations if ablation.startswith("parts_")]
    assert cells == [f"parts_{rows}x{columns}" for rows, columns in PARTS]
    for rows, columns in PARTS:
        part = recipes.load(name, "cnn", control=f"parts_{rows}x{columns}")
        assert part.title == f"GPA-Net Hp={rows} Vp={columns}"
        own = {"horizontal_parts": rows, "vertical_parts": columns}
        assert part.options == plain.options | own
        assert part.model_copy(update={"title": "", "options": {}}) == plain.model_copy(
            update={"title": "", "options": {}}
        )


@pytest.mark.parametrize("name", ["gpa_net", "gpa_net_mini"])
def test_each_row_of_table_4_is_an_ablation_with_the_published_title(name):
    plain = recipes.load(name, "cnn")
    whole, local = (recipes.load(name, "cnn", control=c) for c in ("global_only", "local_only"))
    assert (whole.title, local.title) == ("GPA-Net global only", "GPA-Net local only")
    assert local.options == plain.options | {"branches": "local"}
    one_part = recipes.load(name, "cnn", control="parts_1x1")
    assert whole.model_copy(update={"title": one_part.title}) == one_part  # trained once for both


def test_every_ablation_can_be_built_where_its_parts_divide_the_map(encoder):
    for name in recipes.load("gpa_net_mini", "cnn").ablations:
        plan = recipes.load("gpa_net_mini", "cnn", {"image_size": 192, "width": 16}, name)
        net = method.build(plan.method, encoder(size=192), 3, **plan.options)
        parts = plan.options["horizontal_parts"] * plan.options["vertical_parts"]
        expected = {"global_only": 1, "local_only": parts, "parts_1x1": 1}.get(name, 1 + parts)
        assert len(net.heads) == expected, name


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 1), (1, 4), (4, 2)])
def test_parts_are_the_means_of_their_cells(rows, columns, batch, on_map):
    net = on_map("gpa_net", horizontal_parts=rows, vertical_parts=columns).eval()
    images = batch(2)[0]
    with torch.inference_mode():
        grid, vectors = net.backbone.map(images), net.pooled(images)
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
    assert torch.allclose(vectors, torch.stack(expected, 1), atol=1e-5)


def test_gpa_net_has_the_papers_sizes(batch, count_parameters, encoder, on_map):
    net = on_map("gpa_net", encoder("ResNet50", 96), 72, horizontal_parts=3)
    with torch.inference_mode():
        assert net.eval().embed(batch(1, 96)[0]).shape == (1, 8192)  # 4 x 2048
    head_size = 2048 * 512 + 512 + 2 * 512 + 512 * 72 + 72  # FC, batch norm, classifier
    assert count_parameters(net) == 23_508_032 + 4 * head_size
    head = net.heads[0]
    kinds = [type(layer).__name__ for layer in (head.neck, *head.inner, head.classifier)]
    assert kinds == ["Identity", "Linear", "BatchNorm1d", "Dropout", "Linear"]
    assert head.inner[2].p == 0.5


def test_the_loss_is_equation_one(batch, on_map):
    net = on_map("gpa_net", local_weight=0.5).eval()
    images, labels = batch()
    parts = net.losses(images, labels)
    scores = [
        head.classifier(head.inner(vector))
        for head, vector in zip(net.heads, net.pooled(images).unbind(1), strict=True)
    ]
    each = [loss.label_smoothed_cross_entropy(part, labels, 0.1) for part in scores]
    assert parts["identity_global"].item() == pytest.approx(each[0].item(), abs=1e-6)
    assert parts["identity_local"].item() == pytest.approx(
        0.5 * (each[1] + each[2]).item(), abs=1e-6
    )


def test_gpa_net_sums_its_parts_and_weighs_them(batch, on_map):
    options = {"contrastive_temperature": 0.1, "local_weight": 0.5}
    net, (images, labels) = on_map("gpa_net", **options).eval(), batch()
    with torch.inference_mode():
        parts, vectors = net.losses(images, labels), net.pooled(images).unbind(1)
        each = [loss.supervised_contrastive_within(vector, labels, 0.1) for vector in vectors]
    assert torch.allclose(parts["contrastive_global"], each[0])
    assert torch.allclose(parts["contrastive_local"], 0.5 * (each[1] + each[2]))


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
def test_each_branch_can_stand_alone(options, names, vectors, batch, on_map):
    net = on_map("gpa_net", **options)
    assert [*net.losses(*batch())] == names and len(net.heads) == vectors
    assert net.embed(batch()[0]).shape == (6, vectors * 1280)


@pytest.mark.parametrize("name", ["mini-RN", "VGG19-bn"])
def test_gpa_net_takes_any_backbone_with_a_map(name, batch, encoder, on_map):
    size = 128 if name == "mini-RN" else 32
    net = on_map("gpa_net", encoder(name, size))
    sum(net.losses(*batch(2, size)).values()).backward()
    assert all(p.grad is not None for p in net.backbone.map_parameters())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"horizontal_parts": 3}, "A map of 4 x 4 cells cannot be cut into 3 x 1 equal parts: use"),
        ({"vertical_parts": 8}, "cannot be cut into 2 x 8 equal parts: use divisors of its sides"),
        ({"horizontal_parts": True}, "horizontal_parts is True: give a whole number from 0"),
        ({"horizontal_parts": 0}, "Cannot cut a map into 0 x 1 parts: use whole numbers"),
        ({"vertical_parts": 1.5}, "vertical_parts is 1.5: give a whole number from 0"),
        ({"branches": "part"}, "Unknown branches 'part': choose both, global, local"),
        ({"branches": "local", "horizontal_parts": 1}, "needs at least two parts"),
    ],
)
def test_what_gpa_net_cannot_cut_is_refused_before_training(options, sentence, on_map):
    with pytest.raises(ValueError, match=sentence):
        on_map("gpa_net", **options)


def test_gpa_net_cuts_the_map_that_it_gets_or_refuses_it(batch, on_map):
    net = on_map("gpa_net", vertical_parts=4).eval()
    with torch.inference_mode(), pytest.raises(ValueError, match="A map of 4 x 2 cells cannot"):
        net.embed(batch(1)[0][..., :32])  # a portrait
