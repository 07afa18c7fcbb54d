"""The layout of one flat folder: `root/PERSON_VIEW_NUMBER.jpg`, such as ann_left_1.jpg."""

from pathlib import Path

import pandas as pd

from handid.data import table as tables


def fits(root: Path) -> bool:
    """Whether images with such names lie in the folder."""
    return any(file.stem.count("_") == 2 for file in root.glob("*.jpg"))


def read(root: str | Path, *, accessories: bool = False, missing: str = "error") -> pd.DataFrame:
    """The table of a flat folder; nothing tells of accessories."""
    files = tables.list_images(Path(root).expanduser())
    people, views = zip(*(file.stem.split("_")[:2] for file in files), strict=True)
    table = tables.build(path=[str(file) for file in files], subject=people, view=views)
    return tables.without_missing(table, missing)
