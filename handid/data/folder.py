"""The layout of anybody's hands: `root/<hand>/<images>`, a folder per hand, nothing deeper."""

import re
from pathlib import Path

import pandas as pd

from handid.data import table as tables


def fits(root: Path) -> bool:
    """Whether a folder holds folders with images."""
    folders = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    files = [file for folder in folders for file in folder.iterdir()]
    return any(file.suffix.lower() in tables.EXTENSIONS for file in files)


def read(root: str | Path, *, accessories: bool = False, missing: str = "error") -> pd.DataFrame:
    """Read the table of a folder of folders.

    Subjects are numbered from 1 in the natural order of the folder names (2 before 10), and each
    counts as one person with one view, "hand". Put a person's two hands into two folders only if
    you accept that they count as two people.

    Args:
        root: folder that holds one folder per hand; hidden names and other file types are passed
            over.
        accessories: nothing tells of them; whichever is asked, all photographs are read.
        missing: "error" stops on a link that leads nowhere or an empty file, "skip" goes on without
            it and warns.

    Returns:
        The table, sorted by path, index 0 to N - 1.

    Raises:
        FileNotFoundError: if root or an image is missing.
        ValueError: if a folder is empty or nested, an image lies outside the folders, or a link
            leads nowhere.
    """
    tables.check_choice(missing)
    root = Path(root).expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is no folder: name one that holds a folder for each hand")
    entries = [path for path in root.iterdir() if not path.name.startswith(".")]
    for path in entries:
        if path.is_symlink() and not path.exists():
            raise ValueError(f"{path} is a link that leads nowhere: mend or remove it")
        if path.suffix.lower() in tables.EXTENSIONS and not path.is_dir():
            raise ValueError(f"{path} lies outside the hands' folders: move it to root/<hand>/")
    folders = sorted((path for path in entries if path.is_dir()), key=_natural)
    images = [tables.list_images(folder) for folder in folders]
    if not folders:
        raise ValueError(f"{root} holds no folder: expected one for each hand, with its images")
    table = tables.build(
        path=[str(path) for group in images for path in group],
        subject=[n for n, group in enumerate(images, start=1) for _ in group],
        view="hand",
    )
    return tables.without_missing(table, missing)


def _natural(path: Path) -> tuple[list[int | str], str]:
    """Sort key in which 2 stands before 10."""
    pieces = re.split("([0-9]+)", path.name)
    return [int(p) if p.isdecimal() and p.isascii() else p for p in pieces], path.name
