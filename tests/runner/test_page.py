"""Pages: one notebook that shows one of everything is run once; the rest needs no run."""

import base64
import csv
import hashlib
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from handid.runner import page
from handid.runner.manifest import Manifest
from handid.runner.page import Pages

REPOSITORY = Path(__file__).resolve().parents[2]
CELLS = [
    "# Is it safe?\n\nThe *question*, with $\\tau = 0.07$ and [a paper](https://doi.org/10/x).\n\n"
    "<script>alert('markdown')</script>",
    ("import os, sys, matplotlib.pyplot as plt, pandas as pd; secret_plumbing = 1", "hide-input"),
    "shown_code = os.getcwd(); print(shown_code, sys.executable)",
    "from IPython.display import HTML, display\ndisplay(HTML('<p onclick=run()>kept</p>"
    "<script src=https://x.org/a.js></script><img src=https://x.org/a.png>"
    "<style>@import url(https://x.org/a.css);</style>'))",
    "pd.DataFrame({'view': ['dorsal right'], 'images': [971]})",
    "fig, ax = plt.subplots(figsize=(3, 2)); ax.plot([1, 2])\n"
    "display(fig, metadata={'alt': 'A line that <rises>', 'name': 'a line'}); plt.close(fig)",
    "_ = plt.figure(figsize=(2, 2)); plt.plot([3, 1]); plt.show()",
    "import ipywidgets; ipywidgets.IntSlider(3)",
    "import warnings; warnings.warn('a folded remark')",
    "os.makedirs(f'{work}/results', exist_ok=True)\n"
    "pd.DataFrame({'method': ['b'], 'low': [1]}).to_csv(f'{work}/results/b.csv', index=False)\n"
    "pd.DataFrame({'method': ['a'], 'value': [2]}).to_csv(f'{work}/results/a.csv', index=False)",
]


@pytest.fixture(scope="module")
def shown(make_house, work_line):
    """One notebook that shows one of everything."""
    house = make_house("shown")
    house.notebook("00_safe", *CELLS, parameters=work_line + "\nseeds = [0]  # of training")
    house.notebook("01_next", "x = 1")
    house.finished = house.run("--set", "seeds=[7]", "--only", "0")
    assert house.finished.returncode == 0, house.finished.err
    return house


class Addresses(HTMLParser):
    """What a browser could fetch or follow out of a page: addresses in attributes and styles."""

    def __init__(self, page):
        super().__init__()
        self.found, self.inside = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        values = [value or "" for _, value in attrs]
        self.found += [value for value in values if re.match(r"\s*(\w+:)?//", value)]
        self.found += [tag] if tag in ("script", "iframe", "object", "link", "base") else []
        self.found += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data):
        if self.inside == "style":
            self.found += re.findall(r"@import|url\(", data)


def test_a_page_asks_the_network_for_nothing_and_runs_one_script_of_ours(shown):
    script = (REPOSITORY / "notebooks/template/tables.js").read_text()
    assert not re.search(r"https?:|fetch|XMLHttp|import\(|src|eval|innerHTML|Storage", script)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    for name in ("00_safe", "01_next", "index", "made"):
        text = shown.page(name)
        assert Addresses(text).found == ["script"]
        assert text.lower().count("<script") == 1 and f"<script>{script}</script>" in text
        policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        policy += f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in text
    bad = "<img src=//x.org><a href='https://x'><p onclick=a()><style>@import 'x'</style><script>"
    assert len(Addresses(bad).found) == 5
    assert "<p>kept</p>" in shown.page("00_safe")


def test_a_page_shows_what_it_must_and_hides_what_it_must(shown):
    text = shown.page("00_safe")
    assert "<h1>Is it safe?</h1>" in text and text.count("Is it safe?</h1>") == 1
    assert "shown_code" in text and "secret_plumbing" not in text
    assert re.search(r"<code>\[7\]</code> <small>set by this run</small></td><td>of training", text)
    assert "injected-parameters" not in text and "Parameters</summary>" in text
    assert "static version" in text and "971" in text
    assert 'class="stderr"><summary>' in text and "a folded remark" in text
    assert 'alt="\\tau = 0.07"' in text
    assert "(doi.org/10/x)" in text
    assert 'href="01_next.html"' in text and 'href="index.html"' in text
    assert "not been run" in shown.page("01_next")


