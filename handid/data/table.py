"""The one data structure, the table of photographs, and what every layout needs to fill it."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp")


def build(
    path: Sequence[str],
    subject: Sequence[int] | np.ndarray,
    view: str | Sequence[str],
    role: str | Sequence[str] = "subject",
    burst: int | Sequence[int] | pd.Series = 0,
    **metadata,
) -> pd.DataFrame:
    """The table of handid.data's first lines, sorted by path; more columns by keyword."""
    table = pd.DataFrame({"path": path, "subject": subject, "view": view})
    table["subject"] = table["subject"].astype("int64")
    table["identity"] = table["subject"].astype(str) + " " + table["view"]
    table["role"] = role
    table["burst"] = np.asarray(burst)
    return table.assign(**metadata).sort_values("path", ignore_index=True)


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


def stop_or_warn(missing: str, sentence: str) -> None:
    """Raise, or warn and go on, as the caller of a reader chose.

    Raises:
        FileNotFoundError: if missing is "error".
    """
    if missing == "error":
        raise FileNotFoundError(f"{sentence}: put them in place, or pass missing='skip' to go on")
    warnings.warn(f"{sentence}: skipped", stacklevel=4)


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
