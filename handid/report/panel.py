"""A panel to ask whose hands photographs show, and to move the threshold: JupyterLab and Voila.

Widgets only: who is enrolled, and what a threshold costs, comes in as arguments. Nothing is kept.
"""

import base64
import html
import io
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, count
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd
from IPython.display import display as into_page
from PIL import Image

from handid.report import display, figures
from handid.report.sentences.panel import named, rates

NO_RATIO = "–"  # in the place of a likelihood ratio that could not be calibrated
STEPS = 40  # of the threshold's slider, along the curve
_STYLE = """<style>
.handid-question { display: flex; flex-wrap: wrap; gap: 12px; margin: 0 0 4px; padding: 0; }
.handid-question figure { margin: 0; width: 132px; }
.handid-question img { width: 128px; height: 128px; border: 3px solid #767676; display: block; }
.handid-question .named img { border-color: #0072b2; }
.handid-question figcaption { font-size: 13px; line-height: 1.35; overflow-wrap: anywhere; }
.handid-question p { flex-basis: 100%; margin: 0 0 12px; }
</style>"""


class Candidate(NamedTuple):
    """Somebody enrolled: picture [H, W, 3] uint8, name, cosine, likelihood ratio in words."""

    picture: np.ndarray
    name: str
    similarity: float
    lr: str


class Question(NamedTuple):
    """A photograph that was asked about.

    Attributes:
        name: what it is called.
        picture: [H, W, 3] uint8; None for what is no photograph.
        candidates: best first.
        lone: whether it is far from everybody enrolled.
        problem: one sentence, if it could not be asked about; else empty.
    """

    name: str
    picture: np.ndarray | None
    candidates: Sequence[Candidate]
    lone: bool
    problem: str


Ask = Callable[[Mapping[str, bytes]], Sequence[Question]]


def steps(curve: pd.DataFrame, start: float) -> list[float]:
    """Thresholds for a slider: along a curve, with `start` among them; of none, 0 to 1."""
    finite = curve["threshold"][np.isfinite(curve["threshold"].astype(float))].to_numpy(dtype=float)
    chosen = np.quantile(finite, np.linspace(0, 1, STEPS)) if len(finite) else np.linspace(0, 1, 21)
    known = [start] if np.isfinite(start) else []
    return sorted({round(float(value), 4) for value in [*chosen, *known]})


