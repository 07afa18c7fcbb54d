"""Warnings in a kernel are notes; outside one, and other kinds of warning, as they were."""

import warnings
from types import SimpleNamespace

import pytest

from handid.study import notes


@pytest.fixture
def shown(monkeypatch):
    """What is said in a page, within a kernel."""
    said = []
    monkeypatch.setattr(notes, "get_ipython", lambda: SimpleNamespace(kernel=True))
    monkeypatch.setattr(notes.display, "say", said.append)
    monkeypatch.setattr(notes.tqdm.std.tqdm, "__init__", notes.tqdm.std.tqdm.__init__)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(notes, "_others", [])
        yield said


def test_a_warning_of_a_study_is_a_note_and_no_other_is(shown, monkeypatch):
    others = []
    monkeypatch.setattr(warnings, "showwarning", lambda *about: others.append(str(about[0])))
    notes.into_page()
    notes.into_page()  # of a second study
    warnings.warn("left out", UserWarning, stacklevel=1)
    warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert shown == ["*Note: left out*"] and others == ["old"]


def test_a_bar_is_printed_and_no_error(shown, capsys):
    notes.into_page()
    list(notes.tqdm.std.tqdm(range(3), "epochs"))
    out, err = capsys.readouterr()
    assert "epochs: 100%" in out and err == ""


def test_outside_a_kernel_nothing_changes(shown, monkeypatch):
    monkeypatch.setattr(notes, "get_ipython", lambda: None)
    before = warnings.showwarning
    notes.into_page()
    assert warnings.showwarning is before
