"""The order of training images: which rows form a batch. It sees labels and no pixels."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from handid.recipes import Stage


def order(labels: Sequence[int], stage: Stage, generator: torch.Generator) -> Iterator[Tensor]:
    """The epoch's batches of row numbers, as the stage's `sampler` and `batch_size` say."""
    if stage.sampler == "plain":
        return plain_order(labels, stage.batch_size, generator)
    return balanced_order(labels, stage.batch_size, generator, stage.images_per_identity)


def plain_order(
    labels: Sequence[int], batch_size: int, generator: torch.Generator
) -> Iterator[Tensor]:
    """Every image once, in random order; a last partial batch is left out as in the papers' code.

    Yields:
        [batch_size] row numbers; if there are fewer rows than that, all of them in one batch.
    """
    rows = torch.randperm(len(labels), generator=generator)
    for number in range(max(1, len(labels) // batch_size)):
        yield rows[number * batch_size : (number + 1) * batch_size]


def balanced_order(
    labels: Sequence[int], batch_size: int, generator: torch.Generator, images_per_identity: int = 4
) -> Iterator[Tensor]:
    """P identities x K images per batch; an identity with fewer than K images repeats some.

    Yields:
        [P * K] row numbers, P two or more where there are as many; about as many batches per epoch
        as `plain_order` gives, where a batch holds two identities.
    """
    codes = torch.as_tensor(labels)
    identities = codes.unique()
    people = min(len(identities), max(2, batch_size // images_per_identity))
    for _ in range(max(1, len(labels) // (people * images_per_identity))):
        rows = []
        for identity in identities[torch.randperm(len(identities), generator=generator)[:people]]:
            own = torch.nonzero(codes == identity).flatten()
            shuffled = own[torch.randperm(len(own), generator=generator)]
            again = torch.randint(len(own), (images_per_identity,), generator=generator)
            rows.append(torch.cat([shuffled, own[again]])[:images_per_identity])
        yield torch.cat(rows)
