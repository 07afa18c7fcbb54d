"""CLIP's learned positions on other grids: of portraits, and of a last layer with stride 1.

Parts of open_clip's image encoders are computed here with positions that follow the image's shape.
"""

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from open_clip.modified_resnet import AttentionPool2d, ModifiedResNet
    from open_clip.transformer import VisionTransformer


def embedded(visual: "VisionTransformer", images: Tensor) -> Tensor:
    """[B, 3, H, W] -> [B, 1 + N, width]: the input of a ViT's first block.

    As open_clip's `VisionTransformer._embeds`, but the positions follow the image's shape.
    """
    cells = visual.conv1(images)  # [B, width, h, w]
    first = visual.class_embedding.expand(len(images), 1, -1)
    x = torch.cat([first, cells.flatten(2).mT], dim=1)
    return visual.ln_pre(x + on_grid(visual.positional_embedding, cells))


def pooled(pool: "AttentionPool2d", grid: Tensor) -> Tensor:
    """[B, C, h, w] -> [B, D] through CLIP's attention pool, whose positions follow the grid."""
    table = {"positional_embedding": on_grid(pool.positional_embedding, grid)}
    return torch.func.functional_call(pool, table, (grid,))


def values(pool: "AttentionPool2d", grid: Tensor) -> Tensor:
    """[B, C, h, w] -> [B, h*w, D]: each cell's contribution to CLIP's attention pool."""
    cells = grid.flatten(2).mT + on_grid(pool.positional_embedding, grid)[1:]  # [B, h*w, C]
    return pool.c_proj(pool.v_proj(cells))


def on_grid(table: Tensor, grid: Tensor) -> Tensor:
    """[1 + n*n, D] positions for a grid [B, D, h, w] -> [1 + h*w, D]; the first row stays."""
    height, width = grid.shape[2:]
    side = _side(table)
    return table if height == width == side else _resized(table, height, width)


def doubled(table: Tensor) -> Tensor:
    """[1 + n*n, D] positions -> [1 + 4*n*n, D]."""
    side = 2 * _side(table)
    return _resized(table, side, side)


def keep_last_resolution(visual: "ModifiedResNet") -> None:
    """Give layer 4 stride 1, as the hand papers do: twice the resolution, no new parameters."""
    block = visual.layer4[0]
    block.register_module("avgpool", nn.Identity())
    cast(nn.Sequential, block.downsample)[0] = nn.Identity()
    pool = visual.attnpool
    pool.positional_embedding = nn.Parameter(doubled(pool.positional_embedding.data))


def _side(table: Tensor) -> int:
    """Cells per side of [1 + n*n, D] positions."""
    return round((len(table) - 1) ** 0.5)


def _resized(table: Tensor, height: int, width: int) -> Tensor:
    """[1 + n*n, D] positions -> [1 + h*w, D], bilinear; the first row is the average's."""
    side = _side(table)
    grid = table[1:].T.reshape(1, -1, side, side)
    grid = functional.interpolate(grid, size=(height, width), mode="bilinear", align_corners=False)
    return torch.cat([table[:1], grid.flatten(2)[0].T])
