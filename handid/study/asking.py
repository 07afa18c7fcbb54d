"""What a survey asks of a target: its queries and galleries by task, and the scores of one system.

A survey, and a worker of a cluster, ask the same.
"""

import warnings
from collections.abc import Mapping, Sequence

from handid import tasks as every_task
from handid.data.sets import Target
from handid.report.rows import Score
from handid.study import altered
from handid.study.experiment import Experiment
from handid.study.photographs import Photographs
from handid.study.score import Scorer, Splits
from handid.train import Engine


def scores(
    experiment: Experiment,
    splits: Mapping[str, Splits],
    images: Sequence[str],
    photographs: Photographs,
    engine: Engine,
) -> list[Score]:
    """The scores of an experiment on its own target, image by image.

    Args:
        experiment: what to score.
        splits: of each task, see `splits`.
        images: see altered.sides.
        photographs: of the study.
        engine: device and precision.
    """
    scorer = Scorer(experiment, experiment.target, photographs, engine)
    scorer.fill(splits, images)
    return [score for image in images for score in scorer(splits, image)]


def splits(
    target: Target, tasks: Sequence[str], images: Sequence[str], photographs: Photographs
) -> tuple[dict[str, Splits], list[dict[str, object]]]:
    """Query and gallery of each run of each task that a target can be asked, and what is asked.

    Args:
        target: whose test people.
        tasks: keys of handid.tasks.TASKS.
        images: see altered.sides; what cannot be used for one of them is used for none.
        photographs: of the study, whose settings say how often it is drawn and who asks.

    Returns:
        The splits by task; the rows of survey.Survey.asked.
    """
    table, view = photographs.table(target.set), photographs.view(target)
    settings, needs_hand = photographs.settings, altered.needs_hand(images)
    found, rows = {}, []
    people = photographs.halves(target)[1]["subject"].nunique()
    for task in dict.fromkeys(tasks):
        why = every_task.obstacle(table, view, task)
        row = {"target": photographs.label(target), "task": task}
        if not why:
            drawn = every_task.draws(table, view, task, settings.runs)
            drawn = list(every_task.few(drawn, settings.queries_per_person))
            counts = _counts(drawn, people) | _trust(drawn, photographs, needs_hand)
            try:
                match = every_task.TASKS[task].match
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # `untrusted` says it
                    found[task] = altered.trusted(drawn, match, photographs, images)
            except ValueError as error:
                why = str(error)
            row |= counts
        rows.append(row | {"not asked": why})
    return found, rows


def _counts(drawn: Splits, people: int) -> dict[str, int]:
    query, gallery = drawn[0]
    asking = query["subject"].nunique()
    counts = {"people": asking, "left out": people - asking}
    return counts | {"queries": len(query), "gallery": len(gallery)}


def _trust(drawn: Splits, photographs: Photographs, needs_hand: bool) -> dict[str, int]:
    paths = {path for split in drawn for rows in split for path in rows["path"]}
    untrusted = len(altered.doubts(drawn, photographs)) if needs_hand else 0
    return {"photographs": len(paths), "untrusted": untrusted}
