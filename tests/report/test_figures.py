"""Figures: what is drawn is what was given, in words as well as in colour, and pyplot stays out."""

import io
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

from handid import plot

TITLE = "synthetic 11k dorsal right: rank-1"
LONG = "CLIP-HandID zero_token without warm-up, ViT-B/16, synthetic 11k palmar right"
ROWS = pd.DataFrame(
    {
        "label": ["CLIP-ZS", "CLIP-FT"],
        "value": [60.25, 90.5],
        "low": [55.0, 88.0],
        "high": [65.0, 93.0],
    }
)
GAINS = pd.DataFrame(
    {"label": ["CLIP-FT", "x"], "value": [2.04, -1.5], "low": [1.0, -3.0], "high": [3.0, 0.5]}
)
PUBLISHED = pd.DataFrame({"label": ["CLIP-FT", "not shown"], "value": [94.03, 11.0]})
HISTORY = pd.DataFrame(
    {"total": [4.0, 2.0, 1.0], "identity": [3.0, 1.0, 0.5], "validation": [0.5, 0.9, 0.8]}
)
COUNTS = pd.DataFrame(
    {"view": ["dorsal left"] * 3 + ["palmar left"] * 2, "images": [2, 3, 3, 5, 1]}
)
QUESTIONS = pd.DataFrame(
    {
        "label": ["Which view is it?", "Is there a ring?"],
        "correct": [62.04, 50.0],
        "low": [55.0, np.nan],
        "high": [70.0, np.nan],
        "chance": [25.0, 50.0],
    }
)
VIEWS = pd.DataFrame([[75.0, 25.0], [0.0, 100.0]], index=["back", "palm"], columns=["back", "palm"])
PEOPLE = pd.Series([0.0, 0.5, 1.0], index=[7, 3, 5])


def picture(shade):
    return np.full((8, 8, 3), shade, dtype=np.uint8)


