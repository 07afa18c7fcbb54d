"""Curves: by rank and by epoch, told apart by dashes too, with their numbers in words."""

import numpy as np
import pandas as pd

from handid.report import figures


def test_cmc_curves_are_percent_by_rank_as_far_as_asked(curves, read, title):
    curve = np.array([0.5, 0.75, 1.0])
    drawing = figures.cmc(curves({"a": curve, "b": curve / 2}), title, ranks=2)
    (axis,) = drawing.figure.axes
    assert read.line(axis, 0) == [[1, 2], [50, 75]]
    assert read.line(axis, 1) == [[1, 2], [25, 37.5]]
    assert {"a", "b"} <= set(read.texts(axis))
    assert "first k: a 50.0 % (k = 1); b 25.0 % (k = 1)." in drawing.words
    longer = figures.cmc(curves({"a": np.linspace(0.1, 1, 10)}), title).words
    assert "a 10.0 % (k = 1), 50.0 % (k = 5), 100.0 % (k = 10)." in longer


def test_cmc_curves_are_those_of_the_first_seed_by_label(curves, read, title):
    first, second = curves({"CLIP-FT": [0.6, 1.0]}), curves({"CLIP-FT": [0.7, 1.0]}, seed=1)
    drawing = figures.cmc([*first, *second, *curves({"CLIP-ZS": [0.5, 1.0]})], title)
    (axis,) = drawing.figure.axes
    assert [line.get_label() for line in axis.lines] == ["CLIP-FT", "CLIP-ZS"]
    assert read.line(axis)[1] == [60, 100]


def stored(row, number, method="method", seed=0, **other):
    return [
        row(f"{method} {number}", seed=seed, **other) | {"rank": rank, "found": 10 * number + rank}
        for rank in (1, 2)
    ]


def test_stored_curves_are_drawn_from_percent_by_label_and_first_seed(row, read, title):
    rows = [*stored(row, 1), *stored(row, 2), *stored(row, 1, seed=1), *stored(row, 3, seed=1)]
    (axis,) = figures.cmc(pd.DataFrame(rows), title).figure.axes
    assert [line.get_label() for line in axis.lines] == ["method 1", "method 2"]
    assert read.line(axis) == [[1, 2], [11, 12]]


def test_of_many_stored_curves_the_highest_at_rank_1_are_drawn(row, title):
    rows = pd.DataFrame([line for n in range(9) for line in stored(row, n)])
    (axis,) = figures.cmc(rows, title).figure.axes
    assert [line.get_label() for line in axis.lines] == [f"method {n}" for n in range(1, 9)]


def test_cmc_curves_are_told_by_dashes_and_not_only_by_colour(curves, title):
    (axis,) = figures.cmc(curves({name: [0.5, 1.0] for name in "abcd"}), title).figure.axes
    assert len({one.get_linestyle() for one in axis.lines}) == 4


def test_training_shows_loss_and_validation_by_epoch(history, read, title):
    half = history.assign(total=history["total"] / 2, validation=history["validation"] / 2)
    drawing = figures.training({"CLIP-FT": history, "CLIP-HandID": half}, title)
    loss, validation = drawing.figure.axes
    assert read.line(loss) == [[1, 2, 3], [4, 2, 1.255]]
    assert read.line(validation) == [[1, 2, 3], [50, 90, 80]]
    assert read.line(validation, 1) == [[1, 2, 3], [25, 45, 40]]
    texts = read.texts(drawing.figure)
    assert texts.count("CLIP-FT") == texts.count("CLIP-HandID") == 1


def test_a_training_is_described_by_its_losses_and_its_best_epoch(history, title):
    drawing = figures.training({"CLIP-FT": history, "same": history[:1]}, title)
    assert drawing.words.removeprefix(f"{title}. ") == (
        "CLIP-FT: loss from 4.00 to 1.25, best validation mAP 90.0 %, 3 epochs; "
        "same: loss from 4.00 to 4.00, best validation mAP 50.0 %, 1 epoch."
    )
    silent = figures.training({"a": history.assign(validation=np.nan)}, title)
    assert "a: loss from 4.00 to 1.25, 3 epochs." in silent.words


def test_training_curves_are_told_by_dashes_and_not_only_by_colour(history, title):
    for axis in figures.training(dict.fromkeys("abcd", history), title).figure.axes:
        assert len({one.get_linestyle() for one in axis.lines}) == 4


def test_each_loss_is_named_and_told_by_its_dashes(history, read, title):
    drawing = figures.loss_parts(history, title)
    (axis,) = drawing.figure.axes
    assert read.line(axis, 0) == [[1, 2, 3], [3, 1, 0.5]]
    assert [one.get_label() for one in axis.lines] == ["identity", "triplet"]
    assert {"identity", "triplet"} <= set(read.texts(axis))
    assert len({one.get_linestyle() for one in axis.lines}) == 2
    said = "Losses by epoch: identity from 3.00 to 0.50; triplet from 1.00 to 0.50."
    assert said in drawing.words


def test_a_loss_of_two_stages_has_two_curves(history, read, title):
    stages = history.assign(stage=["words", "words", "image"], identity=[np.nan, np.nan, 4.0])
    drawing = figures.loss_parts(stages, title)
    (axis,) = drawing.figure.axes
    assert [one.get_label() for one in axis.lines] == [
        *("words: triplet", "image: identity", "image: triplet")
    ]
    shown = np.array(read.line(axis)[1])
    assert shown[:2].tolist() == [1.0, 1.0] and np.isnan(shown[2])
    assert "words: triplet from 1.00 to 1.00; image: identity from 4.00" in drawing.words


def test_as_many_losses_as_there_are_can_be_drawn(title):
    losses = pd.DataFrame({f"part {n}": [1.0, 0.5] for n in range(12)}).assign(stage="train")
    (axis,) = figures.loss_parts(losses, title).figure.axes
    assert len(axis.lines) == 12


def test_a_decline_shows_each_severity_on_both_sides(decline, picture, read, title):
    drawing = figures.decline(decline, [picture(9), picture(3)], title)
    first, _, query, both = drawing.figure.axes
    assert first.get_title() == "as it is"
    assert read.line(query, 1) == [[0, 2], [60, 40]] and read.line(both, 1) == [[0, 2], [60, 50]]
    assert [label.get_text() for label in query.get_xticklabels()] == ["as it is", "2"]
    assert "CLIP-FT, query only: as it is 60 %, 2 40 %" in drawing.words


def test_no_axis_says_nats_of_losses_that_have_other_units(history, read, title):
    for drawing in (figures.loss_parts(history, title), figures.training({"a": history}, title)):
        assert not any("nats" in text for text in [drawing.words, *read.texts(drawing.figure)])
