"""What is left of rank-1 on other images and in other tasks, as tables and grids."""

from math import isnan

import pandas as pd

from handid.report.rows import labels, with_interval
from handid.report.survival import PAPERS, WHOLE

_HIDDEN = "background"  # the image without the hand


def survival(table: pd.DataFrame) -> pd.DataFrame:
    """One row per system: rank-1 whole, without the hand, what share survives, and other tasks.

    Args:
        table: rows of handid.report.survival of one test set.
    """
    lines = []
    for name, part in _by_system(table):
        cells = {(row["task"], row["image"]): row for _, row in part.iterrows()}
        line = {"method": name}
        for image in (WHOLE, _HIDDEN):
            if (PAPERS, image) in cells:
                line[image] = with_interval(cells[PAPERS, image])
        if _HIDDEN in line:
            line["survives without the hand, %"] = _share(cells[PAPERS, _HIDDEN])
        others = {task: row for (task, image), row in cells.items() if image == WHOLE}
        line |= {task: with_interval(row) for task, row in others.items() if task != PAPERS}
        lines.append(line)
    return pd.DataFrame(lines).fillna("–")


def _share(row: pd.Series) -> str:
    """The share with its interval; a bound that is no bound is a dash."""
    if isnan(row["share"]):
        return "–"
    ends = [f"{end:.0f}" if end < 1000 else "–" for end in (row["share_low"], row["share_high"])]
    return f"{row['share']:.0f} [{ends[0]}, {ends[1]}]"


def survival_grids(
    table: pd.DataFrame,
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """Rank-1 of systems by image, one grid per task, and whether each figure is above chance.

    Args:
        table: rows of handid.report.survival of one test set.
    """
    named = table.assign(label=_labels(table))
    images, systems = (list(dict.fromkeys(named[column])) for column in ("image", "label"))
    values, marks = {}, {}
    for task, part in named.groupby("task", sort=False):
        chance = f"{part['chance'].iloc[0]:.1f} %"
        name = f"{task}: {part['n_subjects'].max():.0f} people, guessing {chance}"
        for grids, column in ((values, "value"), (marks, "clear")):
            grid = part.pivot(index="label", columns="image", values=column)
            grids[name] = grid.reindex(index=systems, columns=images)
        marks[name] = marks[name].eq(True)
    return values, marks


def _labels(table: pd.DataFrame) -> pd.Series:
    return labels(table.drop(columns=["task", "image"]), table["method"])


def _by_system(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    groups = table.assign(label=_labels(table)).groupby("label", sort=False)
    return [(str(name), part) for name, part in groups]
