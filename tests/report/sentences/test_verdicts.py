"""Verdicts: never more than the interval says, and never read back out of a sentence."""

import numpy as np
import pandas as pd
import pytest

from handid.report.sentences import Verdict, verdict
from handid.report.sentences.verdicts import (
    brief,
    joint,
    line,
    listed,
    of_levels,
    of_row,
    span,
    yes_or_no,
)

HIGHER, LOWER, UNCLEAR, NONE, MANY = Verdict


@pytest.mark.parametrize(
    ("low", "high", "kind"),
    [
        (0.1, 4.0, HIGHER),
        (-4.0, -0.1, LOWER),
        (-0.1, 4.0, UNCLEAR),
        (-4.0, 0.1, UNCLEAR),
        (0.0, 4.0, UNCLEAR),
        (-4.0, 0.0, UNCLEAR),
        (0.0, 0.0, UNCLEAR),
        (1e-9, 4.0, UNCLEAR),  # rounding, no difference
        (-4.0, -1e-9, UNCLEAR),
        (np.nan, np.nan, NONE),
    ],
)
def test_a_difference_is_higher_or_lower_only_if_its_interval_excludes_zero(low, high, kind):
    assert verdict(low, high) is kind
    row = pd.Series({"label": "x", "name": "over y", "value": 1.0, "low": low, "high": high})
    assert line(row).endswith(f": {kind.value}") and "nan" not in line(row) + brief(row)


def test_the_verdicts_are_said_in_these_words():
    assert [kind.value for kind in Verdict] == [
        "higher; the 95 % interval excludes zero",
        "lower; the 95 % interval excludes zero",
        "unclear: the 95 % interval includes zero",
        "unclear: one person gives no interval",
        "unclear: the 95 % interval excludes zero, but p after Holm's correction is above 0.05",
    ]


def test_one_of_several_comparisons_is_judged_after_holms_correction():
    row = pd.Series({"label": "x", "name": "over y", "value": 1.0, "low": 0.1, "high": 2.0})
    assert of_row(row) is HIGHER
    assert of_row(row) is of_row(pd.concat([row, pd.Series({"p": 0.02, "p_holm": 0.05})]))
    several = pd.concat([row, pd.Series({"p": 0.02, "p_holm": 0.06})])
    assert of_row(several) is MANY
    assert line(several).endswith(f": {MANY.value} (p 0.020, Holm 0.060)")
    assert brief(several) == (
        "over y +1.0 (95 % interval 0.1 to 2.0; p after Holm's correction above 0.05)"
    )
    unclear = pd.concat([row, pd.Series({"p": 0.02, "p_holm": 0.02})]).replace({0.1: -0.1})
    assert of_row(unclear) is UNCLEAR and line(unclear).endswith("zero (p 0.020)")
    assert of_row(row.replace({0.1: 50.1, 2.0: 60.0}), chance=55.0) is UNCLEAR
    tiny = pd.concat([row, pd.Series({"p": 0.0001, "p_holm": 0.0003})])
    assert line(tiny).endswith("(p < 0.001, Holm < 0.001)")


def test_a_level_beside_another_is_said_by_its_difference():
    def level(low, high, p, holm):
        return pd.Series({"low": low, "high": high, "p": p, "p_holm": holm})

    assert of_levels(level(5, 7, 0.01, 0.03)) == "higher (p 0.010, Holm 0.030)"
    assert of_levels(level(-7, -5, 0.01, 0.01)) == "lower (p 0.010)"
    assert of_levels(level(-1, 5, 0.4, 0.4)) == "unclear (p 0.400)"
    assert of_levels(level(1, 5, 0.04, 0.2)).startswith("unclear after Holm's correction (p 0.040")
    assert of_levels(level(*[np.nan] * 4)) == "not compared"


@pytest.mark.parametrize(
    ("reference", "controls", "answer"),
    [
        (HIGHER, [], "Yes"),
        (HIGHER, [HIGHER, HIGHER], "Yes"),
        (HIGHER, [HIGHER, UNCLEAR], "Unclear"),
        (HIGHER, [NONE], "Unclear"),
        (HIGHER, [UNCLEAR, LOWER], "No"),
        (HIGHER, [HIGHER, LOWER], "No"),
        (LOWER, [], "No"),
        (LOWER, [HIGHER], "No"),
        (LOWER, [UNCLEAR], "No"),
        (UNCLEAR, [], "Unclear"),
        (UNCLEAR, [HIGHER], "Unclear"),
        (UNCLEAR, [LOWER], "Unclear"),
        (NONE, [HIGHER], "Unclear"),
        (MANY, [HIGHER], "Unclear"),
        (HIGHER, [MANY], "Unclear"),
    ],
)
def test_yes_needs_the_reference_and_every_control(reference, controls, answer):
    assert yes_or_no(reference, controls) == answer


def test_several_answers_have_one_word_only_if_they_agree():
    assert joint(["No", "No"]) == "No"
    assert joint(["No", "Unclear"]) == "It depends"


def test_names_are_listed_as_english_lists_them():
    assert listed(["a"]) == "a" and listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a, x", "b"]) == "a, x; b"
    assert (span([2.0, 1.0]), span([1.0, 1.01])) == ("1.0 to 2.0", "1.0")
