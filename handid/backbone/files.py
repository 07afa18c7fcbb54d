"""Files of tensors: read without running anything of them, or refused in one sentence."""

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

# What reading any other bytes as a pickle may end with.
_OF_NO_PICKLE = (LookupError, ValueError, TypeError, AttributeError, OverflowError, MemoryError)


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    Raises:
        ValueError: one sentence, if it is none or damaged.
    """
    try:
        return load_file(path)
    except SafetensorError:
        raise ValueError(f"{path.name} is no safetensors file, or is damaged.") from None


def read_file(path: Path) -> dict[str, Tensor]:
    """A state dict from a safetensors or a .pth file, whose pickle may hold tensors only.

    Raises:
        ValueError: one sentence, if it is none or damaged.
    """
    if path.suffix == ".safetensors":
        return read_safetensors(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, *_OF_NO_PICKLE):
        raise ValueError(f"{path.name} is no file of weights, or is damaged.") from None
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]  # as open_clip's training leaves it
    if not isinstance(state, dict) or not all(torch.is_tensor(v) for v in state.values()):
        raise ValueError(f"{path.name} holds something else than a state dict of tensors.")
    return state
