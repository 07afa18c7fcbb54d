"""The one data structure, the table of photographs, and what every layout needs to fill it."""

import re
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from handid import given

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp")
# Images of other kinds, which people have and nothing here reads.
OTHERS = (".heic", ".heif", ".tif", ".tiff", ".webp", ".gif", ".avif", ".jp2", ".dng", ".cr2")
# In names of people and views: what titles, file names of figures or prompts would read as a sign.
FORBIDDEN = '/\\$<>|*`"&{}[]'
_FLOAT = re.compile(r"\d+\.0+")
LONGEST = 60  # characters of a name


def build(
    path: Sequence[str],
    subject: Sequence[int] | Sequence[str] | np.ndarray,
    view: str | Sequence[str],
    role: str | Sequence[str] = "subject",
    burst: int | Sequence[int] | pd.Series = 0,
    **metadata,
) -> pd.DataFrame:
    """The table of handid.data's first lines, sorted by path; more columns by keyword.

    People are whole numbers where all their names are, texts otherwise.

    Raises:
        ValueError: if a person or view has an unusable name, an identity is of two people, or a
            person is subject and distractor.
    """
    table = pd.DataFrame({"path": path, "subject": subject, "view": view})
    names = table["subject"].astype(str)
    table["subject"] = names.astype("int64") if names.str.fullmatch("[0-9]{1,18}").all() else names
    table["identity"] = table["subject"].astype(str) + " " + table["view"]
    table["role"] = role
    _check_names(table)
    table["burst"] = np.asarray(burst)
    for name, values in metadata.items():  # a column may be called as an argument is
        table[name] = values
    return table.sort_values("path", ignore_index=True)


def by_name(table: pd.DataFrame) -> pd.DataFrame:
    """A table sorted by file name, whatever the folders: the same set gives the same batches."""
    order = sorted(table.index, key=lambda i: (Path(table["path"][i]).name, table["path"][i]))
    return table.loc[order].reset_index(drop=True)


def _check_names(table: pd.DataFrame) -> None:
    """Refuse names that no title can show, and identities or people that are two things at once."""
    for column in ("subject", "view"):
        for name in table[column].astype(str).unique():
            if not _is_plain(name):
                raise ValueError(
                    f"The {column} {name[:LONGEST]!r} cannot be shown in titles: a name begins "
                    f"with a letter or digit, has at most {LONGEST} characters and none of "
                    f"{' '.join(FORBIDDEN)}."
                )
        _refuse_spellings(column, table[column].astype(str).unique())
    people = table.drop_duplicates(["subject", "view"])
    if (twice := people["identity"].duplicated()).any():
        name = people["identity"][twice].iloc[0]
        raise ValueError(
            f"The identity {name!r} is of two people: subject and view together must tell whose "
            "hand it is, so rename one of them."
        )
    both = set(table.loc[table["role"] == "subject", "subject"])
    if both := both & set(table.loc[table["role"] == "distractor", "subject"]):
        raise ValueError(f"{next(iter(both))} is a subject and a distractor: choose one role.")


def _refuse_spellings(column: str, names: Iterable[str]) -> None:
    """Refuse one name in two spellings: left and Left, 7 and 007 beside names, 7.0."""
    first: dict[str, str] = {}
    for name in names:
        whole = name.partition(".")[0] if _FLOAT.fullmatch(name) else name  # 7.0, of a spreadsheet
        other = first.setdefault(str(int(whole)) if whole.isdecimal() else name.casefold(), name)
        if other != name:
            raise ValueError(
                f"The {column}s {other!r} and {name!r} are one name in two spellings: write both "
                "alike, or name one of them otherwise."
            )


def _is_plain(name: str) -> bool:
    """Whether a name can stand in titles, file names and prompts."""
    short = 0 < len(name) <= LONGEST and name[0].isalnum()
    return short and name.isprintable() and not set(FORBIDDEN) & set(name)


