"""Sentences on poor photographs: which degradation costs most, and whether the order stays."""

import pandas as pd

from handid.report.sentences.verdicts import Verdict, counted, listed, of_row, p_of, range_of
from handid.report.tables import by_target


def decline(losses: pd.DataFrame, orders: pd.DataFrame) -> str:
    """Whether the best system on good photographs is the best on poor ones, and what they cost.

    No: after some degradation another system is shown to be better. Yes: the same system leads
    after every one. Unclear: another one leads somewhere, but is not shown to be better.

    Args:
        losses: of handid.report.decline.losses.
        orders: of handid.report.decline.orders.
    """
    parts = by_target(orders).items()
    return "\n\n".join(_of_target(part, target, losses) for target, part in parts)


def _of_target(orders: pd.DataFrame, target: str, losses: pd.DataFrame) -> str:
    changed = orders[orders["best"] != orders["leader"]]
    shown = changed[[of_row(row) is Verdict.HIGHER for _, row in changed.iterrows()]]
    answer = "Unclear" if len(changed) else "Yes"
    answer = "No" if len(shown) else answer
    leader = orders["leader"].iloc[0]
    start = (
        f"**{answer}:** on {target}, {leader} leads on photographs as they are, and on poor ones "
        f"in {len(orders) - len(changed)} of {counted(len(orders), 'comparison')}; another system "
        f"is shown to be better in {len(shown)}."
    )
    lines = [
        f"- {row['kind']}, {row['degraded']}: {row['best']} leads, {row['value']:+.1f} points"
        f"{range_of(row)}{p_of(row)}"
        for _, row in changed.iterrows()
    ]
    own = losses[(losses["label"] == leader) & (losses["test_set"] == orders["test_set"].iloc[0])]
    return "\n".join([start, *([""] if lines else []), *lines, "", _cost(own, leader)])


def _cost(own: pd.DataFrame, leader: str) -> str:
    """Where the leader loses half, or that it does not."""
    lost = own[own["half"].notna()]
    named = [
        f"{row['kind']} {row['half']:.3g} ({row['degraded']})"
        if row["unit"]
        else f"{row['kind']} ({row['degraded']})"
        for _, row in lost.iterrows()
    ]
    rest = len(own) - len(lost)
    if not named:
        return f"{leader} keeps more than half of its rank-1 up to the worst of every degradation."
    kept = f"; in {counted(rest, 'other case')} it keeps more up to the worst one" if rest else ""
    return f"{leader} has lost half of its rank-1 at {listed(named)}{kept}."
