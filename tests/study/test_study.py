"""The verbs that notebooks call, on a handful of synthetic hands and on broken folders."""

import json
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional

from handid import backbone, caption, embed, evidence, image, metric, protocol, record, study, train

TARGET = "11k dorsal right"
ONE_EPOCH = {"epochs": 1}


def open_study(work, **changes):
    plain = {"people": 6, "images_per_view": 3, "runs": 2, "device": "cpu", "weights": "random"}
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


def given_to_training(lab, monkeypatch, recipe, **how):
    """What train.fit would get: the network, the recipe, and where its batches come from."""
    seen = []
    monkeypatch.setattr(train, "fit", lambda *given, **_: seen.extend(given[:3]))
    lab.experiment(recipe, "mini-ViT", TARGET, seed=3, **how)
    return seen


@pytest.mark.parametrize(("control", "mean_std"), [("", "imagenet"), ("as_run", "none")])
def test_a_stage_that_encodes_once_gets_the_features_of_plain_training_images(
    lab, monkeypatch, control, mean_std
):
    network, plan, batches = given_to_training(lab, monkeypatch, "clip_fh_s2_v1", control=control)
    calls, forward = [], type(network.backbone).forward
    monkeypatch.setattr(
        type(network.backbone), "forward", lambda *a: calls.append(len(a[1])) or forward(*a)
    )
    generator = torch.Generator().manual_seed(0)
    (features, labels) = next(iter(batches(plan.stages[0], generator)))
    again, _ = next(iter(batches(plan.stages[0], generator)))
    assert len(calls) == 1 and calls[0] == len(features)  # one batch here, seen once
    rows, _ = protocol.validation(lab._halves(TARGET)[0], 3)
    assert torch.bincount(labels).tolist() == rows.groupby("identity").size().tolist()
    pixels = image.pixels(rows["path"], lab._pixels, ("squash", 128), progress=False)
    with torch.no_grad():
        plain = network.backbone(image.normalise(torch.from_numpy(pixels), mean_std))["proj"]
    for found in (features, again):  # each in an order of its own
        assert torch.allclose(found.sum(0), plain.sum(0), rtol=1e-4, atol=1e-3)
        assert torch.cdist(found, plain).amin(1).max() < 1e-2
    images, _ = next(iter(batches(plan.stages[1], generator)))
    assert images.shape[1:] == (3, 128, 128)
    assert (images.min() >= 0) == (mean_std == "none")


def test_the_view_stands_in_the_prompts_of_the_target(lab, monkeypatch):
    network, _, _ = given_to_training(lab, monkeypatch, "clip_fh_s2_v1")
    assert network.prompts == ["A photo of {}'s dorsal right hand for identification."]


