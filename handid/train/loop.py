"""The loop: stages, steps, resume. Where the arithmetic runs stands in engine.py."""

import math
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from handid import checkpoint
from handid.train import optimiser
from handid.train.engine import Engine
from handid.train.failures import explained
from handid.train.recompute import recomputed
from handid.train.replay import Replay
from handid.train.schedule import loss_weight, rate_factor

if TYPE_CHECKING:
    from handid.method import Method
    from handid.recipes import Recipe, Stage

Batches = Callable[["Stage", torch.Generator], Iterable[tuple[Tensor, Tensor]]]
_ON_CPU = Engine()


def fit(  # noqa: PLR0913 - the loop is where everything meets
    method: "Method",
    recipe: "Recipe",
    batches: Batches,
    validate: Callable[["Method"], float] | None,
    folder: str | Path,
    engine: Engine = _ON_CPU,
    *,
    seed: int,
) -> pd.DataFrame:
    """Train a method through its stages, resuming what `folder` holds, and leave it trained.

    All randomness of an epoch comes from (seed, stage, epoch), so that a resumed run on the CPU
    gives the same weights bit for bit as one that was never stopped.

    Args:
        method: see method.Method; moved to the engine's device.
        recipe: has `stages` and `select` ("best": the weights of the best validation, ties to the
            later epoch; "last").
        batches: (stage, generator) -> the epoch's (images, labels), on the device.
        validate: method -> a figure to maximise, or None where there is nothing to validate on.
            Not asked in a stage that encodes once, for its embeddings do not change.
        folder: gets checkpoint.safetensors at epoch boundaries, history.csv, best.safetensors, and
            weights.safetensors at the end.
        engine: device, precision, compilation, checkpoints.
        seed: of order, augmentation and dropout.

    Returns:
        The history, one row per epoch: stage, epoch, learning_rate (of the first group that trains:
        the backbone's unless it rests), each loss, total, validation, seconds, images_per_second.

    Raises:
        MemoryError, RuntimeError: see failures.explained.
        FloatingPointError: one sentence, when a loss or a weight is not finite; the last
            checkpoint stays.
        ValueError: one sentence, for files of another method, or weights of losses that the method
            does not have.
    """
    folder = Path(folder)
    engine.place(method)
    history = checkpoint.finished(method, folder)
    if history is not None:
        return history
    keeper = checkpoint.Keeper(method, recipe.select, folder, engine.checkpoint_seconds)
    progress = keeper.progress
    total = sum(stage.epochs for stage in recipe.stages)
    with recomputed(method, engine.recompute), tqdm(
        total=total, initial=len(progress.history), desc="epochs", disable=not engine.progress,
        mininterval=5,
    ) as bar:  # fmt: skip
        for number in range(progress.stage, len(recipe.stages)):
            stage = recipe.stages[number]
            loop = _Loop(method, stage, engine, keeper.optimiser_tensors)
            for epoch in range(progress.epoch, stage.epochs):
                row: dict[str, Any] = {"stage": stage.name, "epoch": epoch}
                with explained(engine.device, stage.batch_size):
                    row |= loop.run_epoch(epoch, batches, _epoch_seed(seed, number, epoch))
                row["validation"] = math.nan
                if validate is not None and not stage.encode_once:
                    row["validation"] = validate(method)
                progress.stage, progress.epoch = number, epoch + 1
                keeper.keep(row, loop.optimiser_tensors)
                bar.set_postfix(loss=f"{row['total']:.3f}", validation=f"{row['validation']:.3f}")
                bar.update()
            progress.stage, progress.epoch, keeper.optimiser_tensors = number + 1, 0, {}
    return keeper.finish()


