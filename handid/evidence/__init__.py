"""What a match is worth: error rates, open-set search, likelihood ratios, groups of people.

Scores and people in, figures out; it knows no photograph, no network and no plot.
"""

from handid.evidence import (
    calibration,
    groups,
    jackknife,
    likelihood_ratio,
    open_set,
    record,
    summary,
    verification,
)

__all__ = [
    "calibration",
    "groups",
    "jackknife",
    "likelihood_ratio",
    "open_set",
    "record",
    "summary",
    "verification",
]
