"""Ours beside the papers': the same system, sets, metric and definition, or nothing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from handid import recipes
from handid.recipes import System
from handid.report import rows, tables
from handid.report.rows import METRIC_NAMES, METRICS, Score

D_R, D_L = "11k dorsal right", "11k dorsal left"
MAIN = ("rank1", "mAP", "mAP_trapezoid")
ROOT = Path(__file__).parents[3]


def paper(metric, value, ap="", **other):
    line = {"system": "clip_ft", "source": "CLIP-HandID paper", "table": "I", "method": "CLIP-FT"}
    line |= {"backbone": "ViT-B/16", "train_set": D_R, "test_set": D_R, "metric": metric}
    line |= {"value": value, "ap_definition": ap or np.nan, "note": np.nan, "n_gallery": 290}
    return line | other


PAPERS = pd.DataFrame(
    [
        paper("rank1", 11.0, source="another paper"),
        paper("rank1", 94.03),
        paper("rank1", 22.0, backbone="RN50"),
        paper("rank1", 33.0, train_set=D_L),
        paper("mAP", 95.28, "trapezoid"),
        paper("mAP", 44.0, "standard", system="clip_zero_shot", method="CLIP-ZS"),
    ]
)


@pytest.fixture
def beside(row, tidy):
    """What was published for each system, as far as anything was, and for whom."""

    def look(*systems, papers=PAPERS):
        ours = tidy(*(row(metric=metric, **system) for system in systems for metric in MAIN))
        table = tables.beside_published(ours, papers=papers)
        shown = [column for column in table if "published" in column and "gallery" not in column]
        return [
            {column.removesuffix(", published"): text for column, text in line.items() if text}
            for line in table[shown].to_dict("records")
        ]

    return look


def test_the_papers_figures_stand_beside_the_same_system_only(beside):
    name = f"ViT-B/16, real {D_R} (CLIP-HandID paper)"
    full = {"rank-1": "94.03", "mAP (trapezoid)": "95.28", "published for": name}
    full["mAP (standard)"] = "96.53 (derived)"
    assert beside({}) == [full]
    assert beside({"backbone": "RN50"}, {"train_set": D_L}) == [
        {"rank-1": "22.00", "published for": f"RN50, real {D_R} (CLIP-HandID paper)"},
        {"rank-1": "33.00", "published for": name},
    ]
    assert beside({}, {"test_set": D_L}, {"method": "CLIP-HandID"}) == [full, {}, {}]


def test_a_system_is_matched_by_its_key_and_never_by_its_title(beside):
    assert beside({"method": "anything", "system": "clip_ft_mini"})[0]["rank-1"] == "94.03"
    for key in ("clip_ft:arcface", "clip_ft:untrained", "clip_zero_shot_plain"):
        assert not any(beside({"method": "CLIP-FT", "system": key}))


def test_each_definition_of_map_stands_beside_its_own(beside):
    tuned, untrained = beside({}, {"method": "CLIP-ZS"})
    assert tuned["mAP (trapezoid)"] == "95.28" and tuned["mAP (standard)"] == "96.53 (derived)"
    assert untrained["mAP (standard)"] == "44.00" and "mAP (trapezoid)" not in untrained
    more = pd.DataFrame([paper("rank1", 40.0), paper("mAP", 44.0, "standard")])
    assert beside({}, papers=more)[0]["mAP (trapezoid)"] == "42.00 (derived)"


def test_a_line_has_one_source_and_single_draws_are_left_out(row, tidy):
    more = [
        paper("rank1", 1.0, source="GPA-Net paper"),
        paper("mAP", 2.0, "standard", source="CLIP-FH dissertation", note="split 1 of 10"),
        paper("mAP", 3.0, "standard", source="CLIP-FH dissertation", note="mean of 10 splits"),
    ]
    papers = pd.concat([pd.DataFrame(more), PAPERS], ignore_index=True)
    ours = tidy(*(row(metric=metric) for metric in MAIN))
    line = tables.beside_published(ours, papers=papers).iloc[0]
    assert line["rank-1, published"] == "94.03"
    assert line["mAP (standard), published"] == "96.53 (derived)"
    assert line["published for"] == f"ViT-B/16, real {D_R} (CLIP-HandID paper)"
    only = tables.beside_published(ours, papers=pd.DataFrame(more)).iloc[0]
    assert only["rank-1, published"] == "1.00" and "mAP (standard), published" not in only


def test_a_caption_says_published_only_where_such_a_figure_is_shown(row, tidy):
    theirs, own = (tables.beside_published(tidy(row(target=t))) for t in (D_R, "mine left"))
    assert tables.and_published(theirs) == ", and what was published on the real set"
    assert tables.and_published(own) == ""


def test_the_size_of_each_gallery_stands_beside_the_other(row, tidy):
    ours = [row("CLIP-ReID v5", m, target=D_R) for m in MAIN]
    ours += [row("CLIP-FT", m, target=t) for m in MAIN for t in (D_R, "HD")]
    table = tables.beside_published(tidy(*ours))
    assert table["gallery"].tolist() == ["290"] * 3
    assert table["gallery, published"].tolist() == ["71", "290", "1,593"]


def test_the_zero_shot_row_of_two_papers_is_one_papers(row, tidy):
    """CLIP-HandID: 65.80 and 69.11 (trapezoid); CLIP-FH's 75.78 is of another gallery."""
    line = tables.beside_published(tidy(*(row("CLIP-ZS", m, backbone="RN50") for m in MAIN)))
    assert line["mAP (standard), published"].tolist() == ["72.42 (derived)"]