class _Loop:
    """The moving parts of one stage: optimiser, scaler, the compiled forward pass."""

    def __init__(self, method: "Method", stage: "Stage", engine: Engine, saved: dict[str, Tensor]):
        self.method, self.stage, self.engine = method, stage, engine
        groups = [group for group in method.parameter_groups(stage) if group["params"]]
        self.moved = [parameter for group in groups for parameter in group["params"]]
        self.optimisers = optimiser.optimisers(stage, groups, engine)
        self.peaks = [group["lr"] for group in self._groups]
        self.scaler = torch.amp.GradScaler(engine.kind, enabled=engine.precision == "fp16")
        compiled = engine.compile
        self.losses = torch.compile(method.losses, dynamic=False) if compiled else method.losses
        self.replay = Replay(engine.replays)
        self._load_optimiser(saved)

    def run_epoch(self, epoch: int, batches: Batches, seed: int) -> dict[str, float]:
        """A pass over the batches; the CPU waits for a GPU at its end, and not before."""
        torch.manual_seed(seed)  # dropout
        generator = torch.Generator().manual_seed(seed)  # order and augmentation
        factor = rate_factor(self.stage, epoch)
        for group, peak in zip(self._groups, self.peaks, strict=True):
            group["lr"] = peak * factor
        self.method.train()
        numbers = factor, *(loss_weight(self.stage, n, epoch) for n in self.stage.loss_warmup)
        start, images_seen, steps = time.perf_counter(), 0, 0
        sums: dict[str, Tensor | float] = {}
        for images, labels in batches(self.stage, generator):
            step = partial(self._step, epoch=epoch)
            parts = self.replay(step, images, labels, numbers)
            for name, part in parts.items():
                sums[name] = sums.get(name, 0.0) + part.detach()
            images_seen, steps = images_seen + len(images), steps + 1
        means = self._means(cast("dict[str, Tensor]", sums), steps, epoch)
        seconds = time.perf_counter() - start
        rate = self._groups[0]["lr"]
        speed = {"seconds": seconds, "images_per_second": images_seen / seconds}
        return {"learning_rate": rate, **means, **speed}

    def _means(self, sums: dict[str, Tensor], steps: int, epoch: int) -> dict[str, float]:
        """The losses' means over an epoch, after a look at them and at the weights.

        Weights may overflow in the last step, which no loss has seen.
        """
        largest = nn.utils.get_total_norm(self.moved, math.inf)
        *values, largest = torch.stack([*sums.values(), largest]).cpu().tolist()
        means = {name: value / steps for name, value in zip(sums, values, strict=True)}
        if not (math.isfinite(largest) and math.isfinite(means["total"])):
            what = "A weight" if math.isfinite(means["total"]) else "The loss"
            raise FloatingPointError(
                f"{what} is not finite in epoch {epoch}: lower the learning rate or use "
                "precision fp32 or bf16; the last checkpoint, if one was written, is kept."
            )
        return means

    def _step(self, images: Tensor, labels: Tensor, epoch: int) -> dict[str, Tensor]:
        with self.engine.autocast():
            parts = self.losses(images, labels)
        weighted = self.stage.loss_weights.keys() | self.stage.loss_warmup.keys()
        unknown = weighted - parts.keys()
        if unknown:
            raise ValueError(
                f"The recipe weighs '{min(unknown)}', but the losses are {', '.join(parts)}."
            )
        weights = {name: loss_weight(self.stage, name, epoch) for name in parts}
        total = cast(Tensor, sum(weights[name] * part for name, part in parts.items()))
        for one in self.optimisers:
            one.zero_grad(set_to_none=True)
        with self.engine.attention():  # a block may be computed again
            self.scaler.scale(total).backward()
        if self.stage.clip_gradients:
            for one in self.optimisers:
                self.scaler.unscale_(one)
            nn.utils.clip_grad_norm_(self.moved, self.stage.clip_gradients)
        for one in self.optimisers:
            self.scaler.step(one)
        self.scaler.update()
        return {**parts, "total": total}

    @property
    def _groups(self) -> list[dict[str, Any]]:
        return [group for one in self.optimisers for group in one.param_groups]

    def optimiser_tensors(self) -> dict[str, Tensor]:
        """The optimiser's state as named tensors; the scaler's as one number."""
        scale = torch.tensor(self.scaler.get_scale())
        return {**optimiser.state(self.optimisers), "scaler.scale": scale}

    def _load_optimiser(self, saved: dict[str, Tensor]) -> None:
        optimiser.restore(self.optimisers, saved)
        if self.scaler.is_enabled() and "scaler.scale" in saved:
            fresh = self.scaler.state_dict()
            self.scaler.load_state_dict({**fresh, "scale": float(saved["scaler.scale"])})


def _epoch_seed(seed: int, stage: int, epoch: int) -> int:
    return (seed * 1_000_003 + stage * 10_007 + epoch) % 2**63
