"""One training loop for every method: stages, schedule, precision, resume.

It knows no data set, no metric and no loss by name: batches and validation come in as functions,
and checkpoint.py keeps what a training leaves on disk.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm import tqdm

from handid import checkpoint

if TYPE_CHECKING:
    from handid.method import Method
    from handid.recipes import Recipe, Stage

Batches = Callable[["Stage", torch.Generator], Iterable[tuple[Tensor, Tensor]]]
_PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
_OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": lambda groups, **kw: torch.optim.SGD(groups, momentum=0.9, nesterov=True, **kw),
}
# Muon scales an orthogonalised step as large as AdamW's, so that one rate serves both.
_MUON_SCALE = "match_rms_adamw"


@dataclass(frozen=True)
class Engine:
    """Where and how the arithmetic runs; changes the speed, and the result by rounding only.

    Attributes:
        device: as torch names it.
        precision: "fp32", "bf16" or "fp16" (mixed: weights stay in fp32).
        compile: pass the losses through torch.compile.
        checkpoint_seconds: at least this long between two checkpoints, which are a gigabyte for a
            ViT-B/16; 0 writes one after every epoch.
        progress: show a bar of epochs.
    """

    device: str = "cpu"
    precision: str = "fp32"
    compile: bool = False
    checkpoint_seconds: float = 30.0
    progress: bool = True

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """The context in which a forward pass runs."""
        kind, where = _PRECISIONS[self.precision], torch.device(self.device).type
        # On by default: convolutions in "fp32" would round to TensorFloat-32's 10 bits.
        torch.backends.cudnn.allow_tf32 = kind is not None
        # On a CPU the gradient of fused attention takes 40 % of a step in bf16; plain products of
        # matrices make the step 1.6 times as fast (benchmarks/training.py).
        attention = sdpa_kernel(SDPBackend.MATH) if kind and where == "cpu" else nullcontext()
        with attention, torch.autocast(where, kind, enabled=kind is not None):
            yield


def device(name: str) -> str:
    """The device of that name; "auto" is the GPU where there is one.

    Raises:
        ValueError: if the machine has no such device.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError):
        raise ValueError(f"Device '{name}' is not there: use 'auto', 'cpu' or 'cuda'.") from None
    return name


def rate_factor(stage: "Stage", epoch: int) -> float:
    """The factor on the peak learning rate in an epoch (counted from 0).

    Linear warm-up, then a drop at each milestone, or half a cosine down to nearly 0, or one cycle:
    up along half a cosine and down along another, each epoch with the rate of its middle.
    CLIP-HandID III-A: with 5e-6, 10 warm-up epochs from 1 % and x0.5 at 40 and 60: 5e-8 (epoch 0),
    2.525e-6 (5), 5e-6 (10), 1.25e-6 (60).
    """
    warm = 1.0
    if epoch < stage.warmup_epochs:
        start = stage.warmup_factor
        warm = start + (1 - start) * epoch / stage.warmup_epochs
    if stage.schedule == "one_cycle":
        return warm * _one_cycle((epoch + 0.5) / stage.epochs)
    if stage.schedule == "cosine_from_start" and epoch >= stage.warmup_epochs:
        falling = (1 + math.cos(math.pi * (epoch + 1) / stage.epochs)) / 2
        return stage.last_factor + (1 - stage.last_factor) * falling
    if stage.schedule == "cosine":
        done = max(0, epoch - stage.warmup_epochs) / max(1, stage.epochs - stage.warmup_epochs)
        return warm * (1 + math.cos(math.pi * done)) / 2
    return warm * stage.decay ** sum(epoch >= m for m in stage.milestones)


def _one_cycle(done: float) -> float:
    """Share of the peak after a share of the run; the constants are those of torch's OneCycleLR."""
    rise, first, last = 0.3, 1 / 25, 1 / 25e4
    start, end, part = (first, 1, done / rise) if done < rise else (1, last, (done - rise) / 0.7)
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2


def loss_weight(stage: "Stage", name: str, epoch: int) -> float:
    """The factor on a loss in an epoch (counted from 0): the recipe's weight, warmed up.

    With a warm-up of n epochs, 1/n of the weight in the first, all of it from the n-th on.
    """
    warm = min(1.0, (epoch + 1) / stage.loss_warmup.get(name, 1))
    return warm * stage.loss_weights.get(name, 1.0)


