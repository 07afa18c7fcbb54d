"""Error rates of groups of people at one common threshold: counted always, judged if they can be.

The names of groups (skin colour, gender, age band) are whatever the data set's annotators wrote.
"""

from collections.abc import Hashable, Iterable

import numpy as np
import pandas as pd

from handid import given, statistics

FEWEST = 10  # people below whom a group is counted and not judged


def shares(
    errors: Iterable[float], people: Iterable[Hashable], groups: Iterable[Hashable]
) -> pd.DataFrame:
    """The share of errors of each group of people, with its interval over them.

    Args:
        errors: [N] 0 or 1, such as a mated score below the common threshold.
        people: [N] whose comparison or query it is.
        groups: [N] the person's group.

    Returns:
        One row per group in the order of its name: group, n_people, n, share, low, high; the last
        three NaN for a group of fewer than 10 people.

    Raises:
        ValueError: if lengths differ, there is no error rate, or a person stands in two groups.
    """
    rates = given.numbers(errors, "errors").ravel()
    names = {"person": people, "group": groups}
    listed = {key: given.ids(values, len(rates), "error") for key, values in names.items()}
    for values in listed.values():
        given.codes(values)  # refuses what can be no id
    table = pd.DataFrame({"error": rates, **listed}, dtype=object).astype({"error": "float64"})
    if table.empty or table.isna().any(axis=None):
        raise ValueError("Give one error, person and group per comparison, none of them missing.")
    if (table.groupby("person")["group"].nunique() > 1).any():
        raise ValueError("A person stands in two groups: give each person one.")
    rows = []
    for group, part in table.groupby("group", sort=True):
        n_people = part["person"].nunique()
        figures = (float("nan"),) * 3
        if n_people >= FEWEST:
            interval = statistics.interval(part["error"], part["person"], kind="share")
            figures = (part["error"].mean(), *interval)
        rows.append((group, n_people, len(part), *figures))
    return pd.DataFrame(rows, columns=["group", "n_people", "n", "share", "low", "high"])


def worst_to_mean(table: pd.DataFrame) -> float:
    """The highest share of errors over the geometric mean of all that were judged (NIST FRTE).

    Args:
        table: of `shares`.

    Returns:
        1 or more; NaN where fewer than two groups were judged or one of them made no error, which
        says that it has too few people and not that it is infinitely better.

    Raises:
        ValueError: if it is another table, or none.
    """
    if not isinstance(table, pd.DataFrame) or "share" not in table:
        raise ValueError("There is no table of shares: give what groups.shares returns.")
    judged = table["share"].dropna()
    if len(judged) < 2 or (judged <= 0).any():
        return float("nan")
    return float(judged.max() / np.exp(np.log(judged).mean()))