class Panel:
    """The widgets of a panel, and what they show.

    Args:
        ask: photographs (name -> content) to questions.
        curve: threshold, fpir, fnir; may have no rows.
        start: threshold to begin with; NaN for the middle of the curve.
        title: of the figure; says if the set is synthetic.
        n_gallery: people enrolled when the curve was measured.
    """

    def __init__(self, ask: Ask, curve: pd.DataFrame, start: float, title: str, n_gallery: int):
        import ipywidgets

        self._ask, self._curve, self._title, self._n_gallery = ask, curve, title, n_gallery
        self.questions: Sequence[Question] = []
        values = steps(curve, start)
        first = round(start, 4) if np.isfinite(start) else values[len(values) // 2]
        wide = ipywidgets.Layout(width="auto", max_width="40rem")
        self.upload = ipywidgets.FileUpload(
            accept="image/*", multiple=True, description="Choose photographs", layout=wide
        )
        self.slider = ipywidgets.SelectionSlider(
            options=[(f"{value:.2f}", value) for value in values],
            value=first,
            description="Threshold",
            continuous_update=False,
            layout=wide,
        )
        self.said, self.figure, self.results = (ipywidgets.HTML() for _ in range(3))
        self.said.add_class("handid-status")
        self.upload.observe(lambda _: self._uploaded(), names="value")
        self.slider.observe(lambda _: self.refresh(), names="value")
        parts = [self.upload, self.results, self.slider, self.said, self.figure]
        self.box = ipywidgets.VBox(parts)
        self.refresh()

    def ask(self, files: Mapping[str, bytes]) -> None:
        """Ask about photographs in the place of those that were asked about before.

        What cannot be answered is said in the place of an answer, and the page goes on.
        """
        self.said.value = "<p>Looking …</p>"
        try:
            self.questions = self._ask(files)
        except (MemoryError, OSError, RuntimeError, ValueError) as error:
            self.questions = []
            self.refresh()
            why = str(error) or "the memory is full"
            self.said.value = f"<p>Nobody was looked for: {html.escape(why)}</p>"
            return
        self.refresh()

    def refresh(self) -> None:
        """Show who is named at the slider's threshold, and what that costs."""
        at = float(self.slider.value)
        words = f"{named(self.questions, at)} {rates(self._curve, at, self._n_gallery)}"
        self.said.value = f"<p>{html.escape(words.strip())}</p>"
        self.results.value = _STYLE + "".join(_shown(question, at) for question in self.questions)
        if len(self._curve):
            drawn = figures.operating_point(self._curve, at, self._n_gallery, self._title)
            picture, words = display.as_png(drawn.figure), html.escape(drawn.words, quote=True)
            self.figure.value = _image(picture, words, "max-width: 100%; height: auto")

    def _uploaded(self) -> None:
        files: dict[str, bytes] = {}
        for one in self.upload.value:  # two folders may have a photograph of one name
            files[_other_name(str(one["name"]), files)] = bytes(one["content"])
        if files:
            self.ask(files)


class _Enrolled(Protocol):
    """What is read of enrolled people, see Panel."""

    @property
    def curve(self) -> pd.DataFrame: ...

    @property
    def start(self) -> float: ...

    @property
    def title(self) -> str: ...

    @property
    def n_gallery(self) -> int: ...

    def ask(self, files: Mapping[str, bytes], /) -> Sequence[Question]: ...

    def example(self) -> Mapping[str, bytes]: ...


def show(enrolled: _Enrolled) -> None:
    """Show a panel that has been asked about its example; see Panel."""
    about = (enrolled.curve, enrolled.start, enrolled.title, enrolled.n_gallery)
    made = Panel(enrolled.ask, *about)
    made.ask(enrolled.example())
    into_page(made.box)


def _other_name(name: str, taken: Mapping[str, bytes]) -> str:
    """A name; with a number where it is taken."""
    numbered = (f"{name} ({number})" for number in count(2))
    return next(new for new in chain([name], numbered) if new not in taken)


def _shown(question: Question, at: float) -> str:
    """A question beside its candidates, as HTML; no name in it is read as markup."""
    name = html.escape(question.name, quote=True)
    if question.picture is None:
        return f"<p>{html.escape(question.problem)}</p>"
    parts = [f"<figure>{_of(question.picture, f'question: {name}')}<figcaption>{name}</figcaption>"]
    for rank, one in enumerate(question.candidates, start=1):
        is_named = one.similarity >= at
        who, lr = html.escape(one.name, quote=True), html.escape(one.lr)
        lr = "" if lr == NO_RATIO else f"; likelihood ratio {lr}"
        words = f"candidate {rank}: {who}, similarity {one.similarity:.2f}"
        words += ", named" if is_named else ", not named"
        mark, kind = ("✓ ", ' class="named"') if is_named else ("", "")
        caption = f"{mark}{who}<br>{one.similarity:.2f}{lr}"
        parts.append(f"<figure{kind}>{_of(one.picture, words)}<figcaption>{caption}</figcaption>")
    lone = " It is farther from everybody than any enrolled photograph is from other people: "
    remark = f"<p>{name}:{lone}perhaps it shows no hand.</p>" if question.lone else ""
    return f'<div class="handid-question">{"</figure>".join(parts)}</figure>{remark}</div>'


def _of(picture: np.ndarray, words: str) -> str:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return _image(file.getvalue(), words)


def _image(png: bytes, words: str, style: str = "") -> str:
    source = base64.b64encode(png).decode()
    look = f' style="{style}"' if style else ""
    return f'<img alt="{words}" src="data:image/png;base64,{source}"{look}>'
