"""Sentences about CLIP out of the box: level, floors and questions, each with its interval."""

import numpy as np
import pandas as pd
import pytest

from handid.report import sentences
from handid.report.rows import by_people, labelled, of

D_R, D_L = "11k dorsal right", "11k dorsal left"
WHERE = f"synthetic {D_R}"


@pytest.mark.parametrize(
    ("second", "answer"),
    [
        ((5, 1, 9), "**Every floor is passed**: every 95 % interval excludes zero."),
        ((5, -1, 9), "**Unclear against Colour histogram**: there, the features are not"),
        ((-5, -9, 1), "**Unclear against Colour histogram**"),
        ((0, 0, 0), "**Unclear against Colour histogram**"),
        ((5, np.nan, np.nan), "**Unclear against Colour histogram**"),
        ((-5, -9, -1), "**A floor does better: Colour histogram**: there, these features are "),
    ],
)
def test_the_floors_are_passed_only_if_every_interval_says_so(above, second, answer):
    margins = above(("Raw pixels", 2, 1, 3), ("Colour histogram", *second))
    text = sentences.floors(margins, "CLIP-ZS minus each floor")
    assert text.startswith(answer)
    assert "CLIP-ZS minus each floor, in percentage points" in text
    assert "- over Raw pixels: **+2.0** (95 % interval 1.0 to 3.0): higher" in text
    assert "nan" not in text


def test_a_floor_that_wins_somewhere_is_named_with_how_often(above):
    parts = [above(("Raw pixels", v, v - 1, v + 1), target=t) for v, t in [(5, D_R), (-5, D_L)]]
    text = sentences.floors(pd.concat(parts, ignore_index=True), "x")
    assert text.startswith("**A floor does better: Raw pixels (1 of 2)**")


@pytest.mark.parametrize(
    ("figures", "better", "verdict"),
    [
        ((62, 55, 70, 25), 1, "better; the 95 % interval lies above chance"),
        ((10, 5, 20, 25), 0, "worse; the 95 % interval lies below chance"),
        ((30, 20, 40, 25), 0, "unclear: the 95 % interval includes chance"),
        ((25, 25, 25, 25), 0, "unclear: the 95 % interval includes chance"),
        ((100 / 3, 33.33333333333333, 33.33333333333333, 100 / 3), 0, "unclear: the 95 %"),
        ((50, np.nan, np.nan, 50), 0, "unclear: fewer than two people show one of the answers"),
    ],
)
def test_an_answer_beats_chance_only_if_its_interval_does(asked, figures, better, verdict):
    head, *_, last = sentences.questions(asked(("x?", *figures))).splitlines()
    words = "1 of 1 question in words is" if better else "0 of 1 question in words are"
    assert head.startswith(f"**{words} answered better than by chance**")
    assert f"%: {verdict}" in last and last.startswith("- synthetic 11k, x? **")
    assert "nan" not in last


def test_no_questions_are_admitted(asked):
    assert sentences.questions(asked()).startswith("**No question could be asked in words**")


def test_a_level_names_every_system_and_what_guessing_reaches(row, tidy):
    rows = tidy(row("CLIP-ZS", value=60), row(value=90), row(metric="mAP", value=77))
    text = sentences.level(rows, "here")
    assert text.startswith("Rank-1 of each system (here); guessing is right in 0.3 %:")
    assert "- CLIP-ZS: **60.0 %** (95 % interval 56.0 to 62.0)" in text
    assert "- CLIP-FT: **90.0 %**" in text and "77" not in text


def test_guessing_is_not_claimed_to_be_the_same_on_galleries_of_two_sizes(row, tidy):
    rows = tidy(row(n_gallery=290), row(target="HD", n_gallery=1593))
    assert "0.3 % or 0.1 %" in sentences.level(rows, "here")


def test_the_answer_begins_with_the_rank_1_of_the_plain_row(row, scored, above, asked):
    scores = scored(row("Raw pixels", value=10), row("CLIP-ZS", value=60))
    margins = above(("Raw pixels", 50, 45, 55))
    text = sentences.zero_shot(scores, margins, asked(("x?", 62, 55, 70, 25)), WHERE)
    assert text.startswith(
        "**60.0 % of queries find their hand at rank 1** (95 % interval 56.0 to 62.0): CLIP-ZS on "
        f"{WHERE}; guessing is right in 0.3 %."
    )
    places = [text.index(part) for part in ("Rank-1 of each", "**Every floor", "**1 of 1 question")]
    assert places == sorted(places)


def test_an_answer_without_floors_is_refused(row, scored, above, asked):
    none = above(("Raw pixels", 50, 45, 55))[:0]
    with pytest.raises(ValueError, match="no floor to compare with: name at least one"):
        sentences.zero_shot(scored(row("CLIP-ZS")), none, asked(), WHERE)


def test_the_answer_for_two_backbones_begins_with_both_figures(row, scored, above, asked):
    scores = scored(row("CLIP-ZS", value=60), row("CLIP-ZS", value=70, backbone="RN50"))
    text = sentences.zero_shot(scores, above(("Raw pixels", 50, 45, 55)), asked(), WHERE)
    assert text.startswith("**60.0 to 70.0 % of queries find their hand at rank 1**")


@pytest.mark.parametrize(
    ("second", "answer", "near"),
    [
        (40, "knows hands best", "the other one is shown"),
        (59, "comes first, but may not be best", "1 of 1 other is not shown"),
    ],
)
def test_the_best_of_several_backbones_is_named_with_how_sure_that_is(
    row, scored, second, answer, near
):
    lines = row("CLIP-ZS", value=second, backbone="small"), row("CLIP-ZS", value=60)
    scores = scored(*lines)
    shown, people = labelled(of(scores)), by_people(scores)
    (line,) = sentences.best_backbone(shown, people)
    assert line.startswith(f"**Of 2 backbones ViT-B/16 {answer}** ({D_R}): 60.0 %")
    assert f"then small with {second}.0 %" in line
    assert f"; {near} to be lower" in line
    assert sentences.best_backbone(shown.head(1), people) == []
