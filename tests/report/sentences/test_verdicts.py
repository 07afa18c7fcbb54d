"""Verdicts: never more than the interval says, and never read back out of a sentence."""

import numpy as np
import pandas as pd
import pytest

from handid.report.sentences import Verdict, verdict
from handid.report.sentences.verdicts import (
    brief,
    compared,
    joint,
    line,
    listed,
    of_levels,
    span,
    yes_or_no,
)

HIGHER, LOWER, UNCLEAR, NONE = Verdict


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


def test_the_four_verdicts_are_said_in_these_words():
    assert [kind.value for kind in Verdict] == [
        "higher; the 95 % interval excludes zero",
        "lower; the 95 % interval excludes zero",
        "unclear: the 95 % interval includes zero",
        "unclear: one person gives no interval",
    ]


def test_levels_are_apart_only_where_their_intervals_do_not_overlap():
    def level(low, high):
        return pd.Series({"low": low, "high": high})

    assert compared(level(5, 7), level(2, 4)) is HIGHER
    assert compared(level(2, 4), level(5, 7)) is LOWER
    assert compared(level(2, 5), level(5, 7)) is UNCLEAR
    assert compared(level(2, 9), level(5, 7)) is UNCLEAR
    assert compared(level(np.nan, np.nan), level(5, 7)) is NONE
    assert len({of_levels(kind) for kind in Verdict}) == 4


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