def test_rank_5_is_shown_only_where_it_was_printed_and_is_asked_for(row, tidy):
    ours = tidy(*(row("CLIP-ReID v5", m) for m in (*MAIN, "rank5")))
    assert tables.beside_published(ours)["rank-5, published"][0] == "97.32"
    assert "rank-5" not in tables.beside_published(ours, further=False)
    plain = tidy(*(row("CLIP-FT", m) for m in (*MAIN, "rank5")))
    assert "rank-5" not in tables.beside_published(plain)


def test_a_plain_network_stands_beside_the_row_that_bears_its_name(beside):
    named = {"system": "cnn_baseline", "method": "VGG19-bn", "backbone": "VGG19-bn"}
    papers = pd.DataFrame([paper("rank1", 91.0, **named)])
    vgg, resnet = (
        beside({"method": "CNN baseline", "backbone": backbone}, papers=papers)
        for backbone in ("VGG19-bn", "ResNet50")
    )
    assert vgg[0]["rank-1"] == "91.00" and not any(resnet)


@pytest.mark.parametrize(("mini", "full"), [("mini-ViT", "ViT-B/16"), ("mini-RN", "RN50")])
def test_a_mini_stands_beside_its_full_size_counterpart_and_says_so(beside, mini, full):
    (line,) = beside({"backbone": mini, "system": "clip_ft_mini", "synthetic": True})
    assert line["rank-1"] == {"ViT-B/16": "94.03", "RN50": "22.00"}[full]
    assert line["published for"] == f"{full}, real {D_R} (CLIP-HandID paper)"


def test_the_table_beside_the_papers_says_what_is_synthetic_and_how_sure_it_is(row, tidy):
    ours = [row(metric=m, synthetic=True) for m in MAIN]
    ours += [row("CLIP-ZS", m, 50) for m in MAIN]
    table = tables.beside_published(tidy(*ours), papers=PAPERS)
    assert table["method"].tolist() == ["CLIP-FT", "CLIP-ZS"]
    assert table["test set"].tolist() == [f"synthetic {D_R}", D_R]
    for name in ("rank-1", "mAP (standard)", "mAP (trapezoid)"):
        assert table[name].tolist() == ["90.0 [86.0, 92.0]", "50.0 [46.0, 52.0]"]


def test_the_real_publication_prints_the_trapezoid_beside_every_clip_handid_row(row, tidy):
    ours = [row("CLIP-HandID", m, target=t) for t in (D_R, D_L) for m in MAIN]
    table = tables.beside_published(tidy(*ours))
    assert table["rank-1, published"].tolist() == ["95.68", "96.75"]
    assert table["mAP (trapezoid), published"].tolist() == ["96.53", "97.37"]
    assert table["mAP (standard), published"].tolist() == ["97.38 (derived)", "97.99 (derived)"]


def test_published_marks_go_to_the_labels_of_their_systems(row, tidy):
    ours = tidy(row("CLIP-ZS"), row(), row(backbone="mini-RN"))
    marks = tables.published_for(rows.labelled(ours), PAPERS)
    assert dict(zip(marks["label"], marks["value"], strict=True)) == {
        "CLIP-FT, ViT-B/16": 94.03,
        "CLIP-FT, mini-RN": 22.0,
    }
    nothing = tables.published_for(rows.labelled(ours[:1]), PAPERS)
    assert nothing.empty and list(nothing) == ["label", "value"]


# --- draws, grids, counts -----------------------------------------------------------------------


@pytest.fixture
def drawn(row, tidy):
    """A Score of ten draws of four queries each."""

    def make(method="CLIP-ZS", runs=10, **other):
        hits = {"run": np.repeat(range(runs), 4), "first_hit": [1, 2, 6, 1] * runs}
        per_query = pd.DataFrame(hits | {"ap": [1, 0.5, 0.2, 1] * runs})
        return Score(tidy(row(method, **other)), per_query, np.ones(1))

    return make


