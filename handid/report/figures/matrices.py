"""Figures of matrices: confusions, similarities, and grids of numbers of parts."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from handid.report.figures.evidence import nothing
from handid.report.figures.style import WIDTH, Drawing, canvas, drawing, styled, titled


@styled
def confusion(table: pd.DataFrame, title: str) -> Drawing:
    """What was answered (columns) to what is true (rows), percent of each row.

    Args:
        table: [truths, answers], percent; the index and the columns are the names.
        title: of the figure; says if the set is synthetic.
    """
    figure, axes = canvas(1.4 + 0.45 * len(table))
    axis = axes[0, 0]
    shades = {"cmap": "Blues", "vmin": 0, "vmax": 240}  # light: numbers stay readable
    axis.imshow(table, aspect="auto", **shades)
    for (row, column), value in np.ndenumerate(table.to_numpy()):
        weight = "bold" if row == column else "normal"
        axis.text(column, row, f"{value:.0f}", ha="center", va="center", weight=weight)
    _names(axis, table)
    axis.set(xlabel="answer, % of the row", ylabel="truth", title=title)
    words = "; ".join(
        f"{truth}: taken for {row.idxmax()} in {row.max():.0f} %" for truth, row in table.iterrows()
    )
    return drawing(figure, title, f"{words}.")


@styled
def similarities(matrix: np.ndarray, title: str) -> Drawing:
    """How alike the texts of identities are, each with each.

    Args:
        matrix: [K, K] cosines.
        title: of the figure; says if the set is synthetic.
    """
    figure, axes = canvas(3.4)
    axis = axes[0, 0]
    lowest = min(0.0, float(matrix.min()))
    image = axis.imshow(matrix, cmap="viridis", vmin=lowest, vmax=1)
    axis.set(xlabel="identity", ylabel="identity", anchor="W")
    for ticks in (axis.xaxis, axis.yaxis):
        ticks.set_major_locator(MaxNLocator(integer=True))
    axis.grid(False)
    inset = axis.inset_axes([1.04, 0, 0.05, 1])  # beside the square, wherever that is
    figure.colorbar(image, cax=inset, label="cosine")
    titled(figure, title)
    others = matrix[~np.eye(len(matrix), dtype=bool)]
    words = f"The texts of {len(matrix)} identities"
    if len(others):
        words += (
            f" have a cosine of {others.mean():.3f} with each other on average, "
            f"{others.min():.3f} at least and {others.max():.3f} at most"
        )
    return drawing(figure, title, f"{words}.")


@styled
def grids(tables: dict[str, pd.DataFrame], title: str) -> Drawing:
    """Grids of one figure side by side, darker for more; each on its own scale.

    Args:
        tables: a panel's title -> [rows, columns] percent; index and columns are named. An empty
            one has no panel.
        title: of the figure; names the metric, and says if the set is synthetic.
    """
    absent = [name for name, table in tables.items() if table.empty]
    tables = {name: table for name, table in tables.items() if not table.empty}
    if not tables:
        return nothing(title, "Grids", "nothing was measured", "nothing was measured")
    tallest = max(len(table) for table in tables.values())
    figure, axes = canvas(1.3 + 0.5 * tallest, 1, len(tables))
    for axis, (name, table) in zip(axes.flat, tables.items(), strict=True):
        low, high = table.min().min(), table.max().max()
        room = max(high - low, 1.0)
        axis.imshow(table, cmap="Blues", vmin=low - room / 2, vmax=high + room, aspect="auto")
        for (row, column), value in np.ndenumerate(table.to_numpy()):
            weight = "bold" if value == high else "normal"
            axis.text(column, row, f"{value:.1f}", ha="center", va="center", weight=weight)
        _names(axis, table)
        axis.set(xlabel=table.columns.name, ylabel=table.index.name)
        axis.set_title(name, fontweight="normal", fontsize=9.5)
    titled(figure, title)
    words = [f"{name}: {_grid_in_words(table)}." for name, table in tables.items()]
    words += [f"{name}: nothing was measured." for name in absent]
    return drawing(figure, title, " ".join(words))


@styled
def heat_maps(
    tables: dict[str, pd.DataFrame], marks: dict[str, pd.DataFrame], title: str
) -> Drawing:
    """Percentages of systems (rows) by image (columns), one panel below the other, on one scale.

    Args:
        tables: a panel's title -> [rows, columns] percent; NaN for what was not measured.
        marks: the same panels, whether a figure is bold.
        title: of the figure; names the metric, and says if the set is synthetic.
    """
    lines = [len(table) + 2 for table in tables.values()]
    figure = Figure(figsize=(WIDTH, 0.6 + 0.25 * sum(lines)), layout="constrained")
    axes = figure.subplots(len(tables), 1, squeeze=False, height_ratios=lines)[:, 0]
    for axis, (name, table) in zip(axes, tables.items(), strict=True):
        axis.imshow(table, cmap="Blues", vmin=0, vmax=170, aspect="auto")  # light: readable
        for (row, column), value in np.ndenumerate(table.to_numpy()):
            weight = "bold" if marks[name].iloc[row, column] else "normal"
            text = "–" if np.isnan(value) else f"{value:.0f}"
            axis.text(column, row, text, ha="center", va="center", weight=weight)
        _names(axis, table)
        axis.set_title(name, fontweight="normal", fontsize=9.5)
    titled(figure, title)
    words = " ".join(f"{name}: {_rows_in_words(table)}." for name, table in tables.items())
    return drawing(figure, title, words)


def _rows_in_words(table: pd.DataFrame) -> str:
    """All figures, row by row."""
    return "; ".join(
        f"{name} " + ", ".join(f"{image} {value:.0f} %" for image, value in row.dropna().items())
        for name, row in table.iterrows()
    )


def _names(axis: Axes, table: pd.DataFrame) -> None:
    axis.set_xticks(range(table.shape[1]), [str(name) for name in table.columns])
    axis.set_yticks(range(len(table)), [str(name) for name in table.index])
    axis.grid(False)


def _grid_in_words(grid: pd.DataFrame) -> str:
    """The best and the worst cell of a grid."""
    cells = [
        (value, f"{grid.index[row]} by {grid.columns[column]}")
        for (row, column), value in np.ndenumerate(grid.to_numpy())
        if not np.isnan(value)
    ]
    (highest, best), (lowest, worst) = max(cells), min(cells)
    return (
        f"{len(cells)} numbers of parts, {grid.index.name} rows by {grid.columns.name} columns: "
        f"best {best} with {highest:.1f} %, worst {worst} with {lowest:.1f} %"
    )
