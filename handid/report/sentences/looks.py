"""Sentences about a look inside: people who are missed, maps of similarity, learned texts."""

from typing import Protocol

import numpy as np
import pandas as pd

from handid.report.rows import by_person
from handid.report.sentences.verdicts import Verdict, verdict
from handid.report.tables import mean_deletion


class _Texts(Protocol):
    """What `texts` reads of a study's texts: fractions, and [K, K] cosines."""

    @property
    def similarity(self) -> np.ndarray: ...

    @property
    def rank1(self) -> float: ...

    @property
    def low(self) -> float: ...

    @property
    def high(self) -> float: ...

    @property
    def chance(self) -> float: ...


def people(per_query: pd.DataFrame, where: str) -> str:
    """How unevenly the errors fall on people.

    Args:
        per_query: of a score: columns `subject` and `first_hit`.
        where: names the data and the method, and says what is synthetic.
    """
    shares = by_person(per_query)
    always, never = int((shares == 1).sum()), int((shares == 0).sum())
    return (
        f"**Of {len(shares)} test people, {always} are always found at rank 1 and {never} never** "
        f"({where}); the median person is found in {100 * shares.median():.0f} % of the queries."
    )


def maps(areas: pd.DataFrame, where: str) -> str:
    """Whether a map of similarity means anything: against chance, and against no training.

    Args:
        areas: of one method: columns query, order, draw, area (see tables.deletion).
        where: names the method, and says what is synthetic.
    """
    means = mean_deletion(areas)
    chance, (untrained, size) = means.loc["random"], means.loc[["untrained", "map"], "area"]
    draws = areas.loc[areas["order"] == "random"].groupby("draw")["area"].mean()
    several = areas["query"].nunique()
    each = areas[areas["draw"] == 0].pivot(index="query", columns="order", values="area")
    below = int((each["map"] < each["untrained"]).sum())
    queries = "1 query" if several == 1 else f"{several} queries"
    return (
        f"{_against_orders(int((draws > size).sum()), len(draws))} ({where}). Removing first what "
        f"the map marks leaves a similarity of {size:.2f} on average ({queries}), removing places "
        f"at random {chance['area']:.2f} ({chance['lowest']:.2f} to {chance['highest']:.2f}). The "
        f"map of the same network with random weights leaves {untrained:.2f}, more than the "
        f"learned map for {below} of {queries}. To beat chance, finding the hand is enough; what "
        "training added shows against that second map."
    )


def _against_orders(worse: int, draws: int) -> str:
    """Whether a map beats random orders of removal, of which so many are worse."""
    count = f"{worse} of {draws} random orders are worse"
    if worse == draws:
        return f"**The map beats chance**: {count}, which luck gives once in {draws + 1}"
    if worse > draws / 2:
        return f"**Unclear**: {count}; short of all, luck is too likely"
    return f"**The map is no better than chance**: {count}"


def texts(wording: _Texts, where: str) -> str:
    """Whether the texts of a method tell its training people apart.

    Args:
        wording: rank-1 of finding a photograph of one's own hand by text, with its interval and
            chance (fractions), and the cosines between texts.
        where: names the method and the data, and says what is synthetic.
    """
    answer = {
        Verdict.HIGHER: "The texts tell training people apart",
        Verdict.LOWER: "The texts do not tell training people apart",
        Verdict.UNCLEAR: "The texts are not shown to tell training people apart",
        Verdict.NO_INTERVAL: "Unclear: one person gives no interval",
    }[verdict(wording.low - wording.chance, wording.high - wording.chance)]
    if np.isnan(wording.rank1):
        return (
            f"**Not measured: the texts have no photograph to find** ({where}); fewer than two "
            f"training people have a second one. {_likeness(wording.similarity)}"
        )
    bounds = f"95 % interval {100 * wording.low:.1f} to {100 * wording.high:.1f}, "
    bounds = "" if np.isnan(wording.low) else bounds
    return (
        f"**{answer}** ({where}): {100 * wording.rank1:.1f} % of the identities' texts have a "
        f"photograph of their own hand nearest ({bounds}chance {100 * wording.chance:.1f} %). "
        f"{_likeness(wording.similarity)}"
    )


def _likeness(similarity: np.ndarray) -> str:
    """How alike [K, K] texts are."""
    others = similarity[~np.eye(len(similarity), dtype=bool)]
    return (
        f"The texts of {len(similarity)} identities have a cosine of {others.mean():.3f} with each "
        f"other on average, {others.min():.3f} at least and {others.max():.3f} at most."
    )
