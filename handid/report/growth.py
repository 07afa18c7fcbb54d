"""How a system's searches change as the gallery grows, as its figures and tables get it."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from handid.report.rows import COLUMNS

METRICS = {"rank1": "rank-1", "fpir": "FPIR"}
_TASKS = {"rank1": "gallery of", "fpir": "absent from a gallery of"}


@dataclass(frozen=True)
class Growth:
    """How a system's searches change as the gallery grows.

    Attributes:
        name: of target, method and backbone; says whether it is synthetic.
        n_askers: people who ask.
        n_queries: photographs with which they ask.
        n_strangers: people in the gallery beside a query's mate, at most.
        n_fitted: of them, those on whom the model that is checked was fitted.
        set_to: FPIR to which the threshold was set among so many, on half of those who ask.
        threshold: similarity.
        curves: metric (METRICS), kind ("measured" or "foretold"), size (people enrolled), value,
            low, high in percent; foretold ones are fitted on all strangers, by which family or
            families; n_queries, n_subjects, who ask. NaN where too few erred to foretell anything.
        checks: metric, size, family; foretold, foretold_low, foretold_high from n_fitted strangers;
            measured, measured_low, measured_high among people whom it has not seen, in percent;
            difference, low, high: foretold minus measured, points.
    """

    name: str
    n_askers: int
    n_queries: int
    n_strangers: int
    n_fitted: int
    set_to: float
    threshold: float
    curves: pd.DataFrame
    checks: pd.DataFrame

    @property
    def largest(self) -> dict[str, dict[str, Any]]:
        """Of each metric the foretold figure in the largest gallery."""
        curves = self.curves[self.curves["kind"] == "foretold"]
        return _by_metric(curves[curves["size"] == curves["size"].max()])

    @property
    def check(self) -> dict[str, dict[str, Any]]:
        """Of each metric its row of `checks`."""
        return _by_metric(self.checks)


def _by_metric(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    return {row["metric"]: dict(row) for _, row in table.iterrows()}


def as_rows(growth: Growth, about: dict[str, Any]) -> pd.DataFrame:
    """Tidy rows, each size a task; what is foretold has a metric of its own, and so has a check.

    Args:
        growth: whose figures.
        about: the other columns of rows.COLUMNS.
    """
    curves = growth.curves.dropna(subset=["value", "low", "high"])
    ends = {"measured": "", "foretold": " foretold"}
    metrics = curves["metric"] + curves["kind"].map(ends)
    checks = growth.checks.dropna(subset=["difference", "low", "high"])
    parts = [
        curves.assign(metric=metrics),
        checks[["metric", "size", "low", "high", "n_queries", "n_subjects"]].assign(
            metric=checks["metric"] + " foretold minus measured", value=checks["difference"]
        ),
    ]
    table = pd.concat(parts, ignore_index=True).rename(columns={"size": "n_gallery"})
    named = zip(table["metric"], table["n_gallery"], strict=True)
    tasks = [f"{_TASKS[metric.split(' ')[0]]} {size:,}" for metric, size in named]
    return table.assign(task=tasks, **about)[COLUMNS]
