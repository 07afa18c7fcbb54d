"""The sentences on a growing gallery begin with a range, or with that there is none."""

import numpy as np

from handid.report import sentences


def test_the_answer_begins_with_the_range_at_the_largest_gallery(growth_of):
    text = sentences.growth(growth_of())
    first, second, about = text.split("\n\n")
    assert first.startswith(
        "**With 1,000,000 people enrolled, rank-1 is between 9 and 14 %** (11k dorsal"
    )
    assert "the right person is first in 12 % of searches" in first
    assert "62.0 % were measured among others: +2.0 points (95 % interval -7.0 to +9.0)" in first
    assert "does not contradict" in first
    assert second.startswith("**With 1,000,000 people enrolled, FPIR is between 94 and 99 %** (")
    assert "% of searches for people who are not enrolled name somebody" in second
    assert "5,000 times as large" in about and "0.83" in about and "FPIR of 10 %" in about


def test_a_model_that_failed_its_check_supports_nothing(growth_of):
    checks = growth_of().checks.assign(low=0.5, high=3.0)
    text = sentences.growth(growth_of(checks=checks))
    assert text.count("**Not supported** at 1,000,000") == 2 and "which is too high" in text
    checks = growth_of().checks.assign(difference=-2.0, low=-3.0, high=-0.5)
    assert "which is too low" in sentences.growth(growth_of(checks=checks))


def test_where_nobody_errs_nothing_is_foretold(growth_of):
    curves = growth_of().curves
    curves.loc[curves["kind"] == "foretold", ["value", "low", "high"]] = np.nan
    text = sentences.growth(growth_of(curves=curves))
    assert text.count("**Nothing is foretold:**") == 2 and "nan" not in text


def test_a_check_without_errors_or_without_an_interval_is_said_to_be_so(growth_of):
    checks = growth_of().checks.assign(difference=np.nan, low=np.nan, high=np.nan)
    text = sentences.growth(growth_of(checks=checks))
    assert "could not be checked" in text and "nan" not in text
    checks = growth_of().checks.assign(low=np.nan, high=np.nan)
    text = sentences.growth(growth_of(checks=checks))
    assert "+2.0 points, of which no interval can be had" in text and "nan" not in text


def test_an_extrapolation_shows_two_digits_and_nothing_below_a_hundredth(growth_of):
    curves = growth_of().curves
    curves.loc[curves["kind"] == "foretold", ["value", "low", "high"]] = [3.14159, 0.000134, 99.97]
    text = sentences.growth(growth_of(curves=curves))
    assert "rank-1 is between less than 0.01 and 100 %** (" in text and "first in 3.1 % of" in text
