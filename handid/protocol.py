"""From the table of photographs to training, validation, query and gallery; no image is opened."""

import re
import warnings
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

import numpy as np
import pandas as pd

from handid import given

Split = tuple[pd.DataFrame, pd.DataFrame]
LEAST_PEOPLE = 4  # of a target: with fewer, nobody is left to be mistaken for another


def halves(table: pd.DataFrame, view: str) -> Split:
    """Split the people of one view: the first half in order trains, the rest tests.

    Numbers are in order of size, names in natural order (see `in_order`). Of an odd number the
    larger half trains. On 11k Hands these are the published cut-offs (dorsal right: id 1050 is the
    last that trains), on HD ids up to 447. Distractors are in neither half. A person who trains in
    one view may test in another. Source: CLIP-HandID, MBA-Net, prepare_train_val_test_11k_r_l.py.

    Args:
        table: the table of handid.data.
        view: one of the table's views.

    Returns:
        Rows of the table that train, and rows that test, index kept.

    Raises:
        ValueError: if the table lacks a column, the view is not in it or shows one person only.
    """
    _check(table)
    people = table[table["role"] == "subject"]
    rows = people[people["view"] == view] if isinstance(view, str) else people[:0]
    if rows.empty:
        known = ", ".join(sorted(people["view"].unique()))
        raise ValueError(f"no image shows the view {given.shown(view)}: the table has {known}")
    subjects = in_order(rows["subject"])
    if len(subjects) < 2:
        raise ValueError(f"the view {view!r} shows one person only: two are needed to split them")
    trains = rows["subject"].isin(subjects[: (len(subjects) + 1) // 2])
    return rows[trains], rows[~trains]


def in_order(subjects: Iterable[int] | Iterable[str]) -> list:
    """Different people in the order in which `halves` cuts them.

    Numbers by size; names by their letters, capitals first, but numbers in them by size, so that
    "ann 2" stands before "ann 10". Neither the computer's language nor the order of the rows
    counts.
    """
    return sorted(set(subjects), key=_natural)


def _natural(subject: int | str) -> tuple[list[int | str], str]:
    """Sort key in which 2 stands before 10."""
    pieces = re.split("([0-9]+)", str(subject))
    return [int(p) if p.isdecimal() and p.isascii() else p for p in pieces], str(subject)


def views(table: pd.DataFrame) -> list[str]:
    """The views that show two people or more, so that `halves` can cut them, sorted."""
    _check(table)
    people = table[table["role"] == "subject"].groupby("view")["subject"].nunique()
    return sorted(people.index[people >= 2])


def obstacle(table: pd.DataFrame, view: str) -> str:
    """Why a view can be no target, in a clause; empty if people can be trained and tested in it.

    Args:
        table: the table of handid.data, all views.
        view: one that may be in it.

    Raises:
        ValueError: if the table lacks a column.
    """
    _check(table)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            monte_carlo(table, view, runs=1)
    except ValueError as error:
        return str(error)
    shown = table[(table["view"] == view) & (table["role"] == "subject")]
    n_people = shown["subject"].nunique()
    if n_people < LEAST_PEOPLE:
        return f"{n_people} people show the view {view!r}: 2 must train and 2 test"
    return ""


def validation(train: pd.DataFrame, seed: int) -> Split:
    """Set one random image of each identity aside.

    An identity with a single image stays in training and gives none. Source: as `halves`.

    Args:
        train: the training half.
        seed: 0 or more; the draw depends on it, the identity and its file names alone.

    Returns:
        Rows that train, and rows that validate, index kept.

    Raises:
        ValueError: if the table lacks a column or seed is negative.
    """
    _check(train)
    given.whole("seed", seed, 0)
    several = train[train.groupby("identity")["path"].transform("size") > 1]
    drawn = train.index.isin(one_of_each(several, seed))
    return train[~drawn], train[drawn]


def monte_carlo(table: pd.DataFrame, view: str, runs: int = 10, seed: int = 0) -> Iterator[Split]:
    """Draw query and gallery again and again.

    In each run one random image of every test identity of every view is the gallery, common to all
    views, to which all images of all distractors come; where a view shows one person, that person
    counts as training, and nobody of it comes. The asked view's other test images are the
    queries, so a person's other hand counts as a wrong answer. On 11k Hands the gallery has 71 + 73
    + 71 + 75 = 290 images. Run i has the same gallery whichever view is asked. The draw depends on
    seed, run, identity and its file names, not on the order of rows nor on where the files lie.
    Source: as `halves`; ours is seeded, the authors' was not.

    Args:
        table: the table of handid.data, all views.
        view: the view that asks.
        runs: how many draws, 1 or more; the papers take 10.
        seed: 0 or more.

    Returns:
        Iterator over (query, gallery), rows of the table with its index.

    Raises:
        ValueError: if the table lacks a column, the view is not in it or shows one person only, no
            query is left, or runs or seed is out of range.
    """
    _check(table)
    given.whole("runs", runs, 1)
    given.whole("seed", seed, 0)
    asked = halves(table, view)[1]
    tests = pd.concat([halves(table, name)[1] for name in views(table)])
    lone = asked.groupby("identity").size().eq(1)
    if lone.all():
        raise ValueError(f"no query is left: each test identity of {view!r} has one image only")
    if lone.any():
        warnings.warn(
            f"{lone.sum()} of {len(lone)} test identities of {view!r} have one image, so never ask",
            stacklevel=2,
        )
    distractors = table.index[table["role"] == "distractor"]
    return _splits(table, asked, tests, distractors, seed, runs)


def _splits(table, asked, tests, distractors, seed, runs):
    """The draws of `monte_carlo`, whose checks are done before the first is asked for."""
    for run in range(runs):
        drawn = one_of_each(tests, seed, run)
        query = asked[~asked.index.isin(drawn)]
        yield query, table[table.index.isin([*drawn, *distractors])]


def save_splits(splits: Iterable[Split], path: str | Path) -> None:
    """Write splits as CSV: a row per image, columns `run`, `part` and `image` (folder/file).

    `part` is query or gallery. Only the last folder is written, so that the file holds wherever the
    data set lies. Nobody's metadata is in it.

    Args:
        splits: pairs of query and gallery tables.
        path: the file to write.

    Raises:
        ValueError: if there is no split.
    """
    try:
        pairs = [(query["path"], gallery["path"]) for query, gallery in splits]
    except (TypeError, ValueError, LookupError):
        raise ValueError("splits must be pairs of tables: pass what monte_carlo yields") from None
    frames = [
        pd.DataFrame({"run": run, "part": part, "image": _short(paths)})
        for run, pair in enumerate(pairs)
        for part, paths in zip(("query", "gallery"), pair, strict=True)
    ]
    if not frames:
        raise ValueError("there is no split to write: pass the pairs that monte_carlo yields")
    rows = pd.concat(frames).sort_values(["run", "part", "image"])
    rows.to_csv(given.path(path), index=False, errors="surrogateescape")  # names that are no UTF-8


def load_splits(path: str | Path, table: pd.DataFrame) -> list[Split]:
    """Read splits back as rows of a table.

    Args:
        path: a file of `save_splits`.
        table: the table of the same data set, wherever its files lie now.

    Returns:
        Pairs of query and gallery, rows of the table with its index, in order of run.

    Raises:
        FileNotFoundError: if the file is missing.
        ValueError: if the file is no such CSV, names an image that the table lacks or one twice in
            a run, or the table holds two images of one folder and name.
    """
    _check(table)
    rows = _read_rows(path)
    short = _short(table["path"])
    if short.duplicated().any():
        twice = short[short.duplicated()].iloc[0]
        raise ValueError(f"two images of the table are both called {twice}: rename one")
    unknown = rows.loc[~rows["image"].isin(short), "image"].unique()
    if len(unknown):
        raise ValueError(
            f"{len(unknown)} images of {path} are not in the table, the first is {unknown[0]}: "
            "pass the table of the data set that the splits were drawn from"
        )
    runs = [run.groupby("part")["image"] for _, run in rows.groupby("run")]
    return [
        (table[short.isin(run.get_group("query"))], table[short.isin(run.get_group("gallery"))])
        for run in runs
    ]


def person_overlap(table: pd.DataFrame) -> pd.DataFrame:
    """Count the people who train in one view and are test people in another.

    On 11k Hands 4 people train as dorsal right and test as dorsal left. Harmless for a model of one
    view; it spoils every claim of a model trained in one and tested in another. Source: ours.

    Args:
        table: the table of handid.data.

    Returns:
        Whole numbers, a row per training view, a column per test view; 0 on the diagonal. Views of
        one person are left out.

    Raises:
        ValueError: if the table lacks a column.
    """
    names = views(table)
    parts = {view: [set(half["subject"]) for half in halves(table, view)] for view in names}
    counts = [[len(parts[a][0] & parts[b][1]) for b in names] for a in names]
    return pd.DataFrame(
        counts, pd.Index(names, name="train_view"), pd.Index(names, name="test_view")
    )


def one_of_each(rows, *seeds):
    """Index label of one random row of each identity, whatever the order of the rows."""
    names = [PurePath(path).name for path in rows["path"]]
    ordered = rows.assign(_name=names).sort_values(["_name", "path"])
    drawn = []
    for identity, group in ordered.groupby("identity"):
        key = zlib.crc32(str(identity).encode())
        drawn.append(group.index[int(np.random.default_rng([*seeds, key]).integers(len(group)))])
    return drawn


def _read_rows(path):
    """The rows of a file of splits, checked in themselves."""
    if not given.path(path).is_file():
        raise FileNotFoundError(f"{path} is missing: write it with save_splits")
    try:
        texts = {"part": str, "image": str}
        rows = pd.read_csv(path, dtype=texts, encoding_errors="surrogateescape")
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a readable CSV file: write it again") from error
    if list(rows.columns) != ["run", "part", "image"]:
        raise ValueError(f"{path} has not the columns run, part, image: write it with save_splits")
    parts = [set(part) for _, part in rows.groupby("run")["part"]]
    if not parts or rows.isna().any(axis=None) or any(p != {"query", "gallery"} for p in parts):
        text = f"{path} lacks query or gallery rows in a run, or a value in a row"
        raise ValueError(f"{text}: write it with save_splits")
    if rows.duplicated(["run", "image"]).any():
        raise ValueError(f"{path} names an image twice in one run: write it with save_splits")
    return rows


def _short(paths):
    """Last folder and file name of each path, the same on every machine."""
    return paths.map(lambda path: "/".join(PurePath(path).parts[-2:]))


def _check(table):
    """Refuse a table that is empty, lacks a column or a value, or repeats an index label."""
    needed = ["path", "subject", "view", "identity", "role"]
    columns = list(table) if isinstance(table, pd.DataFrame) else []
    if absent := [column for column in needed if columns.count(column) != 1]:
        raise ValueError(f"the table lacks the column {absent[0]!r}: pass what handid.data reads")
    if table.empty:
        raise ValueError("the table is empty: there is nothing to split")
    if table[needed].isna().any(axis=None):
        raise ValueError("the table lacks values: give each image subject, view, identity and role")
    if not table.index.is_unique:
        raise ValueError("the table repeats an index label: call reset_index(drop=True) on it")
