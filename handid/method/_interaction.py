"""PromptSG's two new networks: an image turned into a word, and text that looks at an image."""

import torch
from torch import Tensor, nn

from handid import given

CONTEXTS = ("patches", "none")


class InversionMLP(nn.Sequential):
    """Image feature [B, d] -> pseudo-token [B, token_width].

    Fully connected layers with ReLU between them and a batch norm behind the last. Source:
    PromptSG, section 5.1: three layers of 512 with the norm; the activation from unofficial code
    (NTDuckk/PromptSG_2 at c484419).

    Args:
        width: d.
        hidden: width of the inner layers.
        token_width: of a word embedding.
        layers: fully connected ones, at least 2.
    """

    def __init__(self, width: int, hidden: int, token_width: int, layers: int = 3):
        inner: list[nn.Module] = [nn.Linear(width, hidden), nn.ReLU()]
        for _ in range(layers - 2):
            inner += [nn.Linear(hidden, hidden), nn.ReLU()]
        super().__init__(*inner, nn.Linear(hidden, token_width), nn.BatchNorm1d(token_width))


class Interaction(nn.Module):
    """Cross-attention from the text to the patches, then blocks of self-attention.

    Nothing bypasses the cross-attention: the result is made of the patches' values, and the text
    decides the weight of each. Source: PromptSG, section 4.2 and eq. 7; layer norms before the
    attention and the blocks' fourfold width from unofficial code (NTDuckk/PromptSG_2 at c484419).

    Args:
        width: D, of text, patches and result.
        heads: of every attention; must divide D.
        blocks: of self-attention, 0 for none.
        context: what the blocks see: the result of the cross-attention and the "patches", or that
            result alone ("none": one token, which can attend to nothing but itself).
        dropout: probability, inside the blocks.

    Raises:
        ValueError: one sentence for an unknown context, or heads that do not divide the width.
    """

    def __init__(self, width: int, heads: int, blocks: int, context: str, dropout: float = 0.0):
        super().__init__()
        if context not in CONTEXTS:
            raise ValueError(f"Unknown context '{context}': choose one of {', '.join(CONTEXTS)}.")
        if width % given.whole("attention_heads", heads, 1):
            raise ValueError(f"{heads} attention_heads do not divide {width}: choose a divisor.")
        self.context = context
        self.text_norm, self.patch_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                *(width, heads, 4 * width, dropout),
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(blocks)
        )

    def forward(self, text: Tensor, patches: Tensor) -> Tensor:
        """[B, D] text features and [B, N, D] patches -> [B, D]."""
        keys = self.patch_norm(patches)
        query = self.text_norm(text)[:, None]
        answer, _ = self.attention(query, keys, keys, need_weights=False)  # [B, 1, D]
        tokens = torch.cat([answer, keys], dim=1) if self.context == "patches" else answer
        for block in self.blocks:
            tokens = block(tokens)
        return tokens[:, 0]
