"""What a run leaves behind: tidy rows and curves, whole or not at all; and the papers' figures."""

import numpy as np
import pandas as pd
import pytest

from handid import statistics
from handid.report import rows
from handid.report.rows import COLUMNS, Score

D_R, D_L = "11k dorsal right", "11k dorsal left"


@pytest.fixture
def system(row, tidy):
    """system(method, value, seed, metrics, cmc, **other): a Score of one system."""

    def make(method="CLIP-FT", value=90.25, *, metrics=("rank1", "mAP"), cmc=(1.0,), **other):
        table = tidy(*(row(method, m, value, **other) for m in metrics))
        queries = pd.DataFrame({"subject": [7, 7, 8], "first_hit": [1.0, 2.0, 1.0]})
        return Score(table, queries, np.array(cmc))

    return make


# --- results and curves -------------------------------------------------------------------------


def test_results_come_back_as_they_were_written(tmp_path, system):
    written = rows.write([system(), system("CLIP-ZS")], tmp_path, "02_fine_tune")
    assert (tmp_path / "results" / "02_fine_tune.csv").is_file()
    pd.testing.assert_frame_equal(rows.read(tmp_path, ["02_fine_tune"]), written)
    pd.testing.assert_frame_equal(written, rows.of([system(), system("CLIP-ZS")]))
    assert list(written["method"]) == ["CLIP-FT"] * 2 + ["CLIP-ZS"] * 2


@pytest.mark.parametrize(
    ("task", "image", "plain"),
    [("papers", "whole", True), ("other hand", "whole", False), ("papers", "hand", False)],
)
def test_the_papers_own_score_is_told_from_the_others(system, task, image, plain):
    assert rows.is_plain(system(task=task, image=image)) is plain


def test_a_column_too_many_is_not_written(tmp_path, system):
    score = system()
    rows.write([Score(score.rows.assign(note="x"), score.per_query, score.cmc)], tmp_path, "a")
    assert list(rows.read(tmp_path, ["a"])) == COLUMNS


@pytest.mark.parametrize("column", ["low", "synthetic", "n_subjects", "system", "task"])
def test_a_missing_column_is_refused_and_nothing_is_written(tmp_path, system, column):
    score = system()
    score = Score(score.rows.drop(columns=column), score.per_query, score.cmc)
    with pytest.raises(ValueError, match=f"lack the column '{column}'"):
        rows.write([score], tmp_path, "a")
    assert list(tmp_path.iterdir()) == []


def test_curves_come_back_in_percent_with_one_row_per_rank(tmp_path, system):
    scores = [system(cmc=[0.5, 0.75, 1.0]), system("CLIP-ZS", cmc=[0.25, 1.0])]
    rows.write(scores, tmp_path, "02_fine_tune")
    curves = rows.read_curves(tmp_path, ["02_fine_tune"])
    assert curves["rank"].tolist() == [1, 2, 3, 1, 2]
    assert curves["found"].tolist() == [50, 75, 100, 25, 100]
    assert curves["method"].tolist() == ["CLIP-FT"] * 3 + ["CLIP-ZS"] * 2
    assert curves["system"].tolist() == ["clip_ft"] * 3 + ["clip_zero_shot"] * 2
    assert not curves["synthetic"].any() and set(curves["test_set"]) == {D_R}


def test_people_come_back_with_their_right_answers(tmp_path, system):
    rows.write([system(), system(seed=1)], tmp_path, "02_fine_tune")
    rows.write([system()], tmp_path, "03_clip_handid")
    people = rows.read_people(tmp_path, ["02", "03"])
    assert people["subject"].tolist() == ["7", "8"] * 2 and set(people["seed"]) == {0, 1}
    assert people["n"].tolist() == [2, 1] * 2 and people["right"].tolist() == [1, 1] * 2
    made = rows.by_people([system(seed=1), system()])[list(people)]
    pd.testing.assert_frame_equal(people, made, check_dtype=False)


