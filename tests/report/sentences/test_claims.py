"""The verdict in words."""

import pandas as pd
import pytest

from handid.report import claims, sentences


@pytest.fixture
def table():
    rows = [
        ("Text helps.", "no", -5.0, 5),
        ("Text helps.", "not shown", 0.5, 5),
        ("Training adds.", "yes", 9.0, 5),
    ]
    return pd.DataFrame(
        [
            dict.fromkeys(claims.COLUMNS, "x")
            | {"claim": c, "held": h, "value": v, "low": v - 1, "high": v + 1, "seeds": s}
            | {"people": 45, "backbone": "mini-ViT", "task": "papers"}
            for c, h, v, s in rows
        ]
    )


def test_each_claim_is_a_line_and_what_could_be_seen_the_last(table):
    parts = pd.DataFrame(
        [("Text helps.", "mini-ViT", 45, 100.0, 1.0, 50.0)],
        columns=["claim", "backbone", "people", "people_part", "seeds_part", "rest_part"],
    )
    text = sentences.claims(table, parts)
    assert text.startswith("**1 of 3 comparisons held, 1 came out the other way**")
    assert "way**, and 1 is not settled: intervals" in text
    assert "- *Text helps.* No, the other way on mini-ViT, papers, 45 people: -5.0 points" in text
    assert "Not shown on mini-ViT, papers, 45 people: +0.5 points [-0.5, 1.5]" in text
    curve = claims.power(parts)
    points = curve[(curve["people"] == 45) & (curve["seeds"] == 5)]["points"].item()
    assert f"45 people and 5 trainings see a difference of {points:.1f} points" in text


def test_one_training_says_nothing_of_what_could_be_seen(table):
    empty = pd.DataFrame(
        columns=["claim", "backbone", "people", "people_part", "seeds_part", "rest_part"]
    )
    assert sentences.claims(table, empty).endswith(
        "nothing is known of what a study could have seen."
    )
