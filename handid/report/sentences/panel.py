"""The sentences of the panel: who is named at a threshold, and what it costs."""

import math
from collections.abc import Sequence
from typing import Protocol

import pandas as pd

from handid.report.figures.threshold import rates_at
from handid.report.sentences.verdicts import counted, listed


class _Candidate(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def similarity(self) -> float: ...


class _Question(Protocol):
    @property
    def name(self) -> str: ...

    @property
    def candidates(self) -> Sequence[_Candidate]: ...


class _Panel(Protocol):
    @property
    def curve(self) -> pd.DataFrame: ...

    @property
    def start(self) -> float: ...

    @property
    def n_gallery(self) -> int: ...

    @property
    def n_people(self) -> int: ...

    @property
    def title(self) -> str: ...


def named(questions: Sequence[_Question], at: float) -> str:
    """Whom each photograph names at a threshold; empty without photographs.

    Args:
        questions: with their candidates, best first.
        at: the threshold, a cosine similarity.
    """
    asked = [question for question in questions if question.candidates]
    if not asked:
        return ""
    who = {
        question.name: [c.name for c in question.candidates if c.similarity >= at]
        for question in asked
    }
    said = [f"“{name}”: {listed(names) if names else 'nobody'}" for name, names in who.items()]
    count = sum(bool(names) for names in who.values())
    return f"{count} of {counted(len(asked), 'photograph')} would name somebody. {'; '.join(said)}."


def rates(curve: pd.DataFrame, at: float, n_gallery: int) -> str:
    """What a threshold costs, in a sentence.

    Args:
        curve: of open_set.curve; may have no rows.
        at: the threshold.
        n_gallery: people enrolled when it was measured.
    """
    fpir, fnir = rates_at(curve, at)
    if math.isnan(fpir):
        return "How often it errs is not known: too few people to search for."
    return (
        f"At {at:.2f} and above, {100 * fpir:.0f} % of searches for people who are not enrolled "
        f"name somebody (FPIR), and {100 * fnir:.0f} % of those for enrolled people do not name "
        f"them (FNIR), as measured with {n_gallery} enrolled; more enrolled, more false names."
    )


def operating_point(panel: _Panel) -> str:
    """The answer of the panel's notebook: what the threshold in force costs.

    Args:
        panel: who is enrolled, the curve, and the threshold that development people set as `start`.
    """
    about = f"{panel.n_people} enrolled people ({panel.title})"
    if math.isnan(panel.start):
        return f"**Nobody is named**: there is no threshold for {about}; notebook 12 says why."
    start = f"**At a similarity of {panel.start:.2f} and above** somebody is named, among {about}."
    return f"{start} {rates(panel.curve, panel.start, panel.n_gallery)}"
