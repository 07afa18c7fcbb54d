"""The layout of 11k Hands (Afifi 2019): `root/HandInfo.csv` and `root/Hands/*.jpg`."""

from pathlib import Path

import pandas as pd

from handid import given
from handid.data import _csv
from handid.data import table as tables

VIEWS = ("dorsal right", "dorsal left", "palmar right", "palmar left")
METADATA = {
    "age": "age",
    "gender": "gender",
    "skinColor": "skin_color",
    "accessories": "accessories",
    "nailPolish": "nail_polish",
    "irregularities": "irregularities",
}
BURST_GAP = 3  # file numbers of one burst are at most this far apart; ours
WHOLE = ("id", "age", "accessories", "nailPolish", "irregularities")


def fits(root: Path) -> bool:
    """Whether a folder holds the list of 11k Hands."""
    return (root / "HandInfo.csv").is_file()


def read(root: str | Path, *, accessories: bool = False, missing: str = "error") -> pd.DataFrame:
    """Read the table of 11k Hands.

    Ids are whole numbers, which also mends the one real id with a trailing blank ('1200000 '). A
    person's four views are four identities. Source: 11k Hands (Afifi 2019); without accessories as
    in GPA-Net, MBA-Net and CLIP-HandID.

    Args:
        root: folder that holds HandInfo.csv.
        accessories: True keeps the photographs of hands that wear rings, watches and the like.
        missing: what a listed image without a file (or with an empty one) leads to. "error" names
            them in one error, "skip" goes on without them and warns, "keep" keeps their rows, which
            serves to count and nothing else.

    Returns:
        The table, sorted by path, index 0 to N - 1.

    Raises:
        FileNotFoundError: if HandInfo.csv or images are missing.
        ValueError: if HandInfo.csv is empty, lacks a column, holds a value of the wrong kind or
            lists an image twice.
    """
    root = given.place(root)
    tables.check_choice(missing, ("error", "skip", "keep"))
    info = _read_hand_info(root / "HandInfo.csv")
    if not accessories:
        info = info[info["accessories"] == 0]
    if info.empty:
        raise ValueError(
            f"{root / 'HandInfo.csv'} lists no hand without accessories, and others are left out: "
            "list some, or in Python pass accessories=True"
        )
    table = tables.build(
        path=tables.located(root / "Hands", info["imageName"].tolist()),
        subject=info["id"].to_numpy(),
        view=info["aspectOfHand"].to_numpy(),
        burst=bursts(info),
        **{new: info[old].to_numpy() for old, new in METADATA.items()},
    )
    return table if missing == "keep" else tables.without_missing(table, missing)


def bursts(info: pd.DataFrame) -> pd.Series:
    """Number of each photograph's burst among those of its hand and view, from 0.

    A burst is a run of file numbers whose gaps are at most BURST_GAP: photographs taken in one go.
    Files without a number count as one burst. Source: ours, from the numbers in HandInfo.csv.

    Args:
        info: id, aspectOfHand, imageName: the photographs that are used.
    """
    numbers = info["imageName"].str.extract(r"([0-9]+)[^0-9]*$")[0].fillna("0").astype("float64")
    ordered = numbers.sort_values(kind="stable")
    hands = [info["id"][ordered.index], info["aspectOfHand"][ordered.index]]
    starts = ordered.groupby(hands).diff() > BURST_GAP
    return starts.groupby(hands).cumsum().astype("int64").reindex(info.index)


def _read_hand_info(path: Path) -> pd.DataFrame:
    """HandInfo.csv with whole numbers where they belong, checked."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: name the folder that holds HandInfo.csv")
    info = _csv.read(path, ["id", "aspectOfHand", "imageName", *METADATA])
    for column in WHOLE:
        _csv.check_column(path, info[column], r"[0-9]{1,18}", "a whole number")
        info[column] = info[column].astype("int64")
    _csv.check_column(path, info["aspectOfHand"], "|".join(VIEWS), "one of " + ", ".join(VIEWS))
    _csv.check_column(path, info["imageName"], r"[^/\\]*[^/\\.]", "a file name without a folder")
    _csv.refuse_twice(path, info["imageName"])
    return info
