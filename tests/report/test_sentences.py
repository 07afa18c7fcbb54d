"""Sentences: every number in them is one of the rows', and none says more."""

import numpy as np
import pandas as pd
import pytest
from tables import AREAS, D_L, D_R, NONE, above, areas, asked, audit, gains, row, tidy

from handid import answers


@pytest.mark.parametrize(
    ("second", "verdict"),
    [
        ((5, 1, 9), "Every floor is passed, beyond the choice of people."),
        ((5, -1, 9), "Not told apart from every floor by this many people: Colour histogram."),
        ((-5, -9, 1), "Not told apart from every floor by this many people: Colour histogram."),
        ((0, 0, 0), "Not told apart from every floor by this many people: Colour histogram."),
        ((-5, -9, -1), "**A floor does better: Colour histogram.** There, these features are "),
    ],
)
def test_the_floors_are_passed_only_if_every_interval_says_so(second, verdict):
    found = answers.floors(
        above(("Raw pixels", 2, 1, 3), ("Colour histogram", *second)), "synthetic x: floors"
    )
    assert found.startswith("**synthetic x: floors**, in percentage points")
    assert "- over Raw pixels: **+2.0** (95 % interval 1.0 to 3.0): better" in found
    assert found.splitlines()[-1].startswith(verdict)


def test_a_floor_that_wins_somewhere_is_named_with_how_often():
    parts = [above(("Raw pixels", v, v - 1, v + 1), target=t) for v, t in [(5, D_R), (-5, D_L)]]
    found = answers.floors(pd.concat(parts, ignore_index=True), "x")
    assert "**A floor does better: Raw pixels (1 of 2).**" in found
    assert f"- over Raw pixels, {D_R}: **+5.0**" in found


@pytest.mark.parametrize(
    ("figures", "verdict"),
    [
        ((62, 55, 70, 25), "better, beyond the choice of people"),
        ((10, 5, 20, 25), "worse, beyond the choice of people"),
        ((30, 20, 40, 25), "undecided: the interval holds chance"),
        ((25, 25, 25, 25), "undecided: the interval holds chance"),
        ((100 / 3, 33.33333333333333, 33.33333333333333, 100 / 3), "undecided: the interval"),
        ((50, np.nan, np.nan, 50), "undecided: fewer than two people show one of the answers"),
    ],
)
def test_an_answer_beats_chance_only_beyond_its_interval(figures, verdict):
    last = answers.questions(asked(("x?", *figures))).splitlines()[-1]
    assert f"%: {verdict}" in last and last.startswith("- synthetic 11k, x? **")
    assert "nan" not in last


def test_no_questions_are_admitted():
    assert answers.questions(NONE).startswith("No question could be asked")


def test_equal_counts_are_said_to_be_equal():
    found = answers.counts(audit("dorsal left", "dorsal"))
    assert found == "All 8 counts equal the papers'."


def test_counts_that_differ_are_named_with_both_numbers():
    found = answers.counts(audit("dorsal left", "dorsal", queries=[988, 1991]))
    assert (
        found == "1 of 8 counts differ from the papers': HD dorsal: queries 1,991 instead of 1,992"
    )


def test_of_many_differing_counts_the_first_four_are_named():
    wrong = dict.fromkeys(("train identities", "test identities", "queries", "gallery"), 1)
    found = answers.counts(audit("dorsal left", "dorsal right", **wrong))
    assert found.startswith("8 of 8 counts differ from the papers': 11k dorsal left: train ")
    assert found.count("instead of") == 4 and found.endswith("; ...")


def test_where_the_papers_count_nothing_no_equality_is_claimed():
    found = answers.counts(audit("dorsal").assign(view="palmar"))
    assert "equal" not in found


def test_broken_files_are_counted():
    none = pd.DataFrame({"path": [], "problem": []})
    one = pd.DataFrame({"path": ["a.jpg"], "problem": ["is missing"]})
    assert answers.problems(none, 11_076).startswith("All 11,076 files decode in full")
    assert answers.problems(one, 11_076).startswith("1 of 11,076 files are broken")


@pytest.mark.parametrize(
    ("bar", "verdict"),
    [
        ((2.0, 0.1, 4.0), "**+2.0** (95 % interval 0.1 to 4.0): better, beyond"),
        ((-2.0, -4.0, -0.1), "**-2.0** (95 % interval -4.0 to -0.1): worse, beyond"),
        ((2.0, -0.1, 4.0), "**+2.0** (95 % interval -0.1 to 4.0): undecided"),
        ((-2.0, -4.0, 0.1), "**-2.0** (95 % interval -4.0 to 0.1): undecided"),
        ((2.0, 0.0, 4.0), "**+2.0** (95 % interval 0.0 to 4.0): undecided"),
        ((0.0, 0.0, 0.0), "**+0.0** (95 % interval 0.0 to 0.0): undecided"),
    ],
)
def test_a_gain_is_decided_only_if_its_interval_leaves_out_zero(bar, verdict):
    found = answers.gain(gains(bar), "what it adds")
    assert f"- system 0: {verdict}" in found
    assert found.count("better") + found.count("worse") + found.count("undecided") == 1


def test_each_system_gets_its_own_verdict():
    found = answers.gain(gains((2, 1, 3), (-2, -3, -1), (0, -1, 1)), "**x**").splitlines()
    kinds = [line.split("): ")[1].split()[0].rstrip(",:") for line in found if "system" in line]
    assert kinds == ["better", "worse", "undecided"]


