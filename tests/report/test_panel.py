"""The panel: who is named at the slider's threshold, in words that a screen reader reads."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from handid.report.panel import Candidate, Panel, Question, steps

CURVE = pd.DataFrame(
    {"threshold": [0.2, 0.5, 0.8, np.inf], "fpir": [1.0, 0.5, 0.25, 0.0], "fnir": [0, 0.1, 0.4, 1]}
)
NOTHING = CURVE.iloc[:0]
SQUARE = np.zeros((4, 4, 3), dtype=np.uint8)


def answer(files):
    """Everybody is asked about the same two people; a name that ends in .txt is no photograph."""
    people = [Candidate(SQUARE, "ann <b>", 0.7, "at least 30"), Candidate(SQUARE, "ben", 0.4, "–")]
    problem = "{} is not a JPEG, PNG or BMP image: it is left out."
    return [
        Question(name, None, [], False, problem.format(name))
        if name.endswith(".txt")
        else Question(name, SQUARE, people, name.startswith("far"), "")
        for name in files
    ]


@pytest.fixture
def panel():
    return Panel(answer, CURVE, 0.5, "synthetic: x", 22)


def test_the_threshold_decides_who_is_named(panel):
    panel.ask({"a.jpg": b"", "b.jpg": b""})
    assert panel.slider.value == 0.5
    assert "2 of 2 photographs would name somebody. “a.jpg”: ann &lt;b&gt;;" in panel.said.value
    assert "50 % of searches for people who are not enrolled" in panel.said.value
    assert panel.results.value.count('class="named"') == 2
    panel.slider.value = panel.slider.options[-1][1]
    assert "0 of 2 photographs would name somebody. “a.jpg”: nobody" in panel.said.value
    assert "25 % of searches" in panel.said.value and "40 % of those" in panel.said.value
    assert panel.results.value.count('class="named"') == 0
    panel.slider.value = panel.slider.options[0][1]
    assert "“b.jpg”: ann &lt;b&gt; and ben." in panel.said.value


def test_every_picture_has_words_and_no_name_is_markup(panel):
    panel.ask({"<i>.jpg": b""})
    text = panel.results.value
    assert 'alt="question: &lt;i&gt;.jpg"' in text and "<i>" not in text and "<b>" not in text
    assert 'alt="candidate 1: ann &lt;b&gt;, similarity 0.70, named"' in text
    assert 'alt="candidate 2: ben, similarity 0.40, not named"' in text
    assert "0.70; likelihood ratio at least 30" in text and "0.40</figcaption>" in text
    assert "at a threshold of 0.50, 10 % and 50 %" in panel.figure.value


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(28, "No space left on device"),
        RuntimeError("CUDA: out of memory <b>"),
    ],
)
def test_what_cannot_be_answered_is_said_and_the_page_goes_on(error):
    def ask(files):
        if "bad" in files:
            raise error
        return answer(files)

    panel = Panel(ask, CURVE, 0.5, "synthetic: x", 22)
    panel.ask({"bad": b""})
    assert panel.said.value.startswith("<p>Nobody was looked for: ")
    assert (
        "<b>" not in panel.said.value and "figure" not in panel.results.value.split("</style>")[1]
    )
    panel.ask({"a.jpg": b""})
    assert "1 of 1 photograph would" in panel.said.value


def test_two_photographs_of_one_name_are_both_asked_about(panel):
    one = {"name": "a.jpg", "type": "image/jpeg", "size": 1, "content": memoryview(b"x")}
    one["last_modified"] = datetime(2026, 1, 1, tzinfo=UTC)
    panel.upload.value = (one, one, one | {"name": "b.jpg"})
    assert [question.name for question in panel.questions] == ["a.jpg", "a.jpg (2)", "b.jpg"]


def test_what_is_no_photograph_or_far_from_everybody_is_said_in_one_sentence(panel):
    panel.ask({"note.txt": b"", "far.jpg": b""})
    assert "<p>note.txt is not a JPEG, PNG or BMP image: it is left out.</p>" in panel.results.value
    assert (
        "far.jpg: It is farther from everybody than any enrolled photograph" in panel.results.value
    )
    assert "1 of 1 photograph would" in panel.said.value


def test_uploaded_files_are_asked_about(panel):
    one = {"name": "new.jpg", "type": "image/jpeg", "size": 1, "content": memoryview(b"x")}
    panel.upload.value = ({**one, "last_modified": pd.Timestamp(0, tz="UTC").to_pydatetime()},)
    assert [question.name for question in panel.questions] == ["new.jpg"]


def test_without_a_curve_the_threshold_still_moves_and_nothing_is_promised():
    panel = Panel(answer, NOTHING, float("nan"), "x", 0)
    panel.ask({"a.jpg": b""})
    assert "How often it errs is not known" in panel.said.value and panel.figure.value == ""
    assert "“a.jpg”: ann" in panel.said.value


def test_the_slider_goes_along_the_curve_and_holds_the_start():
    assert steps(CURVE, 0.6)[0] == 0.2 and steps(CURVE, 0.6)[-1] == 0.8 and 0.6 in steps(CURVE, 0.6)
    assert steps(NOTHING, float("nan"))[::10] == [0.0, 0.5, 1.0]