QUERIES = [picture(10), picture(20)]
MATCHES = [
    [(picture(11), True, 0.912), (picture(12), False, 0.5)],
    [(picture(21), False, 0.7), (picture(22), False, 0.25)],
]
PLACES = [(np.eye(4) / 10, np.eye(4) / 20), (np.full((4, 4), -0.1), np.eye(4))]
REMOVED = {
    "map": np.array([[0.9, 0.3, 0.1]]),
    "untrained": np.array([[0.9, 0.6, 0.1]]),
    "random": np.array([[0.9, 0.4, 0.1], [0.9, 0.8, 0.1]]),
}
RANKS = ["match, rank 1  0.91", "match, rank 4  0.50"]
MAPS = (plot.similarity_maps, QUERIES, QUERIES[::-1], RANKS, PLACES, REMOVED)
GRID = pd.DataFrame([[10.0, 20.0], [30.0, 5.0]], index=["1", "2"], columns=["1", "3"])
GRID = GRID.rename_axis(index="Hp", columns="Vp")
FIGURES = {
    "contact_sheet": (plot.contact_sheet, [picture(n) for n in range(8)], list("abcdefgh")),
    "images_per_person": (plot.images_per_person, COUNTS),
    "scores": (plot.scores, ROWS),
    "differences": (plot.differences, GAINS),
    "questions": (plot.questions, QUESTIONS),
    "confusion": (plot.confusion, VIEWS),
    "similarities": (plot.similarities, np.eye(5)),
    "grids": (plot.grids, {"ours": GRID, "published": GRID + 40}),
    "cmc": (plot.cmc, {"CLIP-ZS": np.linspace(0.5, 1, 30), "CLIP-FT": np.linspace(0.9, 1, 30)}),
    "training": (plot.training, {"CLIP-FT": HISTORY, "CLIP-HandID": HISTORY / 2}),
    "loss_parts": (plot.loss_parts, HISTORY, ["total", "identity"]),
    "retrieval": (plot.retrieval, QUERIES, MATCHES),
    "similarity_maps": MAPS,
    "by_person": (plot.by_person, PEOPLE),
}
EDGES = {
    "contact_sheet, one": (plot.contact_sheet, [picture(1)], [LONG]),
    "contact_sheet, seven": (plot.contact_sheet, [picture(1)] * 7, ["a"] * 7),
    "images_per_person, one person": (plot.images_per_person, COUNTS[:1]),
    "images_per_person, many photographs": (
        plot.images_per_person,
        pd.DataFrame({"view": LONG, "images": [1, 100, 300]}),
    ),
    "scores, one row": (plot.scores, ROWS[:1]),
    "scores, long labels": (plot.scores, ROWS.assign(label=[LONG, LONG + " 2"])),
    "scores, bounds": (plot.scores, ROWS.assign(value=[0, 100], low=[0, 100], high=[0, 100])),
    "differences, one row": (plot.differences, GAINS[:1]),
    "differences, none at all": (plot.differences, GAINS.assign(value=0, low=0, high=0)),
    "differences, long labels": (plot.differences, GAINS.assign(label=[LONG, LONG + " 2"])),
    "questions, one row": (plot.questions, QUESTIONS[1:]),
    "questions, bounds": (plot.questions, QUESTIONS.assign(correct=[0, 100], low=0, high=100)),
    "questions, long labels": (plot.questions, QUESTIONS.assign(label=[LONG, LONG + " 2"])),
    "confusion, one answer": (plot.confusion, VIEWS.iloc[1:, 1:]),
    "confusion, long names": (plot.confusion, VIEWS.set_axis([LONG[:40], LONG[-40:]])),
    "cmc, one curve": (plot.cmc, {LONG: np.array([0.5, 1.0])}),
    "cmc, gallery of one": (plot.cmc, {"a": np.array([1.0])}),
    "cmc, many": (plot.cmc, {f"{LONG[:30]} {n}": np.linspace(0.1, 1, 40) for n in range(12)}),
    "training, one epoch": (plot.training, {LONG: HISTORY[:1]}),
    "training, no validation": (plot.training, {"a": HISTORY.assign(validation=np.nan)}),
    "training, many": (plot.training, {f"{LONG[:30]} {n}": HISTORY for n in range(12)}),
    "loss_parts, one epoch": (plot.loss_parts, HISTORY[:1], ["total"]),
    "retrieval, one match": (plot.retrieval, QUERIES[:1], [MATCHES[0][:1]]),
    "retrieval, unequal": (plot.retrieval, QUERIES, [MATCHES[0], MATCHES[1][:1]]),
    "similarity_maps, one query": (
        *(plot.similarity_maps, QUERIES[:1], QUERIES[:1], RANKS[:1], PLACES[:1], REMOVED),
    ),
    "similarity_maps, nothing is lost": (
        *(plot.similarity_maps, QUERIES, QUERIES, RANKS, [(np.zeros((4, 4)),) * 2] * 2, REMOVED),
    ),
    "by_person, one person": (plot.by_person, PEOPLE[:1]),
}


def draw(case, **how):
    function, *arguments = case
    return function(*arguments, TITLE, **how)


def words(thing):
    return [text.get_text() for text in thing.findobj(Text) if text.get_text()]


def line(axis, number=0):
    """x and y of the n-th line as lists."""
    return [np.asarray(data, dtype=float).tolist() for data in axis.lines[number].get_data()]


def bars(axis):
    """(left, right) of every horizontal bar."""
    (collection,) = [c for c in axis.collections if isinstance(c, LineCollection)]
    return [(s[0][0], s[1][0]) for s in collection.get_segments()]


def rendered(figure):
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # missing glyphs, a layout that collapsed
        figure.savefig(buffer, format="png", dpi=30)
    return buffer.getvalue()


# --- all of them --------------------------------------------------------------------------------


