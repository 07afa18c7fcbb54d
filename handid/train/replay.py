"""A training step that a GPU repeats without the CPU: recorded once, then replayed as one graph.

A small batch leaves a GPU waiting for the CPU, which starts a thousand kernels per step one by one.
Recorded as a CUDA graph, they start at once (pytorch.org/docs, "CUDA Graphs"). Numbers that the CPU
puts into a step, such as the learning rate, are part of the recording: others need a new one.
"""

import warnings
from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor

WARM_UP = 3  # steps in which libraries choose their kernels and optimisers make their state
Step = Callable[[Tensor, Tensor], dict[str, Tensor]]


class Replay:
    """Runs steps, as graphs where it can.

    Args:
        wanted: False runs every step as it is.
    """

    def __init__(self, wanted: bool):
        self.wanted, self.steps = wanted, 0
        self.stream: Any = None  # one for all: gradients are added up where they were first
        self.known: Hashable = None
        self.graph: Any = None
        self.inputs: tuple[Tensor, Tensor] | None = None
        self.parts: dict[str, Tensor] = {}

    def __call__(
        self, step: Step, images: Tensor, labels: Tensor, numbers: Hashable
    ) -> dict[str, Tensor]:
        """The step's losses; on a GPU they hold until the next step.

        Args:
            step: (images, labels) -> losses; moves the weights.
            images: of the batch.
            labels: of the batch.
            numbers: what the CPU puts into the step.
        """
        if not self.wanted:
            return step(images, labels)
        self.steps += 1
        if self.steps <= WARM_UP:
            return self._aside(step, images, labels)
        key = numbers, images.shape, images.dtype, labels.shape
        if key != self.known and not self._record(step, images, labels):
            return step(images, labels)
        self.known = key
        assert self.inputs is not None
        for kept, given in zip(self.inputs, (images, labels), strict=True):
            kept.copy_(given)
        self.graph.replay()
        return self.parts

    def _record(self, step: Step, images: Tensor, labels: Tensor) -> bool:
        """Record a step without running it; False where it cannot be."""
        self.graph, self.inputs = None, (images.clone(), labels.clone())  # the old one's memory
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"):
                self.parts = step(*self.inputs)
        except RuntimeError as error:
            self.wanted = False
            reason = str(error).partition("\n")[0]
            warnings.warn(f"Steps are not replayed as a graph: {reason}", stacklevel=4)
            return False
        self.graph = graph
        return True

    def _aside(self, step: Step, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """A step on a stream of its own, as torch wants it before a recording."""
        self.stream = self.stream or torch.cuda.Stream()
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            parts = step(images, labels)
        torch.cuda.current_stream().wait_stream(self.stream)
        return parts
