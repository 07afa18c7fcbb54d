"""GPU memory of a training step, counted without a GPU, before the first one is taken.

The whole step (losses, gradients, optimiser) runs on fake tensors: every operation gives tensors of
the right size that hold nothing, so that it needs neither the memory nor the time. Counted is the
most bytes of storages that are alive at once; tests/study/test_memory.py holds the count to within
a tenth of what a processor's allocator measures. Attention is the fused kernel's, as on a GPU; what
a GPU's libraries take for themselves comes on top.
"""

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from typing import Any, cast
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from handid import method, train
from handid.backbone import words
from handid.recipes import Stage
from handid.train.optimiser import optimisers
from handid.train.recompute import recomputed

_GIB = 2**30
# What makes a step smaller, in the order in which it is advised.
_HELPS: dict[str, dict[str, Any]] = {
    "precision bf16": {"precision": "bf16"},
    "steps=[recompute]": {"recompute": True},
    "precision bf16 and steps=[recompute]": {"precision": "bf16", "recompute": True},
}


class Alive(TorchDispatchMode):
    """Counts the bytes of the storages that operations make, each once, until they are freed.

    Attributes:
        now: bytes that are alive.
        peak: the most bytes that were alive at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._known: set[int] = set()

    def add(self, tensors: Iterable[object]) -> None:
        """Counts the storages of tensors that are not known yet."""
        for tensor in tensors:
            if isinstance(tensor, Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self._known:
                    self._known.add(storage._cdata)
                    self.now += storage.nbytes()
                    weakref.finalize(storage, self._free, storage._cdata, storage.nbytes())
        self.peak = max(self.peak, self.now)

    def _free(self, key: int, size: int) -> None:
        self._known.remove(key)
        self.now -= size

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.add(tree_leaves(result))
        return result


@contextmanager
def pretending(network: nn.Module) -> Iterator[None]:
    """Inside, all tensors are fake, the network's weights included, which are lost."""
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    fakes: dict[Tensor, Tensor] = {}
    for module in network.modules():
        for own in cast("tuple[dict[str, Any], ...]", (module._parameters, module._buffers)):
            for name, tensor in own.items():
                if tensor is not None and tensor not in fakes:
                    fakes[tensor] = mode.from_tensor(tensor.detach())
                    if isinstance(tensor, nn.Parameter):
                        fakes[tensor] = nn.Parameter(fakes[tensor], tensor.requires_grad)
                own[name] = None if tensor is None else fakes[tensor]
    with patch_tokens(), mode:
        yield


@contextmanager
def patch_tokens() -> Iterator[None]:
    """Texts become token numbers as ever: where a text ends decides a tensor's size."""

    def real(function):
        def call(*args):
            with unset_fake_temporarily():
                return function(*args)

        return call

    once, prompt = real(words.tokenise), real(words.tokenise_prompt)
    with patch.object(words, "tokenise", once), patch.object(words, "tokenise_prompt", prompt):
        yield


def steps(
    network: method.Method,
    stage: Stage,
    shape: tuple[int, ...],
    precision: str,
    between: Callable[[], object],
) -> None:
    """Two steps of a stage, for moments are there from the second on; `between` lies between."""
    groups = [group for group in network.parameter_groups(stage) if group["params"]]
    moving = optimisers(stage, groups, train.Engine())
    for again in (False, True):
        for one in moving:
            one.zero_grad(set_to_none=True)
        images, labels = torch.zeros(shape), torch.arange(shape[0]) // 2
        if again:
            between()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision != "fp32"):
            total = torch.stack([*network.losses(images, labels).values()]).sum()
        total.backward()
        for one in moving:
            one.step()


def count(
    network: method.Method, stage: Stage, shape: tuple[int, ...], engine: train.Engine
) -> int:
    """The most bytes alive at once in a step of a stage; the network is lost.

    Args:
        network: on the CPU.
        stage: one that trains on images.
        shape: [B, 3, H, W] of a batch, with at least two images.
        engine: gives the precision, and whether blocks are computed again.
    """
    with pretending(network), recomputed(network, engine.recompute), Alive() as alive:
        alive.add(network.state_dict().values())

        def begin() -> None:
            alive.peak = alive.now

        steps(network, stage, shape, engine.precision, begin)
    return alive.peak


def check(
    network: method.Method,
    stages: Iterable[Stage],
    shape: tuple[int, ...],
    engine: train.Engine,
    free: int,
) -> None:
    """Refuse a training whose steps do not fit, before the first one.

    A network whose step cannot be counted is let through; train.failures speaks if it is too large.

    Args:
        network: on the CPU; left as it is.
        stages: of the recipe.
        shape: [3, H, W] of an image.
        engine: how the steps run.
        free: bytes that the training may take, its weights among them.

    Raises:
        MemoryError: one sentence with the needed and the free memory, and the option that helps.
    """
    on_images = [stage for stage in stages if not stage.encode_once]

    def need(how: train.Engine) -> tuple[int, Stage]:
        counted = [
            (count(deepcopy(network).train(), stage, (stage.batch_size, *shape), how), stage)
            for stage in on_images
        ]
        return max(counted, key=lambda pair: pair[0])

    try:
        needed, stage = need(engine)
    except Exception:  # no stage has images, or a model of others that fake tensors do not take
        return
    if needed <= free:
        return
    advice = "no option makes it fit: use a GPU with more memory, or a smaller backbone or image"
    for option, change in _HELPS.items():
        smaller = need(replace(engine, **change))[0]
        if smaller <= free:
            advice = f"use {option}, which needs {smaller / _GIB:.2f} GiB"
            break
    raise MemoryError(
        f"A step of {stage.batch_size} images at {shape[1]} x {shape[2]} needs "
        f"{needed / _GIB:.2f} GiB in {engine.precision}, and {free / _GIB:.2f} GiB of the GPU are "
        f"free: {advice}."
    )
