"""A report's tables in a browser: sorted and filtered by keyboard, printed without controls."""

import nbformat
import pytest

from handid.runner.manifest import Manifest
from handid.runner.page import Pages

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
