"""Light: 18 numbers that say how the background of a photograph is lit, and nothing of a hand.

Photographs of one burst share their light. A query that is answered by these numbers was recognised
by when it was taken, and this floor says how often that is possible.
"""

from torch import Tensor, nn

from handid.method import Method
from handid.method._polynomials import background
from handid.recipes import Stage


class Light(Method):
    """The quadratic surface through the background, six numbers per colour (ours).

    The cosine of two of them is that of the two surfaces as pictures. Nothing of the backbone is
    used but the size of its images and its device.
    """

    def __init__(self, backbone: nn.Module, n_identities: int):
        super().__init__()
        self.backbone = backbone

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """No losses: there is nothing to train."""
        return {}

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W], -1 to 1 (`mean_std: half`) -> [B, 18], red first."""
        return background(images)[0].flatten(1).float()

    def parameter_groups(self, stage: Stage) -> list[dict]:
        """Nothing trains."""
        return []
