"""Sentences about differences: what a step adds, whether it helps, what a change is worth."""

import pandas as pd

from handid.report.differences import label_again
from handid.report.rows import labels
from handid.report.sentences.verdicts import (
    Verdict,
    about_seeds,
    brief,
    counted,
    joint,
    line,
    listed,
    of_row,
    p_of,
    range_of,
    span,
    yes_or_no,
)

_PLACE = ["backbone", "train_set", "test_set", "task", "image", "synthetic"]


def added(gains: pd.DataFrame, system: str, what: str) -> str:
    """How much a system adds to the reference: the figure first, then the other rows.

    Args:
        gains: of differences.gains.
        system: key of the system that the question is about.
        what: names the step, and what is synthetic.
    """
    own, others = _parts(gains, system)
    first = own.iloc[0]
    step = f"({what}; {first['method']} minus {first['over']})"
    if len(own) == 1:
        verdict = f"{of_row(first).value}{p_of(first)}"
        start = f"**{first['value']:+.1f} points of rank-1**{range_of(first)}: {verdict} {step}."
    else:
        values = span(own["value"], "+.1f")
        start = f"**{values} points of rank-1**, by data set and backbone {step}:"
        start = "\n".join([start, "", *_list(own)])
    beside = ["", f"Other rows minus {first['over']}:", "", *_list(others)] if len(others) else []
    return "\n".join([start, *beside, "", about_seeds(gains)])


def gain(gains: pd.DataFrame, what: str) -> str:
    """A list of differences with their verdicts, and how many of each kind there are.

    Args:
        gains: of handid.report.differences.
        what: names the differences, and what is synthetic.
    """
    if gains.empty:
        return f"**Nothing to compare with**: {what}."
    return "\n".join([f"**{_tally(gains)}**: {what}, in points of rank-1:", *_after(gains)])


def ablation(gains: pd.DataFrame, what: str) -> str:
    """Which changes of a system are shown to be better or worse than it is without them.

    Args:
        gains: of differences.gains: each change minus the system as it is.
        what: names the system, and what is synthetic.
    """
    if gains.empty:
        return f"**No change was tried** ({what})."
    named = {kind: listed(part) for kind, part in _labels(gains).items()}
    if Verdict.HIGHER in named:
        start = f"**Shown to be better: {named.pop(Verdict.HIGHER)}** ({what})"
    else:
        start = f"**No change is shown to be better** ({what})"
    rest = [
        f"{word}: {named[kind]}"
        for kind, word in ((Verdict.LOWER, "shown to be worse"), (Verdict.UNCLEAR, "unclear"))
        if kind in named
    ]
    return "\n".join(["; ".join([start, *rest]) + ". In points of rank-1:", *_after(gains)])


def _labels(gains: pd.DataFrame) -> dict[Verdict, list[str]]:
    """Labels by verdict; whatever is neither higher nor lower is unclear."""
    by_kind: dict[Verdict, list[str]] = {}
    for _, row in gains.iterrows():
        kind = of_row(row)
        kind = kind if kind in (Verdict.HIGHER, Verdict.LOWER) else Verdict.UNCLEAR
        by_kind.setdefault(kind, []).append(row["label"])
    return {kind: by_kind[kind] for kind in Verdict if kind in by_kind}


def _tally(gains: pd.DataFrame) -> str:
    """How many differences are higher, lower, unclear."""
    words = {Verdict.HIGHER: "higher", Verdict.LOWER: "lower", Verdict.UNCLEAR: "unclear"}
    numbers = {words[kind]: len(part) for kind, part in _labels(gains).items()}
    return ", ".join(f"{number} {word}" for word, number in numbers.items())


def _list(gains: pd.DataFrame) -> list[str]:
    return [line(row) for _, row in gains.iterrows()]


def _after(gains: pd.DataFrame) -> list[str]:
    return ["", *_list(gains), "", about_seeds(gains)]


