"""Where a CLIP's weights come from, and whether a file has the activation that its name says.

It builds no network, and never runs code from a file: no unchecked pickle is opened.
"""

import zipfile
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from handid import fingerprint
from handid.backbone import fetch, mini, names
from handid.backbone.architectures import ARCHITECTURES, known
from handid.backbone.encoder import ImageEncoder
from handid.backbone.files import read_file, read_safetensors
from handid.backbone.libraries import open_clip

_NOT_WEIGHTS = {"input_resolution", "context_length", "vocab_size", "attn_mask"}  # in OpenAI's


def clip_state(encoder: ImageEncoder, weights: str) -> dict[str, Tensor]:
    """[name -> float32 tensor] of a CLIP from a file, see weights.read_state.

    Raises:
        ValueError: one sentence for weights that are damaged, or mini-Lite0's without its trunk.
    """
    head, path = names.split(encoder.name)[0], Path(weights)
    model = _model(head)
    if path.suffix == ".safetensors":
        state = read_safetensors(path)
        if path.parent == mini.SHIPPED_FOLDER and not _is_shipped(head, path):
            raise ValueError(f"{path} differs from the file that was shipped: install again.")
    elif zipfile.is_zipfile(path) and is_openais(model, path):
        state = dict(torch.jit.load(path, map_location="cpu").state_dict())
    elif head in ARCHITECTURES:
        raise ValueError(
            f"{path.name} is neither a safetensors file nor OpenAI's archive of {head} (its sha256 "
            "differs): save the state dict of open_clip's model with safetensors."
        )
    else:
        state = read_file(path)
    network = encoder.network
    return _as_open_clips(mini.full(state, network.state_dict()), network)


def _model(head: str) -> str:
    """open_clip's name of a CLIP."""
    return names.OPENAI.get(head, head.removesuffix("-gelu"))


def fetched(name: str, weights: str) -> str:
    """The file of a published tag: OpenAI's from its own address, checked; others from the hub.

    Args:
        name: of a CLIP, see names.py.
        weights: a tag; anything else is given back.

    Raises:
        ValueError: one sentence for weights that cannot be fetched.
    """
    head, _ = names.split(name)
    published = open_clip.get_pretrained_cfg(_model(head), weights)
    return str(_file_of(published, f"{head}:{weights}")) if published else weights


def _file_of(published: dict[str, Any], name: str) -> Path:
    if "openaipublic" in published.get("url", ""):
        return fetch.archive(published["url"])
    repository, _, file = published.get("hf_hub", "").rpartition("/")
    try:
        fetch.check_hub(repository, [file] if file else list(fetch.OPEN_CLIP_FILES))
        return Path(open_clip.download_pretrained(published))
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f"The weights of {name} cannot be fetched ({fetch.first_line(error)}): fetch "
            f"{repository or published.get('url')} on a machine with a network and write "
            f"{names.split(name)[0]}:PATH, or give the file with --weights PATH."
        ) from None


def _as_open_clips(state: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """A state under the names of this open_clip, whichever version or training wrote it."""
    state = {key.removeprefix("module."): value for key, value in state.items()}
    state = {key: value for key, value in state.items() if key not in _NOT_WEIGHTS}
    state = open_clip.convert.convert_state_dict(cast(Any, network), state)
    if "positional_embedding" in state and not hasattr(network, "positional_embedding"):
        state = open_clip.model.convert_to_custom_text_state_dict(state)
    own = network.state_dict()
    for key in ("logit_scale", "logit_bias"):
        if key in state and key in own:
            state[key] = state[key].reshape(own[key].shape)
    return state


def _is_shipped(name: str, path: Path) -> bool:
    return fingerprint.file(path) == mini.shipped()[name]["sha256"]


def is_openais(model: str, path: Path) -> bool:
    """Whether a file's sha256 is that of OpenAI's archive of a model of open_clip."""
    url = open_clip.get_pretrained_url(model.removesuffix("-quickgelu"), "openai")
    return bool(url) and fingerprint.file(path) == url.split("/")[-2]


def check_activation(name: str, weights: str) -> None:
    """Refuse a local file whose activation, GELU or QuickGELU, is not the one that its name says.

    Nothing in a file of tensors says with which of the two it was trained, and with the other one
    it gives features that are wrong without a word.

    Args:
        name: of a CLIP, see names.py.
        weights: a file; anything else is not looked at.

    Raises:
        ValueError: one sentence that says how to write the name.
    """
    head, path = names.split(name)[0], Path(weights)
    if not path.is_file() or head not in names.OPENAI and head in ARCHITECTURES:
        return
    model, shape = names.OPENAI.get(head, head), known(head)
    openais = zipfile.is_zipfile(path) and is_openais(model, path)
    quick = openais or path.stem.lower().endswith("quickgelu")
    if head in names.OPENAI and not quick:
        other = "RN50-gelu" if model == "RN50" else model
        raise ValueError(
            f"{path.name} may have been trained with GELU or with QuickGELU, and only OpenAI's own "
            "archive says which (its sha256 differs): name the backbone "
            f"{other}:{path.name} (GELU) or {model}-quickgelu:{path.name} (QuickGELU), with the "
            "file's path."
        )
    if quick and shape is not None and not shape.config["quick_gelu"]:
        raise ValueError(
            f"{path.name} was trained with QuickGELU, and {head} has GELU: name the backbone "
            f"{model.removesuffix('-gelu')}-quickgelu:{path.name}, with the file's path."
        )
