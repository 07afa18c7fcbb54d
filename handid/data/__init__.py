"""Folders of photographs as one table, a row per image: one file per layout, and a line in sets.

It lists and checks files. It decodes nothing for a model (handid.image does) and splits nothing
(handid.protocol does). No torch.

Columns of the table: `path` (str), `subject` (int or str, the person), `view` (str), `identity`
(str, subject and view: the hand to be found), `role` (str, `subject` or `distractor`), `burst`
(int, photographs of an identity taken in one go have the same; 0 where nothing tells), and whatever
else a layout knows. What sets tell of their people is personal data: no message prints a whole row.
"""

from pathlib import Path

import pandas as pd

from handid import given
from handid.data.sets import LAYOUTS, layout, reader

__all__ = ["LAYOUTS", "layout", "read"]


def read(root: str | Path, *, accessories: bool = False, missing: str = "error") -> pd.DataFrame:
    """The table of a folder in any of LAYOUTS.

    Args:
        root: the data set's folder.
        accessories: True keeps photographs of hands with rings, watches and the like, which the
            papers' protocol leaves out, where the set tells.
        missing: "error" stops at a listed photograph that is not there, "skip" warns and goes on.

    Returns:
        The table, sorted by path (by file name, where there is a list or a folder per person),
        index 0 to N - 1.

    Raises:
        FileNotFoundError: if the folder, its list or photographs are missing.
        ValueError: if the folder has no known layout, or something in it contradicts the layout.
    """
    try:
        return reader(layout(root)).read(root, accessories=accessories, missing=missing)
    except (FileNotFoundError, ValueError) as error:
        sentence = str(error)
        if sentence.isprintable():
            raise
        # A name may hold a line break: what it says must not look like a line of its own.
        kind = FileNotFoundError if isinstance(error, FileNotFoundError) else ValueError
        raise kind(given.printable(sentence)) from None
