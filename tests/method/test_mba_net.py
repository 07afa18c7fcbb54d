"""MBA-Net: its sizes, the terms of the positions against loops, and its three branches."""

import pytest
import torch

from handid import method, recipes
from handid.method.mba_net import SpatialAttention

# --- positions ------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("kind", ["relative", "flat"])
@pytest.mark.parametrize("side", [1, 3, 4])
def test_the_terms_of_the_places_are_the_loop(kind, side, drawn, position_by_loop, some_maps):
    module, maps = drawn(SpatialAttention(16, side, kind)), some_maps(side=side)
    expected = []
    with torch.inference_mode():
        for grid in maps:
            query, value, mixed = position_by_loop(module, grid)
            places = place_terms_by_loop(module, query, value)
            expected.append(module.gamma * (mixed + places) + grid)
        assert torch.allclose(module(maps), torch.stack(expected), atol=1e-11)


def test_only_the_relative_terms_move_with_the_map(drawn):
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


# --- the method -----------------------------------------------------------------------------------


def test_mba_net_has_the_public_codes_sizes(count_parameters, encoder, on_map):
    net = on_map("mba_net", encoder("ResNet50", 324), 72)
    tables = [tuple(attention.rows.shape) for attention in net.spatial]
    assert tables == [(41, 128), (41, 256)]  # 21 x 21 cells, C / 8
    attention = sum(
        2 * (c * c // 8 + c // 8 + 2 * c // 8) + c * c + c + 2 * c + 2 * 2 * c + 2 * 41 * c // 8 + 1
        for c in (1024, 2048)
    )
    head_size = 2048 * 2048 + 2048 + 2 * 2048 + 2048 * 72 + 72
    assert count_parameters(net) == 23_508_032 + attention + 2 + 3 * head_size
    head = net.heads["global"]
    kinds = [type(layer).__name__ for layer in (head.neck, *head.inner, head.classifier)]
    assert kinds == ["Identity", "Linear", "BatchNorm1d", "LeakyReLU", "Dropout", "Linear"]
    assert head.inner[2].negative_slope == 0.1


@pytest.mark.parametrize("size", [64, 75, 96])
@pytest.mark.parametrize("positions", ["relative", "flat", "none"])
def test_mba_net_takes_any_input_size(positions, size, batch, encoder, on_map):
    net = on_map("mba_net", encoder(size=size), positions=positions).eval()
    with torch.inference_mode():
        assert net.embed(batch(1, size)[0]).shape == (1, 3 * 1280)


def test_the_three_branches_start_alike_share_their_last_stage_and_part(batch, on_map):
    net = on_map("mba_net").eval()
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


def test_the_public_codes_positions_are_a_control_that_differs(batch, on_map):
    plan, control = (recipes.load("mba_net", "cnn", control=c) for c in ("", "public_code"))
    assert (plan.options["positions"], control.options["positions"]) == ("relative", "flat")
    relative, flat = (on_map("mba_net", positions=kind).eval() for kind in ("relative", "flat"))
    for net in (relative, flat):
        for module in net.spatial:
            module.gamma.data.fill_(0.5)
    with torch.inference_mode():
        a, b = (net.pooled(batch(2)[0])["spatial"] for net in (relative, flat))
    assert not torch.allclose(a, b, atol=1e-3)


def test_what_does_not_fit_mba_net_is_refused_in_one_sentence(batch, encoder, on_map):
    with pytest.raises(ValueError, match="Unknown positions 'absolute': choose relative, flat, n"):
        on_map("mba_net", positions="absolute")
    with pytest.raises(
        ValueError, match="MbaNet needs a backbone in four stages, and mini-RN is n"
    ):
        method.build("mba_net", encoder("mini-RN", 0), 2)
    with pytest.raises(ValueError, match="built for maps of 4 x 4 cells, not 5 x 5"):
        on_map("mba_net").embed(batch(2, 80)[0])
