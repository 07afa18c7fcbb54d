"""Notebook files: read, written and refused; their parameters and their order."""

import json

import nbformat
import pytest

from handid.runner import notebook
from handid.runner.refusal import Refused


def test_parameters_are_read_as_python_reads_them():
    source = "a: int = 3  # one # two\nurl = 'http://x/#f'\nb = -1e-3  # k = v\nc = {'x': [None]}\n"
    values, meanings = notebook.read_parameters(source, "x")
    assert values == {"a": 3, "url": "http://x/#f", "b": -0.001, "c": {"x": [None]}}
    assert meanings == {"a": "one # two", "url": "", "b": "k = v", "c": ""}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("a = 1\nb = a * 2", "x: line 2 of the parameters cell must be `name = literal"),
        ("import os", "line 1 of the parameters cell"),
        ("a, b = 1, 2", "line 1 of the parameters cell"),
        ("a: int", "line 1 of the parameters cell"),
        ("a = (", "of the parameters cell"),
    ],
)
def test_parameters_that_are_no_literals_are_refused(source, message):
    with pytest.raises(Refused, match=message):
        notebook.read_parameters(source, "x")


@pytest.mark.parametrize(
    "content",
    [
        '{"a": 1}',
        "[]",
        "3",
        "",
        "no JSON",
        '{"nbformat": 9}',
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": 3}',
        '{"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [{"cell_type": "code"}]}',
        '{"nbformat": 4, "metadata": {}, "cells": []}',
    ],
)
def test_what_is_no_notebook_is_refused_in_one_sentence(tmp_path, content):
    path = tmp_path / "00_x.ipynb"
    path.write_text(content)
    with pytest.raises(Refused, match="^00_x.ipynb is not a readable notebook .*; save it") as info:
        notebook.read(path)
    assert "\n" not in str(info.value)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "x.ipynb").write_bytes(b"\xff\x00")
    with pytest.raises(Refused, match="not a readable notebook"):
        notebook.read(tmp_path / "x.ipynb")


def test_a_notebook_is_written_as_nbformat_writes_it(tmp_path):
    cell = nbformat.v4.new_code_cell("a = 1\nb = 2")
    document = nbformat.v4.new_notebook(cells=[cell])
    notebook.write(json.loads(json.dumps(document)), tmp_path / "x.ipynb")
    nbformat.write(document, tmp_path / "y.ipynb")
    assert (tmp_path / "x.ipynb").read_bytes() == (tmp_path / "y.ipynb").read_bytes()
    assert json.loads((tmp_path / "x.ipynb").read_text())["cells"][0]["source"] == [
        "a = 1\n",
        "b = 2",
    ]
    assert notebook.read(tmp_path / "x.ipynb") == document
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.ipynb", "y.ipynb"]


def test_code_cells_are_numbered_without_the_injected_one():
    def cell(kind="code", *tags):
        return {"cell_type": kind, "metadata": {"tags": list(tags)}}

    cells = [cell("markdown"), cell("code", "parameters"), cell("code", notebook.INJECTED), cell()]
    assert [number for number, _ in notebook.numbered(cells)] == [1, 1, 2]
    assert [notebook.has_number(one) for one in cells] == [False, True, False, True]


def test_a_folder_is_read_with_defaults_meanings_and_needs(toys):
    toys.notebook("01_b", parameters="a = [1]  # numbers", needs=["00_a"], long=True)
    toys.notebook("00_a", "x = 1", "# Text")
    books = notebook.read_all(toys.root / "notebooks")
    assert list(books) == ["00_a", "01_b"]
    assert (books["01_b"].defaults, books["01_b"].meanings) == ({"a": [1]}, {"a": "numbers"})
    assert (books["01_b"].needs, books["01_b"].long, books["00_a"].long) == (["00_a"], True, False)
    assert [cell["type"] for cell in books["00_a"].cells] == ["code", "code", "markdown"]


def test_two_parameter_cells_are_refused(toys):
    path = toys.notebook("00_x", ("b = 1", "parameters"))
    with pytest.raises(Refused, match="has 2 code cells tagged 'parameters'; tag just one"):
        notebook.read_notebook(path)


def test_a_need_that_is_not_there_is_refused(toys):
    toys.notebook("00_x", needs=["09_none"])
    with pytest.raises(Refused, match="00_x needs '09_none'; known: 00_x"):
        notebook.read_all(toys.root / "notebooks")


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(Refused, match="no notebooks in .*; name their folder with --notebooks"):
        notebook.read_all(tmp_path)


@pytest.mark.parametrize("name", ["03", "3", "03_train", "notebooks/03_train.ipynb"])
def test_a_notebook_is_found_by_number_name_or_path(name):
    assert notebook.find(name, ["03_train", "04_show"]) == "03_train"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("07", "no notebook '07'; known: 03_a, 03_b"),
        ("03", "'03' could be 03_a or 03_b"),
        ("03_c", "no notebook '03_c'; did you mean"),
    ],
)
def test_a_name_that_means_no_single_notebook_is_refused(name, message):
    with pytest.raises(Refused, match=message):
        notebook.find(name, ["03_a", "03_b"])


def books(needs):
    return {
        stem: notebook.Notebook(notebook.Path(stem), [], {}, {}, need, long=False)
        for stem, need in needs.items()
    }


def test_the_order_is_the_reading_order_but_for_needs():
    assert notebook.in_order(books({"00": [], "01": ["00"], "90": []})) == ["00", "01", "90"]
    assert notebook.in_order(books({"00": ["02"], "01": [], "02": []})) == ["01", "02", "00"]
    assert notebook.in_order(books({"01": ["elsewhere"]})) == ["01"]


def test_needs_in_a_circle_are_refused():
    with pytest.raises(Refused, match="in a circle: 00 -> 00"):
        notebook.in_order(books({"00": ["00"]}))
