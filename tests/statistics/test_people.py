"""people.py: whole numbers for people."""

import numpy as np
import pytest

from handid.statistics import people


def test_people_are_summed_in_an_order_that_knows_no_names():
    totals, counts = people.sums([1, 0, 1, 1], ["b", "a", "b", "c"])
    np.testing.assert_array_equal(totals, [0, 1, 2])
    np.testing.assert_array_equal(counts, [1, 1, 2])


def test_arrays_and_unhashable_ids():
    np.testing.assert_array_equal(people.codes(np.array([7, 3, 7]), 3, "value"), [0, 1, 0])
    with pytest.raises(ValueError, match="hashable"):
        people.codes([[1], [2]], 2, "value")
