"""Tables: every number in them is one of the rows'."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from tables import AREAS, D_L, D_R, NONE, above, asked, audit, drawn, row, tidy

from handid import findings, recipes, record


def test_the_wide_table_has_a_row_a_system_and_a_column_a_metric():
    values = {"rank1": 90.04, "mAP": 92.0, "mAP_trapezoid": 91.0}
    rows = [
        row(m, k, v + i) for i, m in enumerate(("CLIP-ZS", "CLIP-FT")) for k, v in values.items()
    ]
    found = findings.wide(tidy(*rows))
    assert found.to_dict("records") == [
        {
            "method": method,
            "rank-1": f"{90 + i:.1f} [{86 + i:.1f}, {92 + i:.1f}]",
            "mAP (standard)": f"{92 + i:.1f} [{88 + i:.1f}, {94 + i:.1f}]",
            "mAP (trapezoid)": f"{91 + i:.1f} [{87 + i:.1f}, {93 + i:.1f}]",
        }
        for i, method in enumerate(("CLIP-ZS", "CLIP-FT"))
    ]


def test_the_wide_table_orders_the_metrics_whatever_the_order_of_the_rows():
    found = findings.wide(tidy(*(row(metric=m) for m in ("mAP_trapezoid", "mAP", "rank1"))))
    assert [*found.columns] == ["method", "rank-1", "mAP (standard)", "mAP (trapezoid)"]


def test_the_setting_says_what_the_wide_table_leaves_out():
    rows = tidy(row(), row("CLIP-ZS"))
    assert findings.setting(rows) == "ViT-B/16, 1 seed, 971 queries, 71 people, 290 gallery images"
    assert "ViT-B/16" not in findings.setting(tidy(row(), row(backbone="RN50")))


def test_the_wide_table_shows_the_mean_over_seeds_and_their_number():
    found = findings.wide(tidy(row(value=90), row(value=93, seed=1), row("CLIP-ZS", value=60)))
    assert found["rank-1"].tolist() == ["91.5 [87.5, 93.5]", "60.0 [56.0, 62.0]"]
    assert found["seeds"].tolist() == [2, 1]


def test_the_wide_table_keeps_the_backbones_and_targets_apart():
    rows = [row(), row(backbone="RN50", value=80), row(target=D_L, value=70)]
    found = findings.wide(tidy(*rows)).set_index(["backbone", "test set"])["rank-1"].str[:4]
    assert found.to_dict() == {
        ("ViT-B/16", D_R): "90.0",
        ("RN50", D_R): "80.0",
        ("ViT-B/16", D_L): "70.0",
    }


def test_the_wide_table_keeps_two_training_sets_apart():
    found = findings.wide(tidy(row(), row(train_set=D_L, value=50)))
    assert len(found) == 2
    assert set(found["rank-1"].str[:4]) == {"90.0", "50.0"}


@pytest.mark.parametrize(
    ("other", "labels"),
    [
        ({}, ["CLIP-ZS", "CLIP-FT"]),
        ({"backbone": "RN50"}, ["CLIP-ZS, ViT-B/16", "CLIP-FT, RN50"]),
        ({"target": D_L}, [f"CLIP-ZS, {D_R}", f"CLIP-FT, {D_L}"]),
        (
            {"target": D_L, "backbone": "RN50"},
            [f"CLIP-ZS, ViT-B/16, {D_R}", f"CLIP-FT, RN50, {D_L}"],
        ),
    ],
)
def test_a_label_names_only_what_differs(other, labels):
    rows = tidy(row("CLIP-ZS"), row("CLIP-ZS", "mAP"), row("CLIP-FT", **other))
    found = findings.labelled(rows, "rank1")
    assert found["label"].tolist() == labels
    assert found["value"].tolist() == [90, 90]


def test_labels_tell_two_training_sets_apart():
    found = findings.labelled(tidy(row(), row(train_set=D_L, value=50)), "rank1")
    assert list(found["label"]) == ["CLIP-FT", f"CLIP-FT, trained on {D_L}"]
    both = findings.labelled(tidy(row(), row(target=D_L, train_set=D_R, value=50)), "rank1")
    assert list(both["label"]) == [f"CLIP-FT, {D_R}", f"CLIP-FT, {D_L}, trained on {D_R}"]


def test_labels_of_differences_keep_every_row_as_it_is():
    gains = pd.DataFrame([row(value=1.5), row("CLIP-HandID", value=-2.0)])
    found = findings.labelled(gains)
    assert found["label"].tolist() == ["CLIP-FT", "CLIP-HandID"]
    assert found["value"].tolist() == [1.5, -2.0]


def test_a_figure_is_described_with_every_number_in_it():
    shown = findings.labelled(tidy(row("CLIP-ZS", value=60), row(value=90)), "rank1")
    words = "rank-1: CLIP-ZS 60.0 [56.0, 62.0] %; CLIP-FT 90.0 [86.0, 92.0] %"
    assert findings.describe(shown, "rank-1") == words


def test_a_training_is_described_by_its_losses_and_its_best_epoch():
    history = pd.DataFrame({"total": [4.0, 2.0, 1.255], "validation": [0.5, 0.9, 0.8]})
    assert findings.describe_training({"CLIP-FT": history, "same": history[:1]}) == (
        "CLIP-FT: loss from 4.00 to 1.25, best validation mAP 90.0 % in 3 epochs; "
        "same: loss from 4.00 to 4.00, best validation mAP 50.0 % in 1 epochs"
    )


def test_the_parts_of_a_loss_are_described_in_their_order():
    history = pd.DataFrame({"a": [4.0, 2.0], "b": [1.0, 0.5], "c": [0.0, 0.0]})
    assert (
        findings.describe_losses(history, ["b", "a"]) == "b from 1.00 to 0.50; a from 4.00 to 2.00"
    )


def test_guessing_is_right_once_a_gallery():
    assert findings.chance(tidy(row(n_gallery=250))) == "0.4 %"


class Score:
    """What `findings.curves` reads of study.Score."""

    def __init__(self, cmc, **what):
        self.rows, self.cmc = tidy(row(**what), row(metric="mAP", **what)), np.array(cmc)


def test_curves_are_those_of_the_first_seed_by_label():
    scores = [
        Score([0.5, 1.0], method="CLIP-ZS"),
        Score([0.6, 1.0], method="CLIP-FT"),
        Score([0.7, 1.0], method="CLIP-FT", seed=1),
    ]
    found = findings.curves(scores)
    assert {label: curve.tolist() for label, curve in found.items()} == {
        "CLIP-ZS": [0.5, 1.0],
        "CLIP-FT": [0.6, 1.0],
    }


def test_scores_come_apart_by_target_in_their_order():
    scores = [
        Score([1.0], method=method, target=target, synthetic=target == D_R)
        for method in ("CLIP-ZS", "CLIP-FT")
        for target in (D_R, "HD")
    ]
    found = findings.scores_by_target(scores)
    assert list(found) == [f"synthetic {D_R}", "HD"]
    assert found["HD"] == scores[1::2]


def test_stored_curves_come_back_by_target_and_label_as_fractions(tmp_path):
    kept = [
        (tidy(row("CLIP-ZS")).iloc[0], [0.5, 1.0]),
        (tidy(row("CLIP-FT")).iloc[0], [0.75, 1.0]),
        (tidy(row("CLIP-FT", seed=1)).iloc[0], [0.25, 1.0]),
        (tidy(row("CLIP-FT", target=D_L)).iloc[0], [0.25, 0.5, 1.0]),
    ]
    record.write_curves(kept, tmp_path, "a")
    found = findings.curves_by_target(record.read_curves(tmp_path, ["a"]))
    plain = {t: {k: list(v) for k, v in drawn.items()} for t, drawn in found.items()}
    assert list(plain) == [D_R, D_L]
    assert [*plain[D_R].values()] == [[0.5, 1.0], [0.75, 1.0]]
    assert [*plain[D_L].values()] == [[0.25, 0.5, 1.0]]


def test_of_many_curves_the_highest_at_rank_1_are_shown():
    stored = pd.DataFrame(
        [
            row(f"method {n}") | {"rank": rank, "found": 10 * n + rank}
            for n in range(4)
            for rank in (1, 2)
        ]
    )
    (drawn,) = findings.curves_by_target(stored, most=2).values()
    assert list(drawn) == ["method 2", "method 3"]


def test_rows_come_apart_by_target_and_say_synthetic():
    rows = tidy(row(synthetic=True), row("CLIP-ZS", synthetic=True), row(target="HD"))
    found = findings.by_target(rows)
    assert {name: part["method"].tolist() for name, part in found.items()} == {
        f"synthetic {D_R}": ["CLIP-FT", "CLIP-ZS"],
        "HD": ["CLIP-FT"],
    }


def test_a_margin_is_labelled_by_its_floor_and_a_control_by_its_own_name():
    bars = ("Raw pixels", 2, 1, 3), ("CLIP-ZS random_weights", 1, -1, 3)
    found = findings.over_floors(above(*bars))["label"].tolist()
    assert found == ["over Raw pixels", "over random_weights"]
    both = pd.concat([above(bars[0]), above(bars[0], backbone="RN50")])
    assert findings.over_floors(both)["label"].tolist() == [
        "over Raw pixels, ViT-B/16",
        "over Raw pixels, RN50",
    ]


VIEW = ("Which view is it?", 62.04, 55, 70, 25)
RING = ("Is there a ring?", 50, np.nan, np.nan, 50)


def test_questions_are_tabled_with_interval_and_chance():
    found = findings.questions_table(asked(VIEW, RING))
    assert found["right, %"].tolist() == ["62.0 [55.0, 70.0]", "50.0"]
    assert found["chance, %"].tolist() == [25, 50]
    assert found["set"].unique().tolist() == ["synthetic 11k"]
    assert list(findings.questions_table(NONE)) == list(found)


def test_questions_come_apart_by_set_and_name_the_backbone_only_if_there_are_two():
    found = findings.questions_by_set(asked(VIEW, RING))
    assert list(found) == ["synthetic 11k"]
    assert found["synthetic 11k"]["label"].tolist() == ["Which view is it?", "Is there a ring?"]
    two = pd.concat([asked(VIEW), asked(VIEW, backbone="RN50"), asked(VIEW, synthetic=False)])
    found = findings.questions_by_set(two)
    assert list(found) == ["synthetic 11k", "11k"]
    assert found["11k"]["label"].tolist() == ["Which view is it? mini-ViT"]
    assert findings.questions_by_set(NONE) == {}


def test_questions_are_described_with_their_chance():
    (shown,) = findings.questions_by_set(asked(VIEW, RING)).values()
    assert findings.describe_questions(shown) == (
        "Right answers: Which view is it? 62.0 [55.0, 70.0] %, chance 25 %; "
        "Is there a ring? 50.0 %, chance 50 %"
    )


def answered(*pairs, column="view"):
    made = pd.DataFrame(pairs, columns=["truth", "answer"])
    plain = {"set": "11k", "synthetic": True, "backbone": "mini-ViT"}
    return made.assign(column=column, **plain)


def test_confusions_are_percent_of_each_truth_in_one_order():
    pairs = [("b", "a"), ("b", "b"), ("b", "b"), ("b", "b"), ("a", "c"), ("c", "c")]
    found = findings.confusions(pd.concat([answered(*pairs), answered((1, 0), column="x")]), "view")
    (table,) = found.values()
    assert list(found) == ["synthetic 11k, mini-ViT"]
    assert list(table.index) == list(table.columns) == ["a", "b", "c"]
    assert table.to_numpy().tolist() == [[0, 0, 100], [25, 75, 0], [0, 0, 100]]
    assert findings.describe_confusion(table) == (
        "a: taken for c in 100 %; b: taken for b in 75 %; c: taken for c in 100 %"
    )


def test_what_was_not_asked_has_no_confusion():
    assert findings.confusions(answered(("a", "a")), "nail_polish") == {}
    assert findings.confusions(answered(("a", "a"))[:0], "view") == {}


def paper(metric, value, ap="", **other):
    made = {"source": "CLIP-HandID paper", "table": "I", "method": "CLIP-FT"}
    made |= {"backbone": "ViT-B/16", "train_set": D_R, "test_set": D_R, "metric": metric}
    return {**made, "value": value, "ap_definition": ap or np.nan, "note": np.nan, **other}


PAPERS = pd.DataFrame(
    [
        paper("rank1", 11.0, source="another paper"),
        paper("rank1", 94.03),
        paper("rank1", 22.0, backbone="RN50"),
        paper("rank1", 33.0, train_set=D_L),
        paper("mAP", 95.28, "trapezoid"),
        paper("mAP", 44.0, "standard", method="CLIP-ZS"),
    ]
)


METRICS = ("rank1", "mAP", "mAP_trapezoid")


def beside(*systems):
    """What was published for each system, as far as anything was, and for whom."""
    rows = [row(metric=metric, **system) for system in systems for metric in METRICS]
    found = findings.beside_published(tidy(*rows), PAPERS)
    shown = [column for column in found if "published" in column]
    return [
        {column.removesuffix(", published"): text for column, text in line.items() if text}
        for line in found[shown].to_dict("records")
    ]


def test_the_papers_figures_stand_beside_the_same_system_only():
    name = f"ViT-B/16, real {D_R} (CLIP-HandID paper)"
    full = {"rank-1": "94.03", "mAP (trapezoid)": "95.28", "published for": name}
    assert beside({}) == [full]
    assert beside({"backbone": "RN50"}, {"train_set": D_L}) == [
        {"rank-1": "22.00", "published for": f"RN50, real {D_R} (CLIP-HandID paper)"},
        {"rank-1": "33.00", "published for": name},
    ]
    assert beside({}, {"test_set": D_L}, {"method": "CLIP-HandID"}) == [full, {}, {}]


def test_each_definition_of_map_stands_beside_its_own():
    tuned, untrained = beside({}, {"method": "CLIP-ZS"})
    assert tuned["mAP (trapezoid)"] == "95.28" and "mAP (standard)" not in tuned
    assert untrained["mAP (standard)"] == "44.00" and "mAP (trapezoid)" not in untrained


def test_a_second_source_fills_what_the_first_leaves_empty_and_single_draws_are_left_out():
    more = [
        paper("rank1", 1.0, source="GPA-Net paper"),
        paper("mAP", 2.0, "standard", source="CLIP-FH dissertation", note="split 1 of 10"),
        paper("mAP", 3.0, "standard", source="CLIP-FH dissertation", note="mean of 10 splits"),
    ]
    rows = tidy(*[row(metric=metric) for metric in METRICS])
    found = findings.beside_published(rows, pd.concat([pd.DataFrame(more), PAPERS])).iloc[0]
    assert found["rank-1, published"] == "94.03" and found["mAP (standard), published"] == "3.00"
    for source in ("CLIP-HandID paper", "CLIP-FH dissertation"):
        assert source in found["published for"]
    assert "GPA-Net paper" not in found["published for"]


def test_rank_5_is_shown_only_where_somebody_printed_it_and_it_is_asked_for():
    rows = tidy(*[row("CLIP-ReID v5", m) for m in (*METRICS, "rank5")])
    assert findings.beside_published(rows, record.published())["rank-5, published"][0] == "97.32"
    assert "rank-5" not in findings.beside_published(rows, record.published(), further=False)
    plain = tidy(*[row("CLIP-FT", m) for m in (*METRICS, "rank5")])
    assert "rank-5" not in findings.beside_published(plain, record.published())


def test_a_plain_network_stands_beside_the_row_that_bears_its_name():
    published = pd.DataFrame([paper("rank1", 91.0, method="VGG19-bn", backbone="VGG19-bn")])
    rows = tidy(*[row("CNN baseline", metric, backbone="VGG19-bn") for metric in METRICS])
    assert findings.beside_published(rows, published)["rank-1, published"].tolist() == ["91.00"]


def test_each_draw_stands_beside_a_published_one():
    found = findings.draws(drawn(), record.published()).set_index("draw")
    assert found.loc["draw 1 of 10", ["rank-1", "rank-5", "mAP (standard)"]].tolist() == [
        *("50.0", "75.0", "67.5")
    ]
    assert found.loc["draw 10 of 10", "rank-1, published"] == "78.3"
    assert "rank-1, published" not in findings.draws(drawn(target=D_L), record.published())
    assert "rank-1, published" not in findings.draws(drawn(runs=2), record.published())


# A published name that is not a recipe's title -> the recipe, and the option that makes it.
MADE_BY = {
    "ResNet50": ("cnn_baseline", "baseline_backbones"),
    "VGG19-bn": ("cnn_baseline", "baseline_backbones"),
    "GPA-Net global only": ("gpa_net", "gpa_net"),
    "GPA-Net local only": ("gpa_net", "gpa_net"),
}


def paper_profile():
    """Every parameter value of the profile that reproduces the papers, notebooks' own included."""
    root = Path(__file__).parents[1] / "notebooks"
    values = yaml.safe_load((root / "profiles" / "paper.yaml").read_text())["parameters"]
    return values | {"untrained": ["clip_zero_shot"]}  # 01's own


