"""What a training leaves on disk and resumes from: checkpoints, the best weights, its history.

Safetensors, JSON and CSV only. It knows no loop, no optimiser and no method by name.
"""

import json
import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from handid import disk

_WEIGHTS, _HISTORY = "weights.safetensors", "history.csv"
_METHOD = "method."  # begins the names of a method's tensors; the others are the optimiser's


@dataclass
class Progress:
    """How far a training has come; stored with every checkpoint.

    Attributes:
        stage: number of the stage that runs, from 0.
        epoch: number of finished epochs of this stage.
        best: validation figure of the weights that are kept; -inf for none, and for NaN.
        history: one row per finished epoch.
    """

    stage: int = 0
    epoch: int = 0
    best: float = -math.inf
    history: list[dict[str, Any]] = field(default_factory=list)


class Keeper:
    """The folder of one training: it resumes, keeps the best weights, and clears up at the end.

    Attributes:
        progress: how far the training has come; the loop moves `stage` and `epoch`.
        optimiser_tensors: of the checkpoint that was resumed; empty otherwise.
    """

    def __init__(self, method: nn.Module, select: str, folder: Path, seconds: float):
        """Resume what the folder holds.

        Args:
            method: gets the tensors of a checkpoint, if there is one.
            select: "best" or "last": the epoch whose weights count.
            folder: made if absent.
            seconds: at least this long between two checkpoints.

        Raises:
            ValueError: one sentence, for a checkpoint of another method.

        A damaged checkpoint is set aside with a warning, and the training begins anew.
        """
        self.method, self.select, self.folder, self.seconds = method, select, folder, seconds
        self.progress = Progress()
        self.optimiser_tensors: dict[str, Tensor] = {}
        self._best_tensors: dict[str, Tensor] | None = None
        self._written = time.perf_counter()
        disk.private(folder)
        if self._checkpoint.exists():
            self._resume()

    @property
    def _checkpoint(self) -> Path:
        return self.folder / "checkpoint.safetensors"

    @property
    def _best(self) -> Path:
        return self.folder / "best.safetensors"

    def keep(self, row: dict[str, Any], optimiser_tensors: Callable[[], dict[str, Tensor]]) -> None:
        """Note an epoch; write a checkpoint if the last one is old enough.

        Args:
            row: of the history, with `validation`.
            optimiser_tensors: the optimiser's state by name, called if a checkpoint is written.
        """
        self.progress.history.append(row)
        validation = row["validation"]
        if self.select == "last" or math.isnan(validation) or validation >= self.progress.best:
            self.progress.best = -math.inf if math.isnan(validation) else validation
            self._best_tensors = {k: v.clone() for k, v in trained_tensors(self.method).items()}
        if time.perf_counter() - self._written >= self.seconds:
            self._write_checkpoint(optimiser_tensors())

    def finish(self) -> pd.DataFrame:
        """Leave the method with the chosen weights, and only them and the history on disk."""
        self._write_best()
        if self._best.exists():
            _load(self.method, _read(self._best)[0], self._best)
        history = self._write_history()
        _write(self.folder / _WEIGHTS, trained_tensors(self.method))
        disk.write_products(self.folder, [_WEIGHTS, _HISTORY])  # last: now it is finished
        self._best.unlink(missing_ok=True)
        self._checkpoint.unlink(missing_ok=True)
        return history

    def _write_checkpoint(self, optimiser_tensors: dict[str, Tensor]) -> None:
        self._write_best()
        own = {_METHOD + name: value for name, value in trained_tensors(self.method).items()}
        metadata = {"progress": json.dumps(vars(self.progress))}
        _write(self._checkpoint, {**own, **optimiser_tensors}, metadata)
        self._write_history()
        self._written = time.perf_counter()

    def _write_best(self) -> None:
        if self._best_tensors is not None:
            _write(self._best, self._best_tensors)

    def _write_history(self) -> pd.DataFrame:
        history = pd.DataFrame(self.progress.history)
        with disk.whole(self.folder / _HISTORY) as part:
            history.to_csv(part, index=False)
        return history

    def _resume(self) -> None:
        try:
            if self._best.exists():
                _read(self._best)
            tensors, metadata = _read(self._checkpoint)
            self.progress = Progress(**json.loads(metadata["progress"]))
        except (KeyError, TypeError, ValueError) as error:
            for damaged in (self._checkpoint, self._best):
                if damaged.exists():
                    disk.set_aside(damaged)
            warnings.warn(f"{error} It is set aside; this training begins anew.", stacklevel=4)
            return
        own = {k.removeprefix(_METHOD): v for k, v in tensors.items() if k.startswith(_METHOD)}
        _load(self.method, own, self._checkpoint)
        self.optimiser_tensors = {k: v for k, v in tensors.items() if not k.startswith(_METHOD)}


