"""The re-identification tool box: each part is in the loss and in the optimiser."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from handid import backbone, image, loss
from handid.method import _reid

RATES = SimpleNamespace(backbone=1e-3, new=1e-2, bias=1.0)
FULL = {
    "triplet_margin": 0.3,
    "centre_rate": 0.5,
    "contrastive_temperature": 0.1,
    "arcface_scale": 30.0,
    "arcface_margin": 0.5,
}


def head(seed=0, **options):
    torch.manual_seed(seed)
    return _reid.IdentityHead(6, 4, **options)


def batch(count=12):
    features = torch.randn(count, 6, generator=torch.Generator().manual_seed(1))
    return features, torch.arange(count) % 4


class Net(_reid.ReidMethod):
    """A backbone with a head."""

    def __init__(self, name="mini-ViT", **options):
        super().__init__(backbone.build(name))
        self.head = head(**options)


# --- the head -----------------------------------------------------------------------------------


def test_a_head_has_the_losses_that_its_options_name_and_no_other():
    assert [*head().losses(*batch())] == ["identity"]
    assert [*head(**FULL).losses(*batch())] == ["identity", "triplet", "centre", "contrastive"]


def test_each_loss_is_the_pure_function_on_its_own_feature():
    net, (features, labels) = head(**FULL), batch()
    centres = torch.randn(4, 6)
    net.centres.copy_(centres)
    parts = net.losses(features, labels)
    necked = nn.functional.batch_norm(features, None, None, training=True)
    arc = loss.arcface_logits(necked, net.classifier.weight, labels, 30.0, 0.5)
    expected = {
        "identity": loss.label_smoothed_cross_entropy(arc, labels, 0.1),
        "triplet": loss.batch_hard_triplet(features, labels, 0.3),
        "centre": loss.centre(necked, centres, labels),
        "contrastive": loss.supervised_contrastive_within(features, labels, 0.1),
    }
    for name, value in expected.items():
        assert torch.allclose(parts[name], value, rtol=1e-5), name


def test_a_unit_head_looks_at_directions_only():
    features, labels = batch()
    for name, value in head(unit=True, triplet_margin=0.3).losses(features, labels).items():
        other = head(unit=True, triplet_margin=0.3).losses(5 * features, labels)[name]
        assert torch.allclose(value, other, rtol=1e-4), name
    plain, scaled = (
        head(triplet_margin=0.3).losses(k * features, labels)["triplet"] for k in (1, 5)
    )
    assert not torch.isclose(plain, scaled)


def test_without_a_neck_the_embedding_is_the_feature():
    features, _ = batch()
    assert torch.equal(head(neck=False).embed(features), features)
    assert not torch.allclose(head().embed(features), features, atol=0.1)


def test_the_necks_bias_stays_where_it_is():
    net = head()
    assert not net.neck.bias.requires_grad and (net.neck.bias == 0).all()


def test_arcface_margin_is_in_the_loss_and_its_directions_learn():
    values = {}
    for margin in (0.0, 0.5):
        net = head(arcface_scale=30.0, arcface_margin=margin)
        value = net.losses(*batch())["identity"]
        value.backward()
        values[margin] = value.item()
        assert net.classifier.weight.grad.abs().sum() > 0
    assert values[0.5] > values[0.0] + 1


def test_centres_move_by_wens_rule_in_training_and_stand_still_at_test():
    net, (features, labels) = head(neck=False, centre_rate=0.5), batch()
    labels[:5] = 1  # identities of several sizes, and one with no row
    labels[labels == 3] = 0
    rows, expected = features.double().tolist(), net.centres.double().tolist()
    for _ in range(3):
        net.losses(features, labels)
        moved = [list(centre) for centre in expected]
        for k, centre in enumerate(expected):
            own = [row for row, label in zip(rows, labels.tolist(), strict=True) if label == k]
            for d, value in enumerate(centre):
                gap = sum(value - row[d] for row in own)  # eq. 4
                moved[k][d] = value - 0.5 * gap / (1 + len(own))
        expected = moved
    assert torch.allclose(net.centres.double(), torch.tensor(expected).double(), atol=1e-6)
    assert (net.centres[3] == 0).all() and (net.centres[:3] != 0).any(1).all()
    before = net.centres.clone()
    net.eval().losses(features, labels)
    assert torch.equal(before, net.centres)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"arcface_scale": -1.0}, "arcface_scale is -1.0: give a number from 0"),
        ({"centre_rate": "fast"}, "centre_rate is 'fast'"),
        ({"triplet_margin": -0.1}, "triplet_margin is -0.1"),
        ({"triplet_margin": False}, "triplet_margin is False: give a number from 0"),
        ({"triplet_margin": ""}, "triplet_margin is ''"),
        ({"centre_rate": 1.5}, "centre_rate is 1.5: give a number from 0 to 1"),
        ({"label_smoothing": 1.0}, "label_smoothing is 1.0: give a number from 0 to below 1"),
        ({"label_smoothing": None}, "label_smoothing is None"),
        ({"contrastive_temperature": float("inf")}, "contrastive_temperature is inf"),
        (
            {"arcface_scale": 30.0, "arcface_margin": 1.6},
            "arcface_margin is 1.6: .* to below 1.571",
        ),
        ({"neck": "no"}, "neck is 'no': give true or false"),
        ({"unit": None}, "unit is None: give true or false"),
        ({"arcface_margin": 0.5}, "arcface_margin without arcface_scale does nothing"),
    ],
)
def test_an_option_out_of_range_is_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        head(**options)


# --- what trains --------------------------------------------------------------------------------


def test_every_trainable_parameter_is_in_one_group_at_its_own_rate():
    net = Net(**FULL)
    groups = _reid.rate_groups(net, RATES)
    assert [group["lr"] for group in groups] == [1e-3, 1e-2]
    listed = [id(p) for group in groups for p in group["params"]]
    assert len(listed) == len(set(listed))
    assert set(listed) == {id(p) for p in net.parameters() if p.requires_grad}


def test_biases_may_have_a_multiple_of_the_rate():
    net = Net()
    groups = _reid.rate_groups(net, SimpleNamespace(backbone=1e-3, new=1e-2, bias=2.0))
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    trained = {name: p for name, p in net.named_parameters() if p.requires_grad}
    assert rates.keys() == {id(p) for p in trained.values()}
    for name, parameter in trained.items():
        plain = 1e-3 if name.startswith("backbone.") else 1e-2
        assert rates[id(parameter)] == plain * (2 if "bias" in name else 1), name


def test_what_is_left_out_is_in_no_group():
    net = Net()
    groups = _reid.rate_groups(net, RATES, [net.head.neck.weight])
    assert id(net.head.neck.weight) not in {id(p) for g in groups for p in g["params"]}


@pytest.mark.parametrize(("name", "n_blocks"), [("mini-ViT", 6), ("mini-RN", 4)])
@pytest.mark.parametrize("blocks", [0, 2])
def test_only_the_last_blocks_train(name, n_blocks, blocks):
    net = backbone.build(name)
    known = net.blocks()
    assert len(known) == n_blocks
    _reid.unfreeze_last(net, blocks)
    wanted = {id(p) for block in known[n_blocks - blocks :] for p in block.parameters()}
    assert {id(p) for p in net.parameters() if p.requires_grad} == wanted
    with pytest.raises(ValueError, match=f"Cannot unfreeze 7 blocks: {name} has {n_blocks}"):
        _reid.unfreeze_last(net, 7)


def test_none_leaves_the_whole_encoder_to_train():
    net = backbone.build("mini-RN")
    _reid.unfreeze_last(net, None)
    assert all(p.requires_grad for p in net.image_parameters())


def test_the_running_means_of_frozen_norms_stand_still():
    net = backbone.build("mini-RN")
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
    for rows in image.order(labels, stage, torch.Generator().manual_seed(0)):
        counts = torch.bincount(torch.tensor(labels)[rows])
        assert counts.tolist() == [4, 4, 4]
        assert {0, 1, 2, 3, 4} <= set(rows.tolist())
