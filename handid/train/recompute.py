"""Activation checkpointing: less memory for a second pass forward, and the same gradients.

Of each block of a network only the input is kept; what the gradient needs beside it is computed
again (Chen et al. 2016, who measured about 30 % more time). Splitting the batch is no way for this
study: batch norm and batch-hard triplets see all of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.utils.checkpoint import checkpoint


@contextmanager
def recomputed(network: nn.Module, wanted: bool) -> Iterator[None]:
    """While it is entered, the blocks of a network keep their input only.

    The blocks are those of its backbone, in a Sequential the layers with parts of their own, and
    every other layer of these kinds, such as the copy of the last stage in ABD-Net.

    Args:
        network: with a backbone that has `blocks()`.
        wanted: False changes nothing.
    """
    chosen = _blocks(network) if wanted else []
    for block in chosen:
        block.forward = partial(_forward, block, type(block).forward)
    try:
        yield
    finally:
        for block in chosen:
            del block.forward


def _blocks(network: Any) -> list[nn.Module]:
    parts = [part for block in network.backbone.blocks() for part in _parts(block)]
    kinds = {type(part) for part in parts} - {nn.Sequential}
    return list(dict.fromkeys([*parts, *(m for m in network.modules() if type(m) in kinds)]))


def _parts(block: nn.Module) -> list[nn.Module]:
    """The layers with parts of their own in a Sequential; itself, if it has none or is another."""
    inner = [part for part in block.children() if any(True for _ in part.children())]
    if not isinstance(block, nn.Sequential) or not inner:
        return [block]
    return [part for layer in inner for part in _parts(layer)]


def _forward(block: nn.Module, forward: Any, *inputs: Any, **named: Any) -> Any:
    if not torch.is_grad_enabled():
        return forward(block, *inputs, **named)
    draws = any(isinstance(layer, _DropoutNd) and layer.p > 0 for layer in block.modules())
    return checkpoint(
        partial(forward, block),
        *inputs,
        use_reentrant=False,
        preserve_rng_state=draws,  # costs a wait for the GPU
        context_fn=lambda: (nullcontext(), _still(block)),
        **named,
    )


@contextmanager
def _still(block: nn.Module) -> Iterator[None]:
    """A batch norm moves its running statistics in the first pass; the second one moves copies."""
    norms = [layer for layer in block.modules() if isinstance(layer, _BatchNorm) and layer.training]
    own = [dict(norm._buffers) for norm in norms]
    for norm, buffers in zip(norms, own, strict=True):
        norm._buffers.update({k: None if b is None else b.clone() for k, b in buffers.items()})
    try:
        yield
    finally:
        for norm, buffers in zip(norms, own, strict=True):
            norm._buffers.update(buffers)
