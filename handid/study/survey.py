"""Many scores at once: every task on every image, each photograph altered and embedded once."""

import warnings
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pandas as pd

from handid import tasks as every_task
from handid.data.sets import Target, label
from handid.report.rows import Score
from handid.study import altered
from handid.study.experiment import Experiment
from handid.study.score import Scorer, Splits
from handid.study.study import Study


class Survey(NamedTuple):
    """What was asked, and what came of it.

    Attributes:
        scores: of each experiment, image and task that its target can be asked.
        asked: one row per target and task: target, task, people who ask, left out (people who
            cannot), queries, gallery, photographs, untrusted (photographs whose hand cannot be told
            from the background: left out), and `not asked`, a sentence that is empty where it was.
    """

    scores: list[Score]
    asked: pd.DataFrame


def asked(tasks: Sequence[str], images: Sequence[str]) -> dict[str, list[str]]:
    """What a survey is to be asked, looked at before anything is trained for it.

    Args:
        tasks: keys of handid.tasks.TASKS.
        images: see altered.sides.

    Returns:
        Both as `survey` takes them, each once.

    Raises:
        ValueError: one sentence, if one is unknown or none is named.
    """
    for name, values in (("tasks", tasks), ("images", images)):
        if not values or not all(isinstance(value, str) for value in values):
            raise ValueError(f"No {name} are named by {list(values)!r}: write a list of texts.")
    for task in tasks:
        every_task.check(task)
    for image in images:
        altered.sides(image)
    return {"tasks": list(dict.fromkeys(tasks)), "images": list(dict.fromkeys(images))}


def survey(
    lab: Study, experiments: Iterable[Experiment], *, tasks: Sequence[str], images: Sequence[str]
) -> Survey:
    """Score experiments on their own targets, in several tasks and on several images.

    A photograph that cannot be used for one image is used for none, so that all images answer the
    same queries. A task that a target cannot be asked is left out and named in `asked`.

    Args:
        lab: the study.
        experiments: what to score.
        tasks: keys of handid.tasks.TASKS.
        images: see altered.sides.

    Raises:
        ValueError: one sentence, if a task or an image is unknown or nothing can be asked.
    """
    experiments = list(experiments)
    needs_hand = altered.needs_hand(images)
    scores, rows = [], []
    for target in dict.fromkeys(experiment.target for experiment in experiments):
        splits, asked = _splits(lab, target, tasks, images, needs_hand)
        rows += asked
        for experiment in experiments:
            if experiment.target == target:
                scorer = Scorer(experiment, target, lab.photographs, lab.engine)
                scorer.fill(splits, images)
                scores += [score for image in images for score in scorer(splits, image)]
    asked = pd.DataFrame(rows)
    if not scores:
        raise ValueError(f"Nothing can be asked: {asked['not asked'].iloc[0]}")
    return Survey(scores, asked)


def _splits(
    lab: Study, target: Target, tasks: Sequence[str], images: Sequence[str], needs_hand: bool
) -> tuple[dict[str, Splits], list[dict[str, object]]]:
    """The splits of each task that can be asked, and the rows of Survey.asked."""
    table, view = lab.photographs.table(target.set), lab.photographs.view(target)
    splits, rows = {}, []
    people = lab.photographs.halves(target)[1]["subject"].nunique()
    for task in dict.fromkeys(tasks):
        why = every_task.obstacle(table, view, task)
        row = {"target": label(target, lab.photographs.is_synthetic(target)), "task": task}
        if not why:
            drawn = every_task.draws(table, view, task, lab.settings.runs)
            drawn = list(every_task.few(drawn, lab.settings.queries_per_person))
            counts = _counts(drawn, people) | _trust(drawn, lab, needs_hand)
            try:
                match = every_task.TASKS[task].match
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # `untrusted` says it
                    splits[task] = altered.trusted(drawn, match, lab.photographs, images)
            except ValueError as error:
                why = str(error)
            row |= counts
        rows.append(row | {"not asked": why})
    return splits, rows


def _counts(drawn: Splits, people: int) -> dict[str, int]:
    query, gallery = drawn[0]
    asking = query["subject"].nunique()
    counts = {"people": asking, "left out": people - asking}
    return counts | {"queries": len(query), "gallery": len(gallery)}


def _trust(drawn: Splits, lab: Study, needs_hand: bool) -> dict[str, int]:
    paths = {path for split in drawn for rows in split for path in rows["path"]}
    untrusted = len(altered.doubts(drawn, lab.photographs)) if needs_hand else 0
    return {"photographs": len(paths), "untrusted": untrusted}