def test_one_seed_is_admitted_and_several_are_not_called_one():
    assert "One seed each" in answers.gain(gains((2, 1, 3)), "x")
    assert "One seed" not in answers.gain(gains((2, 1, 3), seeds=3), "x")


def test_a_level_names_every_system_and_what_guessing_reaches():
    rows = tidy(row("CLIP-ZS", value=60), row(value=90), row(metric="mAP", value=77))
    found = answers.level(rows, "here")
    assert "- CLIP-ZS: **60.0 %** of queries (95 % interval 56.0 to 62.0)" in found
    assert "- CLIP-FT: **90.0 %**" in found and "77" not in found
    assert found.endswith("Guessing would be right for 0.3 %.")


def test_guessing_is_not_claimed_to_be_the_same_on_galleries_of_two_sizes():
    rows = tidy(row(n_gallery=290), row(target="HD", n_gallery=1593))
    found = answers.level(rows, "here")
    assert "0.3 %" in found and "0.1 %" in found


def test_the_summary_is_sorted_and_warns_of_synthetic_rows():
    rows = [row("CLIP-ZS", value=60), row(value=90), row("CLIP-HandID", value=70)]
    found = answers.summary(tidy(*rows))
    named = [line.split(":")[0] for line in found.splitlines() if line.startswith("- ")]
    assert named == ["- CLIP-FT", "- CLIP-HandID", "- CLIP-ZS"]
    assert "nothing about real hands" not in " ".join(found.split())
    drawn = answers.summary(tidy(*(row | {"synthetic": True} for row in rows)))
    assert "nothing about real hands" in " ".join(drawn.split())


def test_people_are_counted_by_always_never_and_the_middle_one():
    people = pd.Series([0.0, 0.0, 0.25, 0.75, 1.0])
    assert answers.people(people, "CLIP-FT") == (
        "**CLIP-FT**: of 5 test people, 1 are always found at rank 1 and 2 never; "
        "the middle person is found in 25 % of the queries."
    )


def test_the_answer_on_pre_training_tells_each_cards_figures():
    history = pd.DataFrame({"validation": [0.05, 0.3, 0.4567]})
    card = {"backbone": "mini-ViT", "images_seen": 245760, "training_hours": 1.02}
    cards = pd.DataFrame([card | {"device": "cpu", "on": "x86_64, 1 threads"}])
    told = answers.pretraining(cards, {"mini-ViT": history})
    for figure in ("245,760", "1.0 hours", "from 5.0 %", "to 45.7 %", "never seen a photograph"):
        assert figure in told
    assert answers.pretraining(pd.DataFrame(), {}) == "No weights ship with this package."


def test_a_map_that_beats_every_order_is_said_to_beat_chance():
    said = answers.maps(AREAS, "synthetic D: GPA-Net")
    assert said.startswith("**synthetic D: GPA-Net**: ")
    assert "leaves a similarity of 0.30 on average (2 queries)" in said
    assert "at random 0.65 (0.60 to 0.70)" in said
    assert (
        "**The map beats chance**: 2 of 2 random orders are worse, which is luck once in 3" in said
    )
    assert "random weights leaves 0.40, more than the learned one's for 1 of 2 queries" in said


@pytest.mark.parametrize(
    ("drawn", "verdict"),
    [
        ([0.5, 0.5, 0.1], "**Undecided**: 2 of 3"),
        ([0.5, 0.1, 0.1], "**The map is no better than chance**: 1 of 3"),
        ([0.2, 0.2, 0.2], "**The map is no better than chance**: 0 of 3"),  # a tie is no win
    ],
)
def test_a_map_that_some_orders_reach_does_not_beat_chance(drawn, verdict):
    said = answers.maps(areas([0.2], [0.2], [drawn]), "x")
    assert verdict in said and "beats chance" not in said
    assert "for 0 of 1 query." in said


def test_research_questions_call_two_systems_apart_only_where_intervals_do():
    rows = tidy(
        row("CLIP-ZS", value=30),
        row("CLIP-FT untrained", value=31),
        row("CLIP-FT", value=60),
        row("CLIP-HandID", value=62, synthetic=True),
        row("GPA-Net", value=80, backbone="ResNet50"),
        row("CLIP-FT", value=99, target=D_L),
    )
    found = answers.research_questions(rows, D_R).set_index("question")["answer"]
    assert len(found) == 6
    first, second, third, _, fifth, sixth = found
    assert first == "CLIP-ZS on ViT-B/16 30.0 [26.0, 32.0] %."
    assert "Higher than CLIP-FT untrained on ViT-B/16 31.0" in second and "99" not in second
    assert third == "CLIP-ReID was not run."
    assert fifth.startswith("Only ViT-B/16 was run")
    assert "Lower than GPA-Net on ResNet50 80.0" in sixth and "only the real sets" in sixth
    near = tidy(row("CLIP-FT untrained", value=58), row("CLIP-FT", value=60))
    answer = answers.research_questions(near, D_R)["answer"][1]
    assert "Not told apart by its interval from" in answer


def test_research_questions_compare_backbones_best_first():
    rows = tidy(row("CLIP-HandID", value=50), row("CLIP-HandID", value=70, backbone="RN50"))
    answer = answers.research_questions(rows, D_R)["answer"][4]
    assert answer.startswith("CLIP-HandID on RN50 70.0") and "higher than" in answer
