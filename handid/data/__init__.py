"""Folders of photographs as one table, a row per image: one file per layout, and one line here.

It lists and checks files. It decodes nothing for a model (handid.image does) and splits nothing
(handid.protocol does). No torch.

Columns of the table: `path` (str), `subject` (int or str, the person), `view` (str), `identity`
(str, subject and view: the hand to be found), `role` (str, `subject` or `distractor`), `burst`
(int, photographs of an identity taken in one go have the same; 0 where nothing tells), and whatever
else a layout knows. What sets tell of their people is personal data: no message prints a whole row.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import pandas as pd

# Name of a layout -> its file here, with `fits(root)` and `read(root, ...)`.
LAYOUTS = {
    "11k": "eleven_k",
    "HD": "hd",
    "manifest": "manifest",
    "folder": "folder",
}
# Images in folders lie in most layouts: this one counts only where no other fits.
LAST = "folder"
WANTED = (
    "11k's HandInfo.csv, HD's 'Original Images', a list hands.csv (path, subject, view), or a "
    "folder per person with images or folders of views in it"
)


def layout(root: str | Path) -> str:
    """The name of the layout that a folder has.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if it has none of LAYOUTS, or two.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is no folder: name the one that holds the data set.")
    fitting = _marked(root) or [LAST] * _module(LAST).fits(root)
    if len(fitting) > 1:
        raise ValueError(
            f"{root} is laid out as two data sets at once ({' and '.join(fitting)}): keep the "
            "list or folders of one of them."
        )
    deeper = [] if fitting and fitting != [LAST] else _deeper(root)
    if deeper:
        raise ValueError(f"{root} is no data set itself, but {deeper[0]} is one: name that folder.")
    if not fitting:
        raise ValueError(
            f"{root} is laid out as no data set that is known here ({', '.join(LAYOUTS)}): it must "
            f"hold {WANTED}."
        )
    return fitting[0]


def read(root: str | Path, *, accessories: bool = False, missing: str = "error") -> pd.DataFrame:
    """The table of a folder in any of LAYOUTS.

    Args:
        root: the data set's folder.
        accessories: True keeps photographs of hands with rings, watches and the like, which the
            papers' protocol leaves out, where the set tells.
        missing: "error" stops at a listed photograph that is not there, "skip" warns and goes on.

    Returns:
        The table, sorted by path (or file name, where there are folders of people), index 0 to
        N - 1.

    Raises:
        FileNotFoundError: if the folder, its list or photographs are missing.
        ValueError: if the folder has no known layout, or something in it contradicts the layout.
    """
    return _module(layout(root)).read(root, accessories=accessories, missing=missing)


def _module(name: str) -> ModuleType:
    return import_module(f"handid.data.{LAYOUTS[name]}")


def _marked(root: Path) -> list[str]:
    """Names of the layouts whose own list or folders lie there."""
    return [name for name in LAYOUTS if name != LAST and _module(name).fits(root)]


def _deeper(root: Path) -> list[Path]:
    """Folders in a folder that are data sets with a list or folders of their own."""
    inside = sorted(path for path in root.iterdir() if path.is_dir())
    return [path for path in inside if not path.name.startswith(".") and _marked(path)]
