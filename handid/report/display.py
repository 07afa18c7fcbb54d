"""Figures, tables and sentences into a notebook's output, so that they also live in its report.

Only output: what is shown is computed elsewhere and comes in as arguments.
"""

import base64
import html
import io
import warnings
from collections.abc import Callable, Sequence

import pandas as pd
from IPython.display import Markdown, display
from matplotlib.figure import Figure
from PIL import Image

from handid.report.figures import Drawing

# Beside what is shown, for the runner, which keeps them as files; notebooks show neither.
PDF, CSV, TEX = (f"application/vnd.handid.{kind}" for kind in ("pdf", "csv", "tex"))
_TEX_SIGNS = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
)
_PIXELS_PER_INCH = 150
_SHOWN_PER_INCH = 96


def figure(drawing: Drawing, *, name: str, caption: str) -> None:
    """Show a drawing as PNG with its words as alternative text, and its caption below.

    Args:
        drawing: a figure and its words.
        name: of its file among the report's figures.
        caption: what the reader should see in it, one or two sentences.
    """
    width = round(drawing.figure.get_figwidth() * _SHOWN_PER_INCH)
    with warnings.catch_warnings(record=True) as heard:
        png = base64.b64encode(as_png(drawing.figure)).decode()
        pdf = base64.b64encode(_as_pdf(drawing.figure)).decode()
    told = {str(one.message): one.message for one in heard}
    kept = [message for text, message in told.items() if "missing from font" not in text]
    for message in kept:
        warnings.warn(message, stacklevel=2)
    if len(kept) < len(told):  # of a name in letters that no font here has
        caption += " Letters that the figure's font lacks are boxes."
    display(
        {"image/png": png, "text/plain": drawing.words, PDF: pdf},
        raw=True,
        metadata={
            "image/png": {"width": width, "alt": drawing.words},
            "alt": drawing.words,
            "name": name,
        },
    )
    say(f"*{caption}*")


def as_png(figure: Figure) -> bytes:
    """256 colours are enough for a figure, and make one of photographs a third as large."""
    full, small = io.BytesIO(), io.BytesIO()
    figure.savefig(full, format="png", dpi=_PIXELS_PER_INCH, facecolor="white")
    with Image.open(full) as picture:
        picture.convert("RGB").quantize(256).save(small, format="png", optimize=True)
    return small.getvalue()


def _as_pdf(figure: Figure) -> bytes:
    """Lines and letters as such, for a paper; no time of writing, so that equal runs are equal."""
    file = io.BytesIO()
    figure.savefig(file, format="pdf", dpi=_PIXELS_PER_INCH, metadata={"CreationDate": None})
    return file.getvalue()


def say(text: str) -> None:
    """Show Markdown, for sentences whose numbers are computed; nothing in it is read as HTML."""
    display(Markdown(text.replace("<", "&lt;")))


def table(frame: pd.DataFrame, *, caption: str, digits: int = 1) -> None:
    """Show a table with rounded numbers and its caption above; no cell is read as markup.

    Of a table without rows the caption alone, which says so.
    """
    say(f"**{caption}**")
    if frame.empty:
        return
    frame = frame.reset_index(drop=True)
    named = frame.rename(columns=lambda name: html.escape(str(name)))
    words = named.select_dtypes(exclude="number").columns
    shown = named.style.format(precision=digits, na_rep="–", thousands=",", escape="html").hide(
        axis="index"
    )
    shown = shown.set_properties(subset=words, **{"text-align": "left"})
    # a heading stands over its cells: numbers lie on the right
    sides = ["text-align: left" if name in words else "text-align: right" for name in named]
    shown = shown.apply_index(lambda _: sides, axis="columns")
    content = {"text/html": shown.to_html(), "text/plain": frame.to_string(index=False)}
    content |= {CSV: frame.to_csv(index=False), TEX: _as_tex(frame, caption, digits)}
    display(content, raw=True)


def _as_tex(frame: pd.DataFrame, caption: str, digits: int) -> str:
    """A table for LaTeX, with booktabs; neither a cell nor the caption is read as a command."""
    style = frame.style.format(precision=digits, na_rep="--", escape="latex").hide(axis="index")
    style = style.format_index(escape="latex", axis="columns")
    return style.to_latex(hrules=True, caption=caption.translate(_TEX_SIGNS), position="t")


def explorer(
    queries: Sequence, matches: Sequence, labels: Sequence[str], draw: Callable[..., Drawing]
) -> None:
    """A list to choose a query from; JupyterLab only, a report shows the static twin beside it.

    Args:
        queries: pictures.
        matches: of each query, its best ones.
        labels: what the list shows.
        draw: ([query], [matches], title) -> drawing, such as figures.retrieval.
    """
    import ipywidgets

    options = [(label, number) for number, label in enumerate(labels)]
    chooser = ipywidgets.Dropdown(options=options, description="show")
    # A picture's bytes change; an Output widget would capture cells, which can stall a batch run.
    picture = ipywidgets.Image(format="png")

    def redraw(number: int) -> None:
        drawing = draw([queries[number]], [matches[number]], labels[number])
        picture.value = as_png(drawing.figure)

    chooser.observe(lambda change: redraw(change["new"]), names="value")
    redraw(0)
    display(ipywidgets.VBox([chooser, picture]))
