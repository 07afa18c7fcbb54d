"""Differences between scores: paired by query, averaged over seeds, resampled by people."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from handid import evidence, metric


def score(method, first_hits, seed=0, target="11k palmar left"):
    """A study.Score of two queries a person; first_hits are 1-based ranks."""
    row = {"method": method, "backbone": "mini-ViT", "train_set": target, "test_set": target}
    per_query = pd.DataFrame({
        "run": 0,
        "path": [f"{i}.jpg" for i in range(len(first_hits))],
        "subject": [i // 2 for i in range(len(first_hits))],
        "first_hit": first_hits,
        "ap": [1 / hit for hit in first_hits],
    })  # fmt: skip
    rows = pd.DataFrame([row | {"synthetic": True, "seed": seed}])
    return SimpleNamespace(rows=rows, per_query=per_query)


BASE = score("CLIP-ZS", [1, 2, 2, 4, 1, 1])
ONE, TWO = score("CLIP-FT", [1, 1, 2, 1, 1, 2]), score("CLIP-FT", [1, 1, 1, 1, 1, 1], seed=1)


def test_a_gain_is_the_mean_paired_difference_in_points():
    (row,) = evidence.gains([BASE, ONE], "CLIP-ZS").to_dict("records")
    assert (row["method"], row["seeds"]) == ("CLIP-FT", 1)
    assert row["value"] == pytest.approx(100 * (4 - 3) / 6)
    (row,) = evidence.gains([BASE, ONE], "CLIP-ZS", "mAP").to_dict("records")
    assert row["value"] == pytest.approx(100 * (np.mean([1, 1, 0.5, 1, 1, 0.5]) - 4.25 / 6))


def test_seeds_are_averaged_a_query_and_people_resampled():
    (row,) = evidence.gains([BASE, ONE, TWO], "CLIP-ZS").to_dict("records")
    each = np.array([1, 1, 0.5, 1, 1, 0.5]) - np.array([1, 0, 0, 0, 1, 1])
    assert row["seeds"] == 2 and row["value"] == pytest.approx(100 * each.mean())
    low, high = metric.bootstrap(each, [0, 0, 1, 1, 2, 2])
    assert (row["low"], row["high"]) == pytest.approx((100 * low, 100 * high))


def test_the_order_of_queries_does_not_matter():
    shuffled = SimpleNamespace(
        rows=ONE.rows, per_query=ONE.per_query.sample(frac=1, random_state=1)
    )
    pd.testing.assert_frame_equal(
        evidence.gains([BASE, ONE], "CLIP-ZS"), evidence.gains([BASE, shuffled], "CLIP-ZS")
    )


def test_margins_stand_over_each_floor():
    pixels = score("Raw pixels", [3, 3, 3, 3, 1, 3])
    found = evidence.margins([BASE, ONE, pixels], "CLIP-FT", ["CLIP-ZS", "Raw pixels"])
    assert found.set_index("over")["value"].to_dict() == pytest.approx(
        {"CLIP-ZS": 100 / 6, "Raw pixels": 300 / 6}
    )


def test_what_answers_other_queries_is_not_compared():
    other = score("CLIP-FT", [1, 1, 1, 1, 1, 1], target="HD")
    with pytest.raises(ValueError, match="Nothing can be compared with 'CLIP-ZS'"):
        evidence.gains([BASE, other], "CLIP-ZS")
    with pytest.raises(ValueError, match="Nothing stands beside 'CLIP-ZS': name something"):
        evidence.gains([BASE], "CLIP-ZS")


def test_questions_count_each_true_answer_alike():
    common = {"backbone": "mini-ViT", "weights": "mini", "set": "11k", "synthetic": True}
    truth = ["ring"] * 2 + ["none"] * 8
    answers = pd.DataFrame({"truth": truth, "answer": ["none"] * 10, "subject": [0, 1] * 5})
    answers = answers.assign(question="Is there a ring?", offered=2, **common)
    (row,) = evidence.questions(answers).to_dict("records")
    assert (row["correct"], row["chance"], row["n_images"]) == (50.0, 50.0, 10)
    (row,) = evidence.questions(answers.assign(answer=truth)).to_dict("records")
    assert (row["correct"], row["low"], row["high"]) == (100.0, 100.0, 100.0)


def trained_on(train_set, test_set, first_hits):
    made = score("GPA-Net", first_hits, target=test_set)
    made.rows["train_set"] = train_set
    return made


def test_what_another_training_set_costs_is_paired_on_the_tested_set():
    scores = [
        trained_on("HD", "HD", [1, 1, 1, 1]),
        trained_on("11k", "HD", [1, 2, 1, 1]),
        trained_on("11k", "11k", [1, 1, 2, 2]),
        trained_on("HD", "11k", [1, 1, 1, 2]),
    ]
    found = evidence.transfer(scores).set_index(["train_set", "test_set"])["value"].to_dict()
    assert found == pytest.approx({("11k", "HD"): -25.0, ("HD", "11k"): 25.0})


def test_methods_that_were_trained_on_one_set_only_have_no_transfer():
    found = evidence.transfer([trained_on("11k", "HD", [1, 2]), trained_on("11k", "11k", [1, 1])])
    assert found.empty and {"value", "low", "high", "seeds"} <= set(found.columns)


def test_what_training_adds_is_measured_against_the_same_method_untrained():
    before, after = score("CLIP-FT untrained", [1, 2, 2, 2]), score("CLIP-FT", [1, 1, 1, 2])
    found = evidence.training_gains([before, after, score("CLIP-ZS", [1, 1, 1, 1])])
    (row,) = found.to_dict("records")
    assert (row["method"], row["seeds"]) == ("CLIP-FT", 1) and row["value"] == pytest.approx(50)
    assert evidence.training_gains([after]).empty