def test_every_figure_of_the_room_is_drawn_here():
    functions = {
        name
        for name, thing in vars(plot).items()
        if getattr(thing, "__module__", "") == plot.__name__ and not name.startswith("_")
    }
    assert functions == set(FIGURES)


@pytest.mark.parametrize("case", FIGURES.values(), ids=FIGURES)
def test_a_figure_carries_its_title_and_leaves_pyplot_alone(case):
    before = dict(plt.rcParams)
    figure = draw(case)
    assert type(figure) is Figure
    assert TITLE in words(figure)
    assert rendered(figure).startswith(b"\x89PNG")
    assert plt.get_fignums() == []
    assert dict(plt.rcParams) == before


@pytest.mark.parametrize(
    "name", ["scores", "differences", "questions", "cmc", "loss_parts", "by_person"]
)
def test_the_houses_style_reaches_titles_and_legends(name):
    (axis,) = draw(FIGURES[name]).axes
    title = next(text for text in axis.figure.findobj(Text) if text.get_text() == TITLE)
    assert (title.get_fontweight(), title.get_fontsize()) == ("bold", 11)
    assert axis.get_legend() is None or not axis.get_legend().get_frame_on()


@pytest.mark.parametrize("case", EDGES.values(), ids=EDGES)
def test_a_figure_of_an_edge_size_is_drawn_without_a_warning(case):
    figure = draw(case)
    assert TITLE in words(figure)
    assert len(rendered(figure)) > 1000


@pytest.mark.parametrize(
    "name",
    ["scores", "differences", "questions", "confusion", "cmc", "training", "by_person"],
)
def test_the_unit_stands_on_every_axis_of_numbers(name):
    axis = draw(FIGURES[name]).axes[-1]
    assert any(u in axis.get_xlabel() + axis.get_ylabel() for u in ("%", "percent", "points"))
    assert axis.get_xlabel()


# --- one by one ---------------------------------------------------------------------------------


def test_scores_are_dots_with_their_intervals_and_numbers():
    (axis,) = draw(FIGURES["scores"]).axes
    assert line(axis) == [[60.25, 90.5], [0, -1]]
    assert axis.lines[0].get_marker() == "o"
    assert bars(axis) == [(55, 65), (88, 93)]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["CLIP-ZS", "CLIP-FT"]
    assert {"60.2", "90.5"} <= set(words(axis))
    assert len(axis.lines) == 1


def test_published_scores_are_diamonds_in_the_row_of_their_label():
    figure = draw(FIGURES["scores"], published=PUBLISHED)
    ours, papers = figure.axes[0].lines
    assert line(figure.axes[0], 1) == [[94.03], [-1]]
    assert (ours.get_marker(), papers.get_marker()) == ("o", "D")
    assert {"published", "ours, 95 % interval"} <= set(words(figure))


def test_scores_of_one_label_share_a_row():
    rows = ROWS.assign(label="CLIP-FT")
    (axis,) = draw((plot.scores, rows)).axes
    assert line(axis) == [[60.25, 90.5], [0, 0]]


def test_without_published_scores_nothing_is_called_published():
    figure = draw(FIGURES["scores"], published=PUBLISHED[:0])
    assert "published" not in words(figure)


def test_differences_are_signed_dots_about_a_line_at_zero():
    (axis,) = draw(FIGURES["differences"]).axes
    zero, dots = axis.lines
    assert list(zero.get_xdata()) == [0, 0]
    assert dots.get_xdata().tolist() == [2.04, -1.5]
    assert bars(axis) == [(1, 3), (-3, 0.5)]
    assert {"+2.0", "-1.5"} <= set(words(axis))
    assert axis.get_xlim()[0] < -3 and axis.get_xlim()[1] > 3


def test_questions_are_bars_with_their_intervals_and_a_mark_at_chance():
    figure = draw(FIGURES["questions"])
    (axis,) = figure.axes
    assert [patch.get_width() for patch in axis.patches] == [62.04, 50.0]
    assert line(axis) == [[25, 50], [0, -1]]
    assert {"62.0", "50.0", "Which view is it?", "Is there a ring?"} <= set(words(axis))
    assert {"chance", "95 % interval"} <= set(words(figure))
    assert bars(draw((plot.questions, QUESTIONS[:1])).axes[0]) == [(55, 70)]


