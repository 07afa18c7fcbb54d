"""Figures of what a match is worth, of several systems on one target and task."""

from collections.abc import Callable, Sequence
from statistics import NormalDist

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
from handid.report.worth import Worth

_TICKS = (0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)  # of the axes of DET, rates
_COLUMNS = 3  # panels side by side
_deviate = NormalDist().inv_cdf


@styled
def similarities_of_pairs(worths: Sequence[Worth], title: str) -> Drawing:
    """Scores of the same and of different hands, one panel per system, and the threshold.

    Args:
        worths: one per system.
        title: of the figure; says which set it is, and if that is synthetic.
    """
    return _panels(worths, title, _scores, "Densities of similarity", 2.1, sharey=False)


def _scores(axis: Axes, worth: Worth) -> str:
    mated, nonmated = (part[np.isfinite(part)] for part in (worth.mated, worth.nonmated))
    both = np.concatenate([mated, nonmated])
    bins = np.linspace(both.min(), max(both.max(), both.min() + 1e-6), 40)
    for part, colour, name, style in (
        (nonmated, WRONG, "different hands", "--"),
        (mated, RIGHT, "same hand", "-"),
    ):
        heights, edges = np.histogram(part, bins, density=True)
        axis.stairs(heights, edges, color=colour, ls=style, label=name)
    axis.set(xlabel="cosine similarity", yticks=[])
    middle = [f"{np.median(part):.2f}" for part in (mated, nonmated)]
    words = f"median {middle[0]} for the same hand, {middle[1]} for different ones"
    if np.isfinite(worth.threshold):
        axis.axvline(worth.threshold, color="#444444", lw=1, label="threshold")
        words += f", threshold {worth.threshold:.2f}"
    return words


@styled
def det(worths: Sequence[Worth], title: str) -> Drawing:
    """DET curves on normal-deviate axes, cut at the floor that the number of people sets.

    Args:
        worths: one per system.
        title: of the figure; says which set it is, and if that is synthetic.
    """
    figure, axes = canvas(4.2)
    axis, floor = axes[0, 0], max(worth.floor for worth in worths)
    text = "False non-match against false match rate on normal-deviate axes"
    axis.set(xlabel="false match rate, %", ylabel="false non-match rate, %", title=title)
    if floor >= 0.4:
        axis.set(xticks=[], yticks=[])
        said = f"n/a (floor {100 * floor:.1f} %): so few people support no rate"
        axis.text(0.5, 0.5, said, ha="center", transform=axis.transAxes)
        return drawing(figure, title, f"{text}: {said}.")
    for number, worth in enumerate(worths):
        axis.plot(worth.det["x"], worth.det["y"], lw=2, label=worth.name, **dash(number))
    ticks = [tick for tick in _TICKS if tick > 1.25 * floor]
    places = [_deviate(rate) for rate in (floor, *ticks, 0.5)]
    labels = [f"{100 * floor:.1f} (floor)", *[f"{100 * tick:g}" for tick in ticks], "50"]
    axis.plot([places[0], 0], [places[0], 0], color="#999999", lw=1, ls=":", label="equal rates")
    axis.set_xticks(places, labels)
    axis.set_yticks(places, labels)
    axis.set(xlim=(places[0], 0.05), ylim=(places[0], 0.05), aspect="equal")
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    words = "; ".join(f"{worth.name}: {_at_rates(worth.det, floor)}" for worth in worths)
    return drawing(figure, title, f"{text}, cut at the floor of {100 * floor:.1f} %. {words}.")


def _at_rates(curve: pd.DataFrame, floor: float) -> str:
    """False non-match rates of a curve at a few false match rates above the floor."""
    words = []
    for rate in (0.05, 0.1, 0.2):
        below = curve[curve["fmr"] <= rate]
        if rate >= floor and len(below):
            words.append(f"{100 * below['fnmr'].min():.1f} % at {100 * rate:g} %")
    return ", ".join(words) or "no rate above the floor"


@styled
def open_set(worths: Sequence[Worth], title: str) -> Drawing:
    """Searches of people who may not be enrolled: missed against falsely returned.

    Args:
        worths: one per system.
        title: of the figure; says which set it is, and if that is synthetic.
    """
    figure, axes = canvas(3.6)
    axis, words = axes[0, 0], []
    for number, worth in enumerate(worths):
        curve = 100 * worth.search[["fpir", "fnir"]].astype(float)
        axis.plot(curve["fpir"], curve["fnir"], lw=2, label=worth.name, **dash(number))
        words.append(f"{worth.name}: {', '.join(_missed(curve, worth, at) for at in (10, 50))}")
    first = worths[0]
    axis.axvspan(0, 100 * first.floor, color="#eeeeee", label="below the floor")
    axis.axhspan(0, 100 * first.floor, color="#eeeeee")
    axis.set(xlim=(0, 100), ylim=(0, 102), ylabel="not named though enrolled (FNIR), %")
    axis.set_xlabel(f"somebody is named though absent (FPIR), %; {first.n_gallery} enrolled")
    axis.set_title(title)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    text = f"FNIR at rank 1 against FPIR, gallery of {first.n_gallery} people"
    return drawing(figure, title, f"{text}. {'; '.join(words)}.")


def _missed(curve: pd.DataFrame, worth: Worth, at: float) -> str:
    """The lowest FNIR up to an FPIR, all in percent."""
    missed = curve.loc[curve["fpir"] <= at, "fnir"].min()
    if np.isnan(missed):
        return f"none at {at} %"
    said = "n/a (floor)" if at < 100 * worth.floor else supported(missed / 100, worth.floor)
    return f"{said} at {at} %"


