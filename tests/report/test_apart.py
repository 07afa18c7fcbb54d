"""Pairs of levels over the same people: the paired differences of all queries, and their laws."""

import numpy as np
import pytest

from handid import statistics
from handid.report import apart, differences, rows


@pytest.fixture
def pairs(scored):
    """pairs(*rows): the first row beside each of the others, from their scores."""

    def make(*lines):
        scores = scored(*lines)
        first, *others = (row for _, row in rows.of(scores).iterrows())
        return apart.pairs(rows.by_people(scores), [(first, other) for other in others])

    return make


def test_a_pair_is_the_paired_difference_of_all_queries(row, scored, pairs):
    lines = row("CLIP-FT", value=60), row("CLIP-ZS", value=50), row("CLIP-HandID", value=59)
    beside = pairs(*lines)
    margins = differences.margins(scored(*lines), "clip_ft", ["clip_zero_shot", "clip_handid"])
    for name in ("value", "low", "high", "p", "p_holm"):
        assert beside[name].tolist() == pytest.approx(margins[name].tolist(), abs=1e-6)
    assert beside["p_holm"].iloc[0] == pytest.approx(2 * beside["p"].iloc[0])


def test_levels_that_differ_little_are_not_apart_and_those_that_differ_much_are(row, pairs):
    found = pairs(row("CLIP-FT", value=60), row("CLIP-ZS", value=30), row("CLIP-HandID", value=59))
    assert found["p_holm"].iloc[0] < 0.01 and found["low"].iloc[0] > 0
    assert found["p_holm"].iloc[1] > 0.05


def test_seeds_are_paired_averaged_and_in_the_interval(row, scored):
    lines = [row("CLIP-FT", value=value, seed=seed) for seed, value in enumerate((50, 90))]
    lines += [row("CLIP-ZS", value=50, seed=seed) for seed in (0, 1)]
    scores = scored(*lines)
    table = rows.mean_over_seeds(rows.of(scores))
    (found,) = apart.pairs(rows.by_people(scores), [(table.iloc[0], table.iloc[1])]).to_dict(
        "records"
    )
    assert found["value"] == pytest.approx(20, abs=2) and found["low"] < 0 < found["high"]
    assert 0.9 < found["seed_part"] <= 1


def test_what_answered_other_queries_is_not_compared(row, scored):
    one, other = scored(row("CLIP-FT"), row("CLIP-ZS"))
    people = rows.by_people([one, other])
    asked = [tuple(line for _, line in rows.of([one, other]).iterrows())]
    fewer = people.drop(people.index[-1])
    for table in (fewer, people[people["method"] == "CLIP-FT"]):
        assert np.isnan(apart.pairs(table, asked)["p"].iloc[0])
    assert apart.pairs(people, []).empty


def test_people_are_paired_by_name_whatever_their_order(row, scored):
    scores = scored(row("CLIP-FT", value=60), row("CLIP-ZS", value=52))
    people = rows.by_people(scores)
    asked = [tuple(line for _, line in rows.of(scores).iterrows())]
    mixed = people.sample(frac=1, random_state=0)
    assert apart.pairs(mixed, asked).equals(apart.pairs(people, asked))
    queries = scores[0].per_query
    right = queries["first_hit"].eq(1).astype(float) - scores[1].per_query["first_hit"].eq(1)
    p = statistics.sign_flip(right, queries["subject"])
    assert apart.pairs(people, asked)["p"].iloc[0] == p
