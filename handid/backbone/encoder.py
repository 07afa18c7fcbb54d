"""What every backbone offers, whichever network is inside. It holds no network of its own."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor, nn

Colours = tuple[tuple[float, float, float], tuple[float, float, float]]  # mean, deviation: R, G, B


def sides(size: int, last_stride: int, rounding: Callable[[float], int] = math.ceil) -> list[int]:
    """Sides in cells of the maps after four stages, at strides 4, 8, 16 and 16 times the last.

    Args:
        size: of the square image, pixels.
        last_stride: of the last stage, 1 or 2.
        rounding: of an odd side that is halved.
    """
    found, side = [], size
    for halvings in (2, 1, 1, last_stride - 1):
        for _ in range(halvings):
            side = rounding(side / 2)
        found.append(side)
    return found


class ImageEncoder(nn.Module, ABC):
    """An image encoder that methods may train; CLIP's also encodes text, see clip.Backbone.

    Attributes:
        name: of its architecture.
        family: "vit" or "resnet" (CLIP's and timm's) or "cnn" (ImageNet's), by which recipes choose
            values.
        has_text: whether there is a text encoder in the same space.
        image_size: side of the square input, pixels.
        dims: width of each image feature that `forward` returns, by its name.
        channels: of the feature map; 0 for an encoder that has none.
        sides: of the feature maps after four stages, in cells, or of `map` alone where the encoder
            has no such stages; empty without a map. The last is that of `map`.
    """

    name: str
    family: str
    has_text: bool = False
    image_size: int
    dims: dict[str, int]
    channels: int
    sides: list[int]

    @property
    @abstractmethod
    def network(self) -> nn.Module:
        """The module whose tensors a weights file holds."""

    @abstractmethod
    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """[B, 3, H, W] normalised images -> features by name, [B, dims[name]] each."""

    @abstractmethod
    def image_parameters(self) -> list[nn.Parameter]:
        """The parameters of the image encoder, which a method may train."""

    @abstractmethod
    def blocks(self) -> list[nn.Module]:
        """The image encoder's blocks in order, of which a method may train the last ones."""

    @abstractmethod
    def map(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] normalised images -> [B, channels, h, w]."""

    @abstractmethod
    def map_parameters(self) -> list[nn.Parameter]:
        """The parameters that `map` depends on."""
