"""What is left of rank-1 in another task or on another image, beside chance and beside the whole.

Scores in, a table out; intervals are over people and, of several trainings, over seeds
(handid.statistics).
"""

from collections.abc import Collection, Iterable

import numpy as np
import pandas as pd

from handid import statistics
from handid.report.rows import WHAT, Score, mean_over_seeds, of

WHOLE, PAPERS = "whole", "papers"
_SYSTEM = [column for column in WHAT if column not in ("task", "image")]


def table(scores: Iterable[Score]) -> pd.DataFrame:
    """Rank-1 of every system, task and image, beside chance and its figure on whole photographs.

    Args:
        scores: each system on several tasks and images, among them the papers' task on the whole
            photograph; several seeds are averaged.

    Returns:
        One row per system, backbone, sets, task and image: what rows.WHAT says; value, low, high in
        percent; chance, rank-1 of guessing; clear, whether rank-1 is above it: the interval at a
        level for all rows together (Bonferroni) lies above it; share, share_low and share_high, in
        percent of the same system's rank-1 on whole photographs in the papers' task, NaN where that
        is 0 or was not asked; seeds; n_queries, n_gallery, n_subjects.
    """
    scores = list(scores)
    rows = mean_over_seeds(of(scores).query("metric == 'rank1'")).drop(columns="metric")
    rows = rows.assign(chance=100 / rows["n_gallery"])
    lowest = _joint_lows(scores, rows)
    rows["clear"] = [low > chance for low, chance in zip(lowest, rows["chance"], strict=True)]
    wholes = {tuple(row[_SYSTEM]): row for _, row in of_image(rows, WHOLE).iterrows()}
    shares = pd.DataFrame(
        _share(row, wholes.get(tuple(row[_SYSTEM]))) for _, row in rows.iterrows()
    )
    return pd.concat([rows, shares], axis=1)


def seen(scores: Iterable[Score], images: Collection[str]) -> list[Score]:
    """The scores of the papers' task on some images."""
    firsts = [(score, score.rows.iloc[0]) for score in scores]
    return [s for s, first in firsts if first["task"] == PAPERS and first["image"] in images]


def of_image(rows: pd.DataFrame, image: str, task: str = PAPERS) -> pd.DataFrame:
    """The rows of one image and task, highest first."""
    some = rows[(rows["image"] == image) & (rows["task"] == task)]
    return some.sort_values("value", ascending=False, kind="stable")


def _joint_lows(scores: list[Score], rows: pd.DataFrame) -> list[float]:
    """Of each row the lower bound of rank-1 at a level for all rows together, percent."""
    level = 1 - 0.05 / max(1, len(rows))
    groups: dict[tuple, dict[int, tuple[float, float, float]]] = {}
    for score in scores:
        first, right = score.rows.iloc[0], score.per_query["first_hit"].eq(1).astype(float)
        bounds = statistics.interval(right, score.per_query["subject"], level, kind="share")
        groups.setdefault(tuple(first[WHAT]), {})[first["seed"]] = (right.mean(), *bounds)
    lows = []
    for _, row in rows.iterrows():
        means, low, high = np.transpose(list(groups[tuple(row[WHAT])].values()))
        widened = statistics.with_seeds(means, low.mean(), high.mean(), level)
        lows.append(100 * widened.low)
    return lows


def _share(row: pd.Series, whole: pd.Series | None) -> dict[str, float]:
    """A row's share of its whole, percent."""
    nothing = float("nan")
    if whole is None or not whole["value"]:
        return {"share": nothing, "share_low": nothing, "share_high": nothing}
    low, high = statistics.ratio(_figure(row), _figure(whole))
    share = row["value"] / whole["value"]
    return {"share": 100 * share, "share_low": 100 * low, "share_high": 100 * high}


def _figure(row: pd.Series) -> tuple[float, float, float]:
    return float(row["value"]), float(row["low"]), float(row["high"])
