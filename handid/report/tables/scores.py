"""The tables of a run's own scores: by system, by target, by draw of a map's places."""

import re
from collections.abc import Iterable
from math import isnan

import pandas as pd

from handid.data.sets import label
from handid.recipes import System
from handid.report import lineages
from handid.report.differences import label_again
from handid.report.rows import (
    METRIC_NAMES,
    WHAT,
    Score,
    backbones,
    best_first,
    mean_over_seeds,
    with_interval,
)

MAIN = ("rank1", "mAP", "mAP_trapezoid")
_COUNTS = {
    "seeds": "seeds",
    "n_queries": "queries",
    "n_subjects": "people",
    "n_gallery": "gallery images",
}
_PLAIN = {"train_set": "train set", "test_set": "test set"}


def wide(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per system, one column per metric: value [low, high] in percent, mean over seeds.

    What is the same in every row is left out: `setting` says it.
    """
    means = mean_over_seeds(rows)
    means["text"] = means.apply(with_interval, axis=1)
    means["backbone"] = backbones(means)
    table = means.pivot_table(
        index=[*WHAT, *_COUNTS], columns="metric", values="text", aggfunc="first", sort=False
    )
    table = table[[m for m in MAIN if m in table]].rename(columns=METRIC_NAMES).reset_index()
    table = table.drop(columns=["system", "synthetic"])
    if (table["train_set"] == table["test_set"]).all():
        table = table.drop(columns="train_set")
    same = [c for c in table if c != "method" and c not in METRIC_NAMES.values()]
    same = [c for c in same if table.loc[table[c] != "–", c].nunique() <= 1]
    return table.drop(columns=same).rename(columns=_COUNTS | _PLAIN)


def setting(rows: pd.DataFrame) -> str:
    """What is the same in every row of a table, in words: backbone, queries, people, gallery.

    And which rows add the embedding of the mirror image at test, where the rows say so.
    """
    means = mean_over_seeds(rows)
    networks = backbones(means).replace("–", None).dropna().unique()
    words = list(networks) if len(networks) == 1 else []
    same = {c: means[c].iloc[0] for c in _COUNTS if means[c].nunique() == 1}
    words += [f"{same[c]:,} {_COUNTS[c]}" for c in same] + _mirrors(rows)
    return re.sub(r"\b1 seeds", "1 seed", ", ".join(words))


def _mirrors(rows: pd.DataFrame) -> list[str]:
    """Who sees the mirror image too: a comparison of those who do and do not is of two things."""
    if "mirror" not in rows or rows["mirror"].isna().any():
        return []
    added = rows["mirror"].astype(bool)
    if added.all() or not added.any():
        return [f"mirror images added at test: {'all' if added.all() else 'none'}"]
    names = " and ".join(rows.loc[added, "method"].unique())
    return [f"mirror images added at test by {names} alone"]


def chance(rows: pd.DataFrame) -> str:
    """Rank-1 of guessing in each gallery, as text: one image in it is of the right hand."""
    return " or ".join(f"{100 / n:.1f} %" for n in rows["n_gallery"].unique())


def by_target(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Tidy rows, differences or stored curves by test set, whose name says whether synthetic.

    Labels of differences then name only what differs within a test set.
    """
    parts = {}
    for _, part in rows.groupby("test_set", sort=False):
        part = label_again(part) if "name" in part else part
        parts[where(part)] = part.reset_index(drop=True)
    return parts


def by_lineage(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Tidy rows by line of work, each best first: one table for each question a reader has."""
    return {line: best_first(part) for line, part in lineages.by_lineage(rows).items()}


def main(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of each system as it is, on the first test set where it was trained; best first.

    Controls and what was not trained yet stand in the tables.
    """
    first = rows[rows["test_set"] == rows["test_set"].iloc[0]]
    return best_first(of_controls(first[first["train_set"] == first["test_set"]], [""]))


def where(rows: pd.DataFrame) -> str:
    """The test set of rows, or all of them; says whether it is synthetic."""
    sets = rows.drop_duplicates("test_set")
    pairs = zip(sets["test_set"], sets["synthetic"], strict=True)
    return ", ".join(label(target, bool(synthetic)) for target, synthetic in pairs)


def of_controls(rows: pd.DataFrame, controls: Iterable[str]) -> pd.DataFrame:
    """The trained rows of these controls, whatever their recipe; "" is the recipe as it is."""
    wanted, systems = set(controls), map(System.parse, rows["system"])
    return rows[[system.trained and system.control in wanted for system in systems]]


def scores_by_target(scores: Iterable[Score]) -> dict[str, list[Score]]:
    """Scores by test set, whose name says whether it is synthetic."""
    parts: dict[str, list[Score]] = {}
    for score in scores:
        parts.setdefault(where(score.rows), []).append(score)
    return parts


def validation_beside_test(experiments: Iterable, scores: Iterable[Score]) -> pd.DataFrame:
    """The mAP of each training's kept epoch on held-out photographs, beside that of test people.

    Args:
        experiments: with system, title, backbone_label, target, seed, recipe and history, as study
            has them.
        scores: of them on their own targets, among others.
    """
    rows = pd.concat([score.rows for score in scores])
    keys = ["system", "backbone", "train_set", "test_set", "seed"]
    tests = rows[rows["metric"] == "mAP"]
    lines = []
    for experiment in experiments:
        validation = experiment.history["validation"].dropna()
        best = experiment.recipe.select == "best"
        kept = validation.max() if best else validation.iloc[-1:].max()  # NaN: none held out
        target = str(experiment.target)
        key = [experiment.system.key, experiment.backbone_label, target, target, experiment.seed]
        test = tests[(tests[keys] == key).all(axis=1)].iloc[0]
        lines.append(
            {
                "method": experiment.title,
                "backbone": experiment.backbone_label,
                "train set": target,
                "seed": experiment.seed,
                "validation, held-out photographs": "none" if isnan(kept) else f"{100 * kept:.1f}",
                "test, strangers": with_interval(test),
            }
        )
    return pd.DataFrame(lines)


def deletion(areas: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Area below the deletion curve by what gives the order, means over the queries.

    Args:
        areas: by method: columns `query`, `order`, `draw`, `area`, as saliency's maps have them.

    Returns:
        One row per method and order, "map" first: method, order, area, lowest and highest of its
        draws.
    """
    means = {method: mean_deletion(part) for method, part in areas.items()}
    return pd.concat(means, names=["method"]).reset_index()


def mean_deletion(areas: pd.DataFrame) -> pd.DataFrame:
    """`deletion` of one method, by order."""
    draws = areas.groupby(["order", "draw"], sort=False)["area"].mean()
    orders = draws.groupby("order", sort=False)
    return pd.DataFrame({"area": orders.mean(), "lowest": orders.min(), "highest": orders.max()})
