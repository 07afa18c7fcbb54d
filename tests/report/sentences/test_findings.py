"""The five findings: one sentence each, its answer first, its figures those of the rows."""

import pytest

from handid.report import sentences
from handid.report.rows import by_people, of

D_L = "11k dorsal left"


@pytest.fixture
def said(scored):
    """The five sentences, without their numbers."""

    def say(*rows):
        scores = scored(*rows)
        lines = sentences.findings(of(scores), by_people(scores)).splitlines()
        assert [line[:3] for line in lines] == [f"{number}. " for number in range(1, 6)]
        return [line[3:] for line in lines]

    return say


def test_what_was_not_run_is_not_answered(said, row):
    lines = said(row())
    assert all(line.startswith("**Not answered:** ") for line in lines)


def test_a_finding_never_says_more_than_its_intervals(said, row):
    def answers(value):
        lines = said(
            row("CLIP-ZS", value=value), row("Raw pixels", value=50),
            row("CLIP-FT untrained", value=50), row(value=value),
            row("CLIP-HandID", value=2 * value - 50),
            row("GPA-Net", value=50, backbone="ResNet50"), row(value=50, train_set=D_L),
        )  # fmt: skip
        return [line.split(":**")[0].removeprefix("**").split()[0] for line in lines]

    assert answers(51) == ["Unclear"] * 5
    assert answers(60) == ["CLIP", "Fine-tuning", "Language", "CLIP", "To"]
    assert answers(40) == ["A", "Fine-tuning", "Language", "A", "Photographs"]


def test_a_finding_names_its_figures_with_their_intervals(said, row):
    first, second, *_ = said(
        row("CLIP-ZS", value=60), row("Raw pixels", value=10), row("Colour histogram", value=30),
        row("CLIP-ZS", value=35, system="clip_zero_shot:random_weights"),
        row("CLIP-FT untrained", value=60.5), row(value=80.25),
        row(value=99, train_set=D_L),
    )  # fmt: skip
    assert first.startswith("**CLIP knows something of hands before any training:** CLIP-ZS on")
    assert "60.0 [56.0, 62.0] % against CLIP-ZS on ViT-B/16 35.0 [31.0, 37.0] %, +25" in first
    assert second.startswith("**Fine-tuning helps:** CLIP-FT on ViT-B/16 80.2 [76.2, 82.2] %")


def test_a_floor_has_no_backbone_in_a_finding(said, row):
    line = said(row("CLIP-ZS", value=60), row("Raw pixels", value=10))[0]
    assert "against Raw pixels 10.0 [6.0, 12.0] %" in line


def test_findings_are_of_the_first_test_set_and_of_the_best_backbone(said, row):
    line = said(
        row(value=60), row(value=70, backbone="RN50"), row("CLIP-FT untrained", value=50),
        row(value=99, target=D_L),
    )[1]  # fmt: skip
    assert "CLIP-FT on RN50 70.0" in line and "99" not in line
