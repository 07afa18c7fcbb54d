"""The answer of the panel's notebook: the threshold in force, or that there is none."""

from types import SimpleNamespace

import pandas as pd

from handid.report import sentences

CURVE = pd.DataFrame({"threshold": [0.5, 0.8], "fpir": [0.5, 0.25], "fnir": [0.1, 0.4]})


def answer(start):
    panel = SimpleNamespace(
        curve=CURVE, start=start, n_gallery=22, n_people=30, title="synthetic x"
    )
    return sentences.operating_point(panel)


def test_the_answer_says_what_the_threshold_costs():
    text = answer(0.8)
    assert text.startswith("**At a similarity of 0.80 and above** somebody is named, among 30")
    assert "25 % of searches" in text and "40 % of those" in text and "with 22 enrolled" in text


def test_without_a_threshold_nobody_is_named():
    text = answer(float("nan"))
    assert text.startswith("**Nobody is named**") and "%" not in text
