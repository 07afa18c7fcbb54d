"""Intervals over people, comparisons over people, and several comparisons at once; numpy, no torch.

It neither ranks nor plots.
"""

from handid.statistics.comparisons import holm, sign_flip
from handid.statistics.intervals import balanced_accuracy, interval
from handid.statistics.power import Components, components, smallest_difference
from handid.statistics.ratios import ratio
from handid.statistics.seeds import with_seeds
from handid.statistics.shares import clopper_pearson
from handid.statistics.trials import expected_best

__all__ = [
    "Components",
    "balanced_accuracy",
    "clopper_pearson",
    "components",
    "expected_best",
    "holm",
    "interval",
    "ratio",
    "sign_flip",
    "smallest_difference",
    "with_seeds",
]