def test_every_published_row_has_a_recipe_in_the_paper_profile_and_a_place_beside_ours():
    published, profile = record.published(), paper_profile()
    named = {str(one) for v in profile.values() for one in (v if isinstance(v, list) else [v])}
    titles = {}
    for name in recipes.names():
        if not name.endswith("_mini"):
            titles[yaml.safe_load((recipes._FOLDER / f"{name}.yaml").read_text())["title"]] = name
    for _, line in published.iterrows():
        parts = re.fullmatch(r"GPA-Net Hp=(\d) Vp=(\d)", line["method"])
        recipe = (
            "gpa_net" if parts else MADE_BY.get(line["method"], (titles.get(line["method"]),))[0]
        )
        assert recipe in named, line["method"]
        if parts:
            assert int(parts[1]) in profile["horizontal_parts"]
            assert int(parts[2]) in profile["vertical_parts"]
        family = {"ViT-B/16": "vit", "RN50": "resnet"}.get(line["backbone"], "cnn")
        assert recipes.load(recipe, family)
        places = {
            str(p)
            for key in ("backbones", "baseline_backbones", "cnn_backbones")
            for p in profile[key]
        }
        assert line["backbone"] in places
        assert beside_ours(line, published), line.to_dict()


def beside_ours(line, published):
    """Whether a published figure is printed in a table that holds our row of the same system.

    Where two sources print the same system, the one that `findings` prefers is enough.
    """
    who = ["backbone", "train_set", "test_set"]
    system = {key: line[key] for key in who}
    system["method"] = "CNN baseline" if line["method"] == line["backbone"] else line["method"]
    if str(line["note"]).startswith("split"):
        shown = findings.draws(drawn(system["method"], line["backbone"]), published)
        return f"{line['value']:.1f}" in shown.to_numpy()
    metric = line["metric"] + ("_trapezoid" if line["ap_definition"] == "trapezoid" else "")
    if metric in METRICS:
        ours = tidy(*[row(metric=m, **system) for m in METRICS])
        name = f"{findings.METRIC_NAMES[metric]}, published"
        found = findings.beside_published(ours, published)
        printed = found[name].tolist() if name in found else []
    else:  # rank-5 and rank-10: the figure of 10_summary, which shows the metric that one asks for
        shown = findings.labelled(tidy(row(metric=metric, **system)), metric)
        printed = [f"{v:.2f}" for v in findings.published_for(shown, published)["value"]]
    same = published[["method", *who, "metric", "ap_definition"]].fillna("")
    mine = same.eq(line[same.columns].fillna("")).all(axis=1)
    return bool({f"{v:.2f}" for v in published.loc[mine, "value"]} & set(printed))


