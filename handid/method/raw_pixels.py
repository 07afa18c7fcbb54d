"""Raw pixels: the photograph itself, shrunk, is the embedding. No network and nothing learned.

Photographs of one hand from one session are near-duplicates: same light, same background, often the
same pose. A query can then be answered without knowing anything about hands, and this floor says
how far that goes. No report of retrieval should leave it out.
"""

from torch import Tensor, nn
from torch.nn import functional

from handid.method import Method
from handid.recipes import Stage

SIDE = 32  # pixels per side of the copy: enough for outline and shading, too few for skin


class RawPixels(Method):
    """The colours of a small copy of the photograph (ours).

    Nothing of the backbone is used but the size of its images and its device.
    """

    def __init__(self, backbone: nn.Module, n_identities: int):
        super().__init__()
        self.backbone = backbone

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """No losses: there is nothing to train."""
        return {}

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, 3 * 32 * 32]: averages of square blocks, red first, row by row.

        Centred on grey (`mean_std: half`), because the cosine of colours that are all positive is
        always near 1.
        """
        return functional.adaptive_avg_pool2d(images, SIDE).flatten(1)

    def parameter_groups(self, stage: Stage) -> list[dict]:
        """Nothing trains."""
        return []
