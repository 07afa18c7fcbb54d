"""Every task on every image: the same as one score by another, embedded once, what is left out."""

import numpy as np
import pytest

from handid import embed, study, tasks
from handid.study import altered
from handid.study.score import Scorer

TARGET = "11k dorsal right"


@pytest.fixture
def floors(lab):
    return lab.experiments("raw_pixels", "raw_pixels_centred")


def test_a_survey_gives_what_each_score_gives_by_itself(lab, floors):
    images, asked = ["whole", "exposure -2 against whole"], ["papers", "other hand"]
    surveyed = study.survey(lab, floors, tasks=asked, images=images)
    assert len(surveyed.scores) == 8
    for score in surveyed.scores:
        first = score.rows.iloc[0]
        (experiment,) = [one for one in floors if one.system.key == first["system"]]
        alone = lab.score(experiment, task=first["task"], image=first["image"])
        assert score.rows.equals(alone.rows) and score.per_query.equals(alone.per_query)


def test_an_image_is_embedded_once_whatever_the_number_of_tasks(lab, monkeypatch):
    counts, inner = [], embed.embed
    monkeypatch.setattr(
        embed, "embed", lambda n, i, *a, **k: counts.append(len(i)) or inner(n, i, *a, **k)
    )
    (one,) = lab.experiments("light")
    study.survey(lab, [one], tasks=["papers", "bursts apart", "other hand"], images=["whole"])
    table = lab.table("11k")
    draws = {t: [*tasks.draws(table, "dorsal right", t, 2)] for t in ("papers", "other hand")}
    plain = {i for q, g in draws["papers"] for rows in (q, g) for i in rows.index}
    plain |= {i for q, _ in draws["other hand"] for i in q.index}
    mirrored = {i for _, g in draws["other hand"] for i in g.index}
    assert sum(counts) == len(plain) + len(mirrored)


def test_a_study_may_let_each_hand_ask_a_few_times(lab, floors):
    few = study.survey(
        lab.having(queries_per_person=1), floors[:1], tasks=["papers"], images=["whole"]
    )
    asked = few.asked.iloc[0]
    assert asked["queries"] == asked["people"] == few.scores[0].rows["n_queries"].iloc[0]
    with pytest.raises(ValueError, match="Parameter 'queries_per_person': Input should be greater"):
        lab.having(queries_per_person=-1)


def test_a_task_that_cannot_be_asked_is_named_and_left_out(lab, floors):
    surveyed = study.survey(lab, floors[:1], tasks=["papers", "bursts apart"], images=["whole"])
    asked = surveyed.asked.set_index("task")
    assert asked.loc["papers", "not asked"] == "" and asked.loc["papers", "people"] == 2
    assert "photographs of two bursts" in asked.loc["bursts apart", "not asked"]
    assert {score.rows["task"].iloc[0] for score in surveyed.scores} == {"papers"}
    with pytest.raises(ValueError, match="Nothing can be asked: .*two bursts"):
        study.survey(lab, floors[:1], tasks=["bursts apart"], images=["whole"])


def test_without_experiments_it_is_said_what_could_be_asked(lab, floors):
    how = {"tasks": ["papers", "bursts apart"], "images": ["whole"]}
    scores, asked = study.survey(lab, [], **how)
    assert scores == [] and asked.equals(study.survey(lab, floors[:1], **how).asked)


def test_a_set_without_left_and_right_is_asked_what_it_can_be(hd):
    surveyed = study.survey(
        hd, hd.experiments("raw_pixels"), tasks=["papers", "other hand"], images=["whole"]
    )
    assert "no view that is to 'dorsal'" in surveyed.asked["not asked"].iloc[1]


def test_untrusted_photographs_are_left_out_of_every_image_and_counted(lab, floors, monkeypatch):
    person = lab.photographs.halves(floors[0].target)[1]
    doubted = list(person.groupby("subject")["path"].first())
    monkeypatch.setattr(
        altered.alter, "doubts", lambda paths, folder: {p: "is dark" for p in paths if p in doubted}
    )
    surveyed = study.survey(lab, floors[:1], tasks=["papers"], images=["whole", "hand"])
    whole, hand = surveyed.scores
    assert surveyed.asked["untrusted"].tolist() == [len(doubted)]
    assert not set(whole.per_query["path"]) & set(doubted)
    assert whole.per_query["path"].tolist() == hand.per_query["path"].tolist()


@pytest.mark.parametrize("how", [{"tasks": ["guess"], "images": ["whole"]}])
def test_what_is_unknown_is_refused(lab, floors, how):
    with pytest.raises(ValueError, match="Unknown task 'guess'"):
        study.survey(lab, floors, **how)
    with pytest.raises(ValueError, match="Unknown image 'glove'"):
        study.survey(lab, floors, tasks=["papers"], images=["glove against whole"])


def test_centred_floors_are_centred_on_what_is_compared(lab, floors):
    plain, centred = (lab.score(one) for one in floors)
    assert plain.rows["system"].iloc[0] != centred.rows["system"].iloc[0]
    vectors = np.random.default_rng(0).normal(size=(len(lab.table("11k")), 3)) + 5
    scorer = Scorer(floors[1], floors[1].target, lab.photographs, lab.engine)
    splits = list(lab.photographs.splits(floors[1].target, 2))
    query, gallery = scorer._centred(splits, [vectors, vectors])
    used = sorted({i for split in splits for rows in split for i in rows.index})
    assert query is not vectors and np.allclose(query[used].mean(axis=0), 0)
    assert np.allclose(query, gallery)


@pytest.mark.parametrize(
    ("tasks", "images", "sentence"),
    [
        (["papers", "twins"], ["whole"], "^Unknown task 'twins': choose one of papers, "),
        (["papers"], ["whole", "fog 2"], "^Unknown image 'fog 2': use one of whole, "),
        ([], ["whole"], r"^No tasks are named by \[\]: write a list"),
        ("papers", ["whole"], "^No tasks are named by 'papers': write a list"),
        (["papers"], [2], r"^No images are named by \[2\]: write a list"),
    ],
)
def test_what_a_survey_cannot_be_asked_is_refused_before_any_training(tasks, images, sentence):
    with pytest.raises(ValueError, match=sentence):
        study.asked(tasks, images)


def test_a_survey_is_asked_each_thing_once():
    wanted = {"tasks": ["papers"], "images": ["hand", "blur 2 against whole"]}
    assert study.asked(["papers"] * 2, [*wanted["images"], "hand"]) == wanted
