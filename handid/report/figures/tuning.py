"""Figures of a fair trial: what more trials would give, and what the study could have seen."""

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from handid.report.figures.evidence import nothing
from handid.report.figures.style import COLOURS, Drawing, canvas, dash, drawing, styled, titled


@styled
def expected_best(curves: pd.DataFrame, title: str) -> Drawing:
    """Expected best validation by number of trials, one panel per backbone.

    Args:
        curves: one row per system, backbone and number of trials: method, backbone, trials, best
            (percent); see statistics.expected_best.
        title: of the figure; says which set it is, and if that is synthetic.
    """
    names, methods = curves["backbone"].unique(), list(curves["method"].unique())
    figure, axes = canvas(3.6, 1, len(names))  # each encoder has a range of its own
    words = []
    for axis, name in zip(axes.flat, names, strict=True):
        for method, part in curves[curves["backbone"] == name].groupby("method", sort=False):
            line = {"lw": 1.8, "label": method, **dash(methods.index(str(method)))}
            axis.plot(part["trials"], part["best"], **line)
            first, last = part["best"].iloc[0], part["best"].iloc[-1]
            words.append(f"{method} on {name} {first:.1f} % to {last:.1f} %")
        axis.set(xlabel="trials")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axis.set_title(str(name), fontweight="normal", fontsize=9.5)
    axes[0, 0].set(ylabel="expected best mAP, %")
    titled(figure, title)
    handles = {
        label: handle
        for axis in axes.flat
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)
    return drawing(figure, title, f"Expected best, one trial to all: {'; '.join(words)}.")


@styled
def smallest_difference(curves: pd.DataFrame, title: str) -> Drawing:
    """The smallest difference that a study sees, by people, one line per number of seeds.

    Args:
        curves: people, seeds, points (percentage points); empty where nothing is known.
        title: of the figure.
    """
    if curves.empty:
        shown = "1 training of each system says nothing of what trainings differ"
        return nothing(title, "The smallest difference that is seen", shown, shown)
    figure, axes = canvas(3.2)
    axis, words = axes[0, 0], []
    for number, (seeds, part) in enumerate(curves.groupby("seeds")):
        label = "1 seed" if seeds == 1 else f"{seeds} seeds"
        axis.plot(part["people"], part["points"], lw=1.8, label=label, **dash(number))
        first, last = part.iloc[0], part.iloc[-1]
        words.append(
            f"{label} {first['points']:.1f} points with {first['people']:.0f} people, "
            f"{last['points']:.1f} with {last['people']:.0f}"
        )
    axis.set(xscale="log", xlabel="test people", ylabel="points of rank-1", title=title)
    ticks = sorted(curves["people"].unique())
    shown = [tick for tick in ticks if tick in (10, 20, 45, 100, 200, 500, 1000)]
    axis.set_xticks(shown, [f"{tick:.0f}" for tick in shown])
    axis.minorticks_off()
    axis.set_ylim(bottom=0)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return drawing(figure, title, f"Smallest difference that is seen: {'; '.join(words)}.")


@styled
def pulls(shares: pd.DataFrame, title: str) -> Drawing:
    """Share of each loss in the image encoder's gradient, one bar per system and moment.

    Args:
        shares: method, backbone, moment, loss, share (percent), one row per loss and moment.
        title: of the figure; says which set it is, and if that is synthetic.
    """
    names = shares["method"] + ", " + shares["backbone"] + ", " + shares["moment"]
    wide = shares.assign(name=names).pivot(index="name", columns="loss", values="share").fillna(0)
    wide = wide.loc[names.unique(), shares["loss"].unique()]
    figure, axes = canvas(0.9 + 0.45 * len(wide))
    axis, left = axes[0, 0], np.zeros(len(wide))
    for number, (loss, values) in enumerate(wide.items()):
        axis.barh(wide.index, values, left=left, color=COLOURS[number], label=loss)
        left += values.to_numpy()
    axis.invert_yaxis()
    axis.set(xlabel="share of the gradients' length, %", xlim=(0, 100), title=title)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    words = [
        f"{name} {', '.join(f'{loss} {value:.0f} %' for loss, value in row.items())}"
        for name, row in wide.iterrows()
    ]
    return drawing(figure, title, f"Shares of the losses: {'; '.join(words)}.")
