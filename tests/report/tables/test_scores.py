"""Tables of a run's own scores: every number in them is one of the rows'."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from handid.recipes import System
from handid.report import tables
from handid.report.rows import Score
from handid.statistics import with_seeds

D_R, D_L = "11k dorsal right", "11k dorsal left"


def test_the_wide_table_has_one_row_per_system_and_one_column_per_metric(row, tidy):
    values = {"rank1": 90.04, "mAP": 92.0, "mAP_trapezoid": 91.0}
    rows = [
        row(m, k, v + i) for i, m in enumerate(("CLIP-ZS", "CLIP-FT")) for k, v in values.items()
    ]
    assert tables.wide(tidy(*rows)).to_dict("records") == [
        {
            "method": method,
            "rank-1": f"{90 + i:.1f} [{86 + i:.1f}, {92 + i:.1f}]",
            "mAP (standard)": f"{92 + i:.1f} [{88 + i:.1f}, {94 + i:.1f}]",
            "mAP (trapezoid)": f"{91 + i:.1f} [{87 + i:.1f}, {93 + i:.1f}]",
        }
        for i, method in enumerate(("CLIP-ZS", "CLIP-FT"))
    ]


def test_the_wide_table_orders_the_metrics_whatever_the_order_of_the_rows(row, tidy):
    table = tables.wide(tidy(*(row(metric=m) for m in ("mAP_trapezoid", "mAP", "rank1"))))
    assert [*table.columns] == ["method", "rank-1", "mAP (standard)", "mAP (trapezoid)"]


def test_the_setting_says_what_the_wide_table_leaves_out(row, tidy):
    rows = tidy(row(), row("CLIP-ZS"))
    assert tables.setting(rows) == "ViT-B/16, 1 seed, 971 queries, 71 people, 290 gallery images"
    assert "ViT-B/16" not in tables.setting(tidy(row(), row(backbone="RN50")))


def test_the_setting_says_which_rows_see_the_mirror_image_too(row, tidy):
    rows = tidy(row(), row("CLIP-ZS"), row("GPA-Net"))
    said = [tables.setting(rows.assign(mirror=m)) for m in (True, False, [True, True, False])]
    assert [text.rpartition(", mirror images added at test")[2] for text in said[:2]] == [
        ": all",
        ": none",
    ]
    assert said[2].endswith(" by CLIP-FT and CLIP-ZS alone")


def test_the_wide_table_shows_the_mean_over_seeds_and_their_number(row, tidy):
    table = tables.wide(tidy(row(value=90), row(value=93, seed=1), row("CLIP-ZS", value=60)))
    low, high, _ = with_seeds([90, 93], 87.5, 93.5)
    assert table["rank-1"].tolist() == [f"91.5 [{low:.1f}, {high:.1f}]", "60.0 [56.0, 62.0]"]
    assert table["seeds"].tolist() == [2, 1]


def test_the_wide_table_keeps_the_backbones_and_targets_apart(row, tidy):
    rows = [row(), row(backbone="RN50", value=80), row(target=D_L, value=70)]
    table = tables.wide(tidy(*rows)).set_index(["backbone", "test set"])["rank-1"].str[:4]
    assert table.to_dict() == {
        ("ViT-B/16", D_R): "90.0",
        ("RN50", D_R): "80.0",
        ("ViT-B/16", D_L): "70.0",
    }


def test_the_wide_table_keeps_two_training_sets_and_two_tasks_apart(row, tidy):
    table = tables.wide(tidy(row(), row(train_set=D_L, value=50)))
    assert len(table) == 2
    assert set(table["rank-1"].str[:4]) == {"90.0", "50.0"}
    tasks = tables.wide(tidy(row(), row(task="other hand", value=50)))
    assert tasks["task"].tolist() == ["papers", "other hand"]


def test_guessing_is_right_once_per_gallery(row, tidy):
    assert tables.chance(tidy(row(n_gallery=250))) == "0.4 %"


def test_rows_come_apart_by_target_and_say_synthetic(row, tidy):
    rows = tidy(row(synthetic=True), row("CLIP-ZS", synthetic=True), row(target="HD"))
    parts = tables.by_target(rows)
    assert {name: part["method"].tolist() for name, part in parts.items()} == {
        f"synthetic {D_R}": ["CLIP-FT", "CLIP-ZS"],
        "HD": ["CLIP-FT"],
    }


def test_scores_come_apart_by_target_in_their_order(score):
    scores = [
        score(method, [1], target=target, synthetic=target == D_R)
        for method in ("CLIP-ZS", "CLIP-FT")
        for target in (D_R, "HD")
    ]
    parts = tables.scores_by_target(scores)
    assert list(parts) == [f"synthetic {D_R}", "HD"]
    assert parts["HD"] == scores[1::2]


def test_where_names_every_test_set_and_says_which_is_synthetic(row, tidy):
    assert tables.where(tidy(row(synthetic=True), row("CLIP-ZS", synthetic=True))) == (
        f"synthetic {D_R}"
    )
    assert tables.where(tidy(row(synthetic=True), row(target="HD"))) == f"synthetic {D_R}, HD"


def test_rows_are_taken_by_their_controls(row, tidy):
    keys = ["gpa_net", "gpa_net:global_only", "gpa_net:parts_3x1", "gpa_net:untrained"]
    rows = tidy(*(row(system=key) for key in keys))
    assert tables.of_controls(rows, ["global_only"])["system"].tolist() == keys[1:2]
    assert tables.of_controls(rows, ["", "parts_3x1"])["system"].tolist() == [*(keys[0], keys[2])]


@pytest.mark.parametrize(
    ("select", "validation", "kept"),
    [
        ("best", [np.nan, 0.5, 0.9, 0.7], "90.0"),
        ("last", [np.nan, 0.5, 0.9, 0.7], "70.0"),
        ("best", [np.nan, np.nan], "none"),  # nobody has a second photograph to hold out
        ("last", [np.nan, np.nan], "none"),
    ],
)
def test_the_kept_epochs_validation_stands_beside_the_test(row, tidy, select, validation, kept):
    experiment = SimpleNamespace(
        system=System("clip_ft"),
        title="CLIP-FT",
        backbone_label="ViT-B/16",
        target=D_R,
        seed=0,
        recipe=SimpleNamespace(select=select),
        history=pd.DataFrame({"validation": validation}),
    )
    other = row("CLIP-FT", "mAP", 70, train_set=D_R, test_set=D_L)
    rows = tidy(other, row(metric="mAP", value=40), row(metric="rank1", value=50))
    score = Score(rows, pd.DataFrame(), np.ones(1))
    (line,) = tables.validation_beside_test([experiment], [score]).to_dict("records")
    assert line["validation, held-out photographs"] == kept
    assert line["test, strangers"] == "40.0 [36.0, 42.0]"


def test_deletion_areas_are_means_over_queries_with_the_range_of_the_draws(two_queries):
    both = tables.deletion({"A": two_queries, "B": two_queries.assign(area=0.5)})
    assert list(both["method"]) == ["A"] * 3 + ["B"] * 3 and (both["area"][3:] == 0.5).all()
    first = both[:3].drop(columns="method").set_index("order")
    assert list(first.index) == ["map", "untrained", "random"]
    assert list(first) == ["area", "lowest", "highest"]
    np.testing.assert_allclose(first.loc["random"], [0.65, 0.6, 0.7])
    np.testing.assert_allclose(first.loc["map"], 0.3)
    np.testing.assert_allclose(first.loc["untrained"], 0.4)
