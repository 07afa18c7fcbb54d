"""Sentences about levels: apart only where their paired difference says so, best first."""

import pandas as pd
import pytest

from handid.report import rows as tidy_rows
from handid.report import sentences

D_R = "11k dorsal right"


@pytest.fixture
def summary(scored):
    """summary(*rows): of their scores."""

    def make(*lines):
        scores = scored(*lines)
        return sentences.summary(tidy_rows.of(scores), tidy_rows.by_people(scores))

    return make


def names(text):
    return [line.split(":")[0] for line in text.splitlines() if line.startswith("- ")]


def test_the_summary_begins_with_the_best_and_warns_of_synthetic_rows(row, summary):
    rows = [row("CLIP-ZS", value=60), row(value=90), row("CLIP-HandID", value=89)]
    text = summary(*rows)
    assert text.startswith(
        f"**2 systems may be best** on {D_R}: CLIP-FT finds 90.0 % (95 % interval 86.0 to 92.0) at "
        "rank 1; 1 of 2 others is not shown to be lower after Holm's correction."
    )
    assert names(text) == ["- CLIP-FT", "- CLIP-HandID", "- CLIP-ZS"]
    assert "nothing about real hands" not in text
    drawn = summary(*(row | {"synthetic": True} for row in rows))
    assert "nothing about real hands" in drawn and f"on synthetic {D_R}" in drawn


def test_the_summary_names_the_best_on_each_test_set(row, summary):
    rows = row(value=90), row("CLIP-ZS", value=60), row("GPA-Net", value=50, target="HD")
    text = summary(*rows)
    assert f"**Best: CLIP-FT** on {D_R}: CLIP-FT finds 90.0 %" in text
    assert "**Best: GPA-Net** on HD: GPA-Net finds 50.0 % (95 % interval 46.0 to 52.0)" in text


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (95, "Better than CLIP"),
        (86, "Unclear, the 95 % interval of the difference includes zero"),
        (50, "Worse than CLIP"),
    ],
)
def test_the_best_network_stands_beside_clips_best_row(row, scored, bars, value, answer):
    scores = scored(
        row("GPA-Net", value=value),
        row("CNN baseline", value=40),
        row("GPA-Net untrained", value=99),
        row(value=85),
        row("CLIP-FT untrained", value=99),
        row("CLIP-HandID", value=84),
    )
    gains = bars(("GPA-Net", 9, 5, 12), ("CNN baseline", 1, -2, 3))
    text = sentences.specialised(scores, gains, "there")
    assert text.startswith(f"**{answer}** (p ") and f"on {D_R}, GPA-Net finds {value}.0 %" in text
    assert "the best of CLIP's rows, CLIP-FT, 85.0 %" in text
    assert "**1 higher, 1 unclear**: what training adds to each network (there)" in text


def test_networks_without_clip_are_not_compared(row, scored, bars):
    text = sentences.specialised(scored(row("GPA-Net")), bars(("GPA-Net", 9, 5, 12)), "there")
    assert text.startswith(f"**Not answered on {D_R}**: only GPA-Net 90.0 %")


def test_the_best_number_of_parts_and_the_best_branch_come_first(row, scored):
    keys = {"parts_1x1": 50, "parts_2x1": 55, "parts_3x1": 70, "global_only": 50, "local_only": 40}
    scores = scored(
        *(row(control, system=f"gpa_net:{control}", value=v) for control, v in keys.items()),
        row("GPA-Net", value=70),
        row("GPA-Net untrained", value=99),
    )
    grid, branches = sentences.parts(scores, "there").split("\n\n")
    assert grid.startswith("**Best: 3 by 1 parts** (rows by columns of parts, there). 3 by 1 parts")
    assert "3 by 1 parts 70.0 % (95 % interval 66.0 to 72.0)" in grid
    assert "2 by 1 parts 55.0 % (95 % interval 51.0 to 57.0), lower (p < 0.001, Holm" in grid
    assert branches.startswith("**Best: GPA-Net** (branches, there). GPA-Net 70.0 %")
    assert "99" not in branches
    assert "global_only 50.0 %" in branches and "local_only 40.0 %" in branches


def test_a_single_number_of_parts_is_compared_with_nothing(row, scored):
    text = sentences.parts(scored(row(system="gpa_net:parts_1x1")), "there")
    assert text.endswith("Nothing else was tried.")


@pytest.fixture
def version(row):
    return lambda number, value, control="": row(
        f"CLIP-ReID v{number} {control}".strip(),
        system=f"clip_fh_s2_v{number}{':' if control else ''}{control}",
        value=value,
    )


def test_versions_differ_from_what_was_run_only_where_their_difference_does(scored, version):
    near = [version(1, 50), version(1, 51, "as_run"), version(2, 50)]
    text = sentences.versions(scored(*near), "there")
    assert text.startswith("**No version is shown to differ from what was run** (there)")
    assert names(text) == ["- CLIP-ReID v1"] and "unclear (p " in text
    far = [*near, version(2, 90, "as_run")]
    text = sentences.versions(scored(*far), "there")
    assert text.startswith("**1 of 2 versions differ from what was run** (there)")
    assert (
        "- CLIP-ReID v2: described **50.0 %** (95 % interval 46.0 to 52.0), as run **90.0 %**"
        in text
    )
    assert text.endswith("lower (p < 0.001, Holm < 0.001)")
    for scores in (scored(version(2, 50)), []):
        none = sentences.versions(scores, "there")
        assert none.startswith("**No version was run both as described and as run** (there)")


def test_the_rows_that_are_given_are_left_as_they_are(row, scored):
    scores = scored(row(), row("CLIP-ZS"))
    rows, people = tidy_rows.of(scores), tidy_rows.by_people(scores)
    before = rows.copy()
    sentences.summary(rows, people)
    pd.testing.assert_frame_equal(rows, before)
