"""Differences between scores: paired by query, averaged over seeds, resampled by people."""

import numpy as np
import pandas as pd
import pytest

from handid import statistics
from handid.report import differences
from handid.report.rows import Score
from handid.report.tables import by_target


@pytest.fixture
def base(score):
    return score("CLIP-ZS", [1, 2, 2, 4, 1, 1])


@pytest.fixture
def one(score):
    return score("CLIP-FT", [1, 1, 2, 1, 1, 2])


def test_a_gain_is_the_mean_paired_difference_in_points(base, one):
    (row,) = differences.gains([base, one], "clip_zero_shot").to_dict("records")
    assert (row["system"], row["method"], row["seeds"]) == ("clip_ft", "CLIP-FT", 1)
    assert (row["over_system"], row["over"], row["label"]) == (
        "clip_zero_shot",
        "CLIP-ZS",
        "CLIP-FT",
    )
    assert row["value"] == pytest.approx(100 * (4 - 3) / 6)
    (row,) = differences.gains([base, one], "clip_zero_shot", "mAP").to_dict("records")
    assert row["value"] == pytest.approx(100 * (np.mean([1, 1, 0.5, 1, 1, 0.5]) - 4.25 / 6))


def test_seeds_are_averaged_for_each_query_and_people_resampled(base, one, score):
    two = score("CLIP-FT", [1, 1, 1, 1, 1, 1], seed=1)
    (row,) = differences.gains([base, one, two], "clip_zero_shot").to_dict("records")
    each = np.array([1, 1, 0.5, 1, 1, 0.5]) - np.array([1, 0, 0, 0, 1, 1])
    assert row["seeds"] == 2 and row["value"] == pytest.approx(100 * each.mean())
    bounds = statistics.interval(each, [0, 0, 1, 1, 2, 2], kind="difference")
    low, high, part = statistics.with_seeds([1 / 6, 3 / 6], *bounds)
    assert (row["low"], row["high"]) == pytest.approx((100 * low, 100 * high))
    assert row["seed_part"] == pytest.approx(part)


def test_trainings_are_compared_with_the_one_of_their_seed(score):
    """Both of seed 1 are right once more than both of seed 0: the seeds add no doubt."""
    bases = [score("CLIP-ZS", [1, 2, 2, 2, 1, 1]), score("CLIP-ZS", [1, 1, 2, 2, 1, 1], seed=1)]
    ones = [score("CLIP-FT", [1, 2, 1, 2, 1, 1]), score("CLIP-FT", [1, 1, 1, 2, 1, 1], seed=1)]
    (row,) = differences.gains(bases + ones, "clip_zero_shot").to_dict("records")
    assert row["seeds"] == 2 and row["seed_part"] == 0


def test_each_difference_has_its_p_and_the_tables_adjusted_one(base, score):
    others = [score("CLIP-FT", [1] * 6), score("CLIP-HandID", [1, 2, 2, 4, 1, 2])]
    found = differences.gains([base, *others], "clip_zero_shot")
    # People's sums of differences: (1, 2, 0) and (0, 0, -1): of four and two flips two are as far.
    assert found["p"].tolist() == [0.5, 1.0]
    assert found["p_holm"].tolist() == [1.0, 1.0]
    alone = differences.gains([base, others[0]], "clip_zero_shot")
    assert alone["p_holm"].tolist() == alone["p"].tolist()


def test_a_system_that_is_never_worse_is_not_better_for_that(base, score):
    """One query more in twelve: all differences are 0 or 1, which is no share of right answers."""
    other = score("CLIP-FT", [1, 1, 2, 4, 1, 1])
    (row,) = differences.gains([base, other], "clip_zero_shot").to_dict("records")
    assert row["low"] < 0 < row["value"]


def test_a_seed_that_was_scored_twice_counts_once(base, one, score):
    two = score("CLIP-FT", [1, 1, 1, 1, 1, 1], seed=1)
    once = differences.gains([base, one, two], "clip_zero_shot")
    twice = differences.gains([base, one, two, one, base, one], "clip_zero_shot")
    pd.testing.assert_frame_equal(once, twice)
    assert once["seeds"].tolist() == [2]


def test_the_order_of_queries_does_not_matter(base, one):
    shuffled = Score(one.rows, one.per_query.sample(frac=1, random_state=1), one.cmc)
    pd.testing.assert_frame_equal(
        differences.gains([base, one], "clip_zero_shot"),
        differences.gains([base, shuffled], "clip_zero_shot"),
    )


def test_a_title_is_no_name(base, one):
    retitled = Score(base.rows.assign(method="anything"), base.per_query, base.cmc)
    (row,) = differences.gains([retitled, one], "clip_zero_shot").to_dict("records")
    assert row["over"] == "anything" and row["value"] == pytest.approx(100 / 6)
    with pytest.raises(ValueError, match="Nothing can be compared with 'CLIP-ZS'"):
        differences.gains([base, one], "CLIP-ZS")


def test_margins_stand_over_each_floor(base, one, score):
    pixels = score("Raw pixels", [3, 3, 3, 3, 1, 3])
    found = differences.margins([base, one, pixels], "clip_ft", ["clip_zero_shot", "raw_pixels"])
    assert found.set_index("over_system")["value"].to_dict() == pytest.approx(
        {"clip_zero_shot": 100 / 6, "raw_pixels": 300 / 6}
    )
    assert set(found["system"]) == {"clip_ft"}
    none = differences.margins([base, one], "clip_ft", [])
    assert none.empty and list(none) == differences.COLUMNS


