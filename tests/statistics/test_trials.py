"""trials.py: every way to draw n trials, counted."""

from itertools import product

import numpy as np
import pytest

from handid.statistics import expected_best


@pytest.mark.parametrize("values", [[0.3, 0.1, 0.2], [0.5, 0.5, 0.1, 0.9], [0.0, -1.0]])
def test_it_is_the_mean_over_every_way_to_draw_trials(values):
    found = expected_best(values)
    for count in range(1, len(values) + 1):
        best = [max(drawn) for drawn in product(values, repeat=count)]
        assert found[count - 1] == pytest.approx(np.mean(best))


def test_one_trial_is_the_mean_and_more_never_do_worse(rng):
    values = rng.normal(size=16)
    found = expected_best(values)
    assert found[0] == pytest.approx(values.mean())
    assert (np.diff(found) > 0).all() and found[-1] < values.max()


@pytest.mark.parametrize("values", [[], [0.1, float("nan")], [float("-inf"), 1.0]])
def test_what_is_no_list_of_finite_numbers_is_refused(values):
    with pytest.raises(ValueError, match="each a finite number"):
        expected_best(values)
