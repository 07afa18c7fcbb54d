"""The table of a search."""

import pandas as pd

from handid.report import tables


def test_a_line_says_who_how_alike_and_whether_named():
    found = pd.DataFrame(
        {
            "question": [0, 1],
            "rank": [1, 1],
            "candidate": ["ann", "bob"],
            "similarity": [0.9, 0.1],
            "lr": ["at least 20", "0.1"],
            "named": [True, False],
            "lone": [False, True],
        }
    )
    table = tables.candidates(found, ["x.jpg", "y.jpg"])
    assert table["question"].tolist() == ["x.jpg", "y.jpg"]
    assert table["answer"].tolist() == ["named", "–"]
    assert table["remark"].tolist() == ["", "far from everybody"]
    assert "truth" not in table
    told = tables.candidates(found, ["x.jpg", "y.jpg"], ["ann", "nobody"])
    assert told["truth"].tolist() == ["ann", "nobody"]
