"""Zero-shot: the image encoder as it comes, CLIP's or any other. Nothing trains, no text."""

from torch import Tensor

from handid.backbone import ImageEncoder
from handid.method import Method
from handid.recipes import Stage

LEVELS = ("feat", "proj")


class ClipZeroShot(Method):
    """CLIP's image feature as the embedding (CLIP-HandID, "CLIP-ZS").

    Args:
        backbone: with `forward` -> {"feat", "proj"}, or {"feat"} for an encoder without text.
        n_identities: not used: nothing is trained.
        level: "proj", the projected feature, as published; or "feat", the one before it, which is
            the only one of an encoder without text.
    """

    def __init__(self, backbone: ImageEncoder, n_identities: int, *, level: str = "proj"):
        super().__init__()
        if level not in LEVELS:
            raise ValueError(f"Unknown level '{level}': use {' or '.join(LEVELS)}.")
        self.backbone, self.level = backbone, level if level in backbone.dims else "feat"

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """No losses: there is nothing to train."""
        return {}

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, dims[level]]; "proj" is 512 for ViT-B/16 and 1024 for RN50."""
        return self.backbone(images)[self.level]

    def parameter_groups(self, stage: Stage) -> list[dict]:
        """Nothing trains."""
        return []
