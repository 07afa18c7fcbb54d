"""Tables of a growing gallery: a row per size, a row per check."""

import numpy as np

from handid.report import tables


def test_each_size_is_a_row_with_a_dash_where_nothing_was_measured(growth_of):
    table = tables.growth(growth_of())
    assert table["people enrolled"].tolist() == ["2", "200", "1,000,000"]
    assert table["rank-1, measured"].tolist() == ["90.0 [87.0, 92.0]", "60.0 [57.0, 62.0]", "–"]
    assert table["FPIR, foretold"].iloc[2] == "97.0 [94.0, 99.0]"


def test_a_check_shows_both_figures_and_their_difference(growth_of):
    table = tables.growth_checks(growth_of())
    assert table["fitted on"].tolist() == ["30", "30"] and table["tested at"].iloc[0] == "170"
    assert table["foretold"].iloc[0] == "64.0 [50.0, 71.0]"
    assert table["family"].tolist() == ["beta or binormal"] * 2
    assert table["foretold minus measured"].iloc[1] == "+2.0 [-7.0, +9.0]"


def test_what_could_not_be_had_is_a_dash(growth_of):
    checks = growth_of().checks.assign(foretold=np.nan, difference=np.nan, measured_low=np.nan)
    line = tables.growth_checks(growth_of(checks=checks)).iloc[0]
    assert line["foretold"] == "–" and line["foretold minus measured"] == "–"
    assert line["measured"] == "62.0"
