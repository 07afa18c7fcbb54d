"""Any network of timm as an image encoder without text: DINOv2, ResNets, ConvNeXt and others.

Its image size, colours and pooling are those of timm's own configuration. No training, no losses.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from torch import Tensor, nn

from handid.backbone import fetch, names
from handid.backbone.encoder import Colours, ImageEncoder
from handid.backbone.files import read_file
from handid.backbone.libraries import timm
from handid.backbone.towers import as_nchw, is_convolutional, trunk_blocks


@dataclass(frozen=True)
class Architecture:
    """What identifies a network of timm.

    Attributes:
        model: timm's name, with its tag if the name has one.
        family: "vit", or "resnet" for a convolutional network.
        image_size: side of the square input, pixels, unless a recipe says otherwise.
        colours: mean and standard deviation.
        hub: the repository of its published weights; "" where they are elsewhere.
    """

    model: str
    family: str
    image_size: int
    colours: Colours
    hub: str
    code: str = "image_only.TimmEncoder"
    has_text: bool = False


@cache
def known(name: str) -> Architecture | None:
    """The network of a name "timm:...", or None for any other name.

    Raises:
        ValueError: one sentence for one that takes no squares.
    """
    head, _ = names.split(name)
    if not head.startswith(names.TIMM):
        return None
    model = head.removeprefix(names.TIMM)
    settings = timm.get_pretrained_cfg(model)
    assert settings is not None  # names.check has refused what timm does not know
    channels, height, width = settings.input_size
    if channels != 3 or height != width:
        raise ValueError(f"{head} takes images of {settings.input_size}: only RGB squares fit.")
    family = "resnet" if settings.pool_size else "vit"
    colours = cast(Colours, (tuple(settings.mean), tuple(settings.std)))
    return Architecture(model, family, height, colours, settings.hf_hub_id or "")


class TimmEncoder(ImageEncoder):
    """One network of timm without its classes; its strides are its own.

    Args:
        name: "timm:NAME", see names.py.
        image_size: side of the square input, pixels; 0 for the network's own.

    Attributes:
        dims: width of the one feature, `feat`: the network's own pooling, before any class.

    Raises:
        ValueError: one sentence, for an image size that the network cannot take.
    """

    net: Any

    def __init__(self, name: str, image_size: int = 0, source: dict[str, Any] | None = None):
        super().__init__()
        shape = known(name)
        assert shape is not None
        self.name, self.family = names.split(name)[0], shape.family
        self.image_size = image_size or shape.image_size
        resized = {"img_size": image_size} if image_size not in (0, shape.image_size) else {}
        self.net = _network(shape, resized, source or {"pretrained": False})
        self.dims = {"feat": self.net.head_hidden_size}
        self.channels, self.sides = 0, []
        if is_convolutional(self.net):
            last = self.net.feature_info[-1]
            self.channels = self.net.num_features
            self.sides = [-(-self.image_size // last["reduction"])]

    @property
    def network(self) -> nn.Module:
        """The module whose tensors a weights file holds."""
        return self.net

    def image_parameters(self) -> list[nn.Parameter]:
        """The parameters of the image encoder, which a method may train."""
        return list(self.net.parameters())

    def blocks(self) -> list[nn.Module]:
        """Blocks of a transformer, stages of a convolutional network."""
        return trunk_blocks(self.net)

    def map(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] normalised images -> [B, channels, h, w]."""
        return as_nchw(self.net, self.net.forward_features(images))

    def map_parameters(self) -> list[nn.Parameter]:
        """The parameters that `map` depends on; a norm behind the pooling is counted in."""
        return self.image_parameters()

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """`feat` [B, dims["feat"]]: what timm calls the features before the classes.

        Raises:
            ValueError: one sentence, for images of a shape that the network cannot take.
        """
        try:
            return {"feat": self.net(images)}
        except (AssertionError, RuntimeError) as error:
            if images.shape[2:] == (self.image_size, self.image_size):
                raise
            raise ValueError(
                f"{self.name} takes squares of {self.image_size} pixels, not "
                f"{images.shape[2]} x {images.shape[3]}: {fetch.first_line(error).rstrip('.')}."
            ) from None


def _network(shape: Architecture, resized: dict[str, int], source: dict[str, Any]) -> nn.Module:
    """Timm's network without classes, for images of any size where it takes one."""
    try:
        return timm.create_model(shape.model, num_classes=0, **resized, **source)
    except TypeError:  # a convolutional network asks for no size
        return timm.create_model(shape.model, num_classes=0, **source)


def load_timm(name: str, weights: str, image_size: int) -> TimmEncoder:
    """A network of timm with random weights, its published ones, or those of a file.

    Args:
        name: see names.py.
        weights: "random", "pretrained" or a file: safetensors, or a .pth with tensors only.
        image_size: see TimmEncoder.

    Raises:
        ValueError: one sentence for weights that cannot be fetched, read or fitted.
    """
    shape = known(name)
    assert shape is not None
    source: dict[str, Any] = {"pretrained": weights != "random"}
    if Path(weights).is_file():
        # Where the number of classes differs timm lets a file lack anything without a word.
        source["pretrained_cfg_overlay"] = {"state_dict": _without_classes(shape, Path(weights))}
        source["pretrained_cfg_overlay"] |= {"num_classes": 0}
    elif weights == "pretrained":
        _check_timms(shape)
    try:
        return TimmEncoder(name, image_size, source)
    except (RuntimeError, KeyError, AttributeError) as error:
        if weights == "random":
            raise
        # torch lists all keys and shapes: the first name says enough
        reason = re.split(", |: copying", str(error).splitlines()[:2][-1].strip())[0]
        raise ValueError(f"These weights are not those of {names.label(name)}: {reason}.") from None


def _without_classes(shape: Architecture, path: Path) -> dict[str, Tensor]:
    """What a file holds, but for the layer of its classes."""
    state = {key.removeprefix("module."): value for key, value in read_file(path).items()}
    classes = getattr(timm.get_pretrained_cfg(shape.model), "classifier", None) or ()
    classes = (classes,) if isinstance(classes, str) else classes
    return {k: v for k, v in state.items() if k.rpartition(".")[0] not in classes}


def _check_timms(shape: Architecture) -> None:
    """Refuse published weights of timm that are not here and cannot be fetched."""
    try:
        if not shape.hub:
            raise OSError("timm knows no weights of it")
        fetch.check_hub(shape.hub, list(fetch.TIMM_FILES))
    except OSError as error:
        raise ValueError(
            f"The weights of timm:{shape.model} cannot be fetched ({fetch.first_line(error)}): "
            f"fetch {shape.hub or 'them'} on a machine with a network and write "
            f"timm:{shape.model}:PATH, or give the file with --weights PATH."
        ) from None