def test_a_grid_prints_every_cell_and_its_best_in_bold():
    ours, _ = draw(FIGURES["grids"]).axes
    printed = {text.get_text(): text.get_fontweight() for text in ours.texts}
    assert printed == {"10.0": "normal", "20.0": "normal", "30.0": "bold", "5.0": "normal"}
    assert (ours.get_xlabel(), ours.get_ylabel()) == ("Vp", "Hp")


def test_a_confusion_has_truths_in_rows_and_answers_in_columns():
    (axis,) = draw(FIGURES["confusion"]).axes
    cells = {text.get_position(): text.get_text() for text in axis.texts}
    assert cells == {(0, 0): "75", (1, 0): "25", (0, 1): "0", (1, 1): "100"}
    bold = {text.get_position() for text in axis.texts if text.get_weight() == "bold"}
    assert bold == {(0, 0), (1, 1)}
    assert [label.get_text() for label in axis.get_yticklabels()] == ["back", "palm"]
    assert (axis.get_ylabel(), axis.get_xlabel()) == ("truth", "answer, % of the row")


def test_cmc_curves_are_percent_by_rank_as_far_as_asked():
    curve = np.array([0.5, 0.75, 1.0])
    (axis,) = draw((plot.cmc, {"a": curve, "b": curve / 2}), ranks=2).axes
    assert line(axis, 0) == [[1, 2], [50, 75]]
    assert line(axis, 1) == [[1, 2], [25, 37.5]]
    assert {"a", "b"} <= set(words(axis))


def test_cmc_curves_are_told_by_dashes_and_not_only_by_colour():
    (axis,) = draw((plot.cmc, {name: np.array([0.5, 1.0]) for name in "abcd"})).axes
    assert len({one.get_linestyle() for one in axis.lines}) == 4


def test_training_shows_loss_and_validation_by_epoch():
    figure = draw(FIGURES["training"])
    loss, validation = figure.axes
    assert line(loss) == [[1, 2, 3], [4, 2, 1]]
    assert line(validation) == [[1, 2, 3], [50, 90, 80]]
    assert line(validation, 1) == [[1, 2, 3], [25, 45, 40]]
    assert words(figure).count("CLIP-FT") == words(figure).count("CLIP-HandID") == 1


def test_training_curves_are_told_by_dashes_and_not_only_by_colour():
    figure = draw((plot.training, {name: HISTORY for name in "abcd"}))
    for axis in figure.axes:
        assert len({one.get_linestyle() for one in axis.lines}) == 4


def test_each_part_of_a_loss_is_named_and_told_by_its_dashes():
    (axis,) = draw(FIGURES["loss_parts"]).axes
    assert line(axis, 0) == [[1, 2, 3], [4, 2, 1]]
    assert line(axis, 1) == [[1, 2, 3], [3, 1, 0.5]]
    assert [one.get_label() for one in axis.lines] == ["total", "identity"]
    assert {"total", "identity"} <= set(words(axis))
    assert len({one.get_linestyle() for one in axis.lines}) == 2


def test_as_many_parts_of_a_loss_as_there_are_can_be_drawn():
    parts = [f"part {n}" for n in range(12)]
    history = pd.DataFrame(dict.fromkeys(parts, [1.0, 0.5]))
    (axis,) = draw((plot.loss_parts, history, parts)).axes
    assert len(axis.lines) == 12


def test_a_contact_sheet_shows_every_photograph_with_its_label_six_a_row():
    figure = draw(FIGURES["contact_sheet"])
    used = [axis for axis in figure.axes if axis.images]
    assert [int(axis.images[0].get_array()[0, 0, 0]) for axis in used] == [*range(8)]
    assert [axis.get_title() for axis in used] == list("abcdefgh")
    assert len(figure.axes) == 12
    assert len({round(axis.get_position().y0, 3) for axis in used}) == 2


