"""How a system's searches change as the gallery grows, as its figures and tables get it."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from handid.report.rows import COLUMNS

METRICS = {"rank1": "rank-1", "fpir": "FPIR"}
TASK = "gallery size"  # of tidy rows


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
            low, high in percent; foretold ones are fitted on all strangers. NaN where too few erred
            to foretell anything.
        checks: metric, size; foretold, foretold_low, foretold_high by the model of n_fitted;
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
    def largest(self) -> pd.DataFrame:
        """The foretold figure of each metric in the largest gallery, by metric."""
        curves = self.curves[self.curves["kind"] == "foretold"]
        return curves[curves["size"] == curves["size"].max()].set_index("metric")


def as_rows(growth: Growth, about: dict[str, Any]) -> pd.DataFrame:
    """Tidy rows; what is foretold has a metric of its own, and so has a check's.

    Args:
        growth: whose figures.
        about: the other columns of rows.COLUMNS.
    """
    curves = growth.curves.dropna(subset=["value"])
    ends = {"measured": "", "foretold": " foretold"}
    metrics = curves["metric"] + curves["kind"].map(ends)
    checks = growth.checks.dropna(subset=["difference"])
    parts = [
        curves.assign(metric=metrics),
        checks[["metric", "size", "low", "high"]].assign(
            metric=checks["metric"] + " foretold minus measured", value=checks["difference"]
        ),
    ]
    table = pd.concat(parts, ignore_index=True).rename(columns={"size": "n_gallery"})
    return table.assign(task=TASK, **about)[COLUMNS]
