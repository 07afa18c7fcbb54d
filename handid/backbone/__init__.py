"""Image encoders, with a text encoder where they have one, built with their weights.

The networks stand in clip.py and imagenet.py, what all of them offer in encoder.py.
"""

import torch

from handid.backbone import clip, imagenet
from handid.backbone.clip import ARCHITECTURES, Backbone
from handid.backbone.encoder import ImageEncoder
from handid.backbone.imagenet import ImageNetBackbone
from handid.backbone.mini import SHIPPED_FOLDER, save, shipped
from handid.backbone.positions import doubled
from handid.backbone.weights import check_fits, read_state, weights_file
from handid.backbone.words import PROMPT, tokenise

__all__ = [
    "ARCHITECTURES",
    "PROMPT",
    "SHIPPED_FOLDER",
    "Backbone",
    "ImageEncoder",
    "ImageNetBackbone",
    "architecture",
    "build",
    "save",
    "shipped",
    "tokenise",
    "weights_file",
]


def architecture(name: str) -> clip.Architecture | imagenet.Architecture:
    """The architecture of that name, CLIP's or ImageNet's.

    Raises:
        ValueError: listing the names that exist.
    """
    architectures = {**clip.ARCHITECTURES, **imagenet.ARCHITECTURES}
    if name not in architectures:
        raise ValueError(f"Unknown backbone '{name}': choose one of {', '.join(architectures)}.")
    return architectures[name]


def build(
    name: str,
    weights: str = "random",
    *,
    last_stride: int = 1,
    image_size: int = 0,
    seed: int = 0,
) -> Backbone | ImageNetBackbone:
    """A backbone with its weights, in evaluation mode. The global random state stays as it was.

    Args:
        name: a key of ARCHITECTURES, or of imagenet.ARCHITECTURES.
        weights: "random" (drawn from `seed`); "mini" (this package's own, see MODEL_CARD.md; of the
            minis only); a name or a file as weights.read_state takes it; or a folder with such a
            file for each backbone, named ViT-B-16 or RN50.
        last_stride: stride of a ResNet's last layer: 1 as in the papers' fine-tuned models, 2 as
            OpenAI trained it and as the papers' zero-shot rows keep it.
        image_size: side of the square input, pixels; 0 for the backbone's own, and nothing else for
            CLIP, whose positions are learned.
        seed: of the random weights.

    Raises:
        ValueError: unknown name or weights, a file that holds another architecture, or another
            image size than CLIP's own.
    """
    own_size = architecture(name).image_size
    if name in clip.ARCHITECTURES and image_size not in (0, own_size):
        raise ValueError(f"{name} takes images of {own_size} pixels, not {image_size}.")
    weights = weights_file(name, weights)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if name in imagenet.ARCHITECTURES:
            backbone = ImageNetBackbone(name, last_stride, image_size)
        else:
            backbone = Backbone(name, last_stride)
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
