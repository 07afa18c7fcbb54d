"""The layout of PolyU Hand Dorsal: `Original Images/1-501`, and extra people in `502-712`."""

import re
from pathlib import Path

import pandas as pd

from handid import given
from handid.data import table as tables

MAIN, EXTRA, EXTRA_OFFSET = "1-501", "502-712", 1000


def fits(root: Path) -> bool:
    """Whether a folder is HD's, or holds HD's."""
    return (_originals(root) / MAIN).is_dir()


def read(root: str | Path, *, accessories: bool = False, missing: str = "error") -> pd.DataFrame:
    """Read the table of PolyU Hand Dorsal.

    The id is the text before the first underscore of a file name. Extra people are distractors, and
    1000 is added to their ids. On disk the set has 502 and 213 people, although its folders say 501
    and 211. Source: CLIP-HandID and MBA-Net, prepare_train_val_test_hd.py.

    Args:
        root: the folder "Original Images", or the one that holds it.
        accessories: HD does not tell; whichever is asked, all photographs are read.
        missing: "error" stops on a file that cannot be found or is empty, and when the extra
            people's folder is not there; "skip" goes on without them and warns.

    Returns:
        The table, sorted by path, index 0 to N - 1, every view "dorsal".

    Raises:
        FileNotFoundError: if a folder or an image is missing.
        ValueError: if a folder is empty or nested, a file name starts with no number, or an id is
            that of a main and of an extra person.
    """
    tables.check_choice(missing)
    root = _originals(given.place(root))
    if not (root / MAIN).is_dir():
        raise FileNotFoundError(
            f"{root} holds no folder {MAIN}: name HD's folder 'Original Images'"
        )
    main, extra = tables.list_images(root / MAIN), _list_extra(root, missing)
    subjects = [_subject(path) for path in main]
    distractors = [_subject(path) + EXTRA_OFFSET for path in extra]
    if clash := sorted(set(subjects) & set(distractors)):
        raise ValueError(
            f"{root}: {clash[0]} is an id in {MAIN} and also, with {EXTRA_OFFSET} added, "
            f"in {EXTRA}: renumber one of the two"
        )
    table = tables.build(
        path=[str(path) for path in main + extra],
        subject=subjects + distractors,
        view="dorsal",
        role=["subject"] * len(main) + ["distractor"] * len(extra),
    )
    return tables.without_missing(table, missing)


def _originals(root: Path) -> Path:
    """The folder "Original Images", where it is inside."""
    inside = root / "Original Images"
    return inside if inside.is_dir() else root


def _list_extra(root: Path, missing: str) -> list[Path]:
    """Images of HD's extra gallery people; none, with a warning, if the caller chose to go on."""
    if (root / EXTRA).is_dir():
        return tables.list_images(root / EXTRA)
    text = f"{root} holds no folder {EXTRA}, so the gallery lacks HD's extra people"
    tables.stop_or_warn(missing, text)
    return []


def _subject(path: Path) -> int:
    """The number before the first underscore of a file name."""
    text = path.name.split("_")[0]
    if not re.fullmatch("[0-9]{1,18}", text):
        raise ValueError(f"{path} starts with no id: expected <number>_<anything>, as in 12_3.jpg")
    return int(text)
