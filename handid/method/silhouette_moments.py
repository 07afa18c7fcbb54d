"""Silhouette moments: shape, place and pose of what lies on the background, and not its look.

Photographs of one burst also share the pose and the place of the hand. This floor says how often a
query is answered by the outline alone, of which the hand's true shape is one part.
"""

from torch import Tensor, nn

from handid.method import Method
from handid.method._polynomials import background, polynomials
from handid.recipes import Stage

DEGREE = 8  # 45 moments
FAR = 0.25  # distance in colour (-1 to 1) from which a pixel counts as hand


class SilhouetteMoments(Method):
    """The Legendre moments of the outline up to a total degree of 8 (Teague 1980).

    Nothing of the backbone is used but the size of its images and its device.
    """

    def __init__(self, backbone: nn.Module, n_identities: int):
        super().__init__()
        self.backbone = backbone

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """No losses: there is nothing to train."""
        return {}

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W], -1 to 1 (`mean_std: half`) -> [B, 45], by total degree."""
        outline = (background(images)[1] > FAR).double()
        return (outline @ polynomials(DEGREE).to(images.device).T).float()

    def parameter_groups(self, stage: Stage) -> list[dict]:
        """Nothing trains."""
        return []
