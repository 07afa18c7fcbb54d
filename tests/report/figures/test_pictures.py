"""Photographs: each is shown where it belongs, and the words say when they are hidden."""

import numpy as np
from matplotlib.axes import Axes

from handid.report import figures


def test_a_contact_sheet_shows_every_photograph_with_its_label_six_per_row(picture, title):
    pictures = [picture(n) for n in range(8)]
    drawing = figures.contact_sheet(pictures, list("abcdefgh"), title)
    used = [axis for axis in drawing.figure.axes if axis.images]
    assert [int(axis.images[0].get_array()[0, 0, 0]) for axis in used] == [*range(8)]
    assert [axis.get_title() for axis in used] == list("abcdefgh")
    assert len(drawing.figure.axes) == 12
    drawing.figure.draw_without_rendering()
    assert len({round(axis.get_position().y0, 3) for axis in used}) == 2
    assert "8 photographs of hands, 6 in each row: a, b, c" in drawing.words


def test_the_words_count_the_photographs_of_each_label(picture, title):
    labels = ["dorsal left"] * 2 + ["palmar left"] + [7]
    words = figures.contact_sheet([picture(1)] * 4, labels, title, columns=2).words
    assert "4 photographs of hands, 2 in each row: 2 dorsal left, palmar left, 7." in words


def test_hidden_photographs_are_said_to_be_hidden(picture, queries, matches, maps, title):
    sentence = "The photographs are hidden: grey squares stand in their place."
    shown = [
        figures.contact_sheet([picture(1)], ["a"], title),
        figures.retrieval(queries, matches, title),
        figures.similarity_maps(maps, title),
    ]
    assert not any(sentence in drawing.words for drawing in shown)
    maps.queries = maps.matches = [picture(200)] * 2
    hidden = [
        figures.contact_sheet([picture(200)], ["a"], title, hidden=True),
        figures.retrieval(queries, matches, title, hidden=True),
        figures.similarity_maps(maps, title),
    ]
    assert all(drawing.words.endswith(sentence) for drawing in hidden)


def test_retrieval_tells_right_from_wrong_by_mark_and_word_and_frame(queries, matches, title):
    drawing = figures.retrieval(queries, matches, title)
    titles = [axis.get_title() for axis in drawing.figure.axes]
    assert titles[:3] == ["query", "✓ right  0.91", "✗ wrong  0.50"]
    assert titles[3:] == ["query", "✗ wrong  0.70", "✗ wrong  0.25"]
    colours = [axis.spines["top"].get_edgecolor() for axis in drawing.figure.axes]
    assert len({colours[0], colours[1], colours[2]}) == 3
    assert colours[2] == colours[4] == colours[5] and colours[0] == colours[3]
    assert "2 queries with their best matches, 1 of them right at rank 1." in drawing.words
    assert "query 1: right 0.91, wrong 0.50; query 2: wrong 0.70, wrong 0.25." in drawing.words


def test_retrieval_shows_the_pictures_in_the_order_of_their_ranks(queries, matches, title):
    axes = figures.retrieval(queries, matches, title).figure.axes
    shades = [int(axis.images[0].get_array()[0, 0, 0]) for axis in axes]
    assert shades == [10, 11, 12, 20, 21, 22]


def test_similarity_maps_lie_over_the_query_and_its_match_on_one_scale_per_row(maps, title):
    drawing = figures.similarity_maps(maps, title)
    pictures = [axis for axis in drawing.figure.findobj(Axes) if axis.images and axis.get_title()]
    shades = [int(axis.images[0].get_array()[0, 0, 0]) for axis in pictures]
    assert shades == [0, 1, 20, 20, 21, 10]  # maps lie over the picture's grey
    titles = [axis.get_title() for axis in pictures]
    assert titles[:3] == ["query", "hiding costs up to 0.10", maps.labels[0]]
    assert titles[4:] == ["hiding costs up to -0.10", maps.labels[1]]
    laid = [axis.images[1] for axis in pictures if len(axis.images) > 1]
    np.testing.assert_array_equal(laid[1].get_array(), maps.found[0].match_map)
    assert [one.get_clim() for one in laid] == [(0, 0.1)] * 2 + [(0, 1)] * 2
    assert laid[0].get_extent() == [-0.5, 7.5, 7.5, -0.5]  # all of the picture's 8 x 8 pixels
    assert "query 1: hiding a place costs up to 0.10, match, rank 1 0.91;" in drawing.words
    assert "the map 0.30, an untrained network's map 0.40, chance" in drawing.words


def test_deletion_curves_are_told_by_dashes_and_chance_is_a_mean_with_its_range(maps, read, title):
    figure = figures.similarity_maps(maps, title).figure
    (axis,) = [one for one in figure.findobj(Axes) if len(one.lines) == 3]
    assert read.line(axis, 0) == [[0, 50, 100], [0.9, 0.3, 0.1]]
    np.testing.assert_allclose(read.line(axis, 2)[1], [0.9, 0.6, 0.1])
    (band,) = axis.collections
    assert {0.4, 0.8} <= {round(y, 6) for _, y in band.get_paths()[0].vertices}
    assert len({one.get_linestyle() for one in axis.lines}) == 3
    assert "%" in axis.get_xlabel() and "cosine" in axis.get_ylabel()
    assert {"the map", "an untrained network's map"} <= set(read.texts(figure))
