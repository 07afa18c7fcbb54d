"""Sentences on a growing gallery: what is foretold, and whether the model was right before."""

from typing import Any

import pandas as pd

from handid.report.growth import METRICS, Growth
from handid.report.sentences.verdicts import Verdict, verdict

_WHAT = {
    "rank1": "the right person is first in {} % of searches",
    "fpir": "{} % of searches for people who are not enrolled name somebody",
}
_VERDICTS = {
    Verdict.HIGHER: "which is too high",
    Verdict.LOWER: "which is too low",
    Verdict.UNCLEAR: "which the check does not contradict",
}


def growth(found: Growth) -> str:
    """What rank-1 and FPIR are foretold to be in the largest gallery, and the model's check.

    "Between" is said of what the check did not contradict; what it did is "not supported".

    Args:
        found: of one system.
    """
    return "\n\n".join([*(_answer(found, name) for name in METRICS), _about(found)])


def _answer(found: Growth, name: str) -> str:
    """One metric: the range, and what the check says of it."""
    far, check = found.largest[name], found.check[name]
    size, what = f"{far['size']:,}", f"{METRICS[name]} of {found.name}"
    head = f"With {size} people enrolled, {METRICS[name]} is between"
    if pd.isna(far["value"]):
        return f"**Nothing is foretold:** {what} among {size} people, for too few searches erred."
    ends = f"{_percent(far['low'])} and {_percent(far['high'])} %"
    shown = _WHAT[name].format(_percent(far["value"]))
    if pd.isna(check["difference"]):
        return (
            f"**{head} {ends}** ({found.name}): {shown}; the model could not be checked, for "
            "too few searches erred."
        )
    stands = verdict(check["low"], check["high"])
    tested = (
        f"fitted on {found.n_fitted:,} strangers it foretold {check['foretold']:.1f} % among "
        f"{check['size']:,}, and {check['measured']:.1f} % were measured among others: "
        f"{check['difference']:+.1f} points{_range(check)}, "
        f"{_VERDICTS.get(stands, 'of which no interval can be had')}."
    )
    if stands in (Verdict.HIGHER, Verdict.LOWER):
        return (
            f"**Not supported** at {size} ({what}): the model says that {shown}, between {ends}, "
            f"but {tested}"
        )
    return f"**{head} {ends}** ({found.name}): {shown}; {tested}"


def _percent(value: float) -> str:
    """A percentage with the digits that an extrapolation deserves: two, and none below 0.01."""
    if 0 < value < 0.01:
        return "less than 0.01"
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def _range(check: dict[str, Any]) -> str:
    if pd.isna(check["low"]):
        return ""
    return f" (95 % interval {check['low']:+.1f} to {check['high']:+.1f})"


def _about(found: Growth) -> str:
    """What the figures stand on."""
    reach = found.curves["size"].max() / found.n_strangers
    return (
        f"{found.n_queries:,} photographs of {found.n_askers:,} people ask among up to "
        f"{found.n_strangers:,} strangers; the threshold of {found.threshold:.2f} was set to an "
        f"FPIR of {100 * found.set_to:g} % among {found.n_fitted:,}. Intervals are over people, "
        f"in both roles. The largest gallery is {reach:,.0f} times as large as any that was "
        "measured: the check says nothing of so long a way."
    )
