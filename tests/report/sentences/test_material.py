"""Sentences about data and weights: every count is one of the tables'."""

import pandas as pd

from handid.report import sentences

NONE = pd.DataFrame({"path": [], "problem": []})
ONE = pd.DataFrame({"path": ["a.jpg"], "problem": ["is missing"]})


def test_the_answer_begins_with_people_views_and_photographs(audit):
    text = sentences.data(audit("dorsal left", "dorsal right"), NONE, 11_076, "real sets")
    assert text.startswith(
        "**143 to 146 people in each of 2 views, 11,076 photographs** (real sets; views: "
        "11k dorsal left and dorsal right). All 8 counts equal the papers'. All 11,076 files"
    )
    one = sentences.data(audit("dorsal right"), ONE, 10, "x")
    assert one.startswith("**143 people in 1 view, 10 photographs**")
    assert one.endswith("1 of 10 files is broken or repeated; the table names it.")
    same = sentences.data(audit("dorsal right", "palmar right"), NONE, 10, "x")
    assert same.startswith("**143 people in each of 2 views")


def test_equal_counts_are_said_to_be_equal(audit):
    assert sentences.counts(audit("dorsal left", "dorsal")) == "All 8 counts equal the papers'."


def test_counts_that_differ_are_named_with_both_numbers(audit):
    assert sentences.counts(audit("dorsal left", "dorsal", queries=[988, 1991])) == (
        "1 of 8 counts differs from those of the complete real sets in the papers: "
        "HD dorsal: queries 1,991 instead of 1,992."
    )


def test_of_many_differing_counts_the_first_four_are_named(audit):
    wrong = dict.fromkeys(("train identities", "test identities", "queries", "gallery"), 1)
    text = sentences.counts(audit("dorsal left", "dorsal right", **wrong))
    assert text.startswith("8 of 8 counts differ from") and "11k dorsal left: train " in text
    assert text.count("instead of") == 4 and text.endswith(" and 4 more.")


def test_where_the_papers_count_nothing_no_equality_is_claimed(audit):
    assert "equal" not in sentences.counts(audit("dorsal").assign(view="palmar"))


def test_broken_files_are_counted():
    assert sentences.problems(NONE, 11_076).startswith("All 11,076 files decode in full")
    assert sentences.problems(ONE, 11_076).startswith("1 of 11,076 files is broken")


def test_the_answer_on_pre_training_tells_each_cards_figures():
    history = pd.DataFrame({"validation": [0.05, 0.3, 0.4567]})
    card = {"backbone": "mini-ViT", "images_seen": 245760, "training_hours": 1.02}
    cards = pd.DataFrame([card | {"device": "cpu", "on": "x86_64, 1 thread"}])
    text = sentences.pretraining(cards, {"mini-ViT": history})
    assert text.startswith("**From synthetic hands alone**: mini-ViT never saw a photograph")
    for figure in ("245,760", "1.0 hours", "from 5.0 %", "to 45.7 %"):
        assert figure in text
    locked = {**cards.iloc[0], "backbone": "mini-Lite0", "view_in_words": 0.9876}
    text = sentences.pretraining(
        pd.concat([cards, pd.DataFrame([locked])], ignore_index=True),
        {"mini-ViT": history, "mini-Lite0": history},
    )
    assert text.startswith("**From synthetic hands**: mini-ViT never saw a photograph")
    assert (
        "**mini-Lite0** sees with ImageNet's encoder" in text and "words the view of 98.8 %" in text
    )
    assert sentences.pretraining(pd.DataFrame(), {}) == "**No weights ship with this package.**"
