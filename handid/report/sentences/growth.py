"""Sentences on a growing gallery: what is foretold, and whether the model was right before."""

from typing import Any

import pandas as pd

from handid.report.growth import METRICS, Growth
from handid.report.sentences.verdicts import Verdict, verdict

_WHAT = {
    "rank1": "the right person is first in {} of searches",
    "fpir": "somebody is named in {} of searches for people who are not enrolled",
}
_FAMILY = {"beta": "a beta", "binormal": "binormal"}


def growth(found: Growth) -> str:
    """What rank-1 and FPIR are foretold to be in the largest gallery, and the model's check.

    "Between" is said of what the check did not contradict; what it did is "not supported".

    Args:
        found: of one system.
    """
    lines = [_answer(found, name) for name in METRICS]
    return "\n\n".join([f"{found.name}: {lines[0]}", lines[1], _about(found)])


def _answer(found: Growth, name: str) -> str:
    """One metric: the range, and what the check says of it."""
    far = found.largest[name]
    size, what = f"{far['size']:,}", METRICS[name]
    if pd.isna(far["value"]):
        return f"**Nothing is foretold:** {what} among {size} people, for too few searches erred."
    ends = f"{far['low']:.3g} and {far['high']:.3g} %"
    searched = _WHAT[name].format(f"{far['value']:.3g} %")
    searched += f" (p {_FAMILY.get(far['family'], 'of either family')} over queries)"
    known, held = _check(found.check[name], found)
    if held is False:
        return (
            f"**Not supported:** {what} at {size} people. The model says that {searched}, between "
            f"{ends}, but {known}"
        )
    return f"**At {size}, between {ends}:** {searched}; {known}"


def _check(check: dict[str, Any], found: Growth) -> tuple[str, bool | None]:
    """What the check found, and whether the model passed; None where there was none."""
    if pd.isna(check["difference"]):
        return "the model could not be checked, for too few searches erred.", None
    stands = verdict(check["low"], check["high"])
    words = {
        Verdict.HIGHER: "which is too high",
        Verdict.LOWER: "which is too low",
        Verdict.UNCLEAR: "which the check does not contradict",
    }.get(stands, "of which no interval can be had")
    text = (
        f"fitted on {found.n_fitted:,} strangers it foretold {check['foretold']:.1f} % among "
        f"{check['size']:,}, where {check['measured']:.1f} % are measured among others: "
        f"{check['difference']:+.1f} points (95 % interval {check['low']:+.1f} to "
        f"{check['high']:+.1f}), {words}."
    )
    return text, stands not in (Verdict.HIGHER, Verdict.LOWER)


def _about(found: Growth) -> str:
    """What the figures stand on."""
    reach = found.curves["size"].max() / found.n_strangers
    return (
        f"{found.n_queries:,} photographs of {found.n_askers:,} people ask among up to "
        f"{found.n_strangers:,} strangers; the threshold of {found.threshold:.2f} was set to an "
        f"FPIR of {100 * found.set_to:.0f} % among {found.n_fitted:,}. Intervals are over people, "
        f"in both roles. The largest gallery is {reach:,.0f} times as large as any that was "
        "measured: the check says nothing of so long a way."
    )
