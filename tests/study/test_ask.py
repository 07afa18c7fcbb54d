"""Zero-shot questions in words: the nearest text, who is asked what, and what is left out."""

import warnings

import numpy as np
import pytest
import torch
from torch.nn import functional

from handid.image import augment
from handid.report import differences
from handid.study import ask
from handid.synthetic import caption

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


@pytest.fixture(scope="module")
def answers(lab):
    """What the untrained CLIP answers to QUESTIONS."""
    return lab.ask(questions=QUESTIONS)


def test_an_answer_is_the_nearest_mean_of_sentences_without_a_mirror(
    lab, zero_shot, answers, squares
):
    table = lab.photographs.table("11k", accessories=True)
    network = lab.load(zero_shot).backbone
    pixels = torch.from_numpy(squares(table["path"], "crop"))
    with torch.inference_mode():
        photographs = network(augment.normalise(pixels, "clip"))["proj"]
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
    assert list(answers.columns) == ask.COLUMNS


def test_each_backbone_is_asked_about_each_set_once_and_mirrors_nothing(lab, monkeypatch):
    monkeypatch.setattr(ask, "answers", lambda experiments, *given: experiments)
    targets, backbones = ["11k dorsal right", "11k palmar left", "HD"], ["mini-ViT", "mini-RN"]
    data = {"11k": "synthetic", "HD": "synthetic"}
    study = lab.having(data=data, targets=targets, backbones=backbones, images_per_view=2)
    asked = study.ask(control="random_weights")
    assert [(one.backbone, one.target.set) for one in asked] == [
        (name, target) for target in ("11k", "HD") for name in backbones
    ]
    assert {one.system.key for one in asked} == {"clip_zero_shot:random_weights"}
    assert not any(one.recipe.flip_average for one in asked)


def test_a_question_is_asked_of_the_views_that_show_it(lab, answers):
    table = lab.photographs.table("11k", accessories=True)
    asked = answers[answers["column"] == "gender"]
    assert len(asked) == table["view"].str.startswith("dorsal").sum()
    assert asked["truth"].isin(["male", "female"]).all()


def test_right_answers_are_balanced_percent_with_an_interval_and_chance(answers):
    shares = differences.questions(answers).set_index("question")
    view = answers[answers["column"] == "view"]
    right = (view["truth"] == view["answer"]).groupby(view["truth"]).mean()
    row = shares.loc["Which view is it?"]
    assert row["correct"] == pytest.approx(100 * right.mean())
    assert row["low"] <= row["correct"] <= row["high"]
    assert shares["chance"].tolist() == [25, 50]
    assert row["n_images"] == len(view) and row["synthetic"]
    assert (row["backbone"], row["weights"], row["set"]) == ("mini-ViT", "random", "11k")


def test_perfect_answers_are_right_in_every_photograph(answers):
    shares = differences.questions(answers.assign(answer=answers["truth"]))
    assert (shares[["correct", "high"]] == 100).all(axis=None)
    assert (shares["low"] < 100).all()  # so few people prove no perfection


def test_what_a_set_cannot_be_asked_is_left_out_in_one_sentence(hd, answers):
    with pytest.warns(UserWarning) as caught:
        none = hd.ask(questions=QUESTIONS)
    (warning,) = caught
    assert str(warning.message) == (
        "HD is not asked: 'Which view is it?' (the photographs show 0 of its answers), "
        "'Man or woman?' (the table has no column gender)."
    )
    assert warning.filename == __file__
    assert none.empty and differences.questions(none).empty
    assert list(differences.questions(none)) == list(differences.questions(answers))


def test_answers_that_no_photograph_shows_are_not_offered(lab):
    odd = caption.Question("x", "view", {**QUESTIONS[0].answers, "side": ("a hand from aside",)})
    answers = lab.ask(questions=[odd])
    assert (answers["offered"] == 4).all() and "side" not in set(answers["answer"])


def test_the_real_questions_can_be_asked(lab):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of four people, none may wear a ring
        shares = differences.questions(lab.ask())
    assert "Which view is it?" in set(shares["question"])


def test_the_ring_is_asked_of_photographs_that_the_retrieval_leaves_out(
    open_study, make_11k, tmp_path
):
    def edit(info):
        info.loc[::3, "accessories"] = "1"
        return info

    root = make_11k(tmp_path / "11k", edit=edit)
    study = open_study(tmp_path / "work", data={"11k": str(root)})
    ring = caption.Question("Is there a ring?", "accessories", {1: ("a ring",), 0: ("no ring",)})
    answers = study.ask(questions=[ring])
    assert len(answers) == 48 and len(study.table("11k")) == 32
    assert (answers["truth"] == 1).sum() == 16
    assert not answers["synthetic"].any()


def test_what_has_no_text_is_not_asked(lab):
    with pytest.raises(ValueError, match="Raw pixels has no text to compare with"):
        lab.ask("raw_pixels", questions=QUESTIONS)
