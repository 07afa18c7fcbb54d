"""Sentences about differences: the answer first, and no more than the intervals say."""

import numpy as np
import pandas as pd
import pytest

from handid.report import sentences

WHERE = "synthetic 11k dorsal right: the step"


def first(text):
    """The words in bold with which an answer begins."""
    assert text.startswith("**"), text
    return text.split("**")[1].rstrip(":")


# --- lists --------------------------------------------------------------------------------------


def test_every_row_of_a_list_has_its_own_verdict(bars):
    text = sentences.gain(bars(("a", 2, 1, 3), ("b", -2, -3, -1), ("c", 0, -1, 1)), WHERE)
    assert first(text) == "1 higher, 1 lower, 1 unclear"
    lines = [line for line in text.splitlines() if line.startswith("- ")]
    assert lines == [
        "- a: **+2.0** (95 % interval 1.0 to 3.0): higher; the 95 % interval excludes zero",
        "- b: **-2.0** (95 % interval -3.0 to -1.0): lower; the 95 % interval excludes zero",
        "- c: **+0.0** (95 % interval -1.0 to 1.0): unclear: the 95 % interval includes zero",
    ]


def test_one_seed_is_admitted_and_several_are_not_called_one(bars):
    one, three = (sentences.gain(bars(("a", 2, 1, 3), seeds=n), WHERE) for n in (1, 3))
    assert "One seed per training: the interval covers" in one
    assert "One seed" not in three and "means over 3 seeds" in three


def test_nothing_to_compare_with_is_admitted(bars):
    assert first(sentences.gain(bars(("a", 2, 1, 3))[:0], WHERE)) == "Nothing to compare with"


# --- how much is added --------------------------------------------------------------------------


def test_what_is_added_comes_first_with_its_interval_and_verdict(bars):
    gains = bars(("CLIP-FT", 7.04, 3.44, 10.6), ("CLIP-ZS", -1, -3, 1))
    text = sentences.added(gains, "clip_ft", WHERE)
    assert text.startswith(
        "**+7.0 points of rank-1** (95 % interval 3.4 to 10.6): higher; the 95 % interval "
        f"excludes zero ({WHERE}; CLIP-FT minus CLIP-FT untrained)."
    )
    assert "\n- CLIP-ZS: **-1.0** (95 % interval -3.0 to 1.0): unclear" in text
    assert text.count("CLIP-FT:") == 0 and text.endswith("not of the seed.")


def test_what_is_added_to_several_backbones_is_a_range_and_a_list(bars):
    gains = pd.concat([bars(("CLIP-FT", 7, 3, 10)), bars(("CLIP-FT", -2, -3, -1), backbone="RN50")])
    text = sentences.added(gains, "clip_ft", WHERE)
    assert first(text) == "-2.0 to +7.0 points of rank-1"
    assert "- CLIP-FT, ViT-B/16: **+7.0**" in text and "- CLIP-FT, RN50: **-2.0**" in text


def test_a_system_that_was_not_scored_is_refused(bars):
    with pytest.raises(ValueError, match="'clip_reid' was not scored here"):
        sentences.added(bars(("CLIP-FT", 7, 3, 10)), "clip_reid", WHERE)


# --- does it help -------------------------------------------------------------------------------

UP, DOWN, OPEN = (5, 1, 9), (-5, -9, -1), (1, -2, 4)
NO_INTERVAL = (5, np.nan, np.nan)


@pytest.fixture
def helps(bars, above):
    """helps(reference, *controls): the answer for a system, its other rows present as well."""

    def ask(reference, *controls, over=None):
        gains = bars(("CLIP-HandID", *reference), ("zero_token", 1, 0.5, 2), over="CLIP-FT")
        names = ["zero_token", "random_token"][: len(controls)]
        figures = [(name, *figure) for name, figure in zip(names, controls, strict=True)]
        over = above(*figures, method="CLIP-HandID") if controls else over
        return sentences.helps(gains, over, "clip_handid", WHERE)

    return ask


def test_yes_needs_the_reference_and_every_control_to_be_exceeded(helps):
    text = helps(UP, UP, UP)
    assert text.startswith(f"**Yes:** on {WHERE}, CLIP-HandID minus CLIP-FT is +5.0 points of")
    assert "(95 % interval 1.0 to 9.0), and it is higher than every control." in text
    assert "over zero_token +5.0 (95 % interval 1.0 to 9.0; higher); over random_token" in text
    assert text.endswith("One seed per training: the interval covers the choice of test people, "
                         "not of the seed.")  # fmt: skip


def test_yes_without_a_control_says_so(helps, above):
    none = above(("x", *UP), method="CLIP-HandID")[:0]
    for text in (helps(UP), helps(UP, over=none)):
        assert first(text) == "Yes" and "No control was run." in text


@pytest.mark.parametrize("controls", [(), (UP, UP), (DOWN, OPEN)])
def test_no_if_it_is_shown_to_be_lower_than_the_reference(helps, controls):
    text = helps(DOWN, *controls)
    assert first(text) == "No"
    assert "is -5.0 points of rank-1 (95 % interval -9.0 to -1.0)." in text


