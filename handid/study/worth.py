"""What a match of an experiment is worth on its own target: error rates, searches, ratios, groups.

Test people are compared. Thresholds and the calibration come from development people: the training
people, a held-out photograph of each beside those that the network was trained on.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pandas as pd

from handid import fingerprint, statistics, tasks
from handid.evidence import open_set, summary, verification
from handid.evidence.calibration import Calibration
from handid.evidence.calibration import fit as calibrate
from handid.evidence.record import Record, read, write
from handid.evidence.scores import Comparisons
from handid.report.tables import check_criteria
from handid.report.worth import SHARES, Worth, as_rows
from handid.study import compare, groups, model
from handid.study.experiment import Experiment
from handid.study.photographs import Photographs
from handid.study.score import about
from handid.train import Engine

SET_TO = 0.1  # false match rate and FPIR of thresholds where nobody says otherwise
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

    An exported model's folder stays as it is.

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
    floor = verification.floor(n_people := len(np.unique(among.people)))
    tests = photographs.halves(experiment.target)[1]
    figures = summary.figures(among, threshold, searches, search_threshold, ratios)
    worth = Worth(
        name=name,
        system=experiment.system.key,
        place=photographs.label(experiment.target),
        task=task,
        seeds=1,
        n_people=n_people,
        n_development=len(np.unique(development.people)),
        n_gallery=_enrolled(found),
        n_extra=len(np.unique(found.extra.people)),
        n_failed=found.n_failed,
        floor=floor,
        set_to=set_to,
        threshold=threshold,
        search_threshold=search_threshold,
        figures=figures.assign(seed_part=float("nan")),
        rows=as_rows(figures, _head(experiment, task, photographs, found, n_people)),
        mated=among.mated,
        nonmated=among.nonmated,
        calibration=calibration,
        refusal=refusal,
        det=verification.det(among.mated, among.nonmated, min(floor, 0.49)),
        search=_curve(searches),
        tippett=summary.tippett(among, ratios, floor),
        entropy=summary.entropy(ratios),
        pav=summary.pav(among, calibration),
        groups=groups.errors(found, among, threshold, searches, tests),
    )
    if not model.is_exported(experiment):  # whose folder must fit its list
        write(_record(worth, experiment, _made_of(experiment, photographs)), experiment.folder)
    return worth


def _enrolled(found: compare.Material) -> int:
    """How many people are enrolled in a search: half of them."""
    return len(np.unique(found.searched.people)) // 2


def _head(
    experiment: Experiment,
    task: str,
    photographs: Photographs,
    found: compare.Material,
    n_people: int,
) -> dict[str, object]:
    """What tidy rows say of the experiment and of what was compared."""
    return about(experiment, experiment.target) | {
        "task": task,
        "synthetic": photographs.is_synthetic(experiment.target),
        "n_queries": len(found.asked.people),
        "n_gallery": _enrolled(found),
        "n_subjects": n_people,
    }


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
    for sentence in refused:
        photographs.warn(sentence)
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
        low, high = np.clip([low, high], 0, 1 if metric in SHARES else np.inf)
        row = {"metric": metric, "value": means["value"], "low": low, "high": high}
        rows.append(row | {"floor": means["floor"], "seed_part": seed_part})
    tidied = pd.concat([worth.rows for worth in worths], ignore_index=True)
    return replace(worths[0], seeds=len(worths), figures=pd.DataFrame(rows), rows=tidied)


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