def test_joined_tables_name_their_systems_and_share_one_adjustment(base, one, score):
    pixels = score("Raw pixels", [3, 3, 3, 3, 1, 3])
    every = [base, one, pixels]
    parts = [
        differences.margins(every, key, ["raw_pixels"]) for key in ("clip_ft", "clip_zero_shot")
    ]
    found = differences.joined(parts)
    assert found["label"].tolist() == ["CLIP-FT over Raw pixels", "CLIP-ZS over Raw pixels"]
    assert found["p_holm"].tolist() == statistics.holm(found["p"]).tolist()
    assert found["p_holm"].max() > max(part["p_holm"].max() for part in parts)
    alone = differences.joined(parts[:1])
    assert alone["label"].tolist() == ["over Raw pixels"]
    nothing = differences.joined([differences.margins(every, "clip_ft", [])])
    assert nothing.empty and list(nothing) == differences.COLUMNS
    assert list(differences.joined([])) == differences.COLUMNS


def test_a_margin_is_labelled_by_its_floor_and_a_control_by_its_own_name(base, score):
    floors = [score("Raw pixels", [2] * 6), score("CLIP-ZS random_weights", [3] * 6)]
    keys = ["raw_pixels", "clip_zero_shot:random_weights"]
    found = differences.margins([base, *floors], "clip_zero_shot", keys)
    assert found["label"].tolist() == ["over Raw pixels", "over random weights"]
    small = [score(m, [1, 2], backbone="RN50") for m in ("CLIP-ZS", "Raw pixels")]
    found = differences.margins([base, *floors[:1], *small], "clip_zero_shot", keys)
    assert found["label"].tolist() == ["over Raw pixels, ViT-B/16", "over Raw pixels, RN50"]


def test_labels_name_only_what_differs_within_a_test_set(base, one, score):
    other = [score("CLIP-ZS", [2, 2], target="HD"), score("CLIP-FT", [1, 2], target="HD")]
    found = differences.gains([base, one, *other], "clip_zero_shot")
    assert found["label"].tolist() == ["CLIP-FT, 11k palmar left", "CLIP-FT, HD"]
    assert [part["label"].tolist() for part in by_target(found).values()] == [["CLIP-FT"]] * 2


def test_what_answers_other_queries_is_not_compared(base, score):
    other = score("CLIP-FT", [1, 1, 1, 1, 1, 1], target="HD")
    with pytest.raises(ValueError, match="Nothing can be compared with 'clip_zero_shot'"):
        differences.gains([base, other], "clip_zero_shot")
    with pytest.raises(ValueError, match="Nothing stands beside 'clip_zero_shot': name something"):
        differences.gains([base], "clip_zero_shot")


def test_another_task_is_not_compared(base, score):
    other = score("CLIP-FT", [1, 1, 1, 1, 1, 1], task="other hand")
    with pytest.raises(ValueError, match="Nothing can be compared"):
        differences.gains([base, other], "clip_zero_shot")


def test_questions_count_each_true_answer_alike():
    common = {"backbone": "mini-ViT", "weights": "mini", "set": "11k", "synthetic": True}
    truth = ["ring"] * 2 + ["none"] * 8
    answers = pd.DataFrame({"truth": truth, "answer": ["none"] * 10, "subject": [0, 1] * 5})
    answers = answers.assign(question="Is there a ring?", offered=2, **common)
    (row,) = differences.questions(answers).to_dict("records")
    assert (row["correct"], row["chance"], row["n_images"]) == (50.0, 50.0, 10)
    assert row["label"] == "Is there a ring?"
    (row,) = differences.questions(answers.assign(answer=truth)).to_dict("records")
    assert (row["correct"], row["high"], row["p"]) == (100.0, 100.0, 0.5)
    assert row["low"] < 1  # two people bound nothing
    both = pd.concat([answers, answers.assign(backbone="RN50")])
    labels = differences.questions(both)["label"].tolist()
    assert labels == ["Is there a ring? mini-ViT", "Is there a ring? RN50"]
    none = differences.questions(answers[:0])
    assert none.empty and {"correct", "label", "chance"} <= set(none.columns)


def test_what_another_training_set_costs_is_paired_on_the_tested_set(score):
    def trained_on(train_set, test_set, first_hits):
        return score("GPA-Net", first_hits, target=test_set, train_set=train_set)

    scores = [
        trained_on("HD", "HD", [1, 1, 1, 1]),
        trained_on("11k", "HD", [1, 2, 1, 1]),
        trained_on("11k", "11k", [1, 1, 2, 2]),
        trained_on("HD", "11k", [1, 1, 1, 2]),
    ]
    found = differences.transfer(scores).set_index(["train_set", "test_set"])["value"].to_dict()
    assert found == pytest.approx({("11k", "HD"): -25.0, ("HD", "11k"): 25.0})
    labels = differences.transfer(scores)["label"].tolist()
    assert labels == ["GPA-Net, HD, trained on 11k", "GPA-Net, 11k, trained on HD"]
    none = differences.transfer([trained_on("11k", "HD", [1, 2]), trained_on("11k", "11k", [1, 1])])
    assert none.empty and {"value", "low", "high", "seeds", "label"} <= set(none.columns)


def test_what_training_adds_is_measured_against_the_same_system_untrained(score):
    before, after = score("CLIP-FT untrained", [1, 2, 2, 2]), score("CLIP-FT", [1, 1, 1, 2])
    found = differences.training_gains([before, after, score("CLIP-ZS", [1, 1, 1, 1])])
    (row,) = found.to_dict("records")
    assert (row["system"], row["seeds"]) == ("clip_ft", 1) and row["value"] == pytest.approx(50)
    assert row["over_system"] == "clip_ft:untrained"
    assert differences.training_gains([after]).empty