def without_missing(table: pd.DataFrame, missing: str) -> pd.DataFrame:
    """The table without rows that have no file, or an empty one, after stopping or warning.

    Raises:
        FileNotFoundError: if missing is "error" and a file is not there, or none is left.
    """
    files = [Path(path) for path in table["path"]]
    there = pd.Series([file.is_file() and file.stat().st_size > 0 for file in files], table.index)
    if there.all():
        return table
    absent = table["path"][~there].tolist()
    names = ", ".join(absent[:3]) + (", ..." if len(absent) > 3 else "")
    if not there.any():
        raise FileNotFoundError(f"no image is left: all {len(table):,} are missing ({names})")
    stop_or_warn(
        missing, f"{len(absent):,} of {len(table):,} images are missing or empty ({names})"
    )
    return table[there].reset_index(drop=True)


def located(folder: Path, names: Sequence[str]) -> list[str]:
    """Paths of listed images below a folder, endings in any case (1.jpg also finds 1.JPG).

    A Mac writes é as two signs, other systems as one: either finds the other.

    Raises:
        FileNotFoundError: if none is there, but all lie one folder deeper.
        ValueError: if two names are of one file.
    """
    listings: dict[Path, dict[str, Path]] = {}
    paths = []
    for name in names:
        path = folder / name
        if path.parent not in listings:
            listings[path.parent] = _by_ending(path.parent)
        listing = listings[path.parent]
        exact = listing.get(path.name)
        paths.append(str(exact or listing.get(_lower_ending(path.name)) or path))
    first: dict[str, str] = {}
    for name, path in zip(names, paths, strict=True):
        if (twin := first.setdefault(path, name)) != name:
            raise ValueError(f"{twin} and {name} are one file in {folder}: remove one row")
    if paths and not any(Path(path).is_file() for path in paths):
        deeper = [one for one in folders(folder) if (one / names[0]).is_file()]
        if deeper:
            raise FileNotFoundError(
                f"{folder} holds none of the {len(paths):,} listed images, but {deeper[0]} does: "
                f"move what it holds into {folder}."
            )
    return paths


def _by_ending(folder: Path) -> dict[str, Path]:
    """Files of a folder by name, and by their name with its ending in small letters."""
    if not folder.is_dir():
        return {}
    files = sorted(folder.iterdir())
    return {_lower_ending(file.name): file for file in files} | {file.name: file for file in files}


def _lower_ending(name: str) -> str:
    """A file name in composed letters, with its ending in small ones."""
    name = unicodedata.normalize("NFC", name)
    return f"{Path(name).stem}{Path(name).suffix.lower()}"


def folders(folder: Path) -> list[Path]:
    """Folders in a folder, hidden ones left out, sorted; none where there is no folder."""
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in inside if path.is_dir() and not path.name.startswith(".")]


def stop_or_warn(missing: str, sentence: str) -> None:
    """Raise, or warn and go on, as the caller of a reader chose.

    Raises:
        FileNotFoundError: if missing is "error".
    """
    if missing == "error":
        raise FileNotFoundError(f"{sentence}: put them in place, or pass missing='skip' to go on")
    warnings.warn(f"{given.printable(sentence)}: skipped", stacklevel=4)


def tell_of_others(root: Path, paths: Iterable[Path]) -> None:
    """Warn of images of a kind that is not read, with their number.

    Args:
        root: what was read.
        paths: all that lies where photographs were looked for.
    """
    others = [path for path in paths if path.suffix.lower() in OTHERS and path.name[0] != "."]
    if others:
        count = "1 image is" if len(others) == 1 else f"{len(others)} images are"
        warnings.warn(
            f"{count} of a kind that is not read and left out of {given.printable(str(root))}, the "
            f"first is {given.printable(others[0].name)}: save as JPEG or PNG what is to be used.",
            stacklevel=4,
        )


def check_choice(missing: str, choices: Sequence[str] = ("error", "skip")) -> None:
    """Refuse an unknown value of `missing`.

    Raises:
        ValueError: if it is none of the choices.
    """
    if missing not in choices:
        raise ValueError(f"missing={missing!r} is unknown: use one of {', '.join(choices)}")


def list_images(folder: Path) -> list[Path]:
    """Image files of one flat folder, sorted.

    Raises:
        ValueError: if it is empty or nested.
    """
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if nested := [path for path in paths if path.is_dir()]:
        raise ValueError(f"{nested[0]} is nested too deep: put the images straight into {folder}")
    images = [path for path in paths if path.suffix.lower() in EXTENSIONS]
    if not images:
        raise ValueError(f"{folder} holds no image ({', '.join(EXTENSIONS)}): fill or remove it")
    return images
