"""scores.py: what is no list of scores is refused."""

import numpy as np
import pytest

from handid.evidence import scores


@pytest.mark.parametrize("values", [[], [[1.0]], np.array(3.0)])
def test_no_list_of_scores_is_refused(values):
    with pytest.raises(ValueError, match="There is no mated score"):
        scores.checked(values, "mated")


def test_a_failure_is_a_score_only_where_it_means_something():
    with pytest.raises(ValueError, match="1 mated scores are NaN"):
        scores.checked([np.nan, 1], "mated")
    values = scores.checked([np.nan, 1], "mated", failures=True)
    assert scores.as_never(values).tolist() == [-np.inf, 1]


@pytest.mark.parametrize("values", ["abc", [1, "x"], [1 + 2j], {1: 2}, [[1], [2, 3]], [object()]])
def test_what_is_no_number_is_refused_in_one_sentence(values):
    with pytest.raises(ValueError, match=r"^The mated scores are no list of numbers: give one"):
        scores.checked(values, "mated")


def test_scores_may_come_one_by_one():
    assert scores.checked((score for score in [0.2, 0.4]), "mated").tolist() == [0.2, 0.4]
