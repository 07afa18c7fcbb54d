"""From embeddings to figures: against a plain loop, over runs, sets and seeds, and compared."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional

from handid import embed, protocol, statistics, tasks
from handid.image import augment
from handid.report import differences
from handid.report.rows import COLUMNS
from handid.study import score
from handid.study.photographs import Photographs

TARGET, ONE_EPOCH = "11k dorsal right", {"epochs": 1}


# --- one score ----------------------------------------------------------------------------------


def test_a_score_is_the_plain_loop_over_runs_and_queries(lab, tuned, tuned_score, squares):
    table, network = lab.table("11k"), lab.load(tuned)
    first_hits = []
    for query, gallery in protocol.monte_carlo(table, "dorsal right", runs=2):
        vectors = []
        for rows in (query, gallery):
            batch = augment.normalise(torch.from_numpy(squares(rows["path"])), "imagenet")
            with torch.inference_mode():
                vectors.append(functional.normalize(network.embed(batch).double(), dim=1))
        similarity = vectors[0] @ vectors[1].T
        for row, identity in zip(similarity, query["identity"], strict=True):
            order = row.argsort(descending=True)
            ranked = gallery["identity"].to_numpy()[order]
            first_hits.append(1 + ranked.tolist().index(identity))
    assert tuned_score.per_query["first_hit"].tolist() == first_hits
    values = tuned_score.rows.set_index("metric")["value"]
    assert values["rank1"] == pytest.approx(100 * np.mean(np.array(first_hits) == 1))
    assert values["mAP"] == pytest.approx(100 * np.mean(1 / np.array(first_hits)))
    assert tuned_score.cmc[0] == pytest.approx(values["rank1"] / 100)
    assert list(tuned_score.rows.columns) == [*COLUMNS, "mirror"]


def test_the_interval_holds_the_value_and_resamples_people(tuned_score):
    row = tuned_score.rows.set_index("metric").loc["mAP"]
    per_query = tuned_score.per_query
    low, high = statistics.interval(per_query["ap"], per_query["subject"])
    assert (row["low"], row["high"]) == pytest.approx((100 * low, 100 * high))
    assert row["low"] <= row["value"] <= row["high"]


def test_a_scores_rows_say_what_they_are_of(lab, tuned, tuned_score):
    query, gallery = next(protocol.monte_carlo(lab.table("11k"), "dorsal right", runs=1))
    expected = {
        **{"system": "clip_ft_mini", "method": "CLIP-FT", "backbone": "mini-ViT"},
        **{"train_set": TARGET, "test_set": TARGET, "task": "papers", "image": "whole"},
        **{"n_queries": len(query), "n_gallery": len(gallery), "n_subjects": 2},
        **{"seed": 0, "synthetic": True},
    }
    for name, value in expected.items():
        assert tuned_score.rows[name].tolist() == [value] * len(tuned_score.rows), name
    (before,) = lab.untrained("clip_ft_mini", changes=ONE_EPOCH)
    assert lab.score(before).rows["system"].unique().tolist() == ["clip_ft_mini:untrained"]


def test_every_test_image_is_embedded_once_whatever_the_number_of_runs(lab, monkeypatch):
    experiment = lab.experiment("clip_zero_shot_squash", "mini-RN", TARGET)
    counts, inner = [], embed.embed
    monkeypatch.setattr(
        embed, "embed", lambda n, i, *a, **k: counts.append(len(i)) or inner(n, i, *a, **k)
    )
    many = lab.having(runs=8)
    used = {
        index
        for split in protocol.monte_carlo(many.table("11k"), "dorsal right", runs=8)
        for rows in split
        for index in rows.index
    }
    many.score(experiment)
    lab.score(experiment)
    assert counts == [len(used)]


def test_hd_is_trained_and_ranked_against_its_distractors(hd):
    experiment = hd.experiment("clip_ft_mini", "mini-ViT", "HD", changes=ONE_EPOCH)
    row = hd.score(experiment).rows.iloc[0]
    table = hd.table("HD")
    distractors = int((table["role"] == "distractor").sum())
    assert distractors > 0
    assert row["n_gallery"] == row["n_subjects"] + distractors
    assert row["test_set"] == "HD" and row["synthetic"]


def test_a_ranking_is_the_first_run_best_first(lab, tuned, tuned_score):
    ranked = score.ranking(tuned, lab.photographs, lab.engine)
    query, gallery = next(protocol.monte_carlo(lab.table("11k"), "dorsal right", runs=1))
    pd.testing.assert_frame_equal(ranked.query, query)
    pd.testing.assert_frame_equal(ranked.gallery, gallery)
    assert (np.diff(ranked.similarity, axis=1) <= 0).all()
    first_run = tuned_score.per_query.query("run == 0")
    assert (1 + ranked.same.argmax(axis=1)).tolist() == first_run["first_hit"].tolist()


# --- trained here, tested there -----------------------------------------------------------------


@pytest.fixture
def both(lab):
    """The same study with two views."""
    return lab.having(targets=[TARGET, "11k palmar left"])


def test_a_training_meets_every_set_and_an_untrained_method_its_own(both, no_training):
    tuned = both.experiments("clip_ft_mini", changes=ONE_EPOCH)[:1]
    pairs = score.pairs(tuned + both.experiments("clip_zero_shot"), both.photographs)
    assert [(experiment.title, str(target)) for experiment, target in pairs] == [
        ("CLIP-FT", TARGET),
        ("CLIP-FT", "11k palmar left"),
        ("CLIP-ZS", TARGET),
        ("CLIP-ZS", "11k palmar left"),
    ]


def test_drawings_and_photographs_are_not_crossed(both, no_training, monkeypatch):
    experiments = both.experiments("clip_ft_mini", changes=ONE_EPOCH)
    monkeypatch.setattr(Photographs, "is_synthetic", lambda self, target: target == both.targets[0])
    pairs = score.pairs(experiments, both.photographs)
    assert [(one.target, target) for one, target in pairs] == [(t, t) for t in both.targets]


def test_views_that_share_people_say_so_where_one_trains_and_another_tests(
    both, no_training, monkeypatch
):
    experiments = both.experiments("clip_ft_mini", changes=ONE_EPOCH)[:1]
    monkeypatch.setattr(both, "score", lambda experiment, target: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # synthetic people train or test, in all views alike
        both.across(experiments)
    views = ["dorsal right", "palmar left"]
    shared = pd.DataFrame([[0, 4], [0, 0]], views, views)
    monkeypatch.setattr(protocol, "person_overlap", lambda table: shared)
    sentence = "Up to 4 people of 11k train in one of these views"
    with pytest.warns(UserWarning, match=sentence) as caught:
        both.across(experiments)
    assert caught[0].filename == __file__


# --- scores compared ----------------------------------------------------------------------------


def test_gains_are_paired_differences_over_the_mean_of_seeds(lab, tuned_score, zero_shot_score):
    other = lab.score(lab.experiment("clip_ft_mini", "mini-ViT", TARGET, changes=ONE_EPOCH, seed=7))
    scores = [zero_shot_score, tuned_score, other]
    row = differences.gains(scores, "clip_zero_shot").iloc[0]
    a, b, c = (s.rows.set_index("metric").loc["rank1", "value"] for s in scores)
    assert row["method"] == "CLIP-FT" and row["seeds"] == 2
    assert row["value"] == pytest.approx((b + c) / 2 - a)
    assert row["low"] <= row["value"] <= row["high"]
    m, n, o = (s.rows.set_index("metric").loc["mAP", "value"] for s in scores)
    by_map = differences.gains(scores, "clip_zero_shot", "mAP")["value"].iloc[0]
    assert by_map == pytest.approx((n + o) / 2 - m)


def test_margins_are_gains_over_each_floor(lab, tuned_score, zero_shot_score):
    floors = ["raw_pixels", "colour_histogram"]
    scores = [zero_shot_score, tuned_score, *lab.scores(lab.experiments(*floors))]
    margins = differences.margins(scores, "clip_zero_shot", floors)
    assert margins["method"].tolist() == ["CLIP-ZS"] * 2
    assert margins["over"].tolist() == ["Raw pixels", "Colour histogram"]
    assert margins["over_system"].tolist() == floors
    assert margins["synthetic"].all() and (margins["seeds"] == 1).all()
    for _, row in margins.iterrows():
        gains = differences.gains(scores, row["over_system"]).set_index("system")
        gain = gains.loc["clip_zero_shot"]
        assert tuple(row[["value", "low", "high"]]) == tuple(gain[["value", "low", "high"]])


def test_margins_over_what_was_not_scored_are_refused(tuned_score):
    with pytest.raises(ValueError, match="Nothing can be compared with 'raw_pixels'"):
        differences.margins([tuned_score], "clip_ft_mini", ["raw_pixels"])


def test_a_comparison_with_what_was_not_scored_is_refused(tuned_score):
    with pytest.raises(ValueError, match="Nothing can be compared with 'clip_zero_shot'"):
        differences.gains([tuned_score], "clip_zero_shot")


def test_what_training_adds_is_measured_against_the_untrained_self(lab, tuned_score):
    (before,) = lab.untrained("clip_ft_mini", changes=ONE_EPOCH)
    scores = [tuned_score, lab.score(before)]
    (row,) = differences.training_gains(scores).to_dict("records")
    after, first = (s.rows.set_index("metric").loc["rank1", "value"] for s in scores)
    assert (row["system"], row["over_system"]) == ("clip_ft_mini", "clip_ft_mini:untrained")
    assert row["value"] == pytest.approx(after - first)


# --- other tasks, and altered photographs -------------------------------------------------------


def test_the_other_hand_is_searched_in_mirrored_photographs(lab, tuned, squares):
    scored = lab.score(tuned, task="other hand")
    table, network = lab.table("11k"), lab.load(tuned)
    first_hits = []
    for query, gallery in tasks.draws(table, "dorsal right", "other hand", runs=2):
        vectors = []
        for pixels in (squares(query["path"]), squares(gallery["path"])[:, :, ::-1].copy()):
            batch = augment.normalise(torch.from_numpy(pixels), "imagenet")
            with torch.inference_mode():
                vectors.append(functional.normalize(network.embed(batch).double(), dim=1))
        order = (vectors[0] @ vectors[1].T).argsort(dim=1, descending=True)
        ranked = gallery["subject"].to_numpy()[order]
        first_hits += [
            1 + row.tolist().index(subject)
            for row, subject in zip(ranked, query["subject"], strict=True)
        ]
    assert scored.per_query["first_hit"].tolist() == first_hits
    assert scored.rows["task"].unique().tolist() == ["other hand"]
    assert scored.rows["n_gallery"].iloc[0] == 2


def test_a_region_is_what_the_network_sees(lab, zero_shot, zero_shot_score, monkeypatch):
    seen, inner = [], embed.embed
    monkeypatch.setattr(
        embed, "embed", lambda n, i, *a, **k: seen.append(i) or inner(n, i, *a, **k)
    )
    scored = lab.score(zero_shot, image="silhouette")
    assert set(np.unique(seen[0][:, ::8, ::8]).tolist()) & {0, 255} == {0, 255}
    assert (seen[0].std(axis=-1) == 0).all()  # black on white, no colour
    assert scored.rows["image"].unique().tolist() == ["silhouette"]
    assert scored.rows["n_queries"].iloc[0] == zero_shot_score.rows["n_queries"].iloc[0]
    lab.score(zero_shot, image="silhouette", task="other hand")
    assert len(seen[1:]) <= 1  # only what is mirrored is new


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"task": "twins"}, "Unknown task 'twins'"),
        ({"task": "bursts apart"}, "photographs of two bursts"),
        ({"image": "glove"}, "Unknown image 'glove'"),
        ({"image": "blur 900"}, "out of range"),
    ],
)
def test_what_cannot_be_scored_is_one_sentence(lab, zero_shot, how, sentence):
    with pytest.raises(ValueError, match=sentence):
        lab.score(zero_shot, **how)


def test_bursts_that_the_renderer_made_are_told_apart(lab):
    leaky = lab.having(bursts=2, images_per_view=4)
    experiment = leaky.experiment("raw_pixels", "mini-ViT", TARGET)
    apart = leaky.score(experiment, task="bursts apart").rows.iloc[0]
    assert apart["task"] == "bursts apart" and apart["n_subjects"] == 2


def test_galleries_of_several_lengths_have_one_mean_curve():
    curve = score._mean_curve([np.array([0.5, 1.0]), np.array([0.0, 0.5, 1.0])])
    assert curve.tolist() == [0.25, 0.75, 1.0]
