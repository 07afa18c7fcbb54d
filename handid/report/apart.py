"""Whether two levels are apart: paired over people, for systems of one notebook or of several.

What people answered in, a table of differences out; no answers per query are needed.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from handid import statistics
from handid.report.rows import WHAT

Pair = tuple[pd.Series, pd.Series]

_KEY = [column for column in WHAT if column != "method"]
_FIGURES = ["value", "low", "high", "seed_part", "p"]
_NOTHING = dict.fromkeys(_FIGURES, float("nan"))


def pairs(people: pd.DataFrame, asked: Sequence[Pair]) -> pd.DataFrame:
    """How far the first level of each pair stands above the second in rank-1, person by person.

    Args:
        people: of rows.by_people or rows.read_people; several seeds of a system are averaged.
        asked: pairs of rows that have what rows.WHAT says.

    Returns:
        One row per pair, in their order: value, low, high in percentage points, over people and
        seeds; seed_part of statistics.with_seeds; p of statistics.sign_flip, and p_holm, adjusted
        for all pairs. All NaN where the two did not answer the same queries.
    """
    groups = {key: part for key, part in people.groupby(_KEY, sort=False)}
    rows = [_difference(*(groups.get(tuple(row[_KEY])) for row in pair)) for pair in asked]
    table = pd.DataFrame(rows, columns=_FIGURES)
    return table.assign(p_holm=statistics.holm(table["p"]))


def _difference(part: pd.DataFrame | None, base: pd.DataFrame | None) -> dict[str, float]:
    if part is None or base is None:
        return _NOTHING
    (counts, right), (others, below) = (_by_seed(rows) for rows in (part, base))
    if not counts.equals(others):
        return _NOTHING
    each = [right[seed] - below.get(seed, below.mean(axis=1)) for seed in right]
    difference = (right.mean(axis=1) - below.mean(axis=1)) / counts
    # A person's queries have his or her mean: only their sum and number count.
    values, names = (np.repeat(of, counts) for of in (difference, difference.index))
    bounds = statistics.interval(values, names, kind="difference")
    total = counts.sum()
    low, high, seed_part = statistics.with_seeds([one.sum() / total for one in each], *bounds)
    figures = {"value": float(np.mean(values)), "low": low, "high": high}
    figures = {name: 100 * value for name, value in figures.items()}
    return figures | {"seed_part": seed_part, "p": statistics.sign_flip(values, names)}


def _by_seed(rows: pd.DataFrame) -> tuple[pd.Series, pd.DataFrame]:
    """Queries of each person, and how many of them each training answers right."""
    right = rows.pivot(index="subject", columns="seed", values="right").sort_index()
    return rows.groupby("subject")["n"].first().sort_index(), right
