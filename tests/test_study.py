"""The verbs that notebooks call, on a handful of synthetic hands and on broken folders."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch

from handid import embed, image, metric, protocol, record, study, train

TARGET = "11k dorsal right"
ONE_EPOCH = {"epochs": 1}


def open_study(work, **changes):
    plain = {"people": 6, "images_per_view": 3, "runs": 2, "device": "cpu"}
    return study.Study(work=str(work), **(plain | changes))


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return open_study(tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="module")
def tuned(lab):
    return lab.experiment("clip_ft_mini", "mini-ViT", TARGET, changes=ONE_EPOCH)


# --- parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"peopel": 6}, "Parameter 'peopel': Extra inputs are not permitted"),
        ({"runs": 0}, "Parameter 'runs': Input should be greater than or equal to 1"),
        ({"runs": "ten"}, "Parameter 'runs': Input should be a valid integer"),
        ({"seeds": []}, "Parameter 'seeds': List should have at least 1 item"),
        ({"missing": "ignore"}, "Parameter 'missing': Input should be 'error' or 'skip'"),
        ({"backbones": ["mini-ViT", "ViT-L"]}, "Unknown backbone 'ViT-L'"),
        ({"device": "tpu9"}, "Device 'tpu9' is not there"),
    ],
)
def test_a_wrong_parameter_is_one_sentence(tmp_path, parameters, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        open_study(tmp_path, **parameters)
    assert "\n" not in str(caught.value)


def test_an_unknown_target_is_refused(tmp_path):
    with pytest.raises(ValueError, match="Unknown target 'lfw': use '11k <view>' or 'HD'"):
        _ = open_study(tmp_path, targets=["lfw"]).targets


def test_a_view_that_is_not_there_names_the_views_that_are(lab):
    with pytest.raises(ValueError, match="dorsal right"):
        lab.score(lab.experiment("clip_zero_shot", "mini-ViT", "11k dorsal middle"))


def test_a_target_without_a_folder_is_left_out_and_said(tmp_path):
    lab = open_study(tmp_path, targets=[TARGET, "HD"])
    with pytest.warns(UserWarning, match="No folder is given for HD: left out"):
        assert lab.targets == [TARGET]


def test_no_folder_at_all_says_which_option_gives_one(tmp_path):
    lab = open_study(tmp_path, data_11k="")
    with pytest.raises(ValueError, match="No folder is given for 11k: use --data 11k=PATH"):
        lab.table("11k")


# --- broken photographs -------------------------------------------------------------------------


@pytest.fixture
def broken(make_11k, tmp_path):
    """A folder as 11k with one truncated, one empty and one missing photograph."""
    root = make_11k(tmp_path / "11k", subjects=6, images=4)
    first, second, third = sorted((root / "Hands").glob("*.jpg"))[:3]
    first.write_bytes(first.read_bytes()[:200])
    second.write_bytes(b"")
    third.unlink()
    return root


def test_broken_photographs_stop_the_study_with_one_sentence(broken, tmp_path):
    lab = open_study(tmp_path / "work", data_11k=str(broken))
    with pytest.raises(FileNotFoundError, match="missing='skip'|missing=\"skip\"") as caught:
        lab.table("11k")
    assert "\n" not in str(caught.value)


def test_skip_goes_on_without_broken_photographs_and_says_so(broken, tmp_path):
    lab = open_study(tmp_path / "work", data_11k=str(broken), missing="skip")
    with pytest.warns(UserWarning) as said:
        table = lab.table("11k")
    assert len(table) == 6 * 4 * 4 - 3
    words = " ".join(str(w.message) for w in said)
    assert "2" in words and "1 of" in words and "left out, because missing is 'skip'" in words
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        score = lab.score(lab.experiment("clip_zero_shot", "mini-ViT", TARGET))
    assert score.rows["value"].between(0, 100).all()
    assert not score.rows["synthetic"].any()


def test_what_was_decoded_before_an_unreadable_file_is_kept(make_11k, tmp_path, monkeypatch):
    root = make_11k(tmp_path / "11k", subjects=4, images=2)
    bad = sorted((root / "Hands").glob("*.jpg"))[5]
    whole = bad.read_bytes()
    bad.write_bytes(whole[:200])
    with pytest.raises(ValueError, match=f"1 of 32 photographs cannot be used: .*{bad.name}"):
        open_study(tmp_path / "work", data_11k=str(root)).table("11k")
    bad.write_bytes(whole)
    calls, decode = [], image.decode
    monkeypatch.setattr(image, "decode", lambda path: calls.append(path) or decode(path))
    open_study(tmp_path / "work", data_11k=str(root)).table("11k")
    assert calls == [str(bad)]


# --- experiments --------------------------------------------------------------------------------


def test_an_experiment_is_trained_once_and_then_found(lab, tuned, monkeypatch):
    monkeypatch.setattr(train, "fit", lambda *a, **k: pytest.fail("trained again"))
    again = lab.experiment("clip_ft_mini", "mini-ViT", TARGET, changes=ONE_EPOCH)
    assert again == tuned and len(again.history) == 1


def test_only_training_people_are_seen_in_training_and_validation(lab, monkeypatch):
    seen, pixels = set(), image.pixels

    def spy(paths, *args, **kwargs):
        seen.update(paths)
        return pixels(paths, *args, **kwargs)

    monkeypatch.setattr(image, "pixels", spy)
    lab.experiment("clip_ft_mini", "mini-ViT", TARGET, changes=ONE_EPOCH, seed=7)
    trains, tests = protocol.halves(lab.table("11k"), "dorsal right")
    assert seen == set(trains["path"])
    assert not seen & set(tests["path"])


def test_seed_recipe_and_data_each_make_another_experiment(lab, tuned, tmp_path, monkeypatch):
    monkeypatch.setattr(study.Study, "_train", lambda *args: None)
    others = [
        lab.experiment("clip_ft_mini", "mini-ViT", TARGET, changes=ONE_EPOCH, seed=1),
        lab.experiment("clip_ft_mini", "mini-ViT", TARGET, changes={"epochs": 1, "flip": 0.0}),
        lab.experiment("clip_ft_mini", "mini-RN", TARGET, changes=ONE_EPOCH),
        open_study(lab.work, images_per_view=2).experiment(
            "clip_ft_mini", "mini-ViT", TARGET, changes=ONE_EPOCH
        ),
    ]
    folders = {made.folder for made in [tuned, *others]}
    assert len(folders) == 5


def test_a_changed_photograph_trains_again(make_11k, tmp_path, monkeypatch):
    monkeypatch.setattr(study.Study, "_train", lambda *args: None)
    root = make_11k(tmp_path / "11k")
    folders = set()
    for _ in range(2):
        lab = open_study(tmp_path / "work", data_11k=str(root))
        folders.add(lab.experiment("clip_ft_mini", "mini-ViT", TARGET).folder)
        photograph = next((root / "Hands").glob("*.jpg"))
        photograph.write_bytes(photograph.read_bytes() + b"\0")
    assert len(folders) == 2


def test_experiments_run_over_seeds_but_an_untrained_method_only_once(lab, monkeypatch):
    monkeypatch.setattr(study.Study, "_train", lambda *args: None)
    lab = open_study(lab.work, seeds=[0, 1], backbones=["mini-ViT", "mini-RN"])
    assert len(lab.experiments("clip_ft_mini")) == 4
    assert len(lab.experiments("clip_zero_shot")) == 2


# --- scores -------------------------------------------------------------------------------------


def test_a_score_is_the_plain_loop_over_runs_and_queries(lab, tuned):
    table, network = lab.table("11k"), lab.load(tuned)
    first_hits = []
    for query, gallery in protocol.monte_carlo(table, "dorsal right", runs=2):
        vectors = []
        for rows in (query, gallery):
            pixels = image.pixels(rows["path"], lab._pixels, ("squash", 128), progress=False)
            batch = image.normalise(torch.from_numpy(pixels), "imagenet")
            with torch.inference_mode():
                both = network.embed(batch) + network.embed(batch.flip(-1))
            vectors.append(torch.nn.functional.normalize(both.double(), dim=1))
        similarity = vectors[0] @ vectors[1].T
        for row, identity in zip(similarity, query["identity"], strict=True):
            order = row.argsort(descending=True)
            ranked = gallery["identity"].to_numpy()[order]
            first_hits.append(1 + ranked.tolist().index(identity))
    score = lab.score(tuned)
    assert score.per_query["first_hit"].tolist() == first_hits
    values = score.rows.set_index("metric")["value"]
    assert values["rank1"] == pytest.approx(100 * np.mean(np.array(first_hits) == 1))
    assert values["mAP"] == pytest.approx(100 * np.mean(1 / np.array(first_hits)))
    assert score.cmc[0] == pytest.approx(values["rank1"] / 100)
    assert list(score.rows.columns) == record.COLUMNS


def test_the_interval_holds_the_value_and_resamples_people(lab, tuned):
    score = lab.score(tuned)
    row = score.rows.set_index("metric").loc["mAP"]
    low, high = metric.bootstrap(score.per_query["ap"], score.per_query["subject"])
    assert (row["low"], row["high"]) == pytest.approx((100 * low, 100 * high))
    assert row["low"] <= row["value"] <= row["high"]


def test_every_test_image_is_embedded_once_whatever_the_number_of_runs(lab, monkeypatch):
    made = lab.experiment("clip_zero_shot_squash", "mini-RN", TARGET)
    counts, inner = [], embed.embed
    monkeypatch.setattr(
        embed, "embed", lambda n, i, *a, **k: counts.append(len(i)) or inner(n, i, *a, **k)
    )
    many = open_study(lab.work, runs=8)
    used = {
        i
        for s in protocol.monte_carlo(many.table("11k"), "dorsal right", runs=8)
        for f in s
        for i in f.index
    }
    many.score(made)
    lab.score(made)
    assert counts == [len(used)]


def test_changed_code_embeds_again(lab, monkeypatch):
    made = lab.experiment("clip_zero_shot", "mini-RN", TARGET)
    lab.score(made)
    monkeypatch.setattr(record, "code_fingerprint", lambda *rooms: "edited")
    calls, inner = [], embed.embed
    monkeypatch.setattr(embed, "embed", lambda *a, **k: calls.append(1) or inner(*a, **k))
    lab.score(made)
    assert calls == [1]


def test_a_comparison_with_what_was_not_scored_is_refused(lab, tuned):
    with pytest.raises(ValueError, match="Nothing can be compared with 'CLIP-ZS'"):
        study.gains([lab.score(tuned)], "CLIP-ZS")


def test_no_queries_to_show_is_refused(lab, tuned):
    with pytest.raises(ValueError, match="queries=0 and top=5 must be at least 1"):
        lab.matches(tuned, queries=0)


def test_a_methods_results_are_written_and_read_back(lab, tuned):
    rows = lab.record([lab.score(tuned)], "02_fine_tune")
    found = record.read_results(lab.work, ["02_fine_tune"])
    pd.testing.assert_frame_equal(found, rows, check_dtype=False, rtol=1e-4)
    assert len(record.read_curves(lab.work, ["02_fine_tune"])) == rows["n_gallery"].iloc[0]


def test_gains_are_paired_differences_over_the_mean_of_seeds(lab, tuned):
    other = lab.experiment("clip_ft_mini", "mini-ViT", TARGET, changes=ONE_EPOCH, seed=7)
    zero = lab.experiment("clip_zero_shot", "mini-ViT", TARGET)
    scores = lab.scores([zero, tuned, other])
    row = study.gains(scores, "CLIP-ZS").iloc[0]
    a, b, c = (s.rows.set_index("metric").loc["rank1", "value"] for s in scores)
    assert row["method"] == "CLIP-FT" and row["seeds"] == 2
    assert row["value"] == pytest.approx((b + c) / 2 - a)
    assert row["low"] <= row["value"] <= row["high"]
    m, n, o = (s.rows.set_index("metric").loc["mAP", "value"] for s in scores)
    assert study.gains(scores, "CLIP-ZS", "mAP")["value"].iloc[0] == pytest.approx((n + o) / 2 - m)


# --- HD -----------------------------------------------------------------------------------------


def test_hd_is_trained_and_ranked_against_its_distractors(lab):
    hd = open_study(lab.work, data_hd="synthetic", targets=["HD"], people=4, images_per_view=2)
    score = hd.score(hd.experiment("clip_ft_mini", "mini-ViT", "HD", changes=ONE_EPOCH))
    row = score.rows.iloc[0]
    table = hd.table("HD")
    distractors = int((table["role"] == "distractor").sum())
    assert distractors > 0
    assert row["n_gallery"] == row["n_subjects"] + distractors
    assert row["test_set"] == "HD" and row["synthetic"]


# --- what notebooks show ------------------------------------------------------------------------


def test_titles_and_preface_say_synthetic_and_random(lab):
    assert lab.name == "synthetic 11k dorsal right"
    assert "synthetic hands" in lab.preface() and "random weights" in lab.preface()


def test_the_audit_counts_what_the_protocol_gives(lab):
    audit = lab.audit("11k").set_index("view")
    query, gallery = next(protocol.monte_carlo(lab.table("11k"), "palmar left", runs=1))
    assert audit.loc["palmar left", "queries"] == len(query)
    assert (audit["gallery"] == len(gallery)).all()
    assert audit["train identities"].tolist() == [3] * 4
    assert lab.problems("11k").empty


def test_matches_show_wrong_answers_first_and_mark_them_right(lab, tuned):
    found = lab.matches(tuned, queries=4, top=3)
    assert len(found.queries) == len(found.matches) == len(found.labels) == 4
    firsts = [row[0][1] for row in found.matches]
    assert firsts == sorted(firsts)  # wrong ones before right ones
    assert all(a[2] >= b[2] for row in found.matches for a, b in zip(row, row[1:], strict=False))
    assert f"{sum(firsts)} right at rank 1" in found.words


def test_photographs_can_be_kept_out_of_a_report(lab, tuned):
    hidden = lab.matches(tuned, queries=2, top=2, show=False)
    pictures = [*hidden.queries, *(cell[0] for row in hidden.matches for cell in row)]
    pictures += lab.sample("11k", people=2, show=False)[0]
    assert all((picture == 200).all() for picture in pictures)


@pytest.mark.real_data
def test_the_real_sample_runs_from_photographs_to_a_score(real_11k, tmp_path):
    lab = open_study(tmp_path, data_11k=str(real_11k), missing="skip")
    with pytest.warns(UserWarning):
        table = lab.table("11k")
    assert len(table) > 300
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        score = lab.score(lab.experiment("clip_zero_shot", "mini-ViT", TARGET))
    assert lab.name == TARGET and not score.rows["synthetic"].any()
    assert score.rows["n_queries"].iloc[0] >= 20
