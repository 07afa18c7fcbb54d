"""CLIP zero-shot: the image encoder as it comes. Nothing trains, no text is used."""

from torch import Tensor

from handid.backbone import Backbone
from handid.method import Method
from handid.recipes import Stage


class ClipZeroShot(Method):
    """CLIP's image feature as the embedding (CLIP-HandID, "CLIP-ZS").

    Args:
        backbone: a CLIP with `forward` -> {"feat", "proj"}.
        n_identities: not used: nothing is trained.
        level: "proj", the projected feature, as published; or "feat", the one before it.
    """

    needs = "clip"

    def __init__(self, backbone: Backbone, n_identities: int, *, level: str = "proj"):
        super().__init__()
        if level not in backbone.dims:
            raise ValueError(f"Unknown level '{level}': use {' or '.join(backbone.dims)}.")
        self.backbone, self.level = backbone, level

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """No losses: there is nothing to train."""
        return {}

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, dims[level]]; "proj" is 512 for ViT-B/16 and 1024 for RN50."""
        return self.backbone(images)[self.level]

    def parameter_groups(self, stage: Stage) -> list[dict]:
        """Nothing trains."""
        return []
