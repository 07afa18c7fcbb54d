"""One training loop for every method: stages, schedule, precision, checkpoints, resume.

It knows no data set, no metric and no loss by name: batches and validation come in as functions.
"""

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm import tqdm

from handid import disk

Batches = Callable[[object, torch.Generator], Iterable[tuple[Tensor, Tensor]]]
_PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
_OPTIMISERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": lambda groups, **kw: torch.optim.SGD(groups, momentum=0.9, nesterov=True, **kw),
}
# Scales an orthogonalised step as large as AdamW's, so that one rate serves both.
_MUON = {"adjust_lr_fn": "match_rms_adamw"}


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
        # On a CPU the gradient of fused attention takes 40 % of a step in bf16; plain products of
        # matrices make the step 1.6 times as fast (benchmarks/training.py).
        attention = sdpa_kernel(SDPBackend.MATH) if kind and where == "cpu" else nullcontext()
        with attention, torch.autocast(where, kind, enabled=kind is not None):
            yield


def device(name: str) -> str:
    """The device of that name; "auto" is the GPU where there is one.

    Raises:
        ValueError: if it is not there.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError):
        raise ValueError(f"Device '{name}' is not there: use 'auto', 'cpu' or 'cuda'.") from None
    return name


@dataclass
class Progress:
    """How far a training has come; stored with every checkpoint."""

    stage: int = 0
    epoch: int = 0
    best: float = -math.inf
    history: list[dict] = field(default_factory=list)


def rate_factor(stage, epoch: int) -> float:
    """What the peak learning rate is multiplied by in an epoch (counted from 0).

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
    if stage.schedule == "cosine":
        done = max(0, epoch - stage.warmup_epochs) / max(1, stage.epochs - stage.warmup_epochs)
        return warm * (1 + math.cos(math.pi * done)) / 2
    return warm * stage.decay ** sum(epoch >= m for m in stage.milestones)


def _one_cycle(done: float) -> float:
    """Share of the peak after a share of the run; the constants are those of torch's OneCycleLR."""
    rise, first, last = 0.3, 1 / 25, 1 / 25e4
    start, end, part = (first, 1, done / rise) if done < rise else (1, last, (done - rise) / 0.7)
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2


def loss_weight(stage, name: str, epoch: int) -> float:
    """What a loss is multiplied by in an epoch (counted from 0): the recipe's weight, warmed up.

    With a warm-up of n epochs, 1/n of the weight in the first, all of it from the n-th on.
    """
    warm = min(1.0, (epoch + 1) / stage.loss_warmup.get(name, 1))
    return warm * stage.loss_weights.get(name, 1.0)


