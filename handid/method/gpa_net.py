"""GPA-Net: a global feature and those of parts of the map, each with a classifier of its own."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from handid.method._cnn import CnnMethod, reducing
from handid.method._reid import IdentityHead, level_names

BRANCHES = ("both", "global", "local")


class GpaNet(CnnMethod):
    """The map's average and the averages of its parts; one head a vector.

    Source: GPA-Net, section 2. The paper mentions no activation in the heads, so there is none, and
    does not say how they start ("appropriate"): see `reducing`. One part alone is the whole map,
    which then is the global branch alone, as in table 3.

    Args:
        backbone: with `map`, `channels` and `sides`.
        n_identities: classes.
        horizontal_parts: Hp: rows of parts, which cut the height.
        vertical_parts: Vp: columns of parts, which cut the width.
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

    def __init__(  # noqa: PLR0913 - an argument a hyper-parameter
        self,
        backbone: nn.Module,
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
        self.parts, self.local_weight = (horizontal_parts, vertical_parts), local_weight
        count = _count(self.parts, [backbone.sides[-1]] * 2)
        if branches not in BRANCHES:
            raise ValueError(f"Unknown branches '{branches}': choose {', '.join(BRANCHES)}.")
        if branches == "local" and count == 1:
            raise ValueError("The local branch needs at least two parts: one is the whole map.")
        self.has_global, self.has_local = branches != "local", branches != "global" and count > 1
        vectors = self.has_global + count * self.has_local
        inside = backbone.channels
        self.heads = nn.ModuleList(
            IdentityHead(inside, n_identities, layers, neck=neck, **tools)
            for layers in (reducing(inside, width, n_identities, dropout) for _ in range(vectors))
        )

    def pooled(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, V, channels]: global vector first, then parts row by row."""
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

        Further tools alike: `triplet_global`, `triplet_local`.
        """
        vectors = self.pooled(images).unbind(1)
        each = [head.losses(one, labels) for head, one in zip(self.heads, vectors, strict=True)]
        found = level_names(each.pop(0), "global") if self.has_global else {}
        if not self.has_local:
            return found
        local = {k: self.local_weight * sum(part[k] for part in each) for k in each[0]}
        return found | level_names(local, "local")

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, V * channels] before the reducing layers: 8192, ResNet50, 3 parts."""
        vectors = self.pooled(images).unbind(1)
        return torch.cat([h.embed(one) for h, one in zip(self.heads, vectors, strict=True)], dim=1)


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
