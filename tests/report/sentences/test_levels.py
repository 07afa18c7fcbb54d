"""Sentences about levels: apart only where intervals do not overlap, best first."""

import pandas as pd
import pytest

from handid.report import sentences

D_R = "11k dorsal right"


def names(text):
    return [line.split(":")[0] for line in text.splitlines() if line.startswith("- ")]


def test_the_summary_begins_with_the_best_and_warns_of_synthetic_rows(row, tidy):
    rows = [row("CLIP-ZS", value=60), row(value=90), row("CLIP-HandID", value=87)]
    text = sentences.summary(tidy(*rows))
    assert text.startswith(
        f"**2 systems may be best** on {D_R}: CLIP-FT finds 90.0 % (95 % interval 86.0 to 92.0) at "
        "rank 1; 1 of 2 others are not shown to be lower."
    )
    assert names(text) == ["- CLIP-FT", "- CLIP-HandID", "- CLIP-ZS"]
    assert "nothing about real hands" not in text
    drawn = sentences.summary(tidy(*(row | {"synthetic": True} for row in rows)))
    assert "nothing about real hands" in drawn and f"on synthetic {D_R}" in drawn


def test_the_summary_names_the_best_on_each_test_set(row, tidy):
    rows = tidy(row(value=90), row("CLIP-ZS", value=60), row("GPA-Net", value=50, target="HD"))
    text = sentences.summary(rows)
    assert f"**Best: CLIP-FT** on {D_R}: CLIP-FT finds 90.0 %" in text
    assert "**Best: GPA-Net** on HD: GPA-Net finds 50.0 % (95 % interval 46.0 to 52.0)" in text


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (95, "Better than CLIP"),
        (89, "Unclear, the 95 % intervals overlap"),
        (50, "Worse than CLIP"),
    ],
)
def test_the_best_network_stands_beside_clips_best_row(row, tidy, bars, value, answer):
    rows = tidy(
        row("GPA-Net", value=value),
        row("CNN baseline", value=40),
        row("GPA-Net untrained", value=99),
        row(value=85),
        row("CLIP-FT untrained", value=99),
        row("CLIP-HandID", value=84),
    )
    gains = bars(("GPA-Net", 9, 5, 12), ("CNN baseline", 1, -2, 3))
    text = sentences.specialised(rows, gains, "there")
    assert text.startswith(f"**{answer}:** on {D_R}, GPA-Net finds {value}.0 %")
    assert "the best of CLIP's rows, CLIP-FT, 85.0 %" in text
    assert "**1 higher, 1 unclear**: what training adds to each network (there)" in text


def test_networks_without_clip_are_not_compared(row, tidy, bars):
    text = sentences.specialised(tidy(row("GPA-Net")), bars(("GPA-Net", 9, 5, 12)), "there")
    assert text.startswith(f"**Not answered on {D_R}**: only GPA-Net 90.0 %")


def test_the_best_number_of_parts_and_the_best_branch_come_first(row, tidy):
    keys = {"parts_1x1": 50, "parts_2x1": 55, "parts_3x1": 70, "global_only": 50, "local_only": 40}
    rows = tidy(
        *(row(control, system=f"gpa_net:{control}", value=v) for control, v in keys.items()),
        row("GPA-Net", value=70),
        row("GPA-Net untrained", value=99),
    )
    grid, branches = sentences.parts(rows, "there").split("\n\n")
    assert grid.startswith("**Best: 3 by 1 parts** (rows by columns of parts, there). 3 by 1 parts")
    assert "3 by 1 parts 70.0 % (95 % interval 66.0 to 72.0)" in grid
    assert "2 by 1 parts 55.0 % (95 % interval 51.0 to 57.0), lower, the 95 %" in grid
    assert branches.startswith("**Best: GPA-Net** (branches, there). GPA-Net 70.0 %")
    assert "99" not in branches
    assert "global_only 50.0 %" in branches and "local_only 40.0 %" in branches


def test_a_single_number_of_parts_is_compared_with_nothing(row, tidy):
    text = sentences.parts(tidy(row(system="gpa_net:parts_1x1")), "there")
    assert text.endswith("Nothing else was tried.")


@pytest.fixture
def version(row):
    return lambda number, value, control="": row(
        f"CLIP-ReID v{number} {control}".strip(),
        system=f"clip_fh_s2_v{number}{':' if control else ''}{control}",
        value=value,
    )


def test_versions_differ_from_what_was_run_only_where_their_intervals_do(tidy, version):
    near = [version(1, 50), version(1, 52, "as_run"), version(2, 50)]
    text = sentences.versions(tidy(*near), "there")
    assert text.startswith("**No version is shown to differ from what was run** (there)")
    assert names(text) == ["- CLIP-ReID v1"] and "unclear, the 95 % intervals overlap" in text
    far = [*near, version(2, 90, "as_run")]
    text = sentences.versions(tidy(*far), "there")
    assert text.startswith("**1 of 2 versions differ from what was run** (there)")
    assert (
        "- CLIP-ReID v2: described **50.0 %** (95 % interval 46.0 to 52.0), as run **90.0 %**"
        in text
    )
    assert "lower, the 95 % intervals do not overlap" in text
    none = sentences.versions(tidy(version(2, 50)), "there")
    assert none.startswith("**No version was run both as described and as run** (there)")


def test_the_rows_that_are_given_are_left_as_they_are(row, tidy):
    rows = tidy(row(), row("CLIP-ZS"))
    before = rows.copy()
    sentences.summary(rows)
    pd.testing.assert_frame_equal(rows, before)