def _parts(gains: pd.DataFrame, system: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of a system, and the others, each with labels of their own."""
    own = gains["system"] == system
    if not own.any():
        raise ValueError(f"'{system}' was not scored here: nothing can be said about it.")
    return label_again(gains[own]), label_again(gains[~own])


# --- yes, no, unclear ---------------------------------------------------------------------------


def helps(gains: pd.DataFrame, over_controls: pd.DataFrame | None, system: str, where: str) -> str:
    """Whether a system is better than its reference and than every control; see `yes_or_no`.

    Args:
        gains: of differences.gains: the system, and perhaps others, minus the reference.
        over_controls: of differences.margins: the system minus each control; None for no control.
        system: its key.
        where: names the data, and says if they are synthetic.
    """
    own, _ = _parts(gains, system)
    controls = gains[:0] if over_controls is None else over_controls
    controls = controls[controls["system"] == system]
    words, reasons = [], []
    for _, row in own.iterrows():
        beside = [c for _, c in controls.iterrows() if (c[_PLACE] == row[_PLACE]).all()]
        words.append(yes_or_no(of_row(row), map(of_row, beside)))
        reasons.append(_reason(row, beside))
    seeds = about_seeds(own)
    if len(own) == 1:
        return f"**{words[0]}:** on {where}, {reasons[0]} {seeds}"
    places = labels(own, pd.Series("", index=own.index)).str.removeprefix(", ")
    answers = zip(places, words, reasons, strict=True)
    lines = [f"- **{word}:** {place}, {reason}" for place, word, reason in answers]
    start = f"**{joint(words)}:** by data set and backbone ({where})"
    return "\n".join([start, "", *lines, "", seeds])


def _reason(own: pd.Series, controls: list[pd.Series]) -> str:
    """The figures behind an answer: the system minus its reference, and minus each control."""
    size = f"{own['value']:+.1f} points of rank-1{range_of(own)}"
    minus = f"{own['method']} minus {own['over']} is {size}"
    if of_row(own) in (Verdict.UNCLEAR, Verdict.NO_INTERVAL):
        why = ", for one person gives no interval" if of_row(own) is Verdict.NO_INTERVAL else ""
        minus = f"{own['method']} is not shown to differ from {own['over']}: {size}{why}"
    over = {kind: [c for c in controls if of_row(c) is kind] for kind in Verdict}
    every = f" Beside its controls: {'; '.join(map(brief, controls))}." if controls else ""
    if of_row(own) is not Verdict.HIGHER:
        return f"{minus}{p_of(own)}.{every}"
    if not controls:
        return f"{minus}{p_of(own)}. No control was run."
    if over[Verdict.LOWER]:
        return f"{minus}, but a control is shown to be better.{every}"
    if len(over[Verdict.HIGHER]) < len(controls):
        return f"{minus}, but it is not shown to be better than every control.{every}"
    return f"{minus}, and it is higher than every control.{every}"


def holds(costs: pd.DataFrame, where: str) -> str:
    """Whether what was learned on one camera holds for another.

    No: somewhere the interval of a cost lies below zero. Yes: every interval lies above zero.
    Otherwise unclear.

    Args:
        costs: of differences.transfer: trained elsewhere minus trained on the tested set.
        where: names the data, and says if they are synthetic.
    """
    if costs.empty:
        return f"**Not answered:** on {where}, no method was trained both there and elsewhere."
    kinds = [of_row(row) for _, row in costs.iterrows()]
    lower = kinds.count(Verdict.LOWER)
    comparisons = counted(len(costs), "comparison")
    if lower:
        start = f"**No:** on {where}, training elsewhere costs rank-1 in {lower} of {comparisons}"
    elif set(kinds) == {Verdict.HIGHER}:
        start = f"**Yes:** on {where}, training elsewhere is better in all of {comparisons}"
    else:
        unclear = len(kinds) - kinds.count(Verdict.HIGHER)
        start = f"**Unclear:** on {where}, no cost is shown, {unclear} of {comparisons} unclear"
    return "\n".join(
        [f"{start}. Trained elsewhere minus trained there, in points:", *_after(costs)]
    )
