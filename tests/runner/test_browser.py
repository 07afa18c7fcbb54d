"""The browser that prints: found, or missing in one sentence; nothing half-written."""

import pytest

from handid.runner import browser
from handid.runner.refusal import Refused


def test_without_a_browser_one_sentence_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(browser, "find", lambda: None)
    with pytest.raises(Refused, match="no browser prints report.html as PDF: install Chromium"):
        browser.print_page(tmp_path / "report.html", tmp_path / "report.pdf")


@pytest.mark.parametrize("program", ["#!/bin/sh\nexit 3\n", "no program at all"])
def test_a_browser_that_prints_nothing_is_said_and_leaves_the_old_file(
    tmp_path, monkeypatch, program
):
    fake = tmp_path / "chromium"
    fake.write_text(program)
    fake.chmod(0o700)
    monkeypatch.setattr(browser, "find", lambda: str(fake))
    (tmp_path / "report.pdf").write_text("old")
    with pytest.raises(Refused, match="chromium did not print report.html"):
        browser.print_page(tmp_path / "report.html", tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_text() == "old"


def test_a_browser_is_sought_in_the_path_and_in_its_place(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browser, "PLACES", (str(tmp_path / "Chrome"),))
    assert browser.find() is None
    (tmp_path / "Chrome").touch(0o700)
    assert browser.find() == str(tmp_path / "Chrome")