@styled
def tippett(worths: Sequence[Worth], title: str) -> Drawing:
    """Shares of likelihood ratios at or above each value, with bands over people and the bounds.

    Args:
        worths: one per system; a panel of one that could not be calibrated says so.
        title: of the figure; says which set it is, and if that is synthetic.
    """
    return _panels(worths, title, _tippett, "Shares of likelihood ratios at or above each value")


@styled
def entropy(worths: Sequence[Worth], title: str) -> Drawing:
    """Empirical cross-entropy by prior odds: the ratios, their best order-keeping, and none.

    Args:
        worths: as of `tippett`.
        title: of the figure; says which set it is, and if that is synthetic.
    """
    return _panels(worths, title, _entropy, "Cross-entropy in bits by prior odds")


@styled
def pav(worths: Sequence[Worth], title: str) -> Drawing:
    """The calibrated ratio of each score beside the best that keeps the order of the test scores.

    Args:
        worths: as of `tippett`.
        title: of the figure; says which set it is, and if that is synthetic.
    """
    return _panels(worths, title, _pav, "Log10 likelihood ratio by similarity")


def _panels(
    worths: Sequence[Worth],
    title: str,
    draw: Callable[[Axes, Worth], str],
    text: str,
    height: float = 2.5,
    *,
    sharey: bool = True,
) -> Drawing:
    """One panel per system, a few side by side; one that could not be calibrated stays empty."""
    if draw is not _scores and all(worth.calibration is None for worth in worths):
        reasons = "; ".join(dict.fromkeys(worth.refusal.rstrip(".") for worth in worths))
        return nothing(title, text, "not calibrated", f"nothing could be calibrated. {reasons}")
    columns = min(_COLUMNS, len(worths))
    rows = -(-len(worths) // columns)
    figure, axes = canvas(0.7 + height * rows, rows, columns, sharey=sharey)
    words, legend = [], {}
    for axis, worth in zip(axes.flat, worths, strict=False):
        axis.set_title(worth.name, fontweight="normal", fontsize=9.5)
        if draw is not _scores and worth.calibration is None:
            axis.axis("off")
            axis.text(0.5, 0.5, "not calibrated", ha="center", transform=axis.transAxes)
            words.append(f"{worth.name}: not calibrated. {worth.refusal.rstrip('.')}")
            continue
        words.append(f"{worth.name}: {draw(axis, worth)}")
        legend |= dict(zip(*axis.get_legend_handles_labels()[::-1], strict=True))
    for axis in axes.flat[len(worths) :]:
        axis.axis("off")
    for axis in axes[:, 1:].flat:
        axis.set_ylabel("")
    if legend:
        figure.legend(legend.values(), legend.keys(), loc="outside lower center", ncols=4)
    titled(figure, title)
    return drawing(figure, title, f"{text}. {'; '.join(words)}.")


def nothing(title: str, text: str, shown: str, why: str) -> Drawing:
    """An empty place with its reasons."""
    figure, axes = canvas(0.9)
    axes[0, 0].axis("off")
    axes[0, 0].text(0, 0.5, shown, transform=axes[0, 0].transAxes)
    titled(figure, title)
    return drawing(figure, title, f"{text}: empty, {why}.")


def _tippett(axis: Axes, worth: Worth) -> str:
    table = worth.tippett
    for name, colour, label, style in (
        ("mated", RIGHT, "same hand", "-"),
        ("nonmated", WRONG, "different hands", "--"),
    ):
        axis.plot(table["llr"], 100 * table[name], color=colour, ls=style, label=label)
        low, high = (100 * table[f"{name}_{end}"] for end in ("low", "high"))
        axis.fill_between(table["llr"], low, high, color=colour, alpha=0.15, lw=0)
    axis.axvline(0, color="#444444", lw=1)
    for bound in worth.bounds:
        axis.axvline(bound, color="#777777", lw=1, ls=":", label="bounds")
    axis.set(xlabel="log10 likelihood ratio", ylabel="at or above, %", ylim=(0, 102))
    low, high = worth.bounds
    return (
        f"same hand below 0 {_percent(worth, 'misleading_mated')}, different hands above 0 "
        f"{_percent(worth, 'misleading_nonmated')}, bounds {low:.1f} and {high:.1f}"
    )


def _percent(worth: Worth, metric: str) -> str:
    row = worth.figure(metric)
    return "–" if row is None else supported(row["value"], row["floor"])


def supported(rate: float, floor: float) -> str:
    """A rate in percent, unless so few people support none that low."""
    return "n/a (floor)" if rate < floor else f"{100 * rate:.1f} %"


def _entropy(axis: Axes, worth: Worth) -> str:
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


def _pav(axis: Axes, worth: Worth) -> str:
    table, (low, high) = worth.pav, worth.bounds
    edge = 1.25 * max(high, -low, 0.4)
    best = table["best"].clip(-edge, edge)  # infinite where one kind alone is
    axis.plot(table["score"], best, ls="--", color=COLOURS[2], lw=1.5, label="best in this order")
    axis.plot(table["score"], table["line"], color=COLOURS[0], lw=2, label="as calibrated")
    axis.axhline(0, color="#444444", lw=1)
    axis.set(xlabel="cosine similarity", ylabel="log10 ratio", ylim=(-1.05 * edge, 1.05 * edge))
    apart = float(np.abs(best.clip(low, high) - table["line"]).mean())
    return f"calibrated and best ratio differ by {apart:.2f} on average, within the bounds"
