"""CLIP-FH's six research questions (its section 1.4), answered by rank-1 on one test set."""

from collections.abc import Hashable
from typing import NamedTuple

import pandas as pd

from handid.recipes import System
from handid.report import apart
from handid.report.rows import mean_over_seeds, with_interval
from handid.report.sentences.verdicts import Verdict, joint, of_row, yes_or_no


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


def research_questions(rows: pd.DataFrame, people: pd.DataFrame, target: str) -> pd.DataFrame:
    """CLIP-FH's six research questions, answered by rank-1 on one test set.

    Two systems are called different where their difference over the same people is, after Holm's
    correction for all comparisons of the table (report.apart).

    Args:
        rows: tidy rows of all notebooks.
        people: of rows.read_people, of the same notebooks.
        target: the test set; only systems trained on it count.

    Returns:
        Columns question, answer.
    """
    shown = mean_over_seeds(rows[rows["metric"] == "rank1"])
    shown = shown[(shown["test_set"] == target) & (shown["train_set"] == target)]
    full = [System.parse(key).full_size.key for key in shown["system"]]
    shown = shown.assign(full_size=full)
    asked = [pair for one in _QUESTIONS for pair in _pairs(one, shown)]
    found = apart.pairs(people, asked)
    verdicts: _Verdicts = {
        (row.name, other.name): of_row(line)
        for (row, other), (_, line) in zip(asked, found.iterrows(), strict=True)
    }
    lines = [{"question": one.text, "answer": _answer(one, shown, verdicts)} for one in _QUESTIONS]
    return pd.DataFrame(lines)


_Verdicts = dict[tuple[Hashable, Hashable], Verdict]


def _pairs(question: _Question, shown: pd.DataFrame) -> list[apart.Pair]:
    """What a question compares: each row with those beside it."""
    own = _own(question, shown)
    return [(row, other) for row in own for other in _others(question, row, own, shown)]


def _own(question: _Question, shown: pd.DataFrame) -> list[pd.Series]:
    """The rows of the system that answers; of several backbones that are compared, best first."""
    own = shown[shown["full_size"] == question.system]
    return _rows(own.sort_values("value", ascending=False) if "" in question.references else own)


def _others(
    question: _Question, row: pd.Series, own: list[pd.Series], shown: pd.DataFrame
) -> list[pd.Series]:
    """What a row is compared with: other systems, or the next best backbone."""
    if "" in question.references:
        place = [one.name for one in own].index(row.name)
        return own[place + 1 : place + 2]
    return [other for key in question.references for other in _beside(key, row, shown)]


def _answer(question: _Question, shown: pd.DataFrame, verdicts: _Verdicts) -> str:
    own = _own(question, shown)
    if not own:
        return f"Not answered: {question.title} was not run."
    if "" in question.references and len(own) < 2:
        only = own[0]["backbone"]
        answer = f"Not answered: only {only} was run; --profile full runs both."
    elif question.yes:
        answer = _yes_or_no(question, own, shown, verdicts)
    else:
        answer = _levels(question, own, shown, verdicts)
    if any(row["synthetic"] for row in own):
        answer += " On synthetic hands alone; about real hands only the real sets can tell."
    return answer


def _levels(
    question: _Question, own: list[pd.Series], shown: pd.DataFrame, verdicts: _Verdicts
) -> str:
    """Each backbone's figure; what it is compared with comes first, other backbones after it."""
    sentences = []
    for row in own:
        against = _compared(row, _others(question, row, own, shown), verdicts)
        if "" in question.references:
            sentences += [f"{_named(row)}: {against}."] if against else []
            continue
        start = f"{against[:1].upper()}{against[1:]}: " if against else ""
        sentences.append(f"{start}{_named(row)}.")
    return " ".join(sentences)


def _yes_or_no(
    question: _Question, own: list[pd.Series], shown: pd.DataFrame, verdicts: _Verdicts
) -> str:
    """One word for all backbones, then what each rests on."""
    words, reasons = [], []
    for row in own:
        reference = _beside(question.references[0], row, shown)
        others = _others(question, row, own, shown)
        if not reference:
            words.append("Unclear")
            reasons.append(f"{_named(row)}; it was not run untrained.")
            continue
        first, *controls = (verdicts[row.name, other.name] for other in others)
        words.append(yes_or_no(first, controls))
        reasons.append(f"{_named(row)}: {_compared(row, others, verdicts)}.")
    return f"{joint(words)}: {' '.join(reasons)}"


def _beside(key: str, row: pd.Series, shown: pd.DataFrame) -> list[pd.Series]:
    """The rows of another system: on the same backbone, or on all its own if none is the same."""
    others = shown[shown["full_size"] == key]
    same = others[others["backbone"] == row["backbone"]]
    return _rows(others if same.empty else same)


def _named(row: pd.Series) -> str:
    return f"{row['method']} on {row['backbone']} {with_interval(row)} %"


_AGAINST = {
    Verdict.HIGHER: "higher than",
    Verdict.LOWER: "lower than",
    Verdict.UNCLEAR: "unclear, the difference's interval includes zero, against",
    Verdict.NO_INTERVAL: "unclear, without an interval, against",
    Verdict.ONE_OF_MANY: "unclear after Holm's correction against",
}


def _compared(row: pd.Series, others: list[pd.Series], verdicts: _Verdicts) -> str:
    """What a level is higher than, lower than and unclear against; empty without other levels."""
    kinds: dict[Verdict, list[str]] = {}
    for other in others:
        kinds.setdefault(verdicts[row.name, other.name], []).append(_named(other))
    return "; ".join(
        f"{_AGAINST[kind]} {' and '.join(kinds[kind])}" for kind in Verdict if kind in kinds
    )


def _rows(table: pd.DataFrame) -> list[pd.Series]:
    return [row for _, row in table.iterrows()]
