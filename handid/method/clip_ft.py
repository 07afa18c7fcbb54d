"""CLIP-FT: CLIP's image encoder fine-tuned with an identity loss on two feature levels. No text."""

import torch
from torch import Tensor

from handid.backbone import ImageEncoder
from handid.method._head import IdentityHead, heads_by_name, level_names
from handid.method._reid import ReidMethod

HEADS = {"both": ("feat", "proj"), "feat": ("feat",), "proj": ("proj",)}


class ClipFT(ReidMethod):
    """A BN neck and a classifier on the feature before and the feature after the projection.

    Source: CLIP-HandID, section II (classification part) and III-B ("CLIP-FT"); two levels and
    the frozen neck bias as in its public code (nathanlem1/CLIP-HandID at 73a60e2).

    Args:
        backbone: with `forward` -> {"feat", "proj"}, or {"feat"} for an encoder without text.
        n_identities: classes.
        heads: "both" levels, or "feat" or "proj" alone; a level without a head is not part of the
            embedding. "both" are one level where an encoder has one only.
        unfreeze_blocks: see ReidMethod, and so is lora_rank.
        tools: of both heads, see IdentityHead.

    Raises:
        ValueError: one sentence for unknown heads.
    """

    def __init__(
        self,
        backbone: ImageEncoder,
        n_identities: int,
        *,
        heads: str = "both",
        unfreeze_blocks: int | None = None,
        lora_rank: int = 0,
        **tools,
    ):
        super().__init__(backbone, unfreeze_blocks, lora_rank)
        if heads not in HEADS:
            raise ValueError(f"Unknown heads '{heads}': choose one of {', '.join(HEADS)}.")
        levels = [level for level in HEADS[heads] if level in backbone.dims]
        if not levels:
            raise ValueError(f"{backbone.name} has no level '{heads}': use heads 'feat' or 'both'.")
        self.heads = heads_by_name(
            {k: IdentityHead(backbone.dims[k], n_identities, **tools) for k in levels}
        )

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`identity_feat`, `identity_proj`: cross-entropy of the classifiers (eq. 1, 2)."""
        return self._identity_losses(self.backbone(images), labels)

    def _identity_losses(self, features: dict[str, Tensor], labels: Tensor) -> dict[str, Tensor]:
        parts = {}
        for level, head in self.heads.items():
            parts |= level_names(head.losses(features[level], labels), level)
        return parts

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, feat + proj] after the necks: 1280 for ViT-B/16, 3072 for RN50."""
        features = self.backbone(images)
        return torch.cat([head.embed(features[k]) for k, head in self.heads.items()], dim=1)
