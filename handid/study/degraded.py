"""Which degradations a study asks for: their severities as images, and a photograph of each."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from handid import given
from handid.image.alter import Alteration
from handid.image.degrade import DEGRADATIONS
from handid.study import altered
from handid.study.study import Study

QUERY, BOTH = "query only", "query and gallery"


def steps(*groups: Mapping[str, Iterable[float]]) -> pd.DataFrame:
    """One row per degradation, severity and side that is degraded.

    Args:
        groups: degradation -> its severities, none for one that has no severity; each degradation
            in one group.

    Returns:
        Columns image (as a survey takes it), kind, degraded (QUERY or BOTH), severity, unit,
        harmless (the severity that changes nothing) and amount: how far the severity is from it, or
        1 / severity where harmless is without end, so that it grows with the degradation. A kind
        that is asked below and above its harmless severity is two. From slight to severe.

    Raises:
        ValueError: one sentence, for a degradation that is unknown or named twice, or lacks a
            severity or has one out of range or that changes nothing.
    """
    for group in groups:
        if not isinstance(group, Mapping):
            raise ValueError(
                f"The severities are {given.shown(group)}: name degradations with theirs, such as "
                "{'blur': [2, 6]}."
            )
    pairs = [pair for group in groups for pair in group.items()]
    for number, (kind, values) in enumerate(pairs):
        if kind in dict(pairs[:number]):
            raise ValueError(f"The severities of {kind!r} are named twice: write them in one list.")
        numbers = values if isinstance(values, list | tuple) else [values]
        wrong = [v for v in numbers if isinstance(v, bool) or not isinstance(v, int | float)]
        if numbers is not values or wrong:
            raise ValueError(
                f"The severities of {kind!r} are {values!r}: write a list of numbers, such as "
                f"{{'{kind}': [2, 6]}}; an empty one for what has none."
            )
    rows = [row for kind, values in pairs for row in _kind(kind, list(values))]
    columns = ["image", "kind", "degraded", "severity", "unit", "harmless", "amount"]
    table = pd.DataFrame(rows, columns=columns)
    if table.empty:
        raise ValueError("No degradation is named: say which, such as {'blur': [2, 6]}.")
    first = {kind: number for number, kind in enumerate(dict.fromkeys(table["kind"]))}
    order = table.assign(place=table["kind"].map(first))
    by, up = ["place", "degraded", "amount"], [True, False, True]  # the query alone first
    return order.sort_values(by, ascending=up, kind="stable", ignore_index=True)[columns]


def _kind(kind: str, values: list[float]) -> list[dict[str, object]]:
    texts = [f"{kind} {given.real(kind, value):g}" for value in values] or [kind]
    asked = [Alteration.parse(text) for text in dict.fromkeys(texts)]
    if kind not in DEGRADATIONS:
        raise ValueError(f"'{kind}' is no degradation: use {', '.join(DEGRADATIONS)}.")
    known = DEGRADATIONS[kind]
    two_sided = len({one.severity < known.harmless for one in asked if one.severity is not None})
    rows = []
    for one in asked:
        side = "below" if one.severity is not None and one.severity < known.harmless else "above"
        name = f"{kind} {side} {known.harmless:g}" if two_sided > 1 else kind
        severity = 1.0 if one.severity is None else one.severity  # done, or not
        about = {"kind": name, "severity": severity, "unit": known.unit}
        about |= {"harmless": known.harmless, "amount": known.amount(one.severity)}
        if not about["amount"]:
            raise ValueError(f"'{one}' changes nothing: leave it out, for that is always asked.")
        rows.append({"image": f"{one} against whole", "degraded": QUERY} | about)
        rows.append({"image": str(one), "degraded": BOTH} | about)
    return rows


def pictures(lab: Study, path: str, asked: pd.DataFrame, show: bool) -> dict[str, list[np.ndarray]]:
    """Small pictures of one photograph: kind -> as it is, then at each severity.

    Args:
        lab: the study.
        path: the photograph.
        asked: of `steps`.
        show: False for grey squares in its place.
    """
    (whole,) = lab.photographs.pictures([path], show)
    shown = {}
    for kind, part in asked[asked["degraded"] == BOTH].groupby("kind", sort=False):
        shown[str(kind)] = [whole]
        for image in part["image"]:
            shape = ("squash", len(whole))
            square = altered.pixels([path], lab.photographs, shape, image)[0] if show else whole
            shown[str(kind)].append(square)
    return shown
