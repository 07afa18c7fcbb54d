"""What is in a data set, and how the protocol cuts it: counts, overlaps, broken files."""

import warnings
from pathlib import Path

import pandas as pd

from handid import given, protocol
from handid import tasks as every_task
from handid.data import check
from handid.study.photographs import Photographs


def counts(name: str, photographs: Photographs) -> pd.DataFrame:
    """A row per view of a data set, as the protocol cuts it; columns as the papers' tables.

    Views in which nobody can be trained and tested are left out; a warning names them.
    """
    table, rows = photographs.table(name), []
    if hindered := [why for why in photographs.obstacles(name).values() if why]:
        warnings.warn(
            f"{name} has views that can be no target: {'; '.join(hindered)}.", stacklevel=4
        )
    for view in photographs.views(name):
        trains, tests = protocol.halves(table, view)
        kept, held_out = protocol.validation(trains, seed=0)
        query, gallery = next(protocol.monte_carlo(table, view, runs=1))
        identities = {"train identities": trains, "test identities": tests}
        images = {"train images": kept, "validation images": held_out}
        rows.append(
            {"set": name, "view": view}
            | {key: part["identity"].nunique() for key, part in identities.items()}
            | {key: len(part) for key, part in images.items()}
            | {"queries": len(query), "gallery": len(gallery)}
        )
    return pd.DataFrame(rows)


def tasks(name: str, photographs: Photographs) -> pd.DataFrame:
    """A row per view of a data set and task that it can be asked, see handid.tasks.counts."""
    table = photographs.table(name)
    parts = [
        every_task.counts(table, view).assign(set=name, view=view)
        for view in photographs.views(name)
    ]
    rows = pd.concat(parts, ignore_index=True)
    return rows[["set", "view", *rows.columns.drop(["set", "view"])]]


def images_per_person(name: str, photographs: Photographs) -> pd.DataFrame:
    """A row per person and view: view, subject, images."""
    people = photographs.table(name).query("role == 'subject'")
    return people.groupby(["view", "subject"]).size().rename("images").reset_index()


def problems(name: str, photographs: Photographs) -> pd.DataFrame:
    """Files that cannot be read in full, or that are there twice: path (its name), problem."""
    bad = check.problems(photographs.listed(name))
    return bad.assign(
        path=[given.printable(Path(path).name) for path in bad["path"]],
        problem=list(map(given.printable, bad["problem"])),
    )
