"""The identity head: each part is in the loss, and options out of range are refused."""

import pytest
import torch
from torch import nn

from handid import loss
from handid.method import _head

FULL = {
    "triplet_margin": 0.3,
    "centre_rate": 0.5,
    "contrastive_temperature": 0.1,
    "arcface_scale": 30.0,
    "arcface_margin": 0.5,
}


def head(seed=0, **options):
    torch.manual_seed(seed)
    return _head.IdentityHead(6, 4, **options)


def rows(count=12):
    features = torch.randn(count, 6, generator=torch.Generator().manual_seed(1))
    return features, torch.arange(count) % 4


def test_a_head_has_the_losses_that_its_options_name_and_no_other():
    assert [*head().losses(*rows())] == ["identity"]
    assert [*head(**FULL).losses(*rows())] == ["identity", "triplet", "centre", "contrastive"]


def test_each_loss_is_the_pure_function_on_its_own_feature():
    net, (features, labels) = head(**FULL), rows()
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
    features, labels = rows()
    for name, value in head(unit=True, triplet_margin=0.3).losses(features, labels).items():
        other = head(unit=True, triplet_margin=0.3).losses(5 * features, labels)[name]
        assert torch.allclose(value, other, rtol=1e-4), name
    plain, scaled = (
        head(triplet_margin=0.3).losses(k * features, labels)["triplet"] for k in (1, 5)
    )
    assert not torch.isclose(plain, scaled)


def test_without_a_neck_the_embedding_is_the_feature():
    features, _ = rows()
    assert torch.equal(head(neck=False).embed(features), features)
    assert not torch.allclose(head().embed(features), features, atol=0.1)


def test_the_necks_bias_stays_where_it_is():
    net = head()
    assert not net.neck.bias.requires_grad and (net.neck.bias == 0).all()


def test_arcface_margin_is_in_the_loss_and_its_directions_learn():
    values = {}
    for margin in (0.0, 0.5):
        net = head(arcface_scale=30.0, arcface_margin=margin)
        value = net.losses(*rows())["identity"]
        value.backward()
        values[margin] = value.item()
        assert net.classifier.weight.grad.abs().sum() > 0
    assert values[0.5] > values[0.0] + 1


def test_centres_move_by_wens_rule_in_training_and_stand_still_at_test():
    net, (features, labels) = head(neck=False, centre_rate=0.5), rows()
    labels[:5] = 1  # identities of several sizes, and one with no row
    labels[labels == 3] = 0
    points, expected = features.double().tolist(), net.centres.double().tolist()
    for _ in range(3):
        net.losses(features, labels)
        moved = [list(centre) for centre in expected]
        for k, centre in enumerate(expected):
            own = [
                point for point, label in zip(points, labels.tolist(), strict=True) if label == k
            ]
            for d, value in enumerate(centre):
                gap = sum(value - point[d] for point in own)  # eq. 4
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
