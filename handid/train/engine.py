"""Where and how the arithmetic runs: device, precision, layout. No loop and no optimiser."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

_PRECISIONS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Engine:
    """Where and how the arithmetic runs; changes the speed, and the result by rounding only.

    Attributes:
        device: as torch names it.
        precision: "fp32", "bf16" or "fp16" (mixed: weights stay in fp32). With the last two a GPU
            computes what is left in fp32 as TensorFloat-32 (10 bits); with "fp32" never.
        compile: pass the losses through torch.compile.
        graphs: replay a training step on a GPU as one CUDA graph, see replay.py.
        recompute: keep only what goes into each block of the network, and compute the rest again
            for the gradient: less memory, more time. See recompute.py.
        checkpoint_seconds: at least this long between two checkpoints, which are a gigabyte for a
            ViT-B/16; 0 writes one after every epoch.
        progress: show a bar of epochs.
    """

    device: str = "cpu"
    precision: str = "fp32"
    compile: bool = False
    graphs: bool = False
    recompute: bool = False
    checkpoint_seconds: float = 30.0
    progress: bool = True

    @property
    def kind(self) -> str:
        """Of the device: "cpu", "cuda", ..."""
        return torch.device(self.device).type

    @property
    def replays(self) -> bool:
        """Whether steps can be replayed: a scaler of fp16 looks at the gradients in each step."""
        return self.graphs and self.kind == "cuda" and self.precision != "fp16"

    def place(self, network: nn.Module) -> None:
        """Move a network to the device; one with a feature map channels last, as GPUs want it."""
        if self.kind != "cpu" and getattr(getattr(network, "backbone", None), "channels", 0):
            network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - stub
        network.to(self.device)

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """The context in which a forward pass runs."""
        kind = _PRECISIONS[self.precision]
        if self.kind == "cuda":  # torch's own defaults would let convolutions, and nothing else
            torch.backends.cudnn.allow_tf32 = kind is not None
            torch.backends.cuda.matmul.allow_tf32 = kind is not None
        with self.attention(), torch.autocast(self.kind, kind, enabled=kind is not None):
            yield

    def attention(self) -> AbstractContextManager[Any]:
        """The context that chooses attention's kernel, for passes forward and back.

        On a CPU the gradient of fused attention takes 40 % of a step in bf16; plain products of
        matrices make the step 1.6 times as fast (benchmarks/training.py).
        """
        is_slow = _PRECISIONS[self.precision] and self.kind == "cpu"
        return sdpa_kernel(SDPBackend.MATH) if is_slow else nullcontext()


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


def precision(name: str, device: str) -> str:
    """The precision of that name; "auto" is bf16 on a GPU that has it, else fp32.

    Args:
        name: "auto", "fp32", "bf16" or "fp16".
        device: as torch names it.

    Raises:
        ValueError: if bf16 is asked of a GPU that has none.
    """
    on_gpu = torch.device(device).type == "cuda"
    has_bf16 = on_gpu and torch.cuda.is_bf16_supported(including_emulation=False)
    if name == "auto":
        return "bf16" if has_bf16 else "fp32"
    if name == "bf16" and on_gpu and not has_bf16:
        raise ValueError(
            f"{torch.cuda.get_device_name(device)} is too old for bf16: use precision auto, fp32 "
            "or fp16."
        )
    return name
