"""What more trials would give, and how small a difference could have been seen."""

import pandas as pd

from handid.report import figures


def test_expected_best_has_a_panel_per_backbone_and_a_line_per_method(read, title):
    rows = [
        (method, name, number, 40.0 + number + 10 * (name == "b"))
        for name in "ab"
        for method in ("CLIP-FT", "GPA-Net")
        for number in (1, 2, 3)
        if (method, name) != ("GPA-Net", "a")
    ]
    curves = pd.DataFrame(rows, columns=["method", "backbone", "trials", "best"])
    made = figures.expected_best(curves, title)
    first, second = made.figure.axes
    assert len(first.lines) == 1 and len(second.lines) == 2
    assert read.line(second, 1) == [[1, 2, 3], [51, 52, 53]]
    assert second.lines[0].get_color() == first.lines[0].get_color()
    assert "CLIP-FT on a 41.0 % to 43.0 %; CLIP-FT on b 51.0 % to 53.0 %" in made.words


def test_the_smallest_difference_falls_with_people_one_line_per_number_of_seeds(read, title):
    rows = [(people, seeds, 100 / people / seeds) for seeds in (1, 5) for people in (10, 100)]
    made = figures.smallest_difference(
        pd.DataFrame(rows, columns=["people", "seeds", "points"]), title
    )
    (axis,) = made.figure.axes
    assert read.line(axis, 0) == [[10, 100], [10, 1]] and read.line(axis, 1) == [
        [10, 100],
        [2, 0.2],
    ]
    assert axis.get_ylim()[0] == 0
    assert "1 seed 10.0 points with 10 people, 1.0 with 100; 5 seeds 2.0" in made.words


def test_without_a_second_training_the_place_stays_empty_and_says_why(title):
    made = figures.smallest_difference(pd.DataFrame(columns=["people", "seeds", "points"]), title)
    assert "empty, 1 training of each system says nothing" in made.words


def test_the_shares_of_losses_lie_beside_each_other(title):
    rows = [
        ("A", "net", m, loss, s) for m, s in (("before", 30.0), ("after", 70.0)) for loss in "xy"
    ]
    shares = pd.DataFrame(rows, columns=["method", "backbone", "moment", "loss", "share"])
    made = figures.pulls(shares, title)
    (axis,) = made.figure.axes
    bars = [[bar.get_x(), bar.get_width()] for one in axis.containers for bar in one]
    assert bars == [[0, 30], [0, 70], [30, 30], [70, 70]]
    assert "A, net, before x 30 %, y 30 %; A, net, after x 70 %" in made.words
