"""Tables of what a match is worth: figures by system, groups, and the validation report."""

from collections.abc import Sequence
from math import inf, isnan

import pandas as pd

from handid.evidence import groups, verification
from handid.report.rows import with_interval
from handid.report.worth import BITS, SHARES, Worth

# As ENFSI's guideline (2015) and Meuwly, Ramos and Haraksim (2017) lay a validation out.
_CHARACTERISTICS = {
    "cllr": ("accuracy", "cross-entropy plot"),
    "cllr_min": ("discriminating power", "PAV plot"),
    "eer": ("discriminating power", "DET plot"),
    "cllr_cal": ("calibration", "Tippett plot"),
    "misleading_mated": ("calibration", "Tippett plot"),
    "misleading_nonmated": ("calibration", "Tippett plot"),
    "fmr": ("accuracy at a threshold", "DET plot"),
    "fnmr": ("accuracy at a threshold", "DET plot"),
    "fpir": ("searches of absent people", "open-set figure"),
    "fnir": ("searches of enrolled people", "open-set figure"),
}
DECISIONS = ("pass", "fail", "unclear", "not tested")


def by_place(worths: Sequence[Worth]) -> dict[str, list[Worth]]:
    """What was judged, by target and task, in the order in which it was."""
    parts: dict[str, list[Worth]] = {}
    for worth in worths:
        parts.setdefault(worth.where, []).append(worth)
    return parts


def shown(worth: Worth, metric: str) -> str:
    """A figure with its interval; one below what the people support says so instead."""
    row = worth.figure(metric)
    if row is None:
        return "–"
    if row["value"] < row["floor"]:
        return f"n/a (floor {100 * row['floor']:.1f})"
    if isnan(row["low"]):
        return "n/a (too few people)"
    if metric in BITS:
        return with_interval(row, form=".2f")
    percent = 100 * row[["value", "low", "high"]].astype(float)
    return with_interval(percent.clip(upper=100))


def worths(systems: Sequence[Worth]) -> pd.DataFrame:
    """One row per system, one column per figure: value [low, high] over people.

    Args:
        systems: of one target and task.
    """
    names = {name: f"{text}, %" for name, text in SHARES.items()}
    names |= {name: f"{text}, bits" for name, text in BITS.items()}
    absent = [name for name in names if all(system.figure(name) is None for system in systems)]
    rows = [
        {"system": system.name}
        | {text: shown(system, name) for name, text in names.items() if name not in absent}
        for system in systems
    ]
    return pd.DataFrame(rows).set_index("system").T.rename_axis("figure").reset_index()


def setting_of(worth: Worth) -> str:
    """People, gallery and failures, as every header of such a figure has to say."""
    words = f"{worth.n_people} test people, {worth.n_development} development people, "
    words += f"gallery of {worth.n_gallery}"
    if worth.n_extra:
        words += f", {worth.n_extra} more people who search and are never enrolled"
    if worth.n_failed:
        words += f", {worth.n_failed} photographs that could not be decoded (errors)"
    return words


def group_ratios(systems: Sequence[Worth]) -> pd.DataFrame:
    """Worst group over the geometric mean of those judged, by system, attribute and error rate.

    NaN also where a group's rate lies below what its people support (verification.floor).
    """
    rows = []
    for system in systems:
        for (attribute, metric), part in system.groups.groupby(["attribute", "metric"], sort=False):
            people = zip(part["group"], part["n_people"], strict=True)
            row = {"system": system.name, "attribute": attribute, "error": metric}
            row |= {"people": ", ".join(f"{group} {n}" for group, n in people)}
            low = part["share"] < part["n_people"].map(verification.floor)
            ratio = float("nan") if low.any() else groups.worst_to_mean(part)
            rows.append(row | {"worst / geometric mean": ratio})
    columns = ["system", "attribute", "people", "error", "worst / geometric mean"]
    return pd.DataFrame(rows, columns=columns)


def check_criteria(criteria: dict[str, float]) -> None:
    """Refuse a criterion that nothing could be held to.

    Raises:
        ValueError: one sentence for a metric that no criterion can be of, or a value that is no
            number of bits or no share.
    """
    if not isinstance(criteria, dict):
        raise ValueError(f"The criteria are {criteria!r}: name metrics with their highest values.")
    for metric, highest in criteria.items():
        if metric not in _CHARACTERISTICS:
            names = ", ".join(_CHARACTERISTICS)
            raise ValueError(f"Unknown criterion '{metric}': choose one of {names}.")
        most, unit = (inf, "bits above 0") if metric in BITS else (1, "a share between 0 and 1")
        if not isinstance(highest, int | float) or not 0 < highest < most:
            raise ValueError(f"Criterion '{metric}' cannot be {highest!r}: give {unit}.")


def validation(systems: Sequence[Worth], criteria: dict[str, float]) -> pd.DataFrame:
    """A validation report: each criterion, fixed before the test, with its result.

    System and task have a column where there are several.

    Args:
        systems: what was tested.
        criteria: metric -> highest value allowed, bits or shares.

    Raises:
        ValueError: as of `check_criteria`.
    """
    check_criteria(criteria)
    rows = []
    for system in systems:
        for metric, criterion in criteria.items():
            characteristic, graphic = _CHARACTERISTICS[metric]
            limit = f"{criterion:g}" if metric in BITS else f"{100 * criterion:g} %"
            row = {"system": system.name, "task": system.task, "characteristic": characteristic}
            row |= {"metric": (BITS | SHARES)[metric], "figure": graphic}
            row |= {"criterion": f"at most {limit}", "result": shown(system, metric)}
            rows.append(row | {"decision": decision(system, metric, criterion)})
    table = pd.DataFrame(rows)
    same = [name for name in ("system", "task") if rows and table[name].nunique() == 1]
    return table.drop(columns=same)


def decision(system: Worth, metric: str, criterion: float) -> str:
    """Whether a criterion is met: one of DECISIONS.

    Passed: the upper end of the interval, and the floor, are not above it. Failed: the lower end
    is. Otherwise these people cannot tell.
    """
    row = system.figure(metric)
    if row is None or isnan(row["high"]):
        return "not tested"
    if max(row["high"], row["floor"]) <= criterion:
        return "pass"
    return "fail" if row["low"] > criterion else "unclear"


def decisions(systems: Sequence[Worth], criteria: dict[str, float]) -> pd.DataFrame:
    """How many criteria each system passes and fails, one row per system and task."""
    rows = []
    for system in systems:
        found = [decision(system, *one) for one in criteria.items()]
        counts = {kind: found.count(kind) for kind in DECISIONS}
        rows.append({"system": system.name, "task": system.task, **counts})
    return pd.DataFrame(rows, columns=["system", "task", *DECISIONS])