def fit(  # noqa: PLR0913 - the loop is where everything meets
    method: "Method",
    recipe: "Recipe",
    batches: Batches,
    validate: Callable[["Method"], float] | None,
    folder: str | Path,
    engine: Engine = Engine(),
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
        FloatingPointError: one sentence, when a loss or a weight is not finite; the last
            checkpoint stays.
        ValueError: one sentence, for files of another method, or weights of losses that the method
            does not have.
    """
    folder = Path(folder)
    method.to(engine.device)
    history = checkpoint.finished(method, folder)
    if history is not None:
        return history
    keeper = checkpoint.Keeper(method, recipe.select, folder, engine.checkpoint_seconds)
    progress = keeper.progress
    total = sum(stage.epochs for stage in recipe.stages)
    with tqdm(
        total=total, initial=len(progress.history), desc="epochs", disable=not engine.progress,
        mininterval=5,
    ) as bar:  # fmt: skip
        for number in range(progress.stage, len(recipe.stages)):
            stage = recipe.stages[number]
            loop = _Loop(method, stage, engine, keeper.optimiser_tensors)
            for epoch in range(progress.epoch, stage.epochs):
                row: dict[str, Any] = {"stage": stage.name, "epoch": epoch}
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
        self.optimisers = _optimisers(stage, groups)
        self.peaks = [group["lr"] for group in self._groups]
        device = torch.device(engine.device).type
        self.scaler = torch.amp.GradScaler(device, enabled=engine.precision == "fp16")
        self.losses = torch.compile(method.losses) if engine.compile else method.losses
        self._load_optimiser(saved)

    def run_epoch(self, epoch: int, batches: Batches, seed: int) -> dict[str, float]:
        torch.manual_seed(seed)  # dropout
        generator = torch.Generator().manual_seed(seed)  # order and augmentation
        factor = rate_factor(self.stage, epoch)
        for group, peak in zip(self._groups, self.peaks, strict=True):
            group["lr"] = peak * factor
        self.method.train()
        start, images_seen, steps = time.perf_counter(), 0, 0
        sums: dict[str, Tensor | float] = {}
        for images, labels in batches(self.stage, generator):
            parts = self._step(images, labels, epoch)
            for name, part in parts.items():
                sums[name] = sums.get(name, 0.0) + part.detach()
            images_seen, steps = images_seen + len(images), steps + 1
        means = {name: float(value) / steps for name, value in sums.items()}
        # Weights may overflow in the last step, which no loss has seen.
        sound = all(bool(torch.isfinite(parameter).all()) for parameter in self.moved)
        if not (sound and math.isfinite(means["total"])):
            what = "A weight" if math.isfinite(means["total"]) else "The loss"
            raise FloatingPointError(
                f"{what} is not finite in epoch {epoch}: lower the learning rate or use "
                "precision fp32 or bf16; the checkpoint of the epoch before is kept."
            )
        seconds = time.perf_counter() - start
        rate = self._groups[0]["lr"]
        speed = {"seconds": seconds, "images_per_second": images_seen / seconds}
        return {"learning_rate": rate, **means, **speed}

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
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(total).backward()
        if self.stage.clip_gradients:
            for optimiser in self.optimisers:
                self.scaler.unscale_(optimiser)
            nn.utils.clip_grad_norm_(self.moved, self.stage.clip_gradients)
        for optimiser in self.optimisers:
            self.scaler.step(optimiser)
        self.scaler.update()
        return {**parts, "total": total}

    @property
    def _groups(self) -> list[dict[str, Any]]:
        return [group for optimiser in self.optimisers for group in optimiser.param_groups]

    def optimiser_tensors(self) -> dict[str, Tensor]:
        """The optimiser's state as named tensors; the scaler's as one number."""
        tensors = {
            f"optimiser.{number}.{index}.{key}": value.contiguous()  # a file knows no other layout
            for number, optimiser in enumerate(self.optimisers)
            for index, entry in optimiser.state_dict()["state"].items()
            for key, value in entry.items()
        }
        return {**tensors, "scaler.scale": torch.tensor(self.scaler.get_scale())}

    def _load_optimiser(self, saved: dict[str, Tensor]) -> None:
        states: list[dict[int, dict[str, Tensor]]] = [{} for _ in self.optimisers]
        for name, value in saved.items():
            if name.startswith("optimiser."):
                _, number, index, key = name.split(".", 3)
                states[int(number)].setdefault(int(index), {})[key] = value
        for optimiser, state in zip(self.optimisers, states, strict=True):
            if state:
                optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
        if self.scaler.is_enabled() and "scaler.scale" in saved:
            fresh = self.scaler.state_dict()
            self.scaler.load_state_dict({**fresh, "scale": float(saved["scaler.scale"])})


def _optimisers(stage: "Stage", groups: list[dict[str, Any]]) -> list[torch.optim.Optimizer]:
    """The stage's; for "muon" two: Muon for groups that the method marks `matrix`, and AdamW."""
    marks = [group.pop("matrix", False) for group in groups]
    if stage.optimiser != "muon":
        return [_OPTIMISERS[stage.optimiser](groups, weight_decay=stage.weight_decay)]
    matrices = [group for group, matrix in zip(groups, marks, strict=True) if matrix]
    rest = [group for group, matrix in zip(groups, marks, strict=True) if not matrix]
    optimisers: list[torch.optim.Optimizer] = []
    decay = stage.weight_decay
    if matrices:
        optimisers += [torch.optim.Muon(matrices, weight_decay=decay, adjust_lr_fn=_MUON_SCALE)]
    if rest:
        optimisers += [torch.optim.AdamW(rest, weight_decay=decay)]
    return optimisers


def _epoch_seed(seed: int, stage: int, epoch: int) -> int:
    return (seed * 1_000_003 + stage * 10_007 + epoch) % 2**63