def test_a_grid_of_parts_is_read_from_the_methods_names():
    rows = tidy(
        *[row(f"GPA-Net Hp={h} Vp={v}", "rank1", 10 * h + v) for h in (1, 2) for v in (1, 3)],
        row("GPA-Net", "rank1", 99),
    )
    grid = findings.parts_grid(rows)
    assert grid.to_numpy().tolist() == [[11, 13], [21, 23]]
    assert (list(grid.index), list(grid.columns)) == (["1", "2"], ["1", "3"])
    assert "best 2 by 3 with 23.0 %, worst 1 by 1 with 11.0 %" in findings.describe_grid(grid)


@pytest.mark.parametrize(("mini", "full"), [("mini-ViT", "ViT-B/16"), ("mini-RN", "RN50")])
def test_a_mini_stands_beside_its_full_size_counterpart_and_says_so(mini, full):
    (found,) = beside({"backbone": mini, "synthetic": True})
    assert found["rank-1"] == {"ViT-B/16": "94.03", "RN50": "22.00"}[full]
    assert found["published for"] == f"{full}, real {D_R} (CLIP-HandID paper)"


def test_the_table_beside_the_papers_says_what_is_synthetic_and_how_sure_it_is():
    rows = [row(metric=m, synthetic=True) for m in METRICS]
    rows += [row("CLIP-ZS", m, 50) for m in METRICS]
    found = findings.beside_published(tidy(*rows), PAPERS)
    assert found["method"].tolist() == ["CLIP-FT", "CLIP-ZS"]
    assert found["test set"].tolist() == [f"synthetic {D_R}", D_R]
    for name in ("rank-1", "mAP (standard)", "mAP (trapezoid)"):
        assert found[name].tolist() == ["90.0 [86.0, 92.0]", "50.0 [46.0, 52.0]"]


