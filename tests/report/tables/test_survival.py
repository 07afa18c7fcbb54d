"""Tables and grids of what is left of rank-1."""

import pandas as pd

from handid.report import tables
from handid.report.rows import WHAT


def line(method, task, image, value, share):
    head = dict.fromkeys(WHAT, "x") | {"system": method, "method": method}
    figures = {"value": value, "low": value - 1, "high": value + 1, "chance": 2.0}
    shares = {"share": share, "share_low": share / 2, "share_high": share * 2}
    about = {"task": task, "image": image, "clear": value > 20, "n_subjects": 9}
    return head | about | figures | shares


TABLE = pd.DataFrame(
    [
        line("A", "papers", "whole", 50.0, 100.0),
        line("A", "papers", "background", 5.0, 10.0),
        line("B", "papers", "whole", 10.0, 100.0),
        line("B", "papers", "background", 6.0, 600.0),
        line("A", "other hand", "whole", 30.0, 60.0),
        line("A", "other hand", "background", 7.0, 14.0),
    ]
)


def test_a_system_has_one_row_and_no_task_without_the_hand():
    table = tables.survival(TABLE).set_index("method")
    assert list(table.columns) == [
        *("whole", "background", "survives without the hand, %", "other hand")
    ]
    assert table.loc["A", "whole"] == "50.0 [49.0, 51.0]"
    assert table.loc["A", "survives without the hand, %"] == "10 [5, 20]"
    assert table.loc["B", "survives without the hand, %"] == "600 [300, –]"  # no bound
    assert table.loc["A", "other hand"].startswith("30.0") and table.loc["B", "other hand"] == "–"


def test_a_grid_per_task_has_every_system_and_image():
    values, marks = tables.survival_grids(TABLE)
    assert list(values) == [
        "papers: 9 people, guessing 2.0 %",
        "other hand: 9 people, guessing 2.0 %",
    ]
    papers, other = values.values()
    assert papers.loc["B", "background"] == 6 and list(papers.columns) == ["whole", "background"]
    assert other.loc["B"].isna().all()
    bold, other_bold = marks.values()
    assert bold.to_numpy().tolist() == [[True, False], [False, False]]
    assert not other_bold.loc["B"].any()
