"""Lists as spreadsheets save them, against pandas where pandas can read them."""

import io

import pandas as pd
import pytest

from handid.data import _csv


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_list_is_read_as_pandas_reads_it(tmp_path, rng, separator):
    cells = [[f"{x:.3f}" for x in row] for row in rng.random((20, 4))]
    frame = pd.DataFrame(cells, columns=["path", "b c", "d", 'e"f'])
    frame["b c"] += f' "x"{separator} y\nz'
    file = tmp_path / "list.csv"
    frame.to_csv(file, index=False, sep=separator)
    expected = pd.read_csv(io.StringIO(file.read_text()), sep=separator, dtype=str)
    pd.testing.assert_frame_equal(_csv.read(file, ["path", "d"]), expected, check_dtype=False)


def test_empty_lines_and_empty_columns_at_the_end_are_passed_over(tmp_path):
    file = tmp_path / "list.csv"
    file.write_text("path,b,,\n\n 1 ,2,,\n,,,\n3\n")
    assert _csv.read(file, ["path"]).to_numpy().tolist() == [["1", "2"], ["3", ""]]


def test_the_separator_is_the_one_that_finds_the_needed_columns(tmp_path):
    file = tmp_path / "list.csv"
    file.write_text("a,b;path;view\n1;2;3\n")
    assert _csv.read(file, ["path", "view"]).columns.tolist() == ["a,b", "path", "view"]


def test_a_refusal_names_the_row_and_shortens_the_value(tmp_path):
    column = pd.Series(["1", "x" * 500], name="age")
    with pytest.raises(ValueError, match="age is 'x{60}' in data row 2, expected a number"):
        _csv.check_column(tmp_path, column, "[0-9]+", "a number")