def test_histograms_of_photographs_count_every_person_once():
    figure = draw(FIGURES["images_per_person"])
    people = [sum(bar.get_height() for bar in axis.patches) for axis in figure.axes]
    assert people == [3, 2]
    assert ["dorsal left" in words(axis) for axis in figure.axes] == [True, False]
    assert "palmar left" in words(figure.axes[1])
    heights = {round(p.get_x() + p.get_width() / 2): p.get_height() for p in figure.axes[0].patches}
    assert (heights[2], heights[3]) == (1, 2)


def test_retrieval_tells_right_from_wrong_by_mark_and_word_and_frame():
    figure = draw(FIGURES["retrieval"])
    titles = [axis.get_title() for axis in figure.axes]
    assert titles[:3] == ["query", "✓ right  0.91", "✗ wrong  0.50"]
    assert titles[3:] == ["query", "✗ wrong  0.70", "✗ wrong  0.25"]
    colours = [axis.spines["top"].get_edgecolor() for axis in figure.axes]
    assert len({colours[0], colours[1], colours[2]}) == 3
    assert colours[2] == colours[4] == colours[5] and colours[0] == colours[3]


def test_retrieval_shows_the_pictures_in_the_order_of_their_ranks():
    figure = draw(FIGURES["retrieval"])
    shades = [int(axis.images[0].get_array()[0, 0, 0]) for axis in figure.axes]
    assert shades == [10, 11, 12, 20, 21, 22]


def test_similarity_maps_lie_over_the_query_and_its_match_on_one_scale_a_row():
    figure = draw(MAPS)
    pictures = [axis for axis in figure.findobj(Axes) if axis.images and axis.get_title()]
    shades = [int(axis.images[0].get_array()[0, 0, 0]) for axis in pictures]
    assert shades == [10, 10, 20, 20, 20, 10]
    titles = [axis.get_title() for axis in pictures]
    assert titles[:3] == ["query", "hiding costs up to 0.10", RANKS[0]]
    assert titles[4:] == ["hiding costs up to -0.10", RANKS[1]]
    laid = [axis.images[1] for axis in pictures if len(axis.images) > 1]
    np.testing.assert_array_equal(laid[1].get_array(), PLACES[0][1])
    assert [one.get_clim() for one in laid] == [(0, 0.1)] * 2 + [(0, 1)] * 2
    assert laid[0].get_extent() == [-0.5, 7.5, 7.5, -0.5]  # all of the picture's 8 x 8 pixels


def test_deletion_curves_are_told_by_dashes_and_chance_is_a_mean_with_its_range():
    figure = draw(MAPS)
    (axis,) = [one for one in figure.findobj(Axes) if len(one.lines) == 3]
    assert line(axis, 0) == [[0, 50, 100], [0.9, 0.3, 0.1]]
    np.testing.assert_allclose(line(axis, 2)[1], [0.9, 0.6, 0.1])
    (band,) = axis.collections
    assert {0.4, 0.8} <= {round(y, 6) for _, y in band.get_paths()[0].vertices}
    assert len({one.get_linestyle() for one in axis.lines}) == 3
    assert "%" in axis.get_xlabel() and "cosine" in axis.get_ylabel()
    assert {"the map", "an untrained network's map"} <= set(words(figure))


def test_right_and_wrong_differ_in_lightness_too():
    def lightness(colour):
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2

    assert abs(lightness(plot.RIGHT) - lightness(plot.WRONG)) > 0.05


def test_people_are_dots_in_percent_with_their_mean():
    (axis,) = draw(FIGURES["by_person"]).axes
    assert line(axis) == [[1, 2, 3], [0, 50, 100]]
    assert line(axis, 1)[1] == [50, 50]
    assert "mean over people" in words(axis)
