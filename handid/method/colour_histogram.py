"""Colour histogram: how much of each colour is in the photograph, and nothing of where it is.

The background, the light and the tone of the skin answer a query as well as the hand does, as long
as a person was photographed in one session. This floor says how much of a result needs no shape at
all. No report of retrieval should leave it out.
"""

import torch
from torch import Tensor, nn

from handid.method import Method

BINS = 8  # a channel


class ColourHistogram(Method):
    """Square roots of the joint histogram of red, green and blue (ours).

    With the roots, the cosine of two photographs is the Bhattacharyya coefficient of their
    histograms: 1 for equal ones, 0 for two that share no colour. The backbone gives nothing but the
    size of the photographs and the device.
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
            images: -1 to 1 (`mean_std: half`), whose eighths are the bins; what lies beyond counts
                in the outermost.
        """
        steps = ((images + 1) * (BINS / 2)).long().clamp_(0, BINS - 1)
        red, green, blue = steps.flatten(2).unbind(1)  # [B, H * W] each
        cells = BINS**3
        bins = (red * BINS + green) * BINS + blue
        bins += cells * torch.arange(len(images), device=images.device)[:, None]
        counts = torch.bincount(bins.flatten(), minlength=cells * len(images))
        return (counts.view(-1, cells) / bins.shape[1]).sqrt()

    def parameter_groups(self, recipe) -> list[dict]:
        """Nothing trains."""
        return []
