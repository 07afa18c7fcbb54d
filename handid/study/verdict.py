"""The verdict: claims that were written down before the run, asked with values chosen elsewhere.

What the scores say of the claims is judged in handid.report.claims.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from handid.recipes import System
from handid.report.claims import Claim
from handid.report.rows import Score
from handid.study import tuning
from handid.study.study import Study
from handid.study.survey import survey


def scores(
    lab: Study,
    claims: Sequence[Claim],
    trials: pd.DataFrame,
    *,
    sizes: Sequence[int],
    tasks: Sequence[str],
) -> list[Score]:
    """Train every system that a claim names, with its chosen values, and score it.

    A system is asked on every backbone of the study on which it was tuned; before its first step,
    where it was tuned once trained. All are trained on the training people of the first size, and
    tested on the test people of each size, so that sizes differ in who asks and in nothing else.

    Args:
        lab: backbones, seeds and targets.
        claims: see report.claims.
        trials: of a tuning: each system's best values are taken.
        sizes: numbers of drawn people, half of whom test, the smallest first, so that nobody who
            trains is asked; a set that is not drawn stays as it is.
        tasks: keys of handid.tasks.TASKS.

    Raises:
        ValueError: one sentence: no size, sizes that do not grow, an unknown task, or a system that
            was tuned on no backbone of the study.
    """
    if not sizes:
        raise ValueError("sizes is empty: write how many synthetic people there are to be.")
    if list(sizes) != sorted(set(sizes)):
        raise ValueError(
            f"sizes={list(sizes)} do not grow: write the smallest first, whose training people "
            "train for all, and each once."
        )
    chosen = tuning.chosen(trials).set_index(["system", "backbone"])["changes"]
    wanted = list(dict.fromkeys(key for claim in claims for key in claim.systems))
    plans = [
        (system, name, chosen[tuned, name])
        for system, tuned in ((System.parse(key), _tuned(key)) for key in wanted)
        for name in lab.settings.backbones
        if (tuned, name) in chosen
    ]
    absent = set(wanted) - {system.key for system, _, _ in plans}
    if absent:
        raise ValueError(
            f"'{min(absent)}' was tuned on none of {', '.join(lab.settings.backbones)}: give it "
            "trials in 91_tuning, or leave out the claims that name it."
        )
    studies = {  # one of each size, whatever the number of systems
        name: [lab.having(backbones=[name], people=size) for size in sizes]
        for name in lab.settings.backbones
    }
    return [s for plan in plans for s in _scores(studies[plan[1]], plan, tasks)]


def as_chosen(scores: Iterable[Score]) -> list[Score]:
    """The same scores under names of their own, as results.csv needs them.

    Other notebooks record the same systems with their recipes' values; and the same system may be
    asked of several numbers of people.
    """
    return [
        replace(
            score,
            rows=score.rows.assign(
                system=score.rows["system"] + ":chosen, " + score.rows["n_subjects"].astype(str)
            ),
        )
        for score in scores
    ]


def _tuned(key: str) -> str:
    """Key of the system whose trials count: an untrained one has the trained one's values."""
    system = System.parse(key)
    return System(system.recipe, system.control).key


def _scores(
    studies: Sequence[Study], plan: tuple[System, str, dict[str, Any]], tasks: Sequence[str]
) -> list[Score]:
    """One system on one backbone, trained in the first study, asked of the test people of all."""
    system, _, changes = plan
    if system.trained:
        made = studies[0].experiments(system.recipe, controls=[system.control], changes=changes)
    else:
        made = studies[0].untrained(system.recipe, changes=changes)
    return [s for lab in studies for s in survey(lab, made, tasks=tasks, images=["whole"]).scores]
