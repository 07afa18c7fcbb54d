"""What a match of an experiment is worth on its own target: error rates, searches, ratios, groups.

Test people are compared. Thresholds and the calibration come from development people: the training
people, a held-out photograph of each beside those that the network was trained on.
"""

import warnings
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pandas as pd

from handid import evidence, fingerprint, statistics, tasks
from handid.evidence import open_set, summary, verification
from handid.evidence.calibration import Calibration
from handid.evidence.calibration import fit as calibrate
from handid.evidence.record import Record, read, write
from handid.evidence.scores import Comparisons
from handid.report.tables import check_criteria
from handid.report.worth import Worth
from handid.study import compare, model
from handid.study.experiment import Experiment
from handid.study.photographs import Photographs
from handid.train import Engine

SET_TO = 0.1  # false match rate and FPIR of thresholds where nobody says otherwise
GROUPS = {"age": "age", "gender": "gender", "skin_color": "skin", "nail_polish": "nail polish"}
YES_OR_NO = {"0": "no", "1": "yes"}
NO_DEVELOPMENT = (
    "There are no development people: nobody who trains has held-out photographs that this task "
    "compares, so no threshold is set and nothing is calibrated."
)


def expect(
    asked: Iterable[str],
    set_to: float,
    reported: str,
    criteria: dict[str, float],
    among: Iterable[str],
) -> None:
    """Refuse what nothing could be judged by, before anything is trained, see Looks.expect_worth.

    Raises:
        ValueError: one sentence.
    """
    asked, known = list(asked), ", ".join(tasks.TASKS)
    if not asked:
        raise ValueError(f"No task is named: choose some of {known}.")
    for task in asked:
        if task not in tasks.TASKS:
            raise ValueError(f"Unknown task '{task}': choose some of {known}.")
    if not 0 < set_to < 0.5:
        raise ValueError(f"set_to={set_to} sets no threshold: give a share between 0 and 0.5.")
    keys = [model.opened(name).system.key if model.is_model(name) else name for name in among]
    if reported not in keys:
        raise ValueError(f"'{reported}' is not judged here: report one of {', '.join(keys)}.")
    check_criteria(criteria)


def of(
    experiment: Experiment,
    task: str,
    photographs: Photographs,
    engine: Engine,
    *,
    set_to: float,
    name: str,
) -> Worth:
    """What a match of an experiment is worth; kept with the experiment as evidence.record.Record.

    Args:
        experiment: whose embeddings are compared.
        task: a key of tasks.TASKS.
        photographs: of the study.
        engine: device and precision.
        set_to: false match rate and FPIR to which the thresholds are set, a share.
        name: of the experiment, for titles.

    Raises:
        ValueError: one sentence, if the task is unknown or this set cannot show it.
    """
    found = compare.material(experiment, task, photographs, engine)
    among, development = compare.of_tests(found), compare.of_development(found)
    threshold, search_threshold = _thresholds(found, development, set_to)
    calibration, refusal = _calibrated(development)
    searches = compare.searches(found.asked, found.searched, apart=found.apart, extra=found.extra)
    ratios = None if calibration is None else summary.ratios(calibration, among)
    n_people = len(np.unique(among.people))
    floor = verification.floor(n_people)
    worth = Worth(
        name=name,
        system=experiment.system.key,
        place=photographs.label(experiment.target),
        task=task,
        seeds=1,
        n_people=n_people,
        n_development=len(np.unique(development.people)),
        n_gallery=len(np.unique(found.searched.people)) // 2,
        n_extra=len(np.unique(found.extra.people)),
        n_failed=found.n_failed,
        floor=floor,
        set_to=set_to,
        threshold=threshold,
        search_threshold=search_threshold,
        figures=summary.figures(among, threshold, searches, search_threshold, ratios).assign(
            seed_part=float("nan")
        ),
        mated=among.mated,
        nonmated=among.nonmated,
        calibration=calibration,
        refusal=refusal,
        det=verification.det(among.mated, among.nonmated, min(floor, 0.49)),
        search=_curve(searches),
        tippett=summary.tippett(among, ratios, floor),
        entropy=summary.entropy(ratios),
        pav=summary.pav(among, calibration),
        groups=_groups(found, among, threshold, searches, photographs.halves(experiment.target)[1]),
    )
    write(_record(worth, experiment, _made_of(experiment, photographs)), experiment.folder)
    return worth


def of_all(
    experiments: Iterable[Experiment],
    asked: Iterable[str],
    photographs: Photographs,
    engine: Engine,
    *,
    set_to: float,
) -> list[Worth]:
    """`of` each experiment and task; a warning says which task a target cannot show."""
    experiments, found, refused = list(experiments), {}, []
    several = len({one.backbone for one in experiments}) > 1
    for task, experiment in product(asked, experiments):
        if sentence := compare.refusal(experiment, task, photographs):
            where = photographs.label(experiment.target)
            refused.append(f"Left out of every table and figure of {where}: {sentence}")
            continue
        name = f"{experiment.title}, {experiment.backbone}" if several else experiment.title
        worth = of(experiment, task, photographs, engine, set_to=set_to, name=name)
        key = (task, experiment.system, experiment.backbone, experiment.target)
        found.setdefault(key, []).append(worth)
    for sentence in dict.fromkeys(refused):
        warnings.warn(sentence, stacklevel=4)
    return [_over_seeds(worths) for worths in found.values()]


