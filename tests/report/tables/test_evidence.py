"""evidence.py: floors, decisions fixed before the test, and headers that say the gallery."""

import numpy as np
import pandas as pd
import pytest

from handid.report import tables
from handid.report.tables.evidence import decision, shown


@pytest.fixture
def one(worth):
    """one(metric, value, low, high, floor): a worth of that figure alone."""

    def make(metric, value, low, high, floor=0.06):
        row = {"metric": metric, "value": value, "low": low, "high": high, "floor": floor}
        return worth(figures=pd.DataFrame([row | {"seed_part": np.nan}]))

    return make


def test_a_share_is_shown_with_its_interval_in_percent_and_bits_as_they_are(one):
    assert shown(one("fmr", 0.105, 0.07, 0.14), "fmr") == "10.5 [7.0, 14.0]"
    assert shown(one("cllr", 0.4, 0.31, 0.5, 0), "cllr") == "0.40 [0.31, 0.50]"


def test_nothing_below_the_floor_or_without_an_interval_is_printed(one):
    assert shown(one("fmr", 0.02, 0.01, 0.03), "fmr") == "n/a (floor 6.0)"
    assert shown(one("fmr", 0.2, np.nan, np.nan), "fmr") == "n/a (too few people)"
    assert shown(one("cllr", 0.2, np.nan, np.nan), "cllr") == "n/a (too few people)"
    assert shown(one("fmr", 0.2, 0.1, 0.3), "fpir_extra") == "–"


@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        ((0.10, 0.07, 0.14), "pass"),
        ((0.10, 0.07, 0.16), "unclear"),
        ((0.30, 0.16, 0.40), "fail"),
        ((0.10, np.nan, np.nan), "not tested"),
    ],
)
def test_a_criterion_is_met_by_the_whole_interval_or_not_met_by_any_of_it(one, figure, expected):
    assert decision(one("fmr", *figure), "fmr", 0.15) == expected


def test_no_error_among_few_people_passes_no_criterion_below_the_floor(one):
    assert decision(one("fmr", 0.0, 0.0, 0.01, 0.06), "fmr", 0.05) == "unclear"
    assert decision(one("fmr", 0.0, 0.0, 0.01, 0.06), "fmr", 0.07) == "pass"


def test_the_report_has_a_row_per_criterion_and_an_empty_place_where_nothing_was_had(worth):
    system = worth(without=["cllr", "cllr_cal"], calibration=None, refusal="Too few.")
    report = tables.validation([system], {"cllr": 0.5, "eer": 0.15})
    assert list(report.columns)[0] == "characteristic"
    assert report["metric"].tolist() == ["Cllr", "equal error rate"]
    assert report["criterion"].tolist() == ["at most 0.5", "at most 15 %"]
    assert report["result"].tolist() == ["–", "11.0 [9.0, 14.0]"]
    assert report["decision"].tolist() == ["not tested", "pass"]


def test_several_systems_have_a_column(worth):
    report = tables.validation([worth(), worth(name="GPA-Net")], {"eer": 0.15})
    assert report["system"].tolist() == ["CLIP-FT", "GPA-Net"] and "task" not in report


def test_an_unknown_criterion_is_refused(worth):
    with pytest.raises(ValueError, match="Unknown criterion 'auc': choose one of cllr"):
        tables.validation([worth()], {"auc": 0.5})


@pytest.mark.parametrize("criterion", [("fmr", 15), ("cllr", 0), ("eer", "0.1"), ("fpir", -0.1)])
def test_a_criterion_that_nothing_could_be_held_to_is_refused(criterion):
    metric, value = criterion
    with pytest.raises(ValueError, match=f"Criterion '{metric}' cannot be {value!r}: give "):
        tables.check_criteria({"cllr": 0.5, metric: value})
    tables.check_criteria({"cllr": 2, "fmr": 0.15})
    with pytest.raises(ValueError, match="The criteria are .'eer'.: name metrics with their high"):
        tables.check_criteria(["eer"])


def test_decisions_add_up_to_the_criteria(worth):
    counts = tables.decisions([worth(), worth(task="other hand")], {"cllr": 0.5, "eer": 0.1})
    assert counts["task"].tolist() == ["papers", "other hand"]
    assert (counts[["pass", "fail", "unclear", "not tested"]].sum(axis=1) == 2).all()
    assert list(tables.decisions([], {"eer": 0.1}).columns) == list(counts.columns)


def test_systems_stand_side_by_side_and_a_figure_that_none_has_is_left_out(worth):
    table = tables.worths([worth(), worth(name="GPA-Net")])
    assert list(table.columns) == ["figure", "CLIP-FT", "GPA-Net"]
    assert "FPIR, %" in table["figure"].tolist()
    assert "FPIR, extra people, %" not in table["figure"].tolist()


def test_places_are_target_and_task(worth):
    places = tables.by_place([worth(), worth(name="GPA-Net"), worth(task="other hand")])
    assert {where: len(part) for where, part in places.items()} == {
        "synthetic 11k dorsal right, papers": 2,
        "synthetic 11k dorsal right, other hand": 1,
    }


def test_a_header_says_people_gallery_and_failures(worth):
    text = tables.setting_of(worth(n_extra=3, n_failed=2))
    assert "45 test people" in text and "gallery of 22" in text
    assert "3 more people" in text and "2 photographs that could not be decoded (errors)" in text


def test_the_worst_group_stands_over_the_geometric_mean_of_those_judged(worth):
    groups = worth().groups.assign(share=[0.5, 0.25, np.nan])
    (gender, skin) = tables.group_ratios([worth(groups=groups)])["worst / geometric mean"]
    assert gender == pytest.approx(0.5 / np.sqrt(0.5 * 0.25)) and np.isnan(skin)  # of five people


def test_a_group_below_its_floor_gives_no_ratio(worth):
    ratios = tables.group_ratios([worth()]).set_index("attribute")["worst / geometric mean"]
    assert worth().groups["share"][1] == 0.1 < 1 - 0.05 ** (1 / 13)
    assert np.isnan(ratios["gender"])
