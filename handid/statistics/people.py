"""Who is who in a list of queries: whole numbers for people, and their sums. No statistics here."""

from collections.abc import Hashable, Iterable

import numpy as np

from handid import given

LARGEST = 1e100  # of a value: sums of squares stay finite


def codes(ids: Iterable[Hashable], expected: int, name: str) -> np.ndarray:
    """Whole numbers from 0 in the place of ids, [N], equal where the ids are.

    Args:
        ids: [N], of any hashable type.
        expected: N.
        name: of what a row is, for the refusal.

    Raises:
        ValueError: if there are more or fewer ids than rows, or one is missing or not hashable.
    """
    values = given.ids(ids, expected, name)
    known = given.codes(values)
    return np.array([known[value] for value in values])


def sums(values: Iterable[float], people: Iterable[Hashable]) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of each person's values, [people] each, in an order free of names and rows.

    Args:
        values: [Q] finite numbers, none beyond LARGEST.
        people: [Q] who is shown.

    Raises:
        ValueError: if lengths differ, there is no value, or a value is NaN or beyond LARGEST.
    """
    values = given.numbers(values, "values")
    if values.ndim != 1 or len(values) == 0 or not (np.abs(values) <= LARGEST).all():
        raise ValueError(
            f"values must be a non-empty list of finite numbers up to {LARGEST:g}, one per query"
        )
    known = codes(people, len(values), "value")
    # Sorted before it is summed: a sum of fractions depends on their order in its last digit.
    order = np.lexsort((values, known))
    totals, counts = np.bincount(known[order], weights=values[order]), np.bincount(known)
    order = np.lexsort((counts, totals))
    return totals[order], counts[order].astype(float)
