"""groups.py: few people have a place and no dot, and no rate below its floor."""

import numpy as np

from handid.report import figures


def test_a_group_of_few_has_its_place_and_no_dot(worth, title, read):
    drawing = figures.group_errors(worth(), title)
    (axis,) = drawing.figure.axes
    assert "skin: dark (5)" in read.texts(axis)
    shares = read.line(axis)[0]
    assert shares[0] == 20 and np.isnan(shares[2])
    assert np.isnan(shares[1])  # 10 % of 13 people: below their floor of 20.6 %
    segments = [segment for segment in axis.collections[0].get_segments() if len(segment)]
    assert [segment[1][0] for segment in segments] == [30, 20]  # whose interval stays
    assert "not judged: 1." in drawing.words


def test_no_rate_below_its_floor_is_said_of_a_group(worth, title):
    words = figures.group_errors(worth(), title).words
    assert "FNMR of gender female (23 people) 20.0 % [10.0, 30.0]" in words
    assert "FNMR of gender male (13 people) n/a (floor)" in words and "10.0 %" not in words


def test_without_metadata_no_group_is_drawn(worth, title, read):
    drawing = figures.group_errors(worth(groups=worth().groups[:0]), title)
    assert "no groups known" in read.texts(drawing.figure)
    assert drawing.words.endswith("Errors by group: empty, no groups are known.")