def test_alt_text_reaches_the_page_and_its_absence_is_admitted(shown):
    alts = re.findall(r'<figure><img (?:src="[^"]*" )?alt="([^"]*)"', shown.page("00_safe"))
    assert alts[0] == "A line that &lt;rises&gt;"
    assert "no description" in alts[1] and len(alts) == 2
    assert 'alt="A line that &lt;rises&gt;"' in shown.page("index")


def test_figures_and_results_are_written_beside_the_pages(shown):
    names = sorted(path.name for path in (shown.reports / "figures").iterdir())
    assert names == ["00_safe_2.png", "00_safe_a-line.png"]
    for name in names:
        assert Image.open(shown.reports / "figures" / name).format == "PNG"
    rows = list(csv.DictReader((shown.reports / "results.csv").open()))
    assert [row["method"] for row in rows] == ["a", "b"] and list(rows[0]) == [
        "method",
        "value",
        "low",
    ]


def test_no_page_names_the_machine(shown):
    assert "notebooks python" in shown.page("00_safe") or "notebooks …" in shown.page("00_safe")
    for path in [*shown.reports.glob("*.html"), *shown.reports.glob("*.ipynb")]:
        assert "alice" not in path.read_text() and sys.prefix not in path.read_text(), path.name


@pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium")
@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("00_safe", "Is it safe? · HandID · demo"),
        ("index", "HandID · demo"),
        ("made", "How this was made · HandID · demo"),
    ],
)
def test_a_browser_opens_the_page_without_complaint(shown, tmp_path, name, title):
    command = "chromium --headless --no-sandbox --disable-gpu --disable-background-networking"
    command += f" --enable-logging=stderr --user-data-dir={tmp_path} --dump-dom"
    address = (shown.reports / f"{name}.html").as_uri()
    done = subprocess.run([*command.split(), address], capture_output=True, text=True, timeout=60)
    assert f"<title>{title}</title>" in done.stdout
    assert "CONSOLE" not in done.stderr, done.stderr


def test_what_is_fresh_is_skipped_and_a_new_style_is_only_drawn(shown):
    style = shown.root / "notebooks/template/style.css"
    style.write_text(style.read_text() + "/* new look */")
    before = shown.manifest()["notebooks"]["00_safe"]
    again = shown.run("--set", "seeds=[7]", "--only", "0")
    assert again.returncode == 0 and again.out.count("fresh, skipped") == 1
    after = shown.manifest()["notebooks"]["00_safe"]
    assert (before["skipped"], after["skipped"]) == (False, True)
    assert before["started"] == after["started"]
    assert before["products"] == ["results/a.csv", "results/b.csv"] == after["products"]
    assert "/* new look */" in shown.page("00_safe")
    assert "shown_code" in shown.page("00_safe")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium")
def test_the_whole_report_is_one_page_and_a_pdf(shown):
    done = shown.run("--set", "seeds=[7]", "--only", "0", "--bundle")
    assert done.returncode == 0, done.err
    text = shown.page("report")
    assert Addresses(text).found == ["script"] and "shown_code" in text
    assert 'id="00_safe"' in text and 'href="#00_safe"' in text and "01_next" not in text
    assert not re.search(r'href="[^#]', text)
    assert (shown.reports / "report.pdf").read_bytes().startswith(b"%PDF")
    assert 'href="report.html"' in shown.page("index") and 'href="report.pdf"' in shown.page(
        "index"
    )
    again = shown.run("--set", "seeds=[8]", "--only", "0")
    assert again.returncode == 0 and not (shown.reports / "report.pdf").exists()
    assert "report.html" not in shown.page("index")


