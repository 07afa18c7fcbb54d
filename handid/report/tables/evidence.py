"""Tables of what a match is worth: figures by system, groups, and the validation report."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pandas as pd

# metric -> what a reader calls it, its unit, and whether a floor over people applies.
NAMES = {
    "eer": "equal error rate, %",
    "fmr": "false match rate, %",
    "fnmr": "false non-match rate, %",
    "fpir": "FPIR, %",
    "fnir": "FNIR at rank 1, %",
    "cllr": "Cllr, bits",
    "cllr_min": "Cllr-min, bits",
    "cllr_cal": "Cllr-cal, bits",
    "misleading_mated": "misleading, same hand, %",
    "misleading_nonmated": "misleading, different hands, %",
}
# As ENFSI's guideline (2015) and Meuwly, Ramos and Haraksim (2017) lay a validation out.
_CHARACTERISTICS = {
    "cllr": ("accuracy", "Cllr", "cross-entropy plot"),
    "cllr_min": ("discriminating power", "Cllr-min", "cross-entropy plot"),
    "eer": ("discriminating power", "equal error rate", "DET plot"),
    "cllr_cal": ("calibration", "Cllr-cal", "Tippett plot"),
    "misleading_nonmated": ("calibration", "misleading, different hands", "Tippett plot"),
}


class _Worth(Protocol):
    """What these tables show of a system; study.worth.Worth is one."""

    @property
    def name(self) -> str: ...

    @property
    def floor(self) -> float: ...

    @property
    def refusal(self) -> str: ...

    @property
    def figures(self) -> pd.DataFrame: ...

    @property
    def groups(self) -> pd.DataFrame: ...


def figure_of(worth: _Worth, metric: str) -> pd.Series | None:
    """Value, low and high of one metric; None where it could not be had."""
    found = worth.figures[worth.figures["metric"] == metric]
    return None if found.empty else found.iloc[0]


def shown(worth: _Worth, metric: str) -> str:
    """A figure with its interval; a share below what the people support says so instead."""
    row = figure_of(worth, metric)
    if row is None:
        return "–"
    if metric.startswith("cllr"):
        return f"{row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
    if row["value"] < worth.floor:
        return f"n/a (below the floor of {100 * worth.floor:.1f})"
    low, high = 100 * row["low"], 100 * min(1.0, row["high"])
    return f"{100 * row['value']:.1f} [{low:.1f}, {high:.1f}]"


def worths(systems: Sequence[_Worth], metrics: Sequence[str] = tuple(NAMES)) -> pd.DataFrame:
    """One row per figure, one column per system: value [low, high] over people.

    Args:
        systems: what to show.
        metrics: of NAMES.
    """
    rows = [{"figure": NAMES[m]} | {s.name: shown(s, m) for s in systems} for m in metrics]
    return pd.DataFrame(rows)


def group_ratios(systems: Sequence[_Worth]) -> pd.DataFrame:
    """Worst group over the geometric mean of those judged, by system, attribute and metric."""
    rows = []
    for system in systems:
        for (attribute, metric), part in system.groups.groupby(["attribute", "metric"], sort=False):
            shares = part["share"].dropna()
            known = len(shares) > 1 and (shares > 0).all()
            ratio = shares.max() / np.exp(np.log(shares).mean()) if known else float("nan")
            counts = ", ".join(
                f"{g} {n}" for g, n in zip(part["group"], part["n_people"], strict=True)
            )
            row = {"system": system.name, "attribute": attribute, "people": counts}
            rows.append(row | {"metric": metric, "worst / geometric mean": ratio})
    return pd.DataFrame(
        rows, columns=["system", "attribute", "people", "metric", "worst / geometric mean"]
    )


def validation(systems: Sequence[_Worth], criteria: dict[str, float]) -> pd.DataFrame:
    """A validation report: each criterion, fixed before the test, with its result.

    Passed means that the upper bound of the interval over people is not above the criterion;
    failed, that the lower bound is above it; otherwise these people cannot tell.

    Args:
        systems: what was tested.
        criteria: metric -> highest value allowed, bits or shares.

    Raises:
        ValueError: naming a metric that has no characteristic.
    """
    rows = []
    for system in systems:
        for metric, criterion in criteria.items():
            if metric not in _CHARACTERISTICS:
                names = ", ".join(_CHARACTERISTICS)
                raise ValueError(f"Unknown criterion '{metric}': choose of {names}.")
            characteristic, name, graphic = _CHARACTERISTICS[metric]
            unit = "" if metric.startswith("cllr") else " %"
            limit = criterion if not unit else 100 * criterion
            row = {"system": system.name, "characteristic": characteristic, "metric": name}
            row |= {"figure": graphic, "criterion": f"at most {limit:g}{unit}"}
            result = {
                "result": shown(system, metric),
                "decision": decision(system, metric, criterion),
            }
            rows.append(row | result)
    return pd.DataFrame(rows)


def decision(system: _Worth, metric: str, criterion: float) -> str:
    """Whether a criterion is passed: "pass", "fail", "unclear" or "not tested"."""
    row = figure_of(system, metric)
    if row is None or np.isnan(row["high"]):
        return "not tested"
    highest = row["high"]
    if not metric.startswith("cllr"):
        highest = max(highest, system.floor)
    if highest <= criterion:
        return "pass"
    return "fail" if row["low"] > criterion else "unclear"
