"""RGA-Net: after every stage, attention by how each position, then each channel, relates to all."""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from handid.backbone import ImageNetBackbone
from handid.method._attention import exact, widened
from handid.method._cnn import CnnMethod
from handid.method._head import IdentityHead

OPEN = 3.0  # an open gate lets 95 % through
RATIO = 8  # embeddings have one eighth of the channels: the public code's three ratios


class Relation(nn.Module):
    """One weight per node, from its relations to all nodes and from itself (Zhang et al. 2020).

    The same module for both kinds: nodes are positions with channels as features, or channels with
    positions as features. G = theta' phi; a node's relations are its row and its column of G, and
    what counts is their product with weights W. G, M x M and no larger in rank than an embedding,
    is never made: W G' = (W phi') theta, in a fraction of its products and memory.

    Args:
        features: of a node.
        nodes: M; the relations of a node are 2M numbers, so M is fixed.
        open_gates: start with the same weight for every node, sigmoid(OPEN).
    """

    def __init__(self, features: int, nodes: int, *, open_gates: bool = False):
        super().__init__()
        inner, wide = max(1, features // RATIO), 1 + max(1, nodes // RATIO)
        self.features, self.nodes = features, nodes
        self.theta, self.phi, self.own = (_unit(features, inner) for _ in range(3))
        self.relations = _unit(2 * nodes, wide - 1)
        narrow = max(1, wide // RATIO)
        gate = nn.BatchNorm1d(1)
        if open_gates:
            nn.init.zeros_(gate.weight)
            nn.init.constant_(gate.bias, OPEN)
        last = nn.Conv1d(narrow, 1, 1, bias=False)
        self.weigh = nn.Sequential(*_unit(wide, narrow), last, gate)

    def forward(self, x: Tensor) -> Tensor:
        """[B, features, nodes] -> [B, 1, nodes], 0 to 1."""
        if x.shape[1:] != (self.features, self.nodes):
            raise ValueError(
                f"RGA-Net was built for {self.features} x {self.nodes} maps, not "
                f"{x.shape[1]} x {x.shape[2]}: give it images of the size it was built for."
            )
        theta, phi = self.theta(x), self.phi(x)  # [B, features / RATIO, nodes]
        weights, norm, relu = self.relations
        rows, columns = weights.get_parameter("weight").squeeze(2).chunk(2, dim=1)
        relations = linear(phi, rows).mT @ theta + linear(theta, columns).mT @ phi
        relations = relu(norm(relations))
        own = self.own(x).mean(1, keepdim=True)
        return self.weigh(torch.cat([own, relations], dim=1)).sigmoid()


class RelationAwareAttention(nn.Module):
    """Spatial, then channel attention of one map.

    Args:
        channels: C.
        side: of the square map, in cells.
        open_gates: see Relation.
    """

    def __init__(self, channels: int, side: int, *, open_gates: bool = False):
        super().__init__()
        self.spatial = Relation(channels, side**2, open_gates=open_gates)
        self.channel = Relation(side**2, channels, open_gates=open_gates)

    def forward(self, grid: Tensor) -> Tensor:
        """[B, C, h, w] -> [B, C, h, w]."""
        with exact(grid):
            x = widened(grid.flatten(2))
            x = x * self.spatial(x)
            return (x * self.channel(x.mT).mT).view_as(grid)


class RgaNet(CnnMethod):
    """Relation-aware attention after each of four stages, average, BN neck, classifier.

    Source: Zhang et al. 2020 as in its public code, "RGA-SC"
    (microsoft/Relation-Aware-Global-Attention-Networks at cdc9965).

    Args:
        backbone: with `stages`, `widths` and `sides`, which fix the input size.
        n_identities: classes.
        triplet_margin: of the triplet loss, in the unit of the features; None for none.
        after_neck: embed after the neck's batch norm, or before (its code reports both).
        open_gates: start with attention that changes next to nothing, so that a pre-trained
            backbone starts as it was. The public code draws the gates at random, and trains for 600
            epochs.
        unfreeze_blocks: see CnnMethod.
        tools: see IdentityHead.
    """

    needs = "stages"
    backbone: ImageNetBackbone

    def __init__(
        self,
        backbone: ImageNetBackbone,
        n_identities: int,
        *,
        triplet_margin: float | None = 0.3,
        after_neck: bool = True,
        open_gates: bool = False,
        unfreeze_blocks: int | None = None,
        **tools,
    ):
        super().__init__(backbone, unfreeze_blocks)
        self.after_neck = after_neck
        self.attend = nn.ModuleList(
            RelationAwareAttention(width, side, open_gates=open_gates)
            for width, side in zip(backbone.widths, backbone.sides, strict=True)
        )
        tools["triplet_margin"] = triplet_margin
        self.head = IdentityHead(backbone.channels, n_identities, **tools)

    def pooled(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, channels], before the neck."""
        for stage, attend in zip(self.backbone.stages, self.attend, strict=True):
            images = attend(stage(images))
        return images.mean((2, 3))

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`identity` after the neck, `triplet` before it."""
        return self.head.losses(self.pooled(images), labels)

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, channels]: 2048 for ResNet50."""
        vectors = self.pooled(images)
        return self.head.embed(vectors) if self.after_neck else self.head.scaled(vectors)


def _unit(inside: int, outside: int) -> nn.Sequential:
    conv = nn.Conv1d(inside, outside, 1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm1d(outside), nn.ReLU())
