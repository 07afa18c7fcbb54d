"""Cells and outputs of an executed notebook as HTML, without a run."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from handid.runner import outputs


def picture(width):
    """PNG bytes of noise, which does not compress."""
    noise = np.random.default_rng(0).integers(0, 256, (width, width, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    return file.getvalue()


def document(*shown, source="1", tags=(), count=1):
    """A notebook with one cell."""
    cell = {"cell_type": "code", "source": source, "metadata": {"tags": list(tags)}}
    return {"cells": [cell | {"outputs": list(shown), "execution_count": count}], "metadata": {}}


def display(metadata=None, **data):
    return {"output_type": "display_data", "metadata": metadata or {}, "data": data}


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def test_a_page_of_huge_figures_stays_below_five_megabytes():
    png = base64.b64encode(picture(1300)).decode()
    notebook = document(display(**{"image/png": png}))
    assert len(outputs.figures(notebook)[0].data) > 5e6
    (cell,) = outputs.cells(notebook, "t")
    assert 1e5 < len(cell["html"]) < 5e6


def test_a_widget_leaves_a_note_and_a_progress_bar_nothing():
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}
    slider = display(**view, **{"text/plain": "IntSlider(value=3)"})
    (cell,) = outputs.cells(document(slider), "t")
    assert "static version" in cell["html"] and "IntSlider" not in cell["html"]
    bar = display(**view, **{"text/plain": "reading:   0%|     | 0/9"})
    (cell,) = outputs.cells(document(bar), "t")
    assert cell["html"] == ""
    (cell,) = outputs.cells(document(display(**{"application/x": 1})), "t")
    assert "Interactive in JupyterLab." in cell["html"]


def test_neighbouring_prints_are_one_block_and_warnings_are_folded():
    shown = document(stream("a\n"), stream("b\n"), stream("careful\n", "stderr"), stream("c\n"))
    (cell,) = outputs.cells(shown, "t")
    assert "<pre>a\nb</pre>" in cell["html"] and "<pre>c</pre>" in cell["html"]
    assert "<summary>warnings and messages (1 line)</summary><pre>careful</pre>" in cell["html"]


def test_an_error_names_the_cell_as_the_page_numbers_it():
    trace = ["\x1b[31mCell In[3], line 1\x1b[0m", "Cell In[9]"]
    error = {"output_type": "error", "ename": "E", "evalue": "a < b", "traceback": trace}
    parts = [document(tags=["parameters"]), document(tags=["injected-parameters"], count=2)]
    parts.append(document(error, count=3))
    notebook = {"cells": [cell for part in parts for cell in part["cells"]], "metadata": {}}
    cells = outputs.cells(notebook, "t")
    assert [(cell["kind"], cell["number"]) for cell in cells] == [("parameters", 1), ("code", 2)]
    assert "<strong>E: a &lt; b</strong>" in cells[1]["html"]
    assert "Cell 2, line 1\nCell 9" in cells[1]["html"]


def test_plumbing_is_hidden_and_code_is_coloured():
    (cell,) = outputs.cells(document(source="import secret", tags=["hide-input"]), "t")
    assert cell["code"] == ""
    (cell,) = outputs.cells(document(source="import shown"), "t")
    assert 'class="source"' in cell["code"] and "shown" in cell["code"]


def test_the_heading_is_title_and_question():
    def texts(*sources):
        return {"cells": [{"cell_type": "markdown", "source": source} for source in sources]}

    assert outputs.heading(texts("# Is it?\n\nA *question*.\n\nMore."), "x") == (
        "Is it?",
        "A *question*.",
    )
    assert outputs.heading(texts("## Only this", "Text"), "00_x") == ("00_x", "Text")
    assert outputs.heading(texts(), "00_x") == ("00_x", "")


@pytest.mark.parametrize(
    ("metadata", "name", "alt"),
    [
        ({}, "1", ""),
        ({"name": "a line/1", "alt": "A line"}, "a-line-1", "A line"),
        ({"image/png": {"name": "x", "alt": "y"}}, "x", "y"),
    ],
)
def test_a_figure_has_a_name_and_a_description(metadata, name, alt):
    png = base64.b64encode(picture(4)).decode()
    notebook = document(stream("a"), display(metadata, **{"image/png": png}))
    (figure,) = outputs.figures(notebook)
    assert (figure.name, figure.alt) == (name, alt)
    (cell,) = outputs.cells(notebook, "T")
    default = "Figure 1 of the notebook “T”; it has no description."
    assert f'<figure><img alt="{alt or default}" src="data:image/png;base64,{png}">' in cell["html"]


# --- what is kept for a paper, and the answer ---------------------------------------------------


def test_figures_and_tables_are_kept_as_files_and_no_cell_computes():
    pdf = base64.b64encode(b"%PDF-1").decode()
    drawn = display({"name": "rank 1"}, **{"image/png": "", "application/vnd.handid.pdf": pdf})
    tables = [
        display(**{"application/vnd.handid.csv": text, "application/vnd.handid.tex": "\\hline"})
        for text in ("a,b\n1,=SUM(A1)\n", "c\n-2.5\n")
    ]
    assert outputs.files(document(drawn, *tables)) == {
        "figures/rank-1.pdf": b"%PDF-1",
        "tables/1.csv": b"a,b\n1,'=SUM(A1)\n",
        "tables/1.tex": b"\\hline",
        "tables/2.csv": b"c\n-2.5\n",
        "tables/2.tex": b"\\hline",
    }


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (["**No:** it adds -1.2 points. More."], "**No:** it adds -1.2 points."),
        (["**It adds 1.2 points**" + ", and so on" * 40], "**It adds 1.2 points**"),
        (
            ["**Unclear:** it adds" + " some, or so" * 30],
            "**Unclear:** it adds" + " some, or so" * 23 + " …",
        ),
        (["**Nothing** is known\n\n- of this. Or that."], "**Nothing** is known"),
        (["Yes, by 3.4 points. The rest is long."], "Yes, by 3.4 points."),
        (["First. A", "Second. B"], "First."),
        ([], ""),
    ],
)
def test_the_answer_is_the_first_sentence_of_the_last_cell_that_speaks(said, answer):
    shown = [display(**{"text/markdown": text}) for text in said]
    assert outputs.answer(document(*shown, stream("printed"))) == answer