@pytest.mark.parametrize("controls", [(DOWN,), (UP, DOWN), (OPEN, DOWN)])
def test_no_if_a_control_is_shown_to_be_better(helps, controls):
    text = helps(UP, *controls)
    assert first(text) == "No" and "but a control is shown to be better." in text
    assert "_token -5.0 (95 % interval -9.0 to -1.0; lower)" in text


@pytest.mark.parametrize("controls", [(OPEN,), (UP, OPEN), (NO_INTERVAL,)])
def test_unclear_if_a_control_is_not_shown_to_be_exceeded(helps, controls):
    text = helps(UP, *controls)
    assert first(text) == "Unclear" and "not shown to be better than every control." in text
    assert "nan" not in text
    assert ("includes zero)" in text) != (NO_INTERVAL in controls)


@pytest.mark.parametrize("controls", [(), (UP, UP), (DOWN,), (OPEN, UP)])
def test_unclear_if_the_difference_to_the_reference_includes_zero(helps, controls):
    text = helps(OPEN, *controls)
    assert first(text) == "Unclear"
    assert (
        "not shown to differ from CLIP-FT: +1.0 points of rank-1 (95 % interval -2.0 to 4.0)."
        in text
    )
    assert ("Beside its controls: over zero_token" in text) == bool(controls)


def test_unclear_if_one_person_gives_no_interval(helps):
    text = helps(NO_INTERVAL, UP)
    assert first(text) == "Unclear" and "one person gives no interval" in text


@pytest.fixture
def two_backbones(bars, above):
    """Answers of two backbones; each meets the control of its own backbone only."""

    def ask(one, other, control=UP):
        parts = zip(("ViT-B/16", "RN50"), (one, other), (UP, control), strict=True)
        gains, over = [], []
        for backbone, reference, floor in parts:
            gains.append(bars(("CLIP-HandID", *reference), over="CLIP-FT", backbone=backbone))
            over.append(above(("x", *floor), method="CLIP-HandID", backbone=backbone))
        return sentences.helps(pd.concat(gains), pd.concat(over), "clip_handid", WHERE)

    return ask


def test_several_backbones_have_one_answer_only_if_they_agree(two_backbones):
    assert first(two_backbones(UP, UP)) == "Yes"
    assert first(two_backbones(OPEN, OPEN)) == "Unclear"
    text = two_backbones(UP, DOWN)
    assert first(text) == "It depends"
    assert "\n- **Yes:** ViT-B/16, CLIP-HandID minus" in text and "\n- **No:** RN50, " in text


def test_a_backbone_is_held_against_its_own_controls(two_backbones):
    text = two_backbones(UP, UP, control=DOWN)
    assert "\n- **Yes:** ViT-B/16, " in text and "\n- **No:** RN50, " in text


# --- what a change is worth -----------------------------------------------------------------------


def test_an_ablation_says_first_which_changes_are_better(bars):
    text = sentences.ablation(bars(("a", *UP), ("b", *DOWN), ("c", *OPEN)), WHERE)
    assert text.startswith(
        f"**Shown to be better: a** ({WHERE}); shown to be worse: b; unclear: c. In points"
    )
    assert len([line for line in text.splitlines() if line.startswith("- ")]) == 3


@pytest.mark.parametrize(
    ("figures", "rest"),
    [
        ([DOWN, OPEN], "; shown to be worse: b; unclear: c. In"),
        ([OPEN, OPEN], "; unclear: b and c. In"),
        ([NO_INTERVAL], "; unclear: b. In"),
    ],
)
def test_an_ablation_without_a_better_change_says_so(bars, figures, rest):
    names = zip("bc", figures, strict=False)
    text = sentences.ablation(bars(*((name, *figure) for name, figure in names)), WHERE)
    assert text.startswith(f"**No change is shown to be better** ({WHERE}){rest}")
    assert "nan" not in text


def test_an_ablation_of_nothing_is_admitted(bars):
    assert first(sentences.ablation(bars(("a", *UP))[:0], WHERE)) == "No change was tried"


# --- another camera -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figures", "answer"),
    [
        ([DOWN, UP], "No"),
        ([DOWN, OPEN], "No"),
        ([UP, UP], "Yes"),
        ([UP, OPEN], "Unclear"),
        ([OPEN], "Unclear"),
        ([NO_INTERVAL], "Unclear"),
    ],
)
def test_what_was_learned_holds_only_if_no_cost_is_shown(bars, figures, answer):
    costs = bars(*(("GPA-Net", *figure) for figure in figures))
    text = sentences.holds(costs, WHERE)
    assert text.startswith(f"**{answer}:** on {WHERE}, ")
    if answer == "No":
        assert "costs rank-1 in 1 of 2 comparisons." in text


def test_where_nothing_was_crossed_there_is_no_answer(bars):
    text = sentences.holds(bars(("GPA-Net", *UP))[:0], WHERE)
    assert first(text) == "Not answered"
