"""CLIP-FT: CLIP's image encoder fine-tuned with an identity loss on two feature levels. No text."""

import torch
from torch import Tensor, nn

from handid.method._reid import IdentityHead, ReidMethod, level_names

HEADS = {"both": ("feat", "proj"), "feat": ("feat",), "proj": ("proj",)}


class ClipFT(ReidMethod):
    """A BN neck and a classifier on the feature before and the feature after the projection.

    Source: CLIP-HandID, section II (classification part) and III-B ("CLIP-FT"); two levels and
    the frozen neck bias as in its public code.

    Args:
        backbone: a CLIP with `forward` -> {"feat", "proj"}.
        n_identities: classes.
        heads: "both" levels, or "feat" or "proj" alone; what has no head is no part of the
            embedding.
        unfreeze_blocks: see ReidMethod.
        tools: of both heads, see IdentityHead.

    Raises:
        ValueError: one sentence for unknown heads.
    """

    def __init__(
        self,
        backbone: nn.Module,
        n_identities: int,
        *,
        heads: str = "both",
        unfreeze_blocks: int | None = None,
        **tools,
    ):
        super().__init__(backbone, unfreeze_blocks)
        if heads not in HEADS:
            raise ValueError(f"Unknown heads '{heads}': choose one of {', '.join(HEADS)}.")
        self.heads = nn.ModuleDict(
            {k: IdentityHead(backbone.dims[k], n_identities, **tools) for k in HEADS[heads]}
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
