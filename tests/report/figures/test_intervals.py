"""Scores, differences and questions: what is drawn is what was given, and so are the words."""

import pytest

from handid.report import figures
from handid.statistics import with_seeds


def test_scores_are_dots_with_their_intervals_and_numbers(scores, read, title):
    drawing = figures.scores(scores, title)
    (axis,) = drawing.figure.axes
    assert read.line(axis) == [[60.25, 90.5], [0, -1]]
    assert axis.lines[0].get_marker() == "o"
    assert read.bars(axis) == [(55, 65), (88, 93)]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["CLIP-ZS", "CLIP-FT"]
    assert {"60.2", "90.5"} <= set(read.texts(axis))
    assert len(axis.lines) == 1 and "published" not in read.texts(drawing.figure)
    assert drawing.words == (
        f"{title}. rank-1: CLIP-ZS 60.2 [55.0, 65.0] %; CLIP-FT 90.5 [88.0, 93.0] %."
    )


def test_scores_are_means_over_seeds_of_the_asked_metric(row, tidy, read, title):
    rows = tidy(row(metric="mAP", value=44), row(metric="mAP", value=46, seed=1), row(value=90))
    drawing = figures.scores(rows, title, metric="mAP")
    assert read.line(drawing.figure.axes[0]) == [[45.0], [0]]
    low, high, _ = with_seeds([44, 46], 41, 47)
    assert f"mAP (standard): CLIP-FT 45.0 [{low:.1f}, {high:.1f}] %" in drawing.words
    assert drawing.figure.axes[0].get_xlabel() == "mAP (standard), percent"


def test_published_scores_are_diamonds_in_the_row_of_their_label(row, tidy, read, title):
    rows = tidy(row("Raw pixels", value=60), row("CLIP-FT", value=90))
    drawing = figures.scores(rows, title, published=True)
    ours, papers = drawing.figure.axes[0].lines
    assert read.line(drawing.figure.axes[0], 1) == [[94.03], [-1]]
    assert (ours.get_marker(), papers.get_marker()) == ("o", "D")
    texts = set(read.texts(drawing.figure))
    assert {"published, on its own gallery", "ours, 95 % interval"} <= texts
    assert "CLIP-FT 90.0 [86.0, 92.0] %, published 94.0 %." in drawing.words
    nothing = figures.scores(rows[:1], title, published=True)
    assert "published" not in nothing.words + " ".join(read.texts(nothing.figure))


def test_differences_are_signed_dots_about_a_line_at_zero(gains, read, title):
    drawing = figures.differences(gains, title)
    (axis,) = drawing.figure.axes
    zero, shown, unclear = axis.lines
    assert list(zero.get_xdata()) == [0, 0]
    assert (shown.get_xdata().tolist(), unclear.get_xdata().tolist()) == ([2.04], [-1.5])
    assert unclear.get_markerfacecolor() == "white"
    assert read.bars(axis) == [(1, 3), (-3, 0.5)]
    assert {"+2.0", "-1.5"} <= set(read.texts(axis))
    assert axis.get_xlim()[0] < -3 and axis.get_xlim()[1] > 3
    assert "points: CLIP-FT +2.0 [+1.0, +3.0] (shown); x -1.5 [-3.0, +0.5]." in drawing.words


def test_a_question_differs_from_chance_only_if_holm_says_so_too(questions, title):
    faces = [
        bar.get_facecolor() for bar in figures.questions(questions, title).figure.axes[0].patches
    ]
    assert faces[0] != faces[1] == (1, 1, 1, 1)
    many = questions.assign(p_holm=0.06)
    assert "differs, also" not in figures.questions(many, title).words


def test_questions_are_bars_with_their_intervals_and_a_mark_at_chance(questions, read, title):
    drawing = figures.questions(questions, title)
    (axis,) = drawing.figure.axes
    assert [patch.get_width() for patch in axis.patches] == [62.04, 50.0]
    assert read.line(axis) == [[25, 50], [0, -1]]
    assert {"62.0", "50.0", "Which view is it?", "Is there a ring?"} <= set(read.texts(axis))
    assert {"chance", "95 % interval"} <= set(read.texts(drawing.figure))
    assert read.bars(figures.questions(questions[:1], title).figure.axes[0]) == [(55, 70)]
    assert drawing.words.removeprefix(f"{title}. ") == (
        "Right answers: Which view is it? 62.0 [55.0, 70.0] %, chance 25 % (differs, also after "
        "Holm); "
        "Is there a ring? 50.0 %, chance 50 %."
    )


def test_an_unknown_metric_is_refused(scores, title):
    with pytest.raises(ValueError, match="Unknown metric 'foo'"):
        figures.scores(scores, title, "foo")
