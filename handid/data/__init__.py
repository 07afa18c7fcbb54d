"""Folders of photographs as one table, a row per image: one file per layout, and one line here.

It lists and checks files. It decodes nothing for a model (handid.image does) and splits nothing
(handid.protocol does). No torch.

Columns of the table: `path` (str), `subject` (int, the person), `view` (str), `identity` (str,
subject and view: the hand to be found), `role` (str, `subject` or `distractor`), `burst` (int,
photographs of an identity taken in one go have the same; 0 where nothing tells), and whatever else
a layout knows. What 11k Hands tells of its people is personal data: no message prints a whole row.
"""

from importlib import import_module
from pathlib import Path

import pandas as pd

# Name of a layout -> its file here, with `fits(root)` and `read(root, ...)`. The first that fits.
LAYOUTS = {"11k": "eleven_k", "HD": "hd", "a folder per hand": "folder"}


def layout(root: str | Path) -> str:
    """The name of the layout that a folder has.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it has none of LAYOUTS.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is no folder: name the one that holds the data set.")
    for name, module in LAYOUTS.items():
        if import_module(f"handid.data.{module}").fits(root):
            return name
    raise ValueError(
        f"{root} is laid out as no data set that is known here ({', '.join(LAYOUTS)}): "
        "name the folder that holds HandInfo.csv, HD's 'Original Images', or a folder per hand."
    )


def read(root: str | Path, *, accessories: bool = False, missing: str = "error") -> pd.DataFrame:
    """The table of a folder in any of LAYOUTS.

    Args:
        root: the data set's folder.
        accessories: True keeps photographs of hands with rings, watches and the like, which the
            papers' protocol leaves out, where the set tells.
        missing: "error" stops at a listed photograph that is not there, "skip" warns and goes on.

    Returns:
        The table, sorted by path, index 0 to N - 1.

    Raises:
        FileNotFoundError: if the folder, its list or photographs are missing.
        ValueError: if the folder has no known layout, or something in it contradicts the layout.
    """
    module = import_module(f"handid.data.{LAYOUTS[layout(root)]}")
    return module.read(root, accessories=accessories, missing=missing)
