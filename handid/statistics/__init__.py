"""Intervals over people, comparisons over people, and several comparisons at once; numpy, no torch.

It neither ranks nor plots.
"""

from handid.statistics.comparisons import holm, sign_flip
from handid.statistics.intervals import balanced_accuracy, interval
from handid.statistics.ratios import ratio
from handid.statistics.seeds import with_seeds
from handid.statistics.shares import clopper_pearson

__all__ = [
    "balanced_accuracy",
    "clopper_pearson",
    "holm",
    "interval",
    "ratio",
    "sign_flip",
    "with_seeds",
]