def test_the_notebook_that_has_to_run_first_is_named(tmp_path, system):
    rows.write([system()], tmp_path, "01_zero_shot")
    for read in (rows.read, rows.read_curves, rows.read_people):
        with pytest.raises(FileNotFoundError, match="notebook 02_fine_tune are not there") as told:
            read(tmp_path, ["02_fine_tune", "01_zero_shot"])
        assert "--only 02)" in str(told.value)
        with pytest.raises(ValueError, match="^1 names no notebook: write a text, such as '01'"):
            read(tmp_path, ["02", 1])
        with pytest.raises(ValueError, match="No notebook is named"):
            read(tmp_path, [])


def test_no_score_has_no_rows_and_is_not_written(tmp_path):
    assert rows.of([]).empty and list(rows.of([])) == COLUMNS
    with pytest.raises(ValueError, match="Notebook 07_ablations has no score to write"):
        rows.write([], tmp_path, "07_ablations")
    assert not list(tmp_path.iterdir())


def test_two_notebooks_may_not_say_different_things_of_a_system(tmp_path, system):
    rows.write([system(value=90)], tmp_path, "02")
    rows.write([system(value=80)], tmp_path, "03")
    with pytest.raises(ValueError, match="Two notebooks say different things of CLIP-FT: run 02, "):
        rows.read(tmp_path, ["02", "03"])


@pytest.mark.parametrize("other", [{"n_gallery": 30}, {"synthetic": True}])
def test_results_of_different_data_are_not_mixed(tmp_path, system, other):
    rows.write([system()], tmp_path, "02")
    rows.write([system("CLIP-ZS", **other)], tmp_path, "03")
    with pytest.raises(ValueError, match="measured on different data or draws: run these"):
        rows.read(tmp_path, ["02", "03"])


def test_of_a_row_that_two_notebooks_wrote_one_is_kept(tmp_path, system):
    rows.write([system("CLIP-ZS", 90), system(value=80)], tmp_path, "02")
    rows.write([system(value=80), system(value=70, seed=1)], tmp_path, "03")
    both = rows.read(tmp_path, ["02", "03"])
    kept = both[both["metric"] == "rank1"][["method", "seed", "value"]]
    assert kept.to_numpy().tolist() == [["CLIP-ZS", 0, 90], ["CLIP-FT", 0, 80], ["CLIP-FT", 1, 70]]
    assert both.index.tolist() == [*range(6)]


def test_two_tasks_of_a_system_are_two_rows(tmp_path, system):
    rows.write([system(value=90), system(value=50, task="other hand")], tmp_path, "02")
    assert len(rows.read(tmp_path, ["02"])) == 4


def test_of_a_curve_that_two_notebooks_wrote_the_last_is_kept(tmp_path, system):
    for notebook, curve in (("02", [0.5, 1.0]), ("03", [0.25, 1.0])):
        rows.write([system(cmc=curve)], tmp_path, notebook)
    curves = rows.read_curves(tmp_path, ["02", "03"])
    assert curves[["rank", "found"]].to_numpy().tolist() == [[1, 25], [2, 100]]


@pytest.mark.parametrize("kind", ["results", "curves", "people"])
def test_a_write_that_fails_halfway_keeps_the_old_file(tmp_path, monkeypatch, system, kind):
    rows.write([system()], tmp_path, "a")
    path = tmp_path / kind / "a.csv"
    old, to_csv = path.read_text(), pd.DataFrame.to_csv

    def halfway(self, part, **how):
        if kind not in str(part):
            return to_csv(self, part, **how)
        part.write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(pd.DataFrame, "to_csv", halfway)
    with pytest.raises(KeyboardInterrupt):
        rows.write([system(value=50, cmc=[0.5, 1.0])], tmp_path, "a")
    assert [file.name for file in path.parent.iterdir()] == ["a.csv"]
    assert path.read_text() == old


# --- the papers' figures ------------------------------------------------------------------------


def test_the_published_figures_are_all_there():
    papers = rows.published()
    what = ["system", "source", "table", "method", "backbone", "train_set", "test_set"]
    assert list(papers) == [*what, "metric", "value", "ap_definition", "note", "n_gallery"]
    assert len(papers) == 386 and papers["system"].notna().all()
    assert not papers.duplicated([*what, "metric", "ap_definition", "note"]).any()


