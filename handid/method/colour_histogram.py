"""Colour histogram: how much of each colour is in the photograph, but not where it is.

As long as all photographs of a person come from one session, background, light and skin tone answer
a query as well as the hand does. This floor says how much of a result needs no shape at all. No
report of retrieval should leave it out.
"""

import torch
from torch import Tensor, nn

from handid.method import Method
from handid.recipes import Stage

BINS = 8  # per colour channel


class ColourHistogram(Method):
    """Square roots of the joint histogram of red, green and blue (ours).

    With the roots, the cosine of two photographs is the Bhattacharyya coefficient of their
    histograms: 1 for equal ones, 0 for two that share no colour. Nothing of the backbone is used
    but the size of its images and its device.
    """

    def __init__(self, backbone: nn.Module, n_identities: int):
        super().__init__()
        self.backbone = backbone

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """No losses: there is nothing to train."""
        return {}

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] -> [B, 8 * 8 * 8], rows of length 1.

        Args:
            images: -1 to 1 (`mean_std: half`); each bin is an eighth of it, and values beyond count
                in the outermost bins.
        """
        steps = ((images + 1) * (BINS / 2)).long().clamp_(0, BINS - 1)
        red, green, blue = steps.flatten(2).unbind(1)  # [B, H * W] each
        cells = BINS**3
        bins = (red * BINS + green) * BINS + blue
        bins += cells * torch.arange(len(images), device=images.device)[:, None]
        counts = torch.bincount(bins.flatten(), minlength=cells * len(images))
        return (counts.view(-1, cells) / bins.shape[1]).sqrt()

    def parameter_groups(self, stage: Stage) -> list[dict]:
        """Nothing trains."""
        return []
