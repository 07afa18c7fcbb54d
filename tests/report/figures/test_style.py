"""What all figures have in common: a title, words that say it too, the house style, no pyplot."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from handid.report import figures
from handid.report.figures import Drawing, style

LONG = "CLIP-HandID zero_token without warm-up, ViT-B/16, synthetic 11k palmar right"
NAMES = sorted(set(figures.__all__) - {"Drawing"})


def draw(case, title, **how):
    function, *arguments = case
    return function(*arguments, title, **how)


def test_every_figure_is_drawn_here(cases):
    assert sorted(cases) == NAMES
    assert all(case[0] is getattr(figures, name) for name, case in cases.items())


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_carries_its_title_and_its_words_and_leaves_pyplot_alone(cases, read, title, name):
    before = dict(plt.rcParams)
    drawing = draw(cases[name], title)
    assert type(drawing) is Drawing and type(drawing.figure) is Figure
    assert title in read.texts(drawing.figure)
    assert drawing.words.startswith(f"{title}. ") and drawing.words.endswith(".")
    assert len(drawing.words) > len(title) + 20 and "nan" not in drawing.words
    assert read.png(drawing.figure).startswith(b"\x89PNG")
    assert plt.get_fignums() == []
    assert dict(plt.rcParams) == before


def test_the_words_follow_a_question_without_another_full_stop(cases):
    assert draw(cases["confusion"], "Which view is it?").words.startswith("Which view is it? back")


@pytest.mark.parametrize("name", NAMES)
def test_no_name_is_read_as_a_formula(cases, read, name):
    drawing = draw(cases[name], r"of a$\frac$b")  # which is none, and would end the drawing
    assert read.png(drawing.figure).startswith(b"\x89PNG")
    texts = drawing.figure.findobj(Text)
    assert not [t for t in texts if "mathdefault" in t.get_text() and not t.get_parse_math()]


@pytest.mark.parametrize("n_signs", [1, 2, 3])
def test_a_file_may_have_the_signs_of_a_formula_in_its_name(read, n_signs):
    picture, name = np.zeros((8, 8, 3), np.uint8), r"_$\x{" * n_signs + ".jpg"
    sheet = figures.contact_sheet([picture], [name], "t")
    asked = figures.candidates([(picture, name)], [[(picture, name, 0.5, True)]], "t")
    for drawing in (sheet, asked):
        assert read.png(drawing.figure).startswith(b"\x89PNG") and name in drawing.words


@pytest.mark.parametrize(
    "name", ["scores", "differences", "questions", "cmc", "loss_parts", "by_person"]
)
def test_the_houses_style_reaches_titles_and_legends(cases, read, title, name):
    figure = draw(cases[name], title).figure
    (axis,) = figure.axes
    texts = figure.findobj(lambda thing: hasattr(thing, "get_fontweight"))
    heading = next(text for text in texts if text.get_text() == title)
    assert (heading.get_fontweight(), heading.get_fontsize()) == ("bold", 11)
    assert axis.get_legend() is None or not axis.get_legend().get_frame_on()


@pytest.mark.parametrize(
    "name",
    ["scores", "differences", "questions", "confusion", "cmc", "training", "by_person"],
)
def test_the_unit_stands_on_every_axis_of_numbers(cases, title, name):
    axis = draw(cases[name], title).figure.axes[-1]
    assert any(u in axis.get_xlabel() + axis.get_ylabel() for u in ("%", "percent", "points"))
    assert axis.get_xlabel()


def test_right_and_wrong_differ_in_lightness_too():
    def lightness(colour):
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2

    assert abs(lightness(style.RIGHT) - lightness(style.WRONG)) > 0.05


# --- edges ----------------------------------------------------------------------------------------


@pytest.fixture
def edges(cases, curves, picture, queries, matches, maps):
    """Figures of an edge size: name -> (function, *arguments before the title)."""
    part = {name: case[1] for name, case in cases.items()}
    rows, gains, asked = part["scores"], part["differences"], part["questions"]
    history, counts, views = part["loss_parts"], part["images_per_person"], part["confusion"]
    names = [LONG, LONG + " 2"]
    nothing_lost = [type(pair)(query_map=np.zeros((4, 4)), match_map=np.zeros((4, 4)))
                    for pair in maps.found]  # fmt: skip
    many = {f"{LONG[:30]} {n}": np.linspace(0.1, 1, 40) for n in range(12)}
    one = type(maps)(**{**vars(maps), "queries": maps.queries[:1], "matches": maps.matches[:1],
                        "labels": maps.labels[:1], "found": maps.found[:1]})  # fmt: skip
    bounds = {"value": [0, 100], "low": [0, 100], "high": [0, 100]}
    absent = {"low": np.nan, "high": np.nan}
    return {
        "contact_sheet, one": (figures.contact_sheet, [picture(1)], [LONG]),
        "contact_sheet, seven": (figures.contact_sheet, [picture(1)] * 7, ["a"] * 7),
        "images_per_person, one person": (figures.images_per_person, counts[:1]),
        "images_per_person, many photographs": (
            figures.images_per_person,
            pd.DataFrame({"view": LONG, "images": [1, 100, 300]}),
        ),
        "scores, one row": (figures.scores, rows[:1]),
        "scores, long labels": (figures.scores, rows.assign(method=names)),
        "scores, bounds": (figures.scores, rows.assign(**bounds)),
        "scores, one person": (figures.scores, rows.assign(**absent)),
        "differences, one row": (figures.differences, gains[:1]),
        "differences, none at all": (figures.differences, gains.assign(value=0, low=0, high=0)),
        "differences, one person": (figures.differences, gains.assign(**absent)),
        "differences, long labels": (figures.differences, gains.assign(label=names)),
        "questions, one row": (figures.questions, asked[1:]),
        "questions, bounds": (figures.questions, asked.assign(correct=[0, 100], low=0, high=100)),
        "questions, long labels": (figures.questions, asked.assign(label=names)),
        "confusion, one answer": (figures.confusion, views.iloc[1:, 1:]),
        "confusion, long names": (figures.confusion, views.set_axis([LONG[:40], LONG[-40:]])),
        "similarities, one text": (figures.similarities, np.eye(1)),
        "grids, one cell": (figures.grids, {"ours": part["grids"]["ours"].iloc[:1, :1]}),
        "cmc, one curve": (figures.cmc, curves({LONG: [0.5, 1.0]})),
        "cmc, gallery of one": (figures.cmc, curves({"a": [1.0]})),
        "cmc, many": (figures.cmc, curves(many)),
        "training, one epoch": (figures.training, {LONG: history[:1]}),
        "training, no validation": (figures.training, {"a": history.assign(validation=np.nan)}),
        "training, many": (figures.training, {f"{LONG[:30]} {n}": history for n in range(12)}),
        "loss_parts, one epoch": (figures.loss_parts, history[:1]),
        "retrieval, one match": (figures.retrieval, queries[:1], [matches[0][:1]]),
        "retrieval, unequal": (figures.retrieval, queries, [matches[0], matches[1][:1]]),
        "similarity_maps, one query": (figures.similarity_maps, one),
        "similarity_maps, nothing is lost": (
            figures.similarity_maps,
            type(maps)(**{**vars(maps), "found": nothing_lost}),
        ),
        "by_person, one person": (figures.by_person, cases["by_person"][1][:1]),
    }


def test_a_figure_of_an_edge_size_is_drawn_without_a_warning(edges, read, title):
    for name, case in edges.items():
        drawing = draw(case, title)
        assert title in read.texts(drawing.figure), name
        assert len(read.png(drawing.figure)) > 1000, name
        assert "nan" not in drawing.words, name
