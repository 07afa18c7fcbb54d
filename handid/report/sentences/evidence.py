"""What a match is worth, in sentences: the answer, and a paragraph that a court could be given."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pandas as pd

from handid.report.tables.evidence import _Worth as _Shown
from handid.report.tables.evidence import decision, figure_of, shown

LEFT_OUT = (
    "Both propositions are about photographs of one session: same light, camera and day. What "
    "another session, camera, age or injury does to the similarity is not in these figures, nor "
    "how many photographs an examiner chose from; a factor is not the probability that it is the "
    "same hand, which also depends on everything else in the case."
)


class _Worth(_Shown, Protocol):
    """What these sentences say of a system; study.worth.Worth is one."""

    @property
    def place(self) -> str: ...

    @property
    def n_people(self) -> int: ...

    @property
    def n_development(self) -> int: ...

    @property
    def n_gallery(self) -> int: ...

    @property
    def scores(self) -> tuple[np.ndarray, np.ndarray]: ...

    @property
    def bounds(self) -> tuple[float, float]: ...

    def factor(self, score: float) -> float:
        """Likelihood ratio of a score."""
        ...


def worth(systems: Sequence[_Worth], criteria: dict[str, float]) -> str:
    """What a match is worth with the system of the lowest cost, and what a court could be told.

    Args:
        systems: one per system, in any order.
        criteria: metric -> highest value allowed.
    """
    known = [system for system in systems if figure_of(system, "cllr") is not None]
    if not known:
        lines = [f"- {system.name}: {system.refusal}" for system in systems]
        start = f"**A match has no worth that could be stated, with any of {len(systems)} systems**"
        return "\n".join([f"{start} ({systems[0].place}):", "", *lines])
    best = min(known, key=lambda system: _value(system, "cllr"))
    low, high = best.bounds
    answer = (
        f"**A match is worth at most a factor of {10**high:,.0f} with {best.name}** on {best.place} "
        f"({best.n_people} test people), and no match at least 1/{10**-low:,.0f}. Searching "
        f"{best.n_gallery} enrolled people, it fails to name somebody enrolled in "
        f"{shown(best, 'fnir')} % and names somebody for a person who is not in the list in "
        f"{shown(best, 'fpir')} % of the searches. {_decided(best, criteria)}"
    )
    others = [
        f"- {system.name}: {system.refusal or f'at most a factor of {10 ** system.bounds[1]:,.0f}'}"
        for system in systems
        if system is not best
    ]
    return "\n".join(
        [answer, "", court(best), *(["", "The others:", "", *others] if others else [])]
    )


def court(system: _Worth) -> str:
    """One paragraph that a court could be given about a system, with what it leaves out."""
    score = float(np.median(system.scores[0]))
    factor = system.factor(score)
    side = "the same hand" if factor >= 1 else "different hands"
    return (
        f"*For a court:* With {system.name}, on {system.place}, a similarity of {score:.2f} (half "
        "of all comparisons of the same hand have more) supports the proposition that both "
        f"photographs show {side}, against the other one that they show hands of "
        f"{'different people of this set' if factor >= 1 else 'one person'}, by a factor of "
        f"{max(factor, 1 / factor):,.1f}, and at most {10 ** system.bounds[1]:,.0f}, whatever the "
        f"similarity. The factor was fitted on {system.n_development} other people. Misleading "
        f"factors: {shown(system, 'misleading_mated')} % of the comparisons of the same hand, "
        f"{shown(system, 'misleading_nonmated')} % of those of different ones. {LEFT_OUT}"
    )


def _decided(system: _Worth, criteria: dict[str, float]) -> str:
    kinds = pd.Series([decision(system, *one) for one in criteria.items()], dtype=str)
    counts = ", ".join(f"{n} {kind}" for kind, n in kinds.value_counts(sort=False).items())
    return f"Of {len(criteria)} criteria fixed before the test: {counts or 'none'}."


def _value(system: _Worth, metric: str) -> float:
    row = figure_of(system, metric)
    return float("inf") if row is None else float(row["value"])


def examiners() -> str:
    """What is published on examiners who compare hands, and why it is not comparable.

    The sources were not at hand; what is said of them is printed as not checked.
    """
    return (
        "**A human beside it (not checked; the sources were not at hand):** FSMP 2015 is reported "
        'to have matched 51 of 51 right backs of men\'s hands, with 50 false "possible" in 2,601 '
        "pairs (1.9 %); Jackson and Black 2014 describe the features examiners use. Neither is "
        "comparable with the figures above: examiners chose and marked features in known pairs of "
        "one small set, no threshold was set on other people, and their photographs were not these."
    )
