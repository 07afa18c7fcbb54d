"""What a GPU may refuse in the middle of a training, each in one sentence. The checkpoint stays."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

_GIB = 2**30


@contextmanager
def explained(device: str, batch_size: int) -> Iterator[None]:
    """Say what to do where a step does not fit a GPU's memory, or the GPU is lost.

    Args:
        device: as torch names it.
        batch_size: images of a step.

    Raises:
        MemoryError: one sentence with the memory that was held, and that is free.
        RuntimeError: one sentence, if the GPU stops.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        free, total = torch.cuda.mem_get_info(device)
        held = torch.cuda.max_memory_allocated(device)
        raise MemoryError(
            f"A step of {batch_size} images does not fit the GPU: it held {held / _GIB:.1f} GiB "
            f"and asked for more, {free / _GIB:.1f} of {total / _GIB:.1f} are free "
            f"({str(error).partition('. GPU')[0]}): use steps=[recompute] or precision bf16, or "
            "train less at once; the last checkpoint is kept."
        ) from None
    except torch.AcceleratorError as error:
        raise RuntimeError(
            f"The GPU stopped ({str(error).partition(chr(10))[0]}): run it again, and the training "
            "goes on from its last checkpoint."
        ) from None
