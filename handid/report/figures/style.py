"""The house style of figures, and what every drawing is: a figure with its own words."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec

import numpy as np
import seaborn as sns
from matplotlib import rc_context
from matplotlib.figure import Figure

WIDTH = 8.0  # inches; the reports' text is about as wide
RIGHT, WRONG = "#0072b2", "#d55e00"  # told apart by people with any colour vision
COLOURS = sns.color_palette("colorblind")
DASHES = ("-", "--", "-.", ":")
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
    "text.parse_math": False,  # a file may be called a$b$c, which is no formula
}
_Arguments = ParamSpec("_Arguments")


@dataclass(frozen=True)
class Drawing:
    """A figure and the same in words.

    Attributes:
        figure: not shown and not saved yet.
        words: its alternative text: the title and the numbers that it shows.
    """

    figure: Figure
    words: str


def drawing(figure: Figure, title: str, words: str) -> Drawing:
    """A figure with its words, which begin with its title."""
    return Drawing(figure, f"{title}{'' if title.endswith(('?', '.')) else '.'} {words}")


def styled(draw: Callable[_Arguments, Drawing]) -> Callable[_Arguments, Drawing]:
    """Draw in the house style, which is read whenever a title or a legend is made."""

    @wraps(draw)
    def in_style(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Drawing:
        style = sns.axes_style("white") | _STYLE
        with rc_context(style):  # pyright: ignore[reportArgumentType] (seaborn types keys as str)
            return draw(*args, **kwargs)

    return in_style


def canvas(height: float, rows: int = 1, columns: int = 1, **how) -> tuple[Figure, np.ndarray]:
    """A figure of that height in inches, and its [rows, columns] axes."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **how)


def titled(figure: Figure, title: str) -> None:
    """Put a title above all axes of a figure."""
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")


def dash(number: int) -> dict:
    """Colour and dashes of the n-th line: lines differ in more than their colour."""
    return {"color": COLOURS[number % len(COLOURS)], "ls": DASHES[number % len(DASHES)]}
