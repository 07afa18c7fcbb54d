"""Pieces of HTML that run nothing, load nothing and lead nowhere else."""

import re

import pytest

from handid.runner import safe


def test_progress_bars_and_terminal_colours_become_plain_text():
    assert safe.plain("1%\r50%\r\x1b[31m100%\x1b[0m\ndone\r\n") == "100%\ndone\n"
    assert len(safe.plain("x" * 10**6)) < 21_000


def test_a_styled_table_keeps_its_colours_and_nothing_else():
    rule = "#T_1_row0_col1 { background-color: gold; }"
    assert f"<style>{rule}</style>" in safe.clean(f'<style type="text/css">\n{rule}</style><p>')
    for bad in ("#T_1 { background: url(//x) }", "p { color: red }", "@import '//x';"):
        assert "style" not in safe.clean(f"<style>{bad}</style><p>kept</p>")


@pytest.mark.parametrize(
    "text",
    [
        "<svg onload=alert(1)>",
        "<a href='javascript:alert(1)'>x</a>",
        "<img src=x onerror=alert(1)>",
        "<iframe src=//x.org></iframe>",
        '<p style="background-image:url(//x.org)">x</p>',
        "<link rel=stylesheet href=//x.org><base href=//x.org>",
        "<form action=//x.org><input></form>",
    ],
)
def test_html_that_acts_or_leaves_is_defused(text):
    cleaned = safe.clean(text)
    assert not re.search(r"<(svg|iframe|link|base|form|input)|(on\w+|href|src)=|url\(", cleaned)


def test_no_line_ends_between_a_number_and_its_percent_sign():
    assert safe.markdown("**95 %** of them") == "<p><strong>95\u00a0%</strong> of them</p>\n"


def test_a_script_is_dropped_with_its_text():
    assert safe.clean("<p>a</p><script>alert(1)</script><style>p {}</style>b") == "<p>a</p>b"


def test_a_formula_is_drawn_with_its_tex_as_alt_text():
    drawing = safe.markdown(r"It is $\tau = 0.07$.")
    assert 'alt="\\tau = 0.07"' in drawing and 'src="data:image/svg+xml;base64,' in drawing


def test_a_formula_that_cannot_be_drawn_is_shown_as_text():
    assert safe.formula(r"\nonsense{<") == r"<code>\nonsense{&lt;</code>"


def test_links_inside_the_report_stay_and_others_become_text():
    for away in ("https://x.org/01_next.html", "//x.org/a.html", "http:a.html", "../a.html"):
        assert "href" not in safe.markdown(f"[next]({away})")
        assert "href" not in safe.clean(f"<a href='{away}'>next</a>")
    assert '<a href="01_next.html">next</a>' in safe.markdown("[next](01_next.ipynb)")
    address = '<span class="address">(doi.org/10/x)</span>'
    assert f"a paper {address}" in safe.markdown("[a paper](https://doi.org/10/x)")
    assert "[picture: a hand]" in safe.markdown("![a hand](hand.png)")
