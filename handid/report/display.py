"""Figures, tables and sentences into a notebook's output, so that they also live in its report.

Only output: what is shown is computed elsewhere and comes in as arguments.
"""

import base64
import io
from collections.abc import Callable, Sequence

import pandas as pd
from IPython.display import Markdown, display
from matplotlib.figure import Figure
from PIL import Image

_PIXELS_PER_INCH = 150
_SHOWN_PER_INCH = 96


def show(figure: Figure, *, name: str, caption: str, alt: str) -> None:
    """Show a figure as PNG with its alternative text, and its caption below.

    Args:
        figure: any matplotlib figure.
        name: of its file among the report's figures.
        caption: what the reader should see in it, one or two sentences.
        alt: what a reader who cannot see it needs to know.
    """
    width = round(figure.get_figwidth() * _SHOWN_PER_INCH)
    display(
        {"image/png": base64.b64encode(_as_png(figure)).decode(), "text/plain": alt},
        raw=True,
        metadata={"image/png": {"width": width, "alt": alt}, "alt": alt, "name": name},
    )
    say(f"*{caption}*")


def _as_png(figure: Figure) -> bytes:
    """256 colours are enough for a figure, and make one of photographs a third as large."""
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=_PIXELS_PER_INCH, facecolor="white")
    with Image.open(drawn) as picture:
        picture.convert("RGB").quantize(256).save(small, format="png", optimize=True)
    return small.getvalue()


def say(text: str) -> None:
    """Show Markdown, for sentences whose numbers are computed."""
    display(Markdown(text))


def table(frame: pd.DataFrame, *, caption: str, digits: int = 1) -> None:
    """Show a table with rounded numbers and its caption above."""
    say(f"**{caption}**")
    frame = frame.reset_index(drop=True)
    words = frame.select_dtypes(exclude="number").columns
    shown = frame.style.format(precision=digits, na_rep="–", thousands=",").hide(axis="index")
    display(shown.set_properties(subset=words, **{"text-align": "left"}))


def explorer(
    queries: Sequence, matches: Sequence, labels: Sequence[str], draw: Callable[..., Figure]
) -> None:
    """A list to choose a query from; JupyterLab only, a report shows the static twin beside it.

    Args:
        queries: pictures.
        matches: what was found for each.
        labels: what the list shows.
        draw: ([query], [matches], title) -> figure, such as plot.retrieval.
    """
    import ipywidgets

    options = [(label, number) for number, label in enumerate(labels)]
    chooser = ipywidgets.Dropdown(options=options, description="show")
    # A picture's bytes change; an Output widget would capture cells, which can stall a batch run.
    picture = ipywidgets.Image(format="png")

    def redraw(number: int) -> None:
        picture.value = _as_png(draw([queries[number]], [matches[number]], labels[number]))

    chooser.observe(lambda change: redraw(change["new"]), names="value")
    redraw(0)
    display(ipywidgets.VBox([chooser, picture]))
