"""scores.py: what is no list of scores is refused."""

import numpy as np
import pytest

from handid.evidence import scores


@pytest.mark.parametrize("values", [[], [[1.0]], 3.0])
def test_no_list_of_scores_is_refused(values):
    with pytest.raises(ValueError, match="There is no mated score"):
        scores.checked(values, "mated")


def test_a_failure_is_a_score_only_where_it_means_something():
    with pytest.raises(ValueError, match="1 mated scores are NaN"):
        scores.checked([np.nan, 1], "mated")
    values = scores.checked([np.nan, 1], "mated", failures=True)
    assert scores.as_never(values).tolist() == [-np.inf, 1]
