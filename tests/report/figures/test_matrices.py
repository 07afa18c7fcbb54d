"""Matrices: every cell is printed where it belongs, and the words name the extremes."""

import numpy as np

from handid.report import figures


def test_a_grid_prints_every_cell_and_its_best_in_bold(grid, title):
    drawing = figures.grids({"ours": grid, "published": grid + 40}, title)
    ours, _ = drawing.figure.axes
    printed = {text.get_text(): text.get_fontweight() for text in ours.texts}
    assert printed == {"10.0": "normal", "20.0": "normal", "30.0": "bold", "5.0": "normal"}
    assert (ours.get_xlabel(), ours.get_ylabel()) == ("Vp", "Hp")
    assert "ours: 4 numbers of parts, Hp rows by Vp columns: best 2 by 1" in drawing.words
    assert "with 30.0 %, worst 2 by 3 with 5.0 %. published: 4 numbers" in drawing.words


def test_a_grid_of_nothing_has_no_panel_and_is_told(grid, title):
    drawing = figures.grids({"ours": grid.iloc[:0], "theirs": grid}, title)
    assert len(drawing.figure.axes) == 1
    assert "ours: nothing was measured." in drawing.words and "theirs: " in drawing.words
    assert "nothing was measured" in figures.grids({"ours": grid.iloc[:0]}, title).words


def test_a_cell_that_was_not_tried_is_not_counted(grid, title):
    words = figures.grids({"ours": grid.where(grid > 5)}, title).words
    assert "3 numbers of parts" in words and "worst 1 by 1 with 10.0 %" in words


def test_a_confusion_has_truths_in_rows_and_answers_in_columns(confusion, title):
    drawing = figures.confusion(confusion, title)
    (axis,) = drawing.figure.axes
    cells = {text.get_position(): text.get_text() for text in axis.texts}
    assert cells == {(0, 0): "75", (1, 0): "25", (0, 1): "0", (1, 1): "100"}
    bold = {text.get_position() for text in axis.texts if text.get_weight() == "bold"}
    assert bold == {(0, 0), (1, 1)}
    assert [label.get_text() for label in axis.get_yticklabels()] == ["back", "palm"]
    assert (axis.get_ylabel(), axis.get_xlabel()) == ("truth", "answer, % of the row")
    assert "back: taken for back in 75 %; palm: taken for palm in 100 %." in drawing.words


def test_similarities_are_described_without_the_diagonal(title):
    matrix = np.array([[1.0, 0.2, 0.4], [0.2, 1.0, 0.9], [0.4, 0.9, 1.0]])
    words = figures.similarities(matrix, title).words
    assert "The texts of 3 identities have a cosine of 0.500 with each other on average" in words
    assert "0.200 at least and 0.900 at most" in words


def test_heat_maps_show_every_figure_and_mark_some(heat, read, title):
    drawing = figures.heat_maps(*heat, title)
    (axis,) = drawing.figure.axes
    printed = {text.get_text(): text.get_fontweight() for text in axis.texts}
    assert printed == {"50": "bold", "–": "normal", "3": "normal", "1": "normal"}
    assert "papers: A whole 50 %; B whole 3 %, hole 1 %." in drawing.words
