"""What a notebook's output holds: one picture with its words, sentences, tables, an explorer."""

import base64
import io

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from IPython.display import Markdown
from matplotlib.figure import Figure
from PIL import Image

from handid.report import display
from handid.report.figures import Drawing


@pytest.fixture
def shown(monkeypatch):
    """What would have been displayed: (object, keyword arguments) each."""
    calls = []
    monkeypatch.setattr(display, "display", lambda thing, **how: calls.append((thing, how)))
    return calls


def texts(calls):
    return [thing.data for thing, _ in calls if isinstance(thing, Markdown)]


def test_a_figure_becomes_one_picture_with_its_words_and_then_its_caption(shown):
    figure = Figure(figsize=(4, 2))
    figure.subplots().plot([0, 1])
    drawing = Drawing(figure, "A line that rises.")
    display.figure(drawing, name="rank1", caption="What to see.")
    (content, how), (caption, _) = shown
    picture = Image.open(io.BytesIO(base64.b64decode(content["image/png"])))
    assert picture.format == "PNG" and picture.size == (600, 300)  # 150 pixels per inch
    assert np.asarray(picture.convert("RGB"))[0, 0].tolist() == [255, 255, 255]
    assert set(content) == {"image/png", "text/plain", display.PDF}
    pdf = base64.b64decode(content[display.PDF])
    assert pdf.startswith(b"%PDF-") and b"CreationDate" not in pdf
    assert content["text/plain"] == "A line that rises."
    assert how["raw"] is True
    assert how["metadata"]["image/png"] == {"width": 384, "alt": "A line that rises."}
    assert how["metadata"]["alt"] == "A line that rises."
    assert how["metadata"]["name"] == "rank1"
    assert isinstance(caption, Markdown) and caption.data == "*What to see.*"


def test_a_heading_stands_over_its_cells(shown):
    frame = pd.DataFrame({"method": ["a"], "rank-1": ["61.5 [54.1, 69.8]"], "queries": [7]})
    display.table(frame, caption="c")
    rules = shown[1][0]["text/html"].partition("<table")[0]
    for column, side in enumerate(("left", "left", "right")):
        rule = rules.partition(f"level0_col{column}")[2].partition("}")[0]
        assert f"text-align: {side}" in rule


def test_of_a_table_without_rows_the_caption_alone_is_shown(shown):
    display.table(pd.DataFrame(columns=["path", "problem"]), caption="No file is broken")
    assert texts(shown) == ["**No file is broken**"] and len(shown) == 1


def test_showing_a_figure_leaves_nothing_open(shown):
    display.figure(Drawing(Figure(), "c"), name="a", caption="b")
    assert plt.get_fignums() == []


def test_letters_that_the_font_lacks_are_told_once_and_in_the_caption(shown, recwarn):
    figure = Figure()
    figure.suptitle("李雷 and 韩梅梅")
    display.figure(Drawing(figure, "李雷 and 韩梅梅"), name="a", caption="Two people.")
    lacking = "*Two people. Letters that the figure's font lacks are boxes.*"
    assert texts(shown) == [lacking] and not recwarn.list


def test_a_sentence_is_markdown(shown):
    display.say("**95.7 %** of queries")
    assert texts(shown) == ["**95.7 %** of queries"]


def test_nothing_in_a_sentence_is_read_as_html(shown):
    display.say("<img src=x onerror=alert(1)> has p < 0.05")
    assert texts(shown) == ["&lt;img src=x onerror=alert(1)> has p &lt; 0.05"]


def test_a_table_has_its_caption_above_rounded_numbers_and_no_index(shown):
    frame = pd.DataFrame(
        {"set": ["11k"], "rank-1": [95.678], "queries": [1992]}, index=["first query"]
    )
    display.table(frame, caption="All systems")
    (caption, _), (content, _) = shown
    html = content["text/html"]
    assert caption.data == "**All systems**"
    assert ">95.7<" in html and "95.67" not in html
    assert ">1,992<" in html
    assert "first query" not in html and "row_heading" not in html


def test_a_table_is_there_for_a_paper_too_whole_as_csv_and_rounded_as_latex(shown):
    frame = pd.DataFrame({"set_1": ["a & b", "c"], "rank-1, %": [95.678, np.nan]})
    display.table(frame, caption="All {systems}, 95 %")
    content = shown[1][0]
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(content[display.CSV])), frame)
    lines = content[display.TEX].splitlines()
    assert lines[1] == r"\caption{All \{systems\}, 95 \%}"
    assert r"set\_1 & rank-1, \% \\" in lines and r"\toprule" in lines and r"\bottomrule" in lines
    assert r"a \& b & 95.7 \\" in lines and r"c & -- \\" in lines


def test_a_table_shows_what_is_absent_as_a_dash_and_takes_repeated_rows(shown):
    part = pd.DataFrame({"view": ["dorsal"], "queries": [917.0]})
    frame = pd.concat([part, part.assign(queries=np.nan)])  # index 0 twice
    display.table(frame, caption="c", digits=0)
    html = shown[1][0]["text/html"]
    assert ">917<" in html and ">–<" in html and "nan" not in html


# --- explorer -----------------------------------------------------------------------------------


@pytest.fixture
def explorer(shown):
    """An explorer of three queries: what was drawn, its list, and its picture."""
    drawn = []

    def draw(queries, matches, title):
        drawn.append((queries, matches, title))
        return Drawing(Figure(figsize=(1, len(drawn))), "")

    labels = ["query 1", "query 2", "query 3"]
    display.explorer(["q1", "q2", "q3"], ["m1", "m2", "m3"], labels, draw)
    ((box, _),) = shown
    assert [type(child) for child in box.children] == [ipywidgets.Dropdown, ipywidgets.Image]
    return drawn, *box.children


def test_the_explorer_lists_every_query_and_shows_the_first(explorer):
    drawn, chooser, picture = explorer
    assert [label for label, _ in chooser.options] == ["query 1", "query 2", "query 3"]
    assert drawn == [(["q1"], ["m1"], "query 1")]
    assert chooser.value == 0
    assert Image.open(io.BytesIO(picture.value)).size == (150, 150)


def test_the_explorer_redraws_when_another_query_is_chosen(explorer):
    drawn, chooser, picture = explorer
    chooser.value = 2
    assert drawn[1:] == [(["q3"], ["m3"], "query 3")]
    assert Image.open(io.BytesIO(picture.value)).size == (150, 300)
    chooser.value = 2  # the same again
    assert len(drawn) == 2
    chooser.value = 0
    assert drawn[2:] == [(["q1"], ["m1"], "query 1")]


def test_no_cell_and_no_name_of_a_column_is_markup(shown):
    evil = "<img src=x onerror=alert(2)>.jpg"
    display.table(pd.DataFrame({"path": [evil], evil: [1.0]}), caption="Files.")
    html = shown[-1][0]["text/html"]
    assert "<img" not in html and html.count("&lt;img src=x onerror=alert(2)&gt;.jpg") == 2
