"""What texts know: similarities, retrieval and its interval, by hand and of trained methods."""

import numpy as np
import pandas as pd
import pytest

from handid.data.sets import Target
from handid.study import network, texts

TARGET, ONE_EPOCH = "11k dorsal right", {"epochs": 1}
NEAREST = pd.DataFrame({"identity": ["a"], "word": [1], "nearest": ["hand 0.50"]})


def test_texts_that_point_at_their_own_photograph_are_all_right():
    result = texts.examine(2 * np.eye(4), 5 * np.eye(4), list("abcd"), [1, 2, 3, 4], NEAREST)
    assert (result.rank1, result.high, result.chance) == (1, 1, 0.25)
    assert 0 < result.low < 0.1  # four people bound little
    assert np.allclose(result.similarity, np.eye(4)) and result.nearest is NEAREST


def test_one_text_for_all_is_not_above_chance():
    same = np.ones((4, 3))
    images = np.random.default_rng(0).normal(size=(4, 3))
    result = texts.examine(same, images, list("abcd"), [1, 2, 3, 4], NEAREST)
    assert result.rank1 <= 0.25 and np.allclose(result.similarity, 1)


def test_the_share_is_that_of_nearest_photographs():
    features = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1]])
    images = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    result = texts.examine(features, images, list("abc"), [1, 2, 3], NEAREST)
    assert result.rank1 == pytest.approx(2 / 3)
    assert result.similarity[0, 2] == pytest.approx(1 / np.sqrt(1.01))


@pytest.mark.parametrize(
    ("recipe", "control", "alike"),
    [
        ("clip_reid_mini", "", False),
        ("clip_reid_mini", "constant_text", True),
        ("promptsg_mini", "", False),
    ],
)
def test_texts_are_asked_of_training_people_only_and_one_text_for_all_is_one(
    lab, recipe, control, alike, monkeypatch
):
    experiment = lab.experiment(recipe, "mini-ViT", TARGET, changes=ONE_EPOCH, control=control)
    seen, images = [], network.images
    monkeypatch.setattr(
        network, "images", lambda one, rows, *given: seen.append(rows) or images(one, rows, *given)
    )
    result = lab.texts(experiment, shown=2, top=2)
    trains, _ = lab.photographs.halves(Target("11k", "dorsal right"))
    assert {person for rows in seen for person in rows["subject"]} <= set(trains["subject"])
    asked, answers = seen
    assert not set(asked["path"]) & set(answers["path"])
    assert asked["identity"].tolist() == answers["identity"].tolist()
    assert result.similarity.shape == (len(asked), len(asked))
    assert np.allclose(result.similarity, 1, rtol=0, atol=1e-6) == alike
    assert result.nearest["identity"].nunique() == 2
    assert result.nearest["nearest"].str.count(",").eq(1).all()


def test_a_method_without_texts_is_refused(lab, tuned):
    with pytest.raises(ValueError, match="CLIP-FT says nothing in words: ask a method with a text"):
        lab.texts(tuned)


@pytest.mark.parametrize("seconds", [0, 1])
def test_where_nobody_has_a_second_photograph_that_is_said_and_the_texts_are_still_shown(
    own, make_folders, seconds
):
    root = make_folders({"left": (6, 2)})
    for number in range(1 + seconds, 4):  # the first three of six train
        (root / f"p{number}" / "left" / f"left{number - 1}1.jpg").unlink()
    study = own(root)
    experiment = study.experiment("promptsg_mini", "mini-ViT", "mine", changes=ONE_EPOCH)
    with pytest.warns(UserWarning, match="mine: fewer than two training people have a second pho"):
        result = study.texts(experiment, shown=2)
    assert np.isnan([result.rank1, result.low, result.high]).all()
    assert result.similarity.shape == (3, 3) and result.nearest["identity"].nunique() == 2