def test_the_real_publication_prints_the_trapezoid_beside_every_clip_handid_row():
    rows = [row("CLIP-HandID", m, target=t) for t in (D_R, D_L) for m in METRICS]
    found = findings.beside_published(tidy(*rows), record.published())
    assert found["rank-1, published"].tolist() == ["95.68", "96.75"]
    assert found["mAP (trapezoid), published"].tolist() == ["96.53", "97.37"]
    assert "mAP (standard), published" not in found


def test_published_marks_go_to_the_labels_of_their_systems():
    rows = tidy(row("CLIP-ZS"), row(), row(backbone="mini-RN"))
    found = findings.published_for(findings.labelled(rows, "rank1"), PAPERS)
    assert dict(zip(found["label"], found["value"], strict=True)) == {
        "CLIP-FT, ViT-B/16": 94.03,
        "CLIP-FT, mini-RN": 22.0,
    }
    nothing = findings.published_for(findings.labelled(rows[:1], "rank1"), PAPERS)
    assert nothing.empty and list(nothing) == ["label", "value"]


def test_each_view_stands_above_the_papers_counts():
    found = findings.beside_counts(audit("dorsal left", "dorsal right", queries=7))
    pairs = found[["view", "source", "queries"]].to_numpy().tolist()
    assert pairs == [
        ["dorsal left", "this run", 7],
        ["dorsal left", "the papers", 988],
        ["dorsal right", "this run", 7],
        ["dorsal right", "the papers", 971],
    ]


