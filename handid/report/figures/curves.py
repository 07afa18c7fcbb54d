"""Figures of curves: cumulative match characteristics, trainings, and the parts of a loss."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from handid.report.figures.style import WIDTH, Drawing, canvas, dash, drawing, styled, titled
from handid.report.rows import Score, labels

_MOST = 8  # curves of stored ones in one figure
_NO_LOSS = ("stage", "epoch", "learning_rate", "total", "validation", "seconds")
_NO_LOSS += ("images_per_second",)


@styled
def cmc(curves: Sequence[Score] | pd.DataFrame, title: str, ranks: int = 20) -> Drawing:
    """Cumulative match characteristic: share of queries found among the first k.

    Args:
        curves: scores, of which the first seed of each system is drawn; or stored curves of one
            test set (rows.read_curves), of which those that are highest at rank 1 are.
        title: of the figure; says which set it is, and if that is synthetic.
        ranks: how many ranks to show.
    """
    stored = isinstance(curves, pd.DataFrame)
    percent = _stored(curves) if stored else _of_scores(curves)
    figure, axes = canvas(3.4)
    axis = axes[0, 0]
    for number, (label, curve) in enumerate(percent.items()):
        shown = curve[:ranks]
        axis.plot(np.arange(1, len(shown) + 1), shown, lw=2, label=label, **dash(number))
    axis.set(xlabel="rank k", ylabel="queries found, %", ylim=(0, 102), xlim=(1, ranks))
    axis.set_title(title)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    words = "; ".join(f"{label} {_at_ranks(curve, ranks)}" for label, curve in percent.items())
    return drawing(figure, title, f"Share of queries found among the first k: {words}.")


def _of_scores(scores: Sequence[Score]) -> dict[str, np.ndarray]:
    """[G] percent by label, the first seed of each."""
    heads = pd.DataFrame([score.rows.iloc[0] for score in scores]).reset_index(drop=True)
    curves: dict[str, np.ndarray] = {}
    for label, score in zip(labels(heads, heads["method"]), scores, strict=True):
        curves.setdefault(label, 100 * np.asarray(score.cmc))
    return curves


def _stored(curves: pd.DataFrame) -> dict[str, np.ndarray]:
    """[G] percent by label, the first seed of each; of too many the highest at rank 1."""
    first = curves[curves["seed"] == curves["seed"].min()]
    first = first.assign(label=labels(first, first["method"]))
    by_label = {
        label: curve["found"].to_numpy() for label, curve in first.groupby("label", sort=False)
    }
    highest = sorted(by_label, key=lambda label: -by_label[label][0])[:_MOST]
    return {str(label): curve for label, curve in by_label.items() if label in highest}


def _at_ranks(curve: np.ndarray, ranks: int) -> str:
    """A curve in words, at a few of the ranks that are shown."""
    known = [rank for rank in (1, 5, 10, 20) if rank <= min(ranks, len(curve))]
    return ", ".join(f"{curve[rank - 1]:.1f} % (k = {rank})" for rank in known)


@styled
def training(
    histories: dict[str, pd.DataFrame], title: str, validation: str = "Validation (training people)"
) -> Drawing:
    """Training curves: the sum of the losses and the validation figure by epoch.

    Args:
        histories: label -> table with `total` and `validation` (fraction), one row per epoch.
        title: of the figure; says which set it is, and if that is synthetic.
        validation: title of the right half: whose hands the validation ranks.
    """
    figure, axes = canvas(3.1, 1, 2)
    for number, (label, history) in enumerate(histories.items()):
        epochs = np.arange(1, len(history) + 1)
        line = {"lw": 1.8, "marker": "o", "ms": 3, "label": label, **dash(number)}
        axes[0, 0].plot(epochs, history["total"], **line)
        axes[0, 1].plot(epochs, 100 * history["validation"], **line)
    axes[0, 0].set(ylabel="sum of losses")
    axes[0, 1].set(ylabel="mAP, %")
    for axis, name in zip(axes.flat, ("Training", validation), strict=True):
        _by_epoch(axis)
        axis.set_title(name, fontweight="normal", fontsize=9.5)
    titled(figure, title)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    words = "; ".join(_training_in_words(label, table) for label, table in histories.items())
    return drawing(figure, title, f"{words}.")


def _training_in_words(label: str, history: pd.DataFrame) -> str:
    best = history["validation"].max()
    validated = "" if np.isnan(best) else f", best validation mAP {100 * best:.1f} %"
    loss, epochs = history["total"], "1 epoch" if len(history) == 1 else f"{len(history)} epochs"
    return f"{label}: loss from {loss.iloc[0]:.2f} to {loss.iloc[-1]:.2f}{validated}, {epochs}"


@styled
def loss_parts(history: pd.DataFrame, title: str) -> Drawing:
    """Each loss of one training by epoch; of several stages, each loss is named with its stage.

    Args:
        history: one row per epoch, as a training leaves it.
        title: of the figure; says which set it is, and if that is synthetic.
    """
    losses = _by_stage(history)
    figure, axes = canvas(2.6)
    axis = axes[0, 0]
    for number, (name, values) in enumerate(losses.items()):
        line = {"lw": 1.8, "marker": "o", "ms": 3, "label": name, **dash(number)}
        axis.plot(np.arange(1, len(values) + 1), values, **line)
    _by_epoch(axis)
    axis.set(ylabel="loss", title=title)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    words = "; ".join(
        f"{name} from {known.iloc[0]:.2f} to {known.iloc[-1]:.2f}"
        for name, values in losses.items()
        if len(known := values.dropna())
    )
    return drawing(figure, title, f"Losses by epoch: {words}.")


def _by_stage(history: pd.DataFrame) -> pd.DataFrame:
    """[epochs, losses]: a loss of the same name in another stage may be another one."""
    names = [column for column in history.columns if column not in _NO_LOSS]
    stages = list(dict.fromkeys(history["stage"]))
    if len(stages) == 1:
        return history[names]
    parts = {
        f"{stage}: {name}": history[name].where(history["stage"] == stage)
        for stage in stages
        for name in names
    }
    return pd.DataFrame(parts).dropna(axis=1, how="all")


@styled
def decline(
    curves: pd.DataFrame, pictures: Sequence[np.ndarray], title: str, hidden: bool = False
) -> Drawing:
    """Rank-1 by the severity of one degradation, a photograph of each severity above.

    Args:
        curves: rows of handid.report.decline.curves of one kind and one test set.
        pictures: [H, W, 3] uint8, as it is and at each severity.
        title: of the figure; says which set it is, and if that is synthetic.
        hidden: whether grey squares stand in the photographs' place.
    """
    sides = list(dict.fromkeys(curves["degraded"]))
    figure = Figure(figsize=(WIDTH, 5.0), layout="constrained")
    ((above,), (below,)) = figure.subfigures(2, 1, squeeze=False, height_ratios=(2, 5))
    ticks = curves.drop_duplicates("amount").sort_values("amount")
    names = [_severity(row) for _, row in ticks.iterrows()]
    for axis, picture, name in zip(
        above.subplots(1, len(pictures), squeeze=False).flat, pictures, names, strict=True
    ):
        axis.imshow(picture)
        axis.set_axis_off()
        axis.set_title(name, fontsize=8, fontweight="normal", loc="center", pad=3)
    axes = below.subplots(1, len(sides), squeeze=False, sharey=True)[0]
    for axis, side in zip(axes, sides, strict=True):
        _decline(axis, curves[curves["degraded"] == side])
        axis.set_xticks(ticks["amount"], names, rotation=30, fontsize=8)
        axis.set_title(f"degraded: {side}", fontweight="normal", fontsize=9.5)
    unit = curves["unit"].iloc[0]
    axes[0].set(ylabel="rank-1, %", ylim=(0, 102), xlabel=unit or None)
    below.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    titled(figure, title)
    words = "; ".join(
        f"{label}, {side}: "
        + ", ".join(f"{_severity(r)} {r['value']:.0f} %" for _, r in p.iterrows())
        for (label, side), p in curves.groupby(["label", "degraded"], sort=False)
    )
    unseen = " The photographs are hidden: grey squares stand in their place." if hidden else ""
    return drawing(
        figure, title, f"Rank-1 by severity{f' ({unit})' if unit else ''}: {words}.{unseen}"
    )


def _severity(row: pd.Series) -> str:
    """A severity as its tick says it."""
    if not row["amount"]:
        return "as it is"
    return f"{row['severity']:g}" if row["unit"] else str(row["kind"])


def _decline(axis: Axes, curves: pd.DataFrame) -> None:
    for number, (label, line) in enumerate(curves.groupby("label", sort=False)):
        axis.plot(line["amount"], line["value"], "o", ms=3, color=dash(number)["color"])
        axis.plot(line["amount"], line["value"], lw=1.8, label=label, **dash(number))
        bounds = line["amount"], line["low"].astype(float), line["high"].astype(float)
        axis.fill_between(*bounds, color=dash(number)["color"], alpha=0.12, lw=0)


def _by_epoch(axis: Axes) -> None:
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axis.set(xlabel="epoch")