def is_finished(folder: Path) -> bool:
    """Whether a training ended here and its products are what it wrote.

    Raises:
        ValueError: one sentence, naming a product that is damaged.
    """
    if not all((folder / name).exists() for name in (_WEIGHTS, _HISTORY, disk.PRODUCTS)):
        return False
    damaged = disk.damaged_product(folder)
    if damaged:
        raise ValueError(
            f"{folder / damaged} is damaged or another training's: run with --force, which sets "
            "this training aside and makes it anew, or remove its folder."
        )
    return True


def finished(method: nn.Module, folder: Path) -> pd.DataFrame | None:
    """The history of a training that ended, whose weights the method gets; None of any other.

    Raises:
        ValueError: if the weights belong to another method or backbone, or are damaged.
    """
    if not is_finished(folder):
        return None
    load_weights(method, folder / _WEIGHTS)
    return pd.read_csv(folder / _HISTORY, engine="python")


def write_weights(method: nn.Module, folder: Path) -> None:
    """Write all tensors of a method, frozen ones too: nothing else is needed to build it anew."""
    tensors = {name: value.detach().contiguous() for name, value in method.state_dict().items()}
    _write(folder / _WEIGHTS, tensors)


def has_weights(folder: Path) -> bool:
    """Whether a training, or an export, left weights there."""
    return (folder / _WEIGHTS).exists()


def load_weights(method: nn.Module, path: str | Path) -> None:
    """Give a freshly built method the tensors that a training left in a safetensors file.

    Raises:
        ValueError: if the file belongs to another method or backbone, or is damaged.
    """
    _load(method, _read(Path(path))[0], Path(path))


def trained_tensors(method: nn.Module) -> dict[str, Tensor]:
    """All tensors but those of a frozen part of the backbone, which its own weights give back."""
    frozen = {
        name
        for name, parameter in method.named_parameters()
        if name.startswith("backbone.") and not parameter.requires_grad
    }
    return {
        name: tensor.detach().contiguous()
        for name, tensor in method.state_dict().items()
        if name not in frozen
    }


def _seal(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> str:
    """Changes with every tensor and word in a file, its name, and whose progress it is."""
    parts: list[bytes | memoryview] = [json.dumps(metadata, sort_keys=True).encode()]
    for name, tensor in sorted(tensors.items()):
        parts.append(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        content = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        parts.append(content.numpy().data)
    whose = "" if path.name == _WEIGHTS else path.parent.name  # a finished folder may be renamed
    return disk.seal(f"{whose}/{path.name}", *parts).hex()


def _write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    known = metadata or {}
    with disk.whole(path) as part:
        save_file(tensors, part, metadata={**known, "seal": _seal(path, tensors, known)})


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a file that is what was written under its name."""
    damaged = f"{path} is damaged."
    try:
        tensors = load_file(path)
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
    except (OSError, ValueError, SafetensorError):
        raise ValueError(damaged) from None
    seal = metadata.pop("seal", "")
    if seal != _seal(path, tensors, metadata):
        raise ValueError(damaged)
    return tensors, metadata


def _load(method: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    try:
        missing, unknown = method.load_state_dict(tensors, strict=False)
    except RuntimeError:
        raise ValueError(f"{path} holds another method's or another backbone's weights.") from None
    trained = trained_tensors(method).keys()
    if unknown or any(name in trained for name in missing):
        raise ValueError(f"{path} holds another method's or another backbone's weights.")