# --- without a run ------------------------------------------------------------------------------


@pytest.fixture
def pages(toys, request):
    """Pages of two notebooks, neither of which ran; and their folder."""
    toys.notebook("00_first", "# First\n\nWhy?", "x = 1", parameters="seeds = [0]  # of training")
    toys.notebook("01_second", "x = 2")
    template = request.config.rootpath / "notebooks/template"
    plan = toys.plan()
    return Pages(template, toys.reports, plan.notebooks, plan.mask), Manifest(plan)


def test_a_notebook_that_never_ran_has_a_page(pages, toys):
    text = pages[0].page("00_first", {}).read_text()
    assert "<title>First · HandID · demo</title>" in text and "not been run" in text
    assert "<code>[0]</code></td><td>of training" in text and 'href="01_second.html"' in text


def test_the_index_counts_states_and_lists_questions(pages, toys):
    run = pages[1]
    run.begin(toys.plan().tasks["01_second"]).update(state="failed", cause="cell 2: E")
    text = pages[0].index(run.content()).read_text()
    assert "<p>Why?</p>" in text and "cell 2: E" in text
    for state in ("failed", "not run"):
        assert f"{page.MARKS[state]}</span>&nbsp;{state}" in text


def test_the_first_figure_of_a_headline_notebook_stands_at_the_top_of_the_index(toys, request):
    for stem in ("00_first", "01_second"):
        path = toys.notebook(stem, f"# {stem}?", "x = 1")
        book = nbformat.read(path, as_version=4)
        picture = base64.b64encode(
            (REPOSITORY / "reports/example/figures/hands.png").read_bytes()
        ).decode()
        metadata = {"image/png": {"alt": f"Figure of {stem} 61.5"}}
        output = nbformat.v4.new_output("display_data", {"image/png": picture}, metadata=metadata)
        book.cells[-1].outputs = [output]
        book.metadata["handid"]["headline"] = stem == "01_second"
        nbformat.write(book, path)
    toys.finish()
    plan = toys.plan()
    pages = Pages(
        request.config.rootpath / "notebooks/template", toys.reports, plan.notebooks, plan.mask
    )
    text = pages.index(Manifest(plan).content()).read_text()
    before, after = text.split('<ul class="notebooks">')
    assert 'class="headline"' in before and 'alt="Figure of 01_second 61.5"' in before
    assert 'alt="Figure of 00_first 61.5"' in after and "Figure of 01_second" not in after


def test_how_it_was_made_names_commands_times_products_and_needs(pages, toys):
    run = pages[1]
    record = run.begin(toys.plan().tasks["01_second"])
    record.update(state="succeeded", seconds=61.4, products=["results/01_second.csv"])
    pages[0].index(run.content())
    text = (toys.reports / "made.html").read_text()
    assert ".venv/bin/python run_notebooks.py" in text and "1 min 01 s</text>" in text
    assert "<code>results/01_second.csv</code>" in text and "results: 1</text>" in text
    assert "What each notebook needs: 00_first needs none; 01_second needs none." in text
    assert "This command ran last" not in text
    content = run.content()
    content["notebooks"]["01_second"]["started"] = "2020-01-01T00:00:00+00:00"
    pages[0].index(content)
    told = "left 1 of 2 notebooks as earlier commands had made them"
    assert told in (toys.reports / "made.html").read_text()
    assert 'class="box not-run"' in text and 'class="box succeeded"' in text
    assert f"python {sys.version.split()[0]}" in text


@pytest.mark.parametrize("content", ['{"a": 1}', "", "no JSON"])
def test_a_kept_notebook_that_cannot_be_read_leaves_the_source(pages, toys, content):
    toys.reports.mkdir(parents=True)
    (toys.reports / "00_first.ipynb").write_text(content)
    run = pages[1]
    record = run.begin(toys.plan().tasks["00_first"])
    record["state"] = "succeeded"
    assert "<h1>First</h1>" in pages[0].page("00_first", record).read_text()
    assert "First</a>" in pages[0].index(run.content()).read_text()


