"""Learning rates and weights of losses by epoch, as a recipe's stage gives them."""

import math

from handid.recipes import Stage


def rate_factor(stage: Stage, epoch: int) -> float:
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


def loss_weight(stage: Stage, name: str, epoch: int) -> float:
    """The factor on a loss in an epoch (counted from 0): the recipe's weight, warmed up.

    With a warm-up of n epochs, 1/n of the weight in the first, all of it from the n-th on.
    """
    warm = min(1.0, (epoch + 1) / stage.loss_warmup.get(name, 1))
    return warm * stage.loss_weights.get(name, 1.0)
