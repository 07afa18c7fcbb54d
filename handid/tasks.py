"""Other questions than the papers' own, so that the hand can be told from the photograph.

In 11k Hands nearly all photographs of a hand come from one burst, a moment apart: query and mate
share background and light. These tasks draw them from different bursts. Rows of the table in, rows
out; it opens no image and computes no score.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath

import pandas as pd

from handid import given
from handid.protocol import Split, halves, monte_carlo, one_of_each


@dataclass(frozen=True)
class Task:
    """How query and gallery are matched.

    Attributes:
        match: the column that query and mate have in common.
        mirrored: whether the gallery's photographs are mirrored before they are embedded.
    """

    match: str
    mirrored: bool


PAPERS, BURSTS_APART, OTHER_HAND, OTHER_SIDE = "papers", "bursts apart", "other hand", "other side"
TASKS = {
    PAPERS: Task("identity", mirrored=False),
    BURSTS_APART: Task("identity", mirrored=False),
    OTHER_HAND: Task("subject", mirrored=True),
    # From its palm a hand has the mirrored outline of its back.
    OTHER_SIDE: Task("subject", mirrored=True),
}


def draws(
    table: pd.DataFrame, view: str, task: str, runs: int = 10, seed: int = 0
) -> Iterator[Split]:
    """Query and gallery of each run of a task; protocol.save_splits and load_splits keep them.

    `papers` is protocol.monte_carlo. `bursts apart` has its galleries, and of its queries those
    from another burst than their mate. `other hand` asks with a view's test people and searches one
    photograph of each one's other hand, seen from the same side and mirrored; `other side` searches
    the same hand's other side. All depend on seed, run, identity and its file names, not on the
    order of rows.

    Args:
        table: the table of handid.data, all views.
        view: the view that asks.
        task: a key of TASKS.
        runs: how many draws, 1 or more.
        seed: 0 or more.

    Returns:
        Iterator over (query, gallery), rows of the table with its index.

    Raises:
        ValueError: one sentence, if the task is unknown, this table or view cannot answer it, or
            runs or seed is out of range.
    """
    check(task)
    if task == PAPERS:
        return monte_carlo(table, view, runs, seed)
    given.whole("runs", runs, 1)
    given.whole("seed", seed, 0)
    asked = halves(table, view)[1]  # refuses what is no table, or no view of it
    if task == BURSTS_APART:
        return _bursts_apart(table, asked, view, runs, seed)
    return _other_view(table, asked, other_view(table, view, task), runs, seed)


def few(splits: Iterable[Split], queries: int) -> Iterator[Split]:
    """Splits in which a hand asks a few times only: intervals are over people, not photographs.

    The same photographs ask in every run and task, unless they are in the gallery; which ones
    depends on their file names alone.

    Args:
        splits: query and gallery of each run.
        queries: photographs of an identity that ask, at most; 0 for all.

    Raises:
        ValueError: if queries is no whole number from 0.
    """
    given.whole("queries", queries, 0)
    for query, gallery in splits:
        names = [PurePath(path).name for path in query["path"]]
        keys = [zlib.crc32(name.encode(errors="surrogateescape")) for name in names]
        order = query.assign(_key=keys, _name=names)
        place = order.sort_values(["_key", "_name"]).groupby("identity").cumcount()
        yield (query[place.reindex(query.index) < queries] if queries else query), gallery


def counts(table: pd.DataFrame, view: str) -> pd.DataFrame:
    """Of each task that a view can answer, how much there is to ask.

    Args:
        table: the table of handid.data.
        view: the view that asks.

    Returns:
        One row per task: task, people who ask, people left out (they have no other burst, or are
        not shown in the other view), queries (of the first run), gallery.
    """
    rows, people = [], halves(table, view)[1]["subject"].nunique()
    for task in TASKS:
        if obstacle(table, view, task):
            continue
        query, gallery = next(draws(table, view, task, runs=1))
        asking = query["subject"].nunique()
        row = {"task": task, "people": asking, "left out": people - asking}
        rows.append(row | {"queries": len(query), "gallery": len(gallery)})
    return pd.DataFrame(rows)


def obstacle(table: pd.DataFrame, view: str, task: str) -> str:
    """Why a view cannot answer a task, in one sentence; empty if it can.

    Args:
        table: the table of handid.data, all views.
        view: the view that asks.
        task: a key of TASKS.

    Raises:
        ValueError: one sentence, if the task is unknown.
    """
    check(task)
    try:
        draws(table, view, task, runs=1)
    except ValueError as error:
        return str(error)
    return ""


def check(task: str) -> None:
    """Refuse a task that does not exist.

    Raises:
        ValueError: one sentence.
    """
    if not isinstance(task, str) or task not in TASKS:
        raise ValueError(f"Unknown task {given.shown(task)}: choose one of {', '.join(TASKS)}.")


def _bursts_apart(
    table: pd.DataFrame, asked: pd.DataFrame, view: str, runs: int, seed: int
) -> Iterator[Split]:
    if "burst" not in table:
        raise ValueError("the table lacks the column 'burst': pass what handid.data reads")
    bursts = asked.groupby("identity")["burst"].transform("nunique")
    if asked.loc[bursts > 1, "subject"].nunique() < 2:
        raise ValueError(
            f"Task '{BURSTS_APART}' cannot be asked: fewer than two test people of {view!r} have "
            "photographs of two bursts."
        )
    return _of_other_bursts(monte_carlo(table, view, runs, seed))


def _of_other_bursts(splits: Iterator[Split]) -> Iterator[Split]:
    for query, gallery in splits:
        mates = gallery.drop_duplicates("identity").set_index("identity")["burst"]
        apart = query["burst"] != query["identity"].map(mates)
        yield query[apart], gallery


def other_view(table: pd.DataFrame, view: str, task: str) -> str:
    """The view of the other hand, or of the other side.

    Args:
        table: the table of handid.data, all views.
        view: the view that asks.
        task: `other hand` or `other side`.

    Raises:
        ValueError: if the task is another, the view's name has no such word, or the table lacks the
            other view.
    """
    pairs = {OTHER_HAND: ("right", "left"), OTHER_SIDE: ("dorsal", "palmar")}
    if task not in list(pairs):
        raise ValueError(f"Task {given.shown(task)} asks no other view: {' and '.join(pairs)} do.")
    one, two = pairs[task]
    swap = {one: two, two: one}
    other = " ".join(swap.get(word, word) for word in view.split())
    if other == view or other not in set(table["view"]):
        raise ValueError(
            f"Task '{task}' cannot be asked: the set has no view that is to {view!r} as {one} is "
            f"to {two}."
        )
    return other


def _other_view(
    table: pd.DataFrame, asked: pd.DataFrame, other: str, runs: int, seed: int
) -> Iterator[Split]:
    searched = table[(table["view"] == other) & table["subject"].isin(asked["subject"])]
    query = asked[asked["subject"].isin(searched["subject"])]
    if query["subject"].nunique() < 2:
        raise ValueError(
            f"Fewer than two test people of {asked['view'].iloc[0]!r} are also shown as {other!r}: "
            "there is nobody to be mistaken for."
        )
    return (
        (query, table[table.index.isin(one_of_each(searched, seed, run))]) for run in range(runs)
    )
