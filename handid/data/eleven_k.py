"""The layout of 11k Hands (Afifi 2019): `root/HandInfo.csv` and `root/Hands/*.jpg`."""

from pathlib import Path

import pandas as pd

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
    root = Path(root).expanduser()
    tables.check_choice(missing, ("error", "skip", "keep"))
    info = _read_hand_info(root / "HandInfo.csv")
    if not accessories:
        info = info[info["accessories"] == 0]
    if info.empty:
        raise ValueError(
            f"{root / 'HandInfo.csv'} lists no hand without accessories: pass accessories=True"
        )
    table = tables.build(
        path=[str(root / "Hands" / name) for name in info["imageName"]],
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
    try:
        info = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a readable CSV file: fetch it again") from error
    needed = ["id", "aspectOfHand", "imageName", *METADATA]
    if absent := [column for column in needed if column not in info]:
        raise ValueError(f"{path} lacks the column {absent[0]!r}: it has {', '.join(info.columns)}")
    if info.empty:
        raise ValueError(f"{path} lists no image: fetch it again")
    info = info.apply(lambda column: column.str.strip())
    for column in WHOLE:
        _check_column(path, info[column], r"[0-9]{1,18}", "a whole number")
        info[column] = info[column].astype("int64")
    _check_column(path, info["aspectOfHand"], "|".join(VIEWS), "one of " + ", ".join(VIEWS))
    _check_column(path, info["imageName"], r"[^/\\]*[^/\\.]", "a file name without a folder")
    if (twice := info["imageName"].duplicated()).any():
        name = info["imageName"][twice].iloc[0]
        raise ValueError(f"{path} lists {name} twice: two copies of a file name, remove one row")
    return info


def _check_column(path: Path, column: pd.Series, pattern: str, expected: str) -> None:
    """Refuse the first value that does not match, naming its data row (header not counted)."""
    bad = ~column.str.fullmatch(f"(?:{pattern})")
    if bad.any():
        row = int(bad.to_numpy().argmax())
        raise ValueError(
            f"{path}: {column.name} is {column.iloc[row]!r} in data row {row + 1}, "
            f"expected {expected}"
        )