def test_rank_1_by_person_is_over_all_runs_worst_first():
    hits = [(3, 1), (3, 1), (1, 2), (1, 1), (2, 5), (2, 2), (2, 9)]
    per_query = pd.DataFrame(hits, columns=["subject", "first_hit"]).assign(run=0)
    found = findings.by_person(per_query)
    assert found.to_dict() == {2: 0.0, 1: 0.5, 3: 1.0}
    assert found.index.tolist() == [2, 1, 3]


def test_an_unknown_metric_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="Unknown metric 'foo': choose one of rank1, rank5"):
        findings.labelled(tidy(row()), "foo")


def test_deletion_areas_are_means_over_queries_with_the_range_of_the_draws():
    both = findings.deletion({"A": AREAS, "B": AREAS.assign(area=0.5)})
    assert list(both["method"]) == ["A"] * 3 + ["B"] * 3 and (both["area"][3:] == 0.5).all()
    found = both[:3].drop(columns="method").set_index("order")
    assert list(found.index) == ["map", "untrained", "random"]
    np.testing.assert_allclose(found.loc["random"], [0.65, 0.6, 0.7])
    np.testing.assert_allclose(found.loc["map"], 0.3)
    np.testing.assert_allclose(found.loc["untrained"], 0.4)


def experiment(title="CLIP-FT", select="best", validation=(0.5, 0.9, 0.7), seed=0):
    return SimpleNamespace(
        title=title,
        backbone="ViT-B/16",
        target=D_R,
        seed=seed,
        recipe=SimpleNamespace(select=select),
        history=pd.DataFrame({"validation": [np.nan, *validation]}),
    )


