"""Methods: one file each, all with the same three doors.

A new method is one file here, one recipe in handid/recipes and one line in METHODS.
"""

import inspect
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any, get_args

import torch
from torch import Tensor, nn

from handid import given
from handid.backbone import Backbone, ImageEncoder
from handid.method._head import LARGEST, LEAST
from handid.recipes import Stage

METHODS = {
    "clip_zero_shot": "ClipZeroShot",
    "clip_ft": "ClipFT",
    "clip_handid": "ClipHandID",
    "clip_reid": "ClipReID",
    "promptsg": "PromptSG",
    "clip_pretrain": "ClipPretrain",
    "raw_pixels": "RawPixels",
    "colour_histogram": "ColourHistogram",
    "light": "Light",
    "silhouette_moments": "SilhouetteMoments",
    "cnn_baseline": "CnnBaseline",
    "gpa_net": "GpaNet",
    "mba_net": "MbaNet",
    "abd_net": "AbdNet",
    "rga_net": "RgaNet",
}
# Options of the identity head that turn a loss on, and that loss: a key holds only what is on.
TOOL_LOSSES = {
    "triplet_margin": "loss.batch_hard_triplet",
    "centre_rate": "loss.centre",
    "arcface_scale": "loss.arcface_logits",
    "contrastive_temperature": "loss.supervised_contrastive_within",
}


class Method(nn.Module):
    """What the training loop and the evaluation know of a method.

    Both doors, `losses` and `embed`, look at a batch before a network does.

    Attributes:
        needs: what the backbone must give: "" for any image encoder, "clip" for an image and a text
            encoder in one space; see CnnMethod for what the methods on feature maps need.
        tools: options that it takes besides those of its own signature.
        n_classes: of the labels; 0 where a label is no class, and for a method that was not built
            by `build`.
    """

    needs: str = ""
    tools: tuple[str, ...] = ()
    n_classes: int = 0

    def __init_subclass__(cls, **how: Any):
        super().__init_subclass__(**how)
        for door in ("losses", "embed"):
            if door in vars(cls):
                setattr(cls, door, _guarded(vars(cls)[door]))

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Named scalar losses of a batch; train adds them by the recipe's weights.

        Args:
            images: [B, 3, H, W], normalised.
            labels: [B] identity numbers, 0 to n_identities - 1, int64; on a GPU their values are
                not looked at, for they would have to be waited for.

        Raises:
            ValueError: one sentence for images or labels that are none.
        """
        raise NotImplementedError

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] normalised images -> [B, D] embeddings, not normalised."""
        raise NotImplementedError

    def fold(self) -> None:
        """Fold what training kept apart into the weights, for embedding only; nothing here."""

    def parameter_groups(self, stage: Stage) -> list[dict]:
        """What trains in this stage and at which peak rate, as torch optimisers take it.

        Args:
            stage: the stage of the recipe that is about to run.
        """
        raise NotImplementedError


def build(name: str, backbone: ImageEncoder, n_identities: int, **options) -> Method:
    """A method on a backbone.

    Args:
        name: a key of METHODS.
        backbone: the encoder that the method uses and may train.
        n_identities: identities in the training set (of the classification heads).
        options: the method's own keyword arguments.

    Raises:
        ValueError: listing what there is, for an unknown method or option; for a backbone that
            does not give what the method needs; one sentence for an option or a number of
            identities that is out of range or of another type.
    """
    if name not in METHODS:
        raise ValueError(f"Unknown method '{name}': choose one of {', '.join(METHODS)}.")
    kind: type[Method] = getattr(import_module(f"handid.method.{name}"), METHODS[name])
    if kind.needs == "clip" and not getattr(backbone, "has_text", True):
        raise ValueError(
            f"Method '{name}' needs a CLIP, and {backbone.name} is none: it has no text encoder."
        )
    if kind.needs == "clip" and isinstance(backbone, Backbone):
        backbone.check_text()
    parameters = [*inspect.signature(kind).parameters.values()][2:]
    own = [option.name for option in parameters if option.kind is not option.VAR_KEYWORD]
    allowed = own + [tool for tool in kind.tools if tool not in own]
    unknown = [option for option in options if option not in allowed]
    if unknown:
        raise ValueError(
            f"Method '{name}' has no option '{unknown[0]}': it has {', '.join(allowed) or 'none'}."
        )
    for option in parameters:
        if option.name in options:
            _check_option(option, options[option.name])
    n_classes = given.whole("n_identities", n_identities, 1) if kind.tools else 0
    if n_classes > LARGEST:
        raise ValueError(f"n_identities={given.shown(n_identities)}: give at most {LARGEST:,}.")
    built = kind(backbone, n_identities, **options)
    built.n_classes = n_classes
    return built


