"""The figure of a search: every question with the enrolled people who are most like it."""

from collections.abc import Sequence

import numpy as np

from handid.report.figures.pictures import HIDDEN, framed
from handid.report.figures.style import RIGHT, Drawing, canvas, drawing, styled, titled

_NAMED, _OTHER, _QUESTION = RIGHT, "#888888", "#444444"
_LONGEST = 18  # letters of a name above a picture

Candidate = tuple[np.ndarray, str, float, bool]  # picture, name, similarity, whether it is named


@styled
def candidates(
    questions: Sequence[tuple[np.ndarray, str]],
    answers: Sequence[Sequence[Candidate]],
    title: str,
    hidden: bool = False,
) -> Drawing:
    """A question in each row with its candidates: those that reach the threshold framed and named.

    Args:
        questions: picture [H, W, 3] uint8 and name of each.
        answers: the candidates of each question in order of rank.
        title: of the figure; says if the hands are synthetic.
        hidden: whether grey squares stand in the photographs' place.
    """
    width = 1 + max(len(row) for row in answers)
    figure, axes = canvas(1.62 * len(questions) + 0.5, len(questions), width)
    lines = []
    for row, ((picture, name), found) in enumerate(zip(questions, answers, strict=True)):
        framed(axes[row, 0], picture, _short(name), _QUESTION)
        for column, (image, who, similarity, named) in enumerate(found, start=1):
            mark, colour = ("✓ ", _NAMED) if named else ("", _OTHER)
            framed(axes[row, column], image, f"{mark}{_short(who)}\n{similarity:.2f}", colour)
        for axis in axes[row, len(found) + 1 :]:
            axis.set_axis_off()
        each = ", ".join(f"{w}{' (named)' if named else ''} {s:.2f}" for _, w, s, named in found)
        lines.append(f"{name}: {each}")
    titled(figure, title)
    words = (
        f"{len(questions)} questions with the most similar enrolled people and their cosine "
        f"similarity; a tick is over the threshold. {'; '.join(lines)}."
    )
    return drawing(figure, title, f"{words}{HIDDEN if hidden else ''}")


def _short(name: str) -> str:
    """A name's end, where it is long: file names differ there."""
    return name if len(name) <= _LONGEST else f"…{name[1 - _LONGEST :]}"