def test_the_kept_epochs_validation_stands_beside_the_test():
    score = SimpleNamespace(rows=tidy(row(metric="mAP", value=40), row(metric="rank1", value=50)))
    for select, kept in (("best", "90.0"), ("last", "70.0")):
        found = findings.validation_beside_test([experiment(select=select)], [score]).iloc[0]
        assert found["validation, held-out photographs"] == kept
        assert found["test, strangers"] == "40.0 [36.0, 42.0]"


def test_nearest_words_are_one_row_an_identity_who_is_not_named():
    words = [("7 dorsal", 1, "hand 0.5"), ("7 dorsal", 2, "ring 0.1"), ("9 dorsal", 1, "nail 0.2")]
    table = pd.DataFrame(words, columns=["identity", "word", "nearest"]).assign(method="CLIP-ReID")
    found = findings.nearest_words([SimpleNamespace(nearest=table)])
    assert found["identity"].tolist() == ["person 1", "person 2"]
    assert found.loc[0, ["word 1", "word 2"]].tolist() == ["hand 0.5", "ring 0.1"]
    assert "7" not in found.to_string()


def test_the_losses_of_a_second_stage_are_named_too():
    history = pd.DataFrame(
        columns=["stage", "epoch", "learning_rate", "words", "total", "seconds", "validation", "id"]
    )
    assert findings.loss_names(history) == ["words", "id"]


def test_a_loss_of_two_stages_has_two_curves_and_of_one_stage_keeps_its_name():
    history = pd.DataFrame(
        {
            "stage": ["words", "words", "image"],
            "image_to_text": [3.0, 2.0, 9.0],
            "total": [1.0, 1.0, 1.0],
            "identity": [np.nan, np.nan, 4.0],
        }
    )
    found = findings.losses_by_stage(history)
    assert list(found) == ["words: image_to_text", "image: image_to_text", "image: identity"]
    assert found["words: image_to_text"].dropna().tolist() == [3.0, 2.0]
    assert "words: image_to_text from 3.00 to 2.00" in findings.describe_losses(found, list(found))
    assert list(findings.losses_by_stage(history[:2].dropna(axis=1))) == ["image_to_text"]
