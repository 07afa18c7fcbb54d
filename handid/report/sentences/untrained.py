"""Sentences about CLIP out of the box: its level, its floors, and questions in words."""

from collections import Counter
from collections.abc import Iterable

import pandas as pd

from handid.report import apart, tables
from handid.report.rows import Score, by_people, labelled, of
from handid.report.sentences.verdicts import (
    Verdict,
    counted,
    line,
    listed,
    not_lower,
    of_row,
    p_of,
    range_of,
    span,
)


def zero_shot(
    scores: Iterable[Score], margins: pd.DataFrame, asked: pd.DataFrame, where: str
) -> str:
    """How well CLIP knows hands without training: rank-1, floors, questions in words.

    Args:
        scores: of everything untrained.
        margins: of differences.margins: the plain row, which sees what the floors see, above them.
        asked: of differences.questions.
        where: names the data, and says if they are synthetic.

    Raises:
        ValueError: if there is no floor, so that no row is the plain one.
    """
    if margins.empty:
        raise ValueError("There is no floor to compare with: name at least one.")
    scores = list(scores)
    rows = of(scores)
    ours = rows[rows["system"] == margins["system"].iloc[0]]
    shown = labelled(ours, "rank1")
    first = shown.iloc[0]
    if len(shown) == 1:
        start = f"**{first['value']:.1f} % of queries find their hand at rank 1**{range_of(first)}"
    else:
        values = span(shown["value"])
        start = f"**{values} % of queries find their hand at rank 1**, by data set and backbone"
    answer = (
        f"{start}: {first['method']} on {where}; guessing is right in {tables.chance(ours)}. "
        "Nothing was trained."
    )
    parts = [
        answer,
        *best_backbone(shown, by_people(scores)),
        level(rows, where),
        floors(margins, f"{first['method']} minus each floor"),
    ]
    return "\n\n".join([*parts, questions(asked)])


def best_backbone(shown: pd.DataFrame, people: pd.DataFrame) -> list[str]:
    """Which of several backbones knows hands best, on each test set; nothing for a single one.

    Args:
        shown: a row per test set and backbone of one system, as rows.labelled gives them.
        people: of rows.by_people, with what they answered.
    """
    lines = []
    for test, part in shown.groupby("test_set", sort=False):
        ranked = _rows(part.sort_values("value", ascending=False, kind="stable"))
        if len(ranked) < 2:
            continue
        best, *others = ranked
        found = apart.pairs(people, [(best, other) for other in others])
        near = sum(of_row(row) is not Verdict.HIGHER for row in _rows(found))
        second = others[0]
        answer = "comes first, but may not be best" if near else "knows hands best"
        lines.append(
            f"**Of {len(ranked)} backbones {best['backbone']} {answer}** ({test}): "
            f"{best['value']:.1f} %{range_of(best)}, then {second['backbone']} with "
            f"{second['value']:.1f} %{range_of(second)}; {not_lower(near, len(others))}."
        )
    return lines


def level(rows: pd.DataFrame, where: str) -> str:
    """The rank-1 of each system, against chance."""
    lines = [f"Rank-1 of each system ({where}); guessing is right in {tables.chance(rows)}:", ""]
    for _, row in labelled(rows, "rank1").iterrows():
        lines.append(f"- {row['label']}: **{row['value']:.1f} %**{range_of(row)}")
    return "\n".join(lines)


def floors(margins: pd.DataFrame, what: str) -> str:
    """Whether the features are worth more than each floor, which uses no knowledge of hands.

    Args:
        margins: of differences.margins.
        what: names the differences, and what is synthetic.
    """
    lines = [line(row) for row in _rows(margins)]
    head = f"{_floors_passed(margins)} {what}, in percentage points of rank-1:"
    return "\n".join([head, "", *lines])


def _floors_passed(margins: pd.DataFrame) -> str:
    verdicts = [(of_row(row), str(row["over"])) for row in _rows(margins)]
    lost = _often([name for kind, name in verdicts if kind is Verdict.LOWER], margins)
    unclear = _often([name for kind, name in verdicts if kind is not Verdict.HIGHER], margins)
    if lost:
        return (
            f"**A floor does better: {lost}**: there, these features are worth less than those of "
            "a method without knowledge of hands."
        )
    if unclear:
        return f"**Unclear against {unclear}**: there, the features are not shown to be better."
    return "**Every floor is passed**: every 95 % interval excludes zero."


def _often(names: list[str], margins: pd.DataFrame) -> str:
    """Each floor once, and in how many of its comparisons if there are several; may be empty."""
    totals = Counter(margins["over"])
    words = [
        f"{name} ({number} of {totals[name]})" if totals[name] > 1 else name
        for name, number in Counter(names).items()
    ]
    return listed(words) if words else ""


def questions(asked: pd.DataFrame) -> str:
    """How far text answers what is to be seen, against chance.

    Args:
        asked: of differences.questions.
    """
    if asked.empty:
        return "**No question could be asked in words**: no set here shows two answers to one."
    verdicts = [_against_chance(row) for row in _rows(asked)]
    better = sum(verdict is Verdict.HIGHER for verdict in verdicts)
    lines = [
        f"**{better} of {counted(len(asked), 'question')} in words "
        f"{'is' if better == 1 else 'are'} answered better than by chance**; right answers, "
        "balanced over the true ones:",
        "",
    ]
    for name, part in tables.questions_by_set(asked).items():
        for row in _rows(part):
            right = f"**{row['correct']:.1f} %**{range_of(row)}, chance {row['chance']:.1f} %"
            lines.append(
                f"- {name}, {row['label']} {right}: {_CHANCE[_against_chance(row)]}{p_of(row)}"
            )
    return "\n".join(lines)


_CHANCE = {
    Verdict.HIGHER: "better; the 95 % interval lies above chance",
    Verdict.LOWER: "worse; the 95 % interval lies below chance",
    Verdict.UNCLEAR: "unclear: the 95 % interval includes chance",
    Verdict.NO_INTERVAL: "unclear: fewer than two people show one of the answers",
    Verdict.ONE_OF_MANY: "unclear: p after Holm's correction is above 0.05",
}


def _against_chance(row: pd.Series) -> Verdict:
    return of_row(row, row["chance"])


def _rows(table: pd.DataFrame) -> list[pd.Series]:
    return [row for _, row in table.iterrows()]
