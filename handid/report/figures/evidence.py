"""Figures of what a match is worth: scores, DET, open set, Tippett, cross-entropy, groups."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from handid.report.figures.style import (
    COLOURS,
    RIGHT,
    WRONG,
    Drawing,
    canvas,
    dash,
    drawing,
    styled,
    titled,
)

_TICKS = (0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)  # of the axes of DET, rates


class _Worth(Protocol):
    """What these figures draw of a system; study.worth.Worth is one."""

    @property
    def name(self) -> str: ...

    @property
    def floor(self) -> float: ...

    @property
    def threshold(self) -> float: ...

    @property
    def n_gallery(self) -> int: ...

    @property
    def scores(self) -> tuple[np.ndarray, np.ndarray]: ...

    @property
    def det(self) -> pd.DataFrame: ...

    @property
    def search(self) -> pd.DataFrame: ...

    @property
    def tippett(self) -> pd.DataFrame: ...

    @property
    def entropy(self) -> pd.DataFrame: ...

    @property
    def bounds(self) -> tuple[float, float]: ...

    @property
    def groups(self) -> pd.DataFrame: ...


@styled
def similarities_of_pairs(worths: Sequence[_Worth], title: str) -> Drawing:
    """Scores of the same and of different hands, one panel per system, and the threshold.

    Args:
        worths: one per system.
        title: of the figure; says which set it is, and if that is synthetic.
    """
    figure, axes = canvas(2.6, 1, len(worths))
    words = []
    for axis, worth in zip(axes.flat, worths, strict=True):
        mated, nonmated = worth.scores
        bins = np.linspace(min(nonmated.min(), mated.min()), max(mated.max(), nonmated.max()), 40)
        for part, colour, name, style in (
            (nonmated, WRONG, "different hands", "--"),
            (mated, RIGHT, "same hand", "-"),
        ):
            axis.hist(part, bins, density=True, histtype="step", color=colour, ls=style, label=name)
        axis.axvline(worth.threshold, color="#444444", lw=1, label="threshold")
        axis.set(xlabel="cosine similarity", yticks=[])
        axis.set_title(worth.name, fontweight="normal", fontsize=9.5)
        middle = [f"{np.median(part):.2f}" for part in (mated, nonmated)]
        words.append(
            f"{worth.name}: median {middle[0]} for the same hand, {middle[1]} for different ones, "
            f"threshold {worth.threshold:.2f}"
        )
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3)
    titled(figure, title)
    return drawing(figure, title, f"Densities of similarity; {'; '.join(words)}.")


@styled
def det(worths: Sequence[_Worth], title: str) -> Drawing:
    """DET curves on normal-deviate axes, and the floor that the number of people sets.

    Args:
        worths: one per system.
        title: of the figure; says which set it is, and if that is synthetic.
    """
    figure, axes = canvas(4.2)
    axis = axes[0, 0]
    for number, worth in enumerate(worths):
        axis.plot(worth.det["x"], worth.det["y"], lw=2, label=worth.name, **dash(number))
    floor = max(worth.floor for worth in worths)
    places = [_deviate(rate) for rate in (floor, *[t for t in _TICKS if t > floor], 0.5)]
    labels = [f"{100 * floor:.1f} (floor)", *[f"{100 * t:g}" for t in _TICKS if t > floor], "50"]
    axis.plot([places[0], 0], [places[0], 0], color="#999999", lw=1, ls=":", label="equal rates")
    axis.set_xticks(places, labels)
    axis.set_yticks(places, labels)
    axis.set(xlim=(places[0], 0.05), ylim=(places[0], 0.05), title=title)
    axis.set(xlabel="false match rate, %", ylabel="false non-match rate, %")
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    words = [f"{worth.name}: {_at_rates(worth.det, floor)}" for worth in worths]
    text = "False non-match against false match rate on normal-deviate axes, cut at the floor of"
    return drawing(figure, title, f"{text} {100 * floor:.1f} %. {'; '.join(words)}.")


def _deviate(rate: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(rate)


def _at_rates(curve: pd.DataFrame, floor: float) -> str:
    """False non-match rates of a curve at a few false match rates above the floor."""
    words = []
    for rate in (0.05, 0.1, 0.2):
        below = curve[curve["fmr"] <= rate]
        if rate >= floor and len(below):
            words.append(f"{100 * below['fnmr'].min():.1f} % at {100 * rate:g} %")
    return ", ".join(words) or "no rate above the floor"


@styled
def open_set(worths: Sequence[_Worth], title: str) -> Drawing:
    """Searches of people who may not be enrolled: missed against falsely returned.

    Args:
        worths: one per system.
        title: of the figure; says which set it is, and if that is synthetic.
    """
    figure, axes = canvas(3.4)
    axis, words = axes[0, 0], []
    for number, worth in enumerate(worths):
        curve = 100 * worth.search[["fpir", "fnir"]]
        axis.plot(curve["fpir"], curve["fnir"], lw=2, label=worth.name, **dash(number))
        at = [f"{curve.loc[curve['fpir'] <= p, 'fnir'].min():.1f} % at {p} %" for p in (10, 50)]
        words.append(f"{worth.name}: {', '.join(at)}")
    axis.axvspan(0, 100 * worths[0].floor, color="#eeeeee", label="below the floor")
    axis.set(xlim=(0, 100), ylim=(0, 102), title=title)
    axis.set_xlabel(f"somebody is named though absent (FPIR), %; gallery of {worths[0].n_gallery}")
    axis.set_ylabel("not named though enrolled (FNIR), %")
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    text = f"FNIR at rank 1 against FPIR, gallery of {worths[0].n_gallery} people"
    return drawing(figure, title, f"{text}. {'; '.join(words)}.")


@styled
def tippett(worths: Sequence[_Worth], title: str) -> Drawing:
    """Shares of likelihood ratios at or above each value, one panel per system, with its bounds.

    Args:
        worths: those that could be calibrated; one per system.
        title: of the figure; says which set it is, and if that is synthetic.
    """
    return _by_system(worths, title, _tippett, "Shares of likelihood ratios above each value")


@styled
def entropy(worths: Sequence[_Worth], title: str) -> Drawing:
    """Empirical cross-entropy by prior odds: the ratios, their best order-keeping, and none.

    Args:
        worths: those that could be calibrated; one per system.
        title: of the figure; says which set it is, and if that is synthetic.
    """
    return _by_system(worths, title, _entropy, "Cross-entropy in bits by prior odds")


def _by_system(worths: Sequence[_Worth], title: str, draw, text: str) -> Drawing:
    if not worths:
        return drawing(canvas(1.0)[0], title, f"{text}: nothing could be calibrated.")
    figure, axes = canvas(3.0, 1, len(worths), sharey=True)
    words = []
    for axis, worth in zip(axes.flat, worths, strict=True):
        words.append(f"{worth.name}: {draw(axis, worth)}")
        axis.set_title(worth.name, fontweight="normal", fontsize=9.5)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    titled(figure, title)
    return drawing(figure, title, f"{text}. {'; '.join(words)}.")


def _tippett(axis: Axes, worth: _Worth) -> str:
    table = worth.tippett
    for name, colour, label, style in (
        ("mated", RIGHT, "same hand", "-"),
        ("nonmated", WRONG, "different hands", "--"),
    ):
        axis.step(table["llr"], 100 * table[name], color=colour, ls=style, label=label)
        axis.fill_between(
            table["llr"],
            100 * table[f"{name}_low"],
            100 * table[f"{name}_high"],
            color=colour,
            alpha=0.15,
            lw=0,
        )
    axis.axvline(0, color="#444444", lw=1)
    for bound in worth.bounds:
        axis.axvline(bound, color="#999999", lw=1, ls=":", label="bounds" if bound > 0 else None)
    axis.set(xlabel="log10 likelihood ratio", ylabel="at or above, %", ylim=(0, 102))
    zero = table.iloc[int(np.argmin(np.abs(table["llr"])))]
    low, high = worth.bounds
    return (
        f"{100 * (1 - zero['mated']):.1f} % of the same hand below 0, "
        f"{100 * zero['nonmated']:.1f} % of different hands at or above it, "
        f"bounds {low:.1f} and {high:.1f}"
    )


def _entropy(axis: Axes, worth: _Worth) -> str:
    table = worth.entropy
    for name, label, style, colour in (
        ("neutral", "no evidence", ":", "#777777"),
        ("system", "as calibrated", "-", COLOURS[0]),
        ("pav", "best in this order", "--", COLOURS[2]),
    ):
        axis.plot(table["prior"], table[name], ls=style, color=colour, lw=2, label=label)
    axis.set(xlabel="prior log10 odds", ylabel="bits", ylim=(0, 1.05))
    even = table.iloc[int(np.argmin(np.abs(table["prior"])))]
    return f"{even['system']:.2f} bits at even odds, {even['pav']:.2f} at best, 1 without evidence"


@styled
def group_errors(worth: _Worth, title: str) -> Drawing:
    """Error rates by group of people with their intervals; groups under ten people stay empty.

    Args:
        worth: of one system.
        title: of the figure; says which set it is, and if that is synthetic.
    """
    table = worth.groups
    metrics = list(dict.fromkeys(table["metric"]))
    places = table.drop_duplicates(["attribute", "group"]).reset_index(drop=True)
    figure, axes = canvas(1.2 + 0.3 * len(places), 1, max(1, len(metrics)), sharey=True)
    for axis, metric in zip(axes.flat, metrics, strict=False):
        part = table[table["metric"] == metric]
        heights = -np.arange(len(part))
        axis.hlines(heights, 100 * part["low"], 100 * part["high"], color=COLOURS[0], lw=2)
        axis.plot(100 * part["share"], heights, "o", color=COLOURS[0], ms=5)
        axis.set(xlabel=f"{metric}, %")
        axis.set_xlim(left=0)
    if len(places):
        names = places["attribute"] + ": " + places["group"] + " (" + places["n_people"].astype(str)
        axes[0, 0].set_yticks(-np.arange(len(places)), names + ")")
    titled(figure, title)
    judged = table.dropna(subset="share")
    words = [
        f"{row['metric']} of {row['attribute']} {row['group']} ({row['n_people']} people) "
        f"{100 * row['share']:.1f} % [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
        for _, row in judged.iterrows()
    ]
    empty = len(places) - judged.drop_duplicates(["attribute", "group"]).shape[0]
    text = "; ".join(words) or "no group has ten people"
    return drawing(
        figure, title, f"{text}. Groups with fewer than ten people, not judged: {empty}."
    )
