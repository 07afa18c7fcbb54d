"""The sentences of a search: who is named, at which rate of false names, and what is odd."""

from collections.abc import Sequence

import pandas as pd


def search(found: pd.DataFrame, questions: Sequence[str], n_people: int, about: str) -> str:
    """How many questions name somebody, and how often they would although nobody is the right one.

    Args:
        found: columns question, rank, candidate, named, lone.
        questions: what each is called.
        n_people: enrolled people.
        about: a clause on the threshold, such as `threshold` gives.
    """
    named = found.groupby("question")["named"].any()
    lone = found.groupby("question")["lone"].any()
    text = (
        f"**{int(named.sum())} of {len(questions)} questions name somebody** among {n_people} "
        f"enrolled people, {about}."
    )
    odd = [questions[number] for number in lone.index[lone]]
    if odd:
        shown = ", ".join(odd[:5]) + (" and others" if len(odd) > 5 else "")
        text += (
            f" {len(odd)} of them {'is' if len(odd) == 1 else 'are'} farther from everybody than "
            f"any enrolled photograph is from other people, perhaps no hand: {shown}."
        )
    return text


def threshold(set_to: float, n_gallery: int, fpir: tuple[float, float, float] | None) -> str:
    """What the threshold promises, in a clause.

    Args:
        set_to: FPIR to which it was set on development people, a share.
        n_gallery: people who were enrolled when its rates were measured.
        fpir: what it gave on test people: value, low, high, shares; None where nothing is known.
    """
    if fpir is None:
        return "at no threshold: nothing is calibrated, so that nobody is named"
    value, low, high = (100 * share for share in fpir)
    return (
        f"at a threshold set to name somebody in {100 * set_to:.0f} % of searches for people who "
        f"are not enrolled (on test people {value:.0f} %, 95 % interval {low:.0f} to {high:.0f}, "
        f"among {n_gallery}; the rate grows with their number)"
    )


def search_truth(found: pd.DataFrame, truth: Sequence[str], nobody: str) -> str:
    """How the answers stand beside the truth, where it is known.

    Args:
        found: columns question, rank, candidate, named.
        truth: who each question is.
        nobody: the truth of somebody who is not enrolled.
    """
    first = found[found["rank"] == 1].set_index("question")
    who = pd.Series(list(truth)).loc[first.index]
    enrolled = who != nobody
    right = first["candidate"] == who
    named = first["named"]
    return (
        f"Of {int(enrolled.sum())} questions of enrolled people, {int((right & enrolled).sum())} "
        f"have the right one first, and {int((right & named & enrolled).sum())} name it. "
        f"Of {int((~enrolled).sum())} questions of people who are not enrolled, "
        f"{int((named & ~enrolled).sum())} name somebody."
    )
