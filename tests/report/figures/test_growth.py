"""The curves of a growing gallery carry their ends in words."""

import numpy as np

from handid.report import figures


def test_the_words_hold_both_ends_of_each_curve(growth_of):
    drawn = figures.growth(growth_of(), "CLIP-FT")
    assert "rank-1: measured 90.0 % at 2 and 60.0 % at 200 people" in drawn.words
    assert "foretold 1.0 % at 2 and 97.0 % at 1,000,000 people" in drawn.words
    assert [axis.get_xscale() for axis in drawn.figure.axes] == ["log", "log"]


def test_curves_that_could_not_be_foretold_are_left_out(growth_of):
    curves = growth_of().curves
    curves.loc[curves["kind"] == "foretold", ["value", "low", "high"]] = np.nan
    assert "foretold" not in figures.growth(growth_of(curves=curves), "CLIP-FT").words
