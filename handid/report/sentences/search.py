"""The sentences of a search: who is named, at which rate of false names, and what is odd."""

import math
from collections.abc import Sequence
from typing import Protocol

import pandas as pd

from handid.evidence.record import Record
from handid.report.sentences.verdicts import counted

_NOBODY = "nobody"
_SHOWN = 5  # names of odd questions


class _Found(Protocol):
    """What is read of a search."""

    @property
    def candidates(self) -> pd.DataFrame: ...

    @property
    def questions(self) -> Sequence[str]: ...

    @property
    def truth(self) -> Sequence[str]: ...

    @property
    def n_people(self) -> int: ...

    @property
    def title(self) -> str: ...

    @property
    def record(self) -> Record | None: ...


def search(made: _Found) -> str:
    """How many questions name somebody, and how often they would although nobody is the right one.

    Args:
        made: candidates with columns question, rank, candidate, named, lone; names of the
            questions; who each is, "" where unknown, "nobody" for somebody who is not enrolled.
    """
    found, questions = made.candidates, made.questions
    named = found.groupby("question")["named"].any()
    text = (
        f"**{int(named.sum())} of {counted(len(questions), 'question')} {_name(int(named.sum()))} "
        f"somebody** among {made.n_people} enrolled people ({made.title}){_threshold(made.record)}."
    )
    lone = found.groupby("question")["lone"].any()
    odd = [name for name, far in zip(questions, lone, strict=True) if far]
    if odd:
        shown = ", ".join(odd[:_SHOWN]) + (" and others" if len(odd) > _SHOWN else "")
        text += (
            f" {len(odd)} of the questions {'is' if len(odd) == 1 else 'are'} farther from "
            "everybody than any enrolled photograph is from other people, perhaps no hand: "
            f"{shown}."
        )
    return text + (_beside_truth(found, made.truth) if any(made.truth) else "")


def _threshold(record: Record | None) -> str:
    """What the threshold promises, in a clause."""
    if record is None or math.isnan(record.search_threshold):
        return ": there is no threshold, so that nobody is named; notebook 12 says why"
    text = (
        f"; the threshold of {record.search_threshold:.2f} was set to name somebody in "
        f"{100 * record.set_to:g} % of searches for people who are not enrolled"
    )
    if "fpir" not in record.rates:
        return text
    value, low, high = (100 * share for share in record.rates["fpir"][:3])
    return (
        f"{text}; on test people it did in {value:.0f} % (95 % interval {low:.0f} to {high:.0f}) "
        f"among {record.n_gallery} enrolled, and the rate grows with their number"
    )


def _beside_truth(found: pd.DataFrame, truth: Sequence[str]) -> str:
    """How the answers stand beside the truth, where it is known."""
    first = found[found["rank"] == 1].set_index("question")
    who = pd.Series(list(truth)).loc[first.index]
    enrolled, right, named = who != _NOBODY, first["candidate"] == who, first["named"]
    first_right, named_right = int((right & enrolled).sum()), int((right & named & enrolled).sum())
    falsely = int((named & ~enrolled).sum())
    return (
        f" Of {counted(int(enrolled.sum()), 'question')} of enrolled people, {first_right} "
        f"{'has' if first_right == 1 else 'have'} the right one first, and {named_right} "
        f"{_name(named_right)} the right one. Of {counted(int((~enrolled).sum()), 'question')} of "
        f"people who are not enrolled, {falsely} {_name(falsely)} somebody."
    )


def _name(number: int) -> str:
    """The verb that agrees with so many questions."""
    return "names" if number == 1 else "name"
