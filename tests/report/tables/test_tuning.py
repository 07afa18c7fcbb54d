"""The values that a tuning chose, in a line."""

import pandas as pd

from handid.report import tables


def test_values_stand_in_a_line_with_two_digits():
    best = pd.DataFrame(
        [("a", "A", "net", 24, 3, 51.234, "", {"mean_std": "own", "learning_rate.new": 0.0012345})],
        columns=[
            "system",
            "method",
            "backbone",
            "people",
            "trial",
            "validation",
            "diverged",
            "changes",
        ],
    )
    (row,) = tables.chosen(best).to_dict("records")
    assert row["values"] == "mean_std own, learning_rate.new 0.0012" and row["trial"] == 3


def test_a_verdict_shows_each_difference_with_its_interval_and_adjusted_p():
    row = {"claim": "It helps.", "held": "yes", "value": 5.0, "low": 1.25, "high": 9.0}
    row |= {"p_holm": 0.0125, "backbone": "net", "test_set": "HD", "task": "papers"}
    (shown,) = tables.verdict(pd.DataFrame([row | {"people": 45, "seeds": 5}])).to_dict("records")
    assert shown["difference, points"] == "+5.0 [1.2, 9.0]" and shown["p (Holm)"] == "0.013"
    assert shown["held"] == "yes" and (shown["people"], shown["seeds"]) == (45, 5)
    surer = pd.DataFrame([row | {"people": 45, "seeds": 5, "p_holm": 0.0002}])
    assert tables.verdict(surer)["p (Holm)"].tolist() == ["< 0.001"]