def test_figures_of_an_earlier_run_go(pages, toys):
    folder = toys.reports / "figures"
    folder.mkdir(parents=True)
    for name in ("00_first_old.png", "01_second_1.png"):
        (folder / name).touch()
    pages[0].page("00_first", {"state": "succeeded"})
    assert [path.name for path in folder.iterdir()] == ["01_second_1.png"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.04, "0.0 s"), (59.9, "59.9 s"), (61.4, "1 min 01 s"), (3720, "1 h 2 min")],
)
def test_durations_are_written_as_people_say_them(seconds, text):
    assert page.duration(seconds) == text


# --- tables in a browser --------------------------------------------------------------------------

ROWS = [("gamma 10", "61.5 [54.1, 69.8]"), ("gamma 9", "–"), ("alpha", "7.0 [-1.0, 9.0]")]
ROWS += [("beta", "1,204"), ("delta", "-3.5 [-9.0, 1.0]"), ("eta", "n/a (floor 7)")]
ROWS += [("theta", "61.4"), ("iota", "0.0")]


@pytest.fixture
def table(toys, request, chromium):
    """A page with a table of ROWS, open in a browser."""
    path = toys.notebook("00_first", "# First?", "x = 1")
    body = "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in ROWS)
    text = f"<table><thead><tr><th>system</th><th>rank-1</th></tr></thead><tbody>{body}</tbody>"
    book = nbformat.read(path, as_version=4)
    output = nbformat.v4.new_output("display_data", {"text/html": f"{text}</table>"})
    book.cells[-1].outputs = [output]
    nbformat.write(book, path)
    toys.finish()
    plan = toys.plan()
    template = request.config.rootpath / "notebooks/template"
    pages = Pages(template, toys.reports, plan.notebooks, plan.mask)
    page, log = chromium(pages.page("00_first", Manifest(plan).records["00_first"]).as_uri(), 400)
    yield page
    assert log.abroad == log.complaints == []


def names(page):
    return page.locator(".output tbody tr:visible td:first-child").all_inner_texts()


def test_a_column_of_figures_is_sorted_by_the_keyboard_both_ways(table):
    heads = table.locator("thead button")
    heads.nth(1).focus()
    table.keyboard.press("Enter")
    best = ["beta", "gamma 10", "theta", "alpha", "iota", "delta"]
    assert names(table) == [*best, "gamma 9", "eta"]
    table.keyboard.press("Space")
    assert names(table) == [*best[::-1], "gamma 9", "eta"]
    assert table.locator(".output th").nth(1).get_attribute("aria-sort") == "ascending"
    heads.first.click()
    texts = ["alpha", "beta", "delta", "eta", "gamma 9", "gamma 10", "iota", "theta"]
    assert names(table) == texts  # numbers in them by size
    assert table.locator("th[aria-sort]").count() == 1


def test_rows_are_filtered_and_the_number_that_is_left_is_told(table):
    table.get_by_label("Rows with").fill("GAMMA")
    assert names(table) == ["gamma 10", "gamma 9"]
    assert table.get_by_role("status").inner_text() == "2 of 8"
    table.get_by_label("Rows with").fill("")
    assert len(names(table)) == len(ROWS)


def test_a_page_is_no_wider_than_a_telephone_and_its_table_scrolls_by_keyboard(table, faults):
    assert table.evaluate("document.documentElement.scrollWidth") <= 400
    table.evaluate("document.querySelector('.output .wide').style.width = '90px'")
    table.set_viewport_size({"width": 390, "height": 900})
    assert table.locator(".output .wide").get_attribute("tabindex") == "0"
    assert faults(table) == []


def test_a_printed_table_has_no_controls(table):
    table.emulate_media(media="print")
    assert not table.locator(".filter").is_visible()
    assert len(names(table)) == len(ROWS)
