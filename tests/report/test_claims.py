"""Claims: written down, judged together, and how small a difference their run could have seen."""

import numpy as np
import pandas as pd
import pytest

from handid import statistics
from handid.report import claims
from handid.report.claims import Claim

HELPS = Claim("Text helps.", "clip_handid", "clip_ft")
NET = Claim("Parts help.", "gpa_net", "cnn_baseline")


@pytest.fixture
def run(scored, row):
    """run(**{title: percent}): scores of 60 people, three seeds each, on one backbone."""

    def made(backbone="net", people=60, **values):
        other = {"backbone": backbone, "n_subjects": people}
        return scored(
            *(
                row(title.replace("_", "-"), value=value, seed=seed, **other)
                for title, value in values.items()
                for seed in (0, 1, 2)
            )
        )

    return made


def test_a_claim_holds_fails_or_is_not_shown(run):
    parts = {"more": 60, "less": 20, "same": 40.5}
    held = {}
    for name, value in parts.items():
        scores = run(**{"CLIP_FT": 40, "CLIP_HandID": value})
        (line,) = claims.judged(scores, [HELPS]).to_dict("records")
        held[name] = line["held"]
        assert line["value"] == pytest.approx(value - 40, abs=2) and line["seeds"] == 3
    assert held == {"more": "yes", "less": "no", "same": "not shown"}


def test_holm_counts_every_row_of_the_table(run):
    scores = run(CLIP_FT=40, CLIP_HandID=41) + run(CLIP_FT=40, CLIP_HandID=44, people=59)
    scores += run("other", CLIP_FT=40, CLIP_HandID=41, GPA_Net=44)
    scores += [s for s in run("other", **{"CNN baseline": 40})]
    table = claims.judged(scores, [HELPS, NET])
    assert table[["claim", "backbone", "people"]].values.tolist() == [
        ["Text helps.", "net", 60],
        ["Text helps.", "other", 60],
        ["Parts help.", "other", 60],
        ["Text helps.", "net", 59],
    ]
    assert table["p_holm"].tolist() == statistics.holm(table["p"]).tolist()
    assert list(table.columns) == claims.COLUMNS


def test_what_was_not_scored_is_left_out_and_nothing_at_all_is_refused(run):
    with pytest.raises(ValueError, match="No claim can be judged"):
        claims.judged(run(CLIP_FT=40), [HELPS])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "No claim is written down"),
        ([["a", "b"]], r"\['a', 'b'\] is no claim: write"),
        (["abc"], "'abc' is no claim: write"),
        ([3], "3 is no claim: write"),
        ([["a", "clip_ft", "clip_ft"]], "'a' compares what another claim, or itself"),
        ([["a", "x", "y"], ["b", "x", "y"]], "'a' compares what another claim"),
        ([["a", "x:", "y"]], "'x:' is no system"),
    ],
)
def test_what_is_no_claim_is_refused_in_one_sentence(given, sentence):
    with pytest.raises(ValueError, match=sentence) as said:
        claims.claims(given)
    assert "\n" not in str(said.value)


def test_claims_are_read_as_they_are_written():
    assert claims.claims([["Text helps.", "clip_handid", "clip_ft"]]) == [HELPS]


def test_variances_are_those_of_each_persons_differences(run):
    scores = run(CLIP_FT=40, CLIP_HandID=55)
    (line,) = claims.variances(scores, [HELPS]).to_dict("records")
    table = np.zeros((60, 3))
    for one, sign in zip(scores, [-1] * 3 + [1] * 3, strict=True):
        right = one.per_query["first_hit"].eq(1).groupby(one.per_query["subject"]).mean()
        table[:, one.rows["seed"].iloc[0]] += sign * right
    parts = statistics.components(100 * table)
    assert (line["people_part"], line["seeds_part"], line["rest_part"]) == pytest.approx(parts)


def test_one_training_has_no_variance_between_seeds(scored, row):
    scores = scored(row("CLIP-FT"), row("CLIP-HandID"))
    assert claims.variances(scores, [HELPS]).empty
    assert claims.power(claims.variances(scores, [HELPS])).empty


def test_power_takes_the_middle_of_the_claims():
    parts = pd.DataFrame(
        [
            ("a", "net", 45, 1.0, 0.0, 9.0),
            ("b", "net", 45, 400.0, 4.0, 9.0),
            ("c",) * 3 + (9.0,) * 3,
        ],
        columns=["claim", "backbone", "people", "people_part", "seeds_part", "rest_part"],
    )
    table = claims.power(parts)
    middle = statistics.Components(9.0, 4.0, 9.0)
    asked = table[(table["people"] == 45) & (table["seeds"] == 5)]["points"].item()
    assert asked == pytest.approx(statistics.smallest_difference(middle, 45, 5))


@pytest.mark.parametrize("given", [None, "claims", {"a": 1}, 3])
def test_claims_that_are_no_list_are_refused(given):
    with pytest.raises(ValueError, match="are no claims: write a list of lists"):
        claims.claims(given)
