"""GPU memory of a training step at the recipes' batches, counted without a GPU.

The whole step (losses, gradients, optimiser) runs on fake tensors: every operation gives tensors of
the right size that hold nothing, so that it needs neither the memory nor the time. Counted is the
most bytes of storages that are alive at once; tests/method/test_method.py holds the count to within
a tenth of what a processor's allocator measures. Attention is the fused kernel's, as on a GPU; what
a GPU's libraries take for themselves comes on top.
"""

import argparse
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from handid import backbone, method, recipes
from handid.backbone import words
from handid.image import augment
from handid.recipes import Recipe, Stage

METHODS = {
    "clip_ft": ("ViT-B/16", "RN50"),
    "clip_handid": ("ViT-B/16", "RN50"),
    "clip_reid": ("ViT-B/16", "RN50"),
    "promptsg": ("ViT-B/16", "RN50"),
    "cnn_baseline": ("ResNet50", "VGG19-bn"),
    "gpa_net": ("ResNet50",),
    "mba_net": ("ResNet50",),
    "abd_net": ("ResNet50",),
    "rga_net": ("ResNet50",),
}
PRECISIONS = ("fp32", "bf16")
N_IDENTITIES = 72  # 11k Hands, dorsal right
OPTIMISERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": partial(torch.optim.SGD, momentum=0.9),
}
GIB = 2**30


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
        for own in (module._parameters, module._buffers):
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
    optimiser = OPTIMISERS[stage.optimiser](groups)
    for again in (False, True):
        optimiser.zero_grad(set_to_none=True)
        images, labels = torch.zeros(shape), torch.arange(shape[0]) // 2 % N_IDENTITIES
        if again:
            between()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            total = sum(network.losses(images, labels).values())
        total.backward()
        optimiser.step()


def count(network: method.Method, stage: Stage, shape: tuple[int, ...], precision: str) -> int:
    """The most bytes alive at once in a step of a stage; the network is lost.

    Args:
        network: on the CPU.
        stage: one that trains on images.
        shape: [B, 3, H, W] of a batch, with at least two images.
        precision: "fp32" or "bf16".
    """
    with pretending(network), Alive() as alive:
        alive.add(network.state_dict().values())

        def begin() -> None:
            alive.peak = alive.now

        steps(network, stage, shape, precision, begin)
    return alive.peak


def needs(name: str, base: str) -> dict[str, Any]:
    """A row of the table: the stage of a method that needs most."""
    plan = recipes.load(name, backbone.architecture(base).family)
    side = plan.image_size or backbone.architecture(base).image_size
    example = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    pixels = augment.normalise(example, plan.mean_std, plan.portrait).shape[1:]
    stages = [stage for stage in plan.stages if not stage.encode_once]
    row: dict[str, Any] = {"method": f"{plan.title}, {base}"}
    row["batch"] = max(stage.batch_size for stage in stages)
    row["pixels"] = " x ".join(str(length) for length in pixels[1:])
    for precision in PRECISIONS:
        most = max(
            count(build(plan, base), stage, (stage.batch_size, *pixels), precision)
            for stage in stages
        )
        row[f"{precision}, GiB"] = f"{most / GIB:.1f}"
    return row


def build(plan: Recipe, base: str) -> method.Method:
    """The method of a recipe on a backbone with random weights."""
    shape = {"last_stride": plan.last_stride, "image_size": plan.image_size}
    encoder = backbone.build(base, "random", **shape)
    return method.build(plan.method, encoder, N_IDENTITIES, **plan.options).train()


def main() -> None:
    argparse.ArgumentParser(description=str(__doc__).splitlines()[0]).parse_args()
    warnings.filterwarnings("ignore")
    for number, (name, base) in enumerate(
        (n, base) for n, all_ in METHODS.items() for base in all_
    ):
        row = needs(name, base)
        if number == 0:
            print("| " + " | ".join(row) + " |\n|" + "---|" * len(row))
        print("| " + " | ".join(str(value) for value in row.values()) + " |", flush=True)


if __name__ == "__main__":
    main()
