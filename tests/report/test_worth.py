"""worth.py: a figure by its name, bounds, and the title's words."""

import pytest


def test_a_figure_is_found_by_its_metric_and_none_where_it_is_not(worth):
    assert worth().figure("eer")["value"] == pytest.approx(0.11)
    assert worth(without=["eer"]).figure("eer") is None


def test_without_a_calibration_the_bounds_are_no_evidence(worth):
    assert worth().bounds == (-1.4, 1.3)
    assert worth(calibration=None, refusal="Too few.").bounds == (0.0, 0.0)


def test_where_says_set_and_task(worth):
    assert worth(task="other hand").where == "synthetic 11k dorsal right, other hand"
