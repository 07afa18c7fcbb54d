"""The figure of a search: every picture in its place, ticks where the threshold names."""

from handid.report import figures


def test_a_row_shows_the_question_and_its_candidates(picture, title):
    asked = [(picture(1), "q1.jpg"), (picture(2), "a file with a very long name.jpg")]
    answers = [
        [(picture(3), "ann", 0.91, True), (picture(4), "bob", 0.52, False)],
        [(picture(5), "cleo", 0.4, False)],
    ]
    drawing = figures.candidates(asked, answers, title)
    shown = [axis for axis in drawing.figure.axes if axis.images]
    assert [int(axis.images[0].get_array()[0, 0, 0]) for axis in shown] == [1, 3, 4, 2, 5]
    assert [axis.get_title() for axis in shown] == [
        *("q1.jpg", "✓ ann\n0.91", "bob\n0.52", "…ery long name.jpg", "cleo\n0.40")
    ]
    assert "q1.jpg: ann (named) 0.91, bob 0.52; a file with" in drawing.words
    assert "hidden" not in drawing.words
    assert "are hidden" in figures.candidates(asked, answers, title, hidden=True).words
