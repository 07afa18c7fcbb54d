"""A stage's optimisers, and their state as named tensors. They know no method and no loss."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from handid.recipes import Stage
    from handid.train.engine import Engine

_KINDS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
# Muon scales an orthogonalised step as large as AdamW's, so that one rate serves both.
_MUON_SCALE = "match_rms_adamw"


def optimisers(
    stage: "Stage", groups: list[dict[str, Any]], engine: "Engine"
) -> list[torch.optim.Optimizer]:
    """The stage's; for "muon" two: Muon for groups that the method marks `matrix`, and AdamW.

    On a GPU all parameters move in a few kernels, and Adam counts its steps there.
    """
    marks = [group.pop("matrix", False) for group in groups]
    on_gpu: dict[str, Any] = {"fused": True} if engine.kind != "cpu" else {}
    counted: dict[str, Any] = {"capturable": True} if engine.replays else {}
    decay: dict[str, Any] = {"weight_decay": stage.weight_decay}
    if stage.optimiser == "sgd":
        return [torch.optim.SGD(groups, momentum=0.9, nesterov=True, **decay, **on_gpu)]
    if stage.optimiser != "muon":
        return [_KINDS[stage.optimiser](groups, **decay, **on_gpu, **counted)]
    matrices = [group for group, matrix in zip(groups, marks, strict=True) if matrix]
    rest = [group for group, matrix in zip(groups, marks, strict=True) if not matrix]
    both: list[torch.optim.Optimizer] = []
    if matrices:
        both += [torch.optim.Muon(matrices, adjust_lr_fn=_MUON_SCALE, **decay)]
    if rest:
        both += [torch.optim.AdamW(rest, **decay, **on_gpu, **counted)]
    return both


def state(optimisers: list[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Their state by name, to be stored."""
    return {
        f"optimiser.{number}.{index}.{key}": value.contiguous()  # a file knows no other layout
        for number, optimiser in enumerate(optimisers)
        for index, entry in optimiser.state_dict()["state"].items()
        for key, value in entry.items()
    }


def restore(optimisers: list[torch.optim.Optimizer], saved: dict[str, Tensor]) -> None:
    """Give them the state of `state`; other names are passed over."""
    states: list[dict[int, dict[str, Tensor]]] = [{} for _ in optimisers]
    for name, value in saved.items():
        if name.startswith("optimiser."):
            _, number, index, key = name.split(".", 3)
            states[int(number)].setdefault(int(index), {})[key] = value
    for optimiser, known in zip(optimisers, states, strict=True):
        if known:
            optimiser.load_state_dict({**optimiser.state_dict(), "state": known})
