"""The sentences of a search: who is named, at which rate of false names, and what is odd."""

import math
from collections.abc import Sequence

import pandas as pd

from handid.evidence.record import Record

_NOBODY = "nobody"
_SHOWN = 5  # names of odd questions


def search(
    found: pd.DataFrame,
    questions: Sequence[str],
    n_people: int,
    record: Record | None,
    where: str,
) -> str:
    """How many questions name somebody, and how often they would although nobody is the right one.

    Args:
        found: columns question, rank, candidate, named, lone.
        questions: what each is called.
        n_people: enrolled people.
        record: of the threshold; None if there is none.
        where: names data and model, and says what is synthetic.
    """
    named = found.groupby("question")["named"].any()
    text = (
        f"**{int(named.sum())} of {len(questions)} questions name somebody** among {n_people} "
        f"enrolled people ({where}){_threshold(record)}."
    )
    lone = found.groupby("question")["lone"].any()
    odd = [questions[number] for number in lone.index[lone]]
    if odd:
        shown = ", ".join(odd[:_SHOWN]) + (" and others" if len(odd) > _SHOWN else "")
        text += (
            f" {len(odd)} of them {'is' if len(odd) == 1 else 'are'} farther from everybody than "
            f"any enrolled photograph is from other people, perhaps no hand: {shown}."
        )
    return text


def _threshold(record: Record | None) -> str:
    """What the threshold promises, in a clause."""
    if record is None or math.isnan(record.search_threshold):
        return ": there is no threshold, so that nobody is named; notebook 12 says why"
    text = (
        f"; the threshold of {record.search_threshold:.2f} was set to name somebody in "
        f"{100 * record.set_to:.0f} % of searches for people who are not enrolled"
    )
    if "fpir" not in record.rates:
        return text
    value, low, high = (100 * share for share in record.rates["fpir"][:3])
    return (
        f"{text}; on test people it did in {value:.0f} % (95 % interval {low:.0f} to {high:.0f}) "
        f"among {record.n_gallery} enrolled, and the rate grows with their number"
    )


def search_truth(found: pd.DataFrame, truth: Sequence[str]) -> str:
    """How the answers stand beside the truth, where it is known.

    Args:
        found: columns question, rank, candidate, named.
        truth: who each question is; "nobody" for somebody who is not enrolled.
    """
    first = found[found["rank"] == 1].set_index("question")
    who = pd.Series(list(truth)).loc[first.index]
    enrolled, right, named = who != _NOBODY, first["candidate"] == who, first["named"]
    return (
        f"Of {int(enrolled.sum())} questions of enrolled people, {int((right & enrolled).sum())} "
        f"have the right one first, and {int((right & named & enrolled).sum())} name the right "
        f"one. Of {int((~enrolled).sum())} questions of people who are not enrolled, "
        f"{int((named & ~enrolled).sum())} name somebody."
    )