def _check_option(option: inspect.Parameter, value: Any) -> None:
    """Refuse a value of another type than the default's, and a number that none can be.

    Raises:
        ValueError: one sentence that names the option.
    """
    default = option.default
    if isinstance(default, bool):
        fits, wanted = isinstance(value, bool), "true or false"
    elif isinstance(default, str):
        fits, wanted = isinstance(value, str), "a text"
    elif isinstance(default, int):
        fits = type(value) is int and 0 <= value <= LARGEST
        wanted = f"a whole number from 0 to {LARGEST:,}"
    elif isinstance(default, float):
        fits = isinstance(value, int | float) and not isinstance(value, bool)
        fits = fits and (value == 0 or LEAST <= value <= LARGEST)
        wanted = f"0, or a number from {LEAST:g} to {LARGEST:,}"
    else:  # None, lists: what they may hold the method knows
        return
    may_be_none = type(None) in get_args(option.annotation)
    if not fits and not (value is None and may_be_none):
        raise ValueError(f"{option.name} is {given.shown(value)}: give {wanted}.")


def _guarded(door: Callable[..., Any]) -> Callable[..., Any]:
    """A door of a method that refuses what is no batch before a network meets it."""

    @wraps(door)
    def guarded(self: Method, images: Tensor, *labels: Tensor) -> Any:
        _check_images(images, self)
        for one in labels if self.n_classes else ():
            _check_labels(one, self.n_classes, len(images))
        return door(self, images, *labels)

    return guarded


def _check_images(images: Tensor, network: nn.Module) -> None:
    """Refuse what is no batch of images, or of features that were encoded before."""
    if not isinstance(images, Tensor) or not images.is_floating_point():
        raise ValueError(f"{_described(images)} are no images: give normalised ones, float32.")
    if images.ndim != 2 and (images.ndim != 4 or images.shape[1] != 3):
        raise ValueError(f"{_described(images)} are no images: give [B, 3, H, W].")
    if images.dtype != torch.float32 and not torch.is_autocast_enabled(images.device.type):
        _check_precision(images, network)


def _check_precision(images: Tensor, network: nn.Module) -> None:
    """Refuse images that no weight could be multiplied with."""
    if images.dtype not in {parameter.dtype for parameter in network.parameters()}:
        raise ValueError(f"{_described(images)} are of another precision: give float32.")


def _check_labels(labels: Tensor, n_classes: int, n_images: int) -> None:
    """Refuse what are no identity numbers."""
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64:
        raise ValueError(f"{_described(labels)} are no labels: give identity numbers, int64.")
    if labels.shape != (n_images,):
        raise ValueError(f"{_described(labels)} do not fit {n_images} images: give one label each.")
    # Those on a GPU would have to be waited for; fake ones, and a compiler's, have no values.
    is_real = type(labels) is Tensor and not torch.compiler.is_compiling()
    if is_real and labels.is_cpu and n_images:
        least, most = int(labels.min()), int(labels.max())
        if least < 0 or most >= n_classes:
            raise ValueError(
                f"Labels from {least} to {most} for {n_classes} identities: give 0 to "
                f"{n_classes - 1}, and leave out images without one."
            )


def _described(batch: Any) -> str:
    """What was given in the place of a batch."""
    if isinstance(batch, Tensor):
        return f"{str(batch.dtype).removeprefix('torch.')} numbers of shape {tuple(batch.shape)}"
    return f"Values of type {type(batch).__name__}"
