"""worth.py: a figure by its name, bounds, the title's words, and tidy rows."""

import numpy as np
import pytest

from handid.report.rows import COLUMNS
from handid.report.worth import as_rows


def test_a_figure_is_found_by_its_metric_and_none_where_it_is_not(worth):
    assert worth().figure("eer")["value"] == pytest.approx(0.11)
    assert worth(without=["eer"]).figure("eer") is None


def test_without_a_calibration_the_bounds_are_no_evidence(worth):
    assert worth().bounds == (-1.4, 1.3)
    assert worth(calibration=None, refusal="Too few.").bounds == (0.0, 0.0)


def test_where_says_set_and_task(worth):
    assert worth(task="other hand").where == "synthetic 11k dorsal right, other hand"


def test_tidy_rows_are_percent_or_bits_and_of_what_is_supported(worth):
    rows = worth().rows.set_index("metric")
    assert rows.loc["eer", ["value", "low", "high"]].tolist() == pytest.approx([11, 9, 14])
    assert rows.loc["cllr", "value"] == worth().figure("cllr")["value"]
    assert ((rows["low"] <= rows["value"]) & (rows["value"] <= rows["high"])).all()
    assert (rows["value"] <= 100).all() and (rows["n_gallery"] == 22).all()
    figures = worth().figures.set_index("metric")
    figures.loc["eer", "floor"], figures.loc["cllr", "high"] = 0.2, np.nan
    found = as_rows(figures.reset_index(), dict.fromkeys(COLUMNS, 0))
    assert set(rows.index) - set(found["metric"]) == {"eer", "cllr"}
    assert list(found) == COLUMNS
    assert as_rows(figures.reset_index()[:0], dict.fromkeys(COLUMNS, 0)).empty
