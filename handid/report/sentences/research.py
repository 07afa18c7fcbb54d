"""CLIP-FH's six research questions (its section 1.4), answered by rank-1 on one test set."""

from collections.abc import Iterable
from typing import NamedTuple

import pandas as pd

from handid.recipes import System
from handid.report.rows import mean_over_seeds, with_interval
from handid.report.sentences.verdicts import Verdict, compared, joint, yes_or_no


class _Question(NamedTuple):
    """A research question.

    Attributes:
        text: as CLIP-FH asks it, in short.
        system: key of the full-size system that answers.
        title: of it.
        references: keys of what it is compared with; "" for its other backbones.
        yes: whether the answer is yes or no: the first reference is its own, the others controls.
    """

    text: str
    system: str
    title: str
    references: tuple[str, ...] = ()
    yes: bool = False


_QUESTIONS = (
    _Question(
        "RQ1: How well does CLIP identify hands without any fine-tuning?",
        *("clip_zero_shot", "CLIP-ZS"),
    ),
    _Question(
        "RQ2: Does fine-tuning the image encoder help?",
        *("clip_ft", "CLIP-FT", ("clip_ft:untrained",), True),
    ),
    _Question(
        "RQ3: Does CLIP-ReID's prompt learning help?",
        *("clip_reid", "CLIP-ReID"),
        ("clip_reid:untrained", "clip_ft", "clip_reid:constant_text"),
        yes=True,
    ),
    _Question(
        "RQ4: Does PromptSG's semantic guidance help?",
        *("promptsg", "PromptSG"),
        ("promptsg:untrained", "clip_ft", "promptsg:single_token"),
        yes=True,
    ),
    _Question("RQ5: How do the backbones differ?", "clip_handid", "CLIP-HandID", ("",)),
    _Question(
        "RQ6: How does CLIP compare with convolutional networks made for hands?",
        *("clip_handid", "CLIP-HandID", ("gpa_net", "mba_net")),
    ),
)


def research_questions(rows: pd.DataFrame, target: str) -> pd.DataFrame:
    """CLIP-FH's six research questions, answered by rank-1 on one test set.

    Systems are compared by their intervals: only where these do not overlap is one called higher,
    which is stricter than the paired differences of the other notebooks.

    Args:
        rows: tidy rows of all notebooks.
        target: the test set; only systems trained on it count.

    Returns:
        Columns question, answer.
    """
    shown = mean_over_seeds(rows[rows["metric"] == "rank1"])
    shown = shown[(shown["test_set"] == target) & (shown["train_set"] == target)]
    full = [System.parse(key).full_size.key for key in shown["system"]]
    shown = shown.assign(full_size=full)
    lines = [{"question": one.text, "answer": _answer(one, shown)} for one in _QUESTIONS]
    return pd.DataFrame(lines)


def _answer(question: _Question, shown: pd.DataFrame) -> str:
    own = shown[shown["full_size"] == question.system]
    if own.empty:
        return f"Not answered: {question.title} was not run."
    if question.yes:
        answer = _yes_or_no(question, own, shown)
    elif "" in question.references:
        answer = _across_backbones(own)
    else:
        answer = _levels(question, own, shown)
    if own["synthetic"].any():
        answer += " On synthetic hands alone; about real hands only the real sets can tell."
    return answer


def _levels(question: _Question, own: pd.DataFrame, shown: pd.DataFrame) -> str:
    """Each backbone's figure; what it is compared with comes first."""
    sentences = []
    for _, row in _rows(own):
        against = _compared(row, _beside(question.references, row, shown))
        start = f"{against[:1].upper()}{against[1:]}: " if against else ""
        sentences.append(f"{start}{_named(row)}.")
    return " ".join(sentences)


def _yes_or_no(question: _Question, own: pd.DataFrame, shown: pd.DataFrame) -> str:
    """One word for all backbones, then what each rests on."""
    words, reasons = [], []
    for _, row in _rows(own):
        reference, *controls = (_beside((key,), row, shown) for key in question.references)
        others = [other for part in controls for other in part]
        if not reference:
            words.append("Unclear")
            reasons.append(f"{_named(row)}; it was not run untrained.")
            continue
        verdicts = [compared(row, other) for other in others]
        words.append(yes_or_no(compared(row, reference[0]), verdicts))
        reasons.append(f"{_named(row)}: {_compared(row, [*reference, *others])}.")
    return f"{joint(words)}: {' '.join(reasons)}"


def _across_backbones(own: pd.DataFrame) -> str:
    if len(own) < 2:
        return f"Not answered: only {', '.join(own['backbone'])} was run; --profile full runs both."
    best = [row for _, row in _rows(own.sort_values("value", ascending=False))]
    pairs = zip(best, best[1:], strict=False)
    return " ".join(f"{_named(row)}: {_compared(row, [other])}." for row, other in pairs)


def _beside(keys: Iterable[str], row: pd.Series, shown: pd.DataFrame) -> list[pd.Series]:
    """The rows of other systems: on the same backbone, or on all theirs if none is the same."""
    rows = []
    for key in keys:
        others = shown[shown["full_size"] == key]
        same = others[others["backbone"] == row["backbone"]]
        rows += [other for _, other in _rows(others if same.empty else same)]
    return rows


def _named(row: pd.Series) -> str:
    return f"{row['method']} on {row['backbone']} {with_interval(row)} %"


_AGAINST = {
    Verdict.HIGHER: "higher than",
    Verdict.LOWER: "lower than",
    Verdict.UNCLEAR: "unclear, with overlapping intervals, against",
    Verdict.NO_INTERVAL: "unclear, without an interval, against",
}


def _compared(row: pd.Series, others: list[pd.Series]) -> str:
    """What a level is higher than, lower than and unclear against; empty without other levels."""
    kinds: dict[Verdict, list[str]] = {}
    for other in others:
        kinds.setdefault(compared(row, other), []).append(_named(other))
    return "; ".join(
        f"{_AGAINST[kind]} {' and '.join(kinds[kind])}" for kind in Verdict if kind in kinds
    )


def _rows(table: pd.DataFrame) -> Iterable[tuple[object, pd.Series]]:
    return table.iterrows()