def fit(  # noqa: PLR0913 - the loop is where everything meets
    method: nn.Module,
    recipe,
    batches: Batches,
    validate: Callable[[nn.Module], float] | None,
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
        The history: a row an epoch: stage, epoch, learning_rate (of the first group that trains:
        the backbone's unless it rests), each loss, total,
        validation, seconds, images_per_second.

    Raises:
        FloatingPointError: one sentence, when a loss is not finite; the last checkpoint stays.
    """
    folder = Path(folder)
    method.to(engine.device)
    if (folder / "weights.safetensors").exists() and (folder / "history.csv").exists():
        load_weights(method, folder / "weights.safetensors")
        return pd.read_csv(folder / "history.csv")
    keeper = _Keeper(method, recipe.select, folder, engine.checkpoint_seconds)
    state = keeper.state
    total = sum(stage.epochs for stage in recipe.stages)
    with tqdm(
        total=total, initial=len(state.history), desc="epochs", disable=not engine.progress,
        mininterval=5,
    ) as bar:  # fmt: skip
        for number in range(state.stage, len(recipe.stages)):
            stage = recipe.stages[number]
            loop = _Loop(method, stage, engine, keeper.optimiser_tensors)
            for epoch in range(state.epoch, stage.epochs):
                row = {"stage": stage.name, "epoch": epoch}
                row |= loop.run_epoch(epoch, batches, _epoch_seed(seed, number, epoch))
                validates = validate is not None and not stage.encode_once
                row["validation"] = validate(method) if validates else math.nan
                state.stage, state.epoch = number, epoch + 1
                keeper.keep(row, loop)
                bar.set_postfix(loss=f"{row['total']:.3f}", validation=f"{row['validation']:.3f}")
                bar.update()
            state.stage, state.epoch, keeper.optimiser_tensors = number + 1, 0, {}
    return keeper.finish()


class _Loop:
    """The moving parts of one stage: optimiser, scaler, the compiled forward pass."""

    def __init__(self, method: nn.Module, stage, engine: Engine, saved: dict[str, Tensor]):
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
        start, images_seen, sums, steps = time.perf_counter(), 0, {}, 0
        for images, labels in batches(self.stage, generator):
            parts = self._step(images, labels, epoch)
            for name, part in parts.items():
                sums[name] = sums.get(name, 0.0) + part.detach()
            images_seen, steps = images_seen + len(images), steps + 1
        means = {name: float(value) / steps for name, value in sums.items()}
        if not math.isfinite(means["total"]):
            raise FloatingPointError(
                f"The loss is not finite in epoch {epoch}: lower the learning rate or use "
                "precision fp32 or bf16; the checkpoint of the epoch before is kept."
            )
        seconds = time.perf_counter() - start
        rate = self._groups[0]["lr"]
        speed = {"seconds": seconds, "images_per_second": images_seen / seconds}
        return {"learning_rate": rate, **means, **speed}

    def _step(self, images: Tensor, labels: Tensor, epoch: int) -> dict[str, Tensor]:
        with self.engine.autocast():
            parts = self.losses(images, labels)
        weighed = self.stage.loss_weights.keys() | self.stage.loss_warmup.keys()
        unknown = weighed - parts.keys()
        if unknown:
            raise ValueError(
                f"The recipe weighs '{min(unknown)}', but the losses are {', '.join(parts)}."
            )
        total = sum(loss_weight(self.stage, name, epoch) * part for name, part in parts.items())
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
    def _groups(self) -> list[dict]:
        return [group for optimiser in self.optimisers for group in optimiser.param_groups]

    def state_tensors(self) -> dict[str, Tensor]:
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


def _optimisers(stage, groups: list[dict]) -> list[torch.optim.Optimizer]:
    """The stage's; for "muon" two: Muon for groups that the method marks `matrix`, and AdamW."""
    marks = [group.pop("matrix", False) for group in groups]
    if stage.optimiser != "muon":
        return [_OPTIMISERS[stage.optimiser](groups, weight_decay=stage.weight_decay)]
    own = [group for group, matrix in zip(groups, marks, strict=True) if matrix]
    rest = [group for group, matrix in zip(groups, marks, strict=True) if not matrix]
    pairs = [(torch.optim.Muon, own, _MUON), (torch.optim.AdamW, rest, {})]
    decay = stage.weight_decay
    return [kind(part, weight_decay=decay, **more) for kind, part, more in pairs if part]


def _epoch_seed(seed: int, stage: int, epoch: int) -> int:
    return (seed * 1_000_003 + stage * 10_007 + epoch) % 2**63


def _trained_tensors(method: nn.Module) -> dict[str, Tensor]:
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


class _Keeper:
    """What a training leaves on disk: checkpoints at epoch boundaries, best weights, a table."""

    def __init__(self, method: nn.Module, select: str, folder: Path, seconds: float):
        self.method, self.select, self.folder, self.seconds = method, select, folder, seconds
        self.state, self.optimiser_tensors = Progress(), {}
        self.best_tensors: dict[str, Tensor] | None = None
        self.written = time.perf_counter()
        folder.mkdir(parents=True, exist_ok=True)
        if self.checkpoint.exists():
            self._resume()

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.safetensors"

    @property
    def best(self) -> Path:
        return self.folder / "best.safetensors"

    def keep(self, row: dict, loop: "_Loop") -> None:
        """Note an epoch; write a checkpoint if the last one is old enough."""
        self.state.history.append(row)
        figure = row["validation"]
        if self.select == "last" or math.isnan(figure) or figure >= self.state.best:
            self.state.best = -math.inf if math.isnan(figure) else figure
            self.best_tensors = {k: v.clone() for k, v in _trained_tensors(self.method).items()}
        if time.perf_counter() - self.written >= self.seconds:
            self._write_checkpoint(loop)

    def _write_checkpoint(self, loop: "_Loop") -> None:
        self._write_best()
        own = {f"method.{name}": value for name, value in _trained_tensors(self.method).items()}
        metadata = {"progress": json.dumps(vars(self.state))}
        with disk.whole(self.checkpoint) as part:
            save_file({**own, **loop.state_tensors()}, part, metadata=metadata)
        self._write_history()
        self.written = time.perf_counter()

    def _write_best(self) -> None:
        if self.best_tensors is not None:
            with disk.whole(self.best) as part:
                save_file(self.best_tensors, part)

    def _write_history(self) -> pd.DataFrame:
        history = pd.DataFrame(self.state.history)
        with disk.whole(self.folder / "history.csv") as part:
            history.to_csv(part, index=False)
        return history

    def _resume(self) -> None:
        tensors = _read(self.checkpoint)
        with safe_open(self.checkpoint, framework="pt") as file:
            self.state = Progress(**json.loads(file.metadata()["progress"]))
        own = {k.removeprefix("method."): v for k, v in tensors.items() if k.startswith("method.")}
        _load(self.method, own, self.checkpoint)
        self.optimiser_tensors = {k: v for k, v in tensors.items() if not k.startswith("method.")}

    def finish(self) -> pd.DataFrame:
        """Leave the method with the chosen weights, and only them and the table on disk."""
        self._write_best()
        if self.best.exists():
            load_weights(self.method, self.best)
        history = self._write_history()
        with disk.whole(self.folder / "weights.safetensors") as part:
            save_file(_trained_tensors(self.method), part)
        self.best.unlink(missing_ok=True)
        self.checkpoint.unlink(missing_ok=True)
        return history


def load_weights(method: nn.Module, path: str | Path) -> None:
    """Give a freshly built method the tensors that a training left in a safetensors file.

    Raises:
        ValueError: if the file belongs to another method or backbone, or is damaged.
    """
    _load(method, _read(Path(path)), Path(path))


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError:
        raise ValueError(f"{path} is damaged: remove it and run again.") from None


def _load(method: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    try:
        missing, unknown = method.load_state_dict(tensors, strict=False)
    except RuntimeError:
        raise ValueError(f"{path} holds another method's or another backbone's weights.") from None
    trained = _trained_tensors(method).keys()
    if unknown or any(name in trained for name in missing):
        raise ValueError(f"{path} holds another method's or another backbone's weights.")
