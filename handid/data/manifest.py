"""The layout of any list: `root/hands.csv` with the columns path, subject and view."""

import unicodedata
from functools import partial
from pathlib import Path, PurePosixPath

import pandas as pd

from handid import given
from handid.data import _csv
from handid.data import table as tables
from handid.data.sets import NAMELESS

LIST = "hands.csv"
NEEDED = ("path", "subject", "view")
ROLES = ("subject", "distractor")
# A place below the folder: no absolute path, no "..", no backslash of another system.
BELOW = r"(?![/~])(?!(?:.*/)?\.\.(?:/|$))(?!.*//?$)[^\\\0-\x1f\x7f:]+"
# What programs write where nothing is known: all whom nobody knows would be one person.
KNOWN = r"(?!(?:nan|NaN|None|null|NULL|<NA>|#?N/A)$).+"


def fits(root: Path) -> bool:
    """Whether a folder holds a list of hands."""
    return (root / LIST).is_file()


def read(root: str | Path, *, accessories: bool = False, missing: str = "error") -> pd.DataFrame:
    """Read the table that a list of hands describes.

    Columns: `path`, below the folder; `subject`, whole numbers (007 is 7) or names; `view`, free
    text, empty throughout where the set has one; and, where wanted, `session` (photographs taken in
    one go: the table's `burst`; rows without one share one), `role` (`subject`, or `distractor` for
    people who are only in the gallery) and any metadata. Of a column `accessories` (0 or 1), rows
    with 1 are left out unless asked for. Links are followed wherever they lead: who makes them has
    decided so; what a list says, others may have written, so a path of it stays below the folder.

    Args:
        root: the folder of hands.csv.
        accessories: True keeps the photographs of hands that wear rings, watches and the like.
        missing: what a listed image without a file (or with an empty one) leads to: "error" names
            them in one error, "skip" goes on without them and warns.

    Returns:
        The table, sorted by file name, index 0 to N - 1.

    Raises:
        FileNotFoundError: if hands.csv or images are missing.
        ValueError: if hands.csv is no list, lacks a column, holds a value of the wrong kind, lists
            an image twice or an identity of two people, or there is one person only.
    """
    tables.check_choice(missing)
    root = given.place(root)
    path = root / LIST
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: name the folder that holds {LIST}")
    rows = _checked(path, _csv.read(path, NEEDED))
    if "accessories" in rows and not accessories:
        rows = rows[rows["accessories"] == "0"]
        if rows.empty:
            raise ValueError(
                f"{path} lists no hand without accessories, and others are left out: remove the "
                "column accessories to use all, or in Python pass accessories=True"
            )
    extra = [str(name) for name in rows if name not in (*NEEDED, "role")]
    table = tables.build(
        path=tables.located(root, rows["path"].tolist()),
        subject=rows["subject"].tolist(),
        view=rows["view"].tolist(),
        role=rows["role"].tolist(),
        burst=pd.factorize(rows["session"], sort=True)[0].tolist() if "session" in rows else 0,
        **{name: _numbers(rows[name]).to_numpy() for name in extra},
    )
    people = table.loc[table["role"] == "subject", "subject"].nunique()
    if people < 2:
        raise ValueError(
            f"{path} lists {people or 'no'} {'person' if people == 1 else 'people'} to be found: "
            "two are needed."
        )
    return tables.without_missing(tables.by_name(table), missing)


def _checked(path: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a view and a role each, every value checked."""
    for made, of in (("identity", "subject and view"), ("burst", "session")):
        if made in rows:
            raise ValueError(f"{path} has a column '{made}', which is made of {of}: remove it.")
    if "role" not in rows:
        rows["role"] = ROLES[0]
    rows["role"] = rows["role"].replace("", ROLES[0])
    if (rows["view"] == "").all():
        rows["view"] = NAMELESS
    _csv.check_column(path, rows["path"], BELOW, "a path below the folder, such as ann/1.jpg")
    _csv.check_column(path, rows["subject"], KNOWN, "a person")
    _csv.check_column(path, rows["view"], KNOWN, "a view, or none in all rows")
    _csv.check_column(path, rows["role"], "|".join(ROLES), "one of " + ", ".join(ROLES))
    if "accessories" in rows:
        _csv.check_column(path, rows["accessories"], "[01]", "0 or 1")
    rows["path"] = [str(PurePosixPath(name)) for name in rows["path"]]
    for column in ("subject", "view"):  # as people type them: composed letters
        rows[column] = rows[column].map(partial(unicodedata.normalize, "NFC"))
    _csv.refuse_twice(path, rows["path"])
    return rows


def _numbers(column: pd.Series) -> pd.Series:
    """A column of metadata as whole numbers, or numbers, where every filled cell is one."""
    filled = column[column != ""]
    if filled.empty or not filled.str.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,15})?").all():
        return column
    if len(filled) == len(column) and not filled.str.contains(".", regex=False).any():
        return column.astype("int64")
    return pd.to_numeric(column.replace("", None))
