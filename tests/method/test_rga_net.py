"""RGA-Net: relations against loops, its sizes, its neck and its gates."""

import pytest
import torch
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from handid import loss
from handid.method.rga_net import Relation, RelationAwareAttention

# --- relations ------------------------------------------------------------------------------------


def relation_by_loop(module, grid):
    """Weights of the nodes of [features, nodes], node by node."""

    def unit(layers, column):
        conv, layer = layers[0], layers[1]
        mixed = conv.weight[:, :, 0] @ column
        scaled = (mixed - layer.running_mean) / (layer.running_var + layer.eps).sqrt()
        return (scaled * layer.weight + layer.bias).clamp(min=0)

    nodes = [grid[:, m] for m in range(grid.shape[1])]
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
def test_relations_are_the_loop(features, nodes, drawn):
    module = drawn(Relation(features, nodes))
    module.weigh[4].running_mean += 3  # a sigmoid that is not saturated
    generator = torch.Generator().manual_seed(3)
    maps = torch.randn(2, features, nodes, generator=generator, dtype=torch.float64) / 4
    with torch.inference_mode():
        expected = torch.stack([relation_by_loop(module, grid) for grid in maps])
        assert torch.allclose(module(maps), expected, atol=1e-12)


class Largest(TorchDispatchMode):
    """The number of values of the largest tensor that anything inside makes."""

    values = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for tensor in pytree.tree_leaves(made):
            if isinstance(tensor, torch.Tensor):
                self.values = max(self.values, tensor.numel())
        return made


def test_the_relations_of_all_nodes_to_all_are_never_made():
    x = torch.randn(2, 16, 256, requires_grad=True)
    module, largest = Relation(16, 256), Largest()
    with largest:
        module(x).sum().backward()
    assert x.grad.abs().max() > 0
    assert 0 < largest.values < 256 * 256


def test_channel_attention_sees_the_map_that_spatial_attention_left(drawn, some_maps):
    module, maps = drawn(RelationAwareAttention(16, 3)), some_maps()
    with torch.inference_mode():
        expected = []
        for grid in maps:
            flat = grid.flatten(1)
            flat = flat * relation_by_loop(module.spatial, flat)
            flat = flat * relation_by_loop(module.channel, flat.T).T
            expected.append(flat.view_as(grid))
        assert torch.allclose(module(maps), torch.stack(expected), atol=1e-12)


@pytest.mark.parametrize(
    ("height", "width", "millions"), [(256, 128, 6.3), (224, 224, 10.1), (384, 384, 60.5)]
)
def test_rga_adds_as_many_parameters_as_the_public_code(height, width, millions, count_parameters):
    added = 0
    with torch.device("meta"):
        for channels, stride in zip((256, 512, 1024, 2048), (4, 8, 16, 16), strict=True):
            places = (height // stride) * (width // stride)
            added += count_parameters(Relation(channels, places)) + count_parameters(
                Relation(places, channels)
            )
    assert added / 1e6 == pytest.approx(millions, abs=0.05)


# --- the method -----------------------------------------------------------------------------------


def test_rga_net_has_the_public_codes_sizes(batch, count_parameters, encoder, on_map):
    net = on_map("rga_net", encoder("ResNet50", 64), 72).eval()
    with torch.inference_mode():
        assert net.embed(batch(1)[0]).shape == (1, 2048)
    rest = count_parameters(net) - 23_508_032 - count_parameters(net.attend)
    assert rest == 2 * 2048 + 2048 * 72
    assert not net.head.neck.bias.requires_grad and net.head.classifier.bias is None


def test_the_triplet_loss_is_before_the_neck_and_the_embedding_after_it(batch, on_map):
    net, images = on_map("rga_net").eval(), batch()[0]
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


def test_open_gates_leave_a_pre_trained_backbone_as_it_is_and_learn(batch, on_map):
    net, (images, labels) = on_map("rga_net", open_gates=True).eval(), batch()
    share = torch.tensor(3.0).sigmoid()
    x = torch.randn(2, net.backbone.widths[0], net.backbone.sides[0], net.backbone.sides[0])
    assert torch.allclose(net.attend[0](x), share**2 * x, rtol=1e-5)
    sum(net.train().losses(images, labels).values()).backward()
    gates = [part.weigh[-1] for place in net.attend for part in (place.spatial, place.channel)]
    assert all(gate.weight.grad.abs().max() > 0 for gate in gates)


@pytest.mark.parametrize("size", [48, 75])
def test_rga_net_takes_any_input_size_and_then_no_other(size, batch, encoder, on_map):
    net = on_map("rga_net", encoder(size=size)).eval()
    with torch.inference_mode():
        assert net.embed(batch(1, size)[0]).shape == (1, 1280)
        with pytest.raises(ValueError, match="give it images of the size it was built for"):
            net.embed(batch(1, 96)[0])
