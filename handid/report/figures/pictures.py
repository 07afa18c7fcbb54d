"""Figures of photographs: contact sheets, queries with their matches, maps of similarity."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from handid.report.figures.style import (
    DASHES,
    RIGHT,
    WIDTH,
    WRONG,
    Drawing,
    canvas,
    drawing,
    styled,
    titled,
)
from handid.report.tables import mean_deletion

_FRAME = "#666666"
_QUERY = "#444444"
# From nothing to a dark red, ever denser: a grey picture stays readable below it.
_SHADES = LinearSegmentedColormap.from_list(
    "shades", [(1.0, 0.75, 0.2, 0.0), (0.95, 0.45, 0.05, 0.65), (0.6, 0.0, 0.1, 0.9)]
)
_ORDERS = {
    "map": "the map",
    "untrained": "an untrained network's map",
    "random": "chance: mean and range of draws",
}
HIDDEN = " The photographs are hidden: grey squares stand in their place."


class _Pair(Protocol):
    """The maps of a query and of its match, [c, c] similarity that hiding each place costs."""

    @property
    def query_map(self) -> np.ndarray: ...

    @property
    def match_map(self) -> np.ndarray: ...


class _Maps(Protocol):
    """What `similarity_maps` draws; saliency.Maps is one."""

    @property
    def queries(self) -> Sequence[np.ndarray]: ...

    @property
    def matches(self) -> Sequence[np.ndarray]: ...

    @property
    def labels(self) -> Sequence[str]: ...

    @property
    def found(self) -> Sequence[_Pair]: ...

    @property
    def curves(self) -> dict[str, np.ndarray]: ...

    @property
    def areas(self) -> pd.DataFrame: ...


@styled
def contact_sheet(
    pictures: Sequence[np.ndarray],
    labels: Sequence[object],
    title: str,
    columns: int = 6,
    hidden: bool = False,
) -> Drawing:
    """Photographs side by side.

    Args:
        pictures: [H, W, 3] uint8 each.
        labels: a short text above each.
        title: of the figure; says if the hands are synthetic.
        columns: photographs in each row.
        hidden: whether grey squares stand in the photographs' place.
    """
    rows = max(1, -(-len(pictures) // columns))
    figure, axes = canvas(WIDTH / columns * 1.22 * rows + 0.4, rows, columns)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, picture, label in zip(axes.flat, pictures, labels, strict=False):
        axis.imshow(picture)
        axis.set_title(str(label), fontsize=8, fontweight="normal", loc="center", pad=3)
    titled(figure, title)
    counts = pd.Series([str(label) for label in labels]).value_counts(sort=False)
    named = ", ".join(str(label) if n == 1 else f"{n} {label}" for label, n in counts.items())
    words = f"{len(pictures)} photographs of hands, {columns} in each row: {named}."
    return drawing(figure, title, f"{words}{HIDDEN if hidden else ''}")


@styled
def retrieval(
    queries: Sequence[np.ndarray],
    matches: Sequence[Sequence[tuple[np.ndarray, bool, float]]],
    title: str,
    hidden: bool = False,
) -> Drawing:
    """A query with its best matches in each row: right ones blue and ticked, wrong ones crossed.

    Args:
        queries: [H, W, 3] uint8 each.
        matches: for each query (picture, is_right, similarity) in order of rank.
        title: of the figure; says if the hands are synthetic.
        hidden: whether grey squares stand in the photographs' place.
    """
    width = 1 + max(len(row) for row in matches)
    figure, axes = canvas(1.62 * len(queries) + 0.5, len(queries), width)
    for row, (query, answers) in enumerate(zip(queries, matches, strict=True)):
        framed(axes[row, 0], query, "query", _QUERY)
        for column, (picture, right, similarity) in enumerate(answers, start=1):
            mark, colour = ("✓ right", RIGHT) if right else ("✗ wrong", WRONG)
            framed(axes[row, column], picture, f"{mark}  {similarity:.2f}", colour)
        for axis in axes[row, len(answers) + 1 :]:
            axis.set_axis_off()
    titled(figure, title)
    right = sum(bool(answers[0][1]) for answers in matches)
    lines = [
        f"query {number}: " + ", ".join(f"{'right' if r else 'wrong'} {s:.2f}" for _, r, s in row)
        for number, row in enumerate(matches, start=1)
    ]
    words = (
        f"{len(matches)} queries with their best matches, {right} of them right at rank 1. "
        f"By rank, with cosine similarity: {'; '.join(lines)}."
    )
    return drawing(figure, title, f"{words}{HIDDEN if hidden else ''}")


def framed(axis: Axes, picture: np.ndarray, text: str, colour: str) -> None:
    """Draw a picture in a frame of a colour, with a text above it."""
    axis.imshow(picture)
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
    axis.set_title(text, fontsize=8, color=colour, loc="center", pad=3)
    for spine in axis.spines.values():
        spine.set(visible=True, color=colour, linewidth=2.5)


@styled
def similarity_maps(maps: _Maps, title: str) -> Drawing:
    """A query in each row, with its map and its match's; beside them what removing places costs.

    Args:
        maps: queries and matches ([H, W, 3] uint8 each), labels of the matches, `found` with the
            maps of each pair, `curves`: by what gives the order of removal, "map", "untrained" and
            "random", [R, S] similarities at evenly spaced shares (several are drawn as their mean
            and their range), and `areas` below them.
        title: of the figure; names the method, and says if the hands are synthetic.
    """
    rows = len(maps.queries)
    figure = Figure(figsize=(WIDTH, 1.72 * max(rows, 2) + 0.95), layout="constrained")
    ((pictures, panel),) = figure.subfigures(1, 2, squeeze=False, width_ratios=(3, 2))
    axes = pictures.subplots(rows, 3, squeeze=False)
    all_rows = zip(axes, maps.queries, maps.matches, maps.labels, maps.found, strict=True)
    for row, query, match, label, pair in all_rows:
        _map_row(row, query, match, label, pair)
    shades = ScalarMappable(Normalize(0, 1), _SHADES)
    bar = pictures.colorbar(shades, ax=axes, location="bottom", shrink=0.55, aspect=30, pad=0.02)
    bar.set_ticks([0, 1], labels=["hiding it costs nothing", "costs most in the row"])
    bar.outline.set_visible(False)
    _deletion(panel.subplots(), maps.curves)
    titled(figure, title)
    hidden = all(np.ptp(picture) == 0 for picture in maps.queries)
    return drawing(figure, title, f"{_maps_in_words(maps)}{HIDDEN if hidden else ''}")


def _map_row(
    row: Sequence[Axes], query: np.ndarray, match: np.ndarray, label: str, pair: _Pair
) -> None:
    """A query, its map and its match's, on one scale: pairs differ too much for a common one."""
    costs = float(np.max(pair.query_map))
    top = max(1e-9, costs, float(np.max(pair.match_map)))
    framed(row[0], query, "query", _FRAME)
    _laid_over(row[1], query, pair.query_map, top, f"hiding costs up to {costs:.2f}")
    _laid_over(row[2], match, pair.match_map, top, label)
    for axis in row:
        axis.set_anchor("N")  # where the panel is taller than the pictures


