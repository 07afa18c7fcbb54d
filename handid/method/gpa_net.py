"""GPA-Net: one global feature and one per part of the map, each with a classifier of its own."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from handid import given
from handid.backbone import ImageEncoder
from handid.method._cnn import CnnMethod, reducing
from handid.method._head import IdentityHead, heads_in_order, level_names, sum_of

BRANCHES = ("both", "global", "local")


class GpaNet(CnnMethod):
    """The map's average and the averages of its parts, one head for each.

    Source: GPA-Net, section 2. The paper mentions no activation in the heads, so there is none, and
    does not say how their weights start ("appropriate"): see `reducing`. One part alone is the
    whole map, and the method is then the global branch alone, as in table 3.

    Args:
        backbone: with `map`, `channels` and `sides`.
        n_identities: classes.
        horizontal_parts: Hp, rows of parts: they divide the height.
        vertical_parts: Vp, columns of parts: they divide the width.
        branches: "both", "global" or "local" (table 4).
        width: of the reduced vectors r.
        dropout: probability, in the heads.
        local_weight: lambda of eq. 1.
        neck: a batch norm before each head, and in the embedding.
        unfreeze_blocks: see CnnMethod.
        tools: of every head, see IdentityHead.

    Raises:
        ValueError: one sentence for parts that are no whole numbers or do not divide the map, an
            unknown branch, or a backbone without a map.
    """

    def __init__(  # noqa: PLR0913 - one argument per hyper-parameter
        self,
        backbone: ImageEncoder,
        n_identities: int,
        *,
        horizontal_parts: int = 3,
        vertical_parts: int = 1,
        branches: str = "both",
        width: int = 512,
        dropout: float = 0.5,
        local_weight: float = 1.0,
        neck: bool = False,
        unfreeze_blocks: int | None = None,
        **tools,
    ):
        super().__init__(backbone, unfreeze_blocks)
        given.whole("width", width, 1)
        self.parts, self.local_weight = (horizontal_parts, vertical_parts), local_weight
        n_parts = _count(self.parts, [backbone.sides[-1]] * 2)
        if branches not in BRANCHES:
            raise ValueError(f"Unknown branches '{branches}': choose {', '.join(BRANCHES)}.")
        if branches == "local" and n_parts == 1:
            raise ValueError("The local branch needs at least two parts: one is the whole map.")
        self.has_global, self.has_local = branches != "local", branches != "global" and n_parts > 1
        n_vectors = self.has_global + n_parts * self.has_local
        inside = backbone.channels
        self.heads = heads_in_order(
            IdentityHead(inside, n_identities, layers, neck=neck, **tools)
            for layers in (reducing(inside, width, n_identities, dropout) for _ in range(n_vectors))
        )

    def pooled(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, V, channels]: the global vector first, then the parts row by row."""
        grid, vectors = self.backbone.map(images), []
        _count(self.parts, grid.shape[2:])  # a portrait's map is no square
        if self.has_global:
            vectors.append(grid.mean((2, 3))[:, None])
        if self.has_local:
            cell = [side // part for side, part in zip(grid.shape[2:], self.parts, strict=True)]
            vectors.append(functional.avg_pool2d(grid, cell).flatten(2).mT)
        return torch.cat(vectors, dim=1)

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`identity_global`, and `identity_local`: lambda times the sum over the parts (eq. 1).

        The losses of further tools likewise: `triplet_global`, `triplet_local`.
        """
        pairs = zip(self.heads, self.pooled(images).unbind(1), strict=True)
        parts = [head.losses(vector, labels) for head, vector in pairs]
        losses = level_names(parts.pop(0), "global") if self.has_global else {}
        if not self.has_local:
            return losses
        local = {k: self.local_weight * sum_of([part[k] for part in parts]) for k in parts[0]}
        return losses | level_names(local, "local")

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, V * channels], before reducing: 8192 for ResNet50 and 3 parts."""
        pairs = zip(self.heads, self.pooled(images).unbind(1), strict=True)
        return torch.cat([head.embed(vector) for head, vector in pairs], dim=1)


def _count(parts: tuple[int, int], sides: Sequence[int]) -> int:
    (rows, columns), (height, width) = parts, sides
    if not all(type(number) is int and number >= 1 for number in parts):
        raise ValueError(f"Cannot cut a map into {rows} x {columns} parts: use whole numbers.")
    if height % rows or width % columns:
        raise ValueError(
            f"A map of {height} x {width} cells cannot be cut into {rows} x {columns} equal parts: "
            "use divisors of its sides or another image size."
        )
    return rows * columns
