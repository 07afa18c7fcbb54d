"""Many scores at once: every task on every image, each photograph altered and embedded once."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import pandas as pd

from handid import given
from handid import tasks as every_task
from handid.report.rows import Score
from handid.study import altered, asking, jobs
from handid.study.experiment import Experiment
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
        is_list = isinstance(values, list | tuple) and len(values) > 0
        if not is_list or not all(isinstance(value, str) for value in values):
            shown = given.shown(values)
            raise ValueError(f"No {name} are named by {shown}: write a list of texts.")
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
        experiments: what to score; of none it is said what the study's targets can be asked.
        tasks: keys of handid.tasks.TASKS.
        images: see altered.sides.

    Raises:
        ValueError: one sentence, if a task or an image is unknown or nothing can be asked.
    """
    experiments = list(experiments)
    scores, rows = [], []
    targets = dict.fromkeys(experiment.target for experiment in experiments)
    for target in targets or lab.photographs.targets:
        splits, asked = asking.splits(target, tasks, images, lab.photographs)
        rows += asked
        own = [experiment for experiment in experiments if experiment.target == target]
        if lab.settings.cluster:
            scores += jobs.survey_all(own, splits, images, lab.photographs, lab.engine)
            continue
        for experiment in own:
            scores += asking.scores(experiment, splits, images, lab.photographs, lab.engine)
    asked = pd.DataFrame(rows)
    if experiments and not scores:
        raise ValueError(f"Nothing can be asked: {asked['not asked'].iloc[0]}")
    return Survey(scores, asked)
