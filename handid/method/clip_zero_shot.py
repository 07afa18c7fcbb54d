"""CLIP zero-shot: the image encoder as it comes. Nothing trains, no text is used."""

from torch import Tensor, nn

from handid.method import Method


class ClipZeroShot(Method):
    """CLIP's projected image feature as the embedding (CLIP-HandID, "CLIP-ZS")."""

    def __init__(self, backbone: nn.Module, n_identities: int):
        super().__init__()
        self.backbone = backbone

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """No losses: there is nothing to train."""
        return {}

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, dims["proj"]], 512 for ViT-B/16 and 1024 for RN50."""
        return self.backbone(images)["proj"]

    def parameter_groups(self, recipe) -> list[dict]:
        """Nothing trains."""
        return []