def test_seed_recipe_and_data_each_make_another_experiment(lab, tuned, tmp_path, monkeypatch):
    monkeypatch.setattr(study.Study, "_train", lambda *args: None)
    others = [
        lab.experiment("clip_ft_mini", "mini-ViT", TARGET, changes=ONE_EPOCH, seed=1),
        lab.experiment("clip_ft_mini", "mini-ViT", TARGET, changes={"epochs": 1, "flip": 0.5}),
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


# --- random weights as a control ----------------------------------------------------------------


@pytest.fixture(scope="module")
def weighted(lab, tmp_path_factory):
    """The same study with weights of its own: another draw, in a file."""
    file = tmp_path_factory.mktemp("weights") / "own.safetensors"
    save_file(backbone.build("mini-ViT", seed=1).clip.state_dict(), file)
    return open_study(lab.work, weights=str(file))


def test_the_control_has_random_weights_where_the_study_has_its_own(lab, weighted):
    (own,) = weighted.experiments("clip_zero_shot")
    (control,) = weighted.experiments("clip_zero_shot", control="random_weights")
    assert (own.title, control.title) == ("CLIP-ZS", "CLIP-ZS random_weights")
    contents = [json.loads((m.folder / "parameters.json").read_text()) for m in (own, control)]
    assert [c["weights"].split()[0] for c in contents] == ["own.safetensors", "random"]
    loaded = [weighted.load(made).backbone.clip.visual.proj for made in (own, control)]
    plain = lab.load(lab.experiment("clip_zero_shot", "mini-ViT", TARGET))
    assert torch.equal(loaded[1], plain.backbone.clip.visual.proj)
    assert not torch.equal(*loaded)


def test_the_controls_embeddings_are_not_taken_for_the_studys(lab, weighted):
    (own,) = weighted.experiments("clip_zero_shot")
    (control,) = weighted.experiments("clip_zero_shot", control="random_weights")
    one, other, plain = (
        lab.score(m).per_query["ap"].tolist()
        for lab, m in [
            (weighted, own),
            (weighted, control),
            (lab, lab.experiment("clip_zero_shot", "mini-ViT", TARGET)),
        ]
    )
    assert other == plain != one


def test_the_control_of_random_weights_is_left_out_and_said_if_all_weights_are(lab):
    sentence = "CLIP-ZS random_weights is left out: the study's own weights are random already"
    with pytest.warns(UserWarning, match=sentence):
        assert lab.experiments("clip_zero_shot", control="random_weights") == []


def test_a_control_of_another_kind_is_never_left_out(lab, monkeypatch):
    monkeypatch.setattr(study.Study, "_train", lambda *args: None)
    assert len(lab.experiments("clip_handid_mini", control="zero_token")) == 1


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
                vectors.append(functional.normalize(network.embed(batch).double(), dim=1))
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
        evidence.gains([lab.score(tuned)], "CLIP-ZS")


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
    row = evidence.gains(scores, "CLIP-ZS").iloc[0]
    a, b, c = (s.rows.set_index("metric").loc["rank1", "value"] for s in scores)
    assert row["method"] == "CLIP-FT" and row["seeds"] == 2
    assert row["value"] == pytest.approx((b + c) / 2 - a)
    assert row["low"] <= row["value"] <= row["high"]
    m, n, o = (s.rows.set_index("metric").loc["mAP", "value"] for s in scores)
    assert evidence.gains(scores, "CLIP-ZS", "mAP")["value"].iloc[0] == pytest.approx(
        (n + o) / 2 - m
    )


def test_margins_are_gains_over_each_floor(lab, tuned):
    made = [lab.experiment(n, "mini-ViT", TARGET) for n in ("raw_pixels", "colour_histogram")]
    zero = lab.experiment("clip_zero_shot", "mini-ViT", TARGET)
    scores = lab.scores([zero, tuned, *made])
    found = evidence.margins(scores, "CLIP-ZS", ["Raw pixels", "Colour histogram"])
    assert found["method"].tolist() == ["CLIP-ZS"] * 2
    assert found["over"].tolist() == ["Raw pixels", "Colour histogram"]
    assert found["synthetic"].all() and (found["seeds"] == 1).all()
    for _, row in found.iterrows():
        gain = evidence.gains(scores, row["over"]).set_index("method").loc["CLIP-ZS"]
        assert tuple(row[["value", "low", "high"]]) == tuple(gain[["value", "low", "high"]])


@pytest.mark.parametrize(
    ("floors", "sentence"),
    [
        ([], "There is no floor to compare with"),
        (["Raw pixels"], "Nothing can be compared with 'Raw pixels'"),
    ],
)
def test_margins_without_a_floor_are_refused(lab, tuned, floors, sentence):
    with pytest.raises(ValueError, match=sentence):
        evidence.margins([lab.score(tuned)], "CLIP-FT", floors)


# --- questions ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answers(lab):
    return lab.ask(questions=QUESTIONS)


QUESTIONS = (
    caption.Question(
        "Which view is it?",
        "view",
        {
            "dorsal right": ("the back of a right hand", "a right hand from above"),
            "dorsal left": ("the back of a left hand",),
            "palmar right": ("the palm of a right hand",),
            "palmar left": ("the palm of a left hand", "a left hand from below", "left palm"),
        },
    ),
    caption.Question(
        "Man or woman?", "gender", {"male": ("a man",), "female": ("a woman",)}, "dorsal"
    ),
)


def test_an_answer_is_the_nearest_mean_of_sentences_without_a_mirror(lab, answers):
    table = lab.table("11k", accessories=True)
    network = lab.load(lab.experiment("clip_zero_shot", "mini-ViT", TARGET)).backbone
    pixels = image.pixels(table["path"], lab._pixels, ("crop", 128), progress=False)
    with torch.inference_mode():
        photographs = network(image.normalise(torch.from_numpy(pixels), "clip"))["proj"]
        texts = []
        for sentences in QUESTIONS[0].answers.values():
            each = [network.encode_text([s])[0] for s in sentences]
            texts.append(sum(e / e.norm() for e in each) / len(each))
    similarity = functional.cosine_similarity(photographs[:, None], torch.stack(texts), dim=-1)
    expected = np.array([*QUESTIONS[0].answers])[similarity.argmax(dim=1)]
    asked = answers[answers["column"] == "view"]
    assert asked["answer"].tolist() == expected.tolist()
    assert asked["truth"].tolist() == table["view"].tolist()
    assert asked["subject"].tolist() == table["subject"].tolist()


def test_a_question_is_asked_of_the_views_that_show_it(lab, answers):
    table = lab.table("11k", accessories=True)
    asked = answers[answers["column"] == "gender"]
    assert len(asked) == table["view"].str.startswith("dorsal").sum()
    assert asked["truth"].isin(["male", "female"]).all()


def test_right_answers_are_balanced_percent_with_an_interval_and_chance(answers):
    found = evidence.questions(answers).set_index("question")
    view = answers[answers["column"] == "view"]
    right = (view["truth"] == view["answer"]).groupby(view["truth"]).mean()
    row = found.loc["Which view is it?"]
    assert row["correct"] == pytest.approx(100 * right.mean())
    assert row["low"] <= row["correct"] <= row["high"]
    assert found["chance"].tolist() == [25, 50]
    assert row["n_images"] == len(view) and row["synthetic"]
    assert (row["backbone"], row["weights"], row["set"]) == ("mini-ViT", "random", "11k")


def test_perfect_answers_are_right_in_every_photograph(answers):
    found = evidence.questions(answers.assign(answer=answers["truth"]))
    assert (found[["correct", "low", "high"]] == 100).all(axis=None)


def test_what_a_set_cannot_be_asked_is_left_out_in_one_sentence(lab):
    hd = open_study(lab.work, data_hd="synthetic", targets=["HD"], people=4, images_per_view=2)
    with pytest.warns(UserWarning) as said:
        answers = hd.ask(questions=QUESTIONS)
    (sentence,) = [str(w.message) for w in said]
    assert sentence == (
        "HD is not asked: 'Which view is it?' (the photographs show 0 of its answers), "
        "'Man or woman?' (the table has no column gender)."
    )
    assert answers.empty and evidence.questions(answers).empty
    assert list(evidence.questions(answers)) == [*evidence.questions(lab.ask(questions=QUESTIONS))]


def test_answers_that_no_photograph_shows_are_not_offered(lab):
    odd = caption.Question("x", "view", {**QUESTIONS[0].answers, "side": ("a hand from aside",)})
    answers = lab.ask(questions=[odd])
    assert (answers["offered"] == 4).all() and "side" not in set(answers["answer"])


def test_the_real_questions_can_be_asked(lab):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of six people, none may wear a ring
        found = evidence.questions(lab.ask())
    assert "Which view is it?" in set(found["question"])


def test_the_ring_is_asked_of_photographs_that_the_retrieval_leaves_out(make_11k, tmp_path):
    def edit(info):
        info.loc[::3, "accessories"] = "1"
        return info

    lab = open_study(tmp_path / "work", data_11k=str(make_11k(tmp_path / "11k", edit=edit)))
    ring = caption.Question("Is there a ring?", "accessories", {1: ("a ring",), 0: ("no ring",)})
    answers = lab.ask(questions=[ring])
    assert len(answers) == 48 and len(lab.table("11k")) == 32
    assert (answers["truth"] == 1).sum() == 16
    assert not answers["synthetic"].any()


def test_what_has_no_text_is_not_asked(lab):
    with pytest.raises(ValueError, match="Raw pixels has no text to compare with"):
        lab.ask("raw_pixels", questions=QUESTIONS)


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


def test_what_cannot_be_fed_or_loaded_is_refused_before_training(lab):
    nets = lab.having(backbones=["EfficientNet-Lite0"])
    with pytest.raises(ValueError, match="RGA-Net was built for .* maps"):
        nets.expect("rga_net_mini", changes={"portrait": True})
    with pytest.raises(ValueError, match="A map of 8 x 4 cells cannot be cut into 2 x 8"):
        nets.expect("gpa_net_mini", changes={"portrait": True, "vertical_parts": 8})


def test_an_untrained_prompt_that_names_the_view_is_embedded_anew_in_each_view(lab):
    views = [
        lab.experiment("clip_fh_s3_v1", "mini-ViT", target, changes={"stages": []})
        for target in ("11k dorsal right", "11k palmar left")
    ]
    assert lab._options(views[0]) != lab._options(views[1])
    folder = lab.work / "cache" / "embeddings"
    before = {*folder.rglob("*")}
    lab.score(views[0])
    first = {*folder.rglob("*")} - before
    lab.score(views[1])
    assert first and {*folder.rglob("*")} - before - first


def test_two_studies_say_once_what_they_have_in_common(lab):
    lines = study.preface(lab, lab.having(backbones=["mini-RN"])).splitlines()
    assert len(lines) == len(set(lines)) == len(lab.preface().splitlines()) + 1
    assert any("mini-ViT" in line for line in lines) and any("mini-RN" in line for line in lines)


def test_the_preface_says_whose_the_small_clips_weights_are(lab):
    words = open_study(lab.work, weights="mini").preface()
    assert "this package's own small CLIP" in words and "not OpenAI's" in words
    assert "people who are not in this study" in words and "random" not in words


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


@pytest.mark.parametrize(("identical", "right"), [(True, 4), (False, 0)])
def test_matches_are_as_many_as_asked_even_if_all_are_right_or_wrong(
    lab, monkeypatch, identical, right
):
    made = lab.experiment("clip_zero_shot", "mini-ViT", TARGET)
    table = lab.table("11k")
    codes = pd.factorize(table["identity"])[0] if identical else np.zeros(len(table), dtype=int)
    vectors = np.eye(codes.max() + 1, dtype=np.float32)[codes]
    monkeypatch.setattr(study.Study, "_test_embeddings", lambda *args: vectors)
    found = lab.matches(made, queries=4, top=1, show=False)
    assert [row[0][1] for row in found.matches] == [bool(right)] * 4


def test_of_equal_matches_the_wrong_ones_are_shown_first_as_they_are_scored(lab, monkeypatch):
    made = lab.experiment("clip_zero_shot", "mini-ViT", TARGET)
    same = np.ones((len(lab.table("11k")), 4), dtype=np.float32)
    monkeypatch.setattr(study.Study, "_test_embeddings", lambda *args: same)
    found = lab.matches(made, queries=3, top=2, show=False)
    assert not any(right for row in found.matches for _, right, _ in row)
    assert lab.score(made).rows.set_index("metric").loc["rank1", "value"] == 0


def test_photographs_can_be_kept_out_of_a_report(lab, tuned):
    hidden = lab.matches(tuned, queries=2, top=2, show=False)
    pictures = [*hidden.queries, *(cell[0] for row in hidden.matches for cell in row)]
    pictures += lab.sample("11k", people=2, show=False)[0]
    assert all((picture == 200).all() for picture in pictures)


def test_similarity_maps_show_right_matches_and_judge_each_query(lab, tuned):
    found = lab.similarity_maps(tuned, queries=2, orders=2)
    again = lab.similarity_maps(tuned, queries=2, orders=2)
    assert len(found.queries) == len(found.matches) == len(found.labels) == 2
    ranks = [int(re.match(r"match, rank (\d+)  -?[01]\.\d\d$", text)[1]) for text in found.labels]
    assert ranks == sorted(ranks, key=lambda rank: rank > 1)  # queries answered right come first
    shapes = {name: curves.shape for name, curves in found.curves.items()}
    assert shapes == {"map": (1, 8), "untrained": (1, 8), "random": (2, 8)}
    for one, query, match, text in zip(
        found.found, found.queries, found.matches, found.labels, strict=True
    ):
        whole = one.curves["map"][0, 0]  # nothing removed: the similarity that ranked the gallery
        assert text.endswith(f"{whole:.2f}")
        assert query.shape == match.shape == (128, 128, 3) and (query != match).any()
    pd.testing.assert_frame_equal(found.areas, again.areas)


def test_the_random_network_of_a_map_is_not_the_trained_one(lab, tuned):
    trained, untrained = lab._with_random(tuned)
    same = zip(trained.parameters(), untrained.parameters(), strict=False)
    assert any(a.shape != b.shape or (a != b).any() for a, b in same)
    assert not trained.training and not untrained.backbone.training


def test_maps_of_no_query_are_refused_and_photographs_can_be_kept_out(lab, tuned):
    with pytest.raises(ValueError, match="queries=0 must be at least 1"):
        lab.similarity_maps(tuned, queries=0)
    hidden = lab.similarity_maps(tuned, queries=1, orders=1, show=False)
    assert all((picture == 200).all() for picture in [*hidden.queries, *hidden.matches])
    assert hidden.found[0].query_map.any()


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


# --- other sets, what texts know ----------------------------------------------------------------


def test_the_same_study_with_another_value_keeps_the_rest(lab):
    other = lab.having(runs=3)
    assert other.settings.runs == 3 and lab.settings.runs == 2
    assert other.settings.model_copy(update={"runs": 2}) == lab.settings
    with pytest.raises(ValueError, match="Parameter 'rums'"):
        lab.having(rums=3)


def test_across_scores_a_training_on_every_set_and_an_untrained_method_on_its_own(lab, monkeypatch):
    both = lab.having(targets=[TARGET, "11k palmar left"])
    asked = []
    monkeypatch.setattr(both, "score", lambda made, target: asked.append((made.title, target)))
    tuned = both.experiments("clip_ft_mini", changes=ONE_EPOCH)[:1]
    both.across(tuned + both.experiments("clip_zero_shot"))
    assert asked == [
        ("CLIP-FT", TARGET),
        ("CLIP-FT", "11k palmar left"),
        ("CLIP-ZS", TARGET),
        ("CLIP-ZS", "11k palmar left"),
    ]


def test_drawings_and_photographs_are_not_crossed(lab, monkeypatch):
    both, scored = lab.having(targets=["11k dorsal right", "11k palmar left"]), []
    tuned = both.experiments("clip_ft_mini", changes={"epochs": 1})
    monkeypatch.setattr(study.Study, "score", lambda self, one, to: scored.append((one.target, to)))
    monkeypatch.setattr(study.Study, "is_synthetic", lambda self, name: name == both.targets[0])
    both.across(tuned)
    assert scored == [(target, target) for target in both.targets]


@pytest.mark.parametrize(
    ("recipe", "control", "alike"),
    [("clip_reid_mini", "", False), ("clip_reid_mini", "constant_text", True),
     ("promptsg_mini", "", False)],
)  # fmt: skip
def test_wording_asks_training_people_only_and_one_text_for_all_is_one(
    lab, recipe, control, alike, monkeypatch
):
    made = lab.experiment(recipe, "mini-ViT", TARGET, changes=ONE_EPOCH, control=control)
    seen, load = [], lab._load
    monkeypatch.setattr(lab, "_load", lambda m, rows: seen.append(rows) or load(m, rows))
    found = lab.wording(made, shown=2, top=2)
    trains = lab._halves(TARGET)[0]
    assert {who for rows in seen for who in rows["subject"]} <= set(trains["subject"])
    asked, answers = seen
    assert not set(asked["path"]) & set(answers["path"])
    assert asked["identity"].tolist() == answers["identity"].tolist()
    assert found.similarity.shape == (len(asked), len(asked))
    assert np.allclose(found.similarity, 1, rtol=0, atol=1e-6) == alike
    assert found.nearest["identity"].nunique() == 2
    assert found.nearest["nearest"].str.count(",").eq(1).all()


def test_an_untrained_method_embeds_as_the_trained_one_before_its_first_step(lab, tuned):
    (before,) = lab.untrained("clip_ft_mini", changes=ONE_EPOCH)
    assert before.title == "CLIP-FT untrained" and before.history.empty
    path = lab.table("11k")["path"].iloc[[0]]
    images = image.pixels(path, lab._pixels, ("squash", 128), progress=False)
    batch = image.normalise(torch.from_numpy(images), before.recipe.mean_std)
    with torch.inference_mode():
        found = lab.load(before).embed(batch)
        features = backbone.build("mini-ViT", "random")(batch)
    assert torch.allclose(found, torch.cat([features["feat"], features["proj"]], 1), atol=1e-5)


@pytest.mark.parametrize(
    ("names", "how", "sentence"),
    [
        (["clip_ft_mini", "clip_fh_s2_v77"], {}, "Unknown recipe 'clip_fh_s2_v77'"),
        (["clip_reid_mini"], {"controls": ["no_text"]}, "has no control 'no_text'"),
        (["clip_ft_mini"], {"changes": {"epoch": 3}}, "Unknown recipe key 'epoch'"),
        (["gpa_net_mini"], {}, "is not for backbones of family 'vit'|needs"),
        (["promptsg_mini"], {"changes": {"test_prompt": "none"}}, "Unknown test_prompt 'none'"),
    ],
)
def test_what_is_unknown_is_refused_before_anything_trains(lab, names, how, sentence, monkeypatch):
    monkeypatch.setattr(train, "fit", lambda *a, **k: pytest.fail("trained"))
    with pytest.raises(ValueError, match=sentence):
        lab.expect(*names, **how)


def test_views_that_share_people_say_so_where_one_trains_and_another_tests(lab, monkeypatch):
    both = lab.having(targets=[TARGET, "11k palmar left"])
    made = both.experiments("clip_ft_mini", changes=ONE_EPOCH)[:1]
    monkeypatch.setattr(both, "score", lambda one, target: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # synthetic people train or test, in all views alike
        both.across(made)
    views = ["dorsal right", "palmar left"]
    shared = pd.DataFrame([[0, 4], [0, 0]], views, views)
    monkeypatch.setattr(protocol, "person_overlap", lambda table: shared)
    with pytest.warns(UserWarning, match="Up to 4 people train in one of these views"):
        both.across(made)
