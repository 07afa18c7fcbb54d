"""Sentences about people, maps and texts: the verdict first, then what it rests on."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from handid.report import sentences


def test_people_are_counted_by_always_never_and_the_middle_one():
    hits = {1: [2, 2], 2: [3], 3: [1, 2, 2, 2], 4: [1, 1, 1, 2], 5: [1]}
    rows = [(person, hit) for person, own in hits.items() for hit in own]
    per_query = pd.DataFrame(rows, columns=["subject", "first_hit"])
    assert sentences.people(per_query, "synthetic HD: CLIP-FT") == (
        "**Of 5 test people, 1 are always found at rank 1 and 2 never** (synthetic HD: CLIP-FT); "
        "the median person is found in 25 % of the queries."
    )


def test_a_map_that_beats_every_order_is_said_to_beat_chance(two_queries):
    text = sentences.maps(two_queries, "synthetic D: GPA-Net")
    assert text.startswith("**The map beats chance**: 2 of 2 random orders are worse, which luck")
    assert "gives once in 3 (synthetic D: GPA-Net)" in text
    assert "leaves a similarity of 0.30 on average (2 queries)" in text
    assert "at random 0.65 (0.60 to 0.70)" in text
    assert "random weights leaves 0.40, more than the learned map for 1 of 2 queries" in text


@pytest.mark.parametrize(
    ("draws", "verdict"),
    [
        ([0.5, 0.5, 0.1], "**Unclear**: 2 of 3"),
        ([0.5, 0.1, 0.1], "**The map is no better than chance**: 1 of 3"),
        ([0.2, 0.2, 0.2], "**The map is no better than chance**: 0 of 3"),  # a tie is no win
    ],
)
def test_a_map_that_some_orders_reach_does_not_beat_chance(areas, draws, verdict):
    text = sentences.maps(areas([0.2], [0.2], [draws]), "x")
    assert text.startswith(verdict) and "beats chance" not in text
    assert "for 0 of 1 query." in text


def wording(rank1, low, high, similarity=None):
    same = np.array([[1.0, 0.5], [0.5, 1.0]]) if similarity is None else similarity
    return SimpleNamespace(similarity=same, rank1=rank1, low=low, high=high, chance=0.25)


@pytest.mark.parametrize(
    ("bounds", "answer"),
    [
        ((0.3, 0.9), "The texts tell training people apart"),
        ((0.2, 0.9), "The texts are not shown to tell training people apart"),
        ((0.25, 0.9), "The texts are not shown to tell training people apart"),
        ((0.0, 0.2), "The texts do not tell training people apart"),
        ((np.nan, np.nan), "Unclear: one person gives no interval"),
    ],
)
def test_texts_tell_people_apart_only_if_the_interval_lies_above_chance(bounds, answer):
    text = sentences.texts(wording(0.5, *bounds), "synthetic HD: CLIP-ReID")
    assert text.startswith(f"**{answer}** (synthetic HD: CLIP-ReID): 50.0 % of the identities'")
    assert "chance 25.0 %)" in text and "nan" not in text


def test_texts_without_a_photograph_to_find_are_not_judged():
    text = sentences.texts(wording(np.nan, np.nan, np.nan), "mine: PromptSG")
    assert text.startswith("**Not measured: the texts have no photograph to find** (mine: PromptSG")
    assert "a cosine of 0.500 with each other" in text and "nan" not in text


def test_texts_are_described_by_how_alike_they_are():
    matrix = np.array([[1.0, 0.2, 0.4], [0.2, 1.0, 0.9], [0.4, 0.9, 1.0]])
    text = sentences.texts(wording(1.0, 1.0, 1.0, matrix), "x")
    assert "The texts of 3 identities have a cosine of 0.500 with each other on average" in text
    assert "0.200 at least and 0.900 at most" in text
