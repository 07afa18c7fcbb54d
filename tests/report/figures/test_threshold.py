"""The DET curve of searches with one threshold: its rates are those of the curve."""

import numpy as np
import pandas as pd

from handid.evidence import open_set
from handid.report import figures
from handid.report.figures.threshold import rates_at

RANKS, MATED, ABSENT = [1, 1, 2, 1], [0.9, 0.6, 0.8, 0.3], [0.7, 0.2, 0.4, 0.1]
CURVE = open_set.curve(RANKS, MATED, ABSENT)


def test_the_rates_at_a_threshold_are_those_that_it_gives():
    for at in (-1.0, 0.05, 0.3, 0.35, 0.7, 0.71, 0.9, 2.0):
        expected = (open_set.fpir(ABSENT, at), open_set.fnir(RANKS, MATED, at))
        assert rates_at(CURVE, at) == expected
    assert np.isnan(rates_at(CURVE.iloc[:0], 0.5)).all()


def test_the_figure_says_its_numbers():
    words = figures.operating_point(CURVE, 0.65, 22, "synthetic x").words
    assert words.startswith("synthetic x. FNIR against FPIR, gallery of 22 people")
    assert "at a threshold of 0.65, 75 % and 25 %" in words and "Along the curve FNIR is" in words
    assert "at a threshold" not in figures.operating_point(CURVE, np.nan, 22, "x").words


def test_without_searches_the_figure_says_so():
    empty = pd.DataFrame(columns=["threshold", "fpir", "fnir"])
    assert "too few people" in figures.operating_point(empty, 0.5, 0, "x").words
