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