def test_each_draw_stands_beside_a_published_one(drawn):
    table = tables.draws(drawn()).set_index("draw")
    assert table.loc["draw 1 of 10", ["rank-1", "rank-5", "mAP (standard)"]].tolist() == [
        *("50.0", "75.0", "67.5")
    ]
    assert table.loc["draw 10 of 10", "rank-1, published"] == "78.3"
    for other in ({"target": D_L}, {"runs": 2}, {"system": "clip_zero_shot_plain"}):
        assert "rank-1, published" not in tables.draws(drawn(**other))


def test_a_grid_of_parts_is_read_from_the_systems(row, tidy):
    cells = [(h, v) for h in (1, 2) for v in (1, 3)]
    ours = tidy(
        *(row(system=f"gpa_net_mini:parts_{h}x{v}", value=10 * h + v) for h, v in cells),
        row("GPA-Net", "rank1", 99),
        row(system="gpa_net_mini:local_only", value=98),
        row(system="gpa_net_mini:parts_1x1", metric="mAP", value=97),
    )
    grid = tables.parts_grid(ours)
    assert grid.to_numpy().tolist() == [[11, 13], [21, 23]]
    assert (list(grid.index), list(grid.columns)) == ([1, 2], [1, 3])
    assert (grid.index.name, grid.columns.name) == ("Hp", "Vp")
    assert tables.parts_grid(tidy(row("GPA-Net"))).empty


def test_the_published_grid_of_parts_is_the_papers_table():
    grid = tables.parts_grid(rows.published())
    assert grid.shape == (4, 3) and grid.loc[3, 1] == 95.83 and grid.loc[1, 1] == 91.19


def test_each_view_stands_above_the_papers_counts(audit):
    table = tables.beside_counts(audit("dorsal left", "dorsal right", queries=7))
    assert table[["view", "source", "queries"]].to_numpy().tolist() == [
        ["dorsal left", "this run", 7],
        ["dorsal left", "the papers", 988],
        ["dorsal right", "this run", 7],
        ["dorsal right", "the papers", 971],
    ]


# --- every published row ------------------------------------------------------------------------


def paper_profile():
    """Every parameter value of the profile that reproduces the papers, notebooks' own included."""
    profile = ROOT / "notebooks" / "profiles" / "paper.yaml"
    values = yaml.safe_load(profile.read_text())["parameters"]
    return values | {"untrained": ["clip_zero_shot"]}  # 01's own


def has_a_recipe(line, profile):
    """Whether the profile runs the system of a published line on its backbone."""
    system = System.parse(line["system"])
    named = {str(one) for v in profile.values() for one in (v if isinstance(v, list) else [v])}
    family = {"ViT-B/16": "vit", "RN50": "resnet"}.get(line["backbone"], "cnn")
    assert recipes.load(system.recipe, family, control=system.control)
    places = ("backbones", "baseline_backbones", "cnn_backbones")
    return system.recipe in named and any(line["backbone"] in profile[key] for key in places)


def has_its_parts(line, profile):
    """Whether the profile runs that number of parts, if the line is one of GPA-Net's table 3."""
    control = System.parse(line["system"]).control
    return not control.startswith("parts_") or control in profile["gpa_parts"]


def test_every_published_system_has_a_recipe_in_the_paper_profile():
    profile = paper_profile()
    for _, line in rows.published().drop_duplicates(["system", "backbone"]).iterrows():
        assert has_a_recipe(line, profile), line["system"]
        assert has_its_parts(line, profile), line["system"]


PRINTED = ["system", "method", "backbone", "train_set", "test_set"]


def test_every_published_row_has_a_place_beside_ours(row, tidy, drawn):
    """Where two sources print the same system, the lines of the preferred one are enough."""
    papers = rows.published()
    systems = papers[PRINTED].drop_duplicates().to_dict("records")
    table = tables.beside_published(
        tidy(*(row(metric=m, **system) for system in systems for m in METRICS))
    )
    assert len(table) == len(systems)
    lines = table.to_dict("records")
    places = {tuple(one.values()): line for one, line in zip(systems, lines, strict=True)}
    draws = {}
    for _, line in papers.iterrows():
        system = line[PRINTED].to_dict()
        name = tuple(system.values())
        if str(line["note"]).startswith("split"):
            if name not in draws:
                draws[name] = set(tables.draws(drawn(**system)).to_numpy().ravel())
            assert f"{line['value']:.1f}" in draws[name], line.to_dict()
            continue
        if line["source"] not in places[name]["published for"]:
            others = papers.loc[(papers[PRINTED] == line[PRINTED]).all(axis=1), "source"]
            assert others.nunique() > 1, line.to_dict()
            continue
        metric = line["metric"] + ("_trapezoid" if line["ap_definition"] == "trapezoid" else "")
        shown = places[name][f"{METRIC_NAMES[metric]}, published"]
        assert shown == f"{line['value']:.2f}", line.to_dict()
        assert places[name]["gallery, published"] == f"{line['n_gallery']:,}"
