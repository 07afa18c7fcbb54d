"""One training loop for every method, and where and how its arithmetic runs.

It knows no data set, no metric and no loss by name: batches and validation come in as functions,
and checkpoint.py keeps what a training leaves on disk.
"""

from handid.train.engine import Engine, device, precision
from handid.train.loop import fit
from handid.train.schedule import loss_weight, rate_factor

__all__ = ["Engine", "device", "fit", "loss_weight", "precision", "rate_factor"]