def _over_seeds(worths: list[Worth]) -> Worth:
    """The first training's, its figures the means of all, with intervals over people and seeds."""
    if len(worths) == 1:
        return worths[0]
    tables = pd.concat([worth.figures for worth in worths])
    rows = []
    for metric, part in tables.groupby("metric", sort=False):
        means = part[["value", "low", "high", "floor"]].mean()
        low, high, seed_part = statistics.with_seeds(part["value"], means["low"], means["high"])
        row = {"metric": metric, "value": means["value"], "low": max(0.0, low), "high": high}
        rows.append(row | {"floor": means["floor"], "seed_part": seed_part})
    return replace(worths[0], seeds=len(worths), figures=pd.DataFrame(rows))


def calibration(
    experiment: Experiment, task: str, photographs: Photographs, engine: Engine
) -> Record:
    """The record that is kept with an experiment, made first if it is not there or is of old.

    Args:
        experiment: whose similarities are calibrated.
        task: a key of tasks.TASKS.
        photographs: of the study.
        engine: device and precision.

    Raises:
        ValueError: one sentence, if the task is unknown or this set cannot show it.
    """
    try:
        known = read(experiment.folder, task)
    except ValueError:
        known = None
    if known is None or known.made_of != _made_of(experiment, photographs):
        of(experiment, task, photographs, engine, set_to=SET_TO, name=experiment.title)
        known = read(experiment.folder, task)
    return known


def _made_of(experiment: Experiment, photographs: Photographs) -> str:
    """A digest of what a record depends on beside its folder, whose name stands for the weights."""
    return fingerprint.digest([experiment.code, photographs.key(experiment.target.set), _code()])


@cache
def _code() -> str:
    return fingerprint.code("study.worth.of")


def _record(worth: Worth, experiment: Experiment, made_of: str) -> Record:
    kept = worth.figures[worth.figures["metric"] != "fpir_extra"]
    rates = {
        row["metric"]: (row["value"], row["low"], row["high"], row["floor"])
        for _, row in kept.iterrows()
    }
    return Record(
        system=worth.system,
        backbone=experiment.backbone,
        target=str(experiment.target),
        task=worth.task,
        seed=experiment.seed,
        calibration=worth.calibration,
        refusal=worth.refusal,
        set_to=worth.set_to,
        threshold=worth.threshold,
        search_threshold=worth.search_threshold,
        n_people=worth.n_people,
        n_gallery=worth.n_gallery,
        rates=rates,
        made_of=made_of,
    )


def _curve(searches: pd.DataFrame) -> pd.DataFrame:
    """FPIR and FNIR at rank 1 by threshold; no rows where nobody is enrolled, or nobody absent."""
    is_mated = searches["kind"] == "mated"
    mated, absent = searches[is_mated], searches[~is_mated]
    if mated.empty or absent.empty:
        return pd.DataFrame(columns=["threshold", "fpir", "fnir"])
    return open_set.curve(mated["rank"], mated["score"], absent["score"])


# --- from development people --------------------------------------------------------------------


def _thresholds(
    found: compare.Material, development: Comparisons, set_to: float
) -> tuple[float, float]:
    """Of one comparison and of a search; NaN where no development people can set one."""
    searches = compare.searches(found.new, found.known, apart=found.apart)
    absent = searches.loc[searches["kind"] == "absent", "score"]
    one, many = (
        verification.threshold_at(scores, set_to) if len(scores) else float("nan")
        for scores in (development.nonmated, absent)
    )
    return one, many


def _calibrated(development: Comparisons) -> tuple[Calibration | None, str]:
    """A calibration, or the sentence that says why there is none."""
    if not len(development.mated) or not len(development.nonmated):
        return None, NO_DEVELOPMENT
    pairs = list(map(tuple, development.pairs.tolist()))
    try:
        people = development.people.tolist()
        return calibrate(development.mated, development.nonmated, people, pairs), ""
    except ValueError as error:
        return None, str(error)


# --- of groups ---------------------------------------------------------------------------------


def _groups(
    found: compare.Material,
    among: Comparisons,
    threshold: float,
    searches: pd.DataFrame,
    tests: pd.DataFrame,
) -> pd.DataFrame:
    """Errors of groups of people at the common threshold; no rows without metadata."""
    mated = searches[searches["kind"] == "mated"]
    missed = (~(mated["rank"] <= 1) | mated["score"].isna()).to_numpy()
    errors = {"not at rank 1": (missed, mated["person"].to_numpy())}
    if np.isfinite(threshold):
        # Both people of a comparison: a false match is one of each.
        both = among.pairs.T.ravel()
        errors["FMR"] = (np.tile(among.nonmated >= threshold, 2), both)
        errors["FNMR"] = (~(among.mated >= threshold), among.people)
    parts = []
    for column in [name for name in GROUPS if name in tests and tests[name].notna().any()]:
        known = tests.dropna(subset=column)
        of_person = known.groupby("subject")[column].agg(lambda values: values.mode().iloc[0])
        of_person = _bands(of_person) if column == "age" else of_person.astype(str)
        of_person = of_person.replace(YES_OR_NO if column == "nail_polish" else {})
        for metric, (wrong, people) in errors.items():
            names = pd.Series([found.names[code] for code in people])
            has = names.isin(of_person.index).to_numpy()
            shares = evidence.groups.shares(wrong[has], names[has], of_person.loc[names[has]])
            parts.append(shares.assign(attribute=GROUPS[column], metric=metric))
    columns = ["attribute", "group", "n_people", "metric", "share", "low", "high"]
    return pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns)


def _bands(ages: pd.Series) -> pd.Series:
    """Ages in three bands; half the people of 11k Hands are 20 to 22."""
    names = ["20 or less", "21 to 25", "26 and above"]
    return pd.cut(ages.astype(float), [-np.inf, 20, 25, np.inf], labels=names).astype(str)
