"""evidence.py: what the figures of a match's worth show, and what they leave empty."""

import numpy as np
import pandas as pd
import pytest

from handid.report import figures


def test_the_det_curve_ends_at_the_floor_and_names_rates_above_it(worth, title, read):
    drawing = figures.det([worth()], title)
    (axis,) = drawing.figure.axes
    assert "6.4 (floor)" in read.texts(axis)
    assert np.min(read.line(axis)[0]) >= axis.get_xlim()[0] - 1e-9
    assert " at 10 %" in drawing.words and " at 5 %" not in drawing.words


def test_so_few_people_that_no_rate_is_supported_leave_the_det_empty(worth, title, read):
    drawing = figures.det([worth(floor=0.53)], title)
    assert drawing.figure.axes[0].lines[:] == []
    assert "n/a (floor 53.0 %)" in drawing.words and "n/a (floor 53.0 %)" in " ".join(
        read.texts(drawing.figure)
    )


@pytest.mark.parametrize("name", ["tippett", "entropy", "pav"])
def test_a_system_without_calibration_has_an_empty_panel_and_its_sentence(worth, title, read, name):
    refused = worth(name="GPA-Net", calibration=None, refusal="19 people are too few.")
    drawing = getattr(figures, name)([worth(), refused], title)
    assert "not calibrated" in read.texts(drawing.figure.axes[1])
    assert "GPA-Net: not calibrated. 19 people are too few" in drawing.words


def test_the_tippett_plot_has_bands_bounds_and_the_misleading_shares(worth, title, read):
    system = worth()
    drawing = figures.tippett([system], title)
    (axis,) = drawing.figure.axes
    assert len(axis.collections) == 2
    places = [line.get_xdata()[0] for line in axis.lines if line.get_label() == "bounds"]
    assert places == [-1.4, 1.3]
    share = system.figure("misleading_nonmated")
    said = "n/a (floor)" if share["value"] < share["floor"] else f"{100 * share['value']:.1f} %"
    assert f"different hands above 0 {said}" in drawing.words


def test_failures_are_drawn_by_nobody(worth, title):
    mated = np.append(worth().mated, np.nan)
    words = figures.similarities_of_pairs([worth(mated=mated)], title).words
    assert words == figures.similarities_of_pairs([worth()], title).words


def test_the_gallery_stands_on_the_open_set_figure(worth, title):
    drawing = figures.open_set([worth()], title)
    assert "22 enrolled" in drawing.figure.axes[0].get_xlabel()
    assert "gallery of 22 people" in drawing.words


def test_no_rate_below_the_floor_is_said_of_searches(worth, title):
    search = pd.DataFrame({"threshold": [0, 1.0], "fpir": [0.3, 0.09], "fnir": [0.01, 0.4]})
    words = figures.open_set([worth(search=search, floor=0.05)], title).words
    assert "CLIP-FT: 40.0 % at 10 %, n/a (floor) at 50 %" in words
    words = figures.open_set([worth(search=search, floor=0.2)], title).words
    assert "n/a (floor) at 10 %, n/a (floor) at 50 %" in words
    words = figures.open_set([worth(search=search[:0])], title).words
    assert "none at 10 %, none at 50 %" in words


def test_more_systems_than_fit_beside_each_other_go_below(worth, title):
    drawing = figures.tippett([worth(name=f"S{n}") for n in range(4)], title)
    assert [axis.axison for axis in drawing.figure.axes] == [True] * 4 + [False] * 2


def test_where_nothing_is_calibrated_one_line_stands_in_place_of_panels(worth, title, read):
    refused = [worth(name=n, calibration=None, refusal="Too few.") for n in ("A", "B", "C", "D")]
    drawing = figures.tippett(refused, title)
    assert read.texts(drawing.figure).count("not calibrated") == 1
    assert drawing.words.endswith("nothing could be calibrated. Too few.")
