"""ABD-Net: its sizes, its parts, its losses, and what its orthogonality reaches."""

import pytest
import torch

from handid import loss, recipes, train


def test_abd_net_has_the_public_codes_sizes(batch, count_parameters, encoder, on_map):
    net = on_map("abd_net", encoder("ResNet50", 64), 72).eval()
    with torch.inference_mode():
        assert net.embed(batch(1)[0]).shape == (1, 3072)  # 1024, and 1024 for each of two parts
    last = count_parameters(net.backbone.stages[3])
    half, key = 512, 64
    head = 9 * 1024 * half + 9 * half * half + 2 * 2 * half + half * 1024 + 1024
    position = 2 * (half * key + key) + half * half + half + 1
    new = 2048 * 1024 + 1024 + 2 * 1024  # global neck
    new += 2048 * 1024 + 2 * 1024 + 3 * head + position + 1  # reduction, three heads, attention
    new += 1024 * 1024 + 1024 + 3 * (1024 * 72 + 72) + 1  # merge, classifiers, shallow gamma
    assert count_parameters(net) == 23_508_032 + last + new
    assert net.heads[0].classifier.weight.std().item() == pytest.approx(0.01, rel=0.05)


def test_the_two_branches_train_last_stages_of_their_own_that_start_alike(on_map):
    net = on_map("abd_net")
    first, second = net.backbone.stages[3], net.last_stage
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b) and a is not b


def test_the_parts_of_abd_net_are_stripes_through_one_set_of_heads(batch, on_map):
    net = on_map("abd_net").eval()
    for head in net.attend.values():
        for parameter in head.parameters():
            parameter.data.uniform_(0, 0.05)
    images = batch(2)[0]
    with torch.inference_mode():
        features, maps = net.features(images)
        first, second, third, _ = net.backbone.stages
        grid = net.reduce(net.last_stage(third(second(net.shallow(first(images))))))
        for number, part in enumerate((grid[:, :, :2], grid[:, :, 2:])):
            summed = net.merge(sum(head(part) for head in net.attend.values()))
            assert torch.allclose(features[1 + number], summed.mean((2, 3)), atol=1e-5)
    assert {name: len(parts) for name, parts in maps.items()} == {
        **{"shallow": 1, "before": 2, "channel": 2, "position": 2, "after": 2}
    }


def test_the_losses_of_abd_net_are_means_over_its_features(batch, on_map):
    net = on_map("abd_net").eval()
    images, labels = batch()
    parts, (features, _) = net.losses(images, labels), net.features(images)
    triplet = sum(loss.batch_hard_triplet(feature, labels, 1.2) for feature in features) / 3
    assert parts["triplet"].item() == pytest.approx(triplet.item(), rel=1e-4)
    identity = [
        loss.label_smoothed_cross_entropy(head.classifier(feature), labels, 0.1)
        for head, feature in zip(net.heads, features, strict=True)
    ]
    assert parts["identity"].item() == pytest.approx(sum(identity).item() / 3, rel=1e-4)


def test_abd_net_takes_the_mean_over_its_features(batch, on_map):
    net, (images, labels) = on_map("abd_net", centre_rate=0.5).eval(), batch()
    with torch.inference_mode():
        features, centres = net.features(images)[0], [head.centres for head in net.heads]
        each = [loss.centre(f, c, labels) for f, c in zip(features, centres, strict=True)]
        assert torch.allclose(net.losses(images, labels)["centre"], sum(each) / 3)


def test_orthogonality_reaches_every_convolution_and_in_the_control_the_first_alone(on_map):
    for convs, reached in (("all", slice(None)), ("first", slice(1))):
        net = on_map("abd_net", orthogonal_convs=convs)
        net.weight_gaps().backward()
        layers = [module for module in net.modules() if isinstance(module, torch.nn.Conv2d)]
        with_gradient = [layer for layer in layers if layer.weight.grad is not None]
        assert len(layers) > 60 and with_gradient == layers[reached]
        assert layers[0].in_channels == 3  # the stem
    control = recipes.load("abd_net", "cnn", control="public_code").options
    assert control["orthogonal_convs"] == "first"


def test_resnet50_has_53_convolutions_and_the_control_takes_the_stem(encoder, on_map):
    net = on_map("abd_net", encoder("ResNet50", 32), orthogonal_convs="first")
    inside = [m for m in net.backbone.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(inside) == 53 and inside[0] is net.backbone.net.conv1
    net.weight_gaps().backward()
    assert net.backbone.net.conv1.weight.grad.abs().max() > 0


def test_maps_of_orthogonal_channels_cost_nothing(on_map):
    net = on_map("abd_net")
    flat = torch.linalg.qr(torch.randn(16, 16, generator=torch.Generator().manual_seed(0)))[0]
    even = {"shallow": [flat[:4].view(1, 4, 4, 4)], "after": [flat[4:8].view(1, 4, 4, 4)] * 2}
    assert net.feature_gaps(even).abs().item() < 1e-5
    torch.manual_seed(0)
    uneven = {"after": [torch.rand(1, 4, 4, 4)]}
    assert net.feature_gaps(uneven).item() > 1


def test_in_fixbase_only_what_is_new_trains(on_map):
    fixbase, early, late = recipes.load("abd_net", "cnn").stages
    net = on_map("abd_net")
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


def test_a_resting_trunk_keeps_its_statistics_and_an_awake_one_does_not(on_map):
    fixbase, early, _ = recipes.load("abd_net", "cnn").stages
    net = on_map("abd_net")
    for stage, rests in ((fixbase, True), (early, False)):
        net.parameter_groups(stage)
        net.train()
        assert (not net.backbone.training, not net.last_stage.training) == (rests, rests)
        assert net.reduce.training and net.global_neck.training
        net.eval()
        assert not net.training


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"parts": 3}, "map of 4 x 4 cells cannot be cut into 3 equal stripes: use a divisor of 4"),
        ({"parts": 0}, "cannot be cut into 0 equal"),
        ({"parts": 1.5}, "parts is 1.5: give a whole number from 0"),
        ({"orthogonal_convs": "stem"}, "Unknown orthogonal_convs 'stem': choose all, first"),
    ],
)
def test_what_abd_net_cannot_do_is_refused_before_training(options, sentence, on_map):
    with pytest.raises(ValueError, match=sentence):
        on_map("abd_net", **options)
