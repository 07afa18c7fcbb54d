"""Errors of test people by age, gender, skin colour and nail polish, as far as a set knows them."""

import numpy as np
import pandas as pd

from handid.evidence import groups
from handid.evidence.scores import Comparisons
from handid.study.compare import Material

GROUPS = {"age": "age", "gender": "gender", "skin_color": "skin", "nail_polish": "nail polish"}
YES_OR_NO = {"0": "no", "1": "yes"}
COLUMNS = ["attribute", "group", "n_people", "metric", "share", "low", "high"]


def errors(
    found: Material,
    among: Comparisons,
    threshold: float,
    searches: pd.DataFrame,
    tests: pd.DataFrame,
) -> pd.DataFrame:
    """Errors of groups of people at the common threshold.

    Args:
        found: what was compared.
        among: its comparisons of test people.
        threshold: of one comparison; NaN for none.
        searches: of compare.searches.
        tests: the test people's rows, with what the set's table says of them.

    Returns:
        Columns of `COLUMNS`: one row per attribute, group and error; none without metadata.
    """
    mated = searches[searches["kind"] == "mated"]
    missed = (~(mated["rank"] <= 1) | mated["score"].isna()).to_numpy()
    errors = {"not at rank 1": (missed, mated["person"].to_numpy())}
    if np.isfinite(threshold):
        # Both people of a comparison: a false match is one of each.
        both = among.pairs.T.ravel()
        errors["FMR"] = (np.tile(among.nonmated >= threshold, 2), both)
        errors["FNMR"] = (~(among.mated >= threshold), among.people)
    parts = []
    for column in [name for name in GROUPS if name in tests and tests[name].notna().any()]:
        known = tests.dropna(subset=column)
        of_person = known.groupby("subject")[column].agg(lambda values: values.mode().iloc[0])
        of_person = _bands(of_person) if column == "age" else of_person.astype(str)
        of_person = of_person.replace(YES_OR_NO if column == "nail_polish" else {})
        for metric, (wrong, people) in errors.items():
            names = pd.Series([found.names[code] for code in people])
            has = names.isin(of_person.index).to_numpy()
            shares = groups.shares(wrong[has], names[has], of_person.loc[names[has]])
            parts.append(shares.assign(attribute=GROUPS[column], metric=metric))
    return pd.concat(parts)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def _bands(ages: pd.Series) -> pd.Series:
    """Ages in three bands; half the people of 11k Hands are 20 to 22."""
    names = ["20 or less", "21 to 25", "26 and above"]
    return pd.cut(ages.astype(float), [-np.inf, 20, 25, np.inf], labels=names).astype(str)
