"""groups.py: whose errors are counted in which group, and that few people are not judged."""

import numpy as np
import pandas as pd
import pytest

from handid.evidence.scores import Comparisons
from handid.study import groups
from handid.study.compare import Material, Part

NOBODY = Part(np.zeros((0, 1)), np.zeros(0, dtype=int), np.zeros(0, dtype=int))


@pytest.fixture
def found(rng):
    """found(threshold, **columns): groups of 24 people, the second half of whom always fails."""

    def make(threshold=0.5, **columns):
        people = np.arange(24)
        pairs = np.column_stack([people, (people + 1) % 24])
        pairs.sort(axis=1)
        mated = np.where(people < 12, 0.9, 0.1)
        among = Comparisons(mated, people, np.full(24, 0.2), pairs)
        searches = pd.DataFrame({"person": people, "kind": "mated", "rank": 1.0, "score": mated})
        tests = pd.DataFrame({"subject": people, **columns})
        names = Material(NOBODY, NOBODY, NOBODY, NOBODY, NOBODY, False, 0, people.tolist())
        return groups.errors(names, among, threshold, searches, tests)

    return make


def test_each_group_has_its_own_errors_with_an_interval(found):
    table = found(gender=["f", "m"] * 12, nail_polish=[0] * 12 + [1] * 12)
    fnmr = table[table["metric"] == "FNMR"].set_index(["attribute", "group"])
    assert fnmr.loc[("nail polish", "no"), "share"] == 0
    assert fnmr.loc[("nail polish", "yes"), "share"] == 1
    assert fnmr.loc[("gender", "f"), "share"] == 0.5
    assert (fnmr["low"] <= fnmr["share"]).all() and (fnmr["share"] <= fnmr["high"]).all()
    assert set(table["metric"]) == {"FMR", "FNMR", "not at rank 1"}


def test_a_group_of_one_is_counted_and_not_judged(found):
    table = found(skin_color=["dark"] + ["fair"] * 23).set_index(["group", "metric"])
    assert table.loc["dark", "n_people"].tolist() == [1, 1, 1]
    assert table.loc["dark", "share"].isna().all() and table.loc["fair", "share"].notna().all()


def test_ages_come_in_bands_and_unknown_ones_in_none(found):
    table = found(age=[19] * 11 + [22] * 12 + [np.nan])
    assert table.drop_duplicates("group")["n_people"].tolist() == [11, 12]
    assert set(table["group"]) == {"20 or less", "21 to 25"}


def test_without_a_threshold_only_ranks_are_judged_and_without_metadata_nothing(found):
    assert set(found(np.nan, gender=["f"] * 24)["metric"]) == {"not at rank 1"}
    assert found().empty and list(found()) == groups.COLUMNS
