"""Self-attention over the channels and over the positions of a map, as ABD-Net and MBA-Net use it.

Both come from DANet (Fu et al. 2019). A weight gamma starts at 0: the map passes unchanged until
the training asks for attention.
"""

import torch
from torch import Tensor, nn


class ChannelAttention(nn.Module):
    """Each channel plus gamma times a mean of all channels, weighted by how unlike they are.

    X: [C, N], one row per channel of the map. A = softmax over rows of (rowmax(E) - E), E = X X';
    out = gamma A X + X. Nothing is embedded: the only parameter is gamma. What a row has in common
    cancels in its softmax, so that A = softmax(-E).
    """

    def __init__(self):
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, grid: Tensor) -> Tensor:
        """[B, C, h, w] -> [B, C, h, w]."""
        with exact(grid):
            x = widened(grid.flatten(2))
            weights = (x @ x.mT).neg_().softmax(dim=2)  # [B, C, C]
            mixed = (weights @ x).view_as(grid)
        return self.gamma * mixed + grid


class PositionAttention(nn.Module):
    """Each position plus gamma times a mean of all positions' values, weighted by likeness.

    Q, K: [d, N] and V: [C, N] embed the map X, d = C / 8. A = softmax over rows of Q' K, not
    divided by the root of d; out = gamma (V A') + X.

    Args:
        channels: C.
        normed: follow each embedding by batch norm and ReLU (MBA-Net); plain in ABD-Net.
    """

    def __init__(self, channels: int, *, normed: bool = False):
        super().__init__()
        width = max(1, channels // 8)
        self.query = _embedding(channels, width, normed)
        self.key = _embedding(channels, width, normed)
        self.value = _embedding(channels, channels, normed)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, grid: Tensor) -> Tensor:
        """[B, C, h, w] -> [B, C, h, w]."""
        query, key, value = (widened(part(grid)) for part in (self.query, self.key, self.value))
        with exact(grid):
            weights = (query.flatten(2).mT @ key.flatten(2)).softmax(dim=2)  # [B, N, N]
            mixed = (value.flatten(2) @ weights.mT).view_as(grid)
            return self.gamma * (mixed + self.positions(query, value)) + grid

    def positions(self, query: Tensor, value: Tensor) -> Tensor | float:
        """What the positions themselves add; nothing here."""
        return 0.0


def exact(grid: Tensor) -> torch.autocast:
    """A context without half precision, which sums of so many products would not survive."""
    return torch.autocast(grid.device.type, enabled=False)


def widened(x: Tensor) -> Tensor:
    """Half precision as float32; float32 and float64 as they are."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _embedding(inside: int, outside: int, normed: bool) -> nn.Module:
    conv = nn.Conv2d(inside, outside, 1)
    return nn.Sequential(conv, nn.BatchNorm2d(outside), nn.ReLU()) if normed else conv