def _laid_over(axis: Axes, picture: np.ndarray, values: np.ndarray, top: float, text: str) -> None:
    """The picture in grey below a map: clear where nothing is lost, dark where `top` is."""
    height, width = picture.shape[:2]
    grey = picture.mean(2, keepdims=True).astype(np.uint8)
    framed(axis, np.repeat(grey, 3, axis=2), text, _FRAME)
    area = (-0.5, width - 0.5, height - 0.5, -0.5)  # a cell of the map covers its pixels
    axis.imshow(values, cmap=_SHADES, vmin=0, vmax=top, interpolation="bicubic", extent=area)


def _deletion(axis: Axes, curves: dict[str, np.ndarray]) -> None:
    """The similarity that is left while the query is removed, by what gives the order."""
    for number, (name, draws) in enumerate(curves.items()):
        shares, middle = np.linspace(0, 100, draws.shape[1]), draws.mean(axis=0)
        colour = {"map": WRONG, "untrained": RIGHT}.get(name, "#777777")
        label = _ORDERS.get(name, name)
        axis.plot(shares, middle, DASHES[number % 4], color=colour, lw=2, label=label)
        if len(draws) > 1:
            axis.fill_between(shares, draws.min(0), draws.max(0), color=colour, alpha=0.25, lw=0)
    axis.set(xlabel="removed of the query's area, %", ylabel="cosine similarity to the match")
    axis.set_title("Removed in the order of", fontweight="normal", fontsize=9.5)
    axis.figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center")


def _maps_in_words(maps: _Maps) -> str:
    labels = [" ".join(label.split()) for label in maps.labels]
    rows = "; ".join(
        f"query {number}: hiding a place costs up to {np.max(pair.query_map):.2f}, {label}"
        for number, (pair, label) in enumerate(zip(maps.found, labels, strict=True), start=1)
    )
    areas = mean_deletion(maps.areas)["area"]
    shown = ", ".join(f"{_ORDERS.get(str(name), name)} {size:.2f}" for name, size in areas.items())
    return (
        f"{len(maps.queries)} queries and their matches with maps of the similarity that hiding "
        f"each place costs. {rows}. Mean similarity left while the query is removed, by what "
        f"gives the order: {shown}."
    )
