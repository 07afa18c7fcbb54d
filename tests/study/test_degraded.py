"""Which severities are asked: named, ordered, refused; and a photograph of each."""

from math import inf

import numpy as np
import pytest

from handid.study import degraded


def test_each_severity_is_asked_twice_from_slight_to_severe():
    steps = degraded.steps({"blur": [6, 2], "resolution": [10, 40]})
    both = steps[steps["degraded"] == degraded.BOTH]
    assert both["image"].tolist() == ["blur 2", "blur 6", "resolution 40", "resolution 10"]
    assert both["amount"].tolist() == [2, 6, 1 / 40, 1 / 10]
    assert both["harmless"].tolist() == [0, 0, inf, inf]
    query = steps[steps["degraded"] == degraded.QUERY]
    assert query["image"].tolist()[0] == "blur 2 against whole"
    assert query["unit"].iloc[0].startswith("sigma")


def test_both_sides_of_what_is_harmless_are_two_kinds():
    steps = degraded.steps({"exposure": [-2, 1, -1], "grey": []})
    both = steps[steps["degraded"] == degraded.BOTH]
    kinds = both.groupby("kind", sort=False)["image"].apply(list).to_dict()
    assert kinds == {
        "exposure below 0": ["exposure -1", "exposure -2"],
        "exposure above 0": ["exposure 1"],
        "grey": ["grey"],
    }


def test_severities_that_are_written_alike_are_asked_once():
    steps = degraded.steps({"blur": [2, 2.0000001, 2.0]})
    assert steps["image"].tolist() == ["blur 2 against whole", "blur 2"]


@pytest.mark.parametrize(
    ("severities", "sentence"),
    [
        ({"fog": [2]}, "Unknown image 'fog 2'"),
        ({"blur": [99]}, "out of range"),
        ({"blur": [10**400]}, "^blur=1000.* is no number: give one$"),
        ({"blur": []}, "lacks its severity"),
        ({"hand": []}, "'hand' is no degradation"),
        ({}, "No degradation is named"),
        ({"blur": 2}, r"The severities of 'blur' are 2: write a list of numbers, such as {'blur'"),
        ({"exposure": [0, -1]}, "'exposure 0' changes nothing: leave it out"),
        ([2, 6], r"The severities are \[2, 6\]: name degradations with theirs"),
        ({"blur": ["a"]}, r"The severities of 'blur' are \['a'\]: write a list of numbers"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_sentence(severities, sentence):
    with pytest.raises(ValueError, match=sentence):
        degraded.steps(severities)


def test_a_degradation_that_two_groups_name_is_refused():
    assert len(degraded.steps({"blur": [2]}, {"grey": []})) == 4
    with pytest.raises(ValueError, match="^The severities of 'grey' are named twice: write them"):
        degraded.steps({"blur": [2], "grey": []}, {"grey": []})


def test_a_photograph_is_shown_as_it_is_and_at_each_severity(lab):
    path, steps = lab.table("11k")["path"].iloc[0], degraded.steps({"exposure": [-1, -3]})
    shown = degraded.pictures(lab, path, steps, show=True)["exposure"]
    means = [picture.mean() for picture in shown]
    assert len(shown) == 3 and means == sorted(means, reverse=True)
    hidden = degraded.pictures(lab, path, steps, show=False)["exposure"]
    assert len(hidden) == 3 and all(np.ptp(picture) == 0 for picture in hidden)
