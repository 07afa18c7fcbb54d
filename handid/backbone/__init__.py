"""Image encoders, with a text encoder where they have one, built with their weights.

The networks stand in clip.py, imagenet.py and image_only.py, what all of them offer in encoder.py,
and what names mean in names.py.
"""

from pathlib import Path

import torch

from handid.backbone import architectures, image_only, imagenet, names
from handid.backbone.architectures import ARCHITECTURES
from handid.backbone.clip import Backbone
from handid.backbone.clip_weights import check_activation, fetched
from handid.backbone.encoder import ImageEncoder
from handid.backbone.image_only import TimmEncoder, load_timm
from handid.backbone.imagenet import ImageNetBackbone
from handid.backbone.mini import SHIPPED_FOLDER, save, shipped
from handid.backbone.names import label, own_weights, split
from handid.backbone.positions import doubled
from handid.backbone.weights import check_fits, read_state, weights_file
from handid.backbone.words import PROMPT, Vocabulary, tokenise

__all__ = [
    "ARCHITECTURES",
    "PROMPT",
    "SHIPPED_FOLDER",
    "Backbone",
    "ImageEncoder",
    "ImageNetBackbone",
    "TimmEncoder",
    "Vocabulary",
    "architecture",
    "build",
    "check_reads",
    "label",
    "own_weights",
    "save",
    "shipped",
    "split",
    "tokenise",
    "weights_file",
]


Architecture = architectures.Architecture | imagenet.Architecture | image_only.Architecture


def architecture(name: str) -> Architecture:
    """The architecture of a backbone's name, see names.py.

    Raises:
        ValueError: with the names nearest to one that does not exist, or an architecture's tags.
    """
    names.check(name)
    head, _ = names.split(name)
    if head in imagenet.ARCHITECTURES:
        return imagenet.ARCHITECTURES[head]
    found = architectures.known(name) or image_only.known(name)
    assert found is not None  # names.check knows no others
    return found


def check_reads(name: str) -> None:
    """Refuse a backbone that cannot read a sentence: without text encoder, or without tokenizer.

    Raises:
        ValueError: one sentence.
    """
    shape, (_, weights) = architecture(name), names.split(name)
    if not isinstance(shape, architectures.Architecture):
        raise ValueError(f"{label(name)} has no text encoder.")
    folder = str(Path(weights).parent) if Path(weights).is_file() else ""
    _ = Vocabulary(shape.model, shape.config["text_cfg"], folder).tokeniser


def build(
    name: str,
    weights: str = "random",
    *,
    last_stride: int = 1,
    image_size: int = 0,
    seed: int = 0,
) -> ImageEncoder:
    """A backbone with its weights, in evaluation mode. The global random state stays as it was.

    Args:
        name: see names.py.
        weights: "" for those that the name carries; or, whatever the name says, "random" (drawn
            from `seed`), "mini" (this package's own, see MODEL_CARD.md; of the minis only), a name
            or a file as weights.read_state takes it, or a folder with such a file for each
            backbone, named ViT-B-16 or RN50.
        last_stride: stride of a ResNet's or EfficientNet-Lite0's last layer, or of VGG19-bn's last
            pooling: 1 as in the papers' fine-tuned models, 2 as they were trained and as the
            papers' zero-shot rows keep it. No choice for others, timm's ResNets among them.
        image_size: side of the square input, pixels; 0 for the backbone's own, and nothing else for
            a CLIP whose positions are learned.
        seed: of the random weights.

    Raises:
        ValueError: unknown name or weights, a file that holds another architecture or another
            activation, or another image size than CLIP's own.
    """
    weights = weights_file(name, weights or own_weights(name))
    full = f"{names.split(name)[0]}:{weights}"
    shape = architecture(full)
    any_size = isinstance(shape, architectures.Architecture) and shape.any_size
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if names.split(name)[0] in imagenet.ARCHITECTURES:
            backbone = ImageNetBackbone(name, last_stride, image_size)
        elif image_only.known(name):
            return load_timm(full, weights, image_size).eval()
        elif image_size not in (0, shape.image_size) and not any_size:
            raise ValueError(f"{name} takes images of {shape.image_size} pixels, not {image_size}.")
        else:
            check_activation(name, weights)
            weights = fetched(name, weights)  # before the network is built, which takes longer
            backbone = Backbone(full, last_stride, weights, image_size if any_size else 0)
    if weights != "random":
        _load(backbone, weights, last_stride)
    return backbone.eval()


def _load(backbone: ImageEncoder, weights: str, last_stride: int) -> None:
    state = read_state(backbone, weights)
    grid = "visual.attnpool.positional_embedding"
    if backbone.family == "resnet" and last_stride == 1 and grid in state:
        state[grid] = doubled(state[grid])
    check_fits(state, backbone.network.state_dict(), f"{backbone.name} (weights '{weights}')")
    backbone.network.load_state_dict(state)