def test_one_title_of_a_table_is_one_system():
    papers = rows.published()
    assert (papers.groupby("method")["system"].nunique() == 1).all()
    names = papers.drop_duplicates("method").groupby("system")["method"].agg(list).to_dict()
    assert {key: titles for key, titles in names.items() if len(titles) > 1} == {
        "cnn_baseline": ["VGG19-bn", "ResNet50"]  # called by the network's name
    }


def test_every_published_figure_is_a_percentage_and_every_map_names_its_definition():
    papers = rows.published()
    assert papers["value"].between(0, 100).all() and papers["value"].max() > 90
    maps = papers["metric"] == "mAP"
    assert set(papers.loc[maps, "ap_definition"]) == {"standard", "trapezoid"}
    assert papers.loc[~maps, "ap_definition"].isna().all()


def test_two_published_figures_are_those_of_the_paper():
    papers = rows.published().query(
        "source == 'CLIP-HandID paper' and system == 'clip_handid' and backbone == 'ViT-B/16' "
        "and test_set == '11k dorsal right'"
    )
    assert dict(zip(papers["metric"], papers["value"], strict=True)) == {
        "rank1": 95.68,
        "mAP": 96.53,
    }


# --- names and means ----------------------------------------------------------------------------


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
        ({"task": "other hand"}, ["CLIP-ZS, papers", "CLIP-FT, other hand"]),
    ],
)
def test_a_label_names_only_what_differs(row, tidy, other, labels):
    table = tidy(row("CLIP-ZS"), row("CLIP-ZS", "mAP"), row("CLIP-FT", **other))
    shown = rows.labelled(table, "rank1")
    assert shown["label"].tolist() == labels
    assert shown["value"].tolist() == [90, 90]


def test_labels_tell_two_training_sets_apart(row, tidy):
    shown = rows.labelled(tidy(row(), row(train_set=D_L, value=50)), "rank1")
    assert list(shown["label"]) == ["CLIP-FT", f"CLIP-FT, trained on {D_L}"]
    both = rows.labelled(tidy(row(), row(target=D_L, train_set=D_R, value=50)), "rank1")
    assert list(both["label"]) == [f"CLIP-FT, {D_R}", f"CLIP-FT, {D_L}, trained on {D_R}"]


def test_an_unknown_metric_is_refused_with_the_known_ones(row, tidy):
    with pytest.raises(ValueError, match="Unknown metric 'foo': choose one of rank1, rank5"):
        rows.labelled(tidy(row()), "foo")


def test_seeds_are_averaged(row, tidy):
    means = rows.mean_over_seeds(tidy(row(value=90), row(value=93, seed=1))).iloc[0]
    low, high, part = statistics.with_seeds([90, 93], 87.5, 93.5)
    assert (means["value"], means["seeds"]) == (91.5, 2)
    assert means[["low", "high", "seed_part"]].tolist() == pytest.approx(
        [low, min(high, 100), part]
    )
    assert low < 87.5 and 0 < part < 1


def test_one_seed_or_one_scored_twice_has_no_part_of_the_interval(row, tidy):
    means = rows.mean_over_seeds(tidy(row(), row())).iloc[0]
    assert means[["low", "high", "seeds"]].tolist() == [86, 92, 1] and np.isnan(means["seed_part"])


def test_a_figure_without_an_interval_stands_alone(row):
    assert rows.with_interval(pd.Series(row())) == "90.0 [86.0, 92.0]"
    assert rows.with_interval(pd.Series(row(low=np.nan, high=np.nan))) == "90.0"


def test_rank_1_by_person_is_over_all_runs_worst_first():
    hits = [(3, 1), (3, 1), (1, 2), (1, 1), (2, 5), (2, 2), (2, 9)]
    per_query = pd.DataFrame(hits, columns=["subject", "first_hit"]).assign(run=0)
    shares = rows.by_person(per_query)
    assert shares.to_dict() == {2: 0.0, 1: 0.5, 3: 1.0}
    assert shares.index.tolist() == [2, 1, 3]
