"""The small CLIPs that this package brings: their shapes, their weights, their short words.

Of mini-Lite0, whose image tower is a package of its own (lite0.py), all but that. Notebook 90
pre-trains them; MODEL_CARD.md describes them. No network is built here.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors.torch import save_file
from torch import Tensor

from handid import disk, fingerprint
from handid.backbone import lite0

if TYPE_CHECKING:
    from handid.backbone.clip import Backbone

SHIPPED_FOLDER = Path(__file__).parents[1] / "weights"
_TRUNK = "visual.trunk."  # of mini-Lite0
_TABLE, _WORDS = "token_embedding.weight", "token_embedding.known"

_TEXT = {"context_length": 77, "vocab_size": 49408, "width": 128, "heads": 4, "layers": 4}
_VIT = {"image_size": 128, "patch_size": 16, "width": 192, "head_width": 32, "layers": 6}
_RESNET = {"image_size": 128, "width": 24, "layers": [1, 1, 2, 1]}


def _config(vision: dict[str, Any], embed_dim: int = 128) -> dict[str, Any]:
    return {"embed_dim": embed_dim, "vision_cfg": vision, "text_cfg": _TEXT, "quick_gelu": True}


# Configurations as open_clip takes them.
VIT, RESNET = _config(_VIT), _config(_RESNET)
LITE0 = _config({"timm_model_name": lite0.MODEL, "image_size": lite0.IMAGE_SIZE}, embed_dim=512)


def shipped() -> dict[str, dict[str, Any]]:
    """The weights that this package contains: backbone -> its card (sha256, data, hardware)."""
    files = sorted(SHIPPED_FOLDER.glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def save(backbone: "Backbone", words: Tensor, path: str | Path) -> str:
    """Write a mini's weights small: float16, and embeddings only of words that it learned.

    Read again, every other word gets the mean embedding of these, and mini-Lite0 its trunk, which
    stays as it was published.

    Args:
        backbone: with the stride it was pre-trained with.
        words: [W] numbers of the tokens that occurred in its training.
        path: a safetensors file.

    Returns:
        The file's sha256.
    """
    state = backbone.clip.state_dict()
    state = {k: v.detach().cpu().half() for k, v in state.items() if not k.startswith(_TRUNK)}
    state[_TABLE] = state[_TABLE][words]
    with disk.whole(path) as part:
        save_file({**{k: value.contiguous() for k, value in state.items()}, _WORDS: words}, part)
    return fingerprint.file(path)


def full(state: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """A CLIP's state in float32, whole, whether `save` wrote it or not.

    Args:
        state: as a file holds it.
        own: the network's state dict.

    Raises:
        ValueError: one sentence, if mini-Lite0's trunk is not installed.
    """
    state = {key: value if key == _WORDS else value.float() for key, value in state.items()}
    if _WORDS in state:
        words, rows = state.pop(_WORDS), state[_TABLE]
        table = rows.mean(0).repeat(_TEXT["vocab_size"], 1)
        table[words] = rows
        state[_TABLE] = table
        trunk = {k.removeprefix(_TRUNK): v for k, v in own.items() if k.startswith(_TRUNK)}
        published = lite0.state(trunk) if trunk else {}
        state |= {f"{_TRUNK}{key}": value for key, value in published.items()}
    return state
