"""Figures with their 95 % intervals: scores, differences, and answers to questions in words."""

import numpy as np
import pandas as pd

from handid.report.figures.style import COLOURS, WRONG, Drawing, canvas, drawing, styled, titled
from handid.report.rows import METRIC_NAMES, labelled, with_interval
from handid.report.tables import published_for

LEVEL = 0.05  # of p values after Holm's correction


@styled
def scores(
    rows: pd.DataFrame, title: str, metric: str = "rank1", published: bool = False
) -> Drawing:
    """A metric in percent of each system, mean over seeds, with its interval.

    Args:
        rows: tidy rows; each label takes one row of the figure.
        title: of the figure; says which set it is, and if that is synthetic.
        metric: one of rows.METRICS.
        published: whether the published figures are drawn as open diamonds.
    """
    rows = labelled(rows, metric)
    marks = published_for(rows) if published else pd.DataFrame(columns=["label", "value"])
    labels = list(dict.fromkeys(rows["label"]))
    figure, axes = canvas(1.1 + 0.34 * len(labels))
    axis = axes[0, 0]
    height_of = {label: -i for i, label in enumerate(labels)}
    heights = rows["label"].map(height_of)
    axis.hlines(heights, rows["low"], rows["high"], color=COLOURS[0], lw=2)
    axis.plot(rows["value"], heights, "o", color=COLOURS[0], label="ours, 95 % interval", ms=6)
    for value, high, height in zip(rows["value"], rows["high"], heights, strict=True):
        place = (np.fmax(value, high), height)  # the interval may be absent
        axis.annotate(f"{value:.1f}", place, (6, -3), textcoords="offset points")
    if len(marks):
        y = marks["label"].map(height_of)
        mark = {"mfc": "white", "color": WRONG, "label": "published, on its own gallery", "ms": 6}
        axis.plot(marks["value"], y, "D", **mark)
        figure.legend(*axis.get_legend_handles_labels(), loc="outside lower right", ncols=2)
    axis.set_yticks([-i for i in range(len(labels))], labels)
    axis.set(
        xlim=(0, 108), ylim=(0.6 - len(labels), 0.6), xlabel=f"{METRIC_NAMES[metric]}, percent"
    )
    axis.grid(axis="y", visible=False)
    titled(figure, title)
    values = dict(zip(marks["label"], marks["value"], strict=True))
    words = [
        f"{row['label']} {with_interval(row)} %"
        + (f", published {values[row['label']]:.1f} %" if row["label"] in values else "")
        for _, row in rows.iterrows()
    ]
    return drawing(figure, title, f"{METRIC_NAMES[metric]}: {'; '.join(words)}.")


@styled
def differences(rows: pd.DataFrame, title: str) -> Drawing:
    """Differences to a reference, in points, with 95 % intervals and a line at zero.

    Args:
        rows: of handid.report.differences: `label`, `value`, `low`, `high` (percentage points), and
            `p_holm`: a dot is filled where the interval excludes zero also after Holm's correction.
        title: of the figure; names metric and reference, and says if the set is synthetic.
    """
    figure, axes = canvas(1.1 + 0.34 * len(rows))
    axis = axes[0, 0]
    heights = -np.arange(len(rows))
    axis.axvline(0, color="#444444", lw=1)
    axis.hlines(heights, rows["low"], rows["high"], color=COLOURS[2], lw=2)
    shown = (rows["p_holm"] <= LEVEL) & ((rows["low"] > 0) | (rows["high"] < 0))
    for filled, face in ((True, COLOURS[2]), (False, "white")):
        some = (shown == filled).to_numpy()
        dots = {"ls": "none", "marker": "o", "color": COLOURS[2], "mfc": face, "ms": 6}
        axis.plot(rows["value"][some], heights[some], **dots)
    clear = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # the line at zero may be behind
    for value, high, height in zip(rows["value"], rows["high"], heights, strict=True):
        place = (np.fmax(value, high), height)
        axis.annotate(f"{value:+.1f}", place, (6, -3), textcoords="offset points", bbox=clear)
    axis.set_yticks(heights, rows["label"])
    axis.set_xlabel("percentage points; bar: 95 % interval\nfilled dot: shown, also after Holm")
    axis.set_ylim(0.4 - len(rows), 0.6)
    axis.margins(x=0.15)
    axis.grid(axis="y", visible=False)
    titled(figure, title)
    words = "; ".join(
        f"{row['label']} {with_interval(row, form='+.1f')}{' (shown)' if clear else ''}"
        for (_, row), clear in zip(rows.iterrows(), shown, strict=True)
    )
    return drawing(figure, title, f"Differences in percentage points: {words}.")


@styled
def questions(rows: pd.DataFrame, title: str) -> Drawing:
    """Questions asked in words: a bar with its 95 % interval each, and a mark at chance.

    Args:
        rows: of differences.questions: `label`, `correct`, `low`, `high`, `chance` (percent; low
            and high may be NaN: no interval), and `p_holm`: a bar is filled where the interval
            excludes chance also after Holm's correction.
        title: of the figure; says if the set is synthetic.
    """
    figure, axes = canvas(1.3 + 0.42 * len(rows))
    axis = axes[0, 0]
    heights = -np.arange(len(rows))
    shown = (rows["p_holm"] <= LEVEL) & (
        (rows["low"] > rows["chance"]) | (rows["high"] < rows["chance"])
    )
    faces = [(*COLOURS[0], 0.45) if clear else "white" for clear in shown]
    axis.barh(heights, rows["correct"], 0.6, color=faces, edgecolor=COLOURS[0], lw=0.8)
    bars = {"color": COLOURS[0], "lw": 2.5, "label": "95 % interval"}
    axis.hlines(heights, rows["low"], rows["high"], **bars)
    mark = {"color": WRONG, "ls": "none", "marker": "|", "ms": 22, "mew": 2.5}
    axis.plot(rows["chance"], heights, label="chance", **mark)
    ends = rows[["correct", "high", "chance"]].max(axis=1)
    for value, end, height in zip(rows["correct"], ends, heights, strict=True):
        axis.annotate(f"{value:.1f}", (end, height), (6, -3), textcoords="offset points")
    axis.set_yticks(heights, rows["label"])
    axis.set(xlim=(0, 108), ylim=(0.4 - len(rows), 0.6), title=title)
    axis.set_xlabel(
        "right answers, percent (balanced); filled bar: differs from chance, also after Holm"
    )
    axis.grid(axis="y", visible=False)
    handles = axis.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower right", ncols=2, markerscale=0.5)
    words = "; ".join(
        f"{row['label']} {with_interval(row, 'correct')} %, chance {row['chance']:.0f} %"
        + (" (differs, also after Holm)" if clear else "")
        for (_, row), clear in zip(rows.iterrows(), shown, strict=True)
    )
    return drawing(figure, title, f"Right answers: {words}.")
