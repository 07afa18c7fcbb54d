"""Tables about text: questions beside chance, confusions, and the words that texts learned."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from handid.report import tables

VIEW = ("Which view is it?", 62.04, 55, 70, 25)
RING = ("Is there a ring?", 50, np.nan, np.nan, 50)


def test_questions_are_tabled_with_interval_and_chance(asked):
    table = tables.questions_table(asked(VIEW, RING))
    assert table["right, %"].tolist() == ["62.0 [55.0, 70.0]", "50.0"]
    assert table["chance, %"].tolist() == [25, 50]
    assert table["set"].unique().tolist() == ["synthetic 11k"]
    assert list(tables.questions_table(asked())) == list(table)


def test_questions_come_apart_by_set(asked):
    assert list(tables.questions_by_set(asked(VIEW, RING))) == ["synthetic 11k"]
    both = pd.concat([asked(VIEW), asked(VIEW, synthetic=False)])
    assert list(tables.questions_by_set(both)) == ["synthetic 11k", "11k"]
    assert tables.questions_by_set(asked()) == {}


def answered(*pairs, column="view"):
    table = pd.DataFrame(pairs, columns=["truth", "answer"])
    plain = {"set": "11k", "synthetic": True, "backbone": "mini-ViT"}
    return table.assign(column=column, **plain)


def test_confusions_are_percent_of_each_truth_in_one_order():
    pairs = [("b", "a"), ("b", "b"), ("b", "b"), ("b", "b"), ("a", "c"), ("c", "c")]
    answers = pd.concat([answered(*pairs), answered((1, 0), column="x")])
    found = tables.confusions(answers, "view")
    (table,) = found.values()
    assert list(found) == ["synthetic 11k, mini-ViT"]
    assert list(table.index) == list(table.columns) == ["a", "b", "c"]
    assert table.to_numpy().tolist() == [[0, 0, 100], [25, 75, 0], [0, 0, 100]]


def test_what_was_not_asked_has_no_confusion():
    assert tables.confusions(answered(("a", "a")), "nail_polish") == {}
    assert tables.confusions(answered(("a", "a"))[:0], "view") == {}


def test_nearest_words_have_one_row_per_identity_who_is_not_named():
    words = [("7 dorsal", 1, "hand 0.5"), ("7 dorsal", 2, "ring 0.1"), ("9 dorsal", 1, "nail 0.2")]
    nearest = pd.DataFrame(words, columns=["identity", "word", "nearest"])
    nearest = nearest.assign(method="CLIP-ReID")
    table = tables.nearest_words([SimpleNamespace(nearest=nearest)])
    assert table["identity"].tolist() == ["person 1", "person 2"]
    assert table.loc[0, ["word 1", "word 2"]].tolist() == ["hand 0.5", "ring 0.1"]
    assert "7" not in table.to_string()
