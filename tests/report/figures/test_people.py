"""Figures about people: everybody is counted once."""

from handid.report import figures


def test_histograms_of_photographs_count_every_person_once(counts, read, title):
    drawing = figures.images_per_person(counts, title)
    axes = drawing.figure.axes
    people = [sum(bar.get_height() for bar in axis.patches) for axis in axes]
    assert people == [3, 2]
    assert ["dorsal left" in read.texts(axis) for axis in axes] == [True, False]
    assert "palmar left" in read.texts(axes[1])
    heights = {round(p.get_x() + p.get_width() / 2): p.get_height() for p in axes[0].patches}
    assert (heights[2], heights[3]) == (1, 2)
    assert "dorsal left: 3 people, 2 to 3 photographs, median 3;" in drawing.words
    assert "palmar left: 2 people, 1 to 5 photographs, median 3." in drawing.words


def test_people_are_dots_in_percent_with_their_mean(per_query, read, title):
    drawing = figures.by_person(per_query, title)
    (axis,) = drawing.figure.axes
    assert read.line(axis) == [[1, 2, 3], [0, 50, 100]]
    assert read.line(axis, 1)[1] == [50, 50]
    assert "mean over people" in read.texts(axis)
    assert "3 test people: lowest 0 %, median 50 %, highest 100 %" in drawing.words
    assert "mean over people 50.0 %." in drawing.words
