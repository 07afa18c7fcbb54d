"""MBA-Net: three branches of one network: global, with spatial and with channel attention.

Of the paper (Baisa et al.) we have the abstract, which promises relative positional encoding. That
of the public code (nathanlem1/MBA-Net at 2c6349a) is not relative; it is kept as the control
`public_code`.
"""

import torch
from torch import Tensor, nn

from handid import given
from handid.backbone import ImageNetBackbone
from handid.method._attention import ChannelAttention, PositionAttention
from handid.method._cnn import CnnMethod, reducing
from handid.method._head import IdentityHead, heads_by_name, level_names

POSITIONS = ("relative", "flat", "none")


class SpatialAttention(PositionAttention):
    """Attention over positions, with a term for where they are: one for rows, one for columns.

    Relative, with tables R of 2L - 1 learned vectors, q the query and v the values:
    E_rows(x, y) = sum over i of (q(x, y) . R_rows[i - x]) v(i, y), columns likewise; out = gamma
    (V A' + BN(E_rows) + BN(E_columns)) + X, without a softmax over these terms. Source: an
    alternative that stands commented out in the public code.

    Flat is what the public code computes: the pairs (position, offset) of one axis are read as if
    they were the N positions of the map, so that E(p) = sum over k of (q(p) . R[b - a]) v(k), where
    k is in row a and column b: the offset depends on k alone and is the same for every p.

    Args:
        channels: C; of a query C / 8.
        side: L, of the square map, in cells.
        positions: "relative", "flat", or "none".
    """

    def __init__(self, channels: int, side: int, positions: str = "relative"):
        super().__init__(channels, normed=True)
        self.side, self.kind = side, positions
        if positions != "none":
            width = max(1, channels // 8)
            self.rows = nn.Parameter(torch.randn(2 * side - 1, width))
            self.columns = nn.Parameter(torch.randn(2 * side - 1, width))
            self.row_norm, self.column_norm = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)

    def positions(self, query: Tensor, value: Tensor) -> Tensor | float:
        """[B, d, L, L] queries and [B, C, L, L] values -> [B, C, L, L]."""
        if self.kind == "none":
            return 0.0
        if value.shape[2:] != (self.side, self.side):
            raise ValueError(
                f"MBA-Net was built for maps of {self.side} x {self.side} cells, not "
                f"{value.shape[2]} x {value.shape[3]}: give it images of the size it was built for."
            )
        place = torch.arange(self.side, device=value.device)
        offsets = place[None, :] - place[:, None] + self.side - 1  # [x, i]: i - x, from 0
        terms = self._relative if self.kind == "relative" else self._flat
        rows, columns = terms(query, value, self.rows[offsets], self.columns[offsets])
        return self.row_norm(rows) + self.column_norm(columns)

    def _relative(
        self, query: Tensor, value: Tensor, rows: Tensor, columns: Tensor
    ) -> tuple[Tensor, Tensor]:
        scores = torch.einsum("bdxy,xid->bixy", query, rows)
        down = torch.einsum("bixy,bciy->bcxy", scores, value)
        scores = torch.einsum("bdxy,yid->bixy", query, columns)
        return down, torch.einsum("bixy,bcxi->bcxy", scores, value)

    def _flat(
        self, query: Tensor, value: Tensor, rows: Tensor, columns: Tensor
    ) -> tuple[Tensor, Tensor]:
        def term(table: Tensor) -> Tensor:
            mixed = value.flatten(2) @ table.flatten(0, 1)  # [B, C, d]
            return (mixed @ query.flatten(2)).view_as(value)

        return term(rows), term(columns)


class MbaNet(CnnMethod):
    """Global, spatial and channel branch, each through the same last stage to a head of its own.

    Source: MBA-Net's public code (nathanlem1/MBA-Net at 2c6349a): attention before and after the
    last stage, whose weights and batch statistics the three branches share.

    Args:
        backbone: with `stages`, `widths` and `sides`.
        n_identities: classes.
        positions: see SpatialAttention.
        width: of the heads.
        dropout: probability, in the heads.
        neck: a batch norm before each head, and in the embedding.
        unfreeze_blocks: see CnnMethod.
        tools: of every head, see IdentityHead.

    Raises:
        ValueError: one sentence for unknown positions or a backbone without stages.
    """

    needs = "stages"
    backbone: ImageNetBackbone

    def __init__(  # noqa: PLR0913 - one argument per hyper-parameter
        self,
        backbone: ImageNetBackbone,
        n_identities: int,
        *,
        positions: str = "relative",
        width: int = 2048,
        dropout: float = 0.5,
        neck: bool = False,
        unfreeze_blocks: int | None = None,
        **tools,
    ):
        super().__init__(backbone, unfreeze_blocks)
        given.whole("width", width, 1)
        if positions not in POSITIONS:
            raise ValueError(f"Unknown positions '{positions}': choose {', '.join(POSITIONS)}.")
        places = [*zip(backbone.widths[2:], backbone.sides[2:], strict=True)]
        self.spatial = nn.ModuleList(SpatialAttention(*place, positions) for place in places)
        self.channel = nn.ModuleList(ChannelAttention() for _ in places)
        inside, heads = backbone.channels, {}
        for branch in ("global", "spatial", "channel"):
            layers = reducing(inside, width, n_identities, dropout, nn.LeakyReLU(0.1))
            heads[branch] = IdentityHead(inside, n_identities, layers, neck=neck, **tools)
        self.heads = heads_by_name(heads)

    def pooled(self, images: Tensor) -> dict[str, Tensor]:
        """[B, 3, H, W] -> for each branch [B, channels], the average of its last map."""
        *trunk, last = self.backbone.stages
        grid = images
        for stage in trunk:
            grid = stage(grid)
        maps = {"global": last(grid)}
        for name, (before, after) in (("spatial", self.spatial), ("channel", self.channel)):
            maps[name] = after(last(before(grid)))
        return {name: last_map.mean((2, 3)) for name, last_map in maps.items()}

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`identity_global`, `_spatial` and `_channel`: cross-entropy of each head."""
        parts = {}
        for branch, vector in self.pooled(images).items():
            parts |= level_names(self.heads[branch].losses(vector, labels), branch)
        return parts

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, 3 * channels] before the reducing layers: 6144 for ResNet50."""
        vectors = self.pooled(images)
        return torch.cat([self.heads[k].embed(vector) for k, vector in vectors.items()], dim=1)
