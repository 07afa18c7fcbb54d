"""CLIP-FH's six questions: answered by System keys and paired differences, the answer first."""

import pytest

from handid.report import sentences
from handid.report.rows import by_people, of

D_R = "11k dorsal right"


@pytest.fixture
def answers(scored):
    def ask(*rows):
        scores = scored(*rows)
        table = sentences.research_questions(of(scores), by_people(scores), D_R)
        assert len(table) == 6
        return table["answer"].tolist()

    return ask


def test_research_questions_call_two_systems_apart_only_where_their_difference_does(row, answers):
    first, second, third, _, fifth, sixth = answers(
        row("CLIP-ZS", value=30),
        row("CLIP-FT untrained", value=31),
        row("CLIP-FT", value=60),
        row("CLIP-HandID", value=62, synthetic=True),
        row("GPA-Net", value=80, backbone="ResNet50"),
        row("CLIP-FT", value=99, target="11k dorsal left"),
    )
    assert first == "CLIP-ZS on ViT-B/16 30.0 [26.0, 32.0] %."
    assert second.startswith("Yes: CLIP-FT on ViT-B/16 60.0") and "99" not in second
    assert "higher than CLIP-FT untrained on ViT-B/16 31.0" in second
    assert third == "Not answered: CLIP-ReID was not run."
    assert fifth.startswith("Not answered: only ViT-B/16 was run")
    assert sixth.startswith("Lower than GPA-Net on ResNet50 80.0") and "only the real sets" in sixth


def test_a_research_question_is_answered_by_the_full_size_system_of_a_mini(row, answers):
    mini = {"system": "clip_ft_mini", "backbone": "mini-ViT"}
    before = {"system": "clip_ft_mini:untrained", "backbone": "mini-ViT"}
    near = answers(row("CLIP-FT untrained", value=59, **before), row(value=60, **mini))[1]
    assert near.startswith("Unclear: CLIP-FT on mini-ViT 60.0")
    assert "unclear, the difference's interval includes zero, against CLIP-FT untrained" in near
    worse = answers(row("CLIP-FT untrained", value=80, **before), row(value=60, **mini))[1]
    assert worse.startswith("No: ")
    alone = answers(row(value=60, **mini))[1]
    assert alone.startswith("Unclear: ") and "not run untrained" in alone


@pytest.mark.parametrize(("control", "answer"), [(50, "Yes: "), (61, "Unclear: "), (90, "No: ")])
def test_a_research_question_is_held_against_its_controls(row, answers, control, answer):
    third = answers(
        row("CLIP-ReID", value=62),
        row("CLIP-ReID untrained", value=30),
        row("CLIP-FT", value=40),
        row("CLIP-ReID constant_text", value=control),
    )[2]
    assert third.startswith(answer)
    assert "higher than CLIP-ReID untrained on ViT-B/16 30.0 [26.0, 32.0] % and CLIP-FT" in third


def test_research_questions_compare_backbones_best_first(row, answers):
    fifth = answers(row("CLIP-HandID", value=50), row("CLIP-HandID", value=70, backbone="RN50"))[4]
    assert (
        fifth.startswith("CLIP-HandID on RN50 70.0") and "higher than CLIP-HandID on ViT" in fifth
    )


def test_two_backbones_that_disagree_depend(row, answers):
    second = answers(
        row(value=60),
        row("CLIP-FT untrained", value=30),
        row(value=60, backbone="RN50"),
        row("CLIP-FT untrained", value=60, backbone="RN50"),
    )[1]
    assert second.startswith("It depends: CLIP-FT on ViT-B/16")
