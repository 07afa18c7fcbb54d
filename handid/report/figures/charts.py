"""Arrays and tables -> matplotlib figures. Computes nothing, saves nothing, shows nothing."""

from collections.abc import Callable, Sequence
from functools import wraps

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

WIDTH = 8.0  # inches; the reports' text is about as wide
RIGHT, WRONG = "#0072b2", "#d55e00"  # told apart by people with any colour vision
_FRAME = "#666666"
_COLOURS = sns.color_palette("colorblind")
_DASHES = ("-", "--", "-.", ":")
# From nothing to a dark red, ever denser: a grey picture stays readable below it.
_SHADES = LinearSegmentedColormap.from_list(
    "shades", [(1.0, 0.75, 0.2, 0.0), (0.95, 0.45, 0.05, 0.65), (0.6, 0.0, 0.1, 0.9)]
)
_ORDERS = {
    "map": "the map",
    "untrained": "an untrained network's map",
    "random": "chance: mean and range of draws",
}
_STYLE = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "axes.edgecolor": "#888888",
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.labelsize": 10,
    "font.size": 9.5,
    "legend.frameon": False,
    "patch.edgecolor": "white",
}


def _styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw in the house style, which is read whenever a title or a legend is made."""

    @wraps(draw)
    def styled(*args, **kwargs) -> Figure:
        with rc_context(sns.axes_style("white") | _STYLE):
            return draw(*args, **kwargs)

    return styled


def _figure(height: float, rows: int = 1, columns: int = 1, **how) -> tuple[Figure, np.ndarray]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **how)


def _title(figure: Figure, title: str) -> None:
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")


@_styled
def contact_sheet(
    images: Sequence[np.ndarray], labels: Sequence[str], title: str, columns: int = 6
) -> Figure:
    """Photographs side by side.

    Args:
        images: [H, W, 3] uint8 each.
        labels: a short text above each.
        title: of the figure.
        columns: photographs a row.
    """
    rows = max(1, -(-len(images) // columns))
    figure, axes = _figure(WIDTH / columns * 1.22 * rows + 0.4, rows, columns)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, picture, label in zip(axes.flat, images, labels, strict=False):
        axis.imshow(picture)
        axis.set_title(label, fontsize=8, fontweight="normal", loc="center", pad=3)
    _title(figure, title)
    return figure


@_styled
def images_per_person(counts: pd.DataFrame, title: str) -> Figure:
    """How many photographs each person has, a panel a view.

    Args:
        counts: a row a person and view, columns `view` and `images`.
        title: of the figure.
    """
    views = sorted(counts["view"].unique())
    figure, axes = _figure(2.4, 1, len(views), sharex=True, sharey=True)
    for axis, view in zip(axes.flat, views, strict=True):
        sns.histplot(
            counts.loc[counts["view"] == view, "images"],
            discrete=counts["images"].max() <= 40,
            color=_COLOURS[0],
            edgecolor="white",
            ax=axis,
        )
        axis.set(xlabel="photographs a person", ylabel="people")
        axis.set_title(view, fontweight="normal", fontsize=9.5)
    _title(figure, title)
    return figure


@_styled
def scores(rows: pd.DataFrame, title: str, published: pd.DataFrame | None = None) -> Figure:
    """One metric of several systems: a dot with its 95 % interval each, in percent.

    Args:
        rows: columns `label`, `value`, `low`, `high` (percent), in the order to show.
        title: of the figure; names the metric.
        published: columns `label`, `value`: drawn as open diamonds in the row of that label.
    """
    labels = list(dict.fromkeys(rows["label"]))
    figure, axes = _figure(1.1 + 0.34 * len(labels))
    axis = axes[0, 0]
    heights = rows["label"].map({label: -i for i, label in enumerate(labels)})
    axis.hlines(heights, rows["low"], rows["high"], color=_COLOURS[0], lw=2)
    axis.plot(rows["value"], heights, "o", color=_COLOURS[0], label="ours, 95 % interval", ms=6)
    for value, high, height in zip(rows["value"], rows["high"], heights, strict=True):
        axis.annotate(
            f"{value:.1f}", (max(value, high), height), (6, -3), textcoords="offset points"
        )
    if published is not None and len(published):
        known = published[published["label"].isin(labels)]
        y = known["label"].map({label: -i for i, label in enumerate(labels)})
        axis.plot(known["value"], y, "D", mfc="white", color=WRONG, label="published", ms=6)
        figure.legend(*axis.get_legend_handles_labels(), loc="outside lower right", ncols=2)
    axis.set_yticks([-i for i in range(len(labels))], labels)
    axis.set(xlim=(0, 108), ylim=(0.6 - len(labels), 0.6), xlabel="percent")
    axis.grid(axis="y", visible=False)
    _title(figure, title)
    return figure


@_styled
def differences(rows: pd.DataFrame, title: str) -> Figure:
    """Differences to a reference, in points, with 95 % intervals and a line at zero.

    Args:
        rows: columns `label`, `value`, `low`, `high` (percentage points).
        title: of the figure; names metric and reference.
    """
    figure, axes = _figure(1.1 + 0.34 * len(rows))
    axis = axes[0, 0]
    heights = -np.arange(len(rows))
    axis.axvline(0, color="#444444", lw=1)
    axis.hlines(heights, rows["low"], rows["high"], color=_COLOURS[2], lw=2)
    axis.plot(rows["value"], heights, "o", color=_COLOURS[2], ms=6)
    clear = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # the line at zero may be behind
    for value, high, height in zip(rows["value"], rows["high"], heights, strict=True):
        words = {"textcoords": "offset points", "bbox": clear}
        axis.annotate(f"{value:+.1f}", (high, height), (6, -3), **words)
    axis.set_yticks(heights, rows["label"])
    axis.set(xlabel="percentage points; the bar is a 95 % interval over people")
    axis.set_ylim(0.4 - len(rows), 0.6)
    axis.margins(x=0.15)
    axis.grid(axis="y", visible=False)
    _title(figure, title)
    return figure


@_styled
def questions(rows: pd.DataFrame, title: str) -> Figure:
    """Questions asked in words: a bar with its 95 % interval each, and a mark at chance.

    Args:
        rows: columns `label`, `correct`, `low`, `high`, `chance` (percent); low and high may be
            NaN: no interval.
        title: of the figure.
    """
    figure, axes = _figure(1.3 + 0.42 * len(rows))
    axis = axes[0, 0]
    heights = -np.arange(len(rows))
    axis.barh(heights, rows["correct"], 0.6, color=_COLOURS[0], alpha=0.45)
    axis.hlines(
        heights, rows["low"], rows["high"], color=_COLOURS[0], lw=2.5, label="95 % interval"
    )
    mark = {"color": WRONG, "ls": "none", "marker": "|", "ms": 22, "mew": 2.5}
    axis.plot(rows["chance"], heights, label="chance", **mark)
    ends = rows[["correct", "high", "chance"]].max(axis=1)
    for value, end, height in zip(rows["correct"], ends, heights, strict=True):
        axis.annotate(f"{value:.1f}", (end, height), (6, -3), textcoords="offset points")
    axis.set_yticks(heights, rows["label"])
    axis.set(xlim=(0, 108), ylim=(0.4 - len(rows), 0.6), title=title)
    axis.set_xlabel("right answers, percent (balanced over the true answers)")
    axis.grid(axis="y", visible=False)
    figure.legend(
        *axis.get_legend_handles_labels(), loc="outside lower right", ncols=2, markerscale=0.5
    )
    return figure


@_styled
def confusion(table: pd.DataFrame, title: str) -> Figure:
    """What was answered (columns) to what is true (rows), percent of each row.

    Args:
        table: [truths, answers], percent; the index and the columns are the names.
        title: of the figure.
    """
    figure, axes = _figure(1.4 + 0.45 * len(table))
    axis = axes[0, 0]
    axis.imshow(
        table, cmap="Blues", vmin=0, vmax=240, aspect="auto"
    )  # light: numbers stay readable
    for (row, column), value in np.ndenumerate(table.to_numpy()):
        weight = "bold" if row == column else "normal"
        axis.text(column, row, f"{value:.0f}", ha="center", va="center", weight=weight)
    axis.set_xticks(range(table.shape[1]), table.columns)
    axis.set_yticks(range(len(table)), table.index)
    axis.set(xlabel="answer, % of the row", ylabel="truth", title=title)
    axis.grid(False)
    return figure


@_styled
def similarities(matrix: np.ndarray, title: str) -> Figure:
    """How alike things are, each with each.

    Args:
        matrix: [K, K] cosines.
        title: of the figure.
    """
    figure, axes = _figure(3.4)
    axis = axes[0, 0]
    drawn = axis.imshow(matrix, cmap="viridis", vmin=min(0.0, float(matrix.min())), vmax=1)
    axis.set(xlabel="identity", ylabel="identity", anchor="W")
    for ticks in (axis.xaxis, axis.yaxis):
        ticks.set_major_locator(MaxNLocator(integer=True))
    axis.grid(False)
    inset = axis.inset_axes([1.04, 0, 0.05, 1])  # beside the square, wherever that is
    figure.colorbar(drawn, cax=inset, label="cosine")
    _title(figure, title)
    return figure


@_styled
def grids(tables: dict[str, pd.DataFrame], title: str) -> Figure:
    """Grids of one figure side by side, darker for more; each on its own scale.

    Args:
        tables: a panel's title -> [rows, columns] percent; index and columns are named.
        title: of the figure; names the metric.
    """
    tallest = max(len(table) for table in tables.values())
    figure, axes = _figure(1.3 + 0.5 * tallest, 1, len(tables))
    for axis, (name, table) in zip(axes.flat, tables.items(), strict=True):
        low, high = table.min().min(), table.max().max()
        room = max(high - low, 1.0)
        axis.imshow(table, cmap="Blues", vmin=low - room / 2, vmax=high + room, aspect="auto")
        for (row, column), value in np.ndenumerate(table.to_numpy()):
            weight = "bold" if value == high else "normal"
            axis.text(column, row, f"{value:.1f}", ha="center", va="center", weight=weight)
        axis.set_xticks(range(table.shape[1]), table.columns)
        axis.set_yticks(range(len(table)), table.index)
        axis.set(xlabel=table.columns.name, ylabel=table.index.name)
        axis.set_title(name, fontweight="normal", fontsize=9.5)
        axis.grid(False)
    _title(figure, title)
    return figure


@_styled
def cmc(curves: dict[str, np.ndarray], title: str, ranks: int = 20) -> Figure:
    """Cumulative match characteristic: share of queries found among the first k.

    Args:
        curves: label -> [G] fractions.
        title: of the figure; names the gallery's size.
        ranks: how many ranks to show.
    """
    figure, axes = _figure(3.4)
    axis = axes[0, 0]
    for number, (label, curve) in enumerate(curves.items()):
        shown = 100 * np.asarray(curve)[:ranks]
        colour = _COLOURS[number % len(_COLOURS)]
        style = _DASHES[number % len(_DASHES)]
        axis.plot(np.arange(1, len(shown) + 1), shown, style, color=colour, lw=2, label=label)
    axis.set(
        xlabel="rank k", ylabel="queries found, %", ylim=(0, 102), xlim=(1, ranks), title=title
    )
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


@_styled
def training(
    histories: dict[str, pd.DataFrame], title: str, validation: str = "Validation (training people)"
) -> Figure:
    """Training curves: the sum of the losses and the validation figure by epoch.

    Args:
        histories: label -> table with `total` and `validation` (fraction), a row an epoch.
        title: of the figure.
        validation: title of the right half: whose hands the validation ranks.
    """
    figure, axes = _figure(3.1, 1, 2)
    for number, (label, history) in enumerate(histories.items()):
        epochs, colour = np.arange(1, len(history) + 1), _COLOURS[number % len(_COLOURS)]
        line = {"color": colour, "lw": 1.8, "marker": "o", "ms": 3, "label": label}
        line["ls"] = _DASHES[number % len(_DASHES)]
        axes[0, 0].plot(epochs, history["total"], **line)
        axes[0, 1].plot(epochs, 100 * history["validation"], **line)
    for axis in axes.flat:
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0, 0].set(xlabel="epoch", ylabel="sum of losses, nats")
    axes[0, 1].set(xlabel="epoch", ylabel="mAP, %")
    for axis, name in zip(axes.flat, ("Training", validation), strict=True):
        axis.set_title(name, fontweight="normal", fontsize=9.5)
    _title(figure, title)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


@_styled
def loss_parts(history: pd.DataFrame, parts: Sequence[str], title: str) -> Figure:
    """Each loss of one training by epoch.

    Args:
        history: a row an epoch.
        parts: its columns to draw.
        title: of the figure.
    """
    figure, axes = _figure(2.6)
    axis = axes[0, 0]
    for number, part in enumerate(parts):
        line = {
            "color": _COLOURS[number % len(_COLOURS)],
            "ls": _DASHES[number % 4],
            "marker": "o",
            "ms": 3,
        }
        axis.plot(np.arange(1, len(history) + 1), history[part], lw=1.8, label=part, **line)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set(xlabel="epoch", ylabel="nats", title=title)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


@_styled
def retrieval(
    queries: Sequence[np.ndarray], matches: Sequence[Sequence[tuple]], title: str
) -> Figure:
    """A query a row with its best matches: right ones blue and ticked, wrong ones red and crossed.

    Args:
        queries: [H, W, 3] uint8 each.
        matches: for each query (picture, is_right, similarity) in order of rank.
        title: of the figure.
    """
    width = 1 + max(len(row) for row in matches)
    figure, axes = _figure(1.62 * len(queries) + 0.5, len(queries), width)
    for row, (query, found) in enumerate(zip(queries, matches, strict=True)):
        _picture(axes[row, 0], query, "query", "#444444")
        for column, (picture, right, similarity) in enumerate(found, start=1):
            mark, colour = ("✓ right", RIGHT) if right else ("✗ wrong", WRONG)
            _picture(axes[row, column], picture, f"{mark}  {similarity:.2f}", colour)
        for axis in axes[row, len(found) + 1 :]:
            axis.set_axis_off()
    _title(figure, title)
    return figure


def _picture(axis: Axes, picture: np.ndarray, text: str, colour: str) -> None:
    axis.imshow(picture)
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
    axis.set_title(text, fontsize=8, color=colour, loc="center", pad=3)
    for spine in axis.spines.values():
        spine.set(visible=True, color=colour, linewidth=2.5)


@_styled
def similarity_maps(
    queries: Sequence[np.ndarray],
    matches: Sequence[np.ndarray],
    labels: Sequence[str],
    maps: Sequence[tuple[np.ndarray, np.ndarray]],
    curves: dict[str, np.ndarray],
    title: str,
) -> Figure:
    """A query a row, with its map and its match's; beside them all what removing places costs.

    Args:
        queries: [H, W, 3] uint8 each.
        matches: the same.
        labels: of each match.
        maps: of each query and of its match [c, c], the similarity that hiding a place costs.
        curves: by what gives the order of removal, "map", "untrained" and "random": [R, S]
            similarities at evenly spaced shares, means over the queries; several are drawn as
            their mean and their range.
        title: of the figure.
    """
    rows = len(queries)
    figure = Figure(figsize=(WIDTH, 1.72 * max(rows, 2) + 0.95), layout="constrained")
    pictures, panel = figure.subfigures(1, 2, width_ratios=(3, 2))
    axes = pictures.subplots(rows, 3, squeeze=False)
    for row, query, match, label, pair in zip(axes, queries, matches, labels, maps, strict=True):
        top = max(1e-9, np.max(pair))  # of the row: pairs differ too much for one scale
        _picture(row[0], query, "query", _FRAME)
        _laid_over(row[1], query, pair[0], top, f"hiding costs up to {np.max(pair[0]):.2f}")
        _laid_over(row[2], match, pair[1], top, label)
        for axis in row:
            axis.set_anchor("N")  # where the panel is taller than the pictures
    shades = ScalarMappable(Normalize(0, 1), _SHADES)
    bar = pictures.colorbar(shades, ax=axes, location="bottom", shrink=0.55, aspect=30, pad=0.02)
    bar.set_ticks([0, 1], labels=["hiding it costs nothing", "costs most in the row"])
    bar.outline.set_visible(False)
    _deletion(panel.subplots(), curves)
    _title(figure, title)
    return figure


def _laid_over(axis: Axes, picture: np.ndarray, values: np.ndarray, top: float, text: str) -> None:
    """The picture in grey below a map: clear where nothing is lost, dark where `top` is."""
    height, width = picture.shape[:2]
    grey = picture.mean(2, keepdims=True).astype(np.uint8)
    _picture(axis, np.repeat(grey, 3, axis=2), text, _FRAME)
    area = (-0.5, width - 0.5, height - 0.5, -0.5)  # a cell of the map covers its pixels
    axis.imshow(values, cmap=_SHADES, vmin=0, vmax=top, interpolation="bicubic", extent=area)


def _deletion(axis: Axes, curves: dict[str, np.ndarray]) -> None:
    for number, (name, drawn) in enumerate(curves.items()):
        shares, middle = np.linspace(0, 100, drawn.shape[1]), drawn.mean(axis=0)
        colour = {"map": WRONG, "untrained": RIGHT}.get(name, "#777777")
        label = _ORDERS.get(name, name)
        axis.plot(shares, middle, _DASHES[number % 4], color=colour, lw=2, label=label)
        if len(drawn) > 1:
            axis.fill_between(shares, drawn.min(0), drawn.max(0), color=colour, alpha=0.25, lw=0)
    axis.set(xlabel="removed of the query's area, %", ylabel="cosine similarity to the match")
    axis.set_title("Removed in the order of", fontweight="normal", fontsize=9.5)
    axis.figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center")


@_styled
def by_person(people: pd.Series, title: str) -> Figure:
    """Rank-1 of each test person, worst first: one dot a person.

    Args:
        people: person -> fraction.
        title: of the figure.
    """
    figure, axes = _figure(2.3)
    axis = axes[0, 0]
    axis.plot(np.arange(1, len(people) + 1), 100 * people.to_numpy(), "o", color=_COLOURS[0], ms=5)
    axis.axhline(100 * people.mean(), color=WRONG, lw=1.2)
    axis.annotate("mean over people", (1, 100 * people.mean()), (0, 4), textcoords="offset points")
    axis.set(xlabel="test people, worst first", ylabel="rank-1, %", ylim=(-4, 104), title=title)
    return figure
