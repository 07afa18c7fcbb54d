"""Figures of errors by group of people."""

import numpy as np
import pandas as pd

from handid.evidence import verification
from handid.report.figures.evidence import nothing, supported
from handid.report.figures.style import COLOURS, Drawing, canvas, drawing, styled, titled
from handid.report.worth import Worth


@styled
def group_errors(worth: Worth, title: str) -> Drawing:
    """Error rates by group of people with their intervals; groups under ten people stay empty.

    A rate below what a group's people support has its interval and no dot.

    Args:
        worth: of one system.
        title: of the figure; says which set it is, and if that is synthetic.
    """
    table = worth.groups
    if table.empty:
        return nothing(title, "Errors by group", "no groups known", "no groups are known")
    metrics = list(dict.fromkeys(table["metric"]))
    places = table.drop_duplicates(["attribute", "group"]).reset_index(drop=True)
    figure, axes = canvas(1.3 + 0.3 * len(places), 1, len(metrics), sharey=True)
    for axis, metric in zip(axes.flat, metrics, strict=False):
        part = places[["attribute", "group"]].merge(table[table["metric"] == metric], how="left")
        heights = -np.arange(len(part))
        axis.hlines(heights, 100 * part["low"], 100 * part["high"], color=COLOURS[0], lw=2)
        known = part["share"] >= part["n_people"].map(verification.floor)
        axis.plot(100 * part["share"].where(known), heights, "o", color=COLOURS[0], ms=5)
        axis.set(xlabel=f"{metric}, %", xlim=(0, None))
    names = places["attribute"] + ": " + places["group"]
    axes[0, 0].set_yticks(-np.arange(len(places)), names + places["n_people"].map(" ({})".format))
    titled(figure, title)
    judged = table.dropna(subset="share")
    text = "; ".join(_of_group(row) for _, row in judged.iterrows()) or "no group has ten people"
    few = len(places) - len(judged.drop_duplicates(["attribute", "group"]))
    return drawing(figure, title, f"{text}. Groups with fewer than ten people, not judged: {few}.")


def _of_group(row: pd.Series) -> str:
    said = supported(row["share"], verification.floor(row["n_people"]))
    if said.endswith("%"):
        said += f" [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
    return f"{row['metric']} of {row['attribute']} {row['group']} ({row['n_people']} people) {said}"
