"""groups.py: by hand, what is counted and not judged, and the ratio of NIST."""

import numpy as np
import pandas as pd
import pytest

from handid import statistics
from handid.evidence import groups


@pytest.fixture
def people(rng):
    """30 people, 10 comparisons each: 15 fair, 11 medium, 4 dark; the medium ones err thrice."""
    who = np.repeat(np.arange(30), 10)
    group = np.repeat(["fair"] * 15 + ["medium"] * 11 + ["dark"] * 4, 10)
    errors = rng.random(300) < np.where(group == "medium", 0.3, 0.1)
    return errors, who, group


def test_groups_have_their_share_and_interval(people):
    errors, who, group = people
    table = groups.shares(errors, who, group).set_index("group")
    assert table["n_people"].to_dict() == {"dark": 4, "fair": 15, "medium": 11}
    fair = group == "fair"
    assert table.loc["fair", "share"] == pytest.approx(errors[fair].mean())
    expected = statistics.interval(errors[fair], who[fair], kind="share")
    assert tuple(table.loc["fair", ["low", "high"]]) == pytest.approx(expected)


def test_fewer_than_ten_people_are_counted_and_not_judged(people):
    table = groups.shares(*people).set_index("group")
    assert table.loc["dark", ["share", "low", "high"]].isna().all()
    assert table.loc["dark", "n"] == 40


def test_the_worst_stands_over_the_geometric_mean_of_the_judged(people):
    table = groups.shares(*people)
    fair, medium = table.set_index("group").loc[["fair", "medium"], "share"]
    assert groups.worst_to_mean(table) == pytest.approx(medium / np.sqrt(fair * medium))


def test_one_group_or_one_without_an_error_gives_no_ratio():
    alone = groups.shares([1, 0] * 10, range(20), ["a"] * 20)
    assert np.isnan(groups.worst_to_mean(alone))
    faultless = groups.shares([1] * 10 + [0] * 10, range(20), ["a"] * 10 + ["b"] * 10)
    assert np.isnan(groups.worst_to_mean(faultless))
    single = groups.shares([1.0], ["p"], ["a"])
    assert single["share"].isna().all() and single["n_people"].tolist() == [1]


def test_what_cannot_be_grouped_is_refused():
    with pytest.raises(ValueError, match="stands in two groups"):
        groups.shares([1, 0], ["p", "p"], ["a", "b"])
    with pytest.raises(ValueError, match="none of them missing"):
        groups.shares([1, np.nan], ["p", "q"], ["a", "b"])
    with pytest.raises(ValueError, match="none of them missing"):
        groups.shares([], [], [])


@pytest.mark.parametrize("table", [None, [1.0, 2.0], pd.DataFrame({"group": ["a"]})])
def test_a_table_of_no_shares_is_refused(table):
    with pytest.raises(ValueError, match="no table of shares: give what groups.shares returns"):
        groups.worst_to_mean(table)
